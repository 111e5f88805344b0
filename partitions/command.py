"""Commands: entities that come, change and go between two ticks, by the will of whoever runs the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from partitions.exchange import Exchange
from partitions.ids import IdIndex
from partitions.mail import Mail
from partitions.program import MOVED, Program
from partitions.store import Array, Crew, Partition, rebuild_all


@dataclass(frozen=True, eq=False)
class Rows:
    """Values for some entities of one type.

    Attributes:
        type: index of the type.
        ids: (n,) int64, distinct.
        columns: name -> (n,) in the storage type; positions are on the lattice and inside the box.
    """

    type: int
    ids: NDArray[np.int64]
    columns: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Letter:
    """A message from outside, to some entities.

    Attributes:
        message: index of the message.
        to: (n,) int64 ids of the receivers.
        columns: name -> (n,) in the storage type.
        tick: the tick before which it comes.
        first: number of the first of them among all that come from outside.
    """

    message: int
    to: NDArray[np.int64]
    columns: Mapping[str, Array]
    tick: int
    first: int


@dataclass(frozen=True, eq=False)
class Command:
    """What is to happen between two ticks, all at once; the same for every worker.

    Attributes:
        inserts: new entities, with all columns; nobody has their ids.
        writes: new values of some columns of entities that there are.
        removals: (n,) int64 ids of entities that there are and that shall go.
        letters: messages to entities that there are.
    """

    inserts: Sequence[Rows] = ()
    writes: Sequence[Rows] = ()
    removals: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    letters: Sequence[Letter] = ()


class Commands:
    """One worker's side: it acts on the rows that it owns, and then all workers exchange."""

    def __init__(
        self, program: Program, parts: Sequence[Partition], exchange: Exchange, crew: Crew, rank: int, mail: Mail
    ) -> None:
        """Nothing is indexed before the first command."""
        self._program, self._parts, self._exchange, self._crew, self._rank = program, parts, exchange, crew, rank
        self._mail = mail
        self._indices = {
            t: [IdIndex(part.tables[t]) for part in parts] for t, spec in enumerate(program.types) if not spec.raster
        }

    def types_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The type of each entity that is owned here, -1 for the others."""
        types = np.full(len(ids), -1, np.int64)
        for t, indices in self._indices.items():
            for index in indices:
                types[index.rows(ids) >= 0] = t
        return types

    def run(self, command: Command) -> None:
        """Carry out a command. All workers must call it at the same tick with the same command."""
        with self._exchange.everybody():  # a new place may be anywhere
            moved = self._insert(command.inserts) | self._write(command.writes) | self._remove(command.removals)
            if moved:
                self._exchange.relocate(sorted(moved))
            waiting = set(self._mail.readable(sorted(moved))) | {letter.message for letter in command.letters}
            for letter in command.letters:
                if self._rank == 0:
                    self._mail.post(letter.message, letter.to, letter.columns, letter.tick, letter.first)
            if waiting:
                self._mail.deliver(sorted(waiting))
        for t in moved:
            for part in self._parts:
                if not self._program.types[t].mortal:
                    part.tables[t].dead = np.empty(0, np.uint8)

    def _insert(self, inserts: Sequence[Rows]) -> set[int]:
        """Worker w of W brings rows n*w//W up to n*(w+1)//W to their owners, who put them among their own."""
        workers = self._exchange.workers
        for rows in inserts:
            n = len(rows.ids)
            share = slice(n * self._rank // workers, n * (self._rank + 1) // workers)
            spec = self._program.types[rows.type].columns
            columns = {c.name: np.array(rows.columns[c.name][share]) for c in spec if c.name != MOVED}
            if len(columns) < len(spec):
                columns[MOVED] = np.zeros(len(rows.ids[share]), np.bool_)
            self._exchange.distribute(rows.type, np.array(rows.ids[share]), columns)
        types = {rows.type for rows in inserts}
        for t in types:
            self._exchange.settle_in(t)
        rebuild_all([part.tables[t] for t in types for part in self._parts], self._crew)
        return types

    def _write(self, writes: Sequence[Rows]) -> set[int]:
        dim, moved = self._program.grid.space.dim, set()
        for rows in writes:
            spec = self._program.types[rows.type]
            for part, index in zip(self._parts, self._indices[rows.type], strict=True):
                at = index.rows(rows.ids)
                here = at >= 0
                for name, values in rows.columns.items():
                    part.tables[rows.type].columns[name][at[here]] = values[here]
            if any(c.name in rows.columns for c in spec.columns[:dim]):
                moved.add(rows.type)
            elif spec.searched:
                self._exchange.stale[rows.type].update(set(rows.columns) & set(spec.ghost_columns))
        return moved

    def _remove(self, ids: NDArray[np.int64]) -> set[int]:
        """Mark rows as dead. Who is removed is known by its id alone, so all types are exchanged."""
        if not len(ids):
            return set()
        for t, indices in self._indices.items():
            for part, index in zip(self._parts, indices, strict=True):
                table = part.tables[t]
                if not len(table.dead):  # nobody of this type can die in a phase
                    table.dead = np.zeros(table.capacity, np.uint8)
                at = index.rows(ids)
                table.dead[at[at >= 0]] = 1
        return set(self._indices)
