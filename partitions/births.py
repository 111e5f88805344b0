"""Births: records of new entities become rows with ids that do not depend on who computed them.

A birth's id is `1 << 62 | block << 32 | counter`: the block (30 bits) that holds the parent when the phase starts,
numbered row-major with x fastest, and how many were born from that block before (32 bits). In a phase, a block's births
are numbered by (parent's type, parent's id, sequence).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partitions.errors import RuntimeFault
from partitions.grid import Grid
from partitions.loops import loops
from partitions.store import Array, Table, triple

BORN, BLOCK_BITS, COUNTER_BITS = 62, 30, 32
PLACES_PER_BIRTH = 16
"""Where there are more blocks than so many times the births, to count through all blocks takes longer than a sort."""


class Newborn(NamedTuple):
    """Rows of one type that nobody holds yet: ids (n,) and columns (n,)."""

    ids: NDArray[np.int64]
    columns: Mapping[str, Array]


class Litter(NamedTuple):
    """Birth records of one parent table: the parents' type, the type to be born, and the records' columns."""

    parents: Table
    type: int
    target: int
    records: dict[str, Array]


class Births:
    """Numbers births; keeps the counter of each block, which is part of the state."""

    def __init__(self, grid: Grid) -> None:
        """Begin at 0 in every block."""
        if grid.n_blocks > 1 << BLOCK_BITS:
            raise RuntimeFault(
                f"the world has {grid.n_blocks} blocks; births are numbered in {1 << BLOCK_BITS} at most.\n"
                f"Two of them would get one id.\n"
                f"Give a behavior a larger reach, which makes blocks larger."
            )
        self._grid = grid
        self.counters: NDArray[np.int64] = np.zeros(grid.n_blocks, np.int64)
        self.born = [0 for _ in grid.cells]
        self.lost = [0 for _ in grid.cells]

    def number(self, litters: Sequence[Litter]) -> dict[int, list[Newborn]]:
        """Give the births of one phase their ids.

        Returns:
            Type -> the new rows.
        """
        kept = []
        for litter in litters:
            lives = litter.records["@cell"] >= 0
            self.lost[litter.target] += int(len(lives) - lives.sum())
            kept.append(litter._replace(records={n: c[lives] for n, c in litter.records.items()}))
        sizes = [len(litter.records["@id"]) for litter in kept]
        if not sum(sizes):
            return {}
        blocks = np.concatenate([self._blocks(one) for one in kept])
        types = np.repeat(np.array([one.type for one in kept], np.int32), sizes)
        parents = np.concatenate([one.records["@id"] for one in kept])
        order = self._order(blocks, types, parents, np.concatenate([one.records["@seq"] for one in kept]))
        ordered = blocks[order]
        first = np.flatnonzero(np.diff(ordered, prepend=-1))  # where each block's births begin
        counts = np.diff(np.append(first, len(ordered)))
        here = ordered[first]
        if int((self.counters[here] + counts).max()) >= 1 << COUNTER_BITS:
            raise RuntimeFault(
                f"a block has had more than 2^{COUNTER_BITS} births.\n"
                f"Ids of the next would be those of the first.\n"
                f"Give behaviors a smaller reach and radius, which makes blocks smaller and more."
            )
        rank = np.arange(len(ordered)) - np.repeat(first, counts) + np.repeat(self.counters[here], counts)
        self.counters[here] += counts
        ids = np.empty(len(ordered), np.int64)
        ids[order] = (np.int64(1) << np.int64(BORN)) | (ordered << np.int64(COUNTER_BITS)) | rank
        result: dict[int, list[Newborn]] = {}
        for one, part in zip(kept, np.split(ids, np.cumsum(sizes)[:-1]), strict=True):
            self.born[one.target] += len(part)
            result.setdefault(one.target, []).append(Newborn(part, one.records))
        return result

    def _order(self, blocks: Array, types: Array, parents: Array, sequences: Array) -> NDArray[np.uint32]:
        """List births by (block, type, parent, sequence)."""
        if len(self.counters) > PLACES_PER_BIRTH * len(blocks):
            return np.lexsort((sequences, parents, types, blocks)).astype(np.uint32)
        order = np.empty(len(blocks), np.uint32)
        loops("order").arrange(blocks, types, parents, sequences, np.empty(len(self.counters) + 1, np.uint32), order)
        return order

    def _blocks(self, litter: Litter) -> NDArray[np.int64]:
        """The block of each parent, from its local cell."""
        g, cells = litter.parents.geometry, self._grid.cells[litter.type]
        flat = litter.records["@cell"].astype(np.int64)
        y, x = np.divmod(flat, g[1])
        z, y = np.divmod(y, g[2])
        of = triple(cells.per_block, 1)
        bx, by, bz = ((local - g[4 + a] + g[10 + a]) // of[a] for a, local in enumerate((x, y, z)))
        nx, ny, _ = triple(self._grid.blocks, 1)
        numbers: NDArray[np.int64] = (bz * ny + by) * nx + bx
        return numbers
