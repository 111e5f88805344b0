"""Admission: what was read from a file fits the program, before a kernel sees it.

A checksum tells a torn file from a whole one, and nothing of who wrote it. Kernels trust rows: a place outside the box
has no cell, a type that does not exist no table.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command, Letter, Rows
from partitions.log import Entry, Parameters, Promise
from partitions.program import MOVED, Program
from partitions.store import Array

NEVER = 1 << 40
"""Ticks are below this: random numbers are keyed by 40 bits of them."""


def check_entry(program: Program, entry: Entry) -> None:
    """Refuse inputs that cannot be given to a run of this program.

    Raises:
        ValueError: says what does not fit.
    """
    if not 0 <= entry.tick < NEVER:
        raise ValueError(f"it acts at tick {entry.tick}")
    for one in entry.inputs:
        if isinstance(one, Parameters):
            for values, slots in ((one.reals, program.reals), (one.integers, program.integers)):
                if values.dtype != slots.dtype or len(values) > len(slots):
                    raise ValueError(f"it sets {len(values)} parameters of {values.dtype}, of {len(slots)}")
        elif isinstance(one, Command):
            _check_command(program, one)
        else:
            check_promise(program, one, entry.tick)


def _check_command(program: Program, command: Command) -> None:
    for rows in command.inserts:
        check_rows(program, rows, whole=True)
    for rows in command.writes:
        check_rows(program, rows, whole=False)
    _check_ids(command.removals)
    for letter in command.letters:
        _check_letter(program, letter)


def check_promise(program: Program, promise: Promise, tick: int) -> None:
    """Refuse a promise that could not be kept by a run of this program, whatever its state.

    Raises:
        ValueError: says what does not fit.
    """
    if not (0 <= promise.number < 1 << 62 and tick <= promise.tick < NEVER):
        raise ValueError(f"promise {promise.number} is for tick {promise.tick}")
    what, name = promise.what, promise.name
    if what in ("add", "put", "update"):
        types = [None if spec.raster else spec.name for spec in program.types]
        if name not in types:
            raise ValueError(f"it is of the type {name!r}, of which there are none")
        rows = Rows(types.index(name), promise.ids, promise.columns)
        check_rows(program, rows, whole=what == "add")
    elif what == "send":
        messages = [spec.name for spec in program.messages]
        if name not in messages:
            raise ValueError(f"it is of the message {name!r}, of which there are none")
        _check_letter(program, Letter(messages.index(name), promise.ids, promise.columns, promise.tick, 0))
    elif what == "remove":
        _check_ids(promise.ids)
    elif what == "set":
        if any(len(column) != 1 or column.dtype.kind not in "if" for column in promise.columns.values()):
            raise ValueError("it sets a parameter to something else than a number")
    else:
        raise ValueError(f"it promises to {what!r}")


def check_rows(program: Program, rows: Rows, whole: bool) -> None:
    """Refuse rows that cannot be put into the table of their type.

    Args:
        program: what runs.
        rows: some.
        whole: all columns have to be there.

    Raises:
        ValueError: says what does not fit.
    """
    if not 0 <= rows.type < len(program.types) or program.types[rows.type].raster:
        raise ValueError(f"it is of the type number {rows.type}, of which there are none")
    spec = program.types[rows.type]
    dtypes = {c.name: c.dtype for c in spec.columns}
    if whole and (lacking := [name for name in dtypes if name not in rows.columns and name != MOVED]):
        raise ValueError(f"{spec.name} lacks the column {lacking[0]}")
    _check_columns(spec.name, dtypes, rows.columns, len(rows.ids))
    _check_ids(rows.ids)
    check_places(program, rows.type, rows.columns)


def check_places(program: Program, type: int, columns: Mapping[str, Array]) -> None:
    """Refuse positions that are not in the box, or not on the lattice of positions.

    Raises:
        ValueError: names the first.
    """
    space = program.grid.space
    for name, axis in zip(("position.x", "position.y", "position.z"), space.axes, strict=False):
        if name not in columns:
            continue
        p = columns[name].astype(np.float64)
        quantum = space.quantum32 if columns[name].dtype == np.float32 else space.quantum
        inside = (p >= axis.low) & ((p < axis.high) if axis.periodic else (p <= axis.high))
        inside &= np.rint(np.where(inside, p, 0.0) / quantum) * quantum == p
        if not inside.all():
            raise ValueError(
                f"{program.types[type].name} is at {name} = {float(p[~inside][0])!r}; the box goes from {axis.low:g} "
                f"to {axis.high:g} in steps of {quantum:g}"
            )


def _check_letter(program: Program, letter: Letter) -> None:
    if not 0 <= letter.message < len(program.messages):
        raise ValueError(f"it is of the message number {letter.message}, of which there are none")
    spec = program.messages[letter.message]
    dtypes = {c.name: c.dtype for c in spec.columns}
    if set(dtypes) != set(letter.columns):
        raise ValueError(f"{spec.name} has the columns {sorted(letter.columns)}, not {sorted(dtypes)}")
    _check_columns(spec.name, dtypes, letter.columns, len(letter.to))
    if letter.to.dtype != np.int64 or not 0 <= letter.tick < NEVER or not 0 <= letter.first < 1 << 31:
        raise ValueError(f"letter {letter.first} of tick {letter.tick} is to {letter.to.dtype}")


def _check_columns(name: str, dtypes: Mapping[str, str], columns: Mapping[str, Array], n: int) -> None:
    for column, values in columns.items():
        if column not in dtypes or values.dtype != np.dtype(dtypes[column]) or len(values) != n:
            raise ValueError(f"{name}.{column} has {len(values)} values of {values.dtype} for {n} rows")
        if values.dtype == np.bool_ and (values.view(np.uint8) > 1).any():
            raise ValueError(f"{name}.{column} holds numbers that are neither true nor false")


def _check_ids(ids: NDArray[np.int64]) -> None:
    if ids.dtype != np.int64 or (ids < 0).any() or len(np.unique(ids)) != len(ids):
        raise ValueError("its ids are not distinct whole numbers from 0")
