"""The compiled inner loop that brings a column into another order, for one width of its values.

Loaded by `partitions.compiled`, never imported directly.
"""

# mypy: ignore-errors
# (the signatures that numba compiles for are the types)

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}

WIDTH = "uint64"
"""Of the columns, as unsigned integers; `loops` puts another in its place."""


@njit(f"void(uint64, uint64, uint32[::1], {WIDTH}[::1], {WIDTH}[::1])", **_OPTIONS)
def gather(first, last, order, source, out):
    """out[i] = source[order[i]] for i in [first, last); columns come as unsigned integers of their width."""
    for i in range(first, last):
        out[i] = source[np.uintp(order[i])]
