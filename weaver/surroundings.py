"""What an interpreted behavior meets: `me`, the others and the world, reading the state at the behavior's start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.grid import Cells, Grid
from weaver import random, settle
from weaver.arithmetic import to_bool, to_int
from weaver.entity import Entity
from weaver.errors import BehaviorError
from weaver.field import VECTORS, Field
from weaver.turns import entity_types
from weaver.vector import Vec2, Vec3

_WIDE = {"bool": "|b1", "int": "<i8", "float": "<f8"}
_HELD: Mapping[str, Callable[[Any], Any]] = {"bool": to_bool, "int": to_int, "float": float}


class Fault(Exception):
    """An entity broke a rule: a code of `weaver.settle`, and (before, after, limit, axis) as far as there are such."""

    def __init__(self, code: int, *values: float) -> None:
        super().__init__(code, *values)
        self.code, self.values = code, values


class Rows:
    """All entities of one type, by ascending id.

    Attributes:
        kind: the type; index: its number in the program.
        fields: by name, position first.
        ids: (n,) int64.
        columns: by column name, (n,) arrays of the storage types.
    """

    def __init__(self, kind: type[Entity], index: int, fields: Mapping[str, Field], cells: Cells) -> None:
        self.kind, self.index, self.fields, self.cells = kind, index, fields, cells
        self.ids: NDArray[np.int64] = np.empty(0, np.int64)
        self.columns: dict[str, NDArray[Any]] = {}
        for field in fields.values():
            self.columns.update({name: np.empty(0, field.dtype) for name in field.columns})
        self.single = fields["position"].dtype == "<f4"
        self.me_class, self.other_class = _me_class(kind, fields), _other_class(kind, fields)
        self._values: dict[str, list[Any]] = {}
        self._near: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None

    def changed(self) -> None:
        """Forget what was derived from the columns."""
        self._values, self._near = {}, None

    def values(self, name: str) -> list[Any]:
        """A field of every row, as a behavior reads it: bool, int, float or a vector."""
        if name not in self._values:
            self._values[name] = read(self.fields[name], [self.columns[c] for c in self.fields[name].columns])
        return self._values[name]

    def places(self, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Positions (n, dim) in float64 and the global cell of each (n, dim)."""
        if self._near is None:
            columns = [self.columns[c].astype(np.float64) for c in self.fields["position"].columns]
            cells = np.empty((len(self.ids), len(columns)), np.int64)
            for a, (axis, column) in enumerate(zip(grid.space.axes, columns, strict=True)):
                edges = self.cells.edges[a]
                per_length = (len(edges) - 1) / axis.length
                cells[:, a] = [settle.cell_of(p, axis.low, per_length, edges) for p in column.tolist()]
            self._near = np.stack(columns, axis=1), cells
        return self._near


def read(field: Field, columns: Sequence[NDArray[Any]]) -> list[Any]:
    """Stored columns of a field as values: scalars widened to 64 bits, components joined to vectors."""
    if field.vector is not None:
        return [field.vector(*parts) for parts in zip(*(c.tolist() for c in columns), strict=True)]
    return columns[0].astype(_WIDE[field.kind]).tolist()  # type: ignore[no-any-return]


def held(field: Field, value: Any) -> Any:
    """A value as a field holds it until it is stored.

    Raises:
        BehaviorError: a vector where a number belongs, or the other way round.
    """
    is_vector = isinstance(value, tuple(VECTORS))
    if (field.vector is not None) != is_vector or (is_vector and VECTORS[type(value)][0] != len(field.columns)):
        raise BehaviorError(
            f"{field.name} = {value!r} was asked for; {field.name} is a "
            f"{field.vector.__name__ if field.vector else field.kind}.\n"
            f"The value cannot be stored.\n"
            f"Assign a {field.vector.__name__ if field.vector else 'number'}."
        )
    if field.vector is not None:
        return field.vector(value)
    return _HELD[field.kind](value)


def stored(field: Field, values: Sequence[Any]) -> list[NDArray[Any]]:
    """Values as the columns that the store keeps: wrapped or rounded, one pattern for NaN."""
    if field.vector is not None:
        parts = [np.array([tuple(v)[a] for v in values], np.float64) for a in range(len(field.columns))]
    else:
        parts = [np.array(values, _WIDE[field.kind])]
    with np.errstate(all="ignore"):
        columns = [part.astype(field.dtype) for part in parts]
    for column in columns:
        if column.dtype.kind == "f":
            column[np.isnan(column)] = np.nan
    return columns


# ---- Entities ----


