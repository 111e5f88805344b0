"""Who sees and owns what: the fixed tables by which rows find their way, made once from the layout."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from partitions.grid import Grid, Layout
from partitions.program import TypeSpec
from partitions.store import triple

Lines = tuple[NDArray[np.int64], NDArray[np.int64]]
"""First and one past the last local cell of ranges of cells."""


def _boxes(layout: Layout, per_block: Sequence[int]) -> NDArray[np.int64]:
    m = triple(per_block, 1)
    corners = [[triple(part.low, 0), triple(part.high, 1)] for part in layout.parts]
    return (np.array(corners, np.int64) * np.array(m, np.int64)).reshape(-1, 6)


def _shifts(grid: Grid, shape: Sequence[int], reach: Sequence[int]) -> list[tuple[int, int, int]]:
    """By how many worlds an image that is seen can be shifted; fixed order."""
    turns = [-(-r // n) if a.periodic else 0 for a, n, r in zip(grid.space.axes, shape, reach, strict=False)]
    x, y, z = (range(-t, t + 1) for t in triple(turns, 0))
    return list(itertools.product(x, y, z))


def _touching(boxes: NDArray[np.int64], shift: NDArray[np.int64], reach: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(P, P): whether box i, shifted, touches box j widened by `reach`."""
    low, high = boxes[:, :3] + shift, boxes[:, 3:] + shift
    wide_low, wide_high = boxes[:, :3] - reach, boxes[:, 3:] + reach
    apart = (low[:, None] >= wide_high[None]) | (high[:, None] <= wide_low[None])
    touches: NDArray[np.bool_] = np.logical_not(np.any(apart, axis=2))
    return touches


