"""What is coloured by what, and the legend that says so."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Block
from partitions.interest import Interest, Wanted
from viewer.colour import by_direction, by_label, by_scalar, label_colour, parse, table, type_colour

Floats = NDArray[np.float64]
RGB = tuple[float, float, float]
UNDER = 0.8
"""How much of its colour a layer keeps where entities are drawn upon it: they should stand out."""


class LookError(ValueError):
    """Something is to be coloured by what it does not have."""


@dataclass(frozen=True)
class Key:
    """One entry of a legend.

    Attributes:
        title: what is coloured by what.
        labels: names and colours; of a range none.
        low, high: ends of a range.
        map: name of its map.
    """

    title: str
    labels: tuple[tuple[str, RGB], ...] = ()
    low: float = 0.0
    high: float = 1.0
    map: str = "ramp"


class Look:
    """How the entities and layers of a world are coloured.

    The range of a field is the widest that was seen, so that in a movie a colour keeps its meaning.
    """

    def __init__(self, meta: Mapping[str, Any], colour: str | None = None) -> None:
        """Decide for every type and layer.

        Args:
            meta: the world description.
            colour: "type", "direction", a field, or a type's or layer's field as "Bird.energy", for all that have it;
                None: as the types and layers want it.

        Raises:
            LookError: nobody has it.
        """
        self.meta = meta
        self._ranges: dict[tuple[str, int], tuple[float, float]] = {}
        self._by = [_type_by(meta, one) for one in meta["types"]]
        self._layer_by = [_layer_by(one) for one in meta.get("layers", ())]
        if colour is not None:
            self._override(colour)

    def _override(self, colour: str) -> None:
        owner, _, field = colour.rpartition(".")
        met = False
        for k, one in enumerate(self.meta["types"]):
            if owner in ("", one["name"]) and field in _choices(one):
                self._by[k], met = field, True
        for k, one in enumerate(self.meta.get("layers", ())):
            if owner in ("", one["name"]) and field in [f["name"] for f in one["fields"]]:
                self._layer_by[k], met = field, True
        if not met:
            known = choices(self.meta)
            close = difflib.get_close_matches(colour, known, 1, 0.5)
            raise LookError(
                f"the colour {colour!r} was asked for; {self.meta['app']} can be coloured by {', '.join(known)}.\n"
                f"All would have one colour.\n"
                f"Write --colour {close[0] if close else known[-1]}, or leave it out."
            )

    def interest(self, number: int = 0, grid: int = 2048) -> Interest:
        """What must come with a frame to colour it."""
        types = []
        for k in range(len(self.meta["types"])):
            fields = () if self._by[k] in ("type", "direction") else (self._by[k],)
            types.append(Wanted(k, "points", fields))
        layers = tuple(
            (k, by, _kind(self.meta["layers"][k], by) == "enum")
            for k, by in enumerate(self._layer_by)
            if by is not None
        )
        return Interest(number, None, grid, tuple(types), layers)

    def by(self, type: int) -> str:
        """What a type is coloured by: "type", "direction" or a field."""
        return self._by[type]

    def type_colour(self, type: int) -> RGB:
        """The one colour of a type."""
        given = self.meta["types"][type].get("view", {}).get("color")
        return parse(given) if given else type_colour(type)

    def colours(self, block: Block) -> Floats:
        """Colours (n, 3) of the entities of a points block."""
        type, by, n = block.about["type"], self._by[block.about["type"]], len(block.arrays["positions"])
        if by == "direction" and "heading" in block.arrays:
            return by_direction(block.arrays["heading"])
        column = next((k for k, c in enumerate(block.about.get("columns", ())) if c["field"] == by), None)
        if column is None:
            return np.tile(self.type_colour(type), (n, 1))
        values = block.arrays[f"column{column}"]
        if _kind(self.meta["types"][type], by) in ("enum", "bool"):
            return by_label(values, dict(_labels(self.meta["types"][type], by)))
        told = block.about["columns"][column]
        return by_scalar(values, *self._range("type", type, told["low"], told["high"]))

    def texels(self, block: Block) -> tuple[Floats, NDArray[np.bool_]]:
        """Colours (..., 3) of the values of a layer's block, and which of them are known."""
        layer, values = block.about["layer"], block.arrays["values"]
        if block.about["range"] is None:
            names = dict(_labels(self.meta["layers"][layer], block.about["field"]))
            return by_label(values, names), np.ones(values.shape, bool)
        from_low, from_high = block.about["range"]
        if _kind(self.meta["layers"][layer], block.about["field"]) == "bool":
            self._range("layer", layer, 0.0, 1.0)  # all may be false now
        low, high = self._range("layer", layer, from_low, from_high)
        numbers = from_low + values.astype(np.float32) * (from_high - from_low)
        colours = by_scalar(numbers.reshape(-1), low, high, self.layer_map(layer)).reshape(*values.shape, 3)
        return colours, np.isfinite(values)

    def layer_map(self, layer: int) -> str:
        """The map of a layer: quieter below entities than alone."""
        return "moss faded" if self.meta["types"] else "ramp faded"

    def _range(self, what: str, index: int, low: float | None, high: float | None) -> tuple[float, float]:
        known = self._ranges.get((what, index))
        if low is not None and high is not None:
            known = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
            self._ranges[what, index] = known
        return known or (0.0, 1.0)

    def legend(self) -> list[Key]:
        """What the colours of the frames drawn so far mean."""
        keys = []
        plain = [k for k in range(len(self._by)) if self._by[k] == "type"]
        if plain and (len(self._by) > 1 or len(plain) < len(self._by)):
            keys.append(Key("", tuple((self.meta["types"][k]["name"], self.type_colour(k)) for k in plain)))
        for what, listed, by in (
            ("type", self.meta["types"], self._by),
            ("layer", self.meta.get("layers", ()), self._layer_by),
        ):
            for k, one in enumerate(listed):
                field = by[k]
                if field is None or field == "type":
                    continue
                title = f"{one['name']} {field}"
                if field == "direction":
                    keys.append(Key(title, low=0.0, high=360.0, map="wheel"))
                    continue
                kind = _kind(one, field)
                if kind in ("enum", "bool"):
                    labels = [(name, label_colour(code, name)) for code, name in _labels(one, field)]
                    if what == "layer" and kind == "bool":
                        ends = table(self.layer_map(k))[[0, -1]]
                        labels = [(name, (r, g, b)) for (name, _), (r, g, b) in zip(labels, ends.tolist(), strict=True)]
                    keys.append(Key(title, tuple(labels)))
                else:
                    low, high = self._ranges.get((what, k), (0.0, 1.0))
                    keys.append(Key(title, (), low, high, self.layer_map(k) if what == "layer" else "ramp"))
        return keys


