"""From checked values to stored columns: one array per component, NaN in one pattern, positions on the lattice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.grid import Space
from weaver.errors import ModelError
from weaver.field import Field


def stored_columns(
    kind: str, fields: Iterable[Field], space: Space, count: int, given: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """The columns of some fields.

    Args:
        kind: name of the type, for messages.
        fields: which.
        space: the lattice and the box.
        count: rows.
        given: field name -> (n,) or (n, components); a field that is not among them gets its default.

    Returns:
        Column name -> (n,) in the storage type.

    Raises:
        ModelError: a position is outside the box.
    """
    columns = {}
    for f in fields:
        values = given.get(f.name)
        for k, name in enumerate(f.columns):
            if values is None:
                column = np.full(count, f.default if len(f.columns) == 1 else tuple(f.default)[k], f.dtype)
            else:
                cells = np.asarray(values)
                column = np.array(cells if cells.ndim == 1 else cells[:, k], f.dtype)
            if f.name == "position":
                column = _settled(kind, space, k, column)
            elif column.dtype.kind == "f":
                column[np.isnan(column)] = np.nan
            columns[name] = column
    return columns


def _settled(kind: str, space: Space, k: int, column: NDArray[Any]) -> NDArray[Any]:
    axis = space.axes[k]
    quantum = space.quantum32 if column.dtype == np.float32 else space.quantum
    p = np.rint(column.astype(np.float64) / quantum) * quantum + 0.0
    p = np.where((p < axis.low) & (p > axis.low - axis.quantum), axis.low, p)  # `weaver.settle.at_edge`
    p = np.where((p > axis.high) & (p < axis.high + axis.quantum), axis.high, p)
    if axis.periodic:
        p = np.where(p < axis.low, p + axis.length, np.where(p >= axis.high, p - axis.length, p))
        far = (p < axis.low) | (p >= axis.high)
        p = np.where(far, p - axis.length * np.floor((p - axis.low) / axis.length), p)
        p = np.where((p < axis.low) | (p >= axis.high), axis.low, p) + 0.0
    outside = ~((p >= axis.low) & (p <= axis.high))
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ModelError(
            f"{kind} row {row} has position.{'xyz'[k]} = {column[row]:g}; the box goes from {axis.low:g} to "
            f"{axis.high:g}.\n"
            f"No partition would own it.\n"
            f"Move it inside, or choose a larger Box or another origin."
        )
    return p.astype(column.dtype)
