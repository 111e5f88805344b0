"""What interpreted code holds in its hands: me, the others, and cells of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from weaver.entity import Entity
from weaver.errors import BehaviorError
from weaver.field import Field
from weaver.played_rows import Rows, element, held
from weaver.turns import entity_types


class Seen:
    """An entity or cell; two are the same if type and id are."""

    __slots__ = ("_id", "_image", "_row", "_rows", "_turns")
    position: Any

    def __init__(self, rows: Rows, row: int, image: Any = None, turns: tuple[int, ...] | None = None) -> None:
        self._rows, self._row, self._id = rows, row, int(rows.ids[row])
        self._image, self._turns = image, turns

    @property
    def id(self) -> int:
        """Unique over all types; of a cell its row-major number."""
        return self._id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and self._id == other._id and self._rows.kind is other._rows.kind

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {getattr(self, name)}" for name in self._rows.fields)
        return f"<{self._rows.kind.__name__} {self._id}: {values}>"

    def __hash__(self) -> int:
        return hash((self._rows.kind, self._id))


class Me(Seen):
    """The acting entity or cell.

    `_written` holds what it wrote; `_removed`, `_turned` (type, fields) what becomes of it; `_jumped` the site to
    which `jump_to_free` sends it, -1 if there was none.
    """

    __slots__ = ("_jumped", "_removed", "_turned", "_written")

    def __init__(self, rows: Rows, row: int, image: Any = None) -> None:
        super().__init__(rows, row, image)
        self._written: dict[str, Any] = {}
        self._removed = False
        self._jumped: int | None = None
        self._turned: tuple[type[Entity], dict[str, Any]] | None = None


class Other(Seen):
    """Another one, as it was at the behavior's start; `position` is the image at which it was found."""

    __slots__ = ()


# Functions, since attributes of entities are the author's.


def written_by(me: Me) -> dict[str, Any]:
    """Field name -> the entity's own value, not rounded yet."""
    return me._written


def rows_of(seen: Seen) -> Rows:
    """The rows among which one is."""
    return seen._rows


def row_of(seen: Seen) -> int:
    """Its row."""
    return seen._row


def turns_of(cell: Seen, dim: int) -> tuple[int, ...]:
    """How many whole worlds a cell's image lies from the cell in the box, per axis."""
    return cell._turns or (0,) * dim


def place(value: Any) -> Any:
    """The position of an entity or cell; a position as it is."""
    return value.position if isinstance(value, Seen) else value


def same(a: Any, b: Any) -> bool:
    """`a is b`, where two references to one entity are the same."""
    return a == b if isinstance(a, Seen) and isinstance(b, Seen) else a is b


def is_kind(value: Any, kinds: Any) -> bool:
    """`isinstance` for entities."""
    wanted = kinds if isinstance(kinds, tuple) else entity_types(kinds)
    return isinstance(value, Seen) and any(issubclass(value._rows.kind, k) for k in wanted)


class Elements:
    """An array field of one entity: numbers by index, and their count."""

    __slots__ = ("_field", "_owner")

    def __init__(self, owner: Seen, field: Field) -> None:
        self._owner, self._field = owner, field

    def _values(self) -> Any:
        name = self._field.name
        if isinstance(self._owner, Me) and name in self._owner._written:
            return self._owner._written[name]
        return self._owner._rows.values(name)[self._owner._row]

    def __len__(self) -> int:
        return self._field.length

    def __getitem__(self, index: int) -> Any:
        return self._values()[index]

    def __repr__(self) -> str:
        return repr(tuple(self._values()))

    def __setitem__(self, index: int, value: Any) -> None:
        if not isinstance(self._owner, Me):
            _not_mine(self._field.name, self._owner._rows.kind)
        self._owner._written[self._field.name] = changed = list(self._values())
        changed[index] = element(self._field, value)


def _not_mine(name: str, kind: type) -> NoReturn:
    raise BehaviorError(
        f"{name} of another {kind.__name__} is written; a behavior writes its own entity only.\n"
        f"Two behaviors could write the same value in one tick, and the order of work would decide.\n"
        f"Let the other write it: `send` it a message, or use a `meeting` of the two."
    )


def _built_in(name: str, kind: type) -> NoReturn:
    raise BehaviorError(
        f"{name} of a {kind.__name__} is written, but it is built in.\n"
        f"It says which one it is.\n"
        f"Write a field of yours."
    )


def me_class(rows: Rows) -> type[Me]:
    """The class of acting ones of a type: a property for each field."""

    def of(field: Field) -> property:
        def get(self: Me) -> Any:
            if field.length:
                return Elements(self, field)
            if field.name in self._written:
                return self._written[field.name]
            if field.name == "position" and self._image is not None:
                return self._image
            return self._rows.values(field.name)[self._row]

        def put(self: Me, value: Any) -> None:
            if field.length:
                raise BehaviorError(
                    f"{field.name} of {rows.kind.__name__} is assigned as a whole; its elements are assigned one by "
                    f"one.\n"
                    f"The array has a fixed place in the store.\n"
                    f"Write me.{field.name}[k] = value."
                )
            if field.name == "position":
                self._jumped = None
            self._written[field.name] = held(field, value)

        return property(get, put)

    return _made(rows, Me, of)


def other_class(rows: Rows) -> type[Other]:
    """The class of others of a type."""

    def of(field: Field) -> property:
        def get(self: Other) -> Any:
            if field.length:
                return Elements(self, field)
            if field.name == "position" and self._image is not None:
                return self._image
            return self._rows.values(field.name)[self._row]

        def put(self: Other, value: Any) -> None:
            _not_mine(field.name, rows.kind)

        return property(get, put)

    return _made(rows, Other, of)


def _made(rows: Rows, base: type[Any], of: Callable[[Field], property]) -> type[Any]:
    names: dict[str, Any] = {"__slots__": (), **{name: of(field) for name, field in rows.fields.items()}}
    if not issubclass(rows.kind, Entity):
        names |= {"position": _derived(rows, "position"), "index": _derived(rows, "index")}
    return type(rows.kind.__name__, (base,), names)


def _derived(rows: Rows, name: str) -> property:
    """A property of cells that is not stored."""

    def get(self: Seen) -> Any:
        return self._image if name == "position" and self._image is not None else self._rows.values(name)[self._row]

    def put(self: Seen, value: Any) -> None:
        _built_in(name, rows.kind)

    return property(get, put)
