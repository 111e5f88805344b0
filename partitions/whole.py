"""Whole copies of layers: one for each worker, of the columns that are read at any distance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from partitions.exchange import Exchange
from partitions.program import Program
from partitions.store import Array, Partition, triple


class Wholes:
    """The whole copies of one worker.

    Attributes:
        columns: layer -> column -> (cells of the world,) in the order of the ids.
        geometry: layer -> int64[16] as in `partitions.store`, three worlds wide along a periodic axis.
    """

    def __init__(self, program: Program, parts: Sequence[Partition], exchange: Exchange) -> None:
        """Make room; the first `refresh` that names a column fills it."""
        self._parts, self._exchange = parts, exchange
        self.columns: dict[int, dict[str, Array]] = {}
        self.geometry: dict[int, NDArray[np.int64]] = {}
        for phase in program.phases:
            for layer, names in phase.wholes.items():
                spec, shape = program.types[layer], program.grid.cells[layer].shape
                dtypes = {c.name: c.dtype for c in spec.columns}
                held = self.columns.setdefault(layer, {})
                held.update({n: np.zeros(int(np.prod(shape)), dtypes[n]) for n in names if n not in held})
                rim = [n if axis.periodic else 0 for n, axis in zip(shape, program.grid.space.axes, strict=True)]
                extended = [n + 2 * r for n, r in zip(shape, rim, strict=True)]
                numbers = [len(shape), *triple(extended, 1), *triple(rim, 0), *triple(shape, 1), *(0,) * 6]
                self.geometry[layer] = np.array(numbers, np.int64)
        self._stale = {(layer, name) for layer, held in self.columns.items() for name in held}

    def outdate(self, layer: int, names: Iterable[str]) -> None:
        """Note that columns have changed."""
        held = self.columns.get(layer, {})
        self._stale.update((layer, name) for name in names if name in held)

    def refresh(self, wanted: Mapping[int, Sequence[str]]) -> None:
        """Bring columns up to date, if they have changed since; all workers call it with the same.

        Every worker tells all others the values of its own cells, partition by partition.
        """
        stale = [(layer, n) for layer, names in sorted(wanted.items()) for n in names if (layer, n) in self._stale]
        if not stale:
            return
        mine = []
        for layer, name in stale:
            tables = [part.tables[layer] for part in self._parts]
            mine.append(np.concatenate([table.columns[name][table.own_rows()] for table in tables]))
        for worker, batch in {self._exchange.rank: mine, **self._exchange.tell(mine)}.items():
            for (layer, name), values in zip(stale, batch, strict=True):
                self._spread(layer, self.columns[layer][name], worker, values)
        self._stale.difference_update(stale)

    def _spread(self, layer: int, whole: Array, worker: int, values: Array) -> None:
        routes, at = self._exchange.routes[layer], 0
        cells = whole.reshape([int(n) for n in reversed(routes.shape)])
        for part in routes.members[worker]:
            low, high = routes.boxes[part, :3], routes.boxes[part, 3:]
            box = tuple(slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1], strict=True))
            n = int(np.prod(high - low))
            cells[box] = values[at : at + n].reshape(cells[box].shape)
            at += n

    def nbytes(self, type: int) -> int:
        """Memory of the copies of a layer, in bytes."""
        return sum(column.nbytes for column in self.columns.get(type, {}).values())
