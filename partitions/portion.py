"""Portions: what one worker shows of its part of the world to those who have one interest."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Block, Corner, Frame
from partitions.glance import Glance, Those, columns_of, kernels, number_of
from partitions.interest import Interest, Wanted

__all__ = ["Cells", "Source", "portion"]

Array = NDArray[Any]
CUBE = 64
"""Cells on the longest side of a grid in space, at most: they go by the third power."""


class Cells(NamedTuple):
    """The cells of a layer: how many per axis (x, y, z; one of z in two dimensions), their side, their columns."""

    shape: tuple[int, int, int]
    side: float
    columns: tuple[str, ...]


class Source(Protocol):
    """What a worker, or a recording, can be asked for.

    Attributes:
        dim: axes of the world.
        low, high: corners of the world.
        columns: per entity type the names of its columns, those of the position first ("velocity.x").
        layers: the layers.
        paced: the run waits between ticks, so that what is done for viewers costs it nothing.
    """

    dim: int
    low: Corner
    high: Corner
    columns: Sequence[Sequence[str]]
    layers: Sequence[Cells]
    paced: bool

    def rows(
        self, type: int, area: tuple[Corner, Corner] | None, names: Sequence[str]
    ) -> tuple[NDArray[np.int64], dict[str, Array]]:
        """Ids and columns of at least the entities in the area."""

    def pieces(self, layer: int, names: Sequence[str]) -> Iterable[tuple[list[Array], tuple[int, int, int]]]:
        """For each part of a layer the columns' cells, [z, y, x], and the number of the first cell, (x, y, z)."""

    def entities(self, ids: Sequence[int]) -> list[tuple[int, int, dict[str, Any]]]:
        """(type, id, column -> value) of those that are here."""

    def load(self) -> dict[str, Any]:
        """Work done since the last call, as in a block of that kind."""


def portion(
    source: Source,
    interest: Interest,
    tick: int,
    part: int = 0,
    parts: int = 1,
    load: dict[str, Any] | None = None,
    glance: Glance | None = None,
) -> Frame:
    """Make one worker's part of a frame; nothing in it shares memory with the source.

    `load` is what the source told already, if it was asked, since it tells everything once; `glance` looks at the
    source for several interests at this tick.
    """
    began = time.thread_time()  # by the clock, a busy machine would make views look dear
    glance = Glance(source, (interest,)) if glance is None else glance
    low, high = _bounds(source, interest)
    blocks: list[Block] = []
    histograms = {h.type for h in interest.histograms}
    for wanted in interest.types:
        if wanted.mode != "none" or wanted.type in histograms:
            blocks += _entities(glance.those(wanted, interest.area, low, high), interest, wanted, low, high)
    for layer, field, codes in interest.layers:
        blocks.append(_layer(source, interest, layer, field, codes, low, high))
    if interest.selected:
        rows = [
            {"type": type, "id": id, "tick": tick, "fields": _gathered(values)}
            for type, id, values in source.entities(interest.selected)
        ]
        blocks.append(Block("selected", {"rows": rows}, {}))
    if interest.load:
        blocks.append(Block("load", source.load() if load is None else load, {}))
    cost = 0.0 if source.paced else time.thread_time() - began
    return Frame(tick, interest.number, low, high, tuple(blocks), part, parts, cost)


def _bounds(source: Source, interest: Interest) -> tuple[Corner, Corner]:
    """The interest's area cut to the world; all of the world where that leaves nothing."""
    if interest.area is None:
        return source.low, source.high
    low = [max(a, b) for a, b in zip(interest.area[0], source.low, strict=True)]
    high = [min(a, b) for a, b in zip(interest.area[1], source.high, strict=True)]
    if not all(a < b for a, b in list(zip(low, high, strict=True))[: source.dim]):
        return source.low, source.high
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _entities(those: Those, interest: Interest, wanted: Wanted, low: Corner, high: Corner) -> list[Block]:
    """The block of one entity type, and its histograms."""
    blocks = [
        _histogram(wanted.type, h.field, h.bins, h.low, h.high, those.number(h.field))
        for h in interest.histograms
        if h.type == wanted.type
    ]
    about: dict[str, Any] = {"type": wanted.type, "in_area": len(those)}
    if wanted.mode == "density":
        blocks.append(Block("density", about, {"counts": _crowd(those.places, interest.grid, low, high)}))
    elif wanted.mode == "points":
        arrays: dict[str, Array] = {"positions": those.positions, "ids": those.ids}
        if those.heading is not None:
            arrays["heading"] = those.heading
        for k, field in enumerate(wanted.fields):
            arrays[f"column{k}"] = np.array(those.number(field), np.float32)
        about["columns"] = [{"field": field, **_range(those.number(field))} for field in wanted.fields]
        blocks.append(Block("points", about, arrays))
    return blocks


def _range(values: Array) -> dict[str, float | None]:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not len(finite):
        return {"low": None, "high": None}
    return {"low": float(finite.min()), "high": float(finite.max())}


def _histogram(type: int, field: str, bins: int, low: float, high: float, values: Array) -> Block:
    known = _range(values)
    counts, _ = np.histogram(np.asarray(values, np.float64), bins, (low, high))  # NaN is in no bin
    about = {"type": type, "field": field, "low": low, "high": high, "n": len(values)}
    return Block("histogram", {**about, "min": known["low"], "max": known["high"]}, {"counts": counts.astype(np.int64)})


