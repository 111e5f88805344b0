"""Who reads which messages: each has a reader, and no type has two."""

from __future__ import annotations

from collections.abc import Sequence

from partitions.program import Phase
from weaver.compiler.model import Model
from weaver.errors import ModelError


class UnreadError(ModelError):
    """A message is sent that nobody reads."""


def check_readers(model: Model, phases: Sequence[Phase]) -> None:
    """Check the messages of a program.

    Raises:
        ModelError: two behaviors of a type read one message, or nobody reads one that is sent.
    """
    readers: dict[tuple[int, int], str] = {}
    for phase in phases:
        for act in phase.acts:
            for box in act.inboxes:
                first = readers.setdefault((box.message, act.type), phase.name)
                if first != phase.name:
                    name, kind = model.messages[box.message].__name__, model.name(act.type)
                    raise ModelError(
                        f"world.inbox({kind.lower()}, {name}) is read by two behaviors, {first!r} and {phase.name!r}.\n"
                        f"Reading empties it, so the second would see only what came in between.\n"
                        f"Read it in one of them, and keep in fields of {kind} what the other needs."
                    )
    read = {message for message, _ in readers}
    for phase in phases:
        for act in phase.acts:
            for outlet in act.outlets:
                if outlet.kind == "send" and outlet.target not in read:
                    name = model.messages[outlet.target].__name__
                    raise UnreadError(
                        f"behavior {phase.name!r} sends {name}, which no behavior reads.\n"
                        f"It would wait for ever.\n"
                        f"Write `for message in world.inbox(me, {name}):` in a behavior of the type that gets it."
                    )
