"""Driving: a run that goes on by itself while people watch, pause, step and stop it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viewer.hub import Hub
    from weaver.run import Run

LOOK_SECONDS = 0.2
"""How often the driver looks up when nothing happens: for signals and progress."""
COUNT_SECONDS = 2.0
"""Where entities can die, the run stands for a moment this often, to be counted."""


class Speed:
    """Ticks per second over the last seconds."""

    def __init__(self, seconds: float = 3.0) -> None:
        """Look back so many seconds."""
        self._seen: deque[tuple[float, int]] = deque()
        self._seconds = seconds

    def at(self, tick: int) -> float:
        """Note the present tick; returns ticks per second."""
        now = time.monotonic()
        self._seen.append((now, tick))
        while len(self._seen) > 2 and now - self._seen[1][0] > self._seconds:
            self._seen.popleft()
        then, first = self._seen[0]
        return (tick - first) / (now - then) if now > then else 0.0


def drive(
    run: Run,
    ticks: int | None,
    hub: Hub | None,
    on_progress: Callable[[Run], object] | None,
    stopped: Callable[[], bool],
) -> int:
    """Run until `ticks` are done or `stopped()`, obeying the viewers of `hub`; see `Run.drive`."""
    wake = hub.command_event if hub is not None else threading.Event()
    speed, paused, shown = Speed(), False, -1
    while True:
        if hub is None:
            wake.clear()
        for command in hub.commands() if hub is not None else ():
            if command["op"] == "rate":
                run.rate(command["hz"])
            elif command["op"] == "refresh":
                shown = -1
            elif command["op"] in ("pause", "step", "play"):
                run.pause()
                paused = command["op"] != "play"
                if command["op"] == "step":
                    run.resume(_end(run.tick + command["n"], ticks), wake.set)
        if stopped():
            run.pause()
        if not run.running:
            run.pause()  # raises what ended the run, if anything did
            if stopped() or run.ended is not None or (ticks is not None and run.tick >= ticks):
                tell(run, hub, paused=True, speed=0.0)
                if hub is not None:
                    run.show()
                return run.tick
            if not paused:
                run.resume(_end(run.tick + _stretch(run, speed), ticks), wake.set)
            elif hub is not None and shown != run.tick:
                run.show()
                shown = run.tick
        tell(run, hub, paused, speed.at(run.tick))
        if on_progress is not None:
            on_progress(run)
        wake.wait(LOOK_SECONDS)


def linger(run: Run, hub: Hub, stopped: Callable[[], bool]) -> None:
    """Keep showing a run that has ended until `stopped()`; viewers may look at it, and no longer move it."""
    while not stopped():
        if hub.commands():
            run.show()
        tell(run, hub, paused=True, speed=0.0)
        hub.command_event.wait(LOOK_SECONDS)


def tell(run: Run, hub: Hub | None, paused: bool, speed: float) -> None:
    """Tell viewers how the run goes."""
    if hub is None:
        return
    status: dict[str, Any] = {
        "tick": run.tick,
        "running": run.running,
        "paused": paused,
        "ticks_per_second": speed,
        "rate": run.hz,
        "entities": run.counts(),
    }
    hub.status(status)


def _end(wanted: int, ticks: int | None) -> int:
    return wanted if ticks is None else min(wanted, ticks)


def _stretch(run: Run, speed: Speed) -> int:
    """Ticks to go before the next look at the counts: no end where nobody can die."""
    if not run.mortal:
        return 1 << 40
    return max(1, int(speed.at(run.tick) * COUNT_SECONDS))
