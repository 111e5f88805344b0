"""Recovery points: snapshots that a run makes by itself, so that little has to be done again after a crash.

They are written while the run goes on. Where no folder was asked for they lie in a private one of this machine, or, if
workers are on several machines, in the memory of the driver's process.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from partitions.errors import TransportError, WorkerLost
from partitions.folder import Folder, FolderError
from partitions.manifest import (
    SNAPSHOT_NAME,
    Behavior,
    Manifest,
    Schema,
    World,
    snapshot_name,
    whole_digest,
    write_manifest,
)
from partitions.moment import schema
from partitions.program import Program
from partitions.runtime import Runtime
from partitions.snapshot import write_samples
from partitions.sums import Value

LEAST_SECONDS = 8.0
"""Between two points; with the time that writing takes, less than 10 s of running are to be done again."""
COST_SHARE = 0.04
"""Points take no more than this share of the time: in large worlds they come more seldom."""

_LOGGER = logging.getLogger("weaver")


@dataclass(eq=False)
class Kept:
    """One snapshot that is whole.

    Attributes:
        name: of its folder.
        tick: ticks done.
        entry: inputs done.
        archived: it was asked for, and is not replaced by the next.
    """

    name: str
    tick: int
    entry: int
    archived: bool


class Driver(Protocol):
    """What the driver's process adds to a snapshot of a run that stands."""

    def state(self) -> dict[str, Any]:
        """What it keeps beside the state of the workers, as JSON."""

    def brief(self) -> dict[str, Any]:
        """The part of it that inputs change."""

    def samples(self, runtime: Runtime) -> Sequence[tuple[int, int, Value]]:
        """All that was observed so far, as (tick, number, value); takes over what the workers of a runtime have."""


def describe(
    program: Program, point: Mapping[str, Any], parts: Sequence[Any], tick: int, entry: int, driver: Mapping[str, Any]
) -> Manifest:
    """The manifest of a snapshot."""
    space = program.grid.space
    return Manifest(
        format=1,
        app=program.name,
        tick=tick,
        entry=entry,
        seed=program.seed,
        dt=float(program.dt),
        world=World(
            lengths=[float(axis.length) for axis in space.axes],
            origin=[float(axis.low) for axis in space.axes],
            boundaries=[str(axis.boundary) for axis in space.axes],
        ),
        identity=program.identity,
        cpu=program.cpu,
        versions=versions(),
        behaviors=[Behavior(name=name, sha256=hash) for name, hash in program.turns],
        schema=[
            Schema(kind=kind, name=name, columns=list(columns.items()))
            for (kind, name), columns in schema(program).items()
        ],
        parts=list(parts),
        cells={s.name: list(program.grid.cells[t].shape) for t, s in enumerate(program.types) if s.raster},
        digest=whole_digest(parts),
        tallies=dict(point["tallies"]),
        reals=list(point["reals"]),
        integers=list(point["integers"]),
        ended=point["ended"],
        latest={name: list(v) if isinstance(v, tuple) else v for name, v in point["latest"].items()},
        driver=dict(driver),
    )


def versions() -> dict[str, str]:
    """Of what makes the bits."""
    import platform

    import llvmlite
    import numba
    import numpy as np

    return {
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
    }


class Snapshot:
    """A copy of the state of a moment, not yet written; one at a time in each runtime, which holds one copy."""

    def __init__(self, runtime: Runtime, entry: int, driver: Driver) -> None:
        """Copy the state; not during `advance`."""
        runtime.capture()
        self.tick, self.entry = runtime.tick, entry
        self._runtime, self._point = runtime, runtime.point()
        self._state, self._samples = driver.state(), list(driver.samples(runtime))

    def write(self, folder: Folder) -> Manifest:
        """Write it; from any thread, once. Nothing is left of one that could not be written.

        Raises:
            FolderError: it could not be written.
            WorkerLost: a worker died.
        """
        before = folder.names()
        try:
            parts = self._runtime.write(folder) + write_samples(folder, self._samples)
            program = self._runtime.program
            manifest = describe(program, self._point, parts, self.tick, self.entry, self._state)
            write_manifest(folder, manifest)
        except BaseException:
            with contextlib.suppress(FolderError):  # the reason that is told is the first
                for name in set(folder.names()) - set(before):
                    folder.remove(name)
                if not before:
                    folder.remove("")
            raise
        return manifest


