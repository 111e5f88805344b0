"""Fields: what an author declares about a kind of thing, parsed from the annotations of its class."""

from __future__ import annotations

import enum
import inspect
import sys
import typing
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaver.errors import ModelError
from weaver.vector import Vec2, Vec2f, Vec3, Vec3f

VECTORS: dict[type, tuple[int, str]] = {Vec2: (2, "<f8"), Vec3: (3, "<f8"), Vec2f: (2, "<f4"), Vec3f: (3, "<f4")}
"""Vector class -> (components, dtype of each)."""

_SCALARS: dict[Any, str] = {bool: "|b1", int: "<i8", float: "<f8"}
_STORAGE = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_SCALARS.update({getattr(np, name): np.dtype(name).newbyteorder("<").str for name in _STORAGE})
_LONGEST = 256
"""Elements of an array field; each is a column of its own."""


@dataclass(frozen=True)
class Field:
    """One field of an entity type, layer, message, event or link.

    Attributes:
        name: as declared.
        kind: "bool", "int", "float" or "vector": what a behavior reads (bool, int64, float64, a Vec); of an array
            field, the kind of its elements.
        dtype: numpy dtype string of the stored column, of each component, or of each element.
        vector: the vector class, or None.
        enum: the IntEnum class, or None.
        default: value of a row for which nothing was given; of an array field, a tuple.
        length: elements of an array field, 0 for any other.
    """

    name: str
    kind: str
    dtype: str
    vector: type | None
    enum: type[enum.IntEnum] | None
    default: Any
    length: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the stored columns: the field's own, or one per component or element ("speed.0")."""
        if self.length:
            return tuple(f"{self.name}.{k}" for k in range(self.length))
        if self.vector is None:
            return (self.name,)
        return tuple(f"{self.name}.{c}" for c in "xyz"[: VECTORS[self.vector][0]])


class Array:
    """The type of a field of a fixed number of numbers: `wv.Array[float, 8]`.

    In a behavior `me.f[k]` is read and assigned one by one, and `len(me.f)` is the number.
    """

    def __class_getitem__(cls, parts: Any) -> ArrayOf:
        """`Array[type, length]`.

        Raises:
            ModelError: the type is no number, or the length is out of range.
        """
        element, length = parts if isinstance(parts, tuple) and len(parts) == 2 else (parts, None)
        if element not in _SCALARS or not isinstance(length, int) or not 1 <= length <= _LONGEST:
            raise ModelError(
                f"wv.Array[{getattr(element, '__name__', element)}, {length}] was asked for; it takes a type of number "
                f"and a length from 1 to {_LONGEST}.\n"
                f"Every element is a column of the store, so the number of them must be known.\n"
                f"Write wv.Array[float, 8]; for large read-only arrays use sim.table."
            )
        return ArrayOf(element, length)


@dataclass(frozen=True)
class ArrayOf:
    """What `Array[element, length]` gives."""

    element: Any
    length: int


class Declared:
    """Base of everything that an author declares with fields: annotations of the class body become `__fields__`."""

    __fields__: typing.ClassVar[dict[str, Field]] = {}
    _built_in: typing.ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if Declared in cls.__bases__:
            return  # one of our own bases: its annotations are for readers, they are built in
        frame = sys._getframe(1)
        while frame.f_code.co_name == "__init_subclass__" and frame.f_back is not None:
            frame = frame.f_back
        fields = dict(cls.__fields__)
        for name, annotation in inspect.get_annotations(cls).items():
            while isinstance(annotation, str):
                annotation = _resolve(cls, name, annotation, frame.f_globals, frame.f_locals)
            if _is_class_variable(annotation) or name.startswith("_"):
                continue
            fields[name] = parse_field(cls, name, annotation, cls.__dict__.get(name))
        cls.__fields__ = fields


def _resolve(cls: type, name: str, text: str, module: dict[str, Any], local: dict[str, Any]) -> Any:
    try:
        return eval(text, module, local)  # the author's own annotation, as the class statement itself would evaluate it
    except (NameError, AttributeError) as cause:
        raise ModelError(
            f"{cls.__name__}.{name} is declared as `{text}`, which does not exist ({cause}).\n"
            f"Weaver would not know how to store the field.\n"
            f"Use bool, int, float, wv.float32, wv.int32, wv.Vec2, wv.Vec3 or an enum.IntEnum."
        ) from cause


