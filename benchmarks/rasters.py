"""A raster beside C++ and numpy: what life, forest fire and diffusion have in common."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import weaver as wv
from benchmarks.elsewhere import tool
from benchmarks.native import reference
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks


def measure_raster(
    title: str, sim: wv.Simulation, total: Callable[[wv.Run], float], source: str, arguments: list[str | Path],
    hot: str, goal: float, side: int, quick: bool, ticks: int,
) -> Result:  # fmt: skip
    """Race a layer of side x side cells against `reference/<source>.cpp` and the numpy program beside it.

    Args:
        title: of the result.
        sim: the layer and its behavior.
        total: what the reference says of its state, of Weaver's.
        source: name of the references.
        arguments: of both.
        hot: see `native.reference`.
        goal: how many times as fast as C++.
        side: cells.
        quick: little.
        ticks: per round.
    """
    rounds, ticks = rounds_and_ticks(quick, ticks)
    result = Result(
        title, "ns per cell", clock="processor", goals=[Goal("Weaver", "C++", goal), Goal("Weaver", "numpy", 3)]
    )
    with ExitStack() as stack:
        run = stack.enter_context(sim.start())
        contenders = {"Weaver": of_run(run)}
        served, words = stack.enter_context(reference(source, arguments, hot))
        if served is None:
            result.skipped["C++"] = words
        else:
            contenders["C++"] = served
            result.notes.append(words)
        other, words = stack.enter_context(tool("rasters_numpy.py", [source, *arguments], "numpy", "scipy"))
        if other is None:
            result.skipped["numpy"] = words
        else:
            contenders["numpy"] = other
            result.notes.append(f"numpy: {words}")
        few = {name: max(1, ticks // 5) if name == "numpy" else ticks for name in contenders}
        race(result, contenders, updates=side * side, ticks=few, rounds=rounds)
        if served is not None:
            mine = total(run)
            result.checks["both end in the same state"] = abs(served.after - mine) <= 1e-6 * abs(mine)
    return result


def side_of(quick: bool) -> int:
    """Cells along a side."""
    return 128 if quick else 4096


def drawn(side: int, share: float) -> NDArray[np.bool_]:
    """Which cells are set, [y, x]."""
    return np.random.default_rng(1).random((side, side)) < share
