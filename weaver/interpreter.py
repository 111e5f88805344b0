"""The interpreter: a simulation as plain Python in one world without partitions; the reference for compiled runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partitions.digest import add_digests, digest_rows, format_digest
from partitions.errors import TickFault
from weaver import random, settle
from weaver.compiler import write
from weaver.discovery import discover
from weaver.draws import Fault
from weaver.entity import Entity, Layer, fields_of
from weaver.errors import BehaviorError, ModelError
from weaver.fault import fault_error
from weaver.message import Event, Message
from weaver.parameter import Parameter
from weaver.played_acts import Acts, Conclusion, Outcome
from weaver.played_commands import commands_of
from weaver.played_entities import is_kind, same
from weaver.played_layers import CellRows
from weaver.played_links import Ring
from weaver.played_meetings import pairs
from weaver.played_messages import Mailbox
from weaver.played_observations import sample
from weaver.played_rows import Rows
from weaver.played_sites import Occupancy
from weaver.played_sources import Sources
from weaver.simulation import Simulation
from weaver.stage import Scene, Stage
from weaver.surroundings import Surroundings
from weaver.translation import Translator
from weaver.turns import Behavior, Diffusion, Meeting

if TYPE_CHECKING:
    from partitions.folder import Folder
    from partitions.manifest import Manifest
    from partitions.program import Program


class Interpreter:
    """A run in plain Python: slow, and the same bits as a strict compiled run where IEEE 754 fixes them.

    Args:
        sim: the simulation; its initial entities are placed at once.
        snapshot: (folder, manifest) of a compiled run of it that is gone on from; None: from the beginning. Only
            samples that behaviors or conditions read are known of the time before.

    Attributes:
        tick: ticks done.
        ended: whether a condition of `until` holds; no tick is done then.

    Raises:
        ModelError, BehaviorError: the model cannot run.
        RunError: an initial entity has no place in the box.
    """

    def __init__(self, sim: Simulation, snapshot: tuple[Folder, Manifest] | None = None) -> None:
        discover(sim)
        self.sim, self.tick, self.ended = sim, 0, False
        written = write(sim)  # for its checks, the cells, and how far each turn reaches; nothing is compiled
        grid, self._reaches = written.plan.grid, written.plan.reaches
        self._parameters = {name: p.value for name, p in sim.parameters.items()}
        self._translator = Translator(self._parameters, same, is_kind)
        function = self._translator.function
        self._functions = {b.name: function(b.function) for b in sim.behaviors if not isinstance(b, Diffusion)}
        types: dict[type, Rows] = {}
        for index, kind in enumerate(sim.entity_types):
            types[kind] = Rows(kind, index, fields_of(kind, sim.box.dim), grid.cells[index])
        for layer in sim.layers:
            types[layer] = CellRows(layer, len(types), fields_of(layer, sim.box.dim), sim.box, grid.space)
        self._stage = Stage(sim, grid, types, Mailbox(sim))
        self._samples: dict[str, list[tuple[int, Any]]] = {o.name: [] for o in sim.observations}
        self._lay()
        if snapshot is None:
            self._begin()
        self._commands = commands_of(self._stage, lambda: self.tick, written.program)
        if snapshot is not None:
            self._go_on(*snapshot, written.program)

    def _lay(self) -> None:
        """What stays as it is: lattices and geometry."""
        stage, sim = self._stage, self.sim
        from weaver.lattice import make_lattice

        stage.sites = {}
        for kind in sim.entity_types:
            sites = kind.__sites__
            if sites is not None and sites not in stage.sites:
                sharing = [stage.rows[k] for k in sim.entity_types if k.__sites__ is sites]
                stage.sites[sites] = Occupancy(make_lattice(sites, sim.box, stage.space), stage.space, sharing)
        stage.obstacles = None
        if sim.obstacles is not None:
            from weaver.obstacles import Obstacles

            stage.obstacles = Obstacles(sim.obstacles, stage.space)

    def _begin(self) -> None:
        """The initial state: entities, layers, links, samples."""
        stage, sim = self._stage, self.sim
        sources = Sources(stage, self._translator)
        for source in sim.sources:
            sources.place(source)
        for raster in sim.rasters:
            stage.cells(raster.layer).begin(raster, sim.seed, self._translator.function)
        living = {int(id): kind for kind, rows in stage.rows.items() if "position" in rows.fields for id in rows.ids}
        stage.ring = Ring(sim.ties, living)
        self._sampled()

    def _go_on(self, folder: Folder, manifest: Manifest, program: Program) -> None:
        """The state of a snapshot; links may lead to some that have died."""
        from weaver.played_state import take_up

        ends = [*(tie.a for tie in self.sim.ties), *(tie.b for tie in self.sim.ties)]
        self._stage.ring = Ring(self.sim.ties, {int(id): Entity for part in ends for id in part})
        take_up(self._stage, folder, manifest, program)
        values = manifest.driver.get("values", {})
        self._parameters.update({name: value for name, value in values.items() if name in self._parameters})
        self._commands.next = int(manifest.driver.get("next", self._commands.next))
        self.tick, self.ended = manifest.tick, manifest.ended is not None

    # ---- Questions ----

    def rows(self, kind: type[Entity] | type[Layer]) -> dict[str, NDArray[Any]]:
        """A type's entities by ascending id: "id" and every column by name ("position.x", ...), in storage types."""
        rows = self._stage.rows[kind]
        return {"id": rows.ids.copy(), **{name: column.copy() for name, column in rows.columns.items()}}

    def layer(self, layer: type[Layer], field: str | None = None) -> NDArray[Any]:
        """A field of a layer (the only one, if it is not named): [y, x] or [z, y, x], vectors one axis more."""
        cells = self._stage.cells(layer)
        return cells.array(field if field is not None else next(iter(cells.fields)))

    def events(self, kind: type[Event]) -> list[dict[str, Any]]:
        """Events of a class since they were asked for last, in order: tick, time, type, id, and the fields."""
        told, stage = [e for e in self._stage.events if e["event"] is kind], self._stage
        stage.events = [e for e in stage.events if e["event"] is not kind]
        return [{k: v for k, v in e.items() if k != "event"} for e in told]

    def observations(self) -> dict[str, list[tuple[int, Any]]]:
        """Observation -> (tick, value) of every sample."""
        return {name: list(samples) for name, samples in self._samples.items()}

    def counts(self) -> dict[str, int]:
        """Living entities of each type."""
        return {k.__name__: len(r.ids) for k, r in self._stage.rows.items() if "position" in r.fields}

    def stats(self) -> dict[str, dict[str, int]]:
        """Counts since the start, as those of a compiled run.

        Returns:
            {type: n} births, deaths, and lost (births that found no place); {message: n} sent, read and pending, the
            rest having been dropped.
        """
        stage, types = self._stage, [k.__name__ for k in self.sim.entity_types]
        result = {
            name: {kind: counter[kind] for kind in types}
            for name, counter in (("births", stage.born), ("deaths", stage.dead), ("lost", stage.lost))
        }
        return result | stage.mailbox.tallies()

    def digest(self) -> str:
        """Hash of the state, equal to that of a compiled run in the same state."""
        parts = []
        for rows in self._stage.rows.values():
            every = np.arange(len(rows.ids), dtype=np.uint32)
            parts.append(digest_rows(rows.index, every, rows.ids, rows.columns.values()))
        return format_digest(*add_digests(parts))

    # ---- Commands ----

    def load(self, state: Mapping[type, Mapping[str, NDArray[Any]]], tick: int) -> None:
        """Go on from a state as `rows` gives it; types that are not named have no entities."""
        for kind, rows in self._stage.rows.items():
            none: dict[str, NDArray[Any]] = {name: old[:0] for name, old in {"id": rows.ids, **rows.columns}.items()}
            given = state.get(kind, none)
            order = np.argsort(given["id"])
            rows.ids = given["id"][order]
            rows.columns = {name: given[name][order] for name in rows.columns}
        self._stage.changed()
        self.tick = tick

    def set(self, **values: float) -> int:
        """Set parameters from the next tick on; returns the tick.

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
        return self.tick

    def add(self, kind: type[Entity], table: Any = None, /, **fields: Any) -> NDArray[np.int64]:
        """Add entities between two ticks, as `Run.add` does; returns their ids."""
        return self._commands.add(kind, self._stage.entities(kind).index, table, fields)[0]

    def update(self, kind: type[Entity], ids: Any, /, **fields: Any) -> int:
        """Give entities new values, as `Run.update` does; returns the tick."""
        return self._commands.update(kind, self._stage.entities(kind).index, ids, fields)

    def put(self, kind: type[Entity], ids: Any, /, **fields: Any) -> int:
        """Update those that there are and add the others, as `Run.put` does; returns the tick."""
        return self._commands.put(kind, self._stage.entities(kind).index, ids, fields)

    def remove(self, ids: Any, /) -> int:
        """Take entities out, as `Run.remove` does; returns the tick."""
        return self._commands.remove(ids)

    def send(self, to: Any, message: Message, /) -> int:
        """Send a message from outside, as `Run.send` does; returns the tick."""
        return self._commands.send(to, message)

    # ---- Time ----

    def step(self, n: int = 1) -> int:
        """Run n ticks, or until a condition of `until` holds; returns the ticks done since the start.

        Raises:
            RunError: an entity broke a rule; names tick, behavior, type and id.
            BehaviorError: a behavior does what behaviors may not do.
        """
        for _ in range(n):
            if self.ended:
                break
            random.check_tick(self.tick)
            for between in self.sim.betweens:
                if self.tick % between.every == 0:
                    between.function(self)
            for number, turn in enumerate(self.sim.behaviors):
                if self.tick % turn.every == turn.at:
                    self._take(number, turn)
            self.tick += 1
            self._sampled()
            self.ended = any(self._holds(condition) for condition in self.sim.conditions)
        return self.tick

    def _sampled(self) -> None:
        for observation in self.sim.observations:
            if self.tick % observation.every == 0:
                value = sample(self._stage, observation, self._translator.function)
                self._stage.samples[observation.name] = value
                self._samples[observation.name].append((self.tick, value))

    def _holds(self, condition: str) -> bool:
        names = {**self._stage.samples, "tick": self.tick, "time": self.tick * self.sim.dt}
        numbers = {n: np.array(v)[()] if isinstance(v, (int, float)) else v for n, v in names.items()}
        with np.errstate(all="ignore"):  # x / 0 is inf or nan
            return bool(eval(condition, {"__builtins__": {}}, numbers))  # checked by `check_condition`

    def _take(self, number: int, turn: Behavior | Meeting | Diffusion) -> None:
        if isinstance(turn, Diffusion):
            rate, decay = (self._now(value) for value in (turn.rate, turn.decay))
            self._stage.cells(turn.layer).diffuse(turn, rate, decay, self.sim.dt)
            return
        reach, look = self._reaches[number]
        scene = Scene(self._stage, turn, number, self.tick, reach, look)
        outcomes: list[Outcome] = []
        faults: list[tuple[tuple[int, int], Fault]] = []
        if isinstance(turn, Meeting):
            self._meet(scene, turn, outcomes, faults)
        else:
            for outcome in self._actors(turn):
                outcomes.append(outcome)
                try:
                    self._act(scene, outcome)
                except Fault as fault:
                    faults.append((outcome.order, fault))
        conclusion = Conclusion(scene, outcomes)
        faulty = {order for order, _ in faults}
        for outcome in outcomes:
            if outcome.order not in faulty:
                try:
                    conclusion.come_to_rest(outcome)
                except Fault as fault:
                    faults.append((outcome.order, fault))
        if faults:
            (index, id), first = min(faults, key=lambda pair: pair[0])
            acting = list(self._stage.rows)[index]
            broken = TickFault(self.tick, number, index, id, first.code, first.values)
            raise fault_error(turn.name, acting.__name__, broken) from first
        conclusion.take_effect()

    def _actors(self, turn: Behavior) -> Iterator[Outcome]:
        """All that act in a turn, one after the other."""
        for kind in turn.types:
            rows = self._stage.rows[kind]
            for row in range(len(rows.ids)):
                yield Outcome(self._stage.me(rows, row), Acts())

    def _perform(self, function: Callable[..., Any], scene: Scene, outcome: Outcome, *others: Any) -> None:
        """Let one act; a debugger looks on here."""
        function(outcome.me, *others, Surroundings(outcome.me, scene, outcome.acts))

    def _now(self, value: float | Parameter) -> float:
        return float(self._parameters[value.name] if isinstance(value, Parameter) else value)

    def _meet(
        self, scene: Scene, turn: Meeting, outcomes: list[Outcome], faults: list[tuple[tuple[int, int], Fault]]
    ) -> None:
        """Find who meets, and carry it out."""
        when, by = (None if f is None else self._translator.function(f) for f in (turn.when, turn.by))
        radius = self._now(turn.radius) if turn.radius is not None else 0.0
        first, second = self._stage.rows[turn.first], self._stage.rows[turn.second]
        for row, other, image in pairs(scene, turn, radius, when, by):
            a, b = Outcome(self._stage.me(first, row), Acts()), Outcome(self._stage.me(second, other, image), Acts())
            outcomes += [a, b]
            try:
                self._act(scene, a, b.me)
            except Fault as fault:
                faults.append((min(a.order, b.order), fault))

    def _act(self, scene: Scene, outcome: Outcome, *others: Any) -> None:
        name = scene.turn.name
        try:
            self._perform(self._functions[name], scene, outcome, *others)
        except IndexError as cause:
            raise Fault(settle.NO_ELEMENT) from cause
        except AttributeError as cause:
            if cause.obj is None:
                raise Fault(settle.NOBODY) from cause
            raise BehaviorError(
                f"behavior {name!r} uses {cause.name!r}, which {type(cause.obj).__name__} does not have.\n"
                f"There is nothing to read or write.\n"
                f"Declare it as a field, or correct the name."
            ) from cause


__all__ = ["Interpreter"]
