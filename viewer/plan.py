"""What the workers are asked for: the interests of all viewers, equal ones once, each within its viewer's budget."""

from __future__ import annotations

import json
import math
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from partitions.frames import Block, Frame
from viewer.commands import Histogram, Interest, Shown
from viewer.expression import ExpressionError, Tree, parse

MOST_INTERESTS = 8
"""Each costs the workers time; viewers beyond share the view of the whole world."""
MARGIN = 0.8
"""A type comes back from a grid of counts to points when it fits so well, so that it does not go to and fro."""
ZOOM = 4.0
"""Up to so many times the area known before, its density says how many entities to expect."""
REMEMBERED = 256
Box = tuple[tuple[float, ...], tuple[float, ...]]


class Slot:
    """One interest of the workers: its newest frame is for all viewers who have it.

    Attributes:
        number: by which frames name it.
        spec: as `partitions.interest.Interest.read` takes it, without the number.
        newest: bytes of the newest frame, or b"".
        tick: its tick.
        edition: counts its frames.
        points: entities in it one by one.
        cost: seconds that the busiest worker spends on a frame, smoothed.
    """

    def __init__(self, number: int, spec: dict[str, Any]) -> None:
        self.number, self.spec = number, spec
        self.newest, self.tick, self.edition, self.points, self.cost = b"", -1, 0, 0, 0.0

    def take(self, frame: Frame, data: bytes) -> None:
        """The newest frame."""
        self.newest, self.tick = data, frame.tick
        self.points = sum(block.about["in_area"] for block in frame.blocks if block.kind == "points")
        self.cost = frame.cost if not self.edition else self.cost + 0.3 * (frame.cost - self.cost)
        self.edition += 1


@dataclass(eq=False)
class Wish:
    """What one viewer wants, and what is known about it.

    Attributes:
        asked: its message.
        trees: type -> condition.
        invalid: type -> why its condition is none.
        changed: when it was last changed, as a count.
        known: type -> (area, condition as text, how many there were).
        points: types that were last asked for one by one.
        slot: the workers' interest that answers it.
        kept: never made to share.
    """

    asked: Interest
    trees: dict[str, Tree | None] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    changed: int = 0
    known: dict[str, tuple[Box | None, str, int]] = field(default_factory=dict)
    points: set[str] | None = None
    slot: Slot | None = None
    kept: bool = False


