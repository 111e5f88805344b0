"""Simulation: what an app declares, and the way into a run."""

from __future__ import annotations

import contextvars
import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaver.entity import Entity, Layer, fields_of
from weaver.errors import ModelError, WeaverError
from weaver.field import Declared
from weaver.message import Event, Link, Message
from weaver.observation import Observation, check_condition, make_observation
from weaver.parameter import Parameter
from weaver.sources import Added, Between, Raster, Scatter, Ties, unknown_field
from weaver.space import Box
from weaver.start import Startable
from weaver.table import Table
from weaver.turns import (
    Behavior,
    Diffusion,
    Meeting,
    Turn,
    annotated_types,
    check_function,
    check_turn,
    entity_types,
)

if TYPE_CHECKING:
    from weaver.geometry import Geometry

_BASES = (Entity, Layer, Message, Event, Link)
_EXAMPLES: dict[type[Declared], str] = {
    Entity: "class Bird(wv.Entity): ...",
    Layer: "class Grass(wv.Layer, resolution=1.0): ...",
    Link: "class Knows(wv.Link): ...",
}

Settings = Mapping[str, Any]
settings: contextvars.ContextVar[Settings] = contextvars.ContextVar("settings", default=types.MappingProxyType({}))
"""Values that act before an app file runs: "seed" and parameters, from the command's --seed and --set."""


