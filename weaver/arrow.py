"""Stored columns as Arrow: what questions to a run give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weaver.field import Field

if TYPE_CHECKING:
    import pyarrow as pa


def as_arrow(field: Field, columns: Sequence[NDArray[Any]]) -> pa.Array:
    """A field's column; vectors and array fields are fixed-size lists."""
    import pyarrow as pa  # a run that nobody asks need not load it

    if len(columns) == 1 and not field.length:
        return pa.array(columns[0])
    flat = pa.array(np.stack(columns, axis=1).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, len(columns))


def event_table(
    fields: Mapping[str, Field], entries: Mapping[str, NDArray[Any]], types: Sequence[str], dt: float
) -> pa.Table:
    """Events as a table: tick, time, type, id, and the event's fields.

    Args:
        fields: of the event.
        entries: "@tick", "@type", "@id" and the fields' columns.
        types: names of the entity types, by number; one that the app has no more has the number -1.
        dt: length of a tick.
    """
    import pyarrow as pa

    head: dict[str, Any] = {
        "tick": pa.array(entries["@tick"]),
        "time": pa.array(entries["@tick"] * dt),
        "type": pa.array([types[t] if t >= 0 else None for t in entries["@type"].tolist()], pa.string()),
        "id": pa.array(entries["@id"]),
    }
    return pa.table({**head, **{f.name: as_arrow(f, [entries[c] for c in f.columns]) for f in fields.values()}})
