"""A flight: one stretch of ticks, in a thread of its own, so that whoever waits for it can be interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from partitions.runtime import Runtime


class Flight:
    """Runs a runtime up to a tick in the background.

    Attributes:
        target: tick to stop at.
        told: called at the end, in the background.
        landed: set when it has come to a stand.
        error: what ended it, raised again by whoever waits.
        seconds, ticks: spent and done.
    """

    def __init__(self, runtime: Runtime, target: int, told: Callable[[], object] | None) -> None:
        self.target, self.told = target, told
        self.landed = threading.Event()
        self.error: BaseException | None = None
        self.seconds, self.ticks = 0.0, 0
        self._runtime = runtime
        # A daemon: a program that ends without stopping its run is not kept alive by it.
        threading.Thread(target=self._fly, name="run", daemon=True).start()

    def _fly(self) -> None:
        began, first = time.perf_counter(), self._runtime.tick
        try:
            self._runtime.advance(self.target)
        except BaseException as error:
            self.error = error  # raised again in `Run.pause`, by whoever waits
        self.seconds, self.ticks = time.perf_counter() - began, self._runtime.tick - first
        self.landed.set()
        if self.told is not None:
            self.told()
