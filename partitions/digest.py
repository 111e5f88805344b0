"""The digest of a state: per row two independent 64-bit hashes, summed modulo 2^64.

A sum does not depend on the order of the rows nor on who owns them, so every worker adds up its own rows and the driver
adds up the workers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from partitions.loops import loops
from partitions.program import MOVED
from partitions.store import Array, Table, unsigned

_MASK = (1 << 64) - 1
_ROWS = 1 << 16
_SEED_A, _SEED_B = 0x243F6A8885A308D3, 0x13198A2E03707344
"""First 128 bits of the fraction of pi."""
_FLOATS = {
    np.dtype("<f4"): (np.uint32(0x7FFFFFFF), np.uint32(0x7F800000)),
    np.dtype("<f8"): (np.uint64(0x7FFFFFFFFFFFFFFF), np.uint64(0x7FF0000000000000)),
}


def digest_rows(
    type: int, rows: NDArray[np.uint32], ids: NDArray[np.int64], columns: Iterable[Array]
) -> tuple[int, int]:
    """Hash the given rows of one entity type.

    Args:
        type: index of the type.
        rows: (m,) which rows.
        ids: (n,) entity ids.
        columns: (n,) arrays of 1, 2, 4 or 8 bytes, in the type's order. All NaN of a width count as one.

    Returns:
        Two numbers below 2^64, to be added (modulo 2^64) to those of other rows.
    """
    columns = list(columns)
    total_a = total_b = 0
    for at in range(0, len(rows), _ROWS):
        part = np.ascontiguousarray(rows[at : at + _ROWS])
        a = np.full(len(part), (_SEED_A + type) & _MASK, np.uint64)
        b = np.full(len(part), (_SEED_B + type) & _MASK, np.uint64)
        for column in [ids, *columns]:
            bits = unsigned(column)
            magnitude, infinity = _FLOATS.get(column.dtype, (bits.dtype.type(0), bits.dtype.type(0)))
            loops("fold", WIDTH=bits.dtype).fold(part, bits, magnitude, infinity, a, b)
        total_a += int(a.sum())
        total_b += int(b.sum())
    return total_a & _MASK, total_b & _MASK


def digest_table(type: int, table: Table) -> tuple[int, int]:
    """Hash the rows that a partition owns."""
    shown = [table.columns[c.name] for c in table.spec.columns if c.name != MOVED]
    return digest_rows(type, table.own_rows(), table.ids, shown)


def add_digests(digests: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The digest of all rows together."""
    pairs = list(digests)
    return sum(a for a, _ in pairs) & _MASK, sum(b for _, b in pairs) & _MASK


def format_digest(a: int, b: int) -> str:
    """32 hexadecimal digits."""
    return f"{a:016x}{b:016x}"
