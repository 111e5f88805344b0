"""The grid: a box of space on a lattice, blocks that partitions own, and each type's cells.

Every edge of a block or cell is a number of the position lattice, so that "which cell holds p" and "is q within r of p"
are exact questions with the same answer in every decomposition of the world.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from partitions.errors import GridError

PERIODIC = "periodic"
MIN_CELLS = 1 << 16
"""Cell tables never shrink below this many cells for want of entities."""


@dataclass(frozen=True)
class Axis:
    """One axis of the box: `low` and `high` lie on the lattice of multiples of `quantum`."""

    low: float
    high: float
    boundary: str
    quantum: float

    @property
    def length(self) -> float:
        """Exact difference of the two ends, in the world's unit of length."""
        return self.high - self.low

    @property
    def periodic(self) -> bool:
        """Whether the two ends are the same place."""
        return self.boundary == PERIODIC


@dataclass(frozen=True)
class Space:
    """The whole box: two or three axes, and the lattice that positions of each precision live on."""

    axes: tuple[Axis, ...]
    quantum: float
    quantum32: float

    @property
    def dim(self) -> int:
        """Number of axes, 2 or 3."""
        return len(self.axes)


def make_space(
    lengths: Sequence[float], origin: Sequence[float], boundaries: Sequence[str], single: bool = False
) -> Space:
    """Round a box to the lattice.

    The lattice step is 2^(ceil(log2 M) + 1 - 53), M the largest coordinate of the box, or twice that where an image
    would lie beyond 2^53 steps (a periodic box around the origin): then p, p + L, p - L and the difference of any two
    positions within a world of each other are exact in float64 (with 24 in place of 53: in float32).

    Args:
        lengths: side lengths, all positive.
        origin: low corner.
        boundaries: one word per axis.
        single: some type keeps its positions in float32, so that the edges must lie on the coarser lattice.
    """
    largest = max(max(abs(o), abs(o + length)) for o, length in zip(origin, lengths, strict=True))
    mantissa, exponent = math.frexp(largest)
    ceil_log2 = exponent - 1 if mantissa == 0.5 else exponent
    while True:
        quantum, quantum32 = math.ldexp(1.0, ceil_log2 + 1 - 53), math.ldexp(1.0, ceil_log2 + 1 - 24)
        step = quantum32 if single else quantum
        axes = [_axis(*axis, step) for axis in zip(lengths, origin, boundaries, strict=True)]
        images = [max(a.high + a.length, a.length - a.low) for a in axes if a.periodic]
        if max(images, default=0.0) <= math.ldexp(1.0, ceil_log2 + 1):
            return Space(tuple(axes), quantum, quantum32)
        ceil_log2 += 1


