"""Interests: what viewers want to see of a run, as the hub tells it to the workers.

A condition on entities is a tree of JSON lists, made from text by the hub; nothing of it is ever evaluated as Python:

    ["and" | "or", a, b]  ["not", a]  ["<" | "<=" | ">" | ">=" | "==" | "!=", a, b]
    ["+" | "-" | "*" | "/" | "%", a, b]  ["neg" | "abs" | "length", a]
    ["field", name]  ["component", name, k]  ["number", x]  ["true"]  ["false"]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Histogram", "Interest", "Wanted", "fields_in", "matching"]

Array = NDArray[Any]
Tree = list[Any]
Corner = tuple[float, float, float]


@dataclass(frozen=True)
class Wanted:
    """What is wanted of one entity type.

    Attributes:
        type: its index.
        mode: every entity, a grid of counts, or nothing.
        fields: whose values come with the points.
        where: condition that an entity must meet, or None.
    """

    type: int
    mode: Literal["points", "density", "none"] = "points"
    fields: tuple[str, ...] = ()
    where: Tree | None = None


@dataclass(frozen=True)
class Histogram:
    """A histogram of a field over the entities of a type in the area, `bins` equal bins from low to high."""

    type: int
    field: str
    bins: int
    low: float
    high: float


@dataclass(frozen=True)
class Interest:
    """What some viewers want.

    Attributes:
        number: by which its frames are told apart.
        area: low and high corner of the part of the world to show; None: all of it.
        grid: cells on the longest side of a density grid or of a layer's raster, at most.
        types: one entry per entity type; none for a type means none of it.
        layers: (layer's index among the layers, field, whether its values are codes that have no mean).
        selected: ids of entities whose every field is wanted, wherever they are.
        histograms: see there.
        load: whether the workers' loads are wanted.
    """

    number: int
    area: tuple[Corner, Corner] | None = None
    grid: int = 256
    types: tuple[Wanted, ...] = ()
    layers: tuple[tuple[int, str, bool], ...] = ()
    selected: tuple[int, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    load: bool = False

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Interest:
        """Make one of what `tell` gives after a trip through JSON.

        Raises:
            KeyError, TypeError, ValueError: something is missing or of another form.
        """
        area = told["area"]
        return cls(
            int(told["number"]),
            None if area is None else (_corner(area[0]), _corner(area[1])),
            int(told["grid"]),
            tuple(Wanted(int(w["type"]), w["mode"], tuple(w["fields"]), w["where"]) for w in told["types"]),
            tuple((int(each["layer"]), str(each["field"]), bool(each["codes"])) for each in told["layers"]),
            tuple(int(id) for id in told["selected"]),
            tuple(
                Histogram(int(h["type"]), str(h["field"]), int(h["bins"]), float(h["low"]), float(h["high"]))
                for h in told["histograms"]
            ),
            bool(told["load"]),
        )

    def tell(self) -> dict[str, Any]:
        """The same as JSON-able objects."""
        return {
            "number": self.number,
            "area": self.area,
            "grid": self.grid,
            "types": [{"type": w.type, "mode": w.mode, "fields": w.fields, "where": w.where} for w in self.types],
            "layers": [{"layer": layer, "field": field, "codes": codes} for layer, field, codes in self.layers],
            "selected": self.selected,
            "histograms": [vars(histogram) for histogram in self.histograms],
            "load": self.load,
        }


def _corner(values: Any) -> Corner:
    x, y, z = (float(v) for v in values)
    return x, y, z


_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "and": np.logical_and,
    "or": np.logical_or,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "%": np.remainder,
}
_ONE: dict[str, Callable[[Any], Any]] = {"not": np.logical_not, "neg": np.negative, "abs": np.abs}


def fields_in(tree: Tree | None) -> set[str]:
    """Names of the fields that a condition reads."""
    if tree is None:
        return set()
    if tree[0] in ("field", "component"):
        return {tree[1]}
    return set().union(*(fields_in(part) for part in tree[1:] if isinstance(part, list)))


def matching(tree: Tree, columns: Callable[[str], list[Array]], n: int) -> NDArray[np.bool_]:
    """Which of n entities meet a condition; numbers are compared as float64, a division by zero follows IEEE 754.

    Args:
        tree: see the module.
        columns: name of a field -> its columns, each (n,): one of a number, one per component of a vector.
        n: entities.

    Raises:
        ValueError: the tree is of another form, or has no such field.
    """
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(_value(tree, columns), bool), (n,))


def _value(tree: Tree, columns: Callable[[str], list[Array]]) -> Any:
    match tree:
        case ["number", float() | int() as number]:
            return np.float64(number)
        case ["true"]:
            return True
        case ["false"]:
            return False
        case ["field", str() as name]:
            return np.asarray(columns(name)[0], np.float64)
        case ["component", str() as name, int() as k]:
            return np.asarray(columns(name)[k], np.float64)
        case ["length", ["field", str() as name]]:
            return np.sqrt(sum(np.square(column, dtype=np.float64) for column in columns(name)))
        case [str() as word, a] if word in _ONE:
            return _ONE[word](_value(a, columns))
        case [str() as word, a, b] if word in _TWO:
            return _TWO[word](_value(a, columns), _value(b, columns))
    raise ValueError(f"no condition: {str(tree)[:80]}")
