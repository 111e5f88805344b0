"""The compiled inner loops of the store and the exchange; loaded by `partitions.compiled`, never imported directly.

All are serial and release the interpreter lock: threads call the same function on different ranges. None uses fastmath:
which cell a position lies in must be the same question everywhere. Indices are unsigned, so that numba adds no code for
negative ones.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INSIDE = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "no_cpython_wrapper": True}


@njit(
    "int64(int64, int64, boolean, uint32[::1], int64[::1], int64[::1], int32[::1], int64[:, ::1], int64[::1],"
    " int64[::1], int64[:, ::1], int64[:, ::1], int64[::1], uint32[::1], int32[::1], int32[::1], int32[::1])",
    **_OPTIONS,
)
def route(
    me, n, ghosts, far_row, far_cell, world, owner, boxes, link_start, link_to, link_shift, groups, counts, row, cell,
    link, group,
):  # fmt: skip
    """List who must get each far row.

    Args:
        me: partition that holds the rows, -1 for rows that nobody holds yet.
        n: far rows.
        ghosts: send copies for the rims too.
        far_row: from `assign`.
        far_cell: from `assign`.
        world: (12,) cells, cells per block, blocks and rim of each axis.
        owner: partition of each block.
        boxes: (P, 6) low and high corner of each partition's own box, in global cells.
        link_start: partition p may be seen over the links link_start[p]..link_start[p + 1].
        link_to: per link, the partition that sees.
        link_shift: per link, the shift of the images that it sees, in worlds.
        groups: (2, P) number of the group for (owned or ghost, partition).
        counts: out, entries per group are added to it.
        row: out, source row of each entry.
        cell: out, local cell of the receiver.
        link: out, link of a ghost, -1 for a row that the receiver will own.
        group: out, group of each entry.

    Returns:
        Entries that there are; those for which the arrays have no room are not written.
    """
    nx, ny = world[0], world[1]
    mx, my, mz = world[3], world[4], world[5]
    bx, by = world[6], world[7]
    rx, ry, rz = world[9], world[10], world[11]
    room = np.uintp(len(row))
    e = np.uintp(0)
    for i in range(np.uintp(n)):
        flat = far_cell[i]
        line = flat // nx
        x = flat - line * nx
        z = line // ny
        y = line - z * ny
        h = np.uintp(owner[np.uintp(((z // mz) * by + y // my) * bx + x // mx)])
        if np.int64(h) != me:
            g = groups[0, h]
            if e < room:
                sx = boxes[h, 3] - boxes[h, 0] + 2 * rx
                sy = boxes[h, 4] - boxes[h, 1] + 2 * ry
                row[e] = far_row[i]
                cell[e] = ((z - boxes[h, 2] + rz) * sy + y - boxes[h, 1] + ry) * sx + x - boxes[h, 0] + rx
                link[e] = -1
                group[e] = g
            counts[np.uintp(g)] += 1
            e += np.uintp(1)
        if not ghosts:
            continue
        for k in range(np.uintp(link_start[h]), np.uintp(link_start[h + np.uintp(1)])):
            d = np.uintp(link_to[k])
            lx = x + link_shift[k, 0] * nx - boxes[d, 0] + rx
            sx = boxes[d, 3] - boxes[d, 0] + 2 * rx
            if lx < 0 or lx >= sx:
                continue
            ly = y + link_shift[k, 1] * ny - boxes[d, 1] + ry
            sy = boxes[d, 4] - boxes[d, 1] + 2 * ry
            if ly < 0 or ly >= sy:
                continue
            lz = z + link_shift[k, 2] * world[2] - boxes[d, 2] + rz
            if lz < 0 or lz >= boxes[d, 5] - boxes[d, 2] + 2 * rz:
                continue
            g = groups[1, d]
            if e < room:
                row[e] = far_row[i]
                cell[e] = (lz * sy + ly) * sx + lx
                link[e] = k
                group[e] = g
            counts[np.uintp(g)] += 1
            e += np.uintp(1)
    return np.int64(e)


@njit("void(int32[::1], int64[::1], uint32[::1])", **_OPTIONS)
def arrange(group, cursor, order):
    """List entries by group: `cursor` says where the next one of each group goes."""
    for e in range(np.uintp(len(group))):
        g = np.uintp(group[e])
        order[np.uintp(cursor[g])] = e
        cursor[g] += 1


@njit("void(uint64, uint64, int32[::1], uint32[::1])", **_OPTIONS)
def tally(first, last, target, counts):
    """Count rows [first, last) per target cell; rows that are gone (-1) are left out."""
    counts[:] = 0
    for i in range(first, last):
        if target[i] >= 0:
            counts[np.uintp(target[i])] += np.uint32(1)


@njit("void(uint32[:, ::1], uint64[::1])", **_OPTIONS)
def prefix(counts, start):
    """Turn counts (ranges of rows, cells) into where each range's rows of each cell begin, and fill `start`."""
    total = np.uint32(0)
    for c in range(np.uintp(counts.shape[1])):
        start[c] = total
        for t in range(np.uintp(counts.shape[0])):
            here = counts[t, c]
            counts[t, c] = total
            total += here
    start[np.uintp(counts.shape[1])] = total


