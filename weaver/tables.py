"""Tables: entities that an author gives as arrays, data frames, Arrow tables or files, checked value by value.

The way of a column is: cells as they come (numpy, Arrow, text) -> `Cells`, a numpy array and a way to name its rows ->
the storage dtype of the field. Only the last step knows fields; only `Source` knows where rows come from.
"""

from __future__ import annotations

import csv
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaver.entity import Entity, fields_of
from weaver.errors import ModelError
from weaver.field import Field
from weaver.message import Link
from weaver.sources import Ties, unknown_field
from weaver.vector import Vec2, Vec2f, Vec3, Vec3f

ID_LIMIT = 1 << 62
"""Given ids are below this; the bit above marks entities born in a run."""

_ID = Field("id", "int", "<i8", None, None, 0)
_TRUTH = {"true": 1, "false": 0, "1": 1, "0": 0}


@dataclass(frozen=True)
class Source:
    """Where columns come from, for messages.

    Attributes:
        name: file name, or what the table is.
        row: names row k (from 0) as a person finds it.
    """

    name: str
    row: Callable[[int], str]

    def place(self, column: str, row: int | None = None) -> str:
        """Name a column, or one cell of it."""
        at = "" if row is None else f"{self.row(row)}, "
        return f"{self.name}, {at}column {column!r}"


def read_columns(
    kind: type[Entity], dim: int, table: Any, fields: Mapping[str, Any], asked: str = "add", *, whole: bool = True
) -> tuple[int, dict[str, NDArray[Any]]]:
    """Read entities of one type into columns of the fields' storage types.

    Args:
        kind: the entity type.
        dim: axes of the world.
        table: None, a mapping of columns, a pandas or polars DataFrame, a structured numpy array, an Arrow table or
            record batch, or the path of a .csv or .parquet file. A vector is one column of rows or lists, or columns
            `name_x`, `name_y`[, `name_z`]; for the position also `x`, `y`[, `z`].
        fields: more columns by field name; a number, a vector or an enum member holds for all.
        asked: what was asked for, in messages.
        whole: entities are to be made of it. Else those that there are get new values: a place is not needed, what is
            not given is left out, and ids can be those of entities that were born.

    Returns:
        The count n, and by field name an (n,) array, or (n, components) for a vector or an array, for every field of
        the type in its order, those not given filled with their defaults; "id" (n,) int64 comes first if ids were
        given.

    Raises:
        ModelError: a column is unknown, missing or double, lengths differ, or a value does not fit its field; names
            the file, row and column.
    """
    known = fields_of(kind, dim)
    table_source, given = _open(table)
    cells = {name: (table_source, values) for name, values in given.items()}
    arrays = Source(f"{asked}({kind.__name__}, ...)", lambda row: f"row {row} (counted from 0)")
    for name, values in fields.items():
        if name in cells:
            raise ModelError(
                f"{arrays.place(name)} was given twice: in {table_source.name} and as a keyword.\n"
                f"Weaver would not know which to take.\n"
                f"Leave one of them out."
            )
        cells[name] = (arrays, values)
    columns: dict[str, NDArray[Any]] = {}
    alike: dict[str, NDArray[Any]] = {}
    lengths: dict[str, int] = {}
    for field, source, values, name in _matched(kind, known, cells):
        made, single = _column(field, source, values, name)
        (alike if single else columns)[field.name] = made
        if not single:
            lengths[name] = len(made)
    if whole and "position" not in columns and "position" not in alike:
        raise ModelError(
            f"{asked}({kind.__name__}, ...) was given {', '.join(cells) or 'nothing'}, and no position.\n"
            f"An entity without a place can not be found.\n"
            f"Give position= as an array (n, {dim}), or columns {', '.join('xyz'[:dim])}."
        )
    if len(set(lengths.values())) > 1:
        raise ModelError(
            f"{asked}({kind.__name__}, ...) was given columns of different lengths: "
            f"{', '.join(f'{name} has {n}' for name, n in lengths.items())}.\n"
            f"Some entities would lack a value.\n"
            f"Give every column one value per entity, or a single value that holds for all."
        )
    count = next(iter(lengths.values()), 1)
    for field in known.values():
        if field.name not in columns and (whole or field.name in alike):
            one = alike.get(field.name)
            columns[field.name] = _repeated(field, count) if one is None else np.repeat(one[None], count, axis=0)
    if "id" in alike:
        columns["id"] = np.repeat(alike["id"][None], count)
    if "id" in columns:
        source, values = cells["id"]
        _check_ids(source, columns["id"], ID_LIMIT if whole else 1 << 63)
    order = [name for name in ("id", *known) if name in columns]
    return count, {name: columns[name] for name in order}