class Points:
    """Makes the points of one run.

    Attributes:
        kept: snapshots that are whole, oldest first.
        folder: where they lie.
        closed: the workers are being ended, so that a failure is none.
        copying: held from when the state is copied until the copy has been written: there is one at a time.
    """

    def __init__(
        self, folder: Folder, kept: Sequence[Kept] = (), completed: Callable[[], object] = lambda: None
    ) -> None:
        """Know snapshots that there are already.

        Args:
            folder: where points are written.
            kept: those that are there.
            completed: called, in a thread of its own, after each that was finished.
        """
        self.folder, self.kept = folder, list(kept)
        self._completed = completed
        self._due = time.monotonic() + LEAST_SECONDS
        self._thread: threading.Thread | None = None
        self._warned = ""
        self._lock = threading.Lock()
        self.closed = False
        self.copying = threading.Lock()

    def seconds(self) -> float:
        """Until the next is due."""
        return max(0.0, self._due - time.monotonic())

    def take(self, runtime: Runtime, entry: int, driver: Driver, archived: bool = False) -> None:
        """Copy the state now and write it while the run goes on; not during `advance`."""
        self.wait()
        if archived and any(one.tick == runtime.tick and one.archived for one in self.kept):
            return  # ticks are done again after a crash, or it is the tick that the last stretch ended with
        self.copying.acquire()
        try:
            began = time.perf_counter()
            snapshot = Snapshot(runtime, entry, driver)
            copied = time.perf_counter() - began
        except BaseException:
            self.copying.release()
            raise
        self._due = time.monotonic() + LEAST_SECONDS
        self._thread = threading.Thread(
            target=self._write, args=(snapshot, archived, copied), name="point", daemon=True
        )
        self._thread.start()

    def wait(self, seconds: float | None = None) -> None:
        """Until what is under way is written or has failed, or so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def hurry(self) -> None:
        """Let the next be due at once."""
        self._due = time.monotonic()

    def postpone(self) -> None:
        """Let the next be due after the usual time from now."""
        self._due = time.monotonic() + LEAST_SECONDS

    def newest(self) -> tuple[int, int] | None:
        """(tick, inputs done) of the newest that is whole."""
        with self._lock:
            return max(((one.tick, one.entry) for one in self.kept), default=None)

    def last(self) -> Folder | None:
        """Where the newest that is whole lies."""
        with self._lock:
            newest = max(self.kept, key=lambda one: (one.tick, one.entry), default=None)
        return None if newest is None else self.folder.inside(newest.name)

    def drop(self, names: Sequence[str]) -> None:
        """Remove archived snapshots that are not to be kept any longer, and not needed to go on from.

        Raises:
            FolderError: one could not be removed.
        """
        with self._lock:
            newest = max(self.kept, key=lambda one: (one.tick, one.entry), default=None)
            gone = [one for one in self.kept if one.name in names and one is not newest]
            self.kept = [one for one in self.kept if one not in gone]
        for one in gone:
            self.folder.remove(one.name)

    def _write(self, snapshot: Snapshot, archived: bool, copied: float) -> None:
        began = time.perf_counter()
        name = snapshot_name(snapshot.tick) if archived else f"point-{snapshot.tick:013d}-{snapshot.entry}"
        try:
            snapshot.write(self.folder.inside(name))
        except (WorkerLost, TransportError):
            return  # the run itself will see to it
        except FolderError as error:
            self._warn(str(error))
            return
        except Exception as error:  # of Ray, too, when it is ended meanwhile
            if not self.closed:
                self._warn(f"a recovery point of tick {snapshot.tick} was not written ({error}).")
            return
        finally:
            self.copying.release()
        self._warned = ""
        with self._lock:
            self.kept = [one for one in self.kept if one.name != name]
            self.kept.append(Kept(name, snapshot.tick, snapshot.entry, archived))
            self.kept.sort(key=lambda one: (one.tick, one.entry))
            # One more than the newest is kept: it is needed if a disk has lost what it said was safe.
            old = [one for one in self.kept[:-2] if not one.archived]
            self.kept = [one for one in self.kept if one not in old]
        try:
            for one in old:
                self.folder.remove(one.name)
            self._completed()
        except FolderError as error:
            self._warn(str(error))
        spent = copied + time.perf_counter() - began
        self._due = max(self._due, time.monotonic() + spent / COST_SHARE - spent)

    def _warn(self, message: str) -> None:
        first = message.partition("\n")[0]
        if first != self._warned:
            self._warned = first
            _LOGGER.warning(
                "%s The run goes on; if it fails now, it can go on from the snapshot before that one only.", first
            )


def archived(name: str) -> int | None:
    """The tick of a folder that is named like an archived snapshot."""
    match = SNAPSHOT_NAME.match(name)
    return None if match is None else int(match[1])
