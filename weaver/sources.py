"""What a world holds when it starts: entities, values of layers, links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weaver.entity import Entity, Layer
from weaver.errors import ModelError
from weaver.field import Declared, Field
from weaver.message import Link


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


@dataclass(frozen=True, eq=False)
class Raster:
    """Initial values of a layer.

    `fields` maps names to a constant, a function of the cell (`lambda cell: cell.position.x`, with the random words of
    a draw as well), or an array in the shape of the layer ([y, x] or [z, y, x], vectors and arrays one axis more).
    """

    layer: type[Layer]
    fields: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Ties:
    """Links: ids of the two ends (n,) and the fields' values, field name -> array (n,) or (n, components)."""

    link: type[Link]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    fields: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Between:
    """A function of the run, called on the driver when `tick % every == 0`, before that tick (0 included)."""

    function: Callable[..., Any]
    every: int


def unknown_field(kind: type[Declared], name: str, known: Mapping[str, Field]) -> ModelError:
    """The error for a field that a type does not have."""
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    return ModelError(
        f"{kind.__name__} has no field {name!r}; it has {', '.join(known)}.\n"
        f"The values would have nowhere to go.\n"
        f"{f'Write {close[0]!r}' if close else f'Declare `{name}: float` in class {kind.__name__}'}."
    )