def _axis(length: float, origin: float, boundary: str, step: float) -> Axis:
    low, high = round(origin / step) * step, round((origin + length) / step) * step
    if not high > low:
        raise GridError(
            f"an axis of length {length:g} at {origin:g} was asked for; the lattice step of this box is {step:g}.\n"
            f"The axis would hold no position.\n"
            f"Make the axis longer, or move the origin nearer to zero."
        )
    return Axis(low, high, boundary, step)


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one entity type over the whole world.

    Attributes:
        shape: cells per axis (x, y[, z]).
        per_block: cells per block and axis; shape = per_block * blocks.
        edges: per axis, (n + 1,) float64 on the lattice; cell c holds edges[c] <= p < edges[c + 1].
        rim: per axis, how many cells beyond its own box a partition must see.
    """

    shape: tuple[int, ...]
    per_block: tuple[int, ...]
    edges: tuple[NDArray[np.float64], ...]
    rim: tuple[int, ...]


def scan_width(edges: NDArray[np.float64], radius: float, periodic: bool) -> int:
    """How many cells each way hold everything within `radius` of any point of a cell.

    The smallest k with edges[c + k] - edges[c] >= radius for every c, edges continued periodically; never more cells
    than a non-periodic axis has.
    """
    if radius <= 0:
        return 0
    n, length = len(edges) - 1, edges[-1] - edges[0]
    k = int(max(1, math.floor(radius / (length / n))))
    while True:
        if not periodic and k >= n:
            return n - 1 if n > 1 else 0
        if periodic:
            turns = -(-k // n) + 1
            long = np.concatenate([edges[:-1] + t * length for t in range(turns)] + [edges[-1:] + (turns - 1) * length])
        else:
            long = edges
        if k < len(long) and bool(np.all(long[k:] - long[:-k] >= radius)):
            return k
        k += 1


@dataclass(frozen=True)
class Search:
    """At what distances one entity type is looked for.

    Attributes:
        radii: every radius at which some behavior looks for the type.
        rim: the largest distance from an entity to one it may see (radius, plus the reach of `at=`).
        count: initial entities of the type: caps the number of cells.
        shape: cells per axis of a raster, whose cells are given; empty for a type whose cells can be chosen.
        border: cells that are seen beyond the rim of a raster, also beyond an end of the world, where they are empty.
        slices: cells along x for each that is as wide as the least radius, if then no more of space is seen.
    """

    radii: tuple[float, ...] = ()
    rim: float = 0.0
    count: int = 0
    shape: tuple[int, ...] = ()
    border: int = 0
    slices: int = 1


@dataclass(frozen=True, eq=False)
class Grid:
    """Blocks and, for each entity type, the cells that divide them."""

    space: Space
    blocks: tuple[int, ...]
    block_edges: tuple[NDArray[np.float64], ...]
    cells: tuple[Cells, ...]

    @property
    def n_blocks(self) -> int:
        """Blocks in the whole world."""
        return math.prod(self.blocks)


def _edges(axis: Axis, n: int) -> NDArray[np.float64]:
    inner = axis.low + np.arange(n + 1) * (axis.length / n)
    edges: NDArray[np.float64] = np.rint(inner / axis.quantum) * axis.quantum
    edges[0], edges[-1] = axis.low, axis.high
    return edges


def _divide(axis: Axis, coarse: NDArray[np.float64], m: int) -> NDArray[np.float64]:
    steps = np.arange(m) / m
    inner = (coarse[:-1, None] + (coarse[1:] - coarse[:-1])[:, None] * steps).ravel()
    return np.append(np.rint(inner / axis.quantum) * axis.quantum, coarse[-1])


def _count(axis: Axis, width: float, most: int) -> int:
    """Largest number of equal pieces of the axis that are all at least `width` long, at most `most`."""
    n = max(1, min(most, int(axis.length / width))) if width > 0 else max(1, most)
    limit = max(1, int(axis.length / axis.quantum))
    n = min(n, limit)
    while n > 1 and np.diff(_edges(axis, n)).min() < width:
        n -= 1
    return n


def lattice_edges(axis: Axis, n: int) -> NDArray[np.float64]:
    """(n + 1,) edges of n equal cells that are given and not chosen: those of a raster, or the sites of a lattice.

    An edge depends on the fraction of the axis alone, so that edges of cells that nest are the same numbers.
    """
    k = np.arange(n + 1)
    shared = np.gcd(k, n)
    inner = axis.low + axis.length * (k // shared) / (n // shared)
    edges: NDArray[np.float64] = np.rint(inner / axis.quantum) * axis.quantum
    edges[0], edges[-1] = axis.low, axis.high
    return edges


def _nested(axis: Axis, cells: int, width: float, most: int) -> int:
    """Largest number of blocks that divides `cells`, all at least `width` long, at most `most`."""
    edges = lattice_edges(axis, cells)
    for n in sorted((n for n in range(1, min(cells, max(1, most)) + 1) if cells % n == 0), reverse=True):
        if n == 1 or np.diff(edges[:: cells // n]).min() >= width:
            return n
    return 1


def make_grid(space: Space, searches: Sequence[Search], reach: float, fixed: Sequence[Sequence[int]] = ()) -> Grid:
    """Choose blocks and cells; the choice depends on the program and its initial counts alone.

    Args:
        space: the box.
        searches: one per entity type or layer.
        reach: the largest distance an entity may move in one phase; blocks are at least this wide.
        fixed: cells per axis of rasters and lattices that blocks must not cut, beside those of `searches`.
    """
    given = [tuple(shape) for shape in [*fixed, *(s.shape for s in searches)] if shape]
    nest = [math.gcd(*line) for line in zip(*given, strict=True)]

    def divided(axis: int, width: float, most: int) -> int:
        if nest:
            return _nested(space.axes[axis], nest[axis], width, most)
        return _count(space.axes[axis], width, most)

    width = max([reach, *(s.rim for s in searches)])
    total = sum(s.count for s in searches)
    cap = max(MIN_CELLS, 4 * total)
    per_axis = 64 if space.dim == 2 else 16
    if width <= 0:
        blocks = tuple(divided(a, 0.0, per_axis) for a in range(space.dim))
    else:
        wide = width
        while True:
            blocks = tuple(divided(a, wide, cap) for a in range(space.dim))
            if math.prod(blocks) <= cap:
                break
            wide *= max(1.01, (math.prod(blocks) / cap) ** (1 / space.dim))
    even = lattice_edges if nest else _edges
    block_edges = tuple(even(a, n) for a, n in zip(space.axes, blocks, strict=True))
    cells = []
    for s in searches:
        if s.shape:
            cells.append(_raster(space, s, blocks))
            continue
        if s.radii:
            fine = max(min(s.radii), max(s.radii) / 4)
            most = max(MIN_CELLS, 8 * s.count)
            per_block = _sliced(space, block_edges, _per_block(space, block_edges, fine, most), s)
        else:
            per_block = (1,) * space.dim
        edges = tuple(_divide(a, e, m) for a, e, m in zip(space.axes, block_edges, per_block, strict=True))
        rim = tuple(scan_width(e, s.rim, a.periodic) for a, e in zip(space.axes, edges, strict=True))
        shape = tuple(m * n for m, n in zip(per_block, blocks, strict=True))
        cells.append(Cells(shape, per_block, edges, rim))
    return Grid(space, blocks, block_edges, tuple(cells))


def _raster(space: Space, search: Search, blocks: tuple[int, ...]) -> Cells:
    edges = tuple(lattice_edges(a, n) for a, n in zip(space.axes, search.shape, strict=True))
    rim = tuple(scan_width(e, search.rim, a.periodic) + search.border for a, e in zip(space.axes, edges, strict=True))
    return Cells(search.shape, tuple(n // b for n, b in zip(search.shape, blocks, strict=True)), edges, rim)


def _per_block(space: Space, block_edges: tuple[NDArray[np.float64], ...], fine: float, most: int) -> tuple[int, ...]:
    while True:
        result = []
        for axis, coarse in zip(space.axes, block_edges, strict=True):
            narrowest = np.diff(coarse).min()
            m = max(1, min(int(narrowest / fine), int(narrowest / axis.quantum), most // (len(coarse) - 1)))
            while m > 1 and np.diff(_divide(axis, coarse, m)).min() < fine:
                m -= 1
            result.append(m)
        n = math.prod(m * (len(e) - 1) for m, e in zip(result, block_edges, strict=True))
        if n <= most or all(m == 1 for m in result):
            return tuple(result)
        fine *= max(1.01, (n / most) ** (1 / space.dim))


def _sliced(
    space: Space, block_edges: tuple[NDArray[np.float64], ...], per_block: tuple[int, ...], search: Search
) -> tuple[int, ...]:
    """Cut cells along x where that lets who looks see less beyond the radius."""
    axis, m, radius = space.axes[0], per_block[0], search.radii[0]
    if search.slices == 1 or np.diff(block_edges[0]).min() / axis.quantum < 2 * m * search.slices:
        return per_block
    whole, cut = _divide(axis, block_edges[0], m), _divide(axis, block_edges[0], m * search.slices)
    seen, less = ((2 * scan_width(edges, radius, axis.periodic) + 1) / (len(edges) - 1) for edges in (whole, cut))
    return (m * search.slices, *per_block[1:]) if less < seen else per_block


@dataclass(frozen=True)
class Part:
    """One partition's box, in blocks: low inclusive, high exclusive."""

    low: tuple[int, ...]
    high: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Layout:
    """Which partition owns each block."""

    parts: tuple[Part, ...]
    owner: NDArray[np.int32] = field(repr=False)
    """(bx * by * bz,) partition of each block, row-major with x fastest."""


