"""Meetings in the interpreter: who meets whom."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from weaver import random
from weaver.played_entities import row_of
from weaver.played_layers import CellRows
from weaver.played_searches import found_of
from weaver.stage import Scene
from weaver.turns import Meeting


def pairs(
    scene: Scene, turn: Meeting, radius: float, when: Callable[..., Any] | None, by: Callable[..., Any] | None
) -> list[tuple[int, int, Any]]:
    """The pairs that meet.

    Args:
        scene: the turn.
        turn: the meeting.
        radius: how far candidates are apart at most; not used with a layer.
        when: interpreted, or None.
        by: interpreted, or None.

    Returns:
        (row of a, row of b, the image of b that is nearest to a or None for a cell), by the id of a.
    """
    stage = scene.stage
    first, second = stage.rows[turn.first], stage.rows[turn.second]
    key = random.key(stage.sim.seed, f"{turn.first.__name__}|{turn.second.__name__}", turn.name)
    values: dict[tuple[int, int], tuple[float, bool, int]] = {}
    images: dict[tuple[int, int], Any] = {}
    for row, other in _candidates(scene, turn, radius):
        a = stage.other(first, row)
        if when is not None and not when(a, other):
            continue
        worth = float(by(a, other)) if by is not None else 0.0
        rank = int(random.rank(key, scene.tick, a.id, other.id))
        pair = row, row_of(other)
        values[pair] = (math.inf if math.isnan(worth) else worth, math.isnan(worth), rank)
        images[pair] = None if isinstance(second, CellRows) else other.position
    same = first is second
    met: dict[tuple[int, int], int] = {}
    done: list[tuple[int, int]] = []
    for _ in range(turn.rounds):
        best: dict[tuple[int, int], tuple[Any, tuple[int, int]]] = {}
        for pair, value in values.items():
            one, two = (0, pair[0]), (0 if same else 1, pair[1])
            if one in met or two in met:
                continue
            for me, id in ((one, int(second.ids[pair[1]])), (two, int(first.ids[pair[0]]))):
                choice = ((*value, id), pair)
                best[me] = min(best.get(me, choice), choice)
        for pair in {pair for _, pair in best.values()}:
            one, two = (0, pair[0]), (0 if same else 1, pair[1])
            if best[one][1] == pair and best[two][1] == pair:
                met[one] = met[two] = 1
                done.append(pair)
    return [(*pair, images[pair]) for pair in sorted(done)]


def _candidates(scene: Scene, turn: Meeting, radius: float) -> Iterator[tuple[int, Any]]:
    """(row of a, b) of all that are near enough."""
    stage = scene.stage
    first, second = stage.rows[turn.first], stage.rows[turn.second]
    for row in range(len(first.ids)):
        here = first.place(row)
        if isinstance(second, CellRows):
            index, _ = second.holding(here)
            yield row, stage.other(second, second.number(index))
            continue
        real = np.float32 if first.single and second.single else np.float64
        me = row if first is second else None
        for _, other in found_of(scene, second, here, radius, real, me):
            if first is not second or other.id > first.ids[row]:
                yield row, other
