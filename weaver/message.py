"""Messages, events and links: what goes between entities, what is told to the outside, what ties entities together."""

from __future__ import annotations

import typing
from typing import Any

from weaver.errors import ModelError
from weaver.field import Declared


class Message(Declared):
    """Base of messages: `class Hit(wv.Message): damage: float`.

    In a behavior `world.send(other, Hit(damage=2.0))` sends one, `for hit in world.inbox(me, Hit)` reads those that
    came since the reader last ran; `hit.sender` is the id of who sent it.
    """

    sender: int
    _built_in: typing.ClassVar[tuple[str, ...]] = ("sender",)

    def __init__(self, *values: Any, **fields: Any) -> None:
        """The fields in order or by name; the others get their defaults.

        Raises:
            ModelError: a field is not known, or given twice.
        """
        names = list(type(self).__fields__)
        given = dict(zip(names, values, strict=False))
        wrong = [name for name in fields if name not in names or name in given]
        if len(values) > len(names) or wrong:
            raise ModelError(
                f"{type(self).__name__} was made with {wrong[0] if wrong else f'{len(values)} values'}; its fields are "
                f"{', '.join(names) or 'none'}.\n"
                f"The value would have nowhere to go.\n"
                f"Write {type(self).__name__}({', '.join(f'{n}=…' for n in names)})."
            )
        self.values: dict[str, Any] = {
            name: given.get(name, fields.get(name, field.default)) for name, field in type(self).__fields__.items()
        }


class Event(Message):
    """Base of events: `class Crash(wv.Event): speed: float`; `world.emit(Crash(speed=v))` tells it to the outside.

    `run.events(Crash)` gives them in the order (tick, behavior, type, id, sequence).
    """

    _built_in = ("tick", "time", "type", "id", "sender")


class Link(Declared):
    """Base of links between entities: `class Knows(wv.Link): trust: float`.

    `sim.link(Knows, a, b, trust=...)` ties the entities of ids a[k] and b[k]; both see the other in
    `for other, link in world.links(me, Knows)`, ordered by id, at any distance. With `directed=True` only a sees b.
    """

    __directed__: typing.ClassVar[bool] = False

    def __init_subclass__(cls, directed: bool | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if directed is not None:
            cls.__directed__ = bool(directed)
