"""Keeping: snapshots of a run, its input log, and how it goes on after a crash."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from partitions.errors import TransportError, WorkerLost
from partitions.folder import Disk, Folder, Memory, folder_at
from partitions.program import Program
from partitions.runtime import Runtime
from partitions.sums import Value
from weaver.archive import read_interval, read_policy, surplus
from weaver.between import Betweens
from weaver.commands import Commands
from weaver.errors import ModelError, RunError
from weaver.samples import Samples
from weaver.simulation import Simulation

if TYPE_CHECKING:
    from partitions.log import Entry
    from partitions.manifest import Manifest
    from partitions.points import Kept as KeptSnapshot
    from partitions.points import Points
    from partitions.resume import Resumption
    from partitions.surviving import Surviving
    from weaver.stored import Stored


@dataclass(frozen=True)
class Keeping:
    """What is kept of a run; arguments as in `Simulation.start`.

    Attributes:
        snapshots: folder or address for recovery points, archived snapshots and the input log.
        snapshot_every: ticks, or a time such as "10m", between two archived snapshots.
        keep: how many of them, see `weaver.archive`.
        ack: "durable" or "applied".
        resume: what to go on from.
        again: a snapshot of a run that is begun again from its start.
        inputs: what came from outside, and is done again; None: what came after `resume`.
        until: tick at which the run is to stand; None: where the last of the inputs acted.
        allow_changed: behaviors may have changed since.
        parent: the run that this one is a branch of, and at which tick.
    """

    snapshots: str | os.PathLike[str] | None = None
    snapshot_every: int | str | None = None
    keep: str | Mapping[str, int] | None = None
    ack: str = "durable"
    resume: Stored | None = None
    again: Stored | None = None
    inputs: Sequence[Entry] | None = None
    until: int | None = None
    allow_changed: bool = False
    parent: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            ModelError: something does not.
        """
        read_interval(self.snapshot_every), read_policy(self.keep)
        for name, value in (("snapshot_every", self.snapshot_every), ("keep", self.keep)):
            if value is not None and self.snapshots is None:
                raise ModelError(
                    f"{name}={value!r} was asked for without a place for snapshots.\n"
                    f"None would be made.\n"
                    f'Name a folder: snapshots="runs/1" (--snapshots runs/1).'
                )
        if self.ack not in ("durable", "applied"):
            raise ModelError(
                f"ack={self.ack!r} was asked for; allowed are durable and applied.\n"
                f"It would not be known when a command is safe.\n"
                f'Write ack="durable", or leave it out.'
            )


