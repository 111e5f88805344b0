"""Driving: a run that goes on by itself while people watch, pause, step, set and stop it."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weaver.errors import ModelError

if TYPE_CHECKING:
    from viewer.hub import Hub
    from weaver.run import Run

LOOK_SECONDS = 0.2
"""How often the driver looks up when nothing happens: for signals and progress."""
COUNT_SECONDS = 2.0
"""Where entities can die, the run stands for a moment this often, to be counted."""
SAMPLE_SECONDS = 1.0
"""While somebody watches it stands this often for what was observed."""
STAND_SHARE = 0.01
"""But it never stands for more than this share of the time: then more seldom."""
MOST_ROWS = 4000
"""Samples that viewers are told at once; of more, every k-th."""
ENDLESS = 1 << 40


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


class Driver:
    """Moves a run from one short stand to the next, obeys those who watch it, and tells them how it goes.

    Attributes:
        paused: whether it is to stand until somebody lets it go on.
        moved: whether it has moved the run.
        wake: set when a command waits or the run has come to a stand.
    """

    def __init__(self, run: Run, ticks: int | None, hub: Hub | None, paused: bool = False) -> None:
        """Drive a run to a last tick, or without end, with the viewers of a hub."""
        self.paused, self.moved = paused, False
        self.wake = hub.command_event if hub is not None else threading.Event()
        self._run, self._ticks, self._hub = run, ticks, hub
        self._speed = Speed()
        self._shown, self._told, self._rows = -1, 0, 0
        self._endless = False
        self._landed_at, self._stand = 0.0, 0.0

    def commands(self) -> list[dict[str, Any]]:
        """What viewers have asked; clears `wake`."""
        if self._hub is None:
            self.wake.clear()
            return []
        return self._hub.commands()

    def obey(self, command: dict[str, Any]) -> None:
        """Do what a viewer asks; one who asks what the model does not allow is told so.

        Raises:
            RunError: the run failed.
        """
        op, run = command["op"], self._run
        assert self._hub is not None
        try:
            match op:
                case "play" | "pause" | "step":
                    run.pause()
                    self._landed_at = 0.0  # however long it stands now, it is wanted
                    self.paused = op != "play"
                    if op == "step":
                        self._resume(run.tick + command["n"])
                case "rate":
                    run.rate(command["hz"])
                case "set":
                    run.set(**command["values"])
                case "refresh":
                    self._shown = -1
                case _:
                    self._hub.refuse(op, f"{op} is for recordings; this run is made as you watch.")
        except ModelError as error:
            self._hub.refuse(op, str(error))

    def look(self) -> bool:
        """Let the run go on if it stands and shall not, and tell how it goes; whether it has ended.

        Raises:
            RunError: the run failed.
        """
        run = self._run
        if run.running and self._endless and math.isfinite(self._seconds()):
            run.pause()
        if not run.running:
            run.pause()  # raises what ended the run, if anything did
            self.tell_samples()
            if run.ended is not None or (self._ticks is not None and run.tick >= self._ticks):
                return True
            if not self.paused:
                self._resume(run.tick + self._stretch())
            elif self._hub is not None and self._shown != run.tick:
                run.show()
                self._shown = run.tick
        self.tell()
        return False

    def last(self) -> None:
        """Show the end of the run, or of the drive."""
        self.tell_samples()
        self.tell(paused=True)
        if self._hub is not None:
            self._run.show()

    def tell(self, paused: bool | None = None) -> None:
        """Tell viewers how the run goes."""
        run = self._run
        speed = self._speed.at(run.tick)
        if self._hub is not None:
            self._hub.status(
                {
                    "tick": run.tick,
                    "running": run.running,
                    "paused": self.paused if paused is None else paused,
                    "ticks_per_second": speed if paused is None else 0.0,
                    "rate": run.hz,
                    "entities": run.counts(),
                    "parameters": run.parameters,
                }
            )

    def tell_samples(self) -> None:
        """Tell viewers what was observed since the last time."""
        if self._hub is None or not self._run.observed:
            return
        ticks, values = self._run.sampled(self._rows)
        self._rows += len(ticks)
        if ticks:
            step = -(-len(ticks) // MOST_ROWS)
            told = {name: [_plain(value) for value in column[::step]] for name, column in values.items()}
            self._hub.samples(self._told, ticks[::step], told)
            self._told += len(ticks[::step])

    def _resume(self, target: int) -> None:
        def landed() -> None:
            self._landed_at = time.perf_counter()
            self.wake.set()

        self.moved = True
        self._run.resume(target if self._ticks is None else min(target, self._ticks), landed)
        if self._landed_at:
            self._stand = time.perf_counter() - self._landed_at
            self._landed_at = 0.0

    def _seconds(self) -> float:
        """How long to go on before the next stand."""
        seconds = COUNT_SECONDS if self._run.mortal else math.inf
        if self._run.observed and self._hub is not None and self._hub.viewers:
            seconds = min(seconds, SAMPLE_SECONDS)
        return max(seconds, self._stand / STAND_SHARE)

    def _stretch(self) -> int:
        """Ticks to go before the next stand: no end where there is nothing to look at."""
        seconds = self._seconds()
        self._endless = math.isinf(seconds)
        return ENDLESS if self._endless else max(1, int(self._speed.at(self._run.tick) * seconds))


def drive(
    run: Run,
    ticks: int | None,
    hub: Hub | None,
    on_progress: Callable[[Run], object] | None,
    stopped: Callable[[], bool],
    paused: bool = False,
) -> int:
    """Run until `ticks` are done or `stopped()`, obeying the viewers of `hub`; see `Run.drive`.

    With `paused` it stands until a viewer lets it go on.
    """
    driver = Driver(run, ticks, hub, paused)
    while True:
        for command in driver.commands():
            driver.obey(command)
        if stopped():
            run.pause()
            driver.last()
            return run.tick
        if driver.look():
            driver.last()
            return run.tick
        if on_progress is not None:
            on_progress(run)
        driver.wake.wait(LOOK_SECONDS)


def linger(run: Run, hub: Hub, stopped: Callable[[], bool]) -> None:
    """Keep showing a run that has ended until `stopped()`; viewers may look at it, and no longer move it."""
    driver = Driver(run, None, hub, paused=True)
    while not stopped():
        for command in driver.commands():
            if command["op"] == "refresh":
                run.show()
            else:
                hub.refuse(
                    command["op"],
                    f"The run has ended at tick {run.tick}, and shows its last tick. Start it again, with more ticks "
                    f"or without --ticks, to go on.",
                )
        driver.tell(paused=True)
        hub.command_event.wait(LOOK_SECONDS)


def _plain(value: Any) -> Any:
    """What JSON can say: no number in place of one that is infinite or none."""
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return value if value is None or math.isfinite(value) else None