class _Seen:
    """An entity; two are the same if type and id are."""

    __slots__ = ("_id", "_row", "_rows")

    def __init__(self, rows: Rows, row: int) -> None:
        self._rows, self._row, self._id = rows, row, int(rows.ids[row])

    @property
    def id(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Seen) and self._id == other._id and self._rows.kind is other._rows.kind

    def __hash__(self) -> int:
        return hash((self._rows.kind, self._id))


class Me(_Seen):
    """The acting entity; `_written` holds what it wrote."""

    __slots__ = ("_written",)
    position: Any

    def __init__(self, rows: Rows, row: int) -> None:
        super().__init__(rows, row)
        self._written: dict[str, Any] = {}


def written_by(me: Me) -> dict[str, Any]:
    """Field name -> the entity's own value, not rounded yet; a function, since attributes of `Me` are the author's."""
    return me._written


class Other(_Seen):
    """Another entity, as it was at the behavior's start; `position` is the image at which it was found."""

    __slots__ = ("_image",)
    position: Any

    def __init__(self, rows: Rows, row: int, image: Any) -> None:
        super().__init__(rows, row)
        self._image = image


def _place(value: Any) -> Any:
    """The position of an entity; a position as it is."""
    return value.position if isinstance(value, (Me, Other)) else value


def same(a: Any, b: Any) -> bool:
    """`a is b`, where two references to one entity are the same."""
    return a == b if isinstance(a, _Seen) and isinstance(b, _Seen) else a is b


def is_kind(value: Any, kinds: Any) -> bool:
    """`isinstance` for entities."""
    wanted = kinds if isinstance(kinds, tuple) else entity_types(kinds)
    return isinstance(value, _Seen) and any(issubclass(value._rows.kind, k) for k in wanted)


def _me_class(kind: type[Entity], fields: Mapping[str, Field]) -> type[Me]:
    def of(field: Field) -> property:
        def get(self: Me) -> Any:
            if field.name in self._written:
                return self._written[field.name]
            return self._rows.values(field.name)[self._row]

        def put(self: Me, value: Any) -> None:
            self._written[field.name] = held(field, value)

        return property(get, put)

    return type(kind.__name__, (Me,), {"__slots__": (), **{name: of(f) for name, f in fields.items()}})


def _other_class(kind: type[Entity], fields: Mapping[str, Field]) -> type[Other]:
    def of(name: str) -> property:
        def get(self: Other) -> Any:
            return self._image if name == "position" else self._rows.values(name)[self._row]

        def put(self: Other, value: Any) -> None:
            raise BehaviorError(
                f"{name} of another {kind.__name__} is written; a behavior writes its own entity only.\n"
                f"Two behaviors could write the same value in one tick, and the order of work would decide.\n"
                f"Let the other write it: `send` it a message, or use a `meeting` of the two."
            )

        return property(get, put)

    return type(kind.__name__, (Other,), {"__slots__": (), **{name: of(name) for name in fields}})


# ---- Random numbers ----


