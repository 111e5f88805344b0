"""Keeping: snapshots of a run, its input log, and how it goes on after a crash."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
import time
import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from partitions.errors import TransportError, WorkerLost
from partitions.folder import Disk, Folder, Memory, folder_at
from partitions.runtime import Runtime
from partitions.sums import Value
from weaver.archive import read_interval, read_policy, surplus
from weaver.between import Betweens
from weaver.commands import Commands
from weaver.errors import ModelError, RunError
from weaver.recorded import Recorded, RecordOptions, begin_recording
from weaver.samples import Samples

if TYPE_CHECKING:
    from partitions.log import Entry
    from partitions.manifest import Manifest
    from partitions.points import Kept as KeptSnapshot
    from partitions.points import Points
    from partitions.resume import Resumption
    from partitions.surviving import Surviving
    from weaver.run import Run
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
        record: what is recorded.
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
    record: RecordOptions | None = None
    parent: Mapping[str, Any] = field(default_factory=dict)

    @property
    def goes_on(self) -> bool:
        """Whether it is the run that was kept, and no other that begins with a state of it."""
        return self.resume is not None and self.until is None

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


class Kept(Recorded):
    """Part one: what a run provides. Part two: what is kept of it."""

    # Part one

    _commands: Commands
    _samples: Samples
    _betweens: Betweens
    _values: dict[str, float]

    @abstractmethod
    def step(self, n: int = 1) -> int:
        """Run n ticks and wait."""

    @abstractmethod
    def _alive(self, asked: str) -> None:
        """Refuse what cannot be asked of a run that was stopped, or has failed."""

    @abstractmethod
    def _told(self) -> AbstractContextManager[None]:
        """Tell what a runtime raises in the language's words."""

    # Part two

    _surviving: Surviving | None = None
    _lock: BinaryIO | None = None
    _asked, _changed = 0, False
    _private: Callable[[], object] | None = None
    _keeping: Keeping
    _policy: Mapping[str, int] | None = None
    _copying: threading.Lock

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
        self._written(folder)
        return folder.address

    def _written(self, folder: Folder) -> Manifest:
        """Write the present state into a folder that all workers reach."""
        from partitions.points import Snapshot

        surviving = self._surviving
        while True:
            with self._standing():
                self._reachable(folder)
                self._copying.acquire()
                try:
                    if surviving is None:
                        snapshot = Snapshot(self._runtime, self._commands.asked, _Driver(self))
                    else:
                        snapshot = surviving.copied()
                except BaseException:
                    self._copying.release()
                    raise
            try:
                with self._told():
                    try:
                        return snapshot.write(folder)
                    except (WorkerLost, TransportError):
                        if surviving is None:
                            raise
            finally:
                self._copying.release()
            with self._standing():
                self._runtime.counts()  # notices the loss, and mends it

    def _reachable(self, folder: Folder) -> None:
        """Refuse a folder of this machine that not all workers see.

        Raises:
            RunError: a worker on another node does not.
        """
        if not isinstance(folder, Disk):
            return
        token, new = os.urandom(16), not folder.path.exists()
        try:
            folder.write(".probe", [token])
            blind = self._runtime.unreadable(folder, ".probe", token)
            folder.remove(".probe")
        except BaseException:
            if new:
                folder.remove("")
            raise
        if blind:
            raise RunError(
                f"snapshots were to be written to {folder.address}; node {', '.join(blind)} does not see it.\n"
                f"Each worker writes its own part, and the parts would lie on several machines.\n"
                f"Use a folder that all nodes share, or an address such as s3://bucket/name."
            )

    def abandon(self) -> None:
        """Make no loss good any more, because the run is about to be stopped; from a signal handler, too."""
        if self._surviving is not None:
            self._surviving.abandon()

    @property
    def lost(self) -> int:
        """How often workers were lost, and the run went on."""
        return 0 if self._surviving is None else self._surviving.lost

    # Inside

    def _kept_runtime(self, runtime: Runtime, resumed: Resumption | None) -> Runtime:
        """The runtime, wrapped so that it survives the loss of workers, and inputs outlive this process."""
        keeping = self._keeping
        if keeping.snapshots is None and runtime.workers == 1 and type(runtime).__name__ == "Local":
            self._copying = threading.Lock()
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
            log = Log(folder.inside("log"))
        points = Points(folder, kept, self._thin)
        self._surviving = Surviving(
            runtime, resumed, points, log, _Driver(self), entry, every, seconds, sync=keeping.ack == "durable"
        )
        self._surviving.rejoin = self._rejoined
        self._points, self._copying = points, points.copying
        return self._surviving

    _points: Points

    def _private_folder(self, runtime: Runtime) -> Folder:
        """Where points lie that nobody asked for: a disk, if all workers are on this machine."""
        path = private_path()
        self._private = weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)
        disk = Disk(path)
        token = os.urandom(16)
        disk.write("probe", [token])
        if not runtime.unreadable(disk, "probe", token):
            disk.remove("probe")
            return disk
        self._unlock()
        return Memory()

    def _own_folder(self, folder: Folder) -> tuple[Folder, Sequence[KeptSnapshot]]:
        """The folder of this run, locked; refuses one of another run."""
        from partitions.points import archived
        from weaver.stored import is_snapshot, snapshots_in

        if isinstance(folder, Disk):
            self._locked(folder)
        resume = self._keeping.resume
        kept = snapshots_in(folder)
        if resume is not None and resume.run is not None and resume.run.address == folder.address:
            now = (resume.manifest.tick, resume.manifest.entry)
            kept = [one for one in kept if (one.tick, one.entry) <= now]  # those that come after it were torn
            for name in set(folder.names()) - {one.name for one in kept}:
                if name.startswith("point-") or (archived(name) is not None and not is_snapshot(folder.inside(name))):
                    folder.remove(name)  # a crash came before it was finished
        elif kept or folder.names("log"):
            raise RunError(
                f"snapshots were to be kept in {folder.address}; those of another run are there.\n"
                f"One could not be told from the other.\n"
                f"Choose another folder, or go on with that run: --resume {folder.address}."
            )
        return folder, kept

    def _locked(self, folder: Disk) -> None:
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            self._lock = open(folder.path / ".lock", "ab")  # noqa: SIM115  # held for as long as the run is there
        except OSError as error:
            raise RunError(
                f"snapshots were to be kept in {folder.address}; that failed: {error.strerror}.\n"
                f"Nothing of the run would outlive a crash.\n"
                f"Choose a folder that can be written."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"snapshots were to be kept in {folder.address}; another run is keeping its own there now.\n"
                f"The two would overwrite each other.\n"
                f"Wait for it, stop it, or choose another folder."
            ) from error

    def _thin(self) -> None:
        """Remove archived snapshots that no rule keeps."""
        if self._policy is None:
            return
        from partitions.manifest import SnapshotError, read_manifest

        written = {}
        for one in [one for one in self._points.kept if one.archived]:
            with contextlib.suppress(SnapshotError):  # somebody has removed it
                driver = read_manifest(self._points.folder.inside(one.name)).driver
                written[one.name] = float(driver.get("written", 0.0))
        self._points.drop(surplus(written, self._policy))

    def _recall(self, stored: Stored) -> None:
        """Know again what the driver knew when the snapshot was made."""
        from partitions.admission import check_promise
        from partitions.log import Promise, decode
        from partitions.manifest import MANIFEST, refused
        from partitions.snapshot import Reader, read_samples

        state = stored.manifest.driver
        self._remember(state)
        self._changed = self._changed or bool(state.get("changed", False))
        commands = self._commands
        commands.promises = []
        for text in state.get("promises", ()):
            try:
                entry = decode(base64.b64decode(text), stored.folder)
                for one in entry.inputs:
                    if isinstance(one, Promise):
                        check_promise(self._program, one, self.tick)
                        commands.promises.append(one)
            except ValueError as error:
                raise refused(stored.folder, MANIFEST, f"a promise in it cannot be kept: {error}") from error
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
        if keeping.record is not None and keeping.until is None:  # what is done again belongs to it too
            begin_recording(cast("Run", self), keeping.record, keeping.goes_on)
        if keeping.resume is not None or keeping.inputs is not None:
            from weaver.replay import Replay

            replay = Replay(self, entries)
            if keeping.until is not None:
                replay.before(keeping.until)
            replay.all()
        if keeping.record is not None and keeping.until is not None:
            begin_recording(cast("Run", self), keeping.record, resumed=False)
        self._asked = self._commands.asked
        if self._keeping.snapshots is not None and self._surviving is not None:
            self._reachable(self._points.folder)
            first = keeping.snapshot_every is not None and not self._points.kept
            self._surviving.last(archived=first)  # an archive begins with the state that leads to all others
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

    def _free(self, error: BaseException | None = None) -> None:
        """Free the workers, and let go of the folders."""
        try:
            super()._free(error)
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._private is not None:
            self._private()
            self._private = None


