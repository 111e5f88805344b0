"""Commands: how whoever runs a simulation adds, changes and removes entities between two ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command, Letter, Rows
from partitions.log import Promise
from partitions.program import Drawn, Program
from partitions.runtime import Runtime
from weaver.entity import Entity, fields_of
from weaver.errors import ModelError, RunError
from weaver.message import Message
from weaver.placing import stored_columns
from weaver.standing import lattice_of, move_to_centres, refuse_crowd, sites_at
from weaver.tables import ID_LIMIT, read_columns

NEVER = 1 << 40
"""Ticks are below this: random numbers are keyed by 40 bits of them."""


class Commands:
    """Checks commands on the driver, and hands each to all workers as one: all of it happens or nothing.

    What can be checked at once is checked when it is asked for; whether there is somebody, when it is done.

    Args:
        program: what runs.
        runtime: where.
        kinds: entity types by name.

    Attributes:
        next: the id after all that were added.
        letters: how many came from outside.
        promises: what is to be done at later ticks, in the order asked for.
        promised: how many promises there were.
        asked: how often something was asked for since the start.
        acted: the tick before which something was done last; -1: never.
        settle: sets parameters.
    """

    def __init__(self, program: Program, runtime: Runtime, kinds: Mapping[str, type[Entity]]) -> None:
        self._program, self._runtime, self._kinds = program, runtime, kinds
        self._indices = {spec.name: t for t, spec in enumerate(program.types)}
        self.letters = self.promised = self.asked = 0
        self.acted = -1
        self.next = max((_end(source) for source in program.sources), default=0)
        self.promises: list[Promise] = []
        self.settle: Callable[[dict[str, Any]], None] = lambda _: None

    # What is asked for

    def add(
        self, kind: type[Entity], index: int, table: Any, fields: Mapping[str, Any], at: int | None = None
    ) -> tuple[NDArray[np.int64], int]:
        """See `Run.add`; `index` is the type's. Returns ids and tick."""
        count, columns = read_columns(kind, self._program.grid.space.dim, table, fields)
        ids = columns.pop("id", None)
        if ids is None:
            ids = np.arange(self.next, self.next + count, dtype=np.int64)
        else:
            self._refuse_living(kind.__name__, ids)
        rows = self._rows(kind, index, ids, columns, whole=True)
        before = self.next
        self._number(ids)
        try:
            return ids, self.do("add", kind.__name__, rows.ids, rows.columns, at)
        except BaseException:
            self.next = before
            raise

    def update(self, kind: type[Entity], index: int, ids: Any, fields: Mapping[str, Any], at: int | None = None) -> int:
        """See `Run.update`."""
        rows = self._changes(kind, index, "update", ids, fields)
        return self.do("update", kind.__name__, rows.ids, rows.columns, at)

    def put(self, kind: type[Entity], index: int, ids: Any, fields: Mapping[str, Any], at: int | None = None) -> int:
        """See `Run.put`."""
        rows = self._changes(kind, index, "put", ids, fields)
        return self.do("put", kind.__name__, rows.ids, rows.columns, at)

    def remove(self, ids: Any, at: int | None = None) -> int:
        """See `Run.remove`."""
        given = np.atleast_1d(np.asarray(ids))
        if given.ndim != 1 or (given.dtype.kind not in "iu" and len(given)):
            raise ModelError(
                f"remove(...) was given {given.dtype} values of shape {given.shape}; it takes ids, whole numbers.\n"
                f"Entities go by their ids.\n"
                f"Write run.remove([3, 5]), or run.remove(table['id'])."
            )
        return self.do("remove", "", np.unique(given.astype(np.int64)), {}, at)

    def send(self, to: Any, message: Message, at: int | None = None) -> int:
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
        columns = {}
        for field in type(message).__fields__.values():
            value = message.values[field.name]
            parts = [value] if field.vector is None and not field.length else list(value)
            columns.update({c: np.full(len(ids), v, field.dtype) for c, v in zip(field.columns, parts, strict=True)})
        return self.do("send", name, ids.astype(np.int64), columns, at)

    def do(self, what: str, name: str, ids: NDArray[np.int64], columns: Mapping[str, Any], at: int | None) -> int:
        """Do it now, or promise it; returns the tick before which it is done.

        Raises:
            ModelError: that tick is over.
            RunError: what is to be done now does not fit the state.
        """
        tick = self._runtime.tick
        if at is not None and not (isinstance(at, int | np.integer) and tick <= at < NEVER):
            raise ModelError(
                f"{what}(..., at={at!r}) was asked for at tick {tick}; allowed are whole numbers from {tick}.\n"
                f"Time does not run backwards.\n"
                f"Write at={tick + 100}, or leave it out for now."
            )
        promise = Promise(self.promised, tick if at is None else int(at), what, name, ids, columns)
        before = self.next, self.letters, self.promised, self.asked, self.acted
        self.asked += 1
        try:
            if promise.tick == tick:
                self.act(promise)
            else:
                self.promised += 1
                self.promises.append(promise)
                self._runtime.promise(promise)
        except BaseException:  # what was refused leaves no trace
            self.next, self.letters, self.promised, self.asked, self.acted = before
            if promise in self.promises:
                self.promises.remove(promise)
            raise
        return promise.tick

    # What is done

    def act(self, promise: Promise) -> None:
        """Do it now.

        Raises:
            RunError: it does not fit the state; nothing of it is done then.
        """
        before, self.acted = self.acted, self._runtime.tick
        try:
            self._act(promise)
        except BaseException:
            self.acted = before
            raise

    def _act(self, promise: Promise) -> None:
        name, ids, columns = promise.name, promise.ids, promise.columns
        if promise.what == "set":
            self.settle({column: values[0] for column, values in columns.items()})
            return
        if promise.what == "send":
            self._send(name, ids, columns)
            return
        types = self._runtime.types_of(ids)
        if promise.what == "remove":
            self._refuse_unknown("remove(...)", ids, types)
            self._command(removals=ids)
            return
        index = self._indices[name]
        if promise.what == "add":
            self._refuse_living(name, ids)
            self._command(inserts=[Rows(index, ids, columns)])
            return
        if promise.what == "update":
            self._refuse_unknown(f"update({name}, ...)", ids, types)
        self._refuse_others(f"{promise.what}({name}, ...)", name, index, ids, types)
        new = types < 0
        inserts = [self._completed(name, Rows(index, ids, columns), new)] if new.any() else []
        old = {column: values[~new] for column, values in columns.items()}
        self._command(inserts=inserts, writes=[Rows(index, ids[~new], old)])

    def _send(self, name: str, to: NDArray[np.int64], columns: Mapping[str, Any]) -> None:
        self._refuse_unknown(f"send(..., {name})", to, self._runtime.types_of(to))
        number = [spec.name for spec in self._program.messages].index(name)
        letter = Letter(number, to, columns, self._runtime.tick, self.letters)
        self.letters += len(to)
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

    def _completed(self, name: str, rows: Rows, new: NDArray[np.bool_]) -> Rows:
        """Those of the rows that are new, with the defaults of the fields that are not given."""
        space, ids = self._program.grid.space, rows.ids[new]
        if "position.x" not in rows.columns or (ids >= ID_LIMIT).any():
            lacks = "no position" if "position.x" not in rows.columns else "an id that only one born in a run can have"
            raise RunError(
                f"put({name}, ...) was given id {ids.max()}, which no entity has, and {lacks}.\n"
                f"It cannot be added; nothing was done for the others neither.\n"
                f"Give position=, or leave the ids out of which there is nobody."
            )
        fields = fields_of(self._kinds[name], space.dim).values()
        missing = [f for f in fields if f.columns[0] not in rows.columns]
        columns = stored_columns(name, missing, space, len(ids), {})
        self._number(ids)
        return Rows(rows.type, ids, {**columns, **{c: column[new] for c, column in rows.columns.items()}})

    def _number(self, ids: NDArray[np.int64]) -> None:
        """Number on after these."""
        end = int(ids.max(initial=-1)) + 1
        if end > ID_LIMIT:
            raise RunError(
                f"add(...) was asked for {len(ids)} entities, numbered on from {ids[0]}; ids that "
                f"are not of entities born in a run are below 2^62.\n"
                f"Two entities could come to have one id.\n"
                f"Choose smaller ids where ids are given."
            )
        self.next = max(self.next, end)

    def _command(self, **parts: Any) -> None:
        command = Command(**parts)
        self._refuse_crowds([*command.inserts, *command.writes])
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

    def _refuse_living(self, name: str, ids: NDArray[np.int64]) -> None:
        types = self._runtime.types_of(ids)
        if (types >= 0).any():
            row = int(np.flatnonzero(types >= 0)[0])
            raise RunError(
                f"add({name}, ...) was given the id {ids[row]}, which a "
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
        self, asked: str, kind: str, index: int, ids: NDArray[np.int64], types: NDArray[np.int64]
    ) -> None:
        other = np.flatnonzero((types >= 0) & (types != index))
        if len(other):
            name = self._program.types[types[other[0]]].name
            raise RunError(
                f"{asked} was asked for id {ids[other[0]]}, which is a {name}, no {kind}.\n"
                f"Nothing was done, for the others neither.\n"
                f"Name its type: {name}."
            )


def _end(source: Any) -> int:
    """The id after those of a source."""
    if isinstance(source, Drawn):
        return source.first_id + source.count
    return int(source.ids.max(initial=-1)) + 1
