"""Rasters: what a partition holds of a layer, one row per cell of its box and rim, in place of a table of entities."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from partitions.program import PADDING, TypeSpec
from partitions.store import Array, Crew, Table


class Raster(Table):
    """The cells of a layer that one partition owns or sees: a table whose rows are its local cells and stay so.

    So ghosts are refreshed, digests taken and kernels called as for entities. Cells beyond an end of the world exist
    in the arrays, and mean nothing.

    Attributes:
        columns: name -> (n + PADDING,) array.
        n: cells of the box and the rim together.
        shape: cells of the world, x first, 1 for a third axis that is not there.
    """

    def __init__(self, spec: TypeSpec, geometry: NDArray[np.int64], shape: tuple[int, int, int]) -> None:
        """Make the arrays; what they hold is filled in by `Worker.populate`."""
        self.spec, self.geometry, self.shape = spec, geometry, shape
        _, ex, ey, ez, rx, ry, rz, ox, oy, oz = (int(v) for v in geometry[:10])
        self.n_cells, self.n_own_cells = ex * ey * ez, ox * oy * oz
        lines = (((np.arange(oz) + rz) * ey)[:, None] + np.arange(oy) + ry) * ex + rx
        self.line_first = lines.ravel().astype(np.int64)
        self.line_last = self.line_first + ox
        self.n, self.n_appended, self.version = self.n_cells, 0, 0
        self.capacity = self.n + PADDING
        self.columns = {c.name: np.zeros(self.capacity, c.dtype) for c in (*spec.columns, *spec.scratch)}
        self.dead = np.empty(0, np.uint8)
        self._spare = {}
        self._rows: NDArray[np.uint32] | None = None
        self._ids: NDArray[np.int64] | None = None
        self._scratch = np.empty(0, np.uint32)

    @property
    def ids(self) -> NDArray[np.int64]:  # type: ignore[override]
        """(n,) number of each cell in the world, row-major, x fastest; made when first asked for."""
        if self._ids is None:
            self._ids = self._numbers()
        return self._ids

    def _numbers(self) -> NDArray[np.int64]:
        _, ex, ey, ez, rx, ry, rz, *_, cx, cy, cz = (int(v) for v in self.geometry[:13])
        nx, ny, nz = self.shape
        x, y, z = (np.arange(ex) + cx - rx) % nx, (np.arange(ey) + cy - ry) % ny, (np.arange(ez) + cz - rz) % nz
        return np.asarray(((z[:, None, None] * ny + y[:, None]) * nx + x).ravel(), np.int64)

    def pieces(self, crew: Crew, per_thread: int) -> list[tuple[int, int]]:
        """Cut the own cells into ranges [first, last) of about equally many, whole lines where there are enough."""
        n = crew.pieces(self.n_own_cells, per_thread * crew.threads)
        unit = len(self.line_first) if len(self.line_first) >= n else self.n_own_cells
        size = self.n_own_cells // unit
        return [(a, b) for a, b in pairwise(unit * i // n * size for i in range(n + 1)) if a < b]

    @property
    def n_own(self) -> int:
        """Cells that this partition owns."""
        return self.n_own_cells

    def own_rows(self) -> NDArray[np.uint32]:
        """The rows of the own cells, ascending."""
        if self._rows is None:
            self._rows = self.rows_of(self.line_first, self.line_last)
        return self._rows

    def rows_of(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.uint32]:
        """The local cells [first[k], last[k]), one range after the other."""
        count = last - first
        at = np.cumsum(count) - count
        return (np.repeat(first - at, count) + np.arange(int(count.sum()))).astype(np.uint32)

    def fill(self, name: str, values: Array) -> None:
        """Take the own cells' values of a column from an array of the whole world, (cells,) row-major."""
        nx, ny, _ = self.shape
        ox, oy, _, cx, cy, cz = (int(v) for v in self.geometry[7:13])
        for k, first in enumerate(self.line_first.tolist()):
            at = ((cz + k // oy) * ny + cy + k % oy) * nx + cx
            self.columns[name][first : first + ox] = values[at : at + ox]

    def scratch(self) -> NDArray[np.uint32]:
        """(n + 1,) numbers for a counting sort by row, with any content."""
        if not len(self._scratch):
            self._scratch = np.empty(self.n + 1, np.uint32)
        return self._scratch

    def nbytes(self) -> int:
        """Memory of all arrays, in bytes."""
        spare = [array for arrays in self._spare.values() for array in arrays]
        rows = 0 if self._rows is None else self._rows.nbytes
        return rows + self._scratch.nbytes + sum(array.nbytes for array in [*self.columns.values(), *spare])