class Kept(ABC):
    """Part one: what a run provides. Part two: what is kept of it."""

    # Part one

    simulation: Simulation
    _program: Program
    _runtime: Runtime
    _commands: Commands
    _samples: Samples
    _betweens: Betweens
    _values: dict[str, float]

    @property
    @abstractmethod
    def tick(self) -> int:
        """Ticks done."""

    @abstractmethod
    def step(self, n: int = 1) -> int:
        """Run n ticks and wait."""

    @abstractmethod
    def _alive(self, asked: str) -> None:
        """Refuse what cannot be asked of a run that was stopped, or has failed."""

    @abstractmethod
    def _standing(self) -> AbstractContextManager[None]:
        """Inside the block the run stands between two ticks."""

    @abstractmethod
    def _told(self) -> AbstractContextManager[None]:
        """Tell what a runtime raises in the language's words."""

    # Part two

    _surviving: Surviving | None = None
    _lock: BinaryIO | None = None
    _asked, _changed = 0, False
    _private: tempfile.TemporaryDirectory[str] | None = None
    _keeping: Keeping
    _policy: Mapping[str, int] | None = None

    def snapshot(self, path: str | os.PathLike[str]) -> str:
        """Write the whole state into a new folder, or to an address such as s3://bucket/name.

        A run that moves stands only while the state is copied, and goes on while it is written.

        Returns:
            The address; `Simulation.restore` and `weaver run APP --resume` go on from it.

        Raises:
            RunError: there is a snapshot already, or it could not be written; none is left then.
        """
        from weaver.stored import is_snapshot

        self._alive("snapshot()")
        self._betweens.refuse("snapshot()")
        with self._told():
            folder = folder_at(path)
            taken = is_snapshot(folder)
        if taken:
            raise RunError(
                f"a snapshot was to be written to {folder.address}; there is one.\n"
                f"Half of one and half of the other would be left after a crash.\n"
                f"Choose another place, or remove that one."
            )
        with self._standing():
            self._reachable(folder)
        self._written(folder)
        return folder.address

    def _written(self, folder: Folder) -> Manifest:
        """Write the present state into a folder that all workers reach."""
        from partitions.points import Snapshot

        while True:
            with self._standing():
                surviving = self._surviving
                if surviving is not None:
                    surviving.settle()  # one copy of the state at a time
                    runtime, entry = surviving.inner, surviving.entry
                else:
                    runtime, entry = self._runtime, self._commands.asked
                snapshot = Snapshot(runtime, entry, _Driver(self))
            with self._told():
                try:
                    return snapshot.write(folder)
                except (WorkerLost, TransportError):
                    if surviving is None:
                        raise
            with self._standing():
                self._runtime.counts()  # notices the loss, and mends it

    def _reachable(self, folder: Folder) -> None:
        """Refuse a folder of this machine that not all workers see.

        Raises:
            RunError: a worker on another node does not.
        """
        if not isinstance(folder, Disk):
            return
        token = os.urandom(16)
        folder.write(".probe", [token])
        try:
            blind = self._runtime.unreadable(folder, ".probe", token)
        finally:
            folder.remove(".probe")
        if blind:
            raise RunError(
                f"snapshots were to be written to {folder.address}; node {', '.join(blind)} does not see it.\n"
                f"Each worker writes its own part, and the parts would lie on several machines.\n"
                f"Use a folder that all nodes share, or an address such as s3://bucket/name."
            )

    @property
    def lost(self) -> int:
        """How often workers were lost, and the run went on."""
        return 0 if self._surviving is None else self._surviving.lost

    # Inside

    def _kept_runtime(self, runtime: Runtime, resumed: Resumption | None) -> Runtime:
        """The runtime, wrapped so that it survives the loss of workers, and inputs outlive this process."""
        keeping = self._keeping
        if keeping.snapshots is None and runtime.workers == 1 and type(runtime).__name__ == "Local":
            return runtime
        from partitions.log import Log
        from partitions.points import Points
        from partitions.surviving import Surviving

        every, seconds = read_interval(keeping.snapshot_every)
        self._policy = read_policy(keeping.keep)
        entry = 0 if resumed is None else resumed.manifest.entry
        kept: Sequence[KeptSnapshot] = ()
        log = None
        if keeping.snapshots is None:
            folder = self._private_folder(runtime)
        else:
            folder, kept = self._own_folder(folder_at(keeping.snapshots))
            log = Log(folder.inside("log"), entry)
        points = Points(folder, kept, self._thin)
        self._surviving = Surviving(
            runtime, resumed, points, log, _Driver(self), entry, every, seconds, sync=keeping.ack == "durable"
        )
        self._points = points
        return self._surviving

    _points: Points

    def _private_folder(self, runtime: Runtime) -> Folder:
        """Where points lie that nobody asked for: a disk, if all workers are on this machine."""
        self._private = tempfile.TemporaryDirectory(prefix="weaver-points-")
        disk = Disk(self._private.name)
        token = os.urandom(16)
        disk.write("probe", [token])
        if not runtime.unreadable(disk, "probe", token):
            disk.remove("probe")
            return disk
        self._private.cleanup()
        self._private = None
        return Memory()

    def _own_folder(self, folder: Folder) -> tuple[Folder, Sequence[KeptSnapshot]]:
        """The folder of this run, locked; refuses one of another run."""
        from weaver.stored import snapshots_in

        if isinstance(folder, Disk):
            self._locked(folder)
        resume = self._keeping.resume
        kept = snapshots_in(folder)
        ours = resume is not None and resume.run is not None and resume.run.address == folder.address
        if (kept or folder.names("log")) and not ours:
            raise RunError(
                f"snapshots were to be kept in {folder.address}; those of another run are there.\n"
                f"One could not be told from the other.\n"
                f"Choose another folder, or go on with that run: --resume {folder.address}."
            )
        return folder, kept

    def _locked(self, folder: Disk) -> None:
        with self._told():
            folder.write(".lock", [b""])
        self._lock = open(folder.path / ".lock", "wb")  # noqa: SIM115  # held for as long as the run is there
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunError(
                f"snapshots were to be kept in {folder.address}; another run is keeping its own there now.\n"
                f"The two would overwrite each other.\n"
                f"Wait for it, stop it, or choose another folder."
            ) from error

    def _thin(self) -> None:
        """Remove archived snapshots that no rule keeps."""
        if self._policy is None:
            return
        from partitions.manifest import read_manifest

        written = {
            one.name: float(read_manifest(self._points.folder.inside(one.name)).driver.get("written", 0.0))
            for one in self._points.kept
            if one.archived
        }
        self._points.drop(surplus(written, self._policy))

    def _recall(self, stored: Stored) -> None:
        """Know again what the driver knew when the snapshot was made."""
        from partitions.log import decode
        from partitions.snapshot import Reader, read_samples

        state = stored.manifest.driver
        self._remember(state)
        self._changed = self._changed or bool(state.get("changed", False))
        commands = self._commands
        commands.promises = []
        for text in state.get("promises", ()):
            entry = decode(base64.b64decode(text), stored.folder)
            commands.promises += [one for one in entry.inputs if type(one).__name__ == "Promise"]  # type: ignore[misc]
        reader = Reader(stored.folder, stored.manifest)
        self._samples.add(read_samples(reader, self._program.observations, list(state.get("observations", ()))))

    def _remember(self, state: Mapping[str, Any]) -> None:
        commands = self._commands
        commands.next = max(commands.next, int(state.get("next", 0)))
        commands.letters, commands.promised = int(state.get("letters", 0)), int(state.get("promised", 0))
        self._values.update({k: v for k, v in state.get("values", {}).items() if k in self._values})
        commands.asked, commands.acted = int(state.get("asked", 0)), int(state.get("acted", -1))
        self._betweens.done = int(state.get("called", -1))

    def _resumed(self) -> Resumption | None:
        """What workers go on from; refuses a snapshot that is not of this program.

        Raises:
            RunError: it is of another app, or of another version of it.
        """
        keeping = self._keeping
        stored = keeping.resume or keeping.again
        if stored is None:
            return None
        from weaver.changed import resumption

        allowed = keeping.allow_changed and keeping.again is None
        made = resumption(self.simulation, self._program, stored, allowed)
        if stored.manifest.identity != self._program.identity:
            self._changed = True
        return made if keeping.resume is not None else None

    def _begin_keeping(self) -> None:
        """Lead a run to where it goes on, and make the first point, so that its inputs are never without one."""
        keeping = self._keeping
        entries: Iterable[Entry] = () if keeping.resume is None else keeping.resume.entries()
        entries = entries if keeping.inputs is None else keeping.inputs
        if keeping.resume is not None:
            self._recall(keeping.resume)
        if keeping.resume is not None or keeping.inputs is not None:
            from weaver.replay import Replay

            replay = Replay(self, entries)
            if keeping.until is not None:
                replay.before(keeping.until)
            replay.all()
        self._asked = self._commands.asked
        if self._keeping.snapshots is not None and self._surviving is not None:
            self._reachable(self._points.folder)
            self._surviving.last()
            if self._points.last() is None:
                raise RunError(
                    f"snapshots were to be kept in {self._points.folder.address}; the first could not be written.\n"
                    f"Nothing of the run would outlive a crash.\n"
                    f"The reason stands above; mend it, or choose another place."
                )

    def _end_keeping(self) -> None:
        """Make a last point, from which a longer run can go on."""
        if self._keeping.snapshots is not None and self._surviving is not None:
            self._surviving.last()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._private is not None:
            with contextlib.suppress(OSError):
                self._private.cleanup()
            self._private = None


