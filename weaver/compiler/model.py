"""What lowering shares across a program: types and columns by index, what is looked for, generated functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partitions.program import MOVED
from weaver.compiler.source import FunctionSource
from weaver.discovery import discover
from weaver.entity import Entity, Layer, fields_of
from weaver.field import Field
from weaver.lattice import Lattice
from weaver.message import Event, Link
from weaver.parameter import Parameter
from weaver.random import key
from weaver.simulation import Simulation
from weaver.sites import Sites
from weaver.topology import Topology, make_topology
from weaver.vector import Vec2f, Vec3f

if TYPE_CHECKING:
    from weaver.compiler.births import Become

AXES = "xyz"
TIE_ARRAYS = ("nodes", "start", "other", "link")
"""Static arrays of each type of link, see `partitions.ties`."""
SCRATCH = {"meet.choice": "<i8", "meet.row": "<i8", "meet.free": "|u1"}
"""Scratch columns of who can meet: whom it chose (an id, or -1), that one's row, and whether it is still free."""
WHOLE = 1 << 20
"""Added to the index of a layer, it is the type of a cell of a worker's whole copy of that layer."""
STREAMS = "streams_"
"""Static array of the keys of random numbers, see `Model.stream`."""
MAYBE = ("nearest", "pick")
"""Words of the world whose value is an entity or None."""


@dataclass(frozen=True)
class Look:
    """One search that a behavior makes.

    Attributes:
        type: index of the type looked for.
        radius: the largest it can be.
        parameter: the parameter that holds the radius, if one does.
        at: it is made around a place within reach, not around the entity.
    """

    type: int
    radius: float
    parameter: Parameter | None
    at: bool


@dataclass(frozen=True)
class Ref:
    """An entity in a variable.

    Attributes:
        types: type indices it can have.
        row: text of its row; a loop's own row is unsigned and never None.
        tag: text of the type index, where there are several.
        loop: it is a loop's variable.
        prefix: begins the names of the columns that the row counts in, where these are not the table's own.
        place: text of its position, where that is not what its row holds.
    """

    types: tuple[int, ...]
    row: str
    tag: str | None = None
    loop: bool = False
    prefix: str = ""
    place: str | None = None


@dataclass(frozen=True)
class Own:
    """An entity that a function may write: `me`, and in a meeting the other one too.

    Attributes:
        type: its type's index.
        prefix: of the names of its fields in the generated text.
        id: generated name of its id.
        loaded: fields that are used; written: those that are stored.
        becomes: numbers of the calls of `become`.
    """

    type: int
    prefix: str
    id: str
    loaded: dict[str, None]
    written: dict[str, None]
    becomes: dict[int, None] = field(default_factory=dict)

    def names(self, fields: Iterable[str]) -> list[str]:
        """Generated names of fields."""
        return [f"{self.prefix}_{f}_" for f in fields]


@dataclass(frozen=True)
class Helper:
    """A lowered helper function: what its callers must pass and unpack."""

    name: str
    context: tuple[str, ...]
    passes: tuple[str, ...]
    writes: tuple[str, ...]
    returns: bool