class Draws:
    """The random family: draw 0, 1, 2, … of one key, id and tick."""

    def __init__(self, key: np.uint64, id: int, tick: int) -> None:
        self._key, self._id, self._tick, self._draws = key, id, tick, 0

    def _next(self) -> tuple[np.uint64, int, int, int]:
        draw = self._draws
        if draw >= random.DRAWS:
            raise Fault(settle.NO_DRAWS, draw)
        self._draws += 1
        return self._key, self._id, self._tick, draw

    def random(self) -> float:
        """Uniform in [0, 1)."""
        return random.uniform(*self._next())

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform in [low, high)."""
        return random.uniform_between(*self._next(), float(low), float(high))

    def normal(self, mean: float = 0.0, std: float = 1.0) -> float:
        """Normally distributed."""
        return random.normal(*self._next(), float(mean), float(std))

    def exponential(self, mean: float = 1.0) -> float:
        """Exponentially distributed."""
        return random.exponential(*self._next(), float(mean))

    def integer(self, low: int, high: int) -> int:
        """Uniform whole number, low <= n < high."""
        return random.integer(*self._next(), to_int(low), to_int(high))

    def choice(self, values: Sequence[Any]) -> Any:
        """One of the values."""
        return values[self.integer(0, len(values))]

    def unit2(self) -> Vec2:
        """Uniform direction in the plane."""
        return Vec2(*random.unit2(*self._next()))

    def unit3(self) -> Vec3:
        """Uniform direction in space."""
        return Vec3(*random.unit3(*self._next()))


# ---- The world ----


class Surroundings(Draws):
    """`world` for one entity in one behavior and tick; the words are those of `weaver.world.World`."""

    def __init__(
        self,
        me: Me,
        key: np.uint64,
        tick: int,
        dt: float,
        reach: float,
        grid: Grid,
        rows: Callable[[type[Entity]], Rows],
    ) -> None:
        super().__init__(key, me.id, tick)
        self._me, self._reach, self._grid, self._rows_of = me, reach, grid, rows
        self.dt, self.tick, self.time = dt, tick, tick * dt

    @property
    def size(self) -> Vec2 | Vec3:
        """Side lengths of the box."""
        return self._vector(axis.length for axis in self._grid.space.axes)

    def offset(self, a: Any, b: Any) -> Any:
        """The way from a to b, by the nearest image."""
        return self._vector(self._away(_place(a), _place(b)))

    def wrap(self, position: Any) -> Any:
        """The same place inside the box, along its periodic axes."""
        return self._vector(
            settle.wrapped(p, axis.low, axis.high, axis.length) if axis.periodic else p
            for p, axis in zip(_place(position), self._grid.space.axes, strict=True)
        )

    def _away(self, here: Iterable[float], there: Iterable[float]) -> list[float]:
        """The way from here to there per axis, by the nearest image, in float64 whatever the vectors are."""
        return [
            settle.nearest_image(q - p, axis.length) if axis.periodic else q - p
            for p, q, axis in zip(here, there, self._grid.space.axes, strict=True)
        ]

    @staticmethod
    def _vector(parts: Iterable[float]) -> Vec2 | Vec3:
        values = list(parts)
        return Vec2(*values) if len(values) == 2 else Vec3(*values)

    def near(self, me: Any, kind: Any, radius: float, at: Any = None) -> Iterator[Any]:
        """Everything within `radius`, in order."""
        return iter([other for _, other in self._found("near", kind, radius, at)])

    def count(self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], Any] | None = None) -> int:
        """How many are within `radius`."""
        return len(self._candidates("count", kind, radius, at, when))

    def nearest(
        self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], Any] | None = None
    ) -> Any:
        """The one of least (distance, id), or None."""
        found = self._candidates("nearest", kind, radius, at, when)
        return min(found, key=lambda pair: (pair[0], pair[1].id))[1] if found else None

    def pick(self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], Any] | None = None) -> Any:
        """One of those within `radius`, or None."""
        found = self._candidates("pick", kind, radius, at, when)
        return found[self.integer(0, len(found))][1] if found else None

    def _candidates(
        self, word: str, kind: Any, radius: float, at: Any, when: Callable[[Any], Any] | None
    ) -> list[tuple[float, Any]]:
        found = self._found(word, kind, radius, at)
        return found if when is None else [(d2, other) for d2, other in found if when(other)]

    def _found(self, word: str, kind: Any, radius: float, at: Any) -> list[tuple[float, Other]]:
        """(distance², entity) of all within `radius`, in the order of `near`."""
        if "position" in self._me._written:
            raise BehaviorError(
                f"world.{word} is called after position was written.\n"
                f"Neighbours are those of my position at the start of the behavior; looking from the new one would "
                f"miss and double some.\n"
                f"Make it two behaviors: one that moves, and after it one that looks."
            )
        here = tuple(_place(self._me))
        centre = here
        if at is not None:
            centre = tuple(p + d for p, d in zip(here, self._away(here, _place(at)), strict=True))
            for a, (p, q) in enumerate(zip(here, centre, strict=True)):
                if not abs(q - p) <= self._reach:
                    raise Fault(settle.LOOKED_TOO_FAR, p, q, self._reach, a)
        found = []
        for each in entity_types(kind):
            rows = self._rows_of(each)
            single = at is None and rows.single and self._me._rows.single
            found += self._found_of(rows, centre, radius, np.float32 if single else np.float64)
        return found

    def _found_of(self, rows: Rows, centre: Sequence[float], radius: float, real: Any) -> list[tuple[float, Other]]:
        """The same for one type, distances computed in the precision `real`."""
        places, cells = rows.places(self._grid)
        images, order = places.copy(), cells.copy()
        for a, axis in enumerate(self._grid.space.axes):
            if axis.periodic:  # the one image that can be within the radius, which is less than half the axis
                turns = -np.rint((places[:, a] - centre[a]) / axis.length)
                images[:, a] += turns * axis.length
                order[:, a] += turns.astype(np.int64) * (len(rows.cells.edges[a]) - 1)
        d2 = np.zeros(len(places), real)
        for a, c in enumerate(centre):
            d = real(c) - images[:, a].astype(real)
            d2 = d * d if a == 0 else d2 + d * d
        inside = d2 <= real(radius) * real(radius)
        if rows is self._me._rows:
            inside[self._me._row] = False
        chosen = np.flatnonzero(inside)
        chosen = chosen[np.lexsort((rows.ids[chosen], *order[chosen].T))]
        vector: Any = rows.fields["position"].vector
        return [(float(d2[row]), rows.other_class(rows, int(row), vector(*images[row].tolist()))) for row in chosen]
