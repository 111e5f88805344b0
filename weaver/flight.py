"""A flight: one stretch of ticks, in a thread of its own, so that whoever waits for it can be interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from partitions.runtime import Runtime
from weaver.between import Betweens


class Flight:
    """Runs a runtime up to a tick in the background, with the functions between ticks.

    Attributes:
        target: tick to stop at.
        told: called at the end, in the background.
        landed: set when it has come to a stand.
        stopping: somebody wants it to land; `Runtime.hold` ends the ticks under way.
        error: what ended it, raised again by whoever waits.
        seconds, ticks: spent in ticks, and done.
    """

    def __init__(self, runtime: Runtime, target: int, told: Callable[[], object] | None, betweens: Betweens) -> None:
        self.target, self.told = target, told
        self.landed = threading.Event()
        self.stopping = False
        self.error: BaseException | None = None
        self.seconds, self.ticks = 0.0, 0
        self._runtime, self._betweens = runtime, betweens
        # A daemon: a program that ends without stopping its run is not kept alive by it.
        threading.Thread(target=self._fly, name="run", daemon=True).start()

    def _fly(self) -> None:
        first = self._runtime.tick
        try:
            while self._stretch():
                pass
        except BaseException as error:
            self.error = error  # raised again in `Run.pause`, by whoever waits
        self.ticks = self._runtime.tick - first
        self.landed.set()
        if self.told is not None:
            self.told()

    def _stretch(self) -> bool:
        """Run up to the next function between ticks; whether there is more to do."""
        tick = self._runtime.tick
        if tick >= self.target or self.stopping or self._runtime.ended is not None:
            return False
        self._betweens.call(tick)
        if self.stopping:
            return False
        stop = self._betweens.next(tick)
        end = self.target if stop is None else min(stop, self.target)
        began = time.perf_counter()
        try:
            return self._runtime.advance(end) == end
        finally:
            self.seconds += time.perf_counter() - began