def grid_shape(low: Corner, high: Corner, dim: int, most: int) -> tuple[int, int, int]:
    """Cells per axis (x, y, z) of a grid over the bounds: about as long as wide, at most `most` on the longest side."""
    sides = [high[k] - low[k] for k in range(dim)]
    most = most if dim == 2 else min(most, CUBE)
    nx, ny, nz = ([max(1, round(most * side / max(sides))) for side in sides] + [1])[:3]
    return nx, ny, nz


def _crowd(places: Sequence[NDArray[np.float64]], most: int, low: Corner, high: Corner) -> NDArray[np.uint32]:
    dim = len(places)
    shape = grid_shape(low, high, dim, most)
    counts = np.zeros(shape[::-1], np.uint32)
    scale = np.array([n / ((h - l) or 1.0) for n, l, h in zip(shape, low, high, strict=True)])
    x, y, z = (*places, places[0])[:3]
    kernels().crowd(dim, x, y, z, np.array(low), scale, counts)
    return counts


def _layer(source: Source, interest: Interest, layer: int, field: str, codes: bool, low: Corner, high: Corner) -> Block:
    """One layer over the bounds; a texel is the mean (or the first code) of a square of `stride` cells."""
    shape, side, all_columns = source.layers[layer]
    most = interest.grid if source.dim == 2 else min(interest.grid, CUBE)
    # The cells in the bounds, per axis.
    first = [max(0, math.floor((l - w) / side)) for l, w in zip(low, source.low, strict=True)]
    last = [
        max(f + 1, min(n, math.ceil((h - w) / side))) for f, n, h, w in zip(first, shape, high, source.low, strict=True)
    ]
    stride = max(1, math.ceil(max(b - a for a, b in zip(first, last, strict=True)) / most))
    # Texels are counted from the world's corner, so that they stay where they are when the view moves.
    begin, end = [a // stride for a in first], [-(-b // stride) for b in last]
    texels = [b - a for a, b in zip(begin, end, strict=True)]
    names = columns_of(all_columns, field)
    values = np.zeros(texels[::-1], np.uint8 if codes else np.float32)
    touched: list[list[int]] = [texels, [0, 0, 0]]
    for columns, at in source.pieces(layer, names):
        cut = [
            (max(b * stride, a), min(e * stride, a + n))
            for b, e, a, n in zip(begin, end, at, columns[0].shape[::-1], strict=True)
        ]
        if not all(a < b for a, b in cut):
            continue
        window = tuple(slice(a - o, b - o) for (a, b), o in reversed(list(zip(cut, at, strict=True))))
        number = number_of([c[window] for c in columns], names)
        offset = [a - b * stride for (a, _), b in zip(cut, begin, strict=True)]
        (_first_codes if codes else _pool)(number, stride, offset, values)
        touched[0] = [min(t, o // stride) for t, o in zip(touched[0], offset, strict=True)]
        touched[1] = [max(t, -(-b // stride) - e) for t, (_, b), e in zip(touched[1], cut, begin, strict=True)]
    place = touched[0] if touched[1][0] else [0, 0, 0]
    crop = tuple(slice(a, b) for a, b in reversed(list(zip(place, touched[1], strict=True))))
    corners = [[w + t * stride * side for w, t in zip(source.low, ends, strict=True)] for ends in (begin, end)]
    if source.dim == 2:
        corners[0][2], corners[1][2] = source.low[2], source.high[2]
    about = {
        "layer": layer,
        "field": field,
        "low": corners[0],
        "high": corners[1],
        "stride": stride,
        "shape": texels[::-1],
        "at": place[::-1],
        "codes": codes,
        "weights": [
            [min((t + 1) * stride, n) - t * stride for t in range(b, e)]
            for b, e, n in reversed(list(zip(begin, end, shape, strict=True)))
        ],
    }
    return Block("layer", about, {"values": np.ascontiguousarray(values[crop])})


def _pool(number: Array, stride: int, offset: Sequence[int], out: NDArray[np.float32]) -> None:
    """Add up the cells of each square."""
    if number.dtype.kind == "b":
        number = number.view(np.uint8)
    elif number.dtype.str[1:] not in ("f8", "f4", "u1"):
        number = number.astype(np.float64)
    kernels().pool(number, stride, offset[2], offset[1], offset[0], out)


def _first_codes(number: Array, stride: int, offset: Sequence[int], out: NDArray[np.uint8]) -> None:
    """The code of the first cell of each square, if it is among these cells."""
    skip = [-o % stride for o in offset]
    taken = number[skip[2] :: stride, skip[1] :: stride, skip[0] :: stride]
    x, y, z = ((o + s) // stride for o, s in zip(offset, skip, strict=True))
    nz, ny, nx = taken.shape
    out[z : z + nz, y : y + ny, x : x + nx] = np.clip(taken, 0, 255)


def _gathered(values: dict[str, Any]) -> dict[str, Any]:
    """Column -> value as field -> number or list; what JSON cannot say is said as text."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        field, dot, _ = name.partition(".")
        plain = value.item() if hasattr(value, "item") else value
        if isinstance(plain, float) and not math.isfinite(plain):
            plain = str(plain)
        if dot:
            fields.setdefault(field, []).append(plain)
        else:
            fields[field] = plain
    return fields
