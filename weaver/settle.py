"""Where positions come to rest: the lattice, the boundaries, cells, and membership.

Strict functions (no fastmath), so that each has one result wherever it is compiled in. Kernels inline them, the
interpreter calls them. `fault` is 0 or a code of `partitions.program.FAULTS`.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import overload

from weaver.random import rank

strict = njit(fastmath=False, error_model="numpy", nogil=True, forceinline=True, _nrt=False, no_cfunc_wrapper=True)
"""Without reassociation. All options are stated because numba takes an unstated one from the first caller: a function
that the interpreter had called first would be inlined otherwise than one that a kernel met first, and the kernel's own
sums associated otherwise for it."""

NOT_FINITE, TOO_FAR, LEFT, LOOKED_TOO_FAR, NO_DRAWS, NOBODY, OUTSIDE, NO_ELEMENT = 1, 2, 3, 4, 5, 6, 7, 8


@strict
def on_lattice(p, quantum):  # type: ignore[no-untyped-def]
    """Round to a multiple of `quantum`, a power of two; -0.0 becomes 0.0."""
    return np.rint(p / quantum) * quantum + 0.0


@strict
def wrapped(p, low, high, length):  # type: ignore[no-untyped-def]
    """The image of p in [low, high); exact for p on the lattice within a few lengths."""
    if p < low:
        p += length
    elif p >= high:
        p -= length
    if p < low or p >= high:
        p -= length * np.floor((p - low) / length)
        if p >= high or p < low:
            p = low
    return p


@strict
def nearest_image(d, length):  # type: ignore[no-untyped-def]
    """The image of a difference that is least in size, for a periodic axis."""
    half = 0.5 * length
    if d > half or d < -half:
        d -= length * np.rint(d / length)
    return d


@strict
def _placed(p, quantum):  # type: ignore[no-untyped-def]
    q = on_lattice(p, quantum)
    if q - q != 0.0:  # NaN, infinite, or so far that the lattice overflows
        return 0.0, NOT_FINITE
    return q, 0


# The functions that follow begin with the case that nearly every move is, in which nothing else needs to be asked; what
# they ask is false for NaN. A move that is short enough as it stands is so by nearest image too.


@strict
def at_edge(p, low, high, step):  # type: ignore[no-untyped-def]
    """An initial position: one that is off the box by less than the step its edges were rounded to is on the edge."""
    if low - step < p < low:
        return low
    if high < p < high + step:
        return high
    return p


@strict
def settle_periodic(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """End a move along a periodic axis: (position inside the box, fault). s is the position before."""
    q = on_lattice(p, quantum)
    if q >= low and q < high and abs(q - s) <= reach + quantum:
        return q, 0
    q, fault = _placed(p, quantum)
    if fault == 0:
        if abs(nearest_image(q - s, length)) > reach + quantum:
            fault = TOO_FAR
        q = wrapped(q, low, high, length) + 0.0
    return q, fault


@strict
def settle_reflect(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """End a move at mirrors, as often as needed: (position, fault, whether the velocity turns)."""
    q = on_lattice(p, quantum)
    if q >= low and q <= high and abs(q - s) <= reach + quantum:
        return q, 0, False
    q, fault = _placed(p, quantum)
    turns = False
    if fault == 0:
        if abs(q - s) > reach + quantum:
            fault = TOO_FAR
        if q < low or q > high:
            n = np.floor((q - low) / length)
            d = (q - low) - n * length
            turns = n % 2 != 0
            q = np.rint((high - d if turns else low + d) / quantum) * quantum + 0.0
            q = min(max(q, low), high) + 0.0
    return q, fault, turns


@strict
def settle_clamp(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """End a move at walls that hold: (position, fault)."""
    q = on_lattice(p, quantum)
    if q >= low and q <= high and abs(q - s) <= reach + quantum:
        return q, 0
    q, fault = _placed(p, quantum)
    if fault == 0:
        if abs(q - s) > reach + quantum:
            fault = TOO_FAR
        q = min(max(q, low), high) + 0.0
    return q, fault


@strict
def settle_absorb(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """End a move at ends that absorb: (position, fault, whether it left and dies)."""
    q = on_lattice(p, quantum)
    if q >= low and q <= high and abs(q - s) <= reach + quantum:
        return q, 0, False
    q, fault = _placed(p, quantum)
    left = False
    if fault == 0:
        if abs(q - s) > reach + quantum:
            fault = TOO_FAR
        left = q < low or q > high
        q = min(max(q, low), high) + 0.0
    return q, fault, left


@strict
def settle_strict(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """End a move at ends that must not be crossed: (position, fault)."""
    q = on_lattice(p, quantum)
    if q >= low and q <= high and abs(q - s) <= reach + quantum:
        return q, 0
    q, fault = _placed(p, quantum)
    if fault == 0:
        if abs(q - s) > reach + quantum:
            fault = TOO_FAR
        elif q < low or q > high:
            fault = LEFT
            q = min(max(q, low), high) + 0.0
    return q, fault


@strict
def within2(dx, dy, r2):  # type: ignore[no-untyped-def]
    """Whether dx^2 + dy^2 <= r2, in the precision of the arguments."""
    return dx * dx + dy * dy <= r2


@strict
def within3(dx, dy, dz, r2):  # type: ignore[no-untyped-def]
    """Whether dx^2 + dy^2 + dz^2 <= r2, in the precision of the arguments."""
    return dx * dx + dy * dy + dz * dz <= r2


@strict
def distance2_2(dx, dy):  # type: ignore[no-untyped-def]
    """dx^2 + dy^2, for `nearest`."""
    return dx * dx + dy * dy


@strict
def distance2_3(dx, dy, dz):  # type: ignore[no-untyped-def]
    """dx^2 + dy^2 + dz^2, for `nearest`."""
    return dx * dx + dy * dy + dz * dz


@strict
def cell_of(p, low, per_length, edges):  # type: ignore[no-untyped-def]
    """Global cell number along an axis: edges[c] <= p < edges[c + 1]; places beyond the ends belong to the end cells.

    p * n / length alone can be one cell off after rounding, which would put pairs at exactly the radius out of sight.
    """
    n = len(edges) - 1
    c = np.int64(min(max((p - low) * per_length, 0.0), n - 1.0))
    while c > 0 and p < edges[c]:
        c -= 1
    while c < n - 1 and p >= edges[c + 1]:
        c += 1
    return c


@strict
def cell_around(p, low, high, length, per_length, edges):  # type: ignore[no-untyped-def]
    """`cell_of` for a periodic axis and a place that may lie outside: cells count on beyond the seam."""
    turns = np.floor((p - low) / length)
    return cell_of(wrapped(p, low, high, length), low, per_length, edges) + np.int64(turns) * (len(edges) - 1)


@strict
def strip_room(start, kx, ky, kz):  # type: ignore[no-untyped-def]
    """Rows that a strip must hold: no fewer than any cell sees, k cells each way, and one vector more.

    Args:
        start: (n_cells + 1,) uint64, first row of each cell.
        kx: cells each way along x, np.uintp.
        ky: along y.
        kz: along z, 0 in two dimensions.
    """
    most = np.uint64(0)
    for c in range(np.uintp(len(start) - 1)):
        most = max(most, start[c + np.uintp(1)] - start[c])
    cells = (kx + kx + np.uintp(1)) * (ky + ky + np.uintp(1)) * (kz + kz + np.uintp(1))
    return min(most * cells, start[np.uintp(len(start) - 1)]) + np.uintp(64)


@strict
def move8(source, i, out, o):  # type: ignore[no-untyped-def]
    """out[o : o + 8] = source[i : i + 8]; all are read before one is written, so that it becomes one vector."""
    j, p = np.uintp(i), np.uintp(o)
    a, b, c, d = source[j], source[j + np.uintp(1)], source[j + np.uintp(2)], source[j + np.uintp(3)]
    e, f, g, h = source[j + np.uintp(4)], source[j + np.uintp(5)], source[j + np.uintp(6)], source[j + np.uintp(7)]
    out[p], out[p + np.uintp(1)], out[p + np.uintp(2)], out[p + np.uintp(3)] = a, b, c, d
    out[p + np.uintp(4)], out[p + np.uintp(5)], out[p + np.uintp(6)], out[p + np.uintp(7)] = e, f, g, h


@strict
def clean8(x):  # type: ignore[no-untyped-def]
    """NaN has one bit pattern in the store (float64)."""
    return x if x == x else np.nan


@strict
def clean4(x):  # type: ignore[no-untyped-def]
    """Round to float32; NaN has one bit pattern in the store."""
    y = np.float32(x)
    return y if y == y else np.float32(np.nan)


def to_int(x):  # type: ignore[no-untyped-def]
    """int(x): truncated; NaN and what does not fit in int64 become -2^63."""
    if isinstance(x, float) and not -9223372036854775808.0 <= x < 9223372036854775808.0:
        return -9223372036854775808
    return int(x)


@overload(to_int)
def _to_int(x):  # type: ignore[no-untyped-def]
    if isinstance(x, (types.Integer, types.Boolean)):
        return lambda x: np.int64(x)

    def convert(x):  # type: ignore[no-untyped-def]
        y = np.float64(x)
        if y >= -9223372036854775808.0 and y < 9223372036854775808.0:
            return np.int64(y)
        return np.int64(-9223372036854775808)

    return convert


@strict
def to_row(row, status):  # type: ignore[no-untyped-def]
    """Row of a reference for reading; reading from None is a fault instead of a wild access."""
    if row < 0:
        status[3] = NOBODY
        return np.uintp(0)
    return np.uintp(row)


@strict
def to_index(k, n, status):  # type: ignore[no-untyped-def]
    """Index into a table of n values, from its end if negative; one beyond it is a fault instead of a wild access."""
    if k < -n or k >= n:
        status[3] = NO_ELEMENT
        return 0
    return k + n if k < 0 else k


@strict
def with_element(values, k, value):  # type: ignore[no-untyped-def]
    """The tuple with element k, which `to_index` has checked, replaced."""
    return tuple_setitem(values, k, value)


@strict
def next_draw(status):  # type: ignore[no-untyped-def]
    """Number of the entity's next draw in this behavior and tick."""
    n = status[2]
    status[2] = n + 1
    return n


