"""Commanding: what can be done to a run between two ticks, beside setting its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaver.commands import Commands
from weaver.entity import Entity
from weaver.message import Message


class Commanded(ABC):
    """Part one: what a run provides. Part two: the commands, each checked as a whole before anything is done."""

    # Part one

    _commands: Commands

    @abstractmethod
    def _index(self, kind: type[Entity]) -> int:
        """Number of an entity type; refuses one that the simulation does not have."""

    @abstractmethod
    def _commanded(self, asked: str) -> AbstractContextManager[None]:
        """Inside the block the run stands between two ticks."""

    # Part two

    def add(self, kind: type[Entity], table: Any = None, /, **fields: Any) -> NDArray[np.int64]:
        """Add entities, as `Simulation.add` does, before the next tick.

        Returns:
            (n,) their ids: numbered on after all that were added or scattered, never used again; or those given as
            `id=`, which no living entity may have.

        Raises:
            ModelError: a value does not fit; names row and column. Nobody is added then.
            RunError: an id is taken, or the run has ended.
        """
        index = self._index(kind)
        with self._commanded("add()"):
            return self._commands.add(kind, index, table, fields)

    def update(self, kind: type[Entity], ids: Any, /, **fields: Any) -> None:
        """Give entities new values before the next tick: `run.update(Bird, ids, energy=0.0)`; all or none.

        Args:
            kind: their type.
            ids: (n,) or one.
            fields: (n,) or (n, components) values by name, or one for all; a position may be anywhere in the box.

        Raises:
            ModelError: a value does not fit.
            RunError: there is no such entity, or it is of another type; names it.
        """
        index = self._index(kind)
        with self._commanded("update()"):
            self._commands.update(kind, index, ids, fields)

    def put(self, kind: type[Entity], ids: Any, /, **fields: Any) -> None:
        """Update those of the entities that there are, and add the others with the ids given; all or none.

        Those that are added need a position; fields that are not named get their defaults, and in those that are
        updated keep their values.

        Raises:
            ModelError: a value does not fit.
            RunError: an id is that of an entity of another type.
        """
        index = self._index(kind)
        with self._commanded("put()"):
            self._commands.put(kind, index, ids, fields)

    def remove(self, ids: Any, /) -> None:
        """Remove entities of any type before the next tick; all or none. They count as deaths.

        Raises:
            RunError: there is no such entity; names it.
        """
        with self._commanded("remove()"):
            self._commands.remove(ids)

    def send(self, to: Any, message: Message, /) -> None:
        """Send a message before the next tick: `run.send(5, Hit(damage=2.0))`; its `sender` is -1.

        Args:
            to: the id of an entity, or (n,) ids.
            message: what each of them gets.

        Raises:
            ModelError: it is no message of this simulation.
            RunError: there is no such entity; names it.
        """
        with self._commanded("send()"):
            self._commands.send(to, message)
