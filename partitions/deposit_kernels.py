"""The compiled inner loops of deposits: who owns a cell, and the adding.

None uses fastmath: amounts are added one by one in one order.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


@njit("void(int64[::1], int64[::1], int32[::1], int32[::1])", **_OPTIONS)
def owners(cell, world, owner, part):
    """Partition that owns each cell.

    Args:
        cell: (n,) numbers in the world, row-major, x fastest.
        world: (12,) cells, cells per block, blocks and rim of each axis.
        owner: partition of each block.
        part: out, (n,).
    """
    nx, ny, mx, my, mz, bx, by = world[0], world[1], world[3], world[4], world[5], world[6], world[7]
    for i in range(np.uintp(len(cell))):
        line = cell[i] // nx
        x = cell[i] - line * nx
        z = line // ny
        y = line - z * ny
        part[i] = owner[np.uintp(((z // mz) * by + y // my) * bx + x // mx)]


@njit("void(int64[::1], int64[::1], int64[::1], int64[::1])", **_OPTIONS)
def rows(cell, world, geometry, row):
    """Local cell of each cell, all owned by the partition of the geometry."""
    nx, ny = world[0], world[1]
    for i in range(np.uintp(len(cell))):
        line = cell[i] // nx
        x = cell[i] - line * nx + geometry[4] - geometry[10]
        z = line // ny
        y = line - z * ny + geometry[5] - geometry[11]
        row[i] = ((z + geometry[6] - geometry[12]) * geometry[2] + y) * geometry[1] + x


@njit([f"void({a}[::1], int64[::1], uint32[::1], {f}[::1])"
       for a, f in (("float64", "float64"), ("float64", "float32"), ("int64", "int64"))], **_OPTIONS)  # fmt: skip
def pour(amount, row, order, column):
    """Add amounts to a column in the order given, each cell's one by one in 64 bits, stored once.

    Args:
        amount: (n,) of each deposit.
        row: (n,) local cell of each.
        order: (n,) deposits, those of a cell one behind the other.
        column: the values; NaN gets its one bit pattern.
    """
    k, n = np.uintp(0), np.uintp(len(order))
    while k < n:
        cell = row[np.uintp(order[k])]
        total = amount.dtype.type(column[np.uintp(cell)])
        while k < n and row[np.uintp(order[k])] == cell:
            total += amount[np.uintp(order[k])]
            k += np.uintp(1)
        value = column.dtype.type(total)
        column[np.uintp(cell)] = value if value == value else column.dtype.type(np.nan)
