"""Portraits: a standing run as what `partitions.portion` makes frames of, asked from the driver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from partitions.interest import Interest, Wanted
from partitions.portion import Cells

if TYPE_CHECKING:
    from weaver.run import Run

GRID = 512
"""Texels on the longest side of a layer in a picture."""


class Portrait:
    """A `partitions.portion.Source` of all partitions of a run that stands.

    Args:
        run: of whom.
        low: corner of its world.
        high: the other.
    """

    paced = True

    def __init__(self, run: Run, low: tuple[float, float, float], high: tuple[float, float, float]) -> None:
        self._run, self.low, self.high = run, low, high
        self.dim = run.simulation.box.dim
        self.columns = run.column_names()
        self._first = len(self.columns)
        self.layers = []
        for layer, shape in run.layer_shapes().items():
            nz, ny, nx = [1] * (3 - len(shape)) + list(shape)
            names = tuple(name for field in layer.__fields__.values() for name in field.columns)
            self.layers.append(Cells((nx, ny, nz), layer.__resolution__, names))

    def rows(self, type: int, area: Any, names: Sequence[str]) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
        """Ids and columns of all entities of a type, wherever they are."""
        ids, columns = self._run.columns(type)
        return ids, {name: columns[name] for name in names}

    def pieces(
        self, layer: int, names: Sequence[str]
    ) -> Iterable[tuple[list[NDArray[Any]], tuple[int, int, int]]]:
        """The whole layer in one piece."""
        _, columns = self._run.columns(self._first + layer)
        yield [columns[name].reshape(self.layers[layer].shape[::-1]) for name in names], (0, 0, 0)

    def entities(self, ids: Sequence[int]) -> list[tuple[int, int, dict[str, Any]]]:
        """(type, id, column -> value) of those that live."""
        return list(self._found(set(ids)))

    def _found(self, wanted: set[int]) -> Iterator[tuple[int, int, dict[str, Any]]]:
        for type in range(self._first):
            ids, columns = self._run.columns(type)
            for row, id in enumerate(ids.tolist()):
                if id in wanted:
                    yield type, id, {name: values[row] for name, values in columns.items()}

    def load(self) -> dict[str, Any]:
        """A run that stands does no work."""
        return {"partitions": [], "workers": []}


def whole_interest(meta: dict[str, Any]) -> Interest:
    """Everything, as a view shows it at first: all entities with what they are coloured by, each layer's first field."""
    types = []
    for index, one in enumerate(meta["types"]):
        by = one["view"].get("color_by")
        fields = (by,) if by in [field["name"] for field in one["fields"]] else ()
        types.append(Wanted(index, "points", fields))
    layers = []
    for index, layer in enumerate(meta["layers"]):
        kinds = {field["name"]: field["kind"] for field in layer["fields"]}
        name = layer["view"].get("color_by") or next(iter(kinds))
        layers.append((index, name, kinds[name] == "enum"))
    return Interest(0, grid=GRID, types=tuple(types), layers=tuple(layers))
