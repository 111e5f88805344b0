"""Starting: from a simulation to a run, at tick 0 or from where an earlier one had come."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from weaver.errors import RunError

if TYPE_CHECKING:
    from types import ModuleType

    from partitions.manifest import Manifest
    from weaver.keeping import Keeping
    from weaver.recorded import RecordOptions
    from weaver.run import Run
    from weaver.simulation import Simulation


class Startable:
    """What everyone gets who can be run."""

    def start(
        self,
        *,
        partitions: int | None = None,
        threads: int = 1,
        workers: int | None = None,
        cluster: str | None = None,
        snapshots: str | os.PathLike[str] | None = None,
        snapshot_every: int | str | None = None,
        keep: str | Mapping[str, int] | None = None,
        ack: str = "durable",
        record: str | Path | None = None,
        record_every: int = 1,
        record_fields: Sequence[str] | None = None,
        record_area: Any = None,
    ) -> Run:
        """Compile, place the entities, and return a run that stands at tick 0; use it in a `with` statement.

        Args:
            partitions: how many partitions; 1, or one per worker.
            threads: threads of each worker.
            workers: None runs in this process; W >= 1 runs on W Ray workers.
            cluster: address of a Ray cluster ("auto" or host:port); a local one is started when there is none.
            snapshots: a folder, or an address such as s3://bucket/name, in which recovery points, archived snapshots
                and all commands are kept, so that `restore` goes on after any crash.
            snapshot_every: ticks, or a time such as "10m", between two archived snapshots; None: only recovery points.
            keep: which archived snapshots are kept, "daily=7,weekly=4"; None: all.
            ack: "durable": a command is safe on disk before it is acknowledged; "applied": written, and safe within
                seconds.
            record: folder into which the run is recorded, see `Run.record`.
            record_every: ticks between two recorded ones.
            record_fields: types, layers and fields to record; None: all.
            record_area: (low corner, high corner) of what to record; None: all.

        Raises:
            ModelError, BehaviorError: the model cannot run.
            RecordError: it cannot be recorded there.
            RunError: the place for snapshots cannot be used.
        """
        from weaver.keeping import Keeping
        from weaver.recorded import RecordOptions
        from weaver.run import Run

        options = None if record is None else RecordOptions(record, record_every, record_fields, record_area)
        return Run(
            cast("Simulation", self), partitions=partitions, threads=threads, workers=workers, cluster=cluster,
            keeping=Keeping(snapshots, snapshot_every, keep, ack, record=options),
        )  # fmt: skip

    def restore(
        self,
        path: str | os.PathLike[str],
        *,
        partitions: int | None = None,
        threads: int = 1,
        workers: int | None = None,
        cluster: str | None = None,
        snapshots: str | os.PathLike[str] | None = None,
        snapshot_every: int | str | None = None,
        keep: str | Mapping[str, int] | None = None,
        ack: str = "durable",
        at: int | None = None,
        allow_changed: bool = False,
        record: str | Path | None = None,
        record_every: int = 1,
        record_fields: Sequence[str] | None = None,
        record_area: Any = None,
    ) -> Run:
        """Go on from a snapshot, or from where a run that was kept in a folder had come; the bits are the same.

        Args:
            path: a snapshot, or the folder of a run: its newest snapshot and all commands after it. That run goes on
                being kept in its folder, unless `snapshots` names another.
            partitions: as in `start`; it need not be that of then.
            threads: the same.
            workers: the same.
            cluster: the same.
            snapshots: where this run is kept.
            snapshot_every: as in `start`.
            keep: as in `start`.
            ack: as in `start`.
            at: stand where that run stood at this tick; then it is another run, and kept only where `snapshots` says.
            allow_changed: go on although behaviors have changed since.
            record: folder into which it is recorded; one that holds the recording of that run is gone on with, without
                a gap or a repeat.
            record_every: as in `start`; the recording's own, if there is one.
            record_fields: the same.
            record_area: the same.

        Raises:
            RunError: there is no snapshot, it is torn, or it is of another app.
        """
        from weaver.recorded import RecordOptions
        from weaver.run import Run

        options = None if record is None else RecordOptions(record, record_every, record_fields, record_area)
        keeping = restoring(path, snapshots, snapshot_every, keep, ack, allow_changed, options, at=at)
        return Run(
            cast("Simulation", self),
            partitions=partitions,
            threads=threads,
            workers=workers,
            cluster=cluster,
            keeping=keeping,
        )

    def run(self, ticks: int, **options: Any) -> Run:
        """Start, run `ticks` ticks and stop; options as in `start`. The returned run still answers questions."""
        run = self.start(**options)
        with run:
            run.step(ticks)
        return run


def restoring(
    path: str | os.PathLike[str],
    snapshots: str | os.PathLike[str] | None,
    snapshot_every: int | str | None,
    keep: str | Mapping[str, int] | None,
    ack: str,
    allow_changed: bool,
    record: RecordOptions | None = None,
    optional: bool = False,
    at: int | None = None,
) -> Keeping:
    """What is kept of a run that goes on from a snapshot; arguments as in `Startable.restore`.

    With `optional` a place where there is nothing yet is no error: the run begins. With `at` it stands at that tick,
    and is another run than the one that was kept.

    Raises:
        RunError: there is none, or it is torn.
    """
    from partitions.errors import RuntimeFault
    from weaver.keeping import Keeping
    from weaver.stored import find, open_stored

    if at is not None:
        from weaver.history import history_at

        return history_at(path).at(
            at, snapshots=snapshots, snapshot_every=snapshot_every, keep=keep, ack=ack, allow_changed=allow_changed,
            record=record,
        )  # fmt: skip
    try:
        stored = find(path) if optional else open_stored(path)
    except RuntimeFault as error:
        raise RunError(str(error)) from error
    if stored is not None and snapshots is None and stored.run is not None:
        snapshots = stored.run.address
    return Keeping(snapshots, snapshot_every, keep, ack, stored, allow_changed=allow_changed, record=record)


def load_again(
    app: str, manifest: Manifest, seed: int | None, parameters: Mapping[str, str]
) -> tuple[ModuleType, Simulation]:
    """An app with the seed and the first parameters of a run that was kept.

    Args:
        app: which.
        manifest: of one of the run's snapshots.
        seed: in place of that run's.
        parameters: those that the run has not set, by name; others are to be set in the run.

    Raises:
        UsageError: there is no such app or parameter.
        AppError: the app cannot be used.
    """
    from weaver.load import load_app

    before = dict(manifest.driver.get("initial", {}))
    given = {name: value for name, value in parameters.items() if name not in before}
    return load_app(app, manifest.seed if seed is None else seed, given, before)


def app_of(manifest: Manifest, named: str | None) -> str:
    """The app of a run that was kept: where it lay then, or a bundled one of its name; or the one that is named.

    Raises:
        UsageError: it is not found.
    """
    from weaver.load import UsageError, bundled_apps

    file = str(manifest.driver.get("app_path", ""))
    if named is not None:
        return named
    if file.endswith(".py") and os.path.isfile(file):
        return file
    if manifest.app in [name for name, _ in bundled_apps()]:
        return manifest.app
    raise UsageError(
        f"the run of {manifest.app} was to be computed again; its app {file or '(no file is known)'} is not there.\n"
        f"Its behaviors are not known.\n"
        f"Say where it is: --app PATH."
    )