def choices(meta: Mapping[str, Any]) -> list[str]:
    """All that something in a world can be coloured by."""
    found = ["type"]
    for one in meta["types"]:
        found += [name for name in _choices(one) if name not in found]
    for one in meta.get("layers", ()):
        found += [f["name"] for f in one["fields"] if f["name"] not in found]
    return found


def _choices(one: Mapping[str, Any]) -> list[str]:
    return ["type", *(["direction"] if one["heading"] else []), *(f["name"] for f in one["fields"])]


def _type_by(meta: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    view = one.get("view", {})
    wanted = view.get("color_by")
    if wanted in _choices(one):
        return str(wanted)
    return "direction" if one["heading"] and len(meta["types"]) == 1 and not view.get("color") else "type"


def _layer_by(one: Mapping[str, Any]) -> str | None:
    names = [f["name"] for f in one["fields"]]
    wanted = one.get("view", {}).get("color_by")
    return str(wanted) if wanted in names else names[0] if names else None


def _kind(one: Mapping[str, Any], field: str) -> str:
    return next((str(f["kind"]) for f in one["fields"] if f["name"] == field), "float")


def _labels(one: Mapping[str, Any], field: str) -> list[tuple[int, str]]:
    told = next(f for f in one["fields"] if f["name"] == field)
    if told["kind"] == "bool":
        return [(0, "no"), (1, "yes")]
    return [(int(code), str(name).lower().replace("_", " ")) for code, name in told.get("labels", {}).items()]