def private_path() -> str:
    """A new folder, named after this process; those of processes that were killed are removed."""
    root, head = Path(tempfile.gettempdir()), "weaver-points-"
    for left in root.glob(f"{head}*"):
        pid = left.name.removeprefix(head).partition("-")[0]
        with contextlib.suppress(OSError):  # of another user
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and left.stat().st_uid == os.geteuid():
                shutil.rmtree(left, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"{head}{os.getpid()}-")


class _Driver:
    """What a run adds to its snapshots."""

    def __init__(self, run: Kept) -> None:
        self._run = run

    def state(self) -> dict[str, Any]:
        """All that the driver knows beside its samples."""
        from partitions.log import Entry, encode

        run = self._run
        commands, resume = run._commands, run._keeping.resume
        parent = run._keeping.parent or ({} if resume is None else resume.manifest.driver.get("parent", {}))
        return {
            **self.brief(),
            "promises": [base64.b64encode(encode(Entry(0, 0, (one,)))).decode() for one in commands.promises],
            "initial": {name: p.value for name, p in run.simulation.parameters.items()},
            "observations": [one.name for one in run._program.observations],
            "written": time.time(),
            "changed": run._changed,
            "app_path": os.path.abspath(run.simulation.file) if run.simulation.file else "",
            "parent": dict(parent),
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