def make_layout(grid: Grid, n: int) -> Layout:
    """Cut the blocks into n boxes by recursive bisection; n is capped to the number of blocks."""
    n = min(n, grid.n_blocks)
    dim = grid.space.dim
    parts: list[Part] = []

    def cut(low: tuple[int, ...], high: tuple[int, ...], count: int) -> None:
        if count == 1:
            parts.append(Part(low, high))
            return
        sizes = [h - lo for lo, h in zip(low, high, strict=True)]
        volume = math.prod(sizes)
        order = sorted(range(dim), key=lambda a: (-sizes[a], -a))  # long rows of cells make long loops: cut x last
        for left in sorted(range(1, count), key=lambda k: abs(2 * k - count)):
            for a in order:
                others = volume // sizes[a]
                least, most = -(-left // others), sizes[a] - -(-(count - left) // others)
                if least <= most:
                    at = low[a] + min(max(round(sizes[a] * left / count), least), most)
                    cut(low, (*high[:a], at, *high[a + 1 :]), left)
                    cut((*low[:a], at, *low[a + 1 :]), high, count - left)
                    return
        raise AssertionError("a box of enough blocks can always be cut")

    cut((0,) * dim, grid.blocks, n)
    shape = tuple(reversed(grid.blocks))
    owner = np.empty(shape, np.int32)
    for k, part in enumerate(parts):
        owner[tuple(slice(lo, hi) for lo, hi in zip(reversed(part.low), reversed(part.high), strict=True))] = k
    return Layout(tuple(parts), owner.ravel())
