"""The compiled inner loops of claims on sites.

Compiled apart from the loops of the store, so that a first run waits only for what it uses. None uses fastmath; loaded
by `partitions.compiled`, never imported directly.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


@njit("void(int64[::1], uint64[::1], int64[::1], int64[::1], int32[::1], boolean[::1])", **_OPTIONS)
def contest(slot, rank, type, id, best, won):
    """Which claims win: of those of one slot, the one of least (rank, type, id).

    Args:
        slot: what each wants, -1 for what cannot be had.
        rank: of each claim.
        type: of each claim.
        id: of each claim.
        best: (slots,) -1 everywhere, before and after.
        won: out.
    """
    for k in range(np.uintp(len(slot))):
        if slot[k] >= 0:
            s = np.uintp(slot[k])
            b = best[s]
            if b >= 0:
                j = np.uintp(b)
                if rank[k] > rank[j]:
                    continue
                if rank[k] == rank[j] and (type[k] > type[j] or (type[k] == type[j] and id[k] > id[j])):
                    continue
            best[s] = k
    for k in range(np.uintp(len(slot))):
        won[k] = slot[k] >= 0 and best[np.uintp(slot[k])] == np.int64(k)
    for k in range(np.uintp(len(slot))):
        if slot[k] >= 0:
            best[np.uintp(slot[k])] = -1


@njit("void(uint64[::1], boolean[::1])", **_OPTIONS)
def mark_taken(start, taken):
    """Mark the cells that have rows."""
    for c in range(np.uintp(len(taken))):
        if start[c] != start[c + np.uintp(1)]:
            taken[c] = True


@njit("void(boolean[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])", **_OPTIONS)
def list_free(taken, geometry, per_block, shape, start, sites):
    """List the own cells that are not taken, by block, in a block row-major.

    Args:
        taken: (n_cells,) by local cell.
        geometry: see `partitions.store`.
        per_block: (3,) cells per block and axis.
        shape: (3,) cells of the world.
        start: out, (own blocks + 1,) where each block's begin.
        sites: out, (own cells,) global number of each, as far as there are any.
    """
    ext_x, ext_y = geometry[1], geometry[2]
    rx, ry, rz = geometry[4], geometry[5], geometry[6]
    gx, gy, gz = geometry[10], geometry[11], geometry[12]
    mx, my, mz = per_block[0], per_block[1], per_block[2]
    n, b = np.uintp(0), np.uintp(0)
    start[b] = 0
    for z0 in range(0, geometry[9], mz):
        for y0 in range(0, geometry[8], my):
            for x0 in range(0, geometry[7], mx):
                for z in range(z0, z0 + mz):
                    for y in range(y0, y0 + my):
                        line = ((z + rz) * ext_y + y + ry) * ext_x + rx
                        row = ((z + gz) * shape[1] + y + gy) * shape[0] + gx
                        for x in range(x0, x0 + mx):
                            if not taken[np.uintp(line + x)]:
                                sites[n] = row + x
                                n += np.uintp(1)
                b += np.uintp(1)
                start[b] = n
