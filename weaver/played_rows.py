"""Rows of the interpreter: all entities of a type, or all cells of a layer, in columns of the storage types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.grid import Cells, Grid
from weaver import settle
from weaver.arithmetic import to_bool, to_int
from weaver.errors import BehaviorError
from weaver.field import VECTORS, Field
from weaver.vector import Vec2, Vec3

_WIDE = {"bool": "|b1", "int": "<i8", "float": "<f8"}
_HELD: Mapping[str, Callable[[Any], Any]] = {"bool": to_bool, "int": to_int, "float": float}


class Rows:
    """All entities of one type, by ascending id.

    Attributes:
        kind: the type; index: its number in the program.
        fields: by name, position first.
        ids: (n,) int64.
        columns: by column name, (n,) arrays of the storage types.
        single: positions are float32.
    """

    def __init__(self, kind: type, index: int, fields: Mapping[str, Field], cells: Cells | None) -> None:
        self.kind, self.index, self.fields, self.cells = kind, index, fields, cells
        self.ids: NDArray[np.int64] = np.empty(0, np.int64)
        self.columns: dict[str, NDArray[Any]] = {}
        for field in fields.values():
            self.columns.update({name: np.empty(0, field.dtype) for name in field.columns})
        self.single = "position" in fields and fields["position"].dtype == "<f4"
        self.changed()

    def changed(self) -> None:
        """Forget what was derived from the columns."""
        self._values: dict[str, list[Any]] = {}
        self._near: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None

    def values(self, name: str) -> list[Any]:
        """A field of every row, as a behavior reads it: bool, int, float, a vector, or a tuple of elements."""
        if name not in self._values:
            self._values[name] = read(self.fields[name], [self.columns[c] for c in self.fields[name].columns])
        return self._values[name]

    def place(self, row: int) -> tuple[float, ...]:
        """Where a row stands, in float64."""
        return tuple(self.values("position")[row])

    def row_of(self, id: int) -> int | None:
        """The row of an id, or None."""
        row = int(np.searchsorted(self.ids, id))
        return row if row < len(self.ids) and self.ids[row] == id else None

    def places(self, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Positions (n, dim) in float64 and the global cell of each (n, dim)."""
        if self._near is None:
            assert self.cells is not None
            columns = [self.columns[c].astype(np.float64) for c in self.fields["position"].columns]
            cells = np.empty((len(self.ids), len(columns)), np.int64)
            for a, (axis, column) in enumerate(zip(grid.space.axes, columns, strict=True)):
                edges = self.cells.edges[a]
                per_length = (len(edges) - 1) / axis.length
                cells[:, a] = [settle.cell_of(p, axis.low, per_length, edges) for p in column.tolist()]
            self._near = np.stack(columns, axis=1), cells
        return self._near

    def write(self, written: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        """Store what rows wrote: (row, field name -> value)."""
        for name, field in self.fields.items():
            chosen = [(row, values[name]) for row, values in written if name in values]
            if chosen:
                columns = stored(field, [value for _, value in chosen])
                for column_name, values in zip(field.columns, columns, strict=True):
                    self.columns[column_name][[row for row, _ in chosen]] = values
        self.changed()

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Drop the other rows."""
        self.ids = self.ids[chosen]
        self.columns = {name: column[chosen] for name, column in self.columns.items()}
        self.changed()

    def insert(self, ids: Sequence[int] | NDArray[np.int64], values: Mapping[str, Sequence[Any]]) -> None:
        """Add rows: ids (n,), and n values of every field."""
        self.ids = np.concatenate([self.ids, np.asarray(ids, np.int64)])
        for name, field in self.fields.items():
            made = stored(field, values[name])
            for column_name, column in zip(field.columns, made, strict=True):
                self.columns[column_name] = np.concatenate([self.columns[column_name], column])
        order = np.argsort(self.ids)
        self.ids = self.ids[order]
        self.columns = {name: column[order] for name, column in self.columns.items()}
        self.changed()


def read(field: Field, columns: Sequence[NDArray[Any]]) -> list[Any]:
    """Stored columns of a field as values: scalars widened to 64 bits, components joined to vectors."""
    if field.vector is not None:
        return [field.vector(*parts) for parts in zip(*(c.tolist() for c in columns), strict=True)]
    if field.length:
        return list(zip(*(c.astype(_WIDE[field.kind]).tolist() for c in columns), strict=True))
    return columns[0].astype(_WIDE[field.kind]).tolist()  # type: ignore[no-any-return]


def split(field: Field, values: NDArray[Any]) -> list[Any]:
    """Values of a field, (n,) or (n, components), as `read` gives them."""
    one = field.vector is None and not field.length
    return read(field, [values] if one else [values[:, k] for k in range(len(field.columns))])


def element(field: Field, value: Any) -> Any:
    """A number as a field holds it until it is stored: int, float or bool."""
    return _HELD[field.kind](value)


def held(field: Field, value: Any) -> Any:
    """A value as a field holds it until it is stored.

    Raises:
        BehaviorError: a vector where a number belongs, or the other way round.
    """
    is_vector = isinstance(value, tuple(VECTORS))
    wanted = field.vector.__name__ if field.vector else f"tuple of {field.length}" if field.length else field.kind
    fits = (field.vector is not None) == is_vector and isinstance(value, (tuple, list)) == bool(field.length)
    if not fits or (is_vector and VECTORS[type(value)][0] != len(field.columns)):
        raise BehaviorError(
            f"{field.name} = {value!r} was asked for; {field.name} is a {wanted}.\n"
            f"The value cannot be stored.\n"
            f"Assign a {wanted if field.vector or field.length else 'number'}."
        )
    if field.vector is not None:
        return field.vector(value)
    if field.length:
        return tuple(element(field, v) for v in value)
    return element(field, value)


def default(field: Field) -> Any:
    """What a field holds where nothing was given."""
    return held(field, field.default)


def stored(field: Field, values: Sequence[Any]) -> list[NDArray[Any]]:
    """Values as the columns that the store keeps: wrapped or rounded, one pattern for NaN."""
    if field.vector is not None or field.length:
        wide = "<f8" if field.vector is not None else _WIDE[field.kind]
        parts = [np.array([tuple(v)[k] for v in values], wide) for k in range(len(field.columns))]
    else:
        parts = [np.array(values, _WIDE[field.kind])]
    with np.errstate(all="ignore"):
        columns = [part.astype(field.dtype) for part in parts]
    for column in columns:
        if column.dtype.kind == "f":
            column[np.isnan(column)] = np.nan
    return columns


def kept(field: Field, value: Any) -> Any:
    """A value as it is read back after it was stored."""
    return read(field, stored(field, [held(field, value)]))[0]


def vector(parts: Iterable[float]) -> Vec2 | Vec3:
    """A Vec2 or Vec3."""
    values = list(parts)
    return Vec2(*values) if len(values) == 2 else Vec3(*values)
