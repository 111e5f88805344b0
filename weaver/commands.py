"""Commands: how whoever runs a simulation adds, changes and removes entities between two ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command, Letter, Rows
from partitions.program import Drawn, Program
from partitions.runtime import Runtime
from weaver.entity import Entity, fields_of
from weaver.errors import ModelError, RunError
from weaver.message import Message
from weaver.placing import stored_columns
from weaver.standing import lattice_of, move_to_centres, refuse_crowd, sites_at
from weaver.tables import ID_LIMIT, read_columns


class Commands:
    """Checks commands on the driver, and hands each to all workers as one: all of it happens or nothing.

    Args:
        program: what runs.
        runtime: where.
    """

    def __init__(self, program: Program, runtime: Runtime) -> None:
        self._program, self._runtime = program, runtime
        self._letters = 0
        self._next = max((_end(source) for source in program.sources), default=0)

    def add(self, kind: type[Entity], index: int, table: Any, fields: Mapping[str, Any]) -> NDArray[np.int64]:
        """See `Run.add`; `index` is the type's."""
        count, columns = read_columns(kind, self._program.grid.space.dim, table, fields)
        ids = columns.pop("id", None)
        if ids is None:
            ids = np.arange(self._next, self._next + count, dtype=np.int64)
        else:
            self._refuse_living(kind, ids)
        self._command(inserts=[self._rows(kind, index, ids, columns, whole=True)])
        return ids

    def update(self, kind: type[Entity], index: int, ids: Any, fields: Mapping[str, Any]) -> None:
        """See `Run.update`."""
        asked = f"update({kind.__name__}, ...)"
        rows = self._changes(kind, index, "update", ids, fields)
        types = self._runtime.types_of(rows.ids)
        self._refuse_unknown(asked, rows.ids, types)
        self._refuse_others(asked, kind, index, rows.ids, types)
        self._command(writes=[rows])

    def put(self, kind: type[Entity], index: int, ids: Any, fields: Mapping[str, Any]) -> None:
        """See `Run.put`."""
        rows = self._changes(kind, index, "put", ids, fields)
        types = self._runtime.types_of(rows.ids)
        self._refuse_others(f"put({kind.__name__}, ...)", kind, index, rows.ids, types)
        new = types < 0
        inserts = [self._completed(kind, index, rows, new)] if new.any() else []
        old = {name: column[~new] for name, column in rows.columns.items()}
        self._command(inserts=inserts, writes=[Rows(index, rows.ids[~new], old)])

    def remove(self, ids: Any) -> None:
        """See `Run.remove`."""
        given = np.atleast_1d(np.asarray(ids))
        if given.ndim != 1 or (given.dtype.kind not in "iu" and len(given)):
            raise ModelError(
                f"remove(...) was given {given.dtype} values of shape {given.shape}; it takes ids, whole numbers.\n"
                f"Entities go by their ids.\n"
                f"Write run.remove([3, 5]), or run.remove(table['id'])."
            )
        wanted = np.unique(given.astype(np.int64))
        self._refuse_unknown("remove(...)", wanted, self._runtime.types_of(wanted))
        self._command(removals=wanted)

    def send(self, to: Any, message: Message) -> None:
        """See `Run.send`."""
        name, ids = type(message).__name__, np.atleast_1d(np.asarray(to))
        known = [spec.name for spec in self._program.messages]
        if name not in known or ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise ModelError(
                f"send({to!r:.40}, {name}(...)) was asked for; it takes the id of an entity, or several, and one of "
                f"the messages {', '.join(known) or '(there are none)'}.\n"
                f"Nobody would read it.\n"
                f"Write run.send(5, {known[0] if known else 'Hit'}(...))."
            )
        wanted = ids.astype(np.int64)
        self._refuse_unknown(f"send(..., {name})", wanted, self._runtime.types_of(wanted))
        columns = {}
        for field in type(message).__fields__.values():
            value = message.values[field.name]
            parts = [value] if field.vector is None and not field.length else list(value)
            columns.update({c: np.full(len(ids), v, field.dtype) for c, v in zip(field.columns, parts, strict=True)})
        letter = Letter(known.index(name), wanted, columns, self._runtime.tick, self._letters)
        self._letters += len(wanted)
        self._runtime.command(Command(letters=[letter]))

    def _changes(self, kind: type[Entity], index: int, asked: str, ids: Any, fields: Mapping[str, Any]) -> Rows:
        if "id" in fields or not fields:
            raise ModelError(
                f"{asked}({kind.__name__}, ids, ...) was given {', '.join(fields) or 'no fields'}; it takes ids "
                f"and, by name, fields of {kind.__name__}.\n"
                f"An id is for good, and without a field nothing would change.\n"
                f"Write run.{asked}({kind.__name__}, ids, energy=1.0)."
            )
        dim = self._program.grid.space.dim
        _, columns = read_columns(kind, dim, None, {"id": np.atleast_1d(ids), **fields}, asked, whole=False)
        return self._rows(kind, index, columns.pop("id"), columns, whole=False)

    def _rows(
        self, kind: type[Entity], index: int, ids: NDArray[np.int64], columns: Mapping[str, Any], whole: bool
    ) -> Rows:
        space = self._program.grid.space
        fields = [f for f in fields_of(kind, space.dim).values() if whole or f.name in columns]
        stored = stored_columns(kind.__name__, fields, space, len(ids), columns)
        lattice = lattice_of(self._program, index)
        if lattice is not None and "position" in columns:
            move_to_centres(lattice, stored)
        return Rows(index, ids, stored)

    def _completed(self, kind: type[Entity], index: int, rows: Rows, new: NDArray[np.bool_]) -> Rows:
        """Those of the rows that are new, with the defaults of the fields that are not given."""
        space, ids = self._program.grid.space, rows.ids[new]
        if "position.x" not in rows.columns or (ids >= ID_LIMIT).any():
            lacks = "no position" if "position.x" not in rows.columns else "an id that only one born in a run can have"
            raise RunError(
                f"put({kind.__name__}, ...) was given id {ids.max()}, which no entity has, and {lacks}.\n"
                f"It cannot be added; nothing was done for the others neither.\n"
                f"Give position=, or leave the ids out of which there is nobody."
            )
        fields = fields_of(kind, space.dim).values()
        missing = [f for f in fields if f.columns[0] not in rows.columns]
        columns = stored_columns(kind.__name__, missing, space, len(ids), {})
        return Rows(index, ids, {**columns, **{name: column[new] for name, column in rows.columns.items()}})

    def _command(self, **parts: Any) -> None:
        command = Command(**parts)
        self._refuse_crowds([*command.inserts, *command.writes])
        for rows in command.inserts:
            end = int(rows.ids.max(initial=-1)) + 1
            if end > ID_LIMIT:
                raise RunError(
                    f"add(...) was asked for {len(rows.ids)} entities, numbered on from {rows.ids[0]}; ids that "
                    f"are not of entities born in a run are below 2^62.\n"
                    f"Two entities could come to have one id.\n"
                    f"Choose smaller ids where ids are given."
                )
            self._next = max(self._next, end)
        self._runtime.command(command)

    def _refuse_crowds(self, changed: Sequence[Rows]) -> None:
        """Check that nobody is put on a site where another stands."""
        placed = {rows.type: rows for rows in changed if "position.x" in rows.columns and len(rows.ids)}
        for one in self._program.lattices:
            if not set(one.types) & set(placed):
                continue
            sites, ids, names = [], [], []
            lattice = lattice_of(self._program, one.types[0])
            assert lattice is not None
            for t in one.types:
                living, columns = self._runtime.rows(t)
                coming = [rows for rows in changed if rows.type == t and "position.x" in rows.columns]
                stay = ~np.isin(living, np.concatenate([np.empty(0, np.int64), *(rows.ids for rows in coming)]))
                dim = self._program.grid.space.dim
                axes = [f"position.{a}" for a in "xyz"[:dim]]
                parts = [(living[stay], [c[stay] for c in columns[:dim]])]
                parts += [(rows.ids, [rows.columns[c] for c in axes]) for rows in coming]
                for who, places in parts:
                    sites.append(sites_at(lattice, [p.astype(np.float64) for p in places]))
                    ids.append(who)
                    names += [self._program.types[t].name] * len(who)
            refuse_crowd(lattice, np.concatenate(sites), np.concatenate(ids), names)

    def _refuse_living(self, kind: type[Entity], ids: NDArray[np.int64]) -> None:
        types = self._runtime.types_of(ids)
        if (types >= 0).any():
            row = int(np.flatnonzero(types >= 0)[0])
            raise RunError(
                f"add({kind.__name__}, ...) was given the id {ids[row]}, which a "
                f"{self._program.types[types[row]].name} has already.\n"
                f"Neither could be told from the other.\n"
                f"Give another id, leave the ids out, or write run.put(...) to change those that there are."
            )

    def _refuse_unknown(self, asked: str, ids: NDArray[np.int64], types: NDArray[np.int64]) -> None:
        missing = ids[types < 0]
        if len(missing):
            raise RunError(
                f"{asked} was asked for id {missing[0]}, which no entity has"
                f"{f' ({len(missing)} such ids)' if len(missing) > 1 else ''}; it may have died.\n"
                f"Nothing was done, for the others neither.\n"
                f"Take the ids from run.entities(...) at the same tick."
            )

    def _refuse_others(
        self, asked: str, kind: type[Entity], index: int, ids: NDArray[np.int64], types: NDArray[np.int64]
    ) -> None:
        other = np.flatnonzero((types >= 0) & (types != index))
        if len(other):
            name = self._program.types[types[other[0]]].name
            raise RunError(
                f"{asked} was asked for id {ids[other[0]]}, which is a {name}, no {kind.__name__}.\n"
                f"Nothing was done, for the others neither.\n"
                f"Name its type: {name}."
            )


def _end(source: Any) -> int:
    """The id after those of a source."""
    if isinstance(source, Drawn):
        return source.first_id + source.count
    return int(source.ids.max(initial=-1)) + 1