@dataclass(eq=False)
class Model:
    """A simulation, indexed for lowering.

    Attributes:
        kinds: the entity types, then the layers.
        fields: per type, its fields, position first.
        looks: name in the generated text -> search.
        functions: generated helper functions, in order: name -> lines.
        sources: generated function -> what it was made of.
        becomes: every call of `become`.
        turned: (type, type that it becomes of) as far as known; what a link leads to depends on it.
        topologies: links -> who is tied.
        statics: name in the generated text -> array that never changes, for whoever needs it.
        streams: (type, behavior) -> key of random numbers. They are an array, so that kernels serve every seed.
        laid: the lattices as they lie in the box, once the box is on the position lattice.
        observed: observation that behaviors read -> (its result is whole, its slots behind the parameters).
    """

    sim: Simulation
    turned: frozenset[tuple[int, int]] = frozenset()
    topologies: dict[type[Link], Topology] = field(default_factory=dict)
    kinds: list[type[Entity] | type[Layer]] = field(init=False)
    fields: list[dict[str, Field]] = field(init=False)
    looks: dict[str, Look] = field(default_factory=dict)
    functions: dict[str, list[str]] = field(default_factory=dict)
    sources: dict[str, FunctionSource] = field(default_factory=dict)
    helpers: dict[Any, Any] = field(default_factory=dict)
    active: list[Callable[..., Any]] = field(default_factory=list)
    observed: dict[str, tuple[bool, tuple[int, ...]]] = field(default_factory=dict)
    becomes: list[Become] = field(default_factory=list)
    statics: dict[str, NDArray[Any]] = field(default_factory=dict)
    streams: dict[tuple[str, str], np.uint64] = field(default_factory=dict)
    laid: list[Lattice] = field(default_factory=list)

    def __post_init__(self) -> None:
        discover(self.sim)
        self.kinds = self.sim.kinds
        self.messages = [m for m in self.sim.messages if not issubclass(m, Event)]
        self.events = [m for m in self.sim.messages if issubclass(m, Event)]
        self.fields = [stored_fields(k, self.dim) for k in self.kinds]
        parameters = list(self.sim.parameters.values())
        self.reals = [p for p in parameters if not p.integer]
        self.integers = [p for p in parameters if p.integer]
        for table in self.sim.tables.values():
            self.statics.update({static_name(table.name, c): values for c, values in table.columns.items()})
        self.statics[STREAMS] = np.empty(0, np.uint64)  # until all are known

    def key(self, type: str, behavior: str) -> np.uint64:
        """The key of the random numbers of a type in a behavior."""
        return key(self.sim.seed, type, behavior)

    def stream(self, type: str, behavior: str) -> str:
        """Text of that key, for a function that takes `STREAMS`."""
        self.streams.setdefault((type, behavior), self.key(type, behavior))
        return f"{STREAMS}[{[*self.streams].index((type, behavior))}]"

    @property
    def dim(self) -> int:
        """Axes of the world."""
        return self.sim.box.dim

    @property
    def axes(self) -> str:
        """Names of the axes: xy or xyz."""
        return AXES[: self.dim]

    def name(self, type: int) -> str:
        """A type's name, as it stands in generated names."""
        return self.kinds[type].__name__

    @property
    def lattices(self) -> list[Sites]:
        """The lattices of sites, in the order of the types that stand on them."""
        return list(dict.fromkeys(s for s in map(sites_of, self.kinds) if s is not None))

    def lattice(self, type: int) -> int:
        """Number of the lattice on which a type stands, or -1."""
        sites = sites_of(self.kinds[type]) if type >= 0 else None
        return -1 if sites is None else self.lattices.index(sites)

    def group(self, lattice: int) -> list[int]:
        """The types that stand on a lattice."""
        return [t for t in range(len(self.kinds)) if self.lattice(t) == lattice]

    def single(self, type: int) -> bool:
        """Whether the type's positions are float32."""
        return not self.is_layer(type) and self.fields[type]["position"].vector in (Vec2f, Vec3f)

    def is_layer(self, type: int) -> bool:
        """Whether the type is a layer, or a whole copy of one; none (-1) is not."""
        return type >= WHOLE or (type >= 0 and issubclass(self.kinds[type], Layer))

    def fields_of(self, type: int) -> dict[str, Field]:
        """Fields of a type, or of a layer of which the type is a whole copy."""
        return self.fields[type - WHOLE if type >= WHOLE else type]

    def seen_at(self, type: int) -> int:
        """Of which type the cells are that `at` gives of a layer: of its whole copy, if there is one."""
        kind = self.kinds[type]
        assert issubclass(kind, Layer)
        return type + WHOLE if kind.__everywhere__ else type

    def arrays_of(self, type: int) -> str:
        """What the generated names of a layer's geometry begin with; `type` may be that of a whole copy."""
        return self.name(type) if type < WHOLE else f"{self.name(type - WHOLE)}_whole"

    def resolution(self, type: int) -> float:
        """Side of a layer's cells, as declared."""
        kind = self.kinds[type]
        assert issubclass(kind, Layer)
        return kind.__resolution__

    def is_single(self) -> bool:
        """Whether any type's positions are float32."""
        return any(self.single(t) for t in range(len(self.kinds)))

    def parameter(self, parameter: Parameter) -> str:
        """Text of a parameter's current value."""
        if parameter.integer:
            return f"integers_[{self.integers.index(parameter)}]"
        return f"reals_[{self.reals.index(parameter)}]"

    def look(self, type: int, radius: float, parameter: Parameter | None, at: bool) -> str:
        """Register a search; its name prefixes the constants that the module's head defines for it."""
        wanted = Look(type, radius, parameter, at)
        for name, look in self.looks.items():
            if look == wanted:
                return name
        name = f"look{len(self.looks)}_"
        self.looks[name] = wanted
        return name

    def read(self, type: int, name: str, row: str, element: int | None = None, prefix: str = "") -> str:
        """Text of a stored field at a row, as a behavior reads it: bool, int64, float64, a vector, or a tuple.

        With `element`, only that one of an array.
        """
        f = self.fields[type][name]
        if element is not None:
            return widened(f, f"{prefix}{column_name(self.name(type), f.columns[element])}[{row}]")
        at = [f"{prefix}{column_name(self.name(type), c)}[{row}]" for c in f.columns]
        if f.vector is not None:
            return f"{f.vector.__name__}({', '.join(at)})"
        if f.length:
            return f"({', '.join(widened(f, a) for a in at)},)"
        return widened(f, at[0])

    def tied_types(self, link: type[Link], me_type: int) -> tuple[int, ...]:
        """Types that the other end of a link can have: those at the start, and what these can become."""
        types = set(self.topology(link).types) or {me_type}
        while more := {b for a, b in self.turned if a in types} - types:
            types |= more
        return tuple(sorted(types))

    def topology(self, link: type[Link]) -> Topology:
        """Who is tied by a type of link; its arrays are static."""
        if link not in self.topologies:
            self.topologies[link] = make_topology(self.sim, link)
        made, name = self.topologies[link], link.__name__
        self.statics.update({f"{name}__{what}_": getattr(made, what) for what in TIE_ARRAYS})
        self.statics.update({column_name(name, c): values for c, values in made.columns.items()})
        return made

    def size(self, type: int, name: str) -> int:
        """Components of a field."""
        return len(self.fields[type][name].columns)


