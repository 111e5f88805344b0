"""Simulation: what an app declares, and the way into a run."""

from __future__ import annotations

import contextvars
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from weaver.entity import Entity, Field, fields_of
from weaver.errors import ModelError
from weaver.parameter import Parameter
from weaver.space import Box

if TYPE_CHECKING:
    from weaver.run import Run

Settings = Mapping[str, Any]
settings: contextvars.ContextVar[Settings] = contextvars.ContextVar("settings", default=types.MappingProxyType({}))
"""Values that act before an app file runs: "seed" and parameters, from the command's --seed and --set."""


@dataclass(frozen=True, eq=False)
class Behavior:
    """A declared behavior: a function `(me, world)` and when it runs.

    Attributes:
        name: the function's name; part of every random key.
        function: as written.
        types: the entity types of its first argument, in order.
        every, at: it runs at ticks with tick % every == at.
        reach: largest move per axis, or None for the default.
        jumps: moves have no limit.
    """

    name: str
    function: Callable[..., Any]
    types: tuple[type[Entity], ...]
    every: int
    at: int
    reach: float | None
    jumps: bool


@dataclass(frozen=True, eq=False)
class Scatter:
    """Entities to be drawn by the workers: `fields` maps names to constants or functions of the draw."""

    type: type[Entity]
    count: int
    fields: dict[str, Any]
    index: int


@dataclass(frozen=True, eq=False)
class Added:
    """Entities given by arrays: field name -> array; "id" among them if the author gave ids."""

    type: type[Entity]
    count: int
    fields: dict[str, Any]


