"""Cells of layers: which one holds a place, where it is, and how a field of it falls off.

Strict functions like those of `weaver.settle`, which kernels inline and the interpreter calls. A local row is the
number of a cell in a partition's box and rim; `geometry` is that of `partitions.store`.
"""

from __future__ import annotations

import numpy as np

from weaver.settle import (
    LOOKED_TOO_FAR,
    nearest_image,
    on_lattice,
    settle_absorb,
    settle_clamp,
    settle_periodic,
    settle_reflect,
    settle_strict,
    strict,
)


@strict
def _within_reach(q, s, quantum, reach, fault):  # type: ignore[no-untyped-def]
    if fault == 1 or not abs(q - s) <= reach + quantum:
        fault = LOOKED_TOO_FAR
    return (s if fault != 0 else q), fault


# A place that a word takes is brought to the lattice and into the box as a position is; then its image nearest to the
# entity must lie within the reach. Each gives (image, fault), s where there is a fault.


@strict
def place_periodic(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """The image of a place, along a periodic axis, that is nearest to s."""
    q, fault = settle_periodic(p, low, low, high, length, quantum, np.inf)
    if fault == 0:
        q = s + nearest_image(q - s, length)
    return _within_reach(q, s, quantum, reach, fault)


@strict
def place_reflect(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """A place, mirrored into the box."""
    q, fault, _ = settle_reflect(p, s, low, high, length, quantum, np.inf)
    return _within_reach(q, s, quantum, reach, fault)


@strict
def place_clamp(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """A place, or where the wall holds it."""
    q, fault = settle_clamp(p, s, low, high, length, quantum, np.inf)
    return _within_reach(q, s, quantum, reach, fault)


@strict
def place_absorb(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """A place, or the edge of the box nearest to it."""
    q, fault, _ = settle_absorb(p, s, low, high, length, quantum, np.inf)
    return _within_reach(q, s, quantum, reach, fault)


@strict
def place_strict(p, s, low, high, length, quantum, reach):  # type: ignore[no-untyped-def]
    """A place, which must be in the box."""
    q, fault = settle_strict(p, s, low, high, length, quantum, np.inf)
    if fault == 1 or (fault == 0 and not abs(q - s) <= reach + quantum):
        fault = LOOKED_TOO_FAR
    return (s if fault != 0 else q), fault


@strict
def is_beyond(p, low, high, quantum):  # type: ignore[no-untyped-def]
    """Whether a place lies beyond an end of the box, on the lattice."""
    q = on_lattice(p, quantum)
    return q < low or q > high


@strict
def centre_of(k, edges, length):  # type: ignore[no-untyped-def]
    """Coordinate of the middle of cell k along an axis; beyond a periodic seam cells count on, by whole worlds."""
    n = len(edges) - 1
    turns = k // n
    i = np.uintp(k - turns * n)
    return 0.5 * (edges[i] + edges[i + np.uintp(1)]) + turns * length


@strict
def cell_along(row, axis, geometry):  # type: ignore[no-untyped-def]
    """Number of a local row's cell along an axis, in the world; beyond a periodic seam cells count on."""
    k = np.int64(row)
    if axis == 0:
        k = k % geometry[1]
    elif axis == 1:
        k = k // geometry[1] % geometry[2]
    else:
        k = k // (geometry[1] * geometry[2])
    return k - geometry[4 + axis] + geometry[10 + axis]


@strict
def cell_id(row, geometry, nx, ny, nz):  # type: ignore[no-untyped-def]
    """Id of a local row's cell: its number in the world, row-major, x fastest."""
    x, y, z = cell_along(row, 0, geometry) % nx, cell_along(row, 1, geometry) % ny, cell_along(row, 2, geometry) % nz
    return (z * ny + y) * nx + x


@strict
def slope(low, high, sides, resolution):  # type: ignore[no-untyped-def]
    """(high - low) / (resolution * sides): central difference with two sides, one-sided with one, 0.0 with none."""
    if sides == 0:
        return 0.0
    return (np.float64(high) - np.float64(low)) / (resolution * sides)