def sites_of(kind: type[Any]) -> Sites | None:
    """The lattice on which a type stands."""
    return getattr(kind, "__sites__", None)


def stored_fields(kind: type[Any], dim: int) -> dict[str, Field]:
    """What is stored of a type: its fields, and of one that stands on sites whether its last claim was won."""
    fields = fields_of(kind, dim)
    if sites_of(kind) is not None:
        fields[MOVED] = Field(MOVED, "bool", "|b1", None, None, False)
    return fields


def column_name(type: str, column: str) -> str:
    """Generated name of a column's current values: "Bird_velocity_x_".

    An underscore of the author's is doubled, and a field that is called like another array gets a suffix, so that no
    two names are the same: "Bird_wing_x" and "x", "Bird" and "wing.x".
    """
    field, dot, component = column.partition(".")
    field = field.replace("_", "__") + ("_f" if field in _ARRAYS else "")
    return f"{type.replace('_', '__')}_{field}{dot and '_'}{component}_"


_ARRAYS = ("ids", "start", "geometry", "edges", "dead", "ex", "ey", "ez", "rim", "first", "per", "cells")
"""What else a kernel has of a type."""


def static_name(table: str, column: str) -> str:
    """Generated name of a table's column."""
    return f"{table.replace('_', '__')}_{column.replace('_', '__')}_table_"


def widened(f: Field, code: str) -> str:
    """Text of a stored number as a behavior reads it."""
    if f.dtype in ("<f8", "<i8", "|b1"):
        return code
    return f"np.{'float64' if f.kind == 'float' else 'int64'}({code})"


def convert(f: Field, code: str) -> str:
    """Text that turns a value into what a field holds until it is stored; of an array, `code` is a name or constant."""
    if f.vector is not None:
        return f"{f.vector.__name__}({code})"
    if f.length:
        return f"({', '.join(convert_element(f, f'{code}[{k}]') for k in range(f.length))},)"
    return convert_element(f, code)


def convert_element(f: Field, code: str) -> str:
    """The same for a number of a scalar field, or for an element of an array."""
    return {"float": f"np.float64({code})", "int": f"to_int({code})", "bool": f"bool({code})"}[f.kind]