class Plan:
    """Turns the wishes of viewers into at most 8 interests of the workers.

    Attributes:
        counts: entities by type, as the run last told.
        slots: the present interests.
        number: grows when they change; what the workers confirm.
    """

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self.counts: dict[str, int] = dict(meta.get("entities") or {})
        self.slots: list[Slot] = []
        self.number = 0
        self._types: list[dict[str, Any]] = list(meta["types"])
        self._layers: list[dict[str, Any]] = list(meta.get("layers") or [])
        self._dim = int(meta["dim"])
        self._low, self._high = tuple(map(float, meta["low"])), tuple(map(float, meta["high"]))
        self._wishes: list[Wish] = []
        self._shared = Wish(Interest(op="interest"))
        # Frames may still come of interests that the workers have just given up; viewers keep those they wait for.
        self._by_number: weakref.WeakValueDictionary[int, Slot] = weakref.WeakValueDictionary()
        self._last_number = self._changes = 0
        self._ranges: OrderedDict[str, tuple[float, float]] = OrderedDict()

    # Viewers

    def add(self, asked: Interest, kept: bool = False) -> Wish:
        """A viewer comes with its interest."""
        wish = Wish(asked, kept=kept)
        self._wishes.append(wish)
        self.change(wish, asked)
        return wish

    def change(self, wish: Wish, asked: Interest) -> None:
        """A viewer changes its interest; conditions that are none are told in `wish.invalid` and not heeded."""
        self._changes += 1
        wish.asked, wish.changed, wish.trees, wish.invalid = asked, self._changes, {}, {}
        for each in self._types:
            shown = asked.types.get(each["name"])
            if shown is not None and shown.where:
                try:
                    wish.trees[each["name"]] = parse(shown.where, each["fields"], self._dim)
                except ExpressionError as error:
                    wish.invalid[each["name"]] = str(error)

    def remove(self, wish: Wish) -> None:
        """A viewer has left."""
        self._wishes.remove(wish)

    # What comes back

    def slot(self, number: int) -> Slot | None:
        """The interest of that number, if somebody still waits for it."""
        return self._by_number.get(number)

    def learn(self, slot: Slot, frame: Frame) -> bool:
        """Note how many entities there are, and between what values; whether the workers are to be asked anew."""
        counts = {
            self._types[block.about["type"]]["name"]: block
            for block in frame.blocks
            if block.kind in ("points", "density")
        }
        found = {
            name: (slot.spec["area"], _text(slot.spec["types"][block.about["type"]]["where"]), block.about["in_area"])
            for name, block in counts.items()
        }
        anew = False
        for wish in [*self._wishes, self._shared]:
            if wish.slot is slot:
                wish.known |= found
                anew |= self._affordable(wish) != wish.points
        for block in frame.blocks:
            if block.kind == "histogram":
                anew |= self._widen(slot, block)
        return anew

    def _widen(self, slot: Slot, block: Block) -> bool:
        """Let a histogram's range follow its values, with some room, so that it seldom changes."""
        low, high = block.about["min"], block.about["max"]
        if low is None or not (math.isfinite(low) and math.isfinite(high)):
            return False
        old_low, old_high = block.about["low"], block.about["high"]
        room = 0.05 * (high - low) or max(1e-3 * abs(low), 0.5)
        inside = old_low <= low and high <= old_high
        if inside and old_high - old_low <= max(2.0 * (high - low), 2.001 * room):
            return False
        key = self._range_key(slot.spec, block.about["type"], block.about["field"])
        self._ranges[key] = (low - room, high + room)
        self._ranges[_any_range(block.about["type"], block.about["field"])] = (low - room, high + room)
        while len(self._ranges) > REMEMBERED:
            self._ranges.popitem(last=False)
        return True

    # What is asked for

    def arrange(self) -> bool:
        """Decide anew what the workers are asked for; whether that has changed."""
        specs = {id(wish): self._spec(wish) for wish in self._wishes}
        keys = {id(wish): json.dumps(specs[id(wish)]) for wish in self._wishes}
        newest: dict[str, tuple[bool, int]] = {}
        for wish in self._wishes:
            rank = (wish.kept, wish.changed)
            newest[keys[id(wish)]] = max(rank, newest.get(keys[id(wish)], rank))
        own = set(newest)
        if len(newest) > MOST_INTERESTS:
            own = set(sorted(newest, key=lambda key: newest[key], reverse=True)[: MOST_INTERESTS - 1])
        present = {json.dumps(slot.spec): slot for slot in self.slots}
        wanted: dict[str, Slot] = {}

        def slot_of(key: str, spec: dict[str, Any]) -> Slot:
            if key not in wanted:
                wanted[key] = present.get(key) or self._new(spec)
            return wanted[key]

        crowd = [wish for wish in self._wishes if keys[id(wish)] not in own]
        self._shared.slot = None
        if crowd:
            self._shared.asked = _together([wish.asked for wish in crowd])
            spec = self._spec(self._shared)
            self._shared.slot = slot_of(json.dumps(spec), spec)
        for wish in self._wishes:
            key = keys[id(wish)]
            wish.slot = slot_of(key, specs[id(wish)]) if key in own else self._shared.slot
        slots = list(wanted.values())
        if {slot.number for slot in slots} == {slot.number for slot in self.slots}:
            return False
        self.slots = slots
        self.number += 1
        return True

    def _new(self, spec: dict[str, Any]) -> Slot:
        self._last_number += 1
        slot = Slot(self._last_number, spec)
        self._by_number[slot.number] = slot
        return slot

    def told(self) -> list[dict[str, Any]]:
        """The interests, as the workers read them."""
        return [{"number": slot.number, **slot.spec} for slot in self.slots]

    def _spec(self, wish: Wish) -> dict[str, Any]:
        """A viewer's interest in the workers' terms."""
        asked, area = wish.asked, self._area(wish.asked)
        wish.points = self._affordable(wish)
        types = []
        for index, each in enumerate(self._types):
            shown = asked.types.get(each["name"], Shown())
            mode = "none" if not shown.show else "points" if each["name"] in wish.points else "density"
            fields = list(dict.fromkeys(shown.fields)) if mode == "points" else []
            types.append({"type": index, "mode": mode, "fields": fields, "where": wish.trees.get(each["name"])})
        spec = {
            "area": area,
            "grid": asked.grid,
            "types": types,
            "layers": [told for index in range(len(self._layers)) if (told := self._layer(asked, index)) is not None],
            "selected": sorted({int(each) for each in asked.selected}),
            "load": asked.load,
        }
        once = {(each.type, each.field): each for each in asked.histograms}
        return spec | {"histograms": [self._histogram(spec, each) for each in once.values()]}

    def _layer(self, asked: Interest, index: int) -> dict[str, Any] | None:
        layer = self._layers[index]
        first = (layer.get("view") or {}).get("color_by") or next((f["name"] for f in layer["fields"]), None)
        name = asked.layers.get(layer["name"], first)
        if name is None:
            return None
        kinds = {each["name"]: each.get("kind") for each in layer["fields"]}
        return {"layer": index, "field": name, "codes": kinds.get(name) == "enum"}

    def _histogram(self, spec: Mapping[str, Any], asked: Histogram) -> dict[str, Any]:
        index = next(k for k, each in enumerate(self._types) if each["name"] == asked.type)
        low, high = self._ranges.get(
            self._range_key(spec, index, asked.field), self._ranges.get(_any_range(index, asked.field), (0.0, 1.0))
        )
        return {"type": index, "field": asked.field, "bins": asked.bins, "low": low, "high": high}

    def _range_key(self, spec: Mapping[str, Any], index: int, name: str) -> str:
        return json.dumps([index, name, spec["area"], spec["types"][index]["where"]])

    # Budgets

    def _affordable(self, wish: Wish) -> set[str]:
        """Types whose entities may come one by one: the rarest first, until the budget is full."""
        names = [each["name"] for each in self._types if wish.asked.types.get(each["name"], Shown()).show]
        expected = {name: self._expected(wish, name) for name in names}
        chosen, total = set(), 0
        for name in sorted(names, key=lambda name: (expected[name], name)):
            total += expected[name]
            known = wish.points is None or name in wish.points
            if total <= wish.asked.budget * (1.0 if known else MARGIN):
                chosen.add(name)
        return chosen

    def _expected(self, wish: Wish, name: str) -> int:
        """How many entities of a type the viewer's area and condition leave."""
        most = self.counts.get(name)
        if name in wish.known:
            area, where, n = wish.known[name]
            if where == _text(wish.trees.get(name)):
                now = self._area(wish.asked)
                if now == area:
                    return n
                ratio = self._volume(now) / (self._volume(area) or 1.0)
                if ratio <= ZOOM:
                    guess = math.ceil(n * ratio)
                    return guess if most is None else min(guess, most)
        # Where nothing is known the first frame may hold too many; then no viewer gets it.
        return most or 0

    def _area(self, asked: Interest) -> Box | None:
        """The area inside the world; None where that is all of it, or nothing."""
        if asked.area is None:
            return None
        low, high = list(self._low), list(self._high)
        for axis in range(self._dim):
            low[axis] = max(low[axis], asked.area[0][axis])
            high[axis] = min(high[axis], asked.area[1][axis])
            if not low[axis] < high[axis]:
                return None
        area = tuple(low), tuple(high)
        return None if area == (self._low, self._high) else area

    def _volume(self, area: Box | None) -> float:
        low, high = area or (self._low, self._high)
        return math.prod(high[axis] - low[axis] for axis in range(self._dim))


