"""The compiled inner loops of what viewers are shown; loaded by `partitions.compiled`, never imported directly.

Positions are float64 columns; the third may be any array where there are two axes, and is then not read.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import math

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


@njit("void(float64[::1], float64, float64, int64, uint16[:, ::1])", **_OPTIONS)
def quantise(values, low, scale, axis, out):
    """The axis-th column of `out`: 0 at `low`, 65535 at the other end; outside is moved to the edge, NaN to `low`."""
    for i in range(np.uintp(len(values))):
        place = (values[i] - low) * scale
        place = place if place > 0.0 else 0.0  # also where it is NaN
        out[i, axis] = np.uint16(min(place, 65535.0) + 0.5)


@njit("void(int64, float64[::1], float64[::1], float64[::1], int8[:, ::1])", **_OPTIONS)
def directions(dim, x, y, z, out):
    """Unit vectors times 127; zero and NaN become zero."""
    for i in range(np.uintp(len(x))):
        a, b, c = x[i], y[i], z[i] if dim == 3 else 0.0
        length = math.sqrt(a * a + b * b + c * c)
        if length > 0.0 and length < np.inf:
            out[i, 0] = np.int8(round(127.0 * a / length))
            out[i, 1] = np.int8(round(127.0 * b / length))
            out[i, 2] = np.int8(round(127.0 * c / length))
        else:
            out[i, 0] = out[i, 1] = out[i, 2] = 0


@njit(
    "void(int64, float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], uint32[:, :, ::1])", **_OPTIONS
)
def crowd(dim, x, y, z, low, scale, counts):
    """Count positions in a grid [z, y, x] that begins at `low` and has `scale` cells per unit of length."""
    nz, ny, nx = counts.shape
    for i in range(np.uintp(len(x))):
        a = (x[i] - low[0]) * scale[0]
        b = (y[i] - low[1]) * scale[1]
        c = (z[i] - low[2]) * scale[2] if dim == 3 else 0.0
        if a >= 0.0 and b >= 0.0 and c >= 0.0:  # not where one is NaN
            # What lies on the high edge belongs to the last cell.
            k, j, l = min(np.int64(a), nx - 1), min(np.int64(b), ny - 1), min(np.int64(c), nz - 1)
            counts[np.uintp(l), np.uintp(j), np.uintp(k)] += np.uint32(1)


@njit(
    [f"void({t}[:, :, :], int64, int64, int64, int64, float32[:, :, ::1])" for t in ("float64", "float32", "uint8")],
    **_OPTIONS,
)
def pool(values, stride, z, y, x, out):
    """Add up squares of `stride` cells; the first cell of `values` is number (z, y, x) counted from a square's edge."""
    nz, ny, nx = values.shape
    for k in range(nz):
        for j in range(ny):
            line = out[(z + k) // stride, (y + j) // stride]
            i = 0
            while i < nx:
                texel = (x + i) // stride
                end = min((texel + 1) * stride - x, nx)
                total = np.float64(0.0)
                while i < end:
                    total += values[k, j, i]
                    i += 1
                line[texel] += np.float32(total)


@njit("int64(uint32[::1], int64[::1], int64[::1], uint32[::1])", **_OPTIONS)
def spot(rows, ids, wanted, found):
    """Which of the rows have a wanted id (ascending); returns how many, which `found` begins with."""
    sieve = np.uint64(0)  # one bit per six bits of hash: most rows are passed over by it
    golden = np.uint64(0x9E3779B97F4A7C15)
    for id in wanted:
        sieve |= np.uint64(1) << ((np.uint64(id) * golden) >> np.uint64(58))
    n = 0
    for i in range(np.uintp(len(rows))):
        id = ids[rows[i]]
        if (sieve >> ((np.uint64(id) * golden) >> np.uint64(58))) & np.uint64(1):
            at = np.searchsorted(wanted, id)
            if at < len(wanted) and wanted[at] == id and n < len(found):
                found[n] = rows[i]
                n += 1
    return n