@strict
def letter_rank(key, tick, when, type, id, phase, seq):  # type: ignore[no-untyped-def]
    """Where a letter comes in an inbox of random order: the rank of its sender and of how it was sent."""
    how = ((np.int64(type) * 256 + phase) << 44) + ((when & 0xFFFFFF) << 20) + (np.int64(seq) & 0xFFFFF)
    return rank(key, tick, id, how)


@strict
def next_record(status):  # type: ignore[no-untyped-def]
    """Number of the entity's next record in this phase and tick."""
    n = status[4]
    status[4] = n + 1
    return n


@strict
def blame(status, values, fault, before, after, limit, axis):  # type: ignore[no-untyped-def]
    """Note the entity's first fault."""
    if status[3] == 0:
        status[3] = fault
        values[4], values[5], values[6], values[7] = before, after, limit, axis


@strict
def blame_birth(status, values, fault, before, after, limit, axis):  # type: ignore[no-untyped-def]
    """Note a fault of `settle_...` for an entity that is to be born."""
    blame(status, values, 9 if fault == TOO_FAR else 10 if fault == NOT_FINITE else 11, before, after, limit, axis)


@strict
def keep_blame(status, values, id):  # type: ignore[no-untyped-def]
    """At the end of an entity's turn: keep its fault if it is the least."""
    if status[3] != 0:
        record(status, values, status[3], id, values[4], values[5], values[6], values[7])
        status[3] = 0
        values[4], values[5], values[6], values[7] = 0.0, 0.0, 0.0, 0.0


@strict
def record(status, values, fault, id, before, after, limit, axis):  # type: ignore[no-untyped-def]
    """Keep the fault of the least id."""
    if id < status[1]:
        status[0], status[1] = fault, id
        values[0], values[1], values[2], values[3] = before, after, limit, axis
