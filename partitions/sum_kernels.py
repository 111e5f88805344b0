"""The compiled inner loops of exact sums: adding numbers to long accumulators.

All are serial and release the interpreter lock. Nothing is rounded, so nothing depends on an order.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INSIDE = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "no_cpython_wrapper": True}


@njit(**_INSIDE)
def _put(limbs, magnitude, place, negative):
    """Add a number of 64 bits, shifted up by `place` bits, to limbs of 32 bits each (held in int64)."""
    k, shift = np.uintp(place >> 5), np.uint64(place & 31)
    mask = np.uint64(0xFFFFFFFF)
    low, high = (magnitude & mask) << shift, (magnitude >> np.uint64(32)) << shift
    a, b, c = np.int64(low & mask), np.int64((low >> np.uint64(32)) + (high & mask)), np.int64(high >> np.uint64(32))
    if negative:
        a, b, c = -a, -b, -c
    limbs[k] += a
    limbs[k + np.uintp(1)] += b
    limbs[k + np.uintp(2)] += c


@njit("void(int64[::1])", **_OPTIONS)
def carry(limbs):
    """Bring all limbs but the last, which has the sign, into [0, 2^32)."""
    for k in range(np.uintp(len(limbs) - 1)):
        over = limbs[k] >> 32
        limbs[k] -= over << 32
        limbs[k + np.uintp(1)] += over


@njit("void(uint64[::1], int64[::1], int64[::1], int64[::1])", **_OPTIONS)
def add_floats(bits, special, sums, squares):
    """Add float64 values, and their squares, exactly.

    Args:
        bits: (n,) the values as unsigned integers.
        special: int64[3]: how many are NaN, inf, -inf; they are counted and not added.
        sums: limbs in units of 2^-1088.
        squares: limbs in units of 2^-2176, or empty.
    """
    square = len(squares) > 0
    for i in range(np.uintp(len(bits))):
        if i & np.uintp(0xFFFFFF) == np.uintp(0xFFFFFF):
            carry(sums)
            carry(squares)
        b = bits[i]
        negative = (b >> np.uint64(63)) != 0
        exponent = np.int64((b >> np.uint64(52)) & np.uint64(0x7FF))
        m = b & np.uint64(0xFFFFFFFFFFFFF)
        if exponent == 0x7FF:
            special[np.uintp(0) if m != 0 else np.uintp(2) if negative else np.uintp(1)] += 1
            continue
        if exponent == 0:
            exponent = np.int64(1)
        else:
            m |= np.uint64(1) << np.uint64(52)
        _put(sums, m, exponent + 13, negative)  # m * 2^(exponent - 1075)
        if square:
            high, low = m >> np.uint64(27), m & np.uint64(0x7FFFFFF)
            place = 2 * exponent + 26
            _put(squares, low * low, place, False)
            _put(squares, low * high, place + 28, False)
            _put(squares, high * high, place + 54, False)
    carry(sums)
    carry(squares)


@njit("void(int64[::1], int64[::1], int64[::1])", **_OPTIONS)
def add_integers(values, sums, squares):
    """The same for int64 values."""
    square = len(squares) > 0
    for i in range(np.uintp(len(values))):
        if i & np.uintp(0xFFFFFF) == np.uintp(0xFFFFFF):
            carry(sums)
            carry(squares)
        negative = values[i] < 0
        m = np.uint64(-values[i] if negative else values[i])
        _put(sums, m, np.int64(1088), negative)
        if square:
            high, low = m >> np.uint64(32), m & np.uint64(0xFFFFFFFF)
            _put(squares, low * low, np.int64(2176), False)
            _put(squares, low * high, np.int64(2209), False)
            _put(squares, high * high, np.int64(2240), False)
    carry(sums)
    carry(squares)