@dataclass(frozen=True, eq=False)
class _Given:
    """A column as given: its name there, where it comes from, and its values."""

    name: str
    source: Source
    values: Any


@dataclass(frozen=True, eq=False)
class _Components:
    """The columns that make up one vector, x first."""

    columns: tuple[_Given, ...]


def _repeated(field: Field, count: int) -> NDArray[Any]:
    """The default of a field, `count` times."""
    if len(field.columns) == 1 and not field.length:
        return np.full(count, field.default, field.dtype)
    return np.tile(np.array(list(field.default), field.dtype), (count, 1))


def _matched(
    kind: type[Entity], known: Mapping[str, Field], cells: Mapping[str, tuple[Source, Any]]
) -> list[tuple[Field, Source, Any, str]]:
    """Pair columns with fields: (field, source, values or components, name for messages)."""
    matched: list[tuple[Field, Source, Any, str]] = []
    pieces: dict[str, dict[str, _Given]] = {}
    for name, (source, values) in cells.items():
        if name == "id" or name in known:
            matched.append((known.get(name, _ID), source, values, name))
            continue
        owner, axis = _component(known, name)
        if owner is None or axis in pieces.get(owner, {}):
            error = unknown_field(kind, name, {"id": _ID, **known})
            raise ModelError(f"{source.place(name)} has no field to go to: {error}")
        pieces.setdefault(owner, {})[axis] = _Given(name, source, values)
    for owner, parts in pieces.items():
        field = known[owner]
        axes = [c.rsplit(".", 1)[1] for c in field.columns]
        first = next(iter(parts.values()))
        if owner in cells or set(parts) != set(axes):
            raise ModelError(
                f"{first.source.place(first.name)} is a component of {kind.__name__}.{owner}, given with "
                f"{', '.join([p.name for p in parts.values()] + ([owner] if owner in cells else []))}.\n"
                f"The vector would have components missing or double.\n"
                f"Give {owner} once: as one column, or as {', '.join(f'{owner}_{a}' for a in axes)}."
            )
        matched.append((field, first.source, _Components(tuple(parts[a] for a in axes)), owner))
    return matched


def _component(known: Mapping[str, Field], name: str) -> tuple[str | None, str]:
    """'velocity_x' -> ('velocity', 'x'), 'x' -> ('position', 'x'), 'f_3' -> ('f', '3'); (None, '') if none has it."""
    cut = max(name.rfind("_"), name.rfind("."))
    owner, axis = ("position", name) if len(name) == 1 else (name[: max(cut, 0)], name[cut + 1 :])
    field = known.get(owner)
    if field is None or f"{owner}.{axis}" not in field.columns:
        return None, ""
    return owner, axis


