"""What a window gets from the hub: the newest frame, and the word it may say in return."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed

from partitions.frames import Frame, coordinates
from viewer.client import Client
from viewer.look import Look, choices

BUDGET = 100_000
GRID = 256
NEAR_PIXELS, SAME_PIXELS = 14.0, 6.0


class Stream:
    """Receives frames in a thread and keeps the newest.

    Attributes:
        changed: set when there is a new frame or the hub has ended.
        ended: the hub is gone.
        meta: the world's description.
        look: in which colours; another one after `colour_by`.
        choices: what may be coloured by; the first is what the types and layers want.
        chosen: index of what is.
        frame: the frame that was taken last, or None.
    """

    def __init__(self, client: Client) -> None:
        """Start to receive."""
        self.client = client
        self.meta: dict[str, Any] = client.receive_texts("meta")
        self.look = Look(self.meta)
        self.choices = ["as declared", *choices(self.meta)]
        self.chosen = 0
        self.frame: Frame | None = None
        self.changed = threading.Event()
        self.ended = False
        self._newest: Frame | None = None
        self._selected: int | None = None
        self._wish()
        threading.Thread(target=self._receive, name="window-receive", daemon=True).start()
        threading.Thread(target=self._watch_parent, name="window-parent", daemon=True).start()

    @property
    def models(self) -> Mapping[str, tuple[NDArray[Any], NDArray[Any]]]:
        """The types' own models, as they have come so far."""
        return self.client.models

    def take(self) -> Frame | None:
        """The newest frame, once; tells the hub that another is welcome."""
        self.changed.clear()
        frame, self._newest = self._newest, None
        if frame is not None:
            self.frame = frame
            self.ask({"op": "ack"})
        return frame

    def ask(self, command: dict[str, Any]) -> None:
        """Send a command to the hub."""
        try:
            self.client.ask(command)
        except ConnectionClosed:
            self.ended = True

    def toggle(self) -> None:
        """Pause a run that plays, play one that is paused."""
        self.ask({"op": "play" if self.paused else "pause"})

    def step(self) -> None:
        """Let one tick be made."""
        self.ask({"op": "step", "n": 1})

    @property
    def paused(self) -> bool:
        """Whether the run stands."""
        return bool(self.client.news.get("status", {}).get("paused", False))

    def colour_by(self, index: int) -> None:
        """Colour by another of the choices, counted round."""
        self.chosen = index % len(self.choices)
        self.look = Look(self.meta, None if self.chosen == 0 else self.choices[self.chosen])
        self._wish()

    def select(self, id: int | None) -> None:
        """Ask for all fields of an entity from now on."""
        self._selected = id
        self._wish()

    def pick(self, matrix: NDArray[np.float64], size: tuple[float, float], x: float, y: float) -> int | None:
        """The id of the entity of the last frame that is seen at a pixel, else None; it becomes the selected one.

        Args:
            matrix: (4, 4), from places to clip coordinates as OpenGL has them.
            size: width and height of the picture.
            x: column of the pixel, from the left.
            y: its row, from above.
        """
        found: tuple[float, int] | None = None
        for block in self.frame.blocks if self.frame is not None else ():
            if block.kind != "points" or not len(block.arrays["ids"]):
                continue
            assert self.frame is not None
            places = coordinates(self.frame, block)
            clip = np.concatenate([places, np.ones((len(places), 1))], axis=1) @ matrix.T
            before = clip[:, 3] > 0
            w = np.where(before, clip[:, 3], 1.0)
            column, row = (clip[:, 0] / w + 1) / 2 * size[0], (1 - clip[:, 1] / w) / 2 * size[1]
            away = np.where(before, np.hypot(column - x, row - y), np.inf)
            # Of those about as near to the pointer, the one in front.
            nearness = np.ceil(np.maximum(away - SAME_PIXELS, 0) / 4)
            score = np.where(away <= NEAR_PIXELS, nearness + 1e-3 * w / w.max(), np.inf)
            best = int(score.argmin())
            if np.isfinite(score[best]) and (found is None or score[best] < found[0]):
                found = float(score[best]), int(block.arrays["ids"][best])
        self.select(None if found is None else found[1])
        return None if found is None else found[1]

    def told(self) -> list[str]:
        """Tick, speed and numbers, then all fields of the selected entity: lines to be shown."""
        status = self.client.news.get("status", {})
        tick = self.frame.tick if self.frame is not None else status.get("tick", 0)
        state = "paused" if self.paused else f"{status.get('ticks_per_second') or 0:.3g} ticks/s"
        lines = [f"tick {tick}, {state}"]
        lines += [f"{n} {name}" for name, n in status.get("entities", {}).items()]
        lines.append(f"coloured by: {self.choices[self.chosen]}")
        block = self.frame.find("selected") if self.frame is not None else None
        for row in block.about["rows"] if block is not None else ():
            lines += ["", f"{self.meta['types'][row['type']]['name']} {row['id']}"]
            lines += [f"  {name}: {_short(value)}" for name, value in row["fields"].items()]
        if self._selected is not None and (block is None or not block.about["rows"]):
            lines += ["", f"{self._selected}: not there"]
        return lines

    @property
    def selected_place(self) -> NDArray[np.float64] | None:
        """Where the selected entity is in the last frame, (3,)."""
        for block in self.frame.blocks if self.frame is not None and self._selected is not None else ():
            if block.kind == "points":
                row = np.flatnonzero(block.arrays["ids"] == self._selected)
                if len(row):
                    assert self.frame is not None
                    return np.asarray(coordinates(self.frame, block)[row[0]])
        return None

    def _wish(self) -> None:
        interest = self.look.interest()
        types = {self.meta["types"][w.type]["name"]: {"show": True, "fields": list(w.fields)} for w in interest.types}
        layers = {self.meta["layers"][k]["name"]: field for k, field, _ in interest.layers}
        selected = [] if self._selected is None else [self._selected]
        try:
            self.client.interest(budget=BUDGET, grid=GRID, types=types, layers=layers, selected=selected)
        except ConnectionClosed:
            self.ended = True

    def _receive(self) -> None:
        try:
            while True:
                self._newest = self.client.frame()
                self.changed.set()
        except ConnectionClosed:
            self.ended = True
            self.changed.set()

    def _watch_parent(self) -> None:
        os.read(0, 1)  # nothing is ever sent: this returns when the other end is closed
        os._exit(0)  # whatever the window is doing, there is nothing to save


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_short(each) for each in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
