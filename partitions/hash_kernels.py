"""The compiled inner loops of hashes: the digest, and the index of ids.

Compiled apart from the loops of the store, so that a first run waits only for what it uses. None uses fastmath; loaded
by `partitions.compiled`, never imported directly.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def _mix_a(h):
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014, variant 13 of Stafford)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@njit(**_OPTIONS)
def _mix_b(h):
    """Finaliser of MurmurHash3, 64 bit (Appleby)."""
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@njit([f"void(uint32[::1], {u}[::1], {u}, {u}, uint64[::1], uint64[::1])"
       for u in ("uint8", "uint16", "uint32", "uint64")], **_OPTIONS)  # fmt: skip
def fold(rows, bits, magnitude, infinity, a, b):
    """Mix one column into the two hashes of each row.

    Args:
        rows: (m,) rows that are hashed.
        bits: the column as unsigned integers.
        magnitude: of a float column, the mask that drops the sign; 0 for the other columns.
        infinity: of a float column, the bits of infinity; magnitudes above are NaN, and all NaN count as the one
            whose magnitude is just above infinity.
        a: (m,) first hash so far.
        b: (m,) second hash so far.
    """
    for k in range(np.uintp(len(rows))):
        v = bits[np.uintp(rows[k])]
        if v & magnitude > infinity:
            v = infinity + bits.dtype.type(1)
        a[k] = _mix_a(a[k] + np.uint64(0x9E3779B97F4A7C15) + np.uint64(v))
        b[k] = _mix_b((b[k] ^ np.uint64(v)) + np.uint64(0xD1B54A32D192ED03))


@njit("void(uint32[::1], int64[::1], uint32[::1])", **_OPTIONS)
def index(rows, ids, slots):
    """Enter rows into an open-addressing table of ids; of rows with the same id the first stays.

    Args:
        rows: (m,) rows, in the order in which they are entered.
        ids: id of each row of the table.
        slots: out, zero before; a power of two of them, more than m. A slot holds row + 1, or 0 if it is empty; an id's
            slot is the first from `_mix_a(id)` on that holds it.
    """
    mask = np.uint64(len(slots) - 1)
    for k in range(np.uintp(len(rows))):
        id = ids[np.uintp(rows[k])]
        at = _mix_a(np.uint64(id)) & mask
        while slots[at] != 0 and ids[np.uintp(slots[at] - np.uint32(1))] != id:
            at = (at + np.uint64(1)) & mask
        if slots[at] == 0:
            slots[at] = rows[k] + np.uint32(1)


@njit("void(int64[::1], int64[::1], uint32[::1], int64[::1])", **_OPTIONS)
def find(wanted, ids, slots, rows):
    """Look up ids in what `index` has filled: the row of each, -1 for an id that is not there."""
    mask = np.uint64(len(slots) - 1)
    for k in range(np.uintp(len(wanted))):
        at = _mix_a(np.uint64(wanted[k])) & mask
        while slots[at] != 0 and ids[np.uintp(slots[at] - np.uint32(1))] != wanted[k]:
            at = (at + np.uint64(1)) & mask
        rows[k] = np.int64(slots[at]) - np.int64(1)