def _column(field: Field, source: Source, values: Any, name: str) -> tuple[NDArray[Any], bool]:
    """One field's column in its storage type, and whether it is a single value that holds for all."""
    if field.vector is None and not field.length:
        cells = _cells(values, source, name)
        if cells.ndim > 1:
            raise _wrong_shape(field, source, name, cells)
        return _stored(field, np.atleast_1d(cells), source, name).reshape(cells.shape), cells.ndim == 0
    size = len(field.columns)
    if isinstance(values, _Components):
        parts = [_column(_scalar(field), c.source, c.values, c.name)[0] for c in values.columns]
        if len({part.shape for part in parts if part.ndim}) > 1:
            raise _wrong_shape(field, source, name, parts[0])
        return np.stack(np.broadcast_arrays(*parts), axis=-1), all(part.ndim == 0 for part in parts)
    cells = _cells(values, source, name)
    if field.length and cells.ndim == 0:
        cells = np.repeat(cells, size)
    if cells.size == 0 and len(cells) == 0:
        cells = cells.reshape(0, size)
    if cells.shape[-1:] != (size,) or cells.ndim > 2:
        raise _wrong_shape(field, source, name, cells)
    flat = np.atleast_2d(cells)
    stored = np.stack([_stored(_scalar(field), flat[:, axis], source, name) for axis in range(size)], axis=-1)
    return stored.reshape(cells.shape), cells.ndim == 1


def _scalar(field: Field) -> Field:
    """A component or element as a field of its own; the name keeps the position's stricter rule."""
    return Field(field.name, "float" if field.vector is not None else field.kind, field.dtype, None, None, 0.0)


def _wrong_shape(field: Field, source: Source, name: str, cells: NDArray[Any]) -> ModelError:
    shape = "(n,)" if field.vector is None and not field.length else f"(n, {len(field.columns)})"
    return ModelError(
        f"{source.place(name)} has the shape {cells.shape} of {cells.dtype}; {field.name} takes {shape}.\n"
        f"Values could not be told apart by entity.\n"
        f"Give an array of shape {shape}, or one value that holds for all."
    )


def _cells(values: Any, source: Source, name: str) -> NDArray[Any]:
    """Cells as they come, as one numpy array of numbers, text or objects."""
    import pyarrow as pa

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return _arrow_cells(values, source, name)
    if isinstance(values, (Vec2, Vec3, Vec2f, Vec3f)):
        return np.array(list(values), np.float64)
    if isinstance(values, (list, tuple)) and values and isinstance(values[0], (Vec2, Vec3, Vec2f, Vec3f)):
        values = [tuple(v) for v in values]
    try:
        cells = np.asarray(values)
    except ValueError as cause:
        raise ModelError(
            f"{source.place(name)} has rows of different lengths ({cause}).\n"
            f"Vectors would have components missing.\n"
            f"Give every row the same number of values."
        ) from cause
    if cells.dtype == object and cells.ndim == 1 and len(cells):
        if isinstance(cells[0], (Vec2, Vec3, Vec2f, Vec3f)):
            cells = np.array([tuple(v) for v in cells], np.float64)
        elif isinstance(cells[0], (list, tuple, np.ndarray)):
            return _cells(list(map(list, cells)), source, name)
    return cells


