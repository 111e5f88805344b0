"""Obstacles by place: the arrays that `weaver.barrier` looks into, and the same for plain Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.grid import Space
from weaver import barrier
from weaver.barrier import HALF, TURN, Wall
from weaver.errors import ModelError
from weaver.geometry import Geometry
from weaver.vector import Vec2, Vec3

NAMES = tuple(f"walls__{part}_" for part in ("frame", "shape", "shapes", "start", "item"))
"""Names of the arrays in generated text, in the order in which the functions of `weaver.barrier` take them."""
MOST_CELLS = 1 << 20
PIECE = 1 << 20
"""Pairs of obstacle and cell that are looked at together."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Obstacles:
    """Geometry filed by cells; what is found does not depend on them.

    Attributes:
        arrays: frame, shape, shapes, start and item of `weaver.barrier`.
    """

    def __init__(self, geometry: Geometry, space: Space) -> None:
        """File every obstacle under the cells that it touches.

        Raises:
            ModelError: an obstacle is longer than 100 times a periodic axis.
        """
        self.dim = space.dim
        corners = _corners(geometry, space)
        low, high = corners.min(axis=1), corners.max(axis=1)
        if len(geometry.discs):
            radii = geometry.discs[:, 2:]
            low[-len(radii) :] -= radii
            high[-len(radii) :] += radii
        axes = space.axes
        largest = max([0.0, *(float(np.abs(e).max()) for e in (low, high) if e.size)])
        margin = math.ldexp(max(largest, *(max(abs(a.low), abs(a.high)) + a.length for a in axes)), -40)
        lengths = [a.length for a in axes]
        wanted = min(MOST_CELLS, max(64, 4 * len(geometry)))
        width = max((math.prod(lengths) / wanted) ** (1 / self.dim), max(lengths) / 1024)
        counts = np.array([max(1, math.floor(length / width)) for length in lengths], np.int64)
        periodic = np.array([a.periodic for a in axes])
        if any((high - low)[:, a].max(initial=0.0) > 100 * lengths[a] for a in np.flatnonzero(periodic)):
            raise ModelError(
                "sim.geometry was given an obstacle that is longer than 100 times a periodic axis.\n"
                "It would go round that often.\n"
                "Cut it, or make the axis not periodic."
            )
        frame = np.array([(a.low, a.length, n / a.length, margin) for a, n in zip(axes, counts, strict=True)])
        shape = np.array([*np.stack([counts, periodic], axis=1).ravel(), len(geometry.segments)], np.int64)
        cells, items = _filed(corners, low - margin, high + margin, geometry, frame, counts, periodic)
        start = np.zeros(int(counts.prod()) + 1, np.int64)
        np.cumsum(np.bincount(cells, minlength=len(start) - 1), out=start[1:])
        if len(geometry.triangles) or self.dim == 3:
            shapes = corners.ravel()
        else:
            n = len(geometry.segments)
            discs = np.concatenate([corners[n:, 0], geometry.discs[:, 2:]], axis=1)
            shapes = np.concatenate([corners[:n].ravel(), discs.ravel()])
        arrays = (frame.ravel(), shape, shapes, start, items[np.lexsort((items, cells))])
        self.arrays: tuple[NDArray[Any], ...] = tuple(np.ascontiguousarray(a) for a in arrays)
        for array in self.arrays:
            array.flags.writeable = False

    def wall(self, position: Any, radius: float) -> Wall:
        """(point, distance) of `world.wall`."""
        place = [float(p) for p in position]
        find = barrier.wall2 if self.dim == 2 else barrier.wall3
        *point, distance = find(*place, float(radius), *self.arrays)
        return Wall(Vec2(*point) if self.dim == 2 else Vec3(*point), distance)

    def clear(self, a: Any, b: Any) -> bool:
        """`world.clear` of two positions."""
        sees = barrier.clear2 if self.dim == 2 else barrier.clear3
        return bool(sees(*(float(p) for p in (*a, *b)), *self.arrays))


