"""The compiled inner loops of deposits: who owns a cell, in which order amounts are added, and the adding.

None uses fastmath: amounts are added one by one in one order.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INSIDE = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "no_cpython_wrapper": True}


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


@njit(**_INSIDE)
def _after(a, b, types, ids, sequences):
    if types[a] != types[b]:
        return types[a] > types[b]
    if ids[a] != ids[b]:
        return ids[a] > ids[b]
    return sequences[a] > sequences[b]


@njit(**_INSIDE)
def _sift(first, k, n, order, types, ids, sequences):
    while True:
        child = np.uintp(2) * k + np.uintp(1)
        if child >= n:
            return
        a = first + child
        if child + np.uintp(1) < n and _after(
            np.uintp(order[a + np.uintp(1)]), np.uintp(order[a]), types, ids, sequences
        ):
            a += np.uintp(1)
        if not _after(np.uintp(order[a]), np.uintp(order[first + k]), types, ids, sequences):
            return
        order[first + k], order[a] = order[a], order[first + k]
        k = a - first


@njit("void(int64[::1], int32[::1], int64[::1], int32[::1], uint32[::1], uint32[::1])", **_OPTIONS)
def arrange(row, types, ids, sequences, start, order):
    """List deposits by (local cell, type, id, sequence).

    A counting sort by cell, then few to a cell by insertion; where there are many, by a heap.

    Args:
        row: (n,) local cell of each.
        types: (n,) type of the depositor.
        ids: (n,) its id.
        sequences: (n,) which of its acts it was.
        start: (cells + 1,) out, where each cell's entries begin in `order`.
        order: (n,) out.
    """
    start[:] = 0
    for i in range(np.uintp(len(row))):
        start[np.uintp(row[i]) + np.uintp(1)] += np.uint32(1)
    for c in range(np.uintp(len(start)) - np.uintp(1)):
        start[c + np.uintp(1)] += start[c]
    for k in range(np.uintp(len(row))):
        i = np.uintp(len(row)) - np.uintp(1) - k
        c = np.uintp(row[i]) + np.uintp(1)
        start[c] -= np.uint32(1)
        order[np.uintp(start[c])] = i
    # what was a cell's end is its begin now, one place too far: shift
    for c in range(np.uintp(len(start)) - np.uintp(1)):
        start[c] = start[c + np.uintp(1)]
    start[np.uintp(len(start)) - np.uintp(1)] = np.uint32(len(row))
    for c in range(np.uintp(len(start)) - np.uintp(1)):
        first, n = np.uintp(start[c]), np.uintp(start[c + np.uintp(1)]) - np.uintp(start[c])
        if n < np.uintp(2):
            continue
        ordered = True
        for k in range(first + np.uintp(1), first + n):
            if _after(np.uintp(order[k - np.uintp(1)]), np.uintp(order[k]), types, ids, sequences):
                ordered = False
                break
        if ordered:
            continue
        if n <= np.uintp(32):
            for k in range(first + np.uintp(1), first + n):
                moved, at = order[k], k
                while at > first and _after(np.uintp(order[at - np.uintp(1)]), np.uintp(moved), types, ids, sequences):
                    order[at] = order[at - np.uintp(1)]
                    at -= np.uintp(1)
                order[at] = moved
            continue
        for k in range(n // np.uintp(2)):
            _sift(first, n // np.uintp(2) - np.uintp(1) - k, n, order, types, ids, sequences)
        for k in range(n - np.uintp(1)):
            top = n - np.uintp(1) - k
            order[first], order[first + top] = order[first + top], order[first]
            _sift(first, np.uintp(0), top, order, types, ids, sequences)


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
