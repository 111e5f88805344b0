"""Answers: entities as an Arrow table, and the part of it that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partitions.arrow import array_of
from partitions.program import TypeSpec
from weaver.arrow import as_arrow
from weaver.entity import Entity, fields_of
from weaver.errors import ModelError

if TYPE_CHECKING:
    import pyarrow as pa


def entity_table(
    spec: TypeSpec, kind: type[Entity], dim: int, ids: NDArray[np.int64], columns: Sequence[NDArray[Any]]
) -> pa.Table:
    """Stored columns as fields: a vector or an array becomes a list of fixed size."""
    import pyarrow as pa

    names = [column.name for column in spec.columns]
    arrays = {"id": array_of(ids)}
    for field in fields_of(kind, dim).values():
        arrays[field.name] = as_arrow(field, [columns[names.index(name)] for name in field.columns])
    return pa.table(arrays)


def check_fields(kind: type[Entity], dim: int, fields: Sequence[str]) -> None:
    """Refuse names that are no fields.

    Raises:
        ModelError: one is none.
    """
    known = ["id", *fields_of(kind, dim)]
    for name in fields:
        if name not in known:
            raise ModelError(
                f"entities({kind.__name__}, fields=...) was asked for {name!r}; it has {', '.join(known)}.\n"
                f"There is no such column.\n"
                f"Choose among these."
            )


def chosen(table: pa.Table, dim: int, fields: Sequence[str] | None, where: Any, area: Any) -> pa.Table:
    """The rows and columns that `Run.entities` was asked for.

    Raises:
        ModelError: the area does not have the world's axes.
    """
    if area is not None:
        low, high = (np.asarray(corner, np.float64) for corner in area)
        if low.shape != (dim,) or high.shape != (dim,):
            raise ModelError(
                f"entities(area={area!r}) was asked for; the world has {dim} axes.\n"
                f"Nobody could be said to be inside.\n"
                f"Write area=(({', '.join('0' * dim)}), ({', '.join('9' * dim)}))."
            )
        places = table["position"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
        table = table.filter(((places >= low) & (places < high)).all(axis=1))
    if where is not None:
        table = table.filter(where)
    if fields is not None:
        table = table.select(["id", *(name for name in fields if name != "id")])
    return table