def _arrow_cells(values: Any, source: Source, name: str) -> NDArray[Any]:
    import pyarrow as pa

    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):  # older Arrow keeps several chunks of a long text column
        array = pa.concat_arrays(array.chunks)
    if isinstance(array.type, pa.DictionaryType):
        array = array.dictionary_decode()
    if array.null_count:
        raise _missing(source, name, int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0]))
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        if pa.types.is_fixed_size_list(array.type):
            lengths = np.full(len(array), array.type.list_size)
        else:
            lengths = np.diff(array.offsets.to_numpy())
        if len(lengths) and (lengths != lengths[0]).any():
            row = int(np.flatnonzero(lengths != lengths[0])[0])
            raise ModelError(
                f"{source.place(name, row)} has {lengths[row]} values, the rows before {lengths[0]}.\n"
                f"Vectors would have components missing.\n"
                f"Give every row the same number of values."
            )
        flat = array.flatten()
        if flat.null_count:
            first = np.flatnonzero(flat.is_null().to_numpy(zero_copy_only=False))[0]
            raise _missing(source, name, int(first // lengths[0]))
        width = int(lengths[0]) if len(lengths) else getattr(array.type, "list_size", 0)
        return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(len(array), width)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _missing(source: Source, name: str, row: int) -> ModelError:
    return ModelError(
        f"{source.place(name, row)} has no value; every entity needs one.\n"
        f"It would start with a number that nobody chose.\n"
        f"Fill the cell, or leave the whole column out to get the field's default."
    )


def _stored(field: Field, cells: NDArray[Any], source: Source, name: str) -> NDArray[Any]:
    """(n,) cells checked against a scalar field, in its storage type."""

    def refuse(row: int, allowed: str) -> ModelError:
        value = cells[row].item() if isinstance(cells[row], np.generic) else cells[row]
        return ModelError(
            f"{source.place(name, row)}: {value!r} was given; {field.name} takes {allowed}.\n"
            f"The entity would start with a value that is not yours.\n"
            f"Correct this cell, or change the type of the field."
        )

    numbers = cells if cells.dtype.kind in "biuf" else _parsed(field, cells, source, name, refuse)
    storage = np.dtype(field.dtype)
    if field.kind == "float":
        with np.errstate(over="ignore"):
            made = numbers.astype(storage)
        wrong = np.isinf(made) & np.isfinite(numbers)
        allowed = f"numbers that fit {storage.name}"
        if field.name == "position":
            wrong, allowed = ~np.isfinite(made), "finite numbers"
        if wrong.any():
            raise refuse(int(np.flatnonzero(wrong)[0]), allowed)
        made[np.isnan(made)] = np.nan  # the one bit pattern of the store
        return made
    if field.enum is not None:
        values = [int(member) for member in field.enum]
        wrong, allowed = ~np.isin(numbers, values), f"{field.enum.__name__}: {_members(field.enum)}"
    elif field.kind == "bool":
        wrong, allowed = (numbers != 0) & (numbers != 1), "true or false"
    else:
        limits = np.iinfo(storage)
        allowed = f"whole numbers from {limits.min} to {limits.max}"
        wrong = _outside(numbers, limits.min, limits.max)
    if wrong.any():
        raise refuse(int(np.flatnonzero(wrong)[0]), allowed)
    return numbers.astype(storage)


def _outside(numbers: NDArray[Any], low: int, high: int) -> NDArray[np.bool_]:
    """Where a number is not whole or not in low..high; exact for every dtype, NaN is outside."""
    if numbers.dtype.kind == "b":
        return np.zeros(len(numbers), np.bool_)
    if numbers.dtype.kind != "f":
        # Python's integers compare exactly with every integer dtype, whatever its range
        return np.asarray((numbers < low) | (numbers > high))
    with np.errstate(invalid="ignore"):
        return np.asarray(~((numbers >= low) & (numbers < float(high) + 1.0) & (np.floor(numbers) == numbers)))


def _members(kind: type[enum.IntEnum]) -> str:
    return ", ".join(f"{m.name} ({int(m)})" for m in kind)


def _parsed(
    field: Field,
    cells: NDArray[Any],
    source: Source,
    name: str,
    refuse: Callable[[int, str], ModelError],
) -> NDArray[Any]:
    """Text and objects as numbers: float64 for a float field, else whole numbers of the least sufficient dtype."""
    allowed = {"float": "numbers", "int": "whole numbers", "bool": "true or false"}[field.kind]
    names = {} if field.enum is None else {m.name: int(m) for m in field.enum}
    if field.enum is not None:
        allowed = f"{field.enum.__name__}: {_members(field.enum)}"
    made: list[float | int] = []
    for row, cell in enumerate(cells):
        text = cell.strip() if isinstance(cell, str) else None
        if cell is None or text == "" or type(cell).__name__ in ("NAType", "NaTType"):
            raise _missing(source, name, row)
        number = _number(cell if text is None else text, field.kind, names)
        if number is None:
            raise refuse(row, allowed)
        made.append(number)
    if field.kind == "float":
        return np.array(made, np.float64)
    far = next((row for row, number in enumerate(made) if not -(1 << 63) <= number < 1 << 64), None)
    if far is not None:
        raise refuse(far, allowed)
    return np.array(made, np.uint64 if any(number >= 1 << 63 for number in made) else np.int64)


def _number(cell: Any, kind: str, names: Mapping[str, int]) -> float | int | None:
    """One cell as a number, or None."""
    if isinstance(cell, str):
        if cell in names:
            return names[cell]
        if kind == "bool":
            return _TRUTH.get(cell.lower())
        try:
            return float(cell) if kind == "float" else int(cell)
        except ValueError:
            return _whole(cell) if kind == "int" else None
    if isinstance(cell, (bool, int, float, np.number, np.bool_)):
        if kind == "float":
            return float(cell)
        return int(cell) if float(cell).is_integer() else None
    return None


def _whole(text: str) -> int | None:
    """'3.0' -> 3: how spreadsheets write whole numbers."""
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _check_ids(source: Source, ids: NDArray[np.int64], limit: int) -> None:
    wrong = (ids < 0) | (ids > limit - 1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ModelError(
            f"{source.place('id', row)}: {ids[row]} was given; ids are whole numbers from 0 to 2^62 - 1.\n"
            f"Larger ones are kept for entities that are born in a run.\n"
            f"Number the entities from 0, or leave the column out."
        )
    order = np.argsort(ids, kind="stable")
    same = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(same):
        row = int(order[same + 1].min())
        first = int(np.flatnonzero(ids == ids[row])[0])
        raise ModelError(
            f"{source.place('id', row)}: {ids[row]} was given, which {source.row(first)} has already; ids are unique.\n"
            f"Random numbers and links go by the id, so the two would be one.\n"
            f"Give each entity its own id, or leave the column out."
        )


def read_links(link: type[Link], a: Any, b: Any, fields: Mapping[str, Any]) -> Ties:
    """Read links into columns of the fields' storage types.

    Args:
        link: the type of link.
        a: (n,) ids, or one id that holds for all.
        b: (n,) ids, or one.
        fields: (n,) or (n, components) values by name, or one value for all; those not given get their defaults.

    Raises:
        ModelError: a column is unknown, lengths differ, an id is no id, an entity is tied to itself, or a value does
            not fit; names row and column.
    """
    source = Source(f"link({link.__name__}, ...)", lambda row: f"row {row} (counted from 0)")
    ends = [_column(_ID, source, values, name)[0] for name, values in (("a", a), ("b", b))]
    columns = {}
    for name, values in fields.items():
        if name not in link.__fields__:
            raise unknown_field(link, name, link.__fields__)
        columns[name] = _column(link.__fields__[name], source, values, name)
    lengths = {name: len(end) for name, end in zip("ab", ends, strict=True) if end.ndim}
    lengths |= {name: len(made) for name, (made, single) in columns.items() if not single}
    if len(set(lengths.values())) > 1:
        raise ModelError(
            f"link({link.__name__}, ...) was given columns of different lengths: "
            f"{', '.join(f'{name} has {n}' for name, n in lengths.items())}.\n"
            f"Some links would lack an end or a value.\n"
            f"Give every column one value per link, or a single value that holds for all."
        )
    count = next(iter(lengths.values()), 1)
    first, second = (np.ascontiguousarray(np.broadcast_to(end, (count,))) for end in ends)
    for name, end in (("a", first), ("b", second)):
        wrong = np.flatnonzero(end < 0)
        if len(wrong):
            raise ModelError(
                f"{source.place(name, int(wrong[0]))}: {end[wrong[0]]} was given; ids are whole numbers from 0 on.\n"
                f"There is no such entity to tie.\n"
                f"Give ids as sim.add was given them, or as they are counted: from 0, in the order of add and scatter."
            )
    loops = np.flatnonzero(first == second)
    if len(loops):
        raise ModelError(
            f"{source.place('b', int(loops[0]))}: entity {first[loops[0]]} would be tied to itself; a link ties two.\n"
            f"It would meet itself among its neighbours.\n"
            f"Leave the row out."
        )
    values = {}
    for field in link.__fields__.values():
        made, single = columns.get(field.name, (None, False))
        if made is None:
            made = _repeated(field, count)
        elif single:
            made = np.repeat(made[None], count, axis=0)
        values[field.name] = made
    return Ties(link, first, second, values)


def _open(table: Any) -> tuple[Source, dict[str, Any]]:
    """Columns of a table by name, and how its rows are called."""
    counted = Source("the table", lambda row: f"row {row} (counted from 0)")
    if table is None:
        return counted, {}
    if isinstance(table, (str, Path)):
        return _read_file(Path(table))
    if isinstance(table, Mapping):
        return counted, {str(name): values for name, values in table.items()}
    if isinstance(table, np.ndarray) and table.dtype.names:
        return counted, {name: table[name] for name in table.dtype.names}
    import pyarrow as pa

    if isinstance(table, (pa.Table, pa.RecordBatch)):
        return counted, {name: table.column(name) for name in table.schema.names}
    if hasattr(table, "columns") and hasattr(table, "iloc"):
        return counted, {str(name): table[name].to_numpy() for name in table.columns}
    if hasattr(table, "__arrow_c_stream__"):
        return counted, dict(zip((made := pa.table(table)).schema.names, made.columns, strict=True))
    raise ModelError(
        f"add(..., {type(table).__name__}) was asked for; a table is a dict of arrays, a DataFrame, an Arrow table, or "
        f"the path of a .csv or .parquet file.\n"
        f"Weaver would not know its columns.\n"
        f"Pass the columns by name: sim.add(Bird, position=positions, velocity=velocities)."
    )


def _read_file(path: Path) -> tuple[Source, dict[str, Any]]:
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix not in readers or not path.is_file():
        found = "is not a file" if path.suffix in readers else f"ends in {path.suffix!r}"
        raise ModelError(
            f"add(..., {str(path)!r}) was asked for, which {found}; a table is a .csv or .parquet file.\n"
            f"There would be nothing to read.\n"
            f"Give the path from here ({Path.cwd()}) or a whole path."
        )
    return readers[path.suffix](path)


def _read_parquet(path: Path) -> tuple[Source, dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as cause:
        raise ModelError(
            f"{path.name} was to be read as Parquet, and it is not ({cause}).\n"
            f"There would be nothing to read.\n"
            f"Write it again, for example by pandas' DataFrame.to_parquet."
        ) from cause
    source = Source(path.name, lambda row: f"row {row + 1} (counted from 1)")
    return source, {name: table.column(name) for name in table.schema.names}


def _read_csv(path: Path) -> tuple[Source, dict[str, Any]]:
    """Columns of a CSV file with a header; numbers by Arrow where all cells of a column are numbers, else text."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    def line_of(row: int) -> str:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = (reader.line_num for record in reader if record)
            for k, line in enumerate(lines):
                if k == row + 1:
                    return f"row {line} (the header is row 1)"
        return f"row {row + 2} (the header is row 1)"

    source = Source(path.name, line_of)
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next((record for record in csv.reader(file) if record), [])
    if not header or len(set(header)) < len(header):
        raise ModelError(
            f"{path.name}, row 1: the header {header!r} was found; it names every column once.\n"
            f"Columns could not be told apart.\n"
            f"Write a first row like x,y,velocity_x,velocity_y."
        )
    try:
        table = arrow_csv.read_csv(
            path,
            convert_options=arrow_csv.ConvertOptions(strings_can_be_null=False, null_values=[]),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        )
    except pa.ArrowInvalid as cause:
        raise _bad_rows(path, len(header), cause) from cause
    names = [name.strip() for name in header]
    return source, dict(zip(names, table.columns, strict=True))


def _bad_rows(path: Path, columns: int, cause: Exception) -> ModelError:
    """The error for a CSV whose rows can not be split into columns; finds the row."""
    found = str(cause)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.reader(file)
        for record in reader:
            if record and len(record) != columns:
                missing = "too few" if len(record) < columns else "too many"
                found = f"row {reader.line_num} (the header is row 1) has {len(record)} cells, {missing}"
                break
    return ModelError(
        f"{path.name}: {found}; the header names {columns} columns.\n"
        f"Values would go to the wrong fields.\n"
        f"Give each row {columns} cells, with text that holds a comma in double quotes."
    )
