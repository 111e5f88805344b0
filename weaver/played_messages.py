"""Messages in the interpreter: who reads them, and those on their way."""

from __future__ import annotations

from collections import Counter
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
                    f"a behavior sends {message.__name__}, which no behavior reads.\n"
                    f"It would wait for ever.\n"
                    f"Write `for message in world.inbox(me, {message.__name__}):` in a behavior of the type that gets "
                    f"it."
                )
        self._waiting: dict[int, list[Letter]] = {}
        self._sent: Counter[str] = Counter()
        self._read: Counter[str] = Counter()
        self._names = [kind.__name__ for kind in sim.messages if not issubclass(kind, Event)]
        self._classes = {kind: _received_class(kind) for kind in sim.messages}

    def _add(self, type: type, kind: type[Message], turn: Behavior) -> None:
        first = self._readers.setdefault((type, kind), turn)
        if first is not turn:
            raise ModelError(
                f"world.inbox({type.__name__.lower()}, {kind.__name__}) is read by two behaviors, {first.name!r} and "
                f"{turn.name!r}.\n"
                f"Reading empties it, so the second would see only what came in between.\n"
                f"Read it in one of them, and keep in fields of {type.__name__} what the other needs."
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
            for id in ids if kinds else ():
                waiting = self._waiting.pop(id, [])
                self._read.update(m.kind.__name__ for m in waiting if m.kind in kinds)
                self._waiting[id] = [m for m in waiting if m.kind not in kinds]

    def deliver(self, id: int, type: type | None, letter: Letter) -> None:
        """Put a message to those of an entity; drop it if that does not read it, or is gone (`type` is None)."""
        self._sent[letter.kind.__name__] += 1
        if (type, letter.kind) in self._readers:
            self._waiting.setdefault(id, []).append(letter)

    def put_back(self, id: int, letter: Letter) -> None:
        """Let a message wait that was delivered in an earlier run of the same state."""
        self._waiting.setdefault(id, []).append(letter)

    def bury(self, id: int) -> None:
        """Drop what one who died had not read."""
        self._waiting.pop(id, None)

    def turn(self, id: int, type: type) -> None:
        """One is of another type now: drop what that does not read."""
        self._waiting[id] = [m for m in self._waiting.pop(id, []) if (type, m.kind) in self._readers]

    def tallies(self) -> dict[str, dict[str, int]]:
        """How many of each message were sent and read, and wait."""
        waiting = Counter(m.kind.__name__ for letters in self._waiting.values() for m in letters)
        counters = {"sent": self._sent, "read": self._read, "pending": waiting}
        return {word: {name: counter[name] for name in self._names} for word, counter in counters.items()}
