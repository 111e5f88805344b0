"""Which row an id has: a hash table beside a table's rows, made when somebody asks and kept until the rows move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partitions.loops import loops
from partitions.store import Table


class IdIndex:
    """Finds rows of one table by id.

    It is filled by the first question after each `Table.rebuild`, about 20 ns per row; a table of which nobody asks
    costs nothing.

    Args:
        table: whose rows.
        ghosts: ghosts are found as well. An entity that is owned here is found by its own row, and a ghost of which
            there are several images by the least row of them.
    """

    def __init__(self, table: Table, ghosts: bool = False) -> None:
        self._table, self._ghosts = table, ghosts
        self._version = -1
        self._slots = np.zeros(1, np.uint32)

    @property
    def slots(self) -> NDArray[np.uint32]:
        """The hash table itself, up to date, for kernels that look up by themselves as `find` does."""
        if self._version != self._table.version:
            table, own = self._table, self._table.own_rows()
            n = table.n if self._ghosts else len(own)
            self._slots = np.zeros(1 << (2 * n).bit_length(), np.uint32)
            loops("id").index(own, table.ids, self._slots)
            if self._ghosts:
                loops("id").index(np.arange(table.n, dtype=np.uint32), table.ids, self._slots)
            self._version = table.version
        return self._slots

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row of each id, -1 where it is not here.

        Args:
            ids: (m,) any whole numbers.
        """
        rows = np.empty(len(ids), np.int64)
        loops("id").find(np.array(ids, np.int64), self._table.ids, self.slots, rows)
        return rows
