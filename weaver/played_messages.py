"""Messages in the interpreter: who reads them, and those on their way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaver import random
from weaver.called import classes_named
from weaver.errors import BehaviorError, ModelError
from weaver.message import Event, Message
from weaver.simulation import Simulation
from weaver.turns import Behavior


@dataclass(frozen=True, eq=False)
class Letter:
    """A message on its way: what orders it, and what it says.

    Attributes:
        tick, sender_type, sender, phase, sequence: when, by whom, in which turn, and as which of its records it was
            sent.
        kind: the class.
        values: by field name, as stored.
    """

    tick: int
    sender_type: int
    sender: int
    phase: int
    sequence: int
    kind: type[Message]
    values: dict[str, Any]

    @property
    def order(self) -> tuple[int, int, int, int, int]:
        """What an inbox is sorted by."""
        return self.tick, self.sender_type, self.sender, self.phase, self.sequence

    def rank(self, key: np.uint64, tick: int) -> int:
        """What an inbox in random order, read at a tick, is sorted by before `order`."""
        where = (self.sender_type * 256 + self.phase) << 44
        packed = where + ((self.tick & 0xFFFFFF) << 20) + (self.sequence & 0xFFFFF)
        return int(random.rank(key, tick, self.sender, packed))


class Received:
    """A message as its reader sees it."""

    __slots__ = ("_letter",)

    def __init__(self, letter: Letter) -> None:
        self._letter = letter


def _received_class(kind: type[Message]) -> type[Received]:
    def of(name: str) -> property:
        return property(lambda self: self._letter.values[name])

    names = {name: of(name) for name in kind.__fields__}
    sender = property(lambda self: self._letter.sender)
    return type(kind.__name__, (Received,), {"__slots__": (), "sender": sender, **names})


class Mailbox:
    """All messages that wait, and which behavior reads which.

    Raises:
        ModelError: two behaviors of a type read one message, or nobody reads it.
    """

    def __init__(self, sim: Simulation) -> None:
        self._readers: dict[tuple[type, type[Message]], Behavior] = {}
        for turn in sim.behaviors:
            if not isinstance(turn, Behavior):
                continue
            for kind in classes_named(turn.function, "inbox", Message):
                for type in turn.types:
                    self._add(type, kind, turn)
        for message in sim.messages:
            if not issubclass(message, Event) and all(kind is not message for _, kind in self._readers):
                raise ModelError(
                    f"{message.__name__} is sent, and no behavior reads it.\n"
                    f"Every one would be dropped.\n"
                    f"Write `for m in world.inbox(me, {message.__name__})` in a behavior of those who get it."
                )
        self._waiting: dict[int, list[Letter]] = {}
        self._classes = {kind: _received_class(kind) for kind in sim.messages}

    def _add(self, type: type, kind: type[Message], turn: Behavior) -> None:
        first = self._readers.setdefault((type, kind), turn)
        if first is not turn:
            raise ModelError(
                f"behaviors {first.name!r} and {turn.name!r} of {type.__name__} both read {kind.__name__}; one may.\n"
                f"The first would leave nothing to the second.\n"
                f"Read it in one of them, or send two kinds of message."
            )

    def read(self, id: int, kind: type[Message], order: str | None, key: np.uint64, tick: int) -> list[Received]:
        """The messages of a class that an entity has, in order."""
        if order not in (None, "random"):
            raise BehaviorError(
                f'world.inbox was called with order={order!r}; it is left out, or "random".\n'
                f"There is no such order.\n"
                f'Write order="random".'
            )
        letters = sorted((m for m in self._waiting.get(id, ()) if m.kind is kind), key=lambda m: m.order)
        if order == "random":
            letters.sort(key=lambda m: m.rank(key, tick))
        return [self._classes[kind](letter) for letter in letters]

    def consume(self, turn: Any, types: Iterable[tuple[type, Iterable[int]]]) -> None:
        """Forget what the readers of a behavior have now read: (type, ids) of all that acted."""
        for type, ids in types:
            kinds = {kind for (reader, kind), behavior in self._readers.items() if reader is type and behavior is turn}
            if kinds:
                for id in ids:
                    self._waiting[id] = [m for m in self._waiting.pop(id, []) if m.kind not in kinds]

    def deliver(self, id: int, type: type | None, letter: Letter) -> bool:
        """Put a message to those of an entity; whether anyone will read it. `type` is None for one that is gone."""
        if type is None or (type, letter.kind) not in self._readers:
            return False
        self._waiting.setdefault(id, []).append(letter)
        return True

    def bury(self, id: int) -> list[Letter]:
        """Take what one who died had not read."""
        return self._waiting.pop(id, [])

    def turn(self, id: int, type: type) -> list[Letter]:
        """One is of another type now: take what that does not read."""
        waiting = self._waiting.pop(id, [])
        self._waiting[id] = [m for m in waiting if (type, m.kind) in self._readers]
        return [m for m in waiting if (type, m.kind) not in self._readers]
