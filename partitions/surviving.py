"""Surviving: a runtime that goes on when a worker is lost, with the same bits as if nothing had happened.

It knows a recovery point, and every input since. When a worker is lost it starts the workers anew, wherever there is
room, from that point, gives them the same inputs at the same ticks, and then does what was under way.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command
from partitions.diary import Entries
from partitions.errors import RuntimeFault, TransportError, WorkerLost
from partitions.folder import Folder, FolderError
from partitions.frames import Frame
from partitions.interest import Interest
from partitions.log import Entry, Input, Log, Parameters, Promise
from partitions.manifest import Part, read_manifest
from partitions.points import Driver, Points, Snapshot
from partitions.resume import Resumption
from partitions.runtime import Rows, Runtime
from partitions.sums import Value

if TYPE_CHECKING:
    from partitions.record import Plan

PATIENCE = 5
"""After so many losses without a tick of progress the run ends: the cause is not going away."""
GLANCE = 0.25
"""Seconds between two looks whether a point is due: a `hold` that comes before its `advance` is forgotten."""

NEAR = 2.0
"""An archived snapshot that is due within so many seconds of a point does instead of it: 10 s of running in all."""
GRACE = 10.0
"""Seconds that a snapshot under way gets before the workers that write it are ended."""

_LOGGER = logging.getLogger("weaver")
_LOST = (WorkerLost, TransportError)
_T = TypeVar("_T")


class Surviving(Runtime):
    """Wraps a runtime.

    Attributes:
        entry: inputs done since the start.
        lost: how often workers were lost.
        rejoin: of what is recorded drops all after a tick, and says how to go on.
    """

    rejoin: Callable[[int], Plan]

    def __init__(
        self,
        inner: Runtime,
        resumed: Resumption | None,
        points: Points,
        log: Log | None,
        driver: Driver,
        entry: int = 0,
        every: int | None = None,
        seconds: float | None = None,
        sync: bool = True,
    ) -> None:
        """Watch over a runtime that has done nothing yet.

        Args:
            inner: the runtime.
            resumed: the snapshot that it has begun with.
            points: where recovery points go.
            log: where inputs go; None: they are remembered by this process alone.
            driver: what the driver adds to a snapshot.
            entry: inputs done before.
            every: ticks between two archived snapshots.
            seconds: the same in seconds.
            sync: inputs are safe on disk before they act; else they are written, and safe with the next point.
        """
        self._inner, self._begin, self._points, self._log, self._driver = inner, resumed, points, log, driver
        self._every, self._seconds, self._archived_at = every, seconds, time.monotonic()
        self.entry, self.lost, self._sync = entry, 0, sync
        self._entries: list[Entry] = []
        self._group: list[Input] | None = None
        self._told: dict[int, int] = {}
        self._hz: float | None = None
        self._published: tuple[tuple[str, int], bytes] | None = None
        self._held = self._moving = self._recovering = self._abandoned = False
        self._reached, self._crashed, self._stuck = inner.tick, -1, 0
        self._plan: Plan | None = None
        self._newest = points.newest()
        self._closing = threading.Event()
        threading.Thread(target=self._watch, name="points", daemon=True).start()

    # What the inner runtime knows

    @property
    def inner(self) -> Runtime:
        """The runtime that works now."""
        return self._inner

    @property
    def entries(self) -> Sequence[Entry]:
        """The inputs since the oldest point that is kept."""
        return self._entries

    @property
    def program(self) -> Any:  # type: ignore[override]
        """What it runs."""
        return self._inner.program

    @property
    def layout(self) -> Any:  # type: ignore[override]
        """Who owns what."""
        return self._inner.layout

    @property
    def workers(self) -> int:  # type: ignore[override]
        """How many processes."""
        return self._inner.workers

    @property
    def threads(self) -> int:  # type: ignore[override]
        """Per worker."""
        return self._inner.threads

    @property
    def tick(self) -> int:
        """Ticks done; while ticks are done again after a loss, those that had been done before it."""
        return max(self._reached, self._inner.tick) if self._recovering else self._inner.tick

    @property
    def ended(self) -> str | None:
        """The condition that ended the last `advance`, if one did."""
        return self._inner.ended

    @property
    def driver_address(self) -> str:
        """Where workers reach a server of the driver's process."""
        return self._inner.driver_address

    def worker_of(self) -> Sequence[int]:
        """Worker of each partition."""
        return self._inner.worker_of()

    # Moving

    def advance(self, target: int) -> int:
        """Run until `target` ticks are done or somebody calls `hold`; returns the ticks done."""
        self._held = False
        return self._survive(lambda: self._advance(target))

    def _advance(self, target: int) -> int:
        while True:
            if self._points.newest() != self._newest:
                self._forget()
            tick, every = self._inner.tick, self._every
            if every is not None and tick and tick % every == 0:
                self._take(archived=True)
            elif self._due():
                self._take(archived=self._archive_seconds() == 0.0)
            if tick >= target or self._held or self._inner.ended is not None:
                return tick
            self._moving = True
            try:
                self._inner.advance(target if every is None else min(target, tick - tick % every + every))
            finally:
                self._moving = False

    def _archive_seconds(self) -> float:
        """Until the next archived snapshot is due; infinite where they are not made by the clock."""
        if self._seconds is None:
            return math.inf
        return max(0.0, self._archived_at + self._seconds - time.monotonic())

    def _snapshot_seconds(self) -> float:
        """Until the next snapshot is due; a point is left out where an archived one comes about as soon."""
        archive, point = self._archive_seconds(), self._points.seconds()
        return archive if archive <= point + NEAR else point

    def _due(self) -> bool:
        """Whether it is time for a snapshot; points wait until the one before is written."""
        free = not self._points.copying.locked()
        return self._archive_seconds() == 0.0 or (free and self._snapshot_seconds() == 0.0)

    def _take(self, archived: bool) -> None:
        if archived:
            self._archived_at = time.monotonic()
        self._points.take(self._inner, self.entry, self._driver, archived)

    def _watch(self) -> None:
        """End stretches of ticks when a point is due."""
        while not self._closing.wait(max(GLANCE, self._snapshot_seconds())):
            if self._moving and self._due() and not self._points.copying.locked():
                with contextlib.suppress(RuntimeFault):  # whoever waits for the ticks learns what it is
                    self._inner.hold()

    def hold(self) -> int:
        """Stop at the next common tick boundary; returns its tick."""
        self._held = True
        if self._recovering:
            return self.tick
        try:
            return self._inner.hold()
        except _LOST:
            return self.tick  # whoever is in `advance` sees to it

    def abandon(self) -> None:
        """The run is about to be ended from outside: a loss is no longer made good. From a signal handler, too."""
        self._abandoned = True

    def rate(self, hz: float | None) -> None:
        """Start at most `hz` ticks per second; None: as many as possible."""
        self._hz = hz
        self._survive(lambda: self._inner.rate(hz))

    # Inputs

    def set_parameters(self, reals: NDArray[np.float64], integers: NDArray[np.int64]) -> None:
        """New parameter values from the next tick on; safe in the log before they act."""
        self._input(Parameters(np.array(reals, np.float64), np.array(integers, np.int64)))

    def command(self, command: Command) -> None:
        """Let entities come, change and go before the next tick; safe in the log before it is done."""
        self._input(command)

    def _input(self, one: Input) -> None:
        if self._group is not None:
            self._group.append(one)
        else:
            self._enter((one,))
        lost = self.lost
        try:
            apply(self._inner, one)
        except _LOST as error:
            self._recover(error)
            assert self.lost > lost  # what came in is among what was given again

    def promise(self, promise: Promise) -> None:
        """Have a promise safe in the log."""
        self._input(promise)

    def _enter(self, inputs: tuple[Input, ...]) -> None:
        entry = Entry(self.entry, self._inner.tick, inputs, self._driver.brief())
        if self._log is not None:
            self._log.append(entry, self._sync)
        self._entries.append(entry)
        self.entry += 1

    @contextlib.contextmanager
    def group(self) -> Iterator[None]:
        """Inputs inside the block are one entry, of the functions between ticks."""
        self._group = []
        try:
            yield
            inputs = tuple(self._group)
        finally:
            self._group = None
        if inputs:
            self._enter(inputs)

    def replay(self, entry: Entry) -> None:
        """Take an entry of an earlier life of this run, which is in the log already; at its tick."""
        self._entries.append(entry)
        self.entry = entry.number + 1

        try:
            for one in entry.inputs:
                apply(self._inner, one)
        except _LOST as error:
            self._recover(error)

    # Questions

    def types_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The type of each of these entities, -1 where there is none of that id."""
        return self._survive(lambda: self._inner.types_of(ids))

    def copied(self) -> Snapshot:
        """A copy of the state, to be written; whoever takes it holds `Points.copying` until it is."""
        return self._survive(lambda: Snapshot(self._inner, self.entry, self._driver))

    def capture(self) -> None:
        """Copy the state in every worker."""
        self._inner.capture()

    def write(self, folder: Folder) -> list[Part]:
        """Write the copy; from any thread. One that was lost with its worker has to be taken again."""
        return self._inner.write(folder)

    def point(self) -> dict[str, Any]:
        """See `Worker.point`."""
        return self._inner.point()

    def renewed(self, resumed: Resumption | None) -> Runtime:
        """See `Runtime.renewed`; of the runtime that works now."""
        return self._inner.renewed(resumed)

    def unreadable(self, folder: Folder, name: str, token: bytes) -> list[str]:
        """See `Runtime.unreadable`."""
        return self._survive(lambda: self._inner.unreadable(folder, name, token))

    def digest(self) -> str:
        """Hash of the state."""
        return self._survive(lambda: self._inner.digest())

    def memory(self) -> dict[int, int]:
        """See `Runtime.memory`."""
        return self._survive(lambda: self._inner.memory())

    def counts(self) -> dict[int, int]:
        """Type -> living entities."""
        return self._survive(lambda: self._inner.counts())

    def tallies(self) -> dict[str, list[int]]:
        """Counts since the start."""
        return self._survive(lambda: self._inner.tallies())

    def take_events(self, event: int) -> Entries:
        """The events of a kind since the last call, each once, also if its tick was done again."""
        entries = self._survive(lambda: self._inner.take_events(event))
        new = entries["@tick"] >= self._told.get(event, 0)
        self._told[event] = self._inner.tick
        return {name: column[new] for name, column in entries.items()}

    def rows(self, type: int) -> Rows:
        """Ids and columns of all entities of a type."""
        return self._survive(lambda: self._inner.rows(type))

    def samples(self) -> list[tuple[int, int, Value]]:
        """Samples since the last call; those of ticks that were done again come again."""
        return self._survive(lambda: self._inner.samples())

    def publish(self, address: tuple[str, int], secret: bytes) -> None:
        """Send frames to the hub at this address from now on."""
        self._published = (address, secret)
        self._survive(lambda: self._inner.publish(address, secret))

    def show(self) -> None:
        """Publish the present state."""
        self._survive(lambda: self._inner.show())

    def record(self, plan: Plan, now: bool) -> None:
        """Record from now on; after a loss `rejoin` says how."""
        self._plan = plan
        self._survive(lambda: self._inner.record(plan, now))
        self._survive(lambda: self._inner.flush())  # a point of this tick may be there already

    def flush(self) -> None:
        """Return when all that was recorded is in finished parts."""
        self._survive(lambda: self._inner.flush())

    def portions(self, interest: Interest) -> list[Frame]:
        """Every worker's part of a frame."""
        return self._survive(lambda: self._inner.portions(interest))

    # Ending

    def settle(self) -> None:
        """Wait until a point that is being written has been."""
        self._points.wait()

    def last(self, archived: bool = False) -> None:
        """Make a snapshot of the present state, if the last is of another one, and wait until it is written."""
        self._points.wait()
        if self._points.newest() != (self.tick, self.entry):
            self._survive(lambda: self._take(archived))
            self._points.wait()

    def close(self) -> None:
        """Free everything."""
        self._closing.set()
        self._points.closed = True
        self._points.wait(GRACE)
        if self._log is not None:
            self._log.close()
        self._inner.close()

    # After a loss

    def _survive(self, call: Callable[[], _T]) -> _T:
        while True:
            try:
                return call()
            except _LOST as error:
                self._recover(error)

    def _recover(self, error: RuntimeFault) -> None:
        """Bring back the state that there was."""
        began = time.perf_counter()
        self._recovering = True
        try:
            while True:
                self._note(error)
                try:
                    first = self._restart()
                    break
                except _LOST as again:
                    error = again
        finally:
            self._recovering = False
        again = self._inner.tick - first
        _LOGGER.warning(
            "%s. The run goes on after %.1f s; %d tick%s done again.",
            str(error).partition("\n")[0].rstrip("."),
            time.perf_counter() - began,
            again,
            " was" if again == 1 else "s were",
        )

    def _note(self, error: RuntimeFault) -> None:
        """Count a loss.

        Raises:
            WorkerLost, TransportError: too many without progress.
        """
        if self._abandoned:
            raise error
        self.lost += 1
        self._reached = max(self._reached, self._inner.tick)
        self._stuck = self._stuck + 1 if self._inner.tick <= self._crashed else 0
        self._crashed = max(self._crashed, self._inner.tick)
        if self._stuck >= PATIENCE:
            head, _, rest = str(error).partition("\n")
            raise type(error)(
                f"{head}\nThat was the {self._stuck + 1}th time without a tick of progress.\n{rest}"
            ) from error

    def _restart(self) -> int:
        """Start workers from the newest point; returns its tick."""
        self._points.wait(GRACE)
        resumption = self._resumption()
        since = 0 if resumption is None else resumption.manifest.entry
        inner = self._inner = self._inner.renewed(resumption)
        first = inner.tick
        inner.rate(None)
        if self._plan is not None:
            inner.record(self.rejoin(first), now=False)
        for entry in self._entries:
            if entry.number >= since:
                inner.advance(entry.tick)
                for one in entry.inputs:
                    apply(inner, one)
        inner.advance(self._reached)
        for one in self._group or ():
            apply(inner, one)
        inner.rate(self._hz)
        self._points.hurry()
        if self._published is not None:
            inner.publish(*self._published)
        return first

    def _resumption(self) -> Resumption | None:
        folder = self._points.last()
        return self._begin if folder is None else Resumption(folder, read_manifest(folder))

    def _forget(self) -> None:
        """Drop the inputs that come before the oldest snapshot: nobody goes back there."""
        self._newest = self._points.newest()
        oldest = min((one.entry for one in self._points.kept), default=0)
        if self._log is not None:
            try:
                self._log.turn()
                self._log.cut(oldest)
            except FolderError as error:  # what could be removed some other time is no reason to end
                _LOGGER.warning("%s", str(error).partition("\n")[0])
        self._entries = [entry for entry in self._entries if entry.number >= oldest]


def apply(runtime: Runtime, one: Input) -> None:
    """Let an input act; a promise does not yet."""
    if isinstance(one, Parameters):
        runtime.set_parameters(one.reals, one.integers)
    elif isinstance(one, Command):
        runtime.command(one)