@dataclass(eq=False)
class Simulation:
    """A simulation: a box of space, entity types, behaviors, parameters and initial entities.

    Args:
        box: the space.
        seed: 0 to 2^64 - 1; random numbers are functions of it.
        dt: length of a tick in the model's unit of time.
        strict: compile without reassociation, so that the result equals the interpreter's bit for bit wherever IEEE 754
            fixes it; slower.
        name: for messages; the app file's name by default.

    Raises:
        ModelError: a value is out of its range.
    """

    box: Box
    seed: int = 0
    dt: float = 1.0
    strict: bool = False
    name: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict, init=False, repr=False)
    behaviors: list[Behavior] = field(default_factory=list, init=False, repr=False)
    sources: list[Scatter | Added] = field(default_factory=list, init=False, repr=False)
    entity_types: list[type[Entity]] = field(default_factory=list, init=False, repr=False)

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
            self.name = path.rsplit("/", 1)[-1].removesuffix(".py")

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
        if not isinstance(fn, types.FunctionType) or inspect.iscoroutinefunction(fn):
            raise ModelError(
                f"{fn!r:.80} was declared as a behavior; a behavior is a function written with def.\n"
                f"It is compiled from its source, which methods, partial and async functions do not have alone.\n"
                f"Write def act(me: Bird, world: wv.World): ... outside of a class."
            )
        name = fn.__name__
        if any(b.name == name for b in self.behaviors):
            raise ModelError(
                f"behavior {name!r} was declared twice.\n"
                f"Random numbers are keyed by a behavior's name, so two of one name would draw the same.\n"
                f"Rename one of them."
            )
        if not (isinstance(every, int) and every >= 1 and isinstance(at, int) and 0 <= at < every):
            raise ModelError(
                f"behavior {name!r} was declared with every={every!r}, at={at!r}; "
                f"allowed is every >= 1 and 0 <= at < every.\n"
                f"It would never run.\n"
                f"Write every=10, at=0."
            )
        if reach is not None and not (isinstance(reach, (int, float)) and 0 < float(reach) < float("inf")):
            raise ModelError(
                f"behavior {name!r} was declared with reach={reach!r}; a reach is a positive length.\n"
                f"The exchange must know how far an entity can go.\n"
                f"Write reach=2.0, or jumps=True for moves without limit."
            )
        arguments = inspect.signature(fn).parameters.values()
        names = [a.name for a in arguments]
        if len(names) != 2 or any(a.kind not in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD) for a in arguments):
            raise ModelError(
                f"behavior {name!r} takes {len(names)} arguments; it takes two by position, the entity and the world.\n"
                f"Weaver would not know what to pass.\n"
                f"Write def {name}(me: Bird, world: wv.World)."
            )
        kinds = self._types_of(fn, names[0])
        for kind in kinds:
            self._register(kind)
        return Behavior(name, fn, kinds, every, at, None if reach is None else float(reach), jumps)

    def _types_of(self, fn: Callable[..., Any], argument: str) -> tuple[type[Entity], ...]:
        annotation = fn.__annotations__.get(argument)
        while isinstance(
            annotation, str
        ):  # twice, where a quoted one stands under `from __future__ import annotations`
            annotation = evaluate(annotation, fn)
        kinds = entity_types(annotation)
        if not kinds:
            raise ModelError(
                f"behavior {fn.__name__!r} has no entity type on its first argument {argument!r} "
                f"(it is {annotation!r}).\n"
                f"Weaver would not know whose behavior it is.\n"
                f"Write def {fn.__name__}({argument}: Bird, world: wv.World), Bird being a subclass of wv.Entity."
            )
        return kinds

    def _register(self, kind: type[Entity]) -> None:
        if not (isinstance(kind, type) and issubclass(kind, Entity)):
            raise ModelError(
                f"{kind!r} was given where an entity type is expected; that is a subclass of wv.Entity.\n"
                f"It would have no fields to fill.\n"
                f"Declare class Bird(wv.Entity): ... and pass Bird."
            )
        if kind in self.entity_types:
            return
        if any(k.__name__ == kind.__name__ for k in self.entity_types):
            raise ModelError(
                f"two entity types are called {kind.__name__}.\n"
                f"Columns, random keys and views go by the name.\n"
                f"Rename one of the classes."
            )
        fields_of(kind, self.box.dim)
        self.entity_types.append(kind)

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

        self._register(kind)
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
        self._register(kind)
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
            if known[name].vector is None and isinstance(value, (list, tuple, np.ndarray)):
                raise ModelError(
                    f"scatter({kind.__name__}, {name}={value!r:.40}) was asked for; a field of drawn entities is a "
                    f"constant or a function of the draw.\n"
                    f"A list could not be told to fit the entities, which the workers draw.\n"
                    f"Write {name}=lambda rng: rng.choice((...)), or use sim.add, which takes arrays."
                )
        self.sources.append(Scatter(kind, int(count), given, len(self.sources)))

    def start(
        self,
        *,
        partitions: int | None = None,
        threads: int = 1,
        workers: int | None = None,
        cluster: str | None = None,
    ) -> Run:
        """Compile, place the entities, and return a run that stands at tick 0; use it in a `with` statement.

        Args:
            partitions: how many partitions; 1, or one per worker.
            threads: threads of each worker.
            workers: None runs in this process; W >= 1 runs on W Ray workers.
            cluster: address of a Ray cluster ("auto" or host:port); a local one is started when there is none.

        Raises:
            ModelError, BehaviorError: the model cannot run.
        """
        from weaver.run import Run

        return Run(self, partitions=partitions, threads=threads, workers=workers, cluster=cluster)

    def run(self, ticks: int, **options: Any) -> Run:
        """Start, run `ticks` ticks and stop; options as in `start`. The returned run still answers questions."""
        run = self.start(**options)
        with run:
            run.step(ticks)
        return run

    def __repr__(self) -> str:
        kinds = ", ".join(f"{k.__name__}" for k in self.entity_types) or "no entities"
        return f"<Simulation {self.name}: {self.box!r:.60} {kinds}, {len(self.behaviors)} behaviors>"


def evaluate(annotation: str, fn: Callable[..., Any]) -> Any:
    """Evaluate a string annotation in the scope of its function; None if a name is missing."""
    cells = inspect.getclosurevars(fn).nonlocals if fn.__closure__ else {}
    try:
        return eval(annotation, fn.__globals__, dict(cells))
    except NameError:
        pass
    frame = inspect.currentframe()
    while frame is not None:  # types defined beside the behavior inside a function are not in its closure
        try:
            return eval(annotation, fn.__globals__, frame.f_locals)
        except NameError:
            frame = frame.f_back
    return None


def entity_types(annotation: Any) -> tuple[type[Entity], ...]:
    """Wolf -> (Wolf,); Wolf | Sheep -> (Wolf, Sheep); anything else -> ()."""
    if isinstance(annotation, type) and issubclass(annotation, Entity):
        return (annotation,)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kinds = typing.get_args(annotation)
        if all(isinstance(k, type) and issubclass(k, Entity) for k in kinds):
            return tuple(kinds)
    return ()


def unknown_field(kind: type[Entity], name: str, known: Mapping[str, Field]) -> ModelError:
    """The error for a field that a type does not have."""
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    return ModelError(
        f"{kind.__name__} has no field {name!r}; it has {', '.join(known)}.\n"
        f"The values would have nowhere to go.\n"
        f"{f'Write {close[0]!r}' if close else f'Declare `{name}: float` in class {kind.__name__}'}."
    )
