"""Stored columns as Arrow: what questions to a run give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from partitions.arrow import array_of, lists_of
from weaver.field import Field

if TYPE_CHECKING:
    import pyarrow as pa


def as_arrow(field: Field, columns: Sequence[NDArray[Any]]) -> pa.Array:
    """A field's column; vectors and array fields are fixed-size lists."""
    return array_of(columns[0]) if len(columns) == 1 and not field.length else lists_of(columns)


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
        "tick": array_of(entries["@tick"]),
        "time": array_of(entries["@tick"] * dt),
        "type": pa.array([types[t] if t >= 0 else None for t in entries["@type"].tolist()], pa.string()),
        "id": array_of(entries["@id"]),
    }
    return pa.table({**head, **{f.name: as_arrow(f, [entries[c] for c in f.columns]) for f in fields.values()}})