@dataclass(eq=False)
class Simulation(Startable):
    """A simulation: a box of space, entity types, behaviors, parameters and initial entities.

    Args:
        box: the space.
        seed: 0 to 2^64 - 1; random numbers are functions of it.
        dt: length of a tick in the model's unit of time.
        strict: compile without reassociation, so that the result equals the interpreter's bit for bit wherever IEEE 754
            fixes it; slower.
        name: for messages; the app file's name by default.

    Attributes:
        file: the app file, "" if it is not known.

    Raises:
        ModelError: a value is out of its range.
    """

    box: Box
    seed: int = 0
    dt: float = 1.0
    strict: bool = False
    name: str = ""
    file: str = field(default="", init=False, repr=False)
    parameters: dict[str, Parameter] = field(default_factory=dict, init=False, repr=False)
    behaviors: list[Turn] = field(default_factory=list, init=False, repr=False)
    sources: list[Scatter | Added] = field(default_factory=list, init=False, repr=False)
    entity_types: list[type[Entity]] = field(default_factory=list, init=False, repr=False)
    layers: list[type[Layer]] = field(default_factory=list, init=False, repr=False)
    messages: list[type[Message]] = field(default_factory=list, init=False, repr=False)
    links: list[type[Link]] = field(default_factory=list, init=False, repr=False)
    rasters: list[Raster] = field(default_factory=list, init=False, repr=False)
    ties: list[Ties] = field(default_factory=list, init=False, repr=False)
    tables: dict[str, Table] = field(default_factory=dict, init=False, repr=False)
    obstacles: Geometry | None = field(default=None, init=False, repr=False)
    observations: list[Observation] = field(default_factory=list, init=False, repr=False)
    conditions: list[str] = field(default_factory=list, init=False, repr=False)
    betweens: list[Between] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.box, Box):
            raise ModelError(
                f"Simulation({self.box!r}) was asked for; the first argument is the space, a Box.\n"
                f"There would be no place for entities.\n"
                f'Write wv.Simulation(wv.Box(400, 400, boundary="periodic")).'
            )
        override = settings.get().get("seed")
        if override is not None:
            self.seed = override
        if not (isinstance(self.seed, (int, np.integer)) and 0 <= int(self.seed) < 1 << 64):
            raise ModelError(
                f"seed={self.seed!r} was asked for; a seed is a whole number from 0 to 2^64 - 1.\n"
                f"Random numbers are keyed by it.\n"
                f"Write seed=7."
            )
        self.seed = int(self.seed)
        if not (isinstance(self.dt, (int, float, np.number)) and 0 < float(self.dt) < float("inf")):
            raise ModelError(
                f"dt={self.dt!r} was asked for; a tick's length is a positive number.\n"
                f"Time would not go on.\n"
                f"Write dt=1.0."
            )
        self.dt = float(self.dt)
        if not self.name:
            frame = inspect.currentframe()
            caller = frame.f_back.f_back if frame and frame.f_back else None
            path = str(caller.f_globals.get("__file__", "simulation")) if caller else "simulation"
            self.name, self.file = path.rsplit("/", 1)[-1].removesuffix(".py"), path

    def parameter(
        self,
        name: str,
        value: float,
        *,
        low: float | None = None,
        high: float | None = None,
        unit: str = "",
        help: str = "",
    ) -> Parameter:
        """Declare a number that can be set from outside: `--set name=value`, `run.set(name=value)`.

        Args:
            name: a Python identifier, once per simulation.
            value: the default; an int makes an int parameter.
            low: inclusive bound.
            high: inclusive bound; a parameter used as a radius needs it.
            unit: shown to people.
            help: shown to people.

        Raises:
            ModelError: the name is taken or not an identifier, or the value is out of range.
        """
        if name in self.parameters or not name.isidentifier():
            raise ModelError(
                f"parameter {name!r} was asked for; a name is a Python identifier and used once.\n"
                f"--set {name}=… could not tell which is meant.\n"
                f"Choose another name."
            )
        made = Parameter(name, value, low, high, unit, help)
        if name in settings.get().get("parameters", {}):
            made.value = made.checked(settings.get()["parameters"][name])
        self.parameters[name] = made
        return made

    def behavior(
        self,
        function: Callable[..., Any] | None = None,
        *,
        every: int = 1,
        at: int = 0,
        reach: float | None = None,
        jumps: bool = False,
    ) -> Any:
        """Declare a behavior `(me: Type, world: World)`; behaviors run in the order declared.

        Args:
            function: the behavior, when used as a bare decorator.
            every: run at ticks with tick % every == at.
            at: see `every`.
            reach: largest distance of a move and of `near(at=…)`, per axis; by default the largest radius.
            jumps: moves have no limit.

        Raises:
            ModelError: an option is out of range, the first argument has no entity type, or the name is taken.
        """

        def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
            self.behaviors.append(self._declared(fn, every, at, reach, jumps))
            return fn

        return declare if function is None else declare(function)

    def _declared(self, fn: Callable[..., Any], every: int, at: int, reach: float | None, jumps: bool) -> Behavior:
        name = check_function(fn, "behavior", 2, "def act(me: Bird, world: wv.World)")
        check_turn("behavior", name, [b.name for b in self.behaviors], every, at, reach)
        first = next(iter(inspect.signature(fn).parameters))
        kinds = entity_types(annotated_types(fn, first))
        if not kinds or len({issubclass(k, Layer) for k in kinds}) > 1:
            raise _no_type("behavior", fn, first, f"{name}({first}: Bird, world: wv.World)")
        for kind in kinds:
            self._register(kind)
        return Behavior(name, fn, kinds, every, at, None if reach is None else float(reach), jumps)

    def meeting(
        self,
        function: Callable[..., Any] | None = None,
        *,
        radius: Any = None,
        when: Callable[..., Any] | None = None,
        by: Callable[..., Any] | None = None,
        rounds: int = 1,
        every: int = 1,
        at: int = 0,
        reach: float | None = None,
    ) -> Any:
        """Declare a meeting `(a: Wolf, b: Sheep, world: World)`: exclusive pairs, in turn with the behaviors.

        Candidates are pairs within `radius` in the state at its start for which `when(a, b)` holds. In each round every
        free entity takes its best candidate (least `by(a, b)`, then a hash of seed, tick, name, a and b), and mutual
        choices meet; an entity meets at most once. Within one type, a is the one of smaller id. The body may read,
        write and remove both; births, messages, deposits and events count once, for a. With a layer as the second, b is
        the cell that holds a's position, and at most one a meets it.

        Args:
            function: the meeting, when used as a bare decorator (with a layer).
            radius: a number, or a parameter with `high`; not given with a layer.
            when: which pairs may meet.
            by: which are better.
            rounds: how often those still free choose again, from 1 on.
            every: run at ticks with tick % every == at.
            at: see `every`.
            reach: largest move, spawn or deposit in the body; by default the radius.

        Raises:
            ModelError: an option is out of range, an argument has no type, or the name is taken.
        """

        def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
            example = "def eat(wolf: Wolf, sheep: Sheep, world: wv.World)"
            name = check_function(fn, "meeting", 3, example)
            check_turn("meeting", name, [b.name for b in self.behaviors], every, at, reach)
            names = list(inspect.signature(fn).parameters)[:2]
            kinds = [entity_types(annotated_types(fn, argument)) for argument in names]
            for argument, found in zip(names, kinds, strict=True):
                if len(found) != 1 or (argument == names[0] and issubclass(found[0], Layer)):
                    raise _no_type("meeting", fn, argument, example.removeprefix("def "))
            (first,), (second,) = kinds
            if (radius is None) != issubclass(second, Layer) or not (isinstance(rounds, int) and rounds >= 1):
                raise ModelError(
                    f"meeting {name!r} was declared with radius={radius!r}, rounds={rounds!r}; two entities need a "
                    f"radius, an entity and the cell that it stands on none, and rounds are counted from 1.\n"
                    f"Weaver would not know who can meet.\n"
                    f"Write @sim.meeting(radius=1.0), or @sim.meeting for a layer."
                )
            for kind in (first, second):
                self._register(kind)
            limit = None if reach is None else float(reach)
            self.behaviors.append(Meeting(name, fn, first, second, radius, when, by, rounds, every, at, limit))
            return fn

        return declare if function is None else declare(function)

    def diffuse(
        self, layer: type[Layer], field: str, rate: Any, *, decay: Any = 0.0, every: int = 1, at: int = 0
    ) -> None:
        """Let a field of a layer spread, in turn with the behaviors.

        One explicit step of the five-point (in 3-D seven-point) scheme: f += rate * dt / resolution^2 * (sum over the
        neighbours of (their f - f)), then f *= exp(-decay * dt). Nothing flows over an edge that is not periodic.

        Args:
            layer: the layer.
            field: a float field.
            rate: D, length^2 per unit of time; a number, or a parameter with `high`.
            decay: k, per unit of time; a number or a parameter.
            every: run at ticks with tick % every == at; the step stays dt.
            at: see `every`.

        Raises:
            ModelError: the field is no float, or the step is unstable; names the largest dt.
        """
        self._register(layer)
        name = f"diffuse.{getattr(layer, '__name__', layer)}.{field}"
        check_turn("diffusion", name, [b.name for b in self.behaviors], every, at, None)
        found = layer.__fields__.get(field) if isinstance(layer, type) and issubclass(layer, Layer) else None
        if found is None or found.kind != "float" or found.length:
            raise ModelError(
                f"sim.diffuse({getattr(layer, '__name__', layer)}, {field!r}) was asked for; it takes a layer and one "
                f"of its float fields.\n"
                f"There is nothing that could spread.\n"
                f"Declare class Scent(wv.Layer, resolution=1.0): {field}: float."
            )
        high = rate.high if isinstance(rate, Parameter) else rate
        limit = layer.__resolution__**2 / (2 * self.box.dim)
        if high is None or not 0 <= float(high) * self.dt <= limit * (1 + 1e-12):
            worst = "a parameter without `high`" if high is None else f"{float(high):g}"
            largest = f"{limit / float(high):g}" if high else f"{limit:g} / high"
            raise ModelError(
                f"sim.diffuse({layer.__name__}, {field!r}, rate={worst}) was asked for with dt={self.dt:g} and a "
                f"resolution of {layer.__resolution__:g}; the explicit scheme needs 0 <= rate * dt <= resolution^2 / "
                f"{2 * self.box.dim} = {limit:g}.\n"
                f"It is unstable beyond: the field would oscillate and grow without bound.\n"
                f"Use dt={largest} at most, a lower rate, or a coarser resolution."
            )
        self.behaviors.append(Diffusion(name, layer, field, rate, decay, every, at))

    def _register(self, kind: Any, *bases: type[Declared]) -> None:
        allowed: tuple[type[Declared], ...] = bases or (Entity, Layer, Message, Link)
        if not (isinstance(kind, type) and issubclass(kind, allowed) and kind not in _BASES):
            names = " or ".join(f"wv.{base.__name__}" for base in bases or (Entity, Layer))
            raise ModelError(
                f"{kind!r:.80} was given where a subclass of {names} is expected.\n"
                f"It would have no fields to fill.\n"
                f"Declare {_EXAMPLES[allowed[0]]} and pass it."
            )
        kinds: list[Any] = self._list_of(kind)
        if kind in kinds:
            return
        if any(k.__name__ == kind.__name__ for k in [*self.kinds, *self.messages, *self.links]):
            raise ModelError(
                f"two types are called {kind.__name__}.\n"
                f"Columns, random keys and views go by the name.\n"
                f"Rename one of the classes."
            )
        fields_of(kind, self.box.dim)
        kinds.append(kind)

    def _list_of(self, kind: type) -> list[Any]:
        for base, kinds in ((Entity, self.entity_types), (Layer, self.layers), (Link, self.links)):
            if issubclass(kind, base):
                return kinds
        return self.messages

    @property
    def kinds(self) -> list[type[Entity] | type[Layer]]:
        """Everything that has columns, as numbered in a program: the entity types, then the layers."""
        return [*self.entity_types, *self.layers]

    def add(self, kind: type[Entity], table: Any = None, /, **fields: Any) -> None:
        """Add entities from arrays, a pandas DataFrame, an Arrow table, or the path of a CSV or Parquet file.

        Args:
            kind: the entity type.
            table: columns by name; a vector is one column of rows, or columns `name_x`, `name_y`[, `name_z`].
            fields: arrays by name, (n,) or (n, 2 or 3); a number or a vector holds for all. `position` is required;
                `id`, distinct whole numbers >= 0, may be given.

        Raises:
            ModelError: a column is unknown or missing, lengths differ, or a value does not fit; names row and column.
        """
        from weaver.tables import read_columns

        self._register(kind, Entity)
        count, columns = read_columns(kind, self.box.dim, table, fields)
        self.sources.append(Added(kind, count, columns))

    def scatter(self, kind: type[Entity], count: int, /, **fields: Any) -> None:
        """Draw `count` entities, uniformly in the box unless `position` says otherwise; the workers do the drawing.

        Args:
            kind: the entity type.
            count: how many, any size.
            fields: a constant, or a function of the draw such as `lambda rng: rng.unit2()`; fields that are not named
                get their defaults.

        Raises:
            ModelError: the count is negative, or a field is unknown.
        """
        self._register(kind, Entity)
        number = float(count) if hasattr(count, "__float__") else float("nan")
        if not 0 <= number < 1 << 62:
            raise ModelError(
                f"scatter({kind.__name__}, {count!r}) was asked for; a count is a number from 0 on.\n"
                f"There is nothing to draw.\n"
                f"Give a whole number."
            )
        known = fields_of(kind, self.box.dim)
        given = {
            name: (int(v) if v.integer else float(v)) if isinstance(v, Parameter) else v for name, v in fields.items()
        }
        for name, value in given.items():
            if name not in known:
                raise unknown_field(kind, name, known)
            if known[name].vector is None and not known[name].length and isinstance(value, (list, tuple, np.ndarray)):
                raise ModelError(
                    f"scatter({kind.__name__}, {name}={value!r:.40}) was asked for; a field of drawn entities is a "
                    f"constant or a function of the draw.\n"
                    f"A list could not be told to fit the entities, which the workers draw.\n"
                    f"Write {name}=lambda rng: rng.choice((...)), or use sim.add, which takes arrays."
                )
        self.sources.append(Scatter(kind, int(count), given, len(self.sources)))

    def layer(self, layer: type[Layer], /, **fields: Any) -> None:
        """Give a layer its initial values; fields that are not named have their defaults.

        Args:
            layer: the layer.
            fields: a constant; an array in the layer's shape, [y, x] or [z, y, x] with row 0 at low y; the path of a
                PNG, whose top row is at high y (grey, or the mean of the colours: 0 to 1 in a float field, 0 to 255 in
                an int field, above the half in a bool field); or a function of the cell, such as
                `lambda cell: cell.position.x` or `lambda cell: cell.random() < 0.5`.

        Raises:
            ModelError: a field is unknown, an array has another shape, or a picture cannot be read.
        """
        self._register(layer, Layer)
        known = fields_of(layer, self.box.dim)
        for name in fields:
            if name not in known:
                raise unknown_field(layer, name, known)
        from weaver.rasters import read_rasters

        self.rasters.append(Raster(layer, read_rasters(layer, self.box, fields)))

    def link(self, link: type[Link], a: Any, b: Any, /, **fields: Any) -> None:
        """Tie entities together, whatever the distance.

        Args:
            link: the type of link.
            a: (n,) ids.
            b: (n,) ids; no entity is tied to itself.
            fields: (n,) or (n, components) values by name, or one value for all.

        Raises:
            ModelError: lengths differ, an id is no id, or a field is unknown.
        """
        self._register(link, Link)
        from weaver.tables import read_links

        self.ties.append(read_links(link, a, b, fields))

    def table(self, name: str, columns: Any) -> Table:
        """Large read-only arrays for behaviors: `roads = sim.table("roads", {"speed": speeds})`, `roads.speed[k]`.

        Args:
            name: a Python identifier, once per simulation.
            columns: a dict of arrays (n,), a pandas DataFrame or an Arrow table.

        Raises:
            ModelError: a column is no array of numbers, lengths differ, or the name is taken.
        """
        if name in self.tables:
            raise ModelError(
                f"table {name!r} was declared twice.\nBehaviors could not tell which is meant.\nChoose another name."
            )
        self.tables[name] = Table(name, columns)
        return self.tables[name]

    def geometry(
        self, *, segments: Any = (), polygons: Any = (), discs: Any = (), triangles: Any = (), mesh: Any = None
    ) -> None:
        """Static obstacles, for `world.wall` and `world.clear`; several calls add up. The views draw them.

        Args:
            segments: (n, 2, 2) two ends each, in a 2-D world.
            polygons: a list of (m, 2) corners, each closed, in a 2-D world.
            discs: (n, 3) centre and radius, in a 2-D world.
            triangles: (n, 3, 3) corners, in a 3-D world.
            mesh: path of an OBJ, GLB or STL file, whose triangles are taken, in a 3-D world.

        Raises:
            ModelError: a shape does not fit the world, or a mesh cannot be read.
        """
        from weaver.geometry import read_geometry

        self.obstacles = read_geometry(self.box, self.obstacles, segments, polygons, discs, triangles, mesh)

    def observe(
        self,
        name: str,
        kind: Any,
        what: Any = None,
        how: str | None = None,
        *,
        every: int = 1,
        where: Callable[..., Any] | None = None,
        bins: tuple[float, float, int] | None = None,
    ) -> None:
        """Sample a number about all entities of a type, or all cells of a layer: `run.observations()`.

        Sums are exact: they do not depend on an order, so not on partitions. A mean is the exact sum divided once.

        Args:
            name: a Python identifier, once per simulation.
            kind: entity type or layer.
            what: a field's name ("energy", "velocity", "velocity.x"), or a function of one entity; not for a count.
            how: "sum", "mean", "min", "max", "count", "var" or "histogram"; of vectors "sum" and "mean".
            every: sample when the number of ticks done is a multiple of it; the initial state is sampled always.
            where: a function of one entity: whether it counts.
            bins: of a histogram: (low, high, number).

        Raises:
            ModelError: an argument is out of range.
        """
        self._register(kind, Entity, Layer)
        taken = [*self.parameters, *(o.name for o in self.observations)]
        self.observations.append(make_observation(name, kind, what, how, every, where, bins, taken))

    def until(self, condition: str) -> None:
        """End a run once a condition on observations holds: `sim.until("burning == 0")`, looked at after each tick.

        Raises:
            ModelError: it cannot be parsed, or names something else than observations, `tick` and `time`.
        """
        self.conditions.append(check_condition(condition, [o.name for o in self.observations]))

    def between(self, function: Callable[..., Any] | None = None, *, every: int = 1) -> Any:
        """Declare Python that runs on the driver between ticks, with the run as its argument.

        It is called when `run.tick % every == 0`, before that tick. It may ask the run (`entities`, `events`,
        `observations` give Arrow tables) and command it (`set`, `add`, `update`, `remove`, `send`).
        """
        if not (isinstance(every, int) and every >= 1):
            raise ModelError(
                f"between(every={every!r}) was asked for; allowed is a whole number from 1 on.\n"
                f"It would never be called.\n"
                f"Write @sim.between(every=10)."
            )

        def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
            self.betweens.append(Between(fn, every))
            return fn

        return declare if function is None else declare(function)

    def check(self) -> list[WeaverError]:
        """All that can be said against the model before it runs, every fault at once; an empty list if nothing can."""
        from weaver.check import check

        return check(self)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{k.__name__}" for k in self.entity_types) or "no entities"
        return f"<Simulation {self.name}: {self.box!r:.60} {kinds}, {len(self.behaviors)} behaviors>"


def _no_type(what: str, fn: Callable[..., Any], argument: str, example: str) -> ModelError:
    return ModelError(
        f"{what} {fn.__name__!r} has no type that it can use on its argument {argument!r} "
        f"(it is {fn.__annotations__.get(argument)!r}).\n"
        f"Weaver would not know whose {what} it is.\n"
        f"Write def {example}, with subclasses of wv.Entity."
    )
