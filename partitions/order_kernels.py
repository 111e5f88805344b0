"""The compiled inner loop that puts records in their order, which does not depend on who computed them.

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
def arrange(place, types, ids, sequences, start, order):
    """List records by (place, type, id, sequence).

    A counting sort by place, then few to a place by insertion; where there are many, by a heap.

    Args:
        place: (n,) local cell or block of each.
        types: (n,) type of who made it.
        ids: (n,) its id.
        sequences: (n,) which of its acts it was.
        start: (places + 1,) out, where each place's entries begin in `order`.
        order: (n,) out.
    """
    start[:] = 0
    for i in range(np.uintp(len(place))):
        start[np.uintp(place[i]) + np.uintp(1)] += np.uint32(1)
    for c in range(np.uintp(len(start)) - np.uintp(1)):
        start[c + np.uintp(1)] += start[c]
    for k in range(np.uintp(len(place))):
        i = np.uintp(len(place)) - np.uintp(1) - k
        c = np.uintp(place[i]) + np.uintp(1)
        start[c] -= np.uint32(1)
        order[np.uintp(start[c])] = i
    # what was a place's end is its begin now, one place too far: shift
    for c in range(np.uintp(len(start)) - np.uintp(1)):
        start[c] = start[c + np.uintp(1)]
    start[np.uintp(len(start)) - np.uintp(1)] = np.uint32(len(place))
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
