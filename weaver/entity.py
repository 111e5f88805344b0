"""Entity types and layers: what a world holds."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from weaver.appearance import checked_view
from weaver.errors import ModelError
from weaver.field import VECTORS, Declared, Field
from weaver.sites import Sites
from weaver.vector import Vec2, Vec3


class Entity(Declared):
    """Base of entity types: subclass it and annotate the fields.

    `position` and `id` are built in. Fields may be `bool`, `int`, `float`, `weaver.float32`, `weaver.int32` and the
    other numpy widths, `Vec2`, `Vec3`, `Vec2f`, `Vec3f`, `Array[float, n]`, or an `enum.IntEnum`; a value after the
    annotation is the default.

    Class arguments:
        sites: `class Chip(Entity, sites=GRID)` lives on the sites of a lattice, at most one entity of all types that
            share GRID on each.
        view: how it is drawn, a dict with any of "model" ("point", "disc", "cone", "arrow", "dart", "box", "person",
            "car", "ball", or a .glb, .obj or .stl file beside the module's), "size" (its length, in the world's unit),
            "color" ("#rrggbb") and "color_by" (a field, or "direction").

    Raises:
        ModelError: a field has a type that does not exist, or a default that does not fit it; or an argument does not.
    """

    id: int
    __view__: typing.ClassVar[Mapping[str, Any]] = types.MappingProxyType({})
    __sites__: typing.ClassVar[Sites | None] = None
    _built_in = ("id",)

    def __init__(self) -> None:
        raise ModelError(
            f"{type(self).__name__}() was called; entities are not made one by one.\n"
            f"They live in columns that the workers own.\n"
            f"Use sim.scatter({type(self).__name__}, n), sim.add({type(self).__name__}, position=...), or in a "
            f"behavior world.spawn({type(self).__name__}, position=...)."
        )

    def __init_subclass__(cls, sites: Sites | None = None, view: Any = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if view is not None:
            made = checked_view(cls, view, ("model", "size", "color", "color_by"))
            cls.__view__ = types.MappingProxyType({**cls.__view__, **made})
        if sites is not None:
            if not isinstance(sites, Sites):
                raise ModelError(
                    f"class {cls.__name__}(wv.Entity, sites={sites!r}) was declared; sites is a lattice.\n"
                    f"Nobody would know where the sites are.\n"
                    f'Write GRID = wv.Sites(1.0, "square") and sites=GRID.'
                )
            cls.__sites__ = sites


class Layer(Declared):
    """Base of layers: rasters of values over the whole world, `class Grass(Layer, resolution=1.0)`.

    A cell has `position` (its centre), `index` (its number along each axis) and `id` (row-major, x fastest). Fields are
    those of entities. Arrays of a layer are [y, x] or [z, y, x]; row 0 is at low y.

    Class arguments:
        resolution: side of a cell; the box's sides are multiples of it.
        everywhere: every worker keeps a whole copy, so that `world.at` works at any distance.
        view: how it is drawn, a dict with "color_by", the field to show.

    Raises:
        ModelError: the resolution is not a positive number, or the view names no field.
    """

    id: int
    position: Any
    index: tuple[int, ...]
    __view__: typing.ClassVar[Mapping[str, Any]] = types.MappingProxyType({})
    __resolution__: typing.ClassVar[float] = 0.0
    __everywhere__: typing.ClassVar[bool] = False
    _built_in = ("id", "position", "index")

    def __init__(self) -> None:
        raise ModelError(
            f"{type(self).__name__}() was called; cells of a layer are not made one by one.\n"
            f"There is one for each square of the raster.\n"
            f"Give initial values by sim.layer({type(self).__name__}, field=...)."
        )

    def __init_subclass__(
        cls, resolution: float | None = None, everywhere: bool | None = None, view: Any = None, **options: Any
    ) -> None:
        super().__init_subclass__(**options)
        if view is not None:
            cls.__view__ = types.MappingProxyType({**cls.__view__, **checked_view(cls, view, ("color_by",))})
        if resolution is not None:
            cls.__resolution__ = float(resolution)
        if everywhere is not None:
            cls.__everywhere__ = bool(everywhere)
        if not (math.isfinite(cls.__resolution__) and cls.__resolution__ > 0):
            raise ModelError(
                f"class {cls.__name__}(wv.Layer, resolution={resolution!r}) was declared; a resolution is a positive "
                f"length.\n"
                f"There would be no cells.\n"
                f"Write class {cls.__name__}(wv.Layer, resolution=1.0)."
            )


def fields_of(cls: type[Declared], dim: int) -> dict[str, Field]:
    """The fields of an entity type in a world of `dim` axes, `position` first; of anything else, those declared.

    Raises:
        ModelError: the declared position has another number of components than the world has axes.
    """
    declared = dict(cls.__fields__)
    if not issubclass(cls, Entity):
        return declared
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
