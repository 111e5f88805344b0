"""Witness: `world` of one interpreted entity, which tells what the entity sees, draws and does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from weaver.played_acts import Acts
from weaver.played_entities import Me, Other, Seen, place, rows_of
from weaver.played_messages import Received
from weaver.stage import Scene
from weaver.surroundings import Surroundings

MOST = 24
"""So many neighbours of a search are named."""


class Witness(Surroundings):
    """The words of `world`, each told.

    Args:
        me: who acts.
        scene: in which turn.
        acts: what is done is put there.
        tell: gets a line for each word: the word, and what came of it.
    """

    def __init__(self, me: Me, scene: Scene, acts: Acts, tell: Callable[[str, str], None]) -> None:
        super().__init__(me, scene, acts)
        self._tell = tell

    # ---- What is seen ----

    def _found(self, word: str, kind: Any, radius: float, at: Any) -> list[tuple[float, Other]]:
        found = super()._found(word, kind, radius, at)
        shown = [f"{_named(other)} ({math.sqrt(d2):.6g} away)" for d2, other in found[:MOST]]
        more = [f"{len(found) - MOST} more"] if len(found) > MOST else []
        kinds = getattr(kind, "__name__", str(kind))
        around = "" if at is None else f" around {place(at)}"
        self._tell(word, f"{kinds} within {radius:g}{around}: {', '.join(shown + more) or 'nobody'}")
        return found

    def links(self, me: Any, kind: Any) -> Iterator[Any]:
        """See `World.links`."""
        tied = list(super().links(me, kind))
        self._tell("links", f"{kind.__name__}: {', '.join(_named(other) for other, _ in tied) or 'nobody'}")
        return iter(tied)

    def inbox(self, me: Any, kind: Any, order: str | None = None) -> Iterator[Received]:
        """See `World.inbox`."""
        received = list(super().inbox(me, kind, order))
        told = [f"from {m.sender}: {_fields(m._letter.values)}" for m in received]  # type: ignore[attr-defined]
        self._tell("inbox", f"{kind.__name__}: {'; '.join(told) or 'nothing'}")
        return iter(received)

    def observed(self, name: str) -> Any:
        """See `World.observed`."""
        return self._told("observed", name, super().observed(name))

    def at(self, layer: type[Any], position: Any) -> Any:
        """See `World.at`."""
        cell = super().at(layer, position)
        rows = self._stage.cells(layer)
        values = {name: rows.values(name)[cell.id] for name in rows.fields}
        self._tell("at", f"{layer.__name__} {cell.id}: {_fields(values)}")
        return cell

    def free(self, position: Any) -> bool:
        """See `World.free`."""
        return bool(self._told("free", place(position), super().free(position)))

    def wall(self, position: Any, radius: float) -> Any:
        """See `World.wall`."""
        return self._told("wall", f"within {radius:g} of {place(position)}", super().wall(position, radius))

    # ---- What is drawn ----

    def random(self) -> float:
        """See `World.random`."""
        return float(self._told("random", "", super().random()))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """See `World.uniform`."""
        return float(self._told("uniform", f"{low:g} to {high:g}", super().uniform(low, high)))

    def normal(self, mean: float = 0.0, std: float = 1.0) -> float:
        """See `World.normal`."""
        return float(self._told("normal", f"{mean:g} +- {std:g}", super().normal(mean, std)))

    def exponential(self, mean: float = 1.0) -> float:
        """See `World.exponential`."""
        return float(self._told("exponential", f"{mean:g}", super().exponential(mean)))

    def integer(self, low: int, high: int) -> int:
        """See `World.integer`."""
        return int(self._told("integer", f"{low} to {high}", super().integer(low, high)))

    def unit2(self) -> Any:
        """See `World.unit2`."""
        return self._told("unit2", "", super().unit2())

    def unit3(self) -> Any:
        """See `World.unit3`."""
        return self._told("unit3", "", super().unit3())

    # ---- What is done ----

    def spawn(self, kind: Any, /, position: Any = None, **fields: Any) -> None:
        """See `World.spawn`."""
        super().spawn(kind, position, **fields)
        birth = self._acts.births[-1]
        self._tell("spawn", f"{kind.__name__}: {_fields(birth.values)}{', which is lost' if birth.lost else ''}")

    def remove(self, me: Any) -> None:
        """See `World.remove`."""
        super().remove(me)
        self._tell("remove", _named(me))

    def become(self, me: Any, kind: Any, /, **fields: Any) -> None:
        """See `World.become`."""
        super().become(me, kind, **fields)
        self._tell("become", f"{kind.__name__}: {_fields(fields)}")

    def send(self, to: Any, message: Any) -> None:
        """See `World.send`."""
        super().send(to, message)
        id, letter = self._acts.letters[-1]
        self._tell("send", f"{letter.kind.__name__} to {id}: {_fields(letter.values)}")

    def emit(self, event: Any) -> None:
        """See `World.emit`."""
        super().emit(event)
        _, kind, values = self._acts.events[-1]
        self._tell("emit", f"{kind.__name__}: {_fields(values)}")

    def deposit(self, layer: type[Any], /, position: Any, **amounts: Any) -> None:
        """See `World.deposit`."""
        before = len(self._acts.deposits)
        super().deposit(layer, position, **amounts)
        for one in self._acts.deposits[before:]:
            self._tell("deposit", f"{layer.__name__} {one.cell}: {_fields(one.amounts)}")

    def jump_to_free(self, me: Any) -> None:
        """See `World.jump_to_free`."""
        super().jump_to_free(me)
        self._tell("jump_to_free", "no free site" if self._me._jumped == -1 else f"site {self._me._jumped}")

    def _told(self, word: str, asked: Any, answer: Any) -> Any:
        self._tell(word, f"{asked}{' ' if str(asked) else ''}-> {answer}")
        return answer


def _named(seen: Seen) -> str:
    return f"{rows_of(seen).kind.__name__} {seen.id}"


def _fields(values: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "no fields"
