"""The compiled inner loops that find the cells of positions, for one type of float.

None uses fastmath: which cell a position lies in must be the same question everywhere. Loaded by
`partitions.compiled`, never imported directly.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INSIDE = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "no_cpython_wrapper": True}

REAL = "float64"
"""Of the positions; `loops` puts another in its place."""


@njit(**_INSIDE)
def _cell(p, low, scale, n, edges):
    """Cell of one coordinate: a guess by multiplication, then stepped by comparison with the exact edges."""
    c = np.int64((p - low) * scale)
    c = min(max(c, np.int64(0)), n - 1)
    if (p < edges[np.uintp(c)]) | (p >= edges[np.uintp(c + 1)]):  # one branch, hardly ever taken
        while c > 0 and p < edges[np.uintp(c)]:
            c -= 1
        while c < n - 1 and p >= edges[np.uintp(c + 1)]:
            c += 1
    return c


@njit(
    f"void(int64, float64[::1], int64[::1], float64[::1], float64[::1], float64[::1], {REAL}[::1], {REAL}[::1],"
    f" {REAL}[::1], int64[::1])",
    **_OPTIONS,
)
def locate(dim, affine, shape, ex, ey, ez, px, py, pz, cell):
    """Global cell number, x fastest, of each position; see `assign` for the arguments."""
    for i in range(np.uintp(len(cell))):
        c = np.int64(0)
        if dim == 3:
            c = _cell(np.float64(pz[i]), affine[2], affine[5], shape[2], ez)
        c = c * shape[1] + _cell(np.float64(py[i]), affine[1], affine[4], shape[1], ey)
        cell[i] = c * shape[0] + _cell(np.float64(px[i]), affine[0], affine[3], shape[0], ex)


@njit(
    "UniTuple(int64, 3)(int64, int64, uint64[::1], int64[::1], int64[::1], float64[::1], int64[::1], float64[::1],"
    f" float64[::1], float64[::1], {REAL}[::1], {REAL}[::1], {REAL}[::1], uint8[::1], int32[::1], uint32[::1],"
    " int64[::1])",
    **_OPTIONS,
)
def assign(first, last, start, geometry, inner, affine, shape, ex, ey, ez, px, py, pz, dead, target, far_row, far_cell):
    """New local cell of the own rows in own cells [first, last).

    Args:
        first: first own cell, row-major over the own box.
        last: one past the last.
        start: (n_ext + 1,) first row of each local cell.
        geometry: see `partitions.store`.
        inner: (6,) low x y z and high x y z, in global cells: nobody else sees what lies in there.
        affine: (6,) low corner of the world, then cells per unit of length, of each axis.
        shape: (3,) cells of the world.
        ex: edge table along x.
        ey: edge table along y.
        ez: edge table along z.
        px: positions along x.
        py: positions along y.
        pz: positions along z, not read in two dimensions.
        dead: (capacity,) uint8, or empty for a type that never dies.
        target: out, local cell, -1 for rows that are gone.
        far_row: out, rows that somebody else sees or owns.
        far_cell: out, their global cells.

    Returns:
        (far rows, deaths, where in `far_row` the list begins).
    """
    ext_x, ext_y = geometry[1], geometry[2]
    rx, ry, rz = geometry[4], geometry[5], geometry[6]
    ox, oy, oz = geometry[7], geometry[8], geometry[9]
    gx, gy, gz = geometry[10], geometry[11], geometry[12]
    flat = geometry[0] == 2
    mortal = len(dead) > 0
    far = np.int64(0)
    deaths = np.int64(0)
    base = np.int64(-1)
    at = first
    while at < last:
        line = at // ox
        x0 = at - line * ox
        x1 = min(ox, x0 + last - at)
        z = line // oy
        corner = ((z + rz) * ext_y + (line - z * oy + ry)) * ext_x + rx
        begin, end = start[np.uintp(corner + x0)], start[np.uintp(corner + x1)]
        if base < 0:
            base = np.int64(begin)
        for i in range(np.uintp(begin), np.uintp(end)):
            if mortal and dead[i] != 0:
                deaths += 1
                target[i] = -1
                continue
            cx = _cell(np.float64(px[i]), affine[0], affine[3], shape[0], ex)
            cy = _cell(np.float64(py[i]), affine[1], affine[4], shape[1], ey)
            cz = np.int64(0)
            if not flat:
                cz = _cell(np.float64(pz[i]), affine[2], affine[5], shape[2], ez)
            lx, ly, lz = cx - gx, cy - gy, cz - gz
            if lx >= 0 and lx < ox and ly >= 0 and ly < oy and lz >= 0 and lz < oz:
                target[i] = ((lz + rz) * ext_y + ly + ry) * ext_x + lx + rx
            else:
                target[i] = -1
            if cx < inner[0] or cx >= inner[3] or cy < inner[1] or cy >= inner[4] or cz < inner[2] or cz >= inner[5]:
                k = np.uintp(base + far)
                far_row[k] = i
                far_cell[k] = (cz * shape[1] + cy) * shape[0] + cx
                far += 1
        at += x1 - x0
    return far, deaths, base
