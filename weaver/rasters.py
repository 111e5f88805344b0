"""Initial values of layers: constants, arrays, pictures and functions, checked against the layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaver.entity import Layer
from weaver.errors import ModelError
from weaver.field import Field
from weaver.parameter import Parameter
from weaver.space import Box

_CLOSE = 1e-9
"""By how much, relatively, a side may differ from a multiple of the resolution: the author wrote decimal numbers."""


def raster_shape(layer: type[Layer], box: Box) -> tuple[int, ...]:
    """Cells of a layer per axis, x first.

    Raises:
        ModelError: the resolution does not divide a side of the box; names the nearest that does.
    """
    shape = []
    for name, length in zip("xyz", box.lengths, strict=False):
        n = round(length / layer.__resolution__)
        if n < 1 or abs(n * layer.__resolution__ - length) > _CLOSE * length:
            raise ModelError(
                f"{layer.__name__} has a resolution of {layer.__resolution__:g}, and the box is {length:g} long in "
                f"{name}; the sides of the box are multiples of it.\n"
                f"The last cell would be cut.\n"
                f"Write resolution={_nearest(layer.__resolution__, box):.12g}, or change the box."
            )
        shape.append(n)
    return tuple(shape)


def _nearest(resolution: float, box: Box) -> float:
    """The resolution nearest to the one asked for that divides every side; that of the shortest side if none does."""
    shortest = min(box.lengths)
    wanted = max(1, round(shortest / resolution))
    for step in range(max(wanted, 1000)):
        for n in (wanted + step, wanted - step):
            if n >= 1 and all(
                abs(round(length * n / shortest) * shortest / n - length) <= _CLOSE * length for length in box.lengths
            ):
                return shortest / n
    return shortest / wanted


def read_rasters(layer: type[Layer], box: Box, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Check the initial values of a layer's fields.

    Args:
        layer: the layer.
        box: the space.
        fields: by name: a constant, a function of the cell, an array in the layer's shape, or the path of a PNG.

    Returns:
        By name, a function as it is; of anything else a read-only array in the field's storage type: shape () for a
        constant ((components,) for a vector or array field), else [y, x] or [z, y, x], vectors and arrays one axis
        more. Row 0 is at low y.

    Raises:
        ModelError: the resolution does not divide the box, an array has another shape, a value does not fit, or a
            picture cannot be read.
    """
    shape = tuple(reversed(raster_shape(layer, box)))
    return {name: _value(layer, layer.__fields__[name], shape, value) for name, value in fields.items()}


def _value(layer: type[Layer], field: Field, shape: tuple[int, ...], value: Any) -> Any:
    if callable(value) and not isinstance(value, (Parameter, type)):
        return value
    if isinstance(value, Parameter):
        value = int(value) if value.integer else float(value)
    parts = len(field.columns) if field.vector is not None or field.length else 0
    inner = (parts,) if parts else ()
    if isinstance(value, (str, Path)):
        if parts:
            raise _wrong(layer, field, f"the picture {str(value)!r}", "which has one value per cell")
        cells = _picture(layer, field, shape, Path(value))
    else:
        cells = np.asarray(list(value) if field.vector is not None else value)
    if cells.dtype.kind not in "biuf":
        raise _wrong(layer, field, f"an array of {cells.dtype}", "which are no numbers")
    if cells.shape not in (inner, shape + inner):
        raise ModelError(
            f"sim.layer({layer.__name__}, {field.name}=...) was given an array of shape {cells.shape}; the layer has "
            f"{shape + inner}, {'[z, y, x]' if len(shape) == 3 else '[y, x]'}{' and components' if parts else ''}.\n"
            f"Values would go to the wrong cells.\n"
            f"Give an array of that shape (transpose one that is [x, y]), or one value for all."
        )
    return _stored(layer, field, cells)


def _stored(layer: type[Layer], field: Field, cells: NDArray[Any]) -> NDArray[Any]:
    """Cells in the field's storage type; every value fits."""
    with np.errstate(all="ignore"):
        made = cells.astype(field.dtype)
        if field.kind in ("int", "bool"):
            fits = (made == cells) & (cells == np.floor(cells) if cells.dtype.kind == "f" else True)
            if field.enum is not None:
                fits &= np.isin(made, [int(member) for member in field.enum])
        else:
            fits = ~(np.isinf(made) & np.isfinite(cells.astype(np.float64)))
    if not np.all(fits):
        first = np.asarray(cells)[~np.asarray(fits)].ravel()[0]
        raise _wrong(layer, field, f"the value {first}", f"which does not fit {np.dtype(field.dtype).name}")
    if made.dtype.kind == "f":
        made = np.where(np.isnan(made), np.array(np.nan, made.dtype), made)  # the one bit pattern of the store
    made = np.ascontiguousarray(made).reshape(cells.shape)
    made.flags.writeable = False
    return made


def _wrong(layer: type[Layer], field: Field, what: str, why: str) -> ModelError:
    kind = field.vector.__name__ if field.vector else field.enum.__name__ if field.enum else field.kind
    return ModelError(
        f"sim.layer({layer.__name__}, {field.name}=...) was given {what}, {why}; {field.name} is a {kind}.\n"
        f"The cells would start with values that are not yours.\n"
        f"Give numbers that fit, a function of the cell, or change the type of the field."
    )


def _picture(layer: type[Layer], field: Field, shape: tuple[int, ...], path: Path) -> NDArray[Any]:
    """The grey values of a picture, bottom row first."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as cause:
        raise ModelError(
            f"sim.layer({layer.__name__}, {field.name}={str(path)!r}) was asked for; pillow, the Python package that "
            f"reads pictures, is missing.\n"
            f"The layer would have no values.\n"
            f"Run pip install pillow, or give an array."
        ) from cause
    try:
        with Image.open(path) as image:
            colours = np.asarray(image.convert("RGB"), np.float64)
    except (OSError, UnidentifiedImageError) as cause:
        raise ModelError(
            f"sim.layer({layer.__name__}, {field.name}={str(path)!r}) was asked for, and no picture can be read from "
            f"there ({cause}).\n"
            f"The layer would have no values.\n"
            f"Give the path of a PNG, from {Path.cwd()} or whole."
        ) from cause
    if len(shape) != 2 or colours.shape[:2] != shape:
        raise ModelError(
            f"sim.layer({layer.__name__}, {field.name}={str(path)!r}) was asked for; the picture has "
            f"{colours.shape[1]} x {colours.shape[0]} pixels and the layer {' x '.join(map(str, reversed(shape)))} "
            f"cells.\n"
            f"Pixels would go to the wrong cells.\n"
            f"Scale the picture, or change the resolution; in 3-D give an array."
        )
    grey: NDArray[np.float64] = np.rint(colours.sum(axis=2) / 3.0)[::-1]
    if field.kind == "bool":
        return np.asarray(grey > 127.5)
    if field.kind == "int":
        return grey.astype(np.int64)
    return np.asarray(grey / 255.0)
