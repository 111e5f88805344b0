"""The compiled inner loops of the index by id.

Loaded by `partitions.compiled`, never imported directly.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INSIDE = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "no_cpython_wrapper": True}


@njit(**_INSIDE)
def _mix(h):
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014, variant 13 of Stafford)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@njit("void(uint32[::1], int64[::1], uint32[::1])", **_OPTIONS)
def index(rows, ids, slots):
    """Enter rows into an open-addressing table of ids; of rows with the same id the first stays.

    Args:
        rows: (m,) rows, in the order in which they are entered.
        ids: id of each row of the table.
        slots: out, zero before; a power of two of them, more than m. A slot holds row + 1, or 0 if it is empty; an id's
            slot is the first from `_mix(id)` on that holds it.
    """
    mask = np.uint64(len(slots) - 1)
    for k in range(np.uintp(len(rows))):
        id = ids[np.uintp(rows[k])]
        at = _mix(np.uint64(id)) & mask
        while slots[at] != 0 and ids[np.uintp(slots[at] - np.uint32(1))] != id:
            at = (at + np.uint64(1)) & mask
        if slots[at] == 0:
            slots[at] = rows[k] + np.uint32(1)


@njit("void(int64[::1], int64[::1], uint32[::1], int64[::1])", **_OPTIONS)
def find(wanted, ids, slots, rows):
    """Look up ids in what `index` has filled: the row of each, -1 for an id that is not there."""
    mask = np.uint64(len(slots) - 1)
    for k in range(np.uintp(len(wanted))):
        at = _mix(np.uint64(wanted[k])) & mask
        while slots[at] != 0 and ids[np.uintp(slots[at] - np.uint32(1))] != wanted[k]:
            at = (at + np.uint64(1)) & mask
        rows[k] = np.int64(slots[at]) - np.int64(1)
