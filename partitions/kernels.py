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
    [
        f"void(int64, float64[::1], int64[::1], float64[::1], float64[::1], float64[::1], {f}[::1], {f}[::1], {f}[::1],"
        " int64[::1])"
        for f in ("float64", "float32")
    ],
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
    [
        "UniTuple(int64, 3)(int64, int64, uint64[::1], int64[::1], int64[::1], float64[::1], int64[::1], float64[::1],"
        f" float64[::1], float64[::1], {f}[::1], {f}[::1], {f}[::1], uint8[::1], int32[::1], uint32[::1], int64[::1])"
        for f in ("float64", "float32")
    ],
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


@njit([f"void(uint64, uint64, uint32[::1], {u}[::1], {u}[::1])" for u in ("uint8", "uint16", "uint32", "uint64")],
      **_OPTIONS)  # fmt: skip
def gather(first, last, order, source, out):
    """out[i] = source[order[i]] for i in [first, last); columns come as unsigned integers of their width."""
    for i in range(first, last):
        out[i] = source[np.uintp(order[i])]


@njit("void(uint64[::1], int64[::1], int64[::1], uint32[::1])", **_OPTIONS)
def expand(start, first, last, rows):
    """List the rows of the cells [first[k], last[k]) one after the other."""
    at = np.uintp(0)
    for k in range(np.uintp(len(first))):
        for i in range(np.uintp(start[np.uintp(first[k])]), np.uintp(start[np.uintp(last[k])])):
            rows[at] = i
            at += np.uintp(1)


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


@njit([f"void(uint32[::1], {u}[::1], {u}, {u}, uint64[::1], uint64[::1])"
       for u in ("uint8", "uint16", "uint32", "uint64")], **_OPTIONS)  # fmt: skip
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


@njit("void(uint32[::1], int64[::1], uint32[::1])", **_OPTIONS)
def index(rows, ids, slots):
    """Enter rows into an open-addressing table of ids; of rows with the same id the first stays.

    Args:
        rows: (m,) rows, in the order in which they are entered.
        ids: id of each row of the table.
        slots: out, zero before; a power of two of them, more than m. A slot holds row + 1, or 0 if it is empty; an id's
            slot is the first from `_mix_a(id)` on that holds it.
    """
    mask = np.uint64(len(slots) - 1)
    for k in range(np.uintp(len(rows))):
        id = ids[np.uintp(rows[k])]
        at = _mix_a(np.uint64(id)) & mask
        while slots[at] != 0 and ids[np.uintp(slots[at] - np.uint32(1))] != id:
            at = (at + np.uint64(1)) & mask
        if slots[at] == 0:
            slots[at] = rows[k] + np.uint32(1)


@njit("void(int64[::1], int64[::1], uint32[::1], int64[::1])", **_OPTIONS)
def find(wanted, ids, slots, rows):
    """Look up ids in what `index` has filled: the row of each, -1 for an id that is not there."""
    mask = np.uint64(len(slots) - 1)
    for k in range(np.uintp(len(wanted))):
        at = _mix_a(np.uint64(wanted[k])) & mask
        while slots[at] != 0 and ids[np.uintp(slots[at] - np.uint32(1))] != wanted[k]:
            at = (at + np.uint64(1)) & mask
        rows[k] = np.int64(slots[at]) - np.int64(1)


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