def parse_field(cls: type[Declared], name: str, annotation: Any, default: Any) -> Field:
    """The field that an annotation declares.

    Raises:
        ModelError: the type does not exist, or the default does not fit it.
    """
    if name in cls._built_in:
        raise ModelError(
            f"{cls.__name__}.{name} is declared, but `{name}` is built in.\n"
            f"Two columns of one name would hide each other.\n"
            f"Leave the declaration out, or choose another name."
        )
    if isinstance(annotation, ArrayOf):
        return _array_field(cls, name, annotation, default)
    if annotation in VECTORS:
        size, dtype = VECTORS[annotation]
        value = annotation() if default is None else default
        if not (isinstance(value, tuple(VECTORS)) and VECTORS[type(value)][0] == size):
            raise _bad_default(cls, name, annotation, default)
        return Field(name, "vector", dtype, annotation, None, annotation(value))
    if name == "position":
        raise ModelError(
            f"{cls.__name__}.position is declared as {annotation!r}; it must be a vector.\n"
            f"Entities are found by their position.\n"
            f"Declare wv.Vec2f or wv.Vec3f for float32 positions, or leave the line out for float64."
        )
    if isinstance(annotation, type) and issubclass(annotation, enum.IntEnum):
        value = next(iter(annotation)) if default is None else default
        if not isinstance(value, int):
            raise _bad_default(cls, name, annotation, default)
        return Field(name, "int", "<i8", None, annotation, int(value))
    scalar = _SCALARS.get(annotation) if _hashable(annotation) else None
    if scalar is None:
        raise ModelError(
            f"{cls.__name__}.{name} is declared as {getattr(annotation, '__name__', annotation)!r}, "
            f"which is not a field type.\n"
            f"Weaver would not know how to store the field.\n"
            f"Use bool, int, float, wv.float32, wv.int32, wv.Vec2, wv.Vec3, wv.Array[float, n] or an enum.IntEnum."
        )
    kind = _kind(scalar)
    return Field(name, kind, scalar, None, None, _scalar(cls, name, annotation, scalar, default))


def _kind(dtype: str) -> str:
    return {"b": "bool", "i": "int", "u": "int", "f": "float"}[np.dtype(dtype).kind]


def _scalar(cls: type, name: str, annotation: Any, dtype: str, default: Any) -> Any:
    kind = _kind(dtype)
    value = default if default is not None else 0
    if (isinstance(value, bool) and kind == "float") or not isinstance(value, (bool, int, float, np.generic)):
        raise _bad_default(cls, name, annotation, default)
    if kind == "int":
        limits = np.iinfo(dtype)
        if int(value) != value or not limits.min <= int(value) <= limits.max:
            raise _bad_default(cls, name, annotation, default)
    convert = {"bool": bool, "int": int, "float": float}[kind]
    return convert(np.dtype(dtype).type(value))


def _array_field(cls: type, name: str, annotation: ArrayOf, default: Any) -> Field:
    dtype = _SCALARS[annotation.element]
    given = default if isinstance(default, (tuple, list, np.ndarray)) else [default] * annotation.length
    if len(given) != annotation.length:
        raise _bad_default(cls, name, annotation.element, default)
    values = tuple(_scalar(cls, name, annotation.element, dtype, v) for v in given)
    return Field(name, _kind(dtype), dtype, None, None, values, annotation.length)


def _is_class_variable(annotation: Any) -> bool:
    origin: Any = typing.get_origin(annotation)
    return bool(origin is typing.ClassVar)


def _hashable(annotation: Any) -> bool:
    return getattr(annotation, "__hash__", None) is not None


def _bad_default(cls: type, name: str, annotation: Any, default: Any) -> ModelError:
    kind = getattr(annotation, "__name__", str(annotation))
    return ModelError(
        f"{cls.__name__}.{name} is declared as {kind} with the default {default!r}, which does not fit.\n"
        f"New entities would start with a wrong value.\n"
        f"Give a default of type {kind}."
    )