@njit("void(uint64, uint64, int32[::1], int64[::1], uint32[::1], uint32[::1], int64[::1])", **_OPTIONS)
def scatter(first, last, target, ids, place, order, new_ids):
    """Put rows [first, last) into their cells: `order` lists source rows; `place` is the range's line of `prefix`."""
    for i in range(first, last):
        if target[i] >= 0:
            c = np.uintp(target[i])
            k = np.uintp(place[c])
            place[c] += np.uint32(1)
            order[k] = i
            new_ids[k] = ids[i]


@njit(**_INSIDE)
def _sift(first, k, n, ids, order):
    """Let element k of the heap [first, first + n) sink to its place."""
    while True:
        child = np.uintp(2) * k + np.uintp(1)
        if child >= n:
            return
        if child + np.uintp(1) < n and ids[first + child] < ids[first + child + np.uintp(1)]:
            child += np.uintp(1)
        if ids[first + k] >= ids[first + child]:
            return
        ids[first + k], ids[first + child] = ids[first + child], ids[first + k]
        order[first + k], order[first + child] = order[first + child], order[first + k]
        k = child


@njit(**_INSIDE)
def _sort_long(begin, end, ids, order):
    """Sort rows [begin, end) by id, in place: nothing to do if they are in order, else a heap."""
    n = end - begin
    for i in range(begin + np.uintp(1), end):
        if ids[i - np.uintp(1)] > ids[i]:
            break
    else:
        return
    for k in range(n // np.uintp(2)):
        _sift(begin, n // np.uintp(2) - np.uintp(1) - k, n, ids, order)
    for k in range(n - np.uintp(1)):
        top = begin + n - np.uintp(1) - k
        ids[begin], ids[top] = ids[top], ids[begin]
        order[begin], order[top] = order[top], order[begin]
        _sift(begin, np.uintp(0), n - np.uintp(1) - k, ids, order)


@njit("void(uint64, uint64, uint64[::1], int64[::1], uint32[::1], int64[::1], uint32[::1])", **_OPTIONS)
def settle(first, last, start, ids, order, new_ids, new_order):
    """Sort the rows of each of the cells [first, last) by id; arrays can be read 7 rows beyond the last cell.

    Each row of a short cell counts the smaller ids to find its place: eight comparisons are one instruction, and no
    branch depends on the ids, which in a crowd that moves nobody could predict.

    Args:
        first: first cell.
        last: one past the last.
        start: (n_cells + 1,) first row of each cell.
        ids: ids as `scatter` left them; long cells are sorted in place.
        order: source rows, likewise.
        new_ids: out.
        new_order: out.
    """
    for c in range(first, last):
        begin, end = start[c], start[c + np.uintp(1)]
        n = end - begin
        if n > np.uintp(64):
            _sort_long(begin, end, ids, order)
            for i in range(begin, end):
                new_ids[i], new_order[i] = ids[i], order[i]
            continue
        whole = (n + np.uintp(7)) // np.uintp(8) * np.uintp(8)
        for i in range(begin, end):
            id = ids[i]
            place = begin
            for k in range(whole):
                place += np.uintp((ids[begin + k] < id) & (k < n))
            new_ids[place], new_order[place] = id, order[i]


@njit("void(uint64[::1], int64[::1], int64[::1], uint32[::1])", **_OPTIONS)
def expand(start, first, last, rows):
    """List the rows of the cells [first[k], last[k]) one after the other."""
    at = np.uintp(0)
    for k in range(np.uintp(len(first))):
        for i in range(np.uintp(start[np.uintp(first[k])]), np.uintp(start[np.uintp(last[k])])):
            rows[at] = i
            at += np.uintp(1)
