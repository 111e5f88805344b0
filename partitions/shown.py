"""What a worker can show of the partitions that it owns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Corner
from partitions.glance import kernels
from partitions.grid import Grid
from partitions.portion import Cells
from partitions.program import Program
from partitions.raster import Raster
from partitions.store import Array, Partition, Table, triple


class Shown:
    """A `partitions.portion.Source` over a worker's partitions, at rest between two ticks.

    Args:
        program: what runs.
        parts: the worker's partitions.
        load: called for a block of that kind.
    """

    def __init__(self, program: Program, parts: Sequence[Partition], load: Callable[[], dict[str, Any]]) -> None:
        self._parts, self._grid, self.load = parts, program.grid, load
        types = program.types
        axes = program.grid.space.axes
        self.dim = len(axes)
        self.low = _corner([axis.low for axis in axes])
        self.high = _corner([axis.high for axis in axes])
        self.paced = False
        # Layers stand behind the entity types.
        self._n_types = sum(not spec.raster for spec in types)
        self.columns = [[c.name for c in spec.columns] for spec in types[: self._n_types]]
        self.layers = [
            Cells(triple(cells.shape, 1), axes[0].length / cells.shape[0], tuple(c.name for c in spec.columns))
            for spec, cells in list(zip(types, program.grid.cells, strict=True))[self._n_types :]
        ]

    def rows(
        self, type: int, area: tuple[Corner, Corner] | None, names: Sequence[str]
    ) -> tuple[NDArray[np.int64], dict[str, Array]]:
        """Ids and columns of the own entities in all cells that the area touches."""
        tables = [part.tables[type] for part in self._parts]
        rows = [table.own_rows() if area is None else within(table, self._grid, type, area) for table in tables]
        pairs = list(zip(tables, rows, strict=True))
        ids = np.concatenate([table.ids[which] for table, which in pairs])
        return ids, {name: np.concatenate([table.columns[name][which] for table, which in pairs]) for name in names}

    def pieces(self, layer: int, names: Sequence[str]) -> Iterable[tuple[list[Array], tuple[int, int, int]]]:
        """The own cells of each partition, as views."""
        for part in self._parts:
            raster = part.tables[self._n_types + layer]
            assert isinstance(raster, Raster)
            _, ex, ey, ez, rx, ry, rz, ox, oy, oz, cx, cy, cz = (int(v) for v in raster.geometry[:13])
            own = (slice(rz, rz + oz), slice(ry, ry + oy), slice(rx, rx + ox))
            yield [raster.columns[n][: raster.n].reshape(ez, ey, ex)[own] for n in names], (cx, cy, cz)

    def entities(self, ids: Sequence[int]) -> list[tuple[int, int, dict[str, Any]]]:
        """(type, id, column -> value) of those that are here."""
        wanted = np.unique(np.array(ids, np.int64))
        rows = np.empty(len(wanted), np.uint32)
        found = []
        for type in range(self._n_types):
            for part in self._parts:
                table = part.tables[type]
                for row in rows[: kernels().spot(table.own_rows(), table.ids, wanted, rows)].tolist():
                    found.append((type, int(table.ids[row]), {n: table.columns[n][row] for n in self.columns[type]}))
        return found


def within(table: Table, grid: Grid, type: int, area: tuple[Corner, Corner]) -> NDArray[np.uint32]:
    """The own rows of a table in the cells that an area touches."""
    _, ex, ey, *_ = (int(v) for v in table.geometry[:10])
    ranges = []
    for axis, edges in enumerate(grid.cells[type].edges):
        rim, own, corner = (int(v) for v in table.geometry[[4 + axis, 7 + axis, 10 + axis]])
        first = int(np.searchsorted(edges, area[0][axis], "right")) - 1 - corner
        last = int(np.searchsorted(edges, area[1][axis], "right")) - corner
        ranges.append((min(max(first, 0), own) + rim, min(max(last, 0), own) + rim))
    (x0, x1), (y0, y1), (z0, z1) = (*ranges, (0, 1))[:3]
    lines = ((np.arange(z0, z1) * ey)[:, None] + np.arange(y0, y1)).ravel().astype(np.int64) * ex
    if not len(lines) or x1 <= x0:
        return np.empty(0, np.uint32)
    return table.rows_of(lines + x0, lines + x1)


def _corner(values: Sequence[float]) -> Corner:
    x, y, z = (*map(float, values), 0.0)[:3]
    return x, y, z
