"""Stored columns as Arrow arrays, without a copy and without pandas.

pyarrow's own `array` loads pandas where it is installed, to see whether it was given a series: half a second and 50 MB
in every process that keeps, records or answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa


def array_of(values: NDArray[Any]) -> pa.Array:
    """(n,) numbers or bools; they must not change as long as the array is used."""
    import pyarrow as pa  # a run that nobody asks need not load it

    bits = values.dtype == np.bool_
    stored = np.packbits(values, bitorder="little") if bits else np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(stored)])


def lists_of(columns: Sequence[NDArray[Any]]) -> pa.FixedSizeListArray:
    """k columns of n numbers as n lists of k."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(array_of(np.stack(columns, axis=1).ravel()), len(columns))
