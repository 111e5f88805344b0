"""What interpreted code does to the world, and asks of layers: births, deaths, messages, events, cells, deposits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NoReturn

import numpy as np

from weaver import cells as cells_of_layers
from weaver import settle
from weaver.arithmetic import to_int
from weaver.draws import Fault
from weaver.errors import BehaviorError
from weaver.message import Event
from weaver.played_acts import Birth, Deposit, message_values
from weaver.played_entities import Me, Seen, place, row_of, rows_of, turns_of
from weaver.played_layers import CellRows
from weaver.played_messages import Letter, Received
from weaver.played_rows import Rows, default, held, vector
from weaver.played_searches import Searches

_PLACE = {
    "periodic": cells_of_layers.place_periodic,
    "reflect": cells_of_layers.place_reflect,
    "clamp": cells_of_layers.place_clamp,
    "absorb": cells_of_layers.place_absorb,
    "strict": cells_of_layers.place_strict,
}
_SPAWN_FAULT = {settle.TOO_FAR: 9, settle.NOT_FINITE: 10, settle.LEFT: 11}


def _refuse(what: str, why: str, fix: str) -> NoReturn:
    raise BehaviorError(f"{what}\n{why}\n{fix}")


class Records(Searches):
    """Births, deaths, messages and events."""

    def spawn(self, kind: Any, /, position: Any = None, **fields: Any) -> None:
        """A new entity, from the next behavior on."""
        rows, stage = self._stage.entities(kind), self._stage
        values = self._given("spawn", rows, fields)
        at = self._me.position if position is None else place(position)
        values["position"] = held(rows.fields["position"], at)
        for name, field in rows.fields.items():
            values.setdefault(name, default(field))
        sequence = self._acts.next()
        try:
            rest = stage.settle(self._start(), values["position"], stage.quantum(rows), self._scene.reach)
        except Fault as fault:
            raise Fault(_SPAWN_FAULT[fault.code], *fault.values) from fault
        values["position"] = type(values["position"])(*rest.place)
        self._acts.births.append(Birth(sequence, kind, values, rest.left))

    def remove(self, me: Any) -> None:
        """I die."""
        self._mine("remove", me)._removed = True

    def become(self, me: Any, kind: Any, /, **fields: Any) -> None:
        """I am of another type from the next behavior on."""
        mine, rows = self._mine("become", me), self._stage.entities(kind)
        if rows is rows_of(mine) or "position" in fields:
            _refuse(
                f"world.become is called with {kind.__name__}{' and a position' if 'position' in fields else ''}.",
                "It gives another type, and keeps the place.",
                "Assign fields, or the position, instead.",
            )
        if getattr(kind, "__sites__", None) is not getattr(rows_of(mine).kind, "__sites__", None):
            _refuse(
                f"a {rows_of(mine).kind.__name__} becomes a {kind.__name__}, which lives on other sites.",
                "The site at its place may be taken.",
                "Let both types share one lattice, or remove it and spawn the other.",
            )
        mine._turned = kind, self._given("become", rows, fields)

    def send(self, to: Any, message: Any) -> None:
        """Send a message to an entity, or to an id."""
        scene, sequence = self._scene, self._acts.next()
        if to is None:
            raise Fault(settle.NOBODY)
        id = to.id if isinstance(to, Seen) else to_int(to)
        values, sender = message_values(message), rows_of(self._me).index
        letter = Letter(self.tick, sender, self._me.id, scene.phase, sequence, type(message), values)
        self._acts.letters.append((id, letter))

    def inbox(self, me: Any, kind: Any, order: str | None = None) -> Iterator[Received]:
        """Messages that came since I last ran."""
        return iter(self._stage.mailbox.read(self._me.id, kind, order, self._key, self.tick))

    def emit(self, event: Any) -> None:
        """Tell the outside."""
        if not isinstance(event, Event):
            _refuse(
                f"world.emit is called with {type(event).__name__}, which is no event.",
                "Only events are told to the outside.",
                f"Declare class {type(event).__name__}(wv.Event).",
            )
        values = {n: v if isinstance(v, (int, float)) else list(v) for n, v in message_values(event).items()}
        self._acts.events.append((self._acts.next(), type(event), values))

    def observed(self, name: str) -> Any:
        """The latest sample."""
        if name not in self._stage.samples:
            _refuse(
                f"world.observed({name!r}) is called, and there is no such observation.",
                "There is no sample to give.",
                f"Declare sim.observe({name!r}, ...).",
            )
        return self._stage.samples[name]

    def _mine(self, word: str, me: Any) -> Me:
        if not isinstance(me, Me):
            _refuse(
                f"world.{word} is called for another than me.",
                "Every entity ends and changes only itself, so that the order in which entities act cannot matter.",
                f"Write world.{word}(me); to act on another, `send` it a message or declare a `meeting` of the two.",
            )
        if isinstance(rows_of(me), CellRows):
            _refuse(
                f"world.{word} is called for a cell of {rows_of(me).kind.__name__}.",
                "A layer always has all its cells.",
                "Write a field that says so.",
            )
        return me

    def _given(self, word: str, rows: Rows, fields: dict[str, Any]) -> dict[str, Any]:
        for name in fields:
            if name not in rows.fields:
                _refuse(
                    f"world.{word}({rows.kind.__name__}, {name}=...) is called; {rows.kind.__name__} has "
                    f"{', '.join(rows.fields)}.",
                    "The value would have nowhere to go.",
                    "Declare the field, or correct the name.",
                )
        return {name: held(rows.fields[name], value) for name, value in fields.items()}


class Fields(Records):
    """Layers."""

    def at(self, layer: type[Any], position: Any) -> Any:
        """The cell that holds a place."""
        cells = self._stage.cells(layer)
        q, _ = self._within(position, not cells.everywhere)
        return self._cell(cells, *cells.holding(q))

    def around(self, cell: Any) -> Iterator[Any]:
        """The 8 or 26 cells around one."""
        dim = self._grid.space.dim
        return self._offset(cell, [tuple(reversed(o)) for o in product((-1, 0, 1), repeat=dim) if any(o)])

    def beside(self, cell: Any) -> Iterator[Any]:
        """The 4 or 6 cells that share a side with one."""
        dim = self._grid.space.dim
        every = [tuple(reversed(o)) for o in product((-1, 0, 1), repeat=dim) if sum(map(abs, o)) == 1]
        return self._offset(cell, every)

    def gradient(self, layer: type[Any], position: Any, field: str) -> Any:
        """Central difference of a field; one-sided at an edge."""
        cells = self._stage.cells(layer)
        q, _ = self._within(position, not cells.everywhere)
        index, _ = cells.holding(q)
        values, parts = cells.values(field), []
        for a in range(len(index)):
            ends = []
            for way in (-1, 1):
                there = cells.beyond(index, tuple(way if k == a else 0 for k in range(len(index))))
                ends.append(None if there is None else cells.number(there[0]))
            own, k = cells.number(index), sum(end is not None for end in ends)
            low, high = (float(values[own if end is None else end]) for end in ends)
            parts.append((high - low) / (cells.resolution * k) if k else 0.0)
        return vector(parts)

    def deposit(self, layer: type[Any], /, position: Any, **amounts: Any) -> None:
        """Add to fields of the cell that holds a place."""
        cells = self._stage.cells(layer)
        for name in amounts:
            field = cells.fields.get(name)
            if field is None or field.kind == "bool" or field.enum is not None or field.length:
                _refuse(
                    f"world.deposit({layer.__name__}, ..., {name}=...) is called; it adds to numbers and vectors of "
                    f"the layer, {', '.join(cells.fields)}.",
                    "There would be nothing to add to.",
                    "Name a field of int, float or a vector.",
                )
        given = {name: held(cells.fields[name], value) for name, value in amounts.items()}
        q, left = self._within(position, True)
        if not left:
            index, _ = cells.holding(q)
            self._acts.deposits.append(Deposit(self._acts.next(), layer, cells.number(index), given))

    def _cell(self, cells: CellRows, index: tuple[int, ...], turns: tuple[int, ...]) -> Any:
        return self._stage.other(cells, cells.number(index), cells.centre(index, turns), turns)

    def _offset(self, cell: Any, offsets: list[tuple[int, ...]]) -> Iterator[Any]:
        cells = rows_of(cell) if isinstance(cell, Seen) else None
        if not isinstance(cells, CellRows):
            _refuse(
                "world.around or beside is called with something else than a cell.",
                "Only cells of a layer have cells around them.",
                "Write world.around(world.at(Grass, me.position)).",
            )
        index = cells.values("index")[row_of(cell)]
        base = turns_of(cell, len(index))
        for offset in offsets:
            there = cells.beyond(index, offset)
            if there is not None:
                yield self._cell(cells, there[0], tuple(t + b for t, b in zip(there[1], base, strict=True)))

    def _within(self, position: Any, limited: bool) -> tuple[tuple[float, ...], bool]:
        """A place with the boundary applied, at its image nearest to me, and whether an absorbing end took it."""
        space, here, q, left = self._grid.space, self._start(), [], False
        limit = self._scene.look if limited else np.inf
        for a, (axis, s, p) in enumerate(zip(space.axes, here, place(position), strict=True)):
            image, code = _PLACE[axis.boundary](p, s, axis.low, axis.high, axis.length, space.quantum, limit)
            if code:
                raise Fault(code, s, p, limit, a)
            left |= axis.boundary == "absorb" and not axis.low <= settle.on_lattice(p, space.quantum) <= axis.high
            q.append(float(image))
        return tuple(q), left