def _corners(geometry: Geometry, space: Space) -> Floats:
    """(n, 2 or 3, dim) corners, discs twice their centre; along periodic axes the first one is in the box."""
    if space.dim == 3:
        corners = geometry.triangles.copy()
    else:
        centres = np.repeat(geometry.discs[:, None, :2], 2, axis=1)
        corners = np.concatenate([geometry.segments, centres])
    for a, axis in enumerate(space.axes):
        if axis.periodic and len(corners):
            corners[:, :, a] -= axis.length * np.floor((corners[:, :1, a] - axis.low) / axis.length)
    return corners


def _filed(
    corners: Floats, low: Floats, high: Floats, geometry: Geometry, frame: Floats, counts: Ints,
    periodic: NDArray[np.bool_],
) -> tuple[Ints, Ints]:  # fmt: skip
    """(cell, item) of every entry, in no order."""
    dim, n = corners.shape[2], len(corners)
    first, last = (np.floor((e - frame[:, 0]) * frame[:, 2]) for e in (low, high))
    first, last = (
        np.where(periodic, e, np.clip(e, 0, counts - 1)).astype(np.int64).reshape(n, dim) for e in (first, last)
    )
    spans = last - first + 1
    room = spans.prod(axis=1)
    ends = np.cumsum(room)
    cells, items = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    begin = 0
    while begin < n:
        taken = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, taken + PIECE, side="right")))
        which = np.repeat(np.arange(begin, end), room[begin:end])
        rest = np.arange(len(which)) - np.repeat(ends[begin:end] - room[begin:end] - taken, room[begin:end])
        place = np.empty((len(which), dim), np.int64)
        for a in range(dim):
            rest, place[:, a] = np.divmod(rest, spans[which, a])
        place += first[which]
        kept = _touches(corners, geometry, frame, counts, periodic, which, place)
        which, place = which[kept], place[kept]
        turn = np.floor_divide(place, counts)
        place -= turn * counts
        cell, image = np.zeros(len(which), np.int64), np.zeros(len(which), np.int64)
        for a in reversed(range(dim)):
            cell = cell * counts[a] + place[:, a]
        for a in reversed(range(3)):
            image = image * 256 + (HALF - turn[:, a] if a < dim else HALF)
        cells.append(cell)
        items.append(image * TURN + which)
        begin = end
    return np.concatenate(cells), np.concatenate(items)


def _touches(
    corners: Floats, geometry: Geometry, frame: Floats, counts: Ints, periodic: NDArray[np.bool_], which: Ints,
    place: Ints,
) -> NDArray[np.bool_]:  # fmt: skip
    """Whether an obstacle may touch a cell: whether it comes as near to its centre as its corners are."""
    width = 1 / frame[:, 2]
    centre = frame[:, 0] + (place + 0.5) * width
    reach = 0.5 * math.sqrt(float((width**2).sum())) + 4 * frame[0, 3]
    endless = (~periodic & ((place == 0) | (place == counts - 1))).any(axis=1)
    a, b = corners[which, 0], corners[which, 1]
    near: NDArray[np.bool_]
    if corners.shape[1] == 3:
        normal = np.cross(b - a, corners[which, 2] - a)
        length = np.linalg.norm(normal, axis=1)
        near = np.abs(((centre - a) * normal).sum(axis=1)) <= reach * length * (1 + 1e-9)
        near |= endless
        return near
    along = b - a
    length2 = (along**2).sum(axis=1)
    share = np.clip(((centre - a) * along).sum(axis=1) / np.where(length2 > 0, length2, 1), 0, 1)
    far = np.linalg.norm(a + share[:, None] * along - centre, axis=1)
    radii = np.concatenate([np.zeros(len(geometry.segments)), geometry.discs[:, 2]])[which]
    near = np.abs(far - radii) <= reach
    near |= endless
    return near


__all__ = ["NAMES", "Obstacles"]
