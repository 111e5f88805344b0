"""What several interests see of a source between two ticks; what they have in common is copied and computed once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import LEVELS, Corner
from partitions.interest import Interest, Wanted, fields_in, matching

if TYPE_CHECKING:
    from partitions.portion import Source

__all__ = ["Glance", "Those", "columns_of", "kernels", "number_of"]

Array = NDArray[Any]
Area = tuple[Corner, Corner] | None
HEADINGS = ("velocity", "heading")
"""A vector field of one of these names is shown as a direction."""


def kernels() -> ModuleType:
    """The compiled inner loops of `partitions/portion_kernels.py`."""
    from partitions.loops import loops  # the hub, which reads what this makes, loads no compiler

    return loops("portion")


def columns_of(names: Sequence[str], field: str) -> list[str]:
    """The columns of a field: its own, or one per component or element."""
    return [name for name in names if name == field or name.startswith(f"{field}.")]


def number_of(columns: Sequence[Array], names: Sequence[str]) -> Array:
    """One number per entity: the value, the length of a vector, the first element of an array."""
    if len(columns) > 1 and names[0].endswith(".x"):
        return np.asarray(np.sqrt(sum(np.square(values, dtype=np.float64) for values in columns)))
    return columns[0]


class Glance:
    """Looks at a source for some interests, which must not change meanwhile; neither may the source."""

    def __init__(self, source: Source, interests: Sequence[Interest]) -> None:
        self.source = source
        self._interests = interests
        self._rows: dict[tuple[int, Area], tuple[NDArray[np.int64], dict[str, Array]]] = {}
        self._those: dict[tuple[int, Area, str], Those] = {}

    def those(self, wanted: Wanted, area: Area, low: Corner, high: Corner) -> Those:
        """The entities that are wanted in an area, whose corners inside the world are `low` and `high`."""
        key = wanted.type, area, json.dumps(wanted.where)
        if key not in self._those:
            ids, columns = self._copied(wanted.type, area)
            names = self.source.columns[wanted.type]
            self._those[key] = Those(names, self.source.dim, ids, columns, area, wanted.where, low, high)
        return self._those[key]

    def _copied(self, type: int, area: Area) -> tuple[NDArray[np.int64], dict[str, Array]]:
        """Ids and all columns that one of the interests needs of a type in an area."""
        key = type, area
        if key not in self._rows:
            names = dict.fromkeys(
                name
                for interest in self._interests
                for wanted in interest.types
                if wanted.type == type and interest.area == area
                for name in self._needed(interest, wanted)
            )
            self._rows[key] = self.source.rows(type, area, list(names))
        return self._rows[key]

    def _needed(self, interest: Interest, wanted: Wanted) -> list[str]:
        names, dim = self.source.columns[wanted.type], self.source.dim
        heading = heading_of(names, dim) if wanted.mode == "points" else []
        fields = [
            *(wanted.fields if wanted.mode == "points" else ()),
            *fields_in(wanted.where),
            *(histogram.field for histogram in interest.histograms if histogram.type == wanted.type),
        ]
        return [*names[:dim], *heading, *(column for field in fields for column in columns_of(names, field))]


class Those:
    """The entities of one type in an area that meet a condition.

    Attributes:
        ids: (n,) int64.
    """

    def __init__(
        self,
        names: Sequence[str],
        dim: int,
        ids: NDArray[np.int64],
        columns: dict[str, Array],
        area: Area,
        where: list[Any] | None,
        low: Corner,
        high: Corner,
    ) -> None:
        """`columns` holds at least those that the condition reads, of more entities than are in the area."""
        self._names, self._dim, self._columns, self._low, self._high = names, dim, columns, low, high
        self._kept: NDArray[np.bool_] | None = None
        if area is not None:
            self._kept = np.ones(len(ids), bool)
            for axis, name in enumerate(names[:dim]):
                self._kept &= (columns[name] >= low[axis]) & (columns[name] <= high[axis])
        if where is not None:
            met = matching(where, lambda field: [columns[c] for c in columns_of(names, field)], len(ids))
            self._kept = met if self._kept is None else self._kept & met
        self.ids = np.array(ids if self._kept is None else ids[self._kept], np.int64)
        self._taken: dict[str, Array] = {}
        self._numbers: dict[str, Array] = {}

    def __len__(self) -> int:
        """How many they are."""
        return len(self.ids)

    def _column(self, name: str) -> Array:
        if self._kept is None:
            return self._columns[name]
        if name not in self._taken:
            self._taken[name] = self._columns[name][self._kept]
        return self._taken[name]

    def number(self, field: str) -> Array:
        """One number of each for a field; see `number_of`."""
        if field not in self._numbers:
            names = columns_of(self._names, field)
            self._numbers[field] = number_of([self._column(name) for name in names], names)
        return self._numbers[field]

    @cached_property
    def places(self) -> list[NDArray[np.float64]]:
        """Per axis where they are."""
        return [np.ascontiguousarray(self._column(name), np.float64) for name in self._names[: self._dim]]

    @cached_property
    def positions(self) -> NDArray[np.uint16]:
        """Where they are between the corners, (n, 3): 0 is low, 65535 is high."""
        out = np.zeros((len(self), 3), np.uint16)
        for axis, values in enumerate(self.places):
            width = self._high[axis] - self._low[axis]
            if width > 0:
                kernels().quantise(values, self._low[axis], LEVELS / width, axis, out)
        return out

    @cached_property
    def heading(self) -> NDArray[np.int8] | None:
        """Unit directions times 127, (n, 3), if the type has a field that is one."""
        names = heading_of(self._names, self._dim)
        if not names:
            return None
        columns = [np.ascontiguousarray(self._column(name), np.float64) for name in names]
        x, y, z = (*columns, columns[0])[:3]
        out = np.empty((len(self), 3), np.int8)
        kernels().directions(len(columns), x, y, z, out)
        return out


def heading_of(names: Sequence[str], dim: int) -> list[str]:
    """The columns of a type's direction, if it has one."""
    return next((found for name in HEADINGS if len(found := columns_of(names, name)) == dim), [])