def _text(tree: Tree | None) -> str:
    return json.dumps(tree)


def _any_range(index: int, name: str) -> str:
    return json.dumps([index, name])


def _together(crowd: Sequence[Interest]) -> Interest:
    """One interest for many viewers: the whole world, with every field that one of them wants."""
    types: dict[str, Shown] = {}
    for name in dict.fromkeys(name for asked in crowd for name in asked.types):
        each = [asked.types.get(name, Shown()) for asked in crowd]
        fields = _first((field for shown in each for field in shown.fields), 16)
        types[name] = Shown(show=any(shown.show for shown in each), fields=fields)
    layers: dict[str, str | None] = {}
    for asked in crowd:
        layers.update({name: chosen for name, chosen in asked.layers.items() if chosen is not None})
    return Interest(
        op="interest",
        budget=min(asked.budget for asked in crowd),
        grid=max(asked.grid for asked in crowd),
        types=types,
        layers=layers,
        selected=_first((id for asked in crowd for id in asked.selected), 200),
        histograms=list({(h.type, h.field): h for asked in crowd for h in asked.histograms}.values())[:8],
        load=any(asked.load for asked in crowd),
    )


def _first(values: Iterable[Any], most: int) -> list[Any]:
    return list(dict.fromkeys(values))[:most]
