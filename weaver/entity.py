"""Entity types: what an author declares about a kind of thing."""

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
_RESERVED = ("id",)


@dataclass(frozen=True)
class Field:
    """One field of an entity type.

    Attributes:
        name: as declared.
        kind: "bool", "int", "float" or "vector": what a behavior reads (bool, int64, float64, a Vec).
        dtype: numpy dtype string of the stored column, or of each component.
        vector: the vector class, or None.
        enum: the IntEnum class, or None.
        default: value of an entity for which nothing was given.
    """

    name: str
    kind: str
    dtype: str
    vector: type | None
    enum: type[enum.IntEnum] | None
    default: Any

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the stored columns: the field's own, or one per component."""
        if self.vector is None:
            return (self.name,)
        return tuple(f"{self.name}.{c}" for c in "xyz"[: VECTORS[self.vector][0]])


class Entity:
    """Base of entity types: subclass it and annotate the fields.

    `position` and `id` are built in. Fields may be `bool`, `int`, `float`, `weaver.float32`, `weaver.int32` and the
    other numpy widths, `Vec2`, `Vec3`, `Vec2f`, `Vec3f`, or an `enum.IntEnum`; a value after the annotation is the
    default.

    Raises:
        ModelError: a field has a type that does not exist, or a default that does not fit it.
    """

    id: int
    __fields__: typing.ClassVar[dict[str, Field]] = {}

    def __init__(self) -> None:
        raise ModelError(
            f"{type(self).__name__}() was called; entities are not made one by one.\n"
            f"They live in columns that the workers own.\n"
            f"Use sim.scatter({type(self).__name__}, n) or sim.add({type(self).__name__}, position=...)."
        )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        frame = sys._getframe(1)
        fields = dict(cls.__fields__)
        for name, annotation in inspect.get_annotations(cls).items():
            while isinstance(annotation, str):
                annotation = _resolve(cls, name, annotation, frame.f_globals, frame.f_locals)
            if _is_class_variable(annotation):
                continue
            fields[name] = _field(cls, name, annotation, cls.__dict__.get(name))
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


def _field(cls: type, name: str, annotation: Any, default: Any) -> Field:
    if name in _RESERVED:
        raise ModelError(
            f"{cls.__name__}.{name} is declared, but `{name}` is built in.\n"
            f"Two columns of one name would hide each other.\n"
            f"Leave the declaration out, or choose another name."
        )
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
            f"Use bool, int, float, wv.float32, wv.int32, wv.Vec2, wv.Vec3 or an enum.IntEnum."
        )
    dtype = scalar
    kind = {"b": "bool", "i": "int", "u": "int", "f": "float"}[np.dtype(dtype).kind]
    value = default if default is not None else 0
    if (isinstance(value, bool) and kind == "float") or not isinstance(value, (bool, int, float, np.generic)):
        raise _bad_default(cls, name, annotation, default)
    if kind == "int":
        limits = np.iinfo(dtype)
        if int(value) != value or not limits.min <= int(value) <= limits.max:
            raise _bad_default(cls, name, annotation, default)
    convert = {"bool": bool, "int": int, "float": float}[kind]
    return Field(name, kind, dtype, None, None, convert(np.dtype(dtype).type(value)))


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


def fields_of(cls: type[Entity], dim: int) -> dict[str, Field]:
    """The fields of a type in a world of `dim` axes, `position` first.

    Raises:
        ModelError: the declared position has another number of components than the world has axes.
    """
    declared = dict(cls.__fields__)
    vector = Vec2 if dim == 2 else Vec3
    position = declared.pop("position", None) or Field("position", "vector", "<f8", vector, None, vector())
    assert position.vector is not None
    if VECTORS[position.vector][0] != dim:
        raise ModelError(
            f"{cls.__name__}.position is a {position.vector.__name__}, but the box has {dim} axes.\n"
            f"Positions would not fit the world.\n"
            f"Declare {vector.__name__} or {vector.__name__}f, or change the Box."
        )
    return {"position": position, **declared}
