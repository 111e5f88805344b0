"""Commanding: what can be done to a run between two ticks, beside setting its parameters."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from partitions.runtime import Runtime
from weaver.commands import Commands
from weaver.entity import Entity
from weaver.errors import RunError
from weaver.message import Message
from weaver.parameter import checked_settings
from weaver.simulation import Simulation

_LOGGER = logging.getLogger("weaver")


class Added(NDArray[np.int64] if TYPE_CHECKING else np.ndarray):  # type: ignore[misc]
    """(n,) ids of entities that were added.

    Attributes:
        tick: before which they come.
    """

    tick: int

    def __array_finalize__(self, source: Any) -> None:
        """Views of it know the tick too."""
        self.tick = getattr(source, "tick", -1)


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

    _runtime: Runtime
    simulation: Simulation
    _fixed: dict[str, bool]
    _values: dict[str, float]

    @abstractmethod
    def _alive(self, asked: str) -> None:
        """Refuse what cannot be asked of a run that was stopped, or has failed."""

    @abstractmethod
    def _standing(self) -> AbstractContextManager[None]:
        """Inside the block the run stands between two ticks."""

    # Part two

    def grouped(self) -> AbstractContextManager[None]:
        """Commands inside the block belong together: after a crash all of them are known, or none."""
        return self._runtime.group()

    def promised_ticks(self) -> set[int]:
        """The ticks before which something is to be done that was asked for with `at=`."""
        return {one.tick for one in self._commands.promises}

    def keep_promises(self, tick: int) -> None:
        """Do what was promised for this tick; what does not fit the state any more is left out, with a warning."""
        due = [one for one in self._commands.promises if one.tick <= tick]
        self._commands.promises = [one for one in self._commands.promises if one.tick > tick]
        for promise in due:
            try:
                self._commands.act(promise)
            except RunError as error:
                _LOGGER.warning("at tick %d: %s", tick, str(error).partition("\n")[0])

    def set(self, *, at: int | None = None, **values: float) -> int:
        """Set parameters from the next tick on, or from tick `at`: `run.set(match=0.1)`; all of them or none.

        Returns:
            The tick from which they hold.

        Raises:
            ModelError: no such parameter, a value out of its range, or a parameter that was used before the start.
        """
        self._alive("set()")
        made = checked_settings(self.simulation.parameters, self._fixed, self._values, values)
        columns = {name: np.array([value]) for name, value in made.items()}
        with self._standing():
            return self._commands.do("set", "", np.empty(0, np.int64), columns, at)

    def _settle(self, values: dict[str, Any]) -> None:
        before = dict(self._values)
        declared = self.simulation.parameters
        if unknown := [name for name in values if name not in declared]:
            raise RunError(
                f"{unknown[0]} was to be set; the simulation has {', '.join(declared) or 'no parameters'}.\n"
                f"Nothing was set, of the others neither.\n"
                f"The app has lost it since that was asked for: declare it again, or go on without."
            )
        self._values.update({n: int(v) if declared[n].integer else float(v) for n, v in values.items()})
        try:
            self._runtime.set_parameters(
                np.array([self._values[n] for n, p in declared.items() if not p.integer], np.float64),
                np.array([self._values[n] for n, p in declared.items() if p.integer], np.int64),
            )
        except BaseException:
            self._values = before
            raise

    def add(self, kind: type[Entity], table: Any = None, /, *, at: int | None = None, **fields: Any) -> Added:
        """Add entities, as `Simulation.add` does, before the next tick, or before tick `at`.

        Returns:
            (n,) their ids: numbered on after all that were added or scattered, never used again; or those given as
            `id=`, which no living entity may have. Its attribute `tick` is the tick before which they come.

        Raises:
            ModelError: a value does not fit; names row and column. Nobody is added then.
            RunError: an id is taken, or the run has ended.
        """
        index = self._index(kind)
        with self._commanded("add()"):
            ids, tick = self._commands.add(kind, index, table, fields, at)
        added = cast(Added, np.asarray(ids).view(Added))
        added.tick = tick
        return added

    def update(self, kind: type[Entity], ids: Any, /, *, at: int | None = None, **fields: Any) -> int:
        """Give entities new values before the next tick: `run.update(Bird, ids, energy=0.0)`; all or none.

        Args:
            kind: their type.
            ids: (n,) or one.
            at: before which tick; None: the next.
            fields: (n,) or (n, components) values by name, or one for all; a position may be anywhere in the box.

        Returns:
            The tick before which it is done.

        Raises:
            ModelError: a value does not fit.
            RunError: there is no such entity, or it is of another type; names it.
        """
        index = self._index(kind)
        with self._commanded("update()"):
            return self._commands.update(kind, index, ids, fields, at)

    def put(self, kind: type[Entity], ids: Any, /, *, at: int | None = None, **fields: Any) -> int:
        """Update those of the entities that there are, and add the others with the ids given; all or none.

        Those that are added need a position; fields that are not named get their defaults, and in those that are
        updated keep their values.

        Returns:
            The tick before which it is done.

        Raises:
            ModelError: a value does not fit.
            RunError: an id is that of an entity of another type.
        """
        index = self._index(kind)
        with self._commanded("put()"):
            return self._commands.put(kind, index, ids, fields, at)

    def remove(self, ids: Any, /, *, at: int | None = None) -> int:
        """Remove entities of any type before the next tick, or before tick `at`; all or none. They count as deaths.

        Returns:
            The tick before which it is done.

        Raises:
            RunError: there is no such entity; names it.
        """
        with self._commanded("remove()"):
            return self._commands.remove(ids, at)

    def send(self, to: Any, message: Message, /, *, at: int | None = None) -> int:
        """Send a message before the next tick: `run.send(5, Hit(damage=2.0))`; its `sender` is -1.

        Args:
            to: the id of an entity, or (n,) ids.
            message: what each of them gets.
            at: before which tick; None: the next.

        Returns:
            The tick before which it is sent.

        Raises:
            ModelError: it is no message of this simulation.
            RunError: there is no such entity; names it.
        """
        with self._commanded("send()"):
            return self._commands.send(to, message, at)
