"""Commands in the interpreter: the driver's side of a compiled run, whose one worker is this world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command
from partitions.program import Program
from weaver.commands import Commands
from weaver.played_layers import CellRows
from weaver.played_messages import Letter
from weaver.played_rows import Rows, read
from weaver.stage import Stage


def commands_of(stage: Stage, tick: Callable[[], int], program: Program) -> Commands:
    """The commands of a world: checked as those of a compiled run are."""
    kinds = {kind.__name__: kind for kind in stage.sim.messages}
    worker: Any = _Worker(stage, tick, [kinds[spec.name] for spec in program.messages])
    types = {kind.__name__: kind for kind in stage.sim.entity_types}
    return Commands(program, worker, types)


class _Worker:
    """What `Commands` asks of a runtime."""

    def __init__(self, stage: Stage, tick: Callable[[], int], messages: list[Any]) -> None:
        self._stage, self._tick, self._messages = stage, tick, messages
        self._rows = list(stage.rows.values())

    @property
    def tick(self) -> int:
        return self._tick()

    def types_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Type numbers of entities, -1 for ids that nobody has."""
        return np.array([self._index(id) for id in ids.tolist()], np.int64)

    def rows(self, type: int) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
        """Ids and columns of all entities of a type."""
        return self._rows[type].ids, list(self._rows[type].columns.values())

    def _index(self, id: int) -> int:
        for rows in self._rows:
            if not isinstance(rows, CellRows) and rows.row_of(id) is not None:
                return rows.index
        return -1

    def command(self, command: Command) -> None:
        """Carry one out."""
        for one in command.inserts:
            rows = self._rows[one.type]
            rows.insert(one.ids, {name: self._values(rows, name, one.columns) for name in rows.fields})
        for one in command.writes:
            rows = self._rows[one.type]
            where = np.searchsorted(rows.ids, one.ids)
            for name, column in one.columns.items():
                rows.columns[name][where] = column
        for rows in self._rows:
            if not isinstance(rows, CellRows):
                gone = np.isin(rows.ids, command.removals)
                self._stage.dead[rows.kind.__name__] += int(gone.sum())
                rows.keep(~gone)
        for id in command.removals.tolist():
            self._stage.mailbox.bury(id)
        self._stage.changed()
        for letters in command.letters:
            kind = self._messages[letters.message]
            for k, to in enumerate(letters.to.tolist()):
                values = {
                    f.name: read(f, [letters.columns[c][k : k + 1] for c in f.columns])[0]
                    for f in kind.__fields__.values()
                }
                letter = Letter(letters.tick, -1, -1, -1, letters.first + k, kind, values)
                self._stage.mailbox.deliver(to, self._rows[self._index(to)].kind, letter)

    def _values(self, rows: Rows, name: str, columns: Any) -> list[Any]:
        field = rows.fields[name]
        return read(field, [columns[c] for c in field.columns])
