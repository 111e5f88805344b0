"""A still: a source of frames that is plain arrays, for recordings and whatever else is not a running worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Corner
from partitions.portion import Cells

Array = NDArray[Any]


class Still:
    """A `partitions.portion.Source`.

    Args:
        dim: axes of the world.
        low, high: corners of the world; z is 0 in two dimensions.
        types: per entity type its ids (n,) and columns, those of the position first.
        layers: per layer the side of a cell and its columns, each [z, y, x] of the whole world.
    """

    def __init__(
        self,
        dim: int,
        low: Corner,
        high: Corner,
        types: Sequence[tuple[NDArray[np.int64], Mapping[str, Array]]],
        layers: Sequence[tuple[float, Mapping[str, Array]]] = (),
    ) -> None:
        self.dim, self.low, self.high, self._types, self._layers = dim, low, high, types, layers
        self.columns: Sequence[Sequence[str]] = [list(columns) for _, columns in types]
        self.layers: Sequence[Cells] = [Cells(_shape(columns), side, tuple(columns)) for side, columns in layers]
        self.paced = True

    def rows(
        self, type: int, area: tuple[Corner, Corner] | None, names: Sequence[str]
    ) -> tuple[NDArray[np.int64], dict[str, Array]]:
        """All of the type."""
        ids, columns = self._types[type]
        return ids, {name: columns[name] for name in names}

    def pieces(self, layer: int, names: Sequence[str]) -> Iterable[tuple[list[Array], tuple[int, int, int]]]:
        """The one piece."""
        columns = self._layers[layer][1]
        yield [columns[name] for name in names], (0, 0, 0)

    def entities(self, ids: Sequence[int]) -> list[tuple[int, int, dict[str, Any]]]:
        """(type, id, column -> value) of those that are here."""
        return [
            (type, int(known[row]), {name: values[row] for name, values in columns.items()})
            for type, (known, columns) in enumerate(self._types)
            for row in np.flatnonzero(np.isin(known, np.array(ids, np.int64))).tolist()
        ]

    def load(self) -> dict[str, Any]:
        """Nobody works."""
        return {"partitions": [], "workers": []}


def _shape(columns: Mapping[str, Array]) -> tuple[int, int, int]:
    nz, ny, nx = next(iter(columns.values())).shape
    return nx, ny, nz