class Routes:
    """The tables of one entity type; the same on every worker.

    A link leads from a partition to one that may see entities of it, with the shift of the image that it sees, in
    worlds; a partition has links to itself across periodic seams.

    Attributes:
        world: (12,) cells, cells per block, blocks and rim of each axis.
        owner: (n_blocks,) int32 partition of each block.
        boxes: (P, 6) own boxes in global cells.
        link_start: (P + 1,) first link of each partition.
        link_to: (n_links,) the partition that sees.
        link_shift: (n_links, 3).
        seams: per axis, whether any link has a shift.
        link_offset: per axis, (n_links,) the shift in units of length.
        group: (2, P) number of the group (owned or ghost, partition), ordered by (worker, kind, partition).
        members: partitions of each worker, ascending.
        ghosts: whether anybody needs ghosts of the type.
        affine: (6,) low corner, cells per unit of length.
        shape: (3,) cells of the world.
        edges: three edge tables.
    """

    def __init__(
        self, spec: TypeSpec, grid: Grid, layout: Layout, type: int, worker_of: Sequence[int], workers: int
    ) -> None:
        """Work out the tables."""
        cells, axes = grid.cells[type], grid.space.axes
        self.ghosts = spec.searched
        self.owner = np.ascontiguousarray(layout.owner, np.int32)
        self.shape = np.array(triple(cells.shape, 1), np.int64)
        self.rim = np.array(triple(cells.rim, 0), np.int64)
        self.world = np.concatenate(
            [self.shape, triple(cells.per_block, 1), triple(grid.blocks, 1), self.rim], dtype=np.int64
        )
        self.boxes = _boxes(layout, cells.per_block)
        low = [a.low for a in axes]
        per_unit = [n / a.length for n, a in zip(cells.shape, axes, strict=True)]
        self.affine = np.array([*low, *[0.0] * (3 - len(low)), *per_unit, *[0.0] * (3 - len(low))])
        edges = [np.ascontiguousarray(e, np.float64) for e in cells.edges]
        self.edges = (edges[0], edges[1], edges[-1])
        self._periodic = (*(a.periodic for a in axes), False)[:3]
        self._link(grid, cells.shape, cells.rim)
        self.seams = [bool(self.link_shift[:, k].any()) for k in range(3)]
        self.link_offset = [self.link_shift[:, k] * a.length for k, a in enumerate(axes)]
        self.members = [[p for p, w in enumerate(worker_of) if w == k] for k in range(workers)]
        self.group = np.empty((2, len(layout.parts)), np.int64)
        ordered = [(kind, p) for parts in self.members for kind in (0, 1) for p in parts]
        for g, (kind, p) in enumerate(ordered):
            self.group[kind, p] = g

    def _link(self, grid: Grid, shape: Sequence[int], rim: Sequence[int]) -> None:
        n = len(self.boxes)
        links: list[tuple[int, int, tuple[int, int, int]]] = []
        for shift in _shifts(grid, shape, rim) if self.ghosts else []:
            seen = _touching(self.boxes, np.array(shift, np.int64) * self.shape, self.rim)
            if shift == (0, 0, 0):
                np.fill_diagonal(seen, False)
            links += [(int(a), int(d), shift) for a, d in np.argwhere(seen)]
        links.sort()
        self.link_start = np.searchsorted([a for a, _, _ in links], np.arange(n + 1)).astype(np.int64)
        self.link_to = np.array([d for _, d, _ in links], np.int64)
        self.link_shift = np.array([s for _, _, s in links], np.int64).reshape(-1, 3)

    def inner(self, part: int) -> NDArray[np.int64]:
        """(6,) the box, in global cells, of what only `part` itself can see.

        Whoever sees into a partition does so through a face: its box is apart from ours along some axis, so what it
        sees lies within a rim of our face across that axis. A face at an end of the world has nobody behind it.
        """
        box: NDArray[np.int64] = self.boxes[part].copy()
        if self.ghosts:
            for a in range(3):
                box[a] += self.rim[a] if self._periodic[a] or box[a] > 0 else 0
                box[3 + a] -= self.rim[a] if self._periodic[a] or box[3 + a] < self.shape[a] else 0
        return box

    @cached_property
    def strips(self) -> dict[tuple[int, int], tuple[Lines, Lines]]:
        """(seen partition, seeing partition) -> the cells that are seen, by the numbers of the one and of the other."""
        found: dict[tuple[int, int], list[tuple[Lines, Lines]]] = {}
        for a in range(len(self.boxes)):
            for k in range(self.link_start[a], self.link_start[a + 1]):
                d, shift = int(self.link_to[k]), self.link_shift[k] * self.shape
                low = np.maximum(self.boxes[a, :3] + shift, self.boxes[d, :3] - self.rim)
                high = np.minimum(self.boxes[a, 3:] + shift, self.boxes[d, 3:] + self.rim)
                pair = (self._lines(a, low - shift, high - shift), self._lines(d, low, high))
                found.setdefault((a, d), []).append(pair)
        return {
            key: (_joined([source for source, _ in pairs]), _joined([into for _, into in pairs]))
            for key, pairs in found.items()
        }

    def _lines(self, part: int, low: NDArray[np.int64], high: NDArray[np.int64]) -> Lines:
        origin = self.boxes[part, :3] - self.rim
        extent = self.boxes[part, 3:] - self.boxes[part, :3] + 2 * self.rim
        z, y = np.arange(low[2], high[2]) - origin[2], np.arange(low[1], high[1]) - origin[1]
        first = ((z[:, None] * extent[1] + y) * extent[0] + low[0] - origin[0]).ravel()
        return first, first + (high[0] - low[0])


def _joined(lines: list[Lines]) -> Lines:
    return np.concatenate([first for first, _ in lines]), np.concatenate([last for _, last in lines])


def neighbours(grid: Grid, layout: Layout, worker_of: Sequence[int], workers: int) -> list[list[int]]:
    """Which workers talk to each other when nothing moves further than a block.

    An entity can be one block outside its old owner's box, and whoever has a ghost of it one rim beyond that.

    Returns:
        Per worker, the others in ascending order; symmetric.
    """
    dim = grid.space.dim
    rims = [max([-(-c.rim[a] // c.per_block[a]) for c in grid.cells], default=0) for a in range(dim)]
    reach = [1 + r for r in rims]
    boxes, shape = _boxes(layout, (1,) * dim), np.array(triple(grid.blocks, 1), np.int64)
    near = np.zeros((workers, workers), bool)
    of = np.asarray(worker_of)
    for shift in _shifts(grid, grid.blocks, reach):
        seen = np.argwhere(_touching(boxes, np.array(shift, np.int64) * shape, np.array(triple(reach, 0), np.int64)))
        near[of[seen[:, 0]], of[seen[:, 1]]] = True
    near |= near.T
    np.fill_diagonal(near, False)
    return [[int(w) for w in np.flatnonzero(line)] for line in near]
