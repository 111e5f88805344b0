"""The compiled inner loop of digests, for one width of values.

Loaded by `partitions.compiled`, never imported directly.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INSIDE = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "no_cpython_wrapper": True}

WIDTH = "uint64"
"""Of the columns, as unsigned integers; `loops` puts another in its place."""


@njit(**_INSIDE)
def _mix_a(h):
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014, variant 13 of Stafford)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@njit(**_INSIDE)
def _mix_b(h):
    """Finaliser of MurmurHash3, 64 bit (Appleby)."""
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@njit(f"void(uint32[::1], {WIDTH}[::1], {WIDTH}, {WIDTH}, uint64[::1], uint64[::1])", **_OPTIONS)
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
