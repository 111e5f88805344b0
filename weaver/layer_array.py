"""A layer's values as one array in the shape of the world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaver.entity import Layer
from weaver.errors import ModelError


def layer_array(
    layer: type[Layer], shape: tuple[int, ...], columns: Mapping[str, NDArray[Any]], field: str | None
) -> NDArray[Any]:
    """[y, x] or [z, y, x], row 0 at low y; vectors and array fields have one axis more.

    Args:
        layer: whose values.
        shape: cells per axis, x first.
        columns: column -> (cells,) in the order of the ids.
        field: which; None: the only one, or all as a structured array.

    Raises:
        ModelError: there is no such field.
    """
    fields = layer.__fields__
    if field is None and len(fields) == 1:
        field = next(iter(fields))
    if field is None:
        parts = {name: layer_array(layer, shape, columns, name) for name in fields}
        dtype = [(name, part.dtype, part.shape[len(shape) :]) for name, part in parts.items()]
        result = np.empty(shape[::-1], dtype)
        for name, part in parts.items():
            result[name] = part
        return result
    if field not in fields:
        raise ModelError(
            f"layer({layer.__name__}, {field!r}) was asked for; it has {', '.join(fields)}.\n"
            f"There is no such field.\n"
            f"Choose among these."
        )
    found = [columns[name] for name in fields[field].columns]
    if fields[field].vector is None and not fields[field].length:
        return found[0].reshape(shape[::-1])
    return np.stack(found, axis=-1).reshape((*shape[::-1], len(found)))
