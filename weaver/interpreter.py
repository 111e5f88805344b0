"""The interpreter: behaviors as plain Python in one world without partitions; the reference for compiled runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.digest import add_digests, digest_rows, format_digest
from partitions.errors import TickFault
from weaver import random, settle
from weaver.compiler import write
from weaver.entity import Entity, fields_of
from weaver.errors import BehaviorError, ModelError
from weaver.fault import fault_error
from weaver.simulation import Simulation
from weaver.sources import Scatter
from weaver.surroundings import Draws, Fault, Me, Rows, Surroundings, held, is_kind, read, same, stored, written_by
from weaver.translation import Translator
from weaver.turns import Behavior
from weaver.vector import Vec2, Vec3

_NOT_RUN_YET = -1
_SETTLE: Mapping[str, Callable[..., tuple[Any, ...]]] = {
    "periodic": settle.settle_periodic,
    "reflect": settle.settle_reflect,
    "clamp": settle.settle_clamp,
    "absorb": settle.settle_absorb,
    "strict": settle.settle_strict,
}


class Interpreter:
    """A run in plain Python: slow, and the same bits as a strict compiled run where IEEE 754 fixes them.

    Args:
        sim: the simulation; its initial entities are placed at once.

    Attributes:
        tick: ticks done.

    Raises:
        ModelError, BehaviorError: the model cannot run.
        RunError: an initial entity has no place in the box.
    """

    def __init__(self, sim: Simulation) -> None:
        self.sim, self.tick = sim, 0
        written = write(sim)  # for its checks, the cells, and how far each behavior reaches; nothing is compiled
        self._grid = written.plan.grid
        self._reaches = written.plan.reaches
        self._parameters = {name: p.value for name, p in sim.parameters.items()}
        self._translator = Translator(self._parameters, same, is_kind)
        self._functions = {b.name: self._translator.function(b.function) for b in sim.behaviors}
        self._types: dict[type[Entity], Rows] = {
            kind: Rows(kind, index, fields_of(kind, sim.box.dim), self._grid.cells[index])
            for index, kind in enumerate(sim.entity_types)
        }
        self._quantum = {
            kind: self._grid.space.quantum32 if rows.single else self._grid.space.quantum
            for kind, rows in self._types.items()
        }
        self._populate()

    # ---- Questions and commands ----

    def rows(self, kind: type[Entity]) -> dict[str, NDArray[Any]]:
        """A type's entities by ascending id: "id" and every column by name ("position.x", ...), in storage types."""
        rows = self._types[kind]
        return {"id": rows.ids.copy(), **{name: column.copy() for name, column in rows.columns.items()}}

    def load(self, state: Mapping[type[Entity], Mapping[str, NDArray[Any]]], tick: int) -> None:
        """Go on from a state as `rows` gives it; types that are not named have no entities."""
        for kind, rows in self._types.items():
            none: dict[str, NDArray[Any]] = {name: old[:0] for name, old in {"id": rows.ids, **rows.columns}.items()}
            given = state.get(kind, none)
            order = np.argsort(given["id"])
            rows.ids = given["id"][order]
            rows.columns = {name: given[name][order] for name in rows.columns}
            rows.changed()
        self.tick = tick

    def set(self, **values: float) -> None:
        """Set parameters from the next tick on.

        Raises:
            ModelError: there is no such parameter, or the value is out of range.
        """
        for name, value in values.items():
            if name not in self.sim.parameters:
                raise ModelError(
                    f"parameter {name!r} was set; there are {', '.join(self.sim.parameters) or 'none'}.\n"
                    f"Nothing would change.\n"
                    f"Declare it with sim.parameter({name!r}, ...)."
                )
            self._parameters[name] = self.sim.parameters[name].checked(value)

    def digest(self) -> str:
        """Hash of the state, equal to that of a compiled run in the same state."""
        parts = []
        for rows in self._types.values():
            every = np.arange(len(rows.ids), dtype=np.uint32)
            parts.append(digest_rows(rows.index, every, rows.ids, rows.columns.values()))
        return format_digest(*add_digests(parts))

    def step(self, n: int = 1) -> None:
        """Run n ticks.

        Raises:
            RunError: an entity broke a rule; names tick, behavior, type and id.
            BehaviorError: a behavior does what behaviors may not do.
        """
        for _ in range(n):
            random.check_tick(self.tick)
            for number, behavior in enumerate(self.sim.behaviors):
                if self.tick % behavior.every == behavior.at:
                    self._run(number, behavior)
            self.tick += 1

    # ---- One behavior ----

    def _run(self, number: int, behavior: Behavior) -> None:
        """Every entity acts on the state as it is now; then all that they wrote is stored."""
        (reach, look_reach), outcomes = self._reaches[number], []
        for rows in sorted((self._types[kind] for kind in behavior.types), key=lambda r: r.index):
            key = random.key(self.sim.seed, rows.kind.__name__, behavior.name)
            written, dead = [], np.zeros(len(rows.ids), np.bool_)
            for row in range(len(rows.ids)):
                me = rows.me_class(rows, row)
                world = Surroundings(me, key, self.tick, self.sim.dt, look_reach, self._grid, self._types.__getitem__)
                try:
                    self._act(behavior, me, world)
                    dead[row] = self._come_to_rest(rows, row, me, reach)
                except Fault as fault:
                    broken = TickFault(self.tick, number, rows.index, me.id, fault.code, fault.values)
                    raise fault_error(behavior.name, rows.kind.__name__, broken) from fault
                written.append(written_by(me))
            outcomes.append((rows, written, dead))
        for rows, written, dead in outcomes:
            _store(rows, written)
            rows.ids = rows.ids[~dead]
            rows.columns = {name: column[~dead] for name, column in rows.columns.items()}
            rows.changed()

    def _act(self, behavior: Behavior, me: Me, world: Surroundings) -> None:
        try:
            self._functions[behavior.name](me, world)
        except IndexError as cause:
            raise Fault(settle.NO_ELEMENT) from cause
        except AttributeError as cause:
            if cause.obj is None:
                raise Fault(settle.NOBODY) from cause
            raise BehaviorError(
                f"behavior {behavior.name!r} uses {cause.name!r}, which {type(cause.obj).__name__} does not have.\n"
                f"There is nothing to read or write.\n"
                f"Declare it as a field, or correct the name."
            ) from cause

    def _come_to_rest(self, rows: Rows, row: int, me: Any, reach: float) -> bool:
        """Apply lattice and boundaries to a written position; whether the entity died of it."""
        if "position" not in written_by(me):
            return False
        dead, velocity, rest = False, None, []
        vectors: dict[str, Any] = {name: field.vector for name, field in rows.fields.items()}
        before, after = tuple(rows.values("position")[row]), tuple(me.position)
        if vectors.get("velocity") is not None:
            velocity = list(me.velocity)
        for a, (axis, s, p) in enumerate(zip(self._grid.space.axes, before, after, strict=True)):
            settled = _SETTLE[axis.boundary](p, s, axis.low, axis.high, axis.length, self._quantum[rows.kind], reach)
            place, code, *happened = settled
            if code:
                raise Fault(code, s, p, reach, a)
            if axis.boundary == "absorb":
                dead |= bool(happened[0])
            if axis.boundary == "reflect" and happened[0] and velocity is not None and a < len(velocity):
                velocity[a] = -velocity[a]
                me.velocity = vectors["velocity"](*velocity)
            rest.append(place)
        me.position = vectors["position"](*rest)
        return dead

    # ---- The initial state ----

    def _populate(self) -> None:
        """Draw and take the sources in order; ids count on over all of them."""
        following = 0
        parts: dict[type[Entity], list[tuple[NDArray[np.int64], dict[str, list[Any]]]]] = {k: [] for k in self._types}
        for source in self.sim.sources:
            rows = self._types[source.type]
            ids = np.arange(following, following + source.count, dtype=np.int64)
            if isinstance(source, Scatter):
                values = {name: self._drawn(source, rows, name, ids) for name in rows.fields}
            else:
                ids = np.asarray(source.fields.get("id", ids), np.int64)
                values = {name: _given(rows, name, source.fields[name]) for name in rows.fields}
            values["position"] = [
                self._placed(rows, id, p) for id, p in zip(ids.tolist(), values["position"], strict=True)
            ]
            parts[source.type].append((ids, values))
            following = max(following, int(ids.max(initial=-1)) + 1)
        for kind, rows in self._types.items():
            rows.ids = np.concatenate([ids for ids, _ in parts[kind]] or [rows.ids])
            order = np.argsort(rows.ids)
            rows.ids = rows.ids[order]
            for name, field in rows.fields.items():
                columns = stored(field, [value for _, values in parts[kind] for value in values[name]])
                rows.columns.update({n: c[order] for n, c in zip(field.columns, columns, strict=True)})
            rows.changed()

    def _drawn(self, source: Scatter, rows: Rows, name: str, ids: NDArray[np.int64]) -> list[Any]:
        """A field of scattered entities: a constant, or a function of draws that no other field shares."""
        field = rows.fields[name]
        rule: Any = source.fields.get(name, field.default)
        if name == "position" and name not in source.fields:
            rule = self._anywhere
        elif callable(rule):
            rule = self._translator.function(rule)
        else:
            if field.vector is not None and isinstance(rule, (tuple, list, np.ndarray)):
                rule = field.vector(*rule)
            return [held(field, self._translator.captured(rule))] * len(ids)
        key = random.key(self.sim.seed, source.type.__name__, f"scatter.{source.index}.{name}")
        return [held(field, self._draw(rule, source, rows, Draws(key, id, 0), id)) for id in ids.tolist()]

    def _draw(self, rule: Any, source: Scatter, rows: Rows, draws: Draws, id: int) -> Any:
        try:
            return rule(draws)
        except IndexError as cause:
            fault = TickFault(0, _NOT_RUN_YET, rows.index, id, settle.NO_ELEMENT, ())
            raise fault_error("scatter", source.type.__name__, fault) from cause

    def _anywhere(self, draw: Draws) -> Vec2 | Vec3:
        parts = [axis.low + axis.length * draw.random() for axis in self._grid.space.axes]
        return Vec2(*parts) if len(parts) == 2 else Vec3(*parts)

    def _placed(self, rows: Rows, id: int, position: Any) -> Any:
        """An initial position on the lattice and inside the box."""
        parts = []
        for a, (axis, p) in enumerate(zip(self._grid.space.axes, position, strict=True)):
            rest = settle.settle_periodic if axis.periodic else settle.settle_strict
            p = settle.at_edge(p, axis.low, axis.high, axis.quantum)
            place, code = rest(p, axis.low, axis.low, axis.high, axis.length, self._quantum[rows.kind], np.inf)
            if code:
                values, reason = (axis.low, p, axis.high, a), settle.OUTSIDE if code == settle.LEFT else code
                fault = TickFault(0, _NOT_RUN_YET, rows.index, id, reason, values)
                raise fault_error("scatter", rows.kind.__name__, fault)
            parts.append(place)
        return type(position)(*parts)


def _given(rows: Rows, name: str, values: NDArray[Any]) -> list[Any]:
    field = rows.fields[name]
    columns = [values] if field.vector is None else [values[:, a] for a in range(len(field.columns))]
    return read(field, columns)


def _store(rows: Rows, written: Sequence[Mapping[str, Any]]) -> None:
    """Put what the entities of a type wrote into its columns."""
    for name, field in rows.fields.items():
        chosen = [row for row, values in enumerate(written) if name in values]
        if not chosen:
            continue
        columns = stored(field, [written[row][name] for row in chosen])
        for column_name, values in zip(field.columns, columns, strict=True):
            rows.columns[column_name][chosen] = values


__all__ = ["Interpreter"]
