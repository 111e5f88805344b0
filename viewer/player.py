"""The player: shows a recording as a run is shown, on the same page, to any number of viewers.

It stands in the place of the workers: of the recorded frame of a tick it makes what each viewer is interested in, so
area, filter, density and selection work as on a live run, as far as the fields were recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Block, Corner, Frame, coordinates
from partitions.portion import Cells
from partitions.publisher import Publisher
from viewer.hub import Hub
from viewer.recording import Recording

__all__ = ["Player", "Shown"]

FRAMES_PER_SECOND = 30.0
"""How fast a recording goes on whose rate nobody has set."""
LOOK_SECONDS = 0.2
Array = NDArray[Any]


class Shown:
    """A `partitions.portion.Source` over the frames of a recording.

    Args:
        meta: the recording's.
        first: its first frame, which says what was recorded of each type and layer.

    Attributes:
        meta: the same, with the fields and layers that were recorded only.
    """

    paced = True

    def __init__(self, meta: dict[str, Any], first: Frame) -> None:
        self.dim = int(meta["dim"])
        self.low, self.high = _corner(meta["low"]), _corner(meta["high"])
        self._frame = first
        self._headings: list[str | None] = []
        self.columns: list[list[str]] = []
        types = []
        for index, told in enumerate(meta["types"]):
            fields = _recorded(first.find("points", type=index))
            self._headings.append(next((name for name in ("velocity", "heading") if name not in fields), None))
            axes = "xyz"[: self.dim]
            heading = [f"{self._headings[-1]}.{a}" for a in axes] if told["heading"] and self._headings[-1] else []
            self.columns.append([*(f"position.{a}" for a in axes), *heading, *fields])
            types.append(_narrowed(told, fields) | {"heading": bool(heading)})
        blocks = [block for block in first.blocks if block.kind == "layer"]
        self._layers = [(block.about["layer"], block.about["field"]) for block in blocks]
        self.layers = [_cells(block) for block in blocks]
        layers = [
            _narrowed(meta["layers"][index], [field]) | {"shape": list(cells.shape[::-1]), "resolution": cells.side}
            for (index, field), cells in zip(self._layers, self.layers, strict=True)
        ]
        parameters = [{**one, "fixed": True} for one in meta.get("parameters", [])]
        self.meta = {
            **meta, "workers": 1, "types": types, "layers": layers, "parameters": parameters, "observations": [],
        }  # fmt: skip

    def turn(self, frame: Frame) -> None:
        """Show another frame from now on."""
        self._frame = frame

    def counts(self) -> dict[str, int]:
        """How many entities there are, by type."""
        return {one["name"]: self._in_area(index) for index, one in enumerate(self.meta["types"])}

    def rows(
        self, type: int, area: tuple[Corner, Corner] | None, names: Sequence[str]
    ) -> tuple[NDArray[np.int64], dict[str, Array]]:
        """Ids and columns of all entities, wherever they are; of a crowd that was recorded as a grid, one per head."""
        block = self._frame.find("points", type=type)
        if block is None:
            return self._crowd(type, names)
        columns = self._columns(type, block)
        ids = np.asarray(block.arrays["ids"], np.int64)
        return ids, {name: columns.get(name, np.full(len(ids), np.nan)) for name in names}

    def pieces(self, layer: int, names: Sequence[str]) -> Iterable[tuple[list[Array], tuple[int, int, int]]]:
        """The whole raster, in its own numbers again; nothing where this frame has none."""
        number, field = self._layers[layer]
        block = self._frame.find("layer", layer=number, field=field)
        if block is None or block.arrays["values"].shape[::-1] != self.layers[layer].shape:
            return
        values = block.arrays["values"]
        if block.about["range"] is not None:
            low, high = block.about["range"]
            values = low + values.astype(np.float64) * (high - low)
        yield [values], (0, 0, 0)

    def entities(self, ids: Sequence[int]) -> list[tuple[int, int, dict[str, Any]]]:
        """(type, id, column -> value) of those that were recorded in this frame."""
        return list(self._found(np.asarray(ids, np.int64)))

    def load(self) -> dict[str, Any]:
        """The load that was recorded, if it was."""
        block = self._frame.find("load")
        return dict(block.about) if block is not None else {"partitions": [], "workers": []}

    def _found(self, wanted: NDArray[np.int64]) -> Iterator[tuple[int, int, dict[str, Any]]]:
        for type in range(len(self.columns)):
            block = self._frame.find("points", type=type)
            if block is not None:
                columns = self._columns(type, block)
                for row in np.flatnonzero(np.isin(block.arrays["ids"], wanted)).tolist():
                    yield type, int(block.arrays["ids"][row]), {name: v[row] for name, v in columns.items()}

    def _in_area(self, type: int) -> int:
        block = self._frame.find("points", type=type) or self._frame.find("density", type=type)
        return int(block.about["in_area"]) if block is not None else 0

    def _columns(self, type: int, block: Block) -> dict[str, Array]:
        axes = "xyz"[: self.dim]
        places = coordinates(self._frame, block)
        columns: dict[str, Array] = {f"position.{a}": places[:, k] for k, a in enumerate(axes)}
        if "heading" in block.arrays:
            columns |= {f"{self._headings[type]}.{a}": block.arrays["heading"][:, k] for k, a in enumerate(axes)}
        return columns | {field: block.arrays[f"column{k}"] for k, field in enumerate(_recorded(block))}

    def _crowd(self, type: int, names: Sequence[str]) -> tuple[NDArray[np.int64], dict[str, Array]]:
        block = self._frame.find("density", type=type)
        counts = block.arrays["counts"] if block is not None else np.zeros((1, 1, 1), np.uint32)
        cells = np.repeat(np.arange(counts.size), counts.ravel())
        ids = -1 - np.arange(len(cells))  # of nobody
        columns: dict[str, Array] = {name: np.full(len(cells), np.nan) for name in names}
        places = np.unravel_index(cells, counts.shape)[::-1]
        for k, a in enumerate("xyz"[: self.dim]):
            low, high = self._frame.low[k], self._frame.high[k]
            columns[f"position.{a}"] = low + (places[k] + 0.5) * ((high - low) / counts.shape[2 - k])
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
        self._shown = Shown(recording.meta, recording.frame(recording.ticks[0]))
        self.meta = self._shown.meta
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
                    self._shown.turn(self._recording.frame(self.tick))
                    publisher.publish(self.tick, self._shown, force=True)
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
                "entities": self._shown.counts(),
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


def _cells(block: Block) -> Cells:
    nz, ny, nx = block.arrays["values"].shape
    side = (block.about["high"][0] - block.about["low"][0]) / nx
    return Cells((nx, ny, nz), side, (str(block.about["field"]),))


def _corner(values: Sequence[float]) -> Corner:
    x, y, z = (float(v) for v in values)
    return x, y, z
