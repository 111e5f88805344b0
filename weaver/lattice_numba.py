"""Sites in kernels: strict functions that say where a site lies, seen from a cell of a partition."""

from __future__ import annotations

import numpy as np

from weaver.settle import strict


@strict
def nearest_step(d, n):  # type: ignore[no-untyped-def]
    """The image of a difference of cells that is least in size, for a periodic axis of n cells."""
    d = d % n
    return d - n if d + d > n else d


@strict
def site_coordinate(cell, row, n, m, centres, length):  # type: ignore[no-untyped-def]
    """Coordinate of a site; cells count on beyond a periodic seam, and the coordinate does with them.

    Args:
        cell: number of the site along the axis.
        row: its number along y.
        n: sites along the axis.
        m: after how many rows the coordinates repeat.
        centres: (m * n,) coordinates along the axis.
        length: of the axis.
    """
    turns = np.int64(np.floor(cell / n))
    return centres[np.uintp((row % m) * n + cell - turns * n)] + turns * length
