"""The compiled inner loop of messages: their order.

Compiled apart from the loops of the store, so that a first run waits only for what it uses. None uses fastmath; loaded
by `partitions.compiled`, never imported directly.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INSIDE = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "no_cpython_wrapper": True}


@njit(**_INSIDE)
def _before(a, b, rank, when, type, id, phase, seq):
    """Whether letter a is read before letter b."""
    if rank[a] != rank[b]:
        return rank[a] < rank[b]
    if when[a] != when[b]:
        return when[a] < when[b]
    if type[a] != type[b]:
        return type[a] < type[b]
    if id[a] != id[b]:
        return id[a] < id[b]
    if phase[a] != phase[b]:
        return phase[a] < phase[b]
    return seq[a] < seq[b]


@njit(
    "void(int64[::1], uint64[::1], int64[::1], int32[::1], int64[::1], int32[::1], int32[::1], uint64[::1],"
    " uint32[::1])",
    **_OPTIONS,
)
def sort_letters(rows, rank, when, type, id, phase, seq, start, order):
    """Order letters by receiving row, and those of a row by (rank, when, type, id, phase, seq).

    Args:
        rows: (m,) row of the receiver.
        rank: (m,) what comes first.
        when: (m,) tick at which it was sent.
        type: (m,) type of the sender.
        id: (m,) id of the sender.
        phase: (m,) phase in which it was sent.
        seq: (m,) its number among the sender's records.
        start: out, (n + 1,) first letter of each row.
        order: out, (m,) letters in order.
    """
    n, m = np.uintp(len(start) - 1), np.uintp(len(rows))
    start[:] = 0
    for k in range(m):
        start[np.uintp(rows[k]) + np.uintp(1)] += np.uint64(1)
    for r in range(n):
        start[r + np.uintp(1)] += start[r]
    free = start.copy()
    for k in range(m):
        r = np.uintp(rows[k])
        first, at = np.uintp(start[r]), np.uintp(free[r])
        free[r] += np.uint64(1)
        while at > first and _before(np.uintp(k), np.uintp(order[at - np.uintp(1)]), rank, when, type, id, phase, seq):
            order[at] = order[at - np.uintp(1)]
            at -= np.uintp(1)
        order[at] = k
