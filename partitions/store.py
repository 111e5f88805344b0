"""What one partition holds: for each entity type a table of columns ordered by (cell, id), ghosts included.

A partition sees its own box and `rim` cells around it on every side. Cells beyond the end of the world stay empty;
across a periodic seam they hold images shifted by whole worlds, also with a single partition, and several times round
where an axis has few cells. So a kernel never asks who owns a neighbour, nor where the world ends.

`geometry` is int64[16]: [dim, ex, ey, ez, rx, ry, rz, ox, oy, oz, cx, cy, cz, 0, 0, 0] with e the extended shape in
cells of the type, r the rim, o the own shape and c the global index of the first own cell. A local cell's index is
(z * ey + y) * ex + x. In two dimensions ez = oz = 1 and rz = cz = 0.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.errors import RuntimeFault
from partitions.grid import Grid, Layout
from partitions.loops import UNSIGNED, loops
from partitions.program import PADDING, TypeSpec

Array = NDArray[Any]
SMALL = 8192
"""Fewer rows than this are not worth waking a second thread for."""


def unsigned(column: Array) -> Array:
    """The same memory seen as unsigned integers, so that four kernels serve every type of column."""
    return column.view(UNSIGNED[column.dtype.itemsize])


def triple(values: Sequence[int], fill: int) -> tuple[int, int, int]:
    """Two or three numbers as three."""
    x, y, z = (*values, fill)[:3]
    return (x, y, z)


class Crew:
    """Threads that call compiled functions side by side; with one thread there is none."""

    def __init__(self, threads: int) -> None:
        """Start `threads` threads, if that is more than one."""
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "weaver") if threads > 1 else None

    def run(self, calls: Sequence[Callable[[], Any]], rows: int = SMALL) -> list[Any]:
        """Make all calls and return what they returned, in order; an error is raised after all have ended.

        The caller works too, so that a thread that wakes up late costs nothing.

        Args:
            calls: what to call.
            rows: how many rows they work on together; for a few no thread is woken.
        """
        if self._pool is None or len(calls) < 2 or rows < SMALL:
            return [call() for call in calls]
        results: list[Any] = [None] * len(calls)
        waiting = deque(enumerate(calls))

        def work() -> None:
            while waiting:
                try:
                    i, call = waiting.popleft()
                except IndexError:
                    return  # another thread took the last one
                results[i] = call()

        mates = [self._pool.submit(work) for _ in range(min(self.threads, len(calls)) - 1)]
        try:
            work()
        finally:
            errors = [error for error in [mate.exception() for mate in mates] if error is not None]
        if errors:
            raise errors[0]
        return results

    def pieces(self, n: int, most: int) -> int:
        """Into how many pieces to cut n rows; never more than `most`."""
        return 1 if self.threads == 1 else max(1, min(most, n // (SMALL // 2)))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


def rebuild_all(tables: Sequence[Table], crew: Crew) -> None:
    """`Table.rebuild` each: side by side where they keep all threads busy, else one after the other, each by all."""
    sizes = [table.n + table.n_appended for table in tables]
    if crew.threads > 1 and max(sizes, default=0) * crew.threads <= 1.5 * sum(sizes):
        crew.run([_call(table.rebuild, Crew(1)) for table in tables], sum(sizes))
    else:
        for table in tables:
            table.rebuild(crew)


class Table:
    """All entities of one type that one partition owns or sees.

    Rows are ordered by (local cell, id) with no gaps; own rows and ghosts share the arrays. Arrays have `capacity`
    rows, of which the first `n` count; at least `PADDING` more can be read, so that a kernel may take whole vectors. A
    ghost's columns other than the position and `ghost_columns` mean nothing.

    Attributes:
        columns: name -> (capacity,) array, scratch columns too.
        ids: (capacity,) int64.
        dead: (capacity,) uint8, zero between phases; empty for a type that never dies.
        start: (n_cells + 1,) uint64, first row of each local cell.
        n: rows in use.
        version: counts the rebuilds, so that lists of rows can be kept until the next.
    """

    def __init__(self, spec: TypeSpec, geometry: NDArray[np.int64]) -> None:
        """Make an empty table."""
        self.spec, self.geometry = spec, geometry
        _, ex, ey, ez, rx, ry, rz, ox, oy, oz = (int(v) for v in geometry[:10])
        self.n_cells, self.n_own_cells = ex * ey * ez, ox * oy * oz
        lines = (((np.arange(oz) + rz) * ey)[:, None] + np.arange(oy) + ry) * ex + rx
        self.line_first: NDArray[np.int64] = lines.ravel().astype(np.int64)
        self.line_last: NDArray[np.int64] = self.line_first + ox
        self.start = np.zeros(self.n_cells + 1, np.uint64)
        self.columns: dict[str, Array] = {c.name: np.empty(0, c.dtype) for c in (*spec.columns, *spec.scratch)}
        self.ids = np.empty(0, np.int64)
        self.dead = np.empty(0, np.uint8)
        self.target = np.empty(0, np.int32)
        self.order = np.empty(0, np.uint32)
        self.far_row = np.empty(0, np.uint32)
        self.far_cell = np.empty(0, np.int64)
        self.n = self.n_appended = self.version = 0
        self.capacity = 0
        self._counts = np.zeros((1, self.n_cells), np.uint32)
        self._spare: dict[np.dtype[Any], list[Array]] = {}
        self.reserve(0)
        self._own: tuple[int, NDArray[np.uint32]] = (-1, np.empty(0, np.uint32))

    @property
    def position(self) -> tuple[Array, Array, Array]:
        """The position's columns; the second stands in for the third in two dimensions."""
        names = [c.name for c in self.spec.columns[: int(self.geometry[0])]]
        x, y, z = (*names, names[1])[:3]
        return self.columns[x], self.columns[y], self.columns[z]

    def reserve(self, n: int) -> None:
        """Make room for n rows; what is there stays."""
        if n + PADDING <= self.capacity:
            return
        if n >= 1 << 32:
            raise RuntimeFault(
                f"a partition was asked to hold {n} rows of {self.spec.name}; rows are counted in 32 bits.\n"
                f"Rows beyond would be lost.\n"
                f"Use more partitions."
            )
        used = self.n + self.n_appended
        self.capacity = max(n + PADDING, self.capacity + self.capacity // 2)
        self._spare.clear()

        def grown(old: Array) -> Array:
            new = np.empty(self.capacity, old.dtype)
            new[:used] = old[:used]
            return new

        self.columns = {name: grown(column) for name, column in self.columns.items()}
        self.ids, self.target = grown(self.ids), grown(self.target)
        self.order, self.far_row = np.empty(self.capacity, np.uint32), np.empty(self.capacity, np.uint32)
        self.far_cell = np.empty(self.capacity, np.int64)
        if self.spec.mortal:
            self.dead = np.zeros(self.capacity, np.uint8)

    def borrow(self, dtype: np.dtype[Any]) -> Array:
        """An array of `capacity` rows with any content; give it, or the one it takes the place of, back by `give`."""
        waiting = self._spare.get(dtype)
        return waiting.pop() if waiting else np.empty(self.capacity, dtype)

    def give(self, array: Array) -> None:
        """Hand in an array that is no longer used."""
        self._spare.setdefault(array.dtype, []).append(array)

    def append(self, cells: NDArray[np.int32], ids: NDArray[np.int64], columns: Mapping[str, Array]) -> None:
        """Add rows behind the others, to be put in their cells by the next `rebuild`.

        Args:
            cells: (m,) local cell of each.
            ids: (m,).
            columns: name -> (m,); what is missing has no meaning (ghosts).
        """
        if not len(ids):
            return
        at = self.n + self.n_appended
        end = at + len(ids)
        self.reserve(end)
        self.target[at:end], self.ids[at:end] = cells, ids
        for name, values in columns.items():
            self.columns[name][at:end] = values
        self.n_appended += len(ids)

    def rebuild(self, crew: Crew) -> None:
        """Order all rows by (target cell, id), drop those whose target is -1, and count the appended ones in.

        Counting sort by cell, then each cell by id. The result does not depend on the order of the rows
        before, because (cell, id) is unique.
        """
        k = loops("store")
        total = self.n + self.n_appended
        if total:
            n = min(crew.threads, crew.pieces(total, crew.threads)) if self.n_cells <= total else 1
            if len(self._counts) != n:
                self._counts = np.zeros((n, self.n_cells), np.uint32)
            counts, ids, order, target = self._counts, self.borrow(self.ids.dtype), self.order, self.target
            spans = _spans(total, n)
            crew.run([_call(k.tally, a, b, target, line) for (a, b), line in zip(spans, counts, strict=True)])
            k.prefix(counts, self.start)
            crew.run(
                [
                    _call(k.scatter, a, b, target, self.ids, line, order, ids)
                    for (a, b), line in zip(spans, counts, strict=True)
                ]
            )
            self.n, self.n_appended = int(self.start[-1]), 0
            n = crew.pieces(self.n, 2 * crew.threads)
            at = np.searchsorted(self.start, np.linspace(0, self.n, n + 1)[1:-1]).tolist() if n > 1 else []
            edges = [0, *at, self.n_cells]
            new_ids, new_order = self.ids, self.borrow(order.dtype)
            crew.run(
                [
                    _call(k.settle, np.uint64(a), np.uint64(b), self.start, ids, order, new_ids, new_order)
                    for a, b in pairwise(edges)
                ]
            )
            self.give(ids)
            self.give(order)
            self.order = new_order
            self._gather(crew, _spans(self.n, n))
            self.dead[: self.n] = 0
        self.version += 1

    def _gather(self, crew: Crew, spans: Sequence[tuple[np.uint64, np.uint64]]) -> None:
        """Bring all columns into the new order; one at a time with one thread, for the memory's sake."""
        order = self.order
        names = [c.name for c in self.spec.columns]
        for group in [[name] for name in names] if crew.threads == 1 else [names]:
            new = {name: self.borrow(self.columns[name].dtype) for name in group}
            pairs = [(unsigned(self.columns[name]), unsigned(out)) for name, out in new.items()]
            crew.run([_call(_gather, a, b, order, pairs) for a, b in spans])
            for name, out in new.items():
                self.give(self.columns[name])
                self.columns[name] = out

    def pieces(self, crew: Crew, per_thread: int) -> list[tuple[int, int]]:
        """Cut the own cells into ranges [first, last) of about equally many own rows."""
        n = crew.pieces(self.n, per_thread * crew.threads)
        if n == 1:
            return [(0, self.n_own_cells)]
        ox = int(self.geometry[7])
        before = np.concatenate([[0], np.cumsum(self._line_counts())])
        cuts = [0]
        for wanted in (before[-1] * np.arange(1, n) / n).tolist():
            line = min(int(np.searchsorted(before, wanted, "right")) - 1, len(self.line_first) - 1)
            first = int(self.line_first[line])
            starts = self.start[first : first + ox + 1]
            cuts.append(line * ox + int(np.searchsorted(starts, float(starts[0]) + wanted - before[line])))
        cuts.append(self.n_own_cells)
        return [(a, b) for a, b in pairwise(cuts) if a < b]

    def _line_counts(self) -> NDArray[np.int64]:
        return (self.start[self.line_last] - self.start[self.line_first]).astype(np.int64)

    @property
    def n_own(self) -> int:
        """Rows that this partition owns."""
        return int(self._line_counts().sum())

    def own_rows(self) -> NDArray[np.uint32]:
        """The rows that this partition owns, ascending."""
        if self._own[0] != self.version:
            self._own = (self.version, self.rows_of(self.line_first, self.line_last))
        return self._own[1]

    def rows_of(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.uint32]:
        """The rows of the local cells [first[k], last[k]), one range after the other."""
        rows = np.empty(int((self.start[last] - self.start[first]).sum()), np.uint32)
        loops("store").expand(self.start, first, last, rows)
        return rows

    def nbytes(self) -> int:
        """Memory of all arrays, in bytes."""
        spare = [array for arrays in self._spare.values() for array in arrays]
        own: list[Array] = [
            self.ids,
            self.dead,
            self.target,
            self.order,
            self.far_row,
            self.far_cell,
            self.start,
            self._counts,
        ]
        return sum(array.nbytes for array in [*own, *self.columns.values(), *spare])


class Partition:
    """One box of the layout and its tables.

    Attributes:
        number: index in the layout.
        tables: one per entity type and layer.
    """

    def __init__(self, number: int, types: Sequence[TypeSpec], grid: Grid, layout: Layout) -> None:
        """Make an empty partition."""
        self.number = number
        from partitions.raster import Raster  # which is a table

        geometries = [geometry_of(grid, layout, number, t) for t in range(len(types))]
        self.tables = [
            Raster(spec, geometry, triple(cells.shape, 1)) if spec.raster else Table(spec, geometry)
            for spec, geometry, cells in zip(types, geometries, grid.cells, strict=True)
        ]


def geometry_of(grid: Grid, layout: Layout, number: int, type: int) -> NDArray[np.int64]:
    """The `geometry` array of one partition and entity type, see the head of this file."""
    part, cells, dim = layout.parts[number], grid.cells[type], grid.space.dim
    own = [(high - low) * m for low, high, m in zip(part.low, part.high, cells.per_block, strict=True)]
    extended = [o + 2 * r for o, r in zip(own, cells.rim, strict=True)]
    corner = [low * m for low, m in zip(part.low, cells.per_block, strict=True)]
    if math.prod(extended) >= 1 << 31:
        raise RuntimeFault(
            f"partition {number} was asked to hold {math.prod(extended)} cells; cells are counted in 31 bits.\n"
            f"Cells beyond could not be told apart.\n"
            f"Use more partitions."
        )
    values = [dim, *triple(extended, 1), *triple(cells.rim, 0), *triple(own, 1), *triple(corner, 0), 0, 0, 0]
    return np.array(values, np.int64)


def _gather(first: np.uint64, last: np.uint64, order: Array, pairs: Sequence[tuple[Array, Array]]) -> None:
    for source, out in pairs:
        loops("gather", WIDTH=source.dtype).gather(first, last, order, source, out)


def _spans(n: int, pieces: int) -> list[tuple[np.uint64, np.uint64]]:
    return [(np.uint64(n * i // pieces), np.uint64(n * (i + 1) // pieces)) for i in range(pieces)]


def _call(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: function(*arguments)