class _Driver:
    """What a run adds to its snapshots."""

    def __init__(self, run: Kept) -> None:
        self._run = run

    def state(self) -> dict[str, Any]:
        """All that the driver knows beside its samples."""
        from partitions.log import Entry, encode

        run = self._run
        commands = run._commands
        return {
            **self.brief(),
            "promises": [base64.b64encode(encode(Entry(0, 0, (one,)))).decode() for one in commands.promises],
            "initial": {name: p.value for name, p in run.simulation.parameters.items()},
            "observations": [one.name for one in run._program.observations],
            "written": time.time(),
            "changed": run._changed,
            "app_path": os.path.abspath(run.simulation.file) if run.simulation.file else "",
            "parent": dict(run._keeping.parent),
        }

    def brief(self) -> dict[str, Any]:
        """Ids, parameters, and which promises are not kept yet."""
        commands = self._run._commands
        return {
            "next": commands.next,
            "letters": commands.letters,
            "promised": commands.promised,
            "pending": [one.number for one in commands.promises],
            "values": dict(self._run._values),
            "called": self._run._betweens.done,
            "asked": commands.asked,
            "acted": commands.acted,
        }

    def samples(self, runtime: Runtime) -> Sequence[tuple[int, int, Value]]:
        """All that was observed."""
        if self._run._program.observations:
            self._run._samples.add(runtime.samples())
        return self._run._samples.all()
