"""The player: shows a recording as a run is shown, on the same page, to any number of viewers.

It stands in the place of the workers: of the recorded frame of a tick it makes what each viewer is interested in, so
area, filter, density and selection work as on a live run, as far as the fields were recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Block, Corner, Frame, coordinates
from partitions.glance import HEADINGS
from partitions.publisher import Publisher
from partitions.still import Still
from viewer.hub import Hub
from viewer.recording import Recording

__all__ = ["Player", "Recorded"]

FRAMES_PER_SECOND = 30.0
"""How fast a recording goes on whose rate nobody has set."""
LOOK_SECONDS = 0.2
Array = NDArray[Any]


class Recorded:
    """What was recorded of a world, frame by frame as something that `partitions.portion` can look at.

    Args:
        meta: the recording's.
        first: its first frame, which says what was recorded of each type and layer.

    Attributes:
        meta: the same, with the fields and layers that were recorded only.
    """

    def __init__(self, meta: dict[str, Any], first: Frame) -> None:
        self._axes = "xyz"[: int(meta["dim"])]
        self._low, self._high = _corner(meta["low"]), _corner(meta["high"])
        # The direction goes by the name of a field that was not recorded: a recorded one is a length.
        self._headings: list[str | None] = []
        self._fields = []
        types = []
        for index, told in enumerate(meta["types"]):
            fields = _recorded(first.find("points", type=index))
            free = next((name for name in HEADINGS if name not in fields), None)
            self._fields.append(fields)
            self._headings.append(free if told["heading"] else None)
            types.append(_narrowed(told, fields) | {"heading": self._headings[-1] is not None})
        blocks = [block for block in first.blocks if block.kind == "layer"]
        self._layers = [(block.about["layer"], block.about["field"], block.arrays["values"].shape) for block in blocks]
        layers = [
            _narrowed(meta["layers"][block.about["layer"]], [block.about["field"]])
            | {"shape": list(block.arrays["values"].shape), "resolution": _side(block)}
            for block in blocks
        ]
        self._sides = [_side(block) for block in blocks]
        parameters = [{**one, "fixed": True} for one in meta.get("parameters", [])]
        self.meta = {
            **meta, "workers": 1, "types": types, "layers": layers, "parameters": parameters, "observations": [],
        }  # fmt: skip

    def still(self, frame: Frame) -> Still:
        """The world at one frame."""
        types = [self._entities(frame, index) for index in range(len(self._fields))]
        layers = [
            (side, {field: _raster(frame.find("layer", layer=number, field=field), shape)})
            for side, (number, field, shape) in zip(self._sides, self._layers, strict=True)
        ]
        return Still(len(self._axes), self._low, self._high, types, layers)

    def counts(self, frame: Frame) -> dict[str, int]:
        """How many entities there are in a frame, by type."""
        counts = {}
        for index, told in enumerate(self.meta["types"]):
            block = frame.find("points", type=index) or frame.find("density", type=index)
            counts[told["name"]] = int(block.about["in_area"]) if block is not None else 0
        return counts

    def _entities(self, frame: Frame, type: int) -> tuple[NDArray[np.int64], dict[str, Array]]:
        """Ids and columns; of a crowd that was recorded as a grid, one in the middle of its cell per head."""
        block, heading = frame.find("points", type=type), self._headings[type]
        if block is None:
            places = _crowd(frame, frame.find("density", type=type))
            ids = -1 - np.arange(len(places))  # of nobody
        else:
            places, ids = coordinates(frame, block), np.asarray(block.arrays["ids"], np.int64)
        nothing = np.full(len(ids), np.nan)
        columns: dict[str, Array] = {f"position.{a}": places[:, k] for k, a in enumerate(self._axes)}
        if heading is not None:
            known = block is not None and "heading" in block.arrays
            directions = block.arrays["heading"] if block is not None and known else np.zeros((len(ids), 3), np.int8)
            columns |= {f"{heading}.{a}": directions[:, k] for k, a in enumerate(self._axes)}
        names = _recorded(block)
        for field in self._fields[type]:
            given = block is not None and field in names
            columns[field] = block.arrays[f"column{names.index(field)}"] if block is not None and given else nothing
        return ids, columns


class Player:
    """Plays a recording to the viewers of a hub.

    Args:
        recording: what to show.
        loop: whether it begins again when it has ended.

    Attributes:
        meta: for `Hub.start`.
    """

    def __init__(self, recording: Recording, loop: bool = False) -> None:
        self._recording, self._loop = recording, loop
        first = recording.frame(recording.ticks[0])
        self._recorded = Recorded(recording.meta, first)
        self._counts = self._recorded.counts(first)
        self.meta = self._recorded.meta
        self._index = 0
        self._paused = False
        self._hz: float | None = None
        self._clock = 0.0  # tick that it should be at by now
        self._stale = True

    @property
    def tick(self) -> int:
        """The tick on show."""
        return self._recording.ticks[self._index]

    def play(self, hub: Hub, stopped: Callable[[], bool]) -> None:
        """Show the recording, from its beginning, and obey the viewers of a hub until `stopped()`.

        Raises:
            RecordingError: a frame cannot be read.
        """
        publisher = Publisher(hub.publish_address, hub.publish_secret, 0, 1)
        try:
            self._clock, then = float(self.tick), time.monotonic()
            while not stopped():
                for command in hub.commands():
                    self._obey(hub, command)
                now = time.monotonic()
                if not self._paused:
                    self._go_on(now - then)
                then = now
                if self._stale:
                    self._stale = False
                    frame = self._recording.frame(self.tick)
                    self._counts = self._recorded.counts(frame)
                    publisher.publish(self.tick, self._recorded.still(frame), force=True)
                self._tell(hub)
                hub.command_event.wait(LOOK_SECONDS if self._paused else self._wait())
        finally:
            publisher.close()

    def _obey(self, hub: Hub, command: dict[str, Any]) -> None:
        ticks = self._recording.ticks
        match command["op"]:
            case "play":
                if self._index == len(ticks) - 1:
                    self._seek(ticks[0])
                self._paused = False
            case "pause":
                self._paused = True
            case "step":
                self._paused = True
                self._seek(ticks[min(self._index + command["n"], len(ticks) - 1)])
            case "seek":
                self._seek(command["tick"])
            case "rate":
                self._hz = command["hz"]
            case "refresh":
                self._stale = True
            case op:
                hub.refuse(op, "A recording shows what has been. There is no model to change. Start a run for that.")

    def _seek(self, tick: int) -> None:
        """Show the frame of a tick, or the last one before it."""
        index = int(np.searchsorted(self._recording.ticks, tick, "right")) - 1
        self._index, self._stale = max(index, 0), True
        self._clock = float(self.tick)

    def _go_on(self, seconds: float) -> None:
        """Let so much time pass."""
        ticks = self._recording.ticks
        self._clock += seconds * self._speed()
        if self._clock >= ticks[-1] + (self._speed() / FRAMES_PER_SECOND if self._loop else 0.0):
            if self._loop:
                self._seek(ticks[0])
                return
            self._paused, self._clock = True, float(ticks[-1])
        before = self._index
        index = int(np.searchsorted(ticks, self._clock, "right")) - 1
        if index != before:
            self._index, self._stale = index, True

    def _speed(self) -> float:
        """Ticks per second."""
        ticks = self._recording.ticks
        here = min(self._index, len(ticks) - 2)
        return self._hz or FRAMES_PER_SECOND * (ticks[here + 1] - ticks[here] if here >= 0 else 1)

    def _wait(self) -> float:
        """Seconds until the next frame; no less than a screen can show."""
        ticks = self._recording.ticks
        following = ticks[min(self._index + 1, len(ticks) - 1)]
        return min(max((following - self._clock) / self._speed(), 1 / 120), LOOK_SECONDS)

    def _tell(self, hub: Hub) -> None:
        hub.status(
            {
                "tick": self.tick,
                "running": not self._paused,
                "paused": self._paused,
                "ticks_per_second": 0.0 if self._paused else self._speed(),
                "rate": self._hz,
                "entities": self._counts,
                "parameters": {one["name"]: one["value"] for one in self.meta["parameters"]},
            }
        )


def _recorded(block: Block | None) -> list[str]:
    """The fields in a block of points."""
    return [column["field"] for column in block.about["columns"]] if block is not None else []


def _narrowed(told: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """A type or layer with the fields that were recorded; of a vector that is its length, of an array one number."""
    kinds = {"vector": "float", "array": "float"}
    kept = [{**one, "kind": kinds.get(one["kind"], one["kind"])} for one in told["fields"] if one["name"] in fields]
    view = dict(told.get("view") or {})
    if view.get("color_by") not in (None, "direction", *fields):
        del view["color_by"]
    return {**told, "fields": kept, "view": view}


def _side(block: Block) -> float:
    """Length of a texel of a layer."""
    return float((block.about["high"][0] - block.about["low"][0]) / block.arrays["values"].shape[-1])


def _raster(block: Block | None, shape: tuple[int, ...]) -> Array:
    """A layer in its own numbers again; no number where this frame has none."""
    if block is None or block.arrays["values"].shape != shape:
        return np.full(shape, np.nan)
    values = block.arrays["values"]
    if block.about["range"] is None:
        return values
    low, high = block.about["range"]
    scaled: Array = low + values.astype(np.float64) * (high - low)
    return scaled


def _crowd(frame: Frame, block: Block | None) -> NDArray[np.float64]:
    """(n, 3) places."""
    counts = block.arrays["counts"] if block is not None else np.zeros((1, 1, 1), np.uint32)
    cells = np.stack(np.unravel_index(np.repeat(np.arange(counts.size), counts.ravel()), counts.shape)[::-1], axis=1)
    low, high = np.array(frame.low), np.array(frame.high)
    places: NDArray[np.float64] = low + (cells + 0.5) * ((high - low) / counts.shape[::-1])
    return places


def _corner(values: Sequence[float]) -> Corner:
    x, y, z = (float(v) for v in values)
    return x, y, z
