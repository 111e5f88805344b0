"""Travelling: a run as it stood at an earlier tick, and branches of a run."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from partitions.folder import Disk, Folder, Memory
from weaver.keeping import Keeping, Kept, private_path
from weaver.parameter import checked_settings
from weaver.stored import Stored

if TYPE_CHECKING:
    from weaver.run import Run


class Travelled(Kept):
    """What a run can do because every tick of it can be computed again."""

    _fixed: dict[str, bool]

    def seek(
        self,
        tick: int,
        *,
        snapshots: str | os.PathLike[str] | None = None,
        partitions: int | None = None,
        threads: int = 1,
        workers: int | None = None,
        cluster: str | None = None,
    ) -> Run:
        """A new run that stands where this one stood at an earlier tick, before commands that were given then.

        The nearest snapshot before it, or the start, is taken, and the rest is computed again, with the same commands.
        This run stands meanwhile, and goes on afterwards. The new one is independent of it.

        Args:
            tick: 0 to the present tick.
            snapshots: where the new run is kept; None: nowhere.
            partitions: of the new run, as in `Simulation.start`.
            threads: the same.
            workers: the same; None computes it in this process.
            cluster: the same.

        Returns:
            A run to be used in a `with` statement.

        Raises:
            RunError: that tick cannot be had: it has not come yet, or commands before it were not kept.
        """
        from weaver.history import history_of

        self._alive(f"seek({tick})")
        self._betweens.refuse(f"seek({tick})")
        with self._standing():
            keeping, changed = history_of(self).at(tick, snapshots=snapshots), self._keeping
            if changed.allow_changed and keeping.resume is not None and changed.resume is not None:
                where = keeping.resume.folder.address  # only there the app was changed, and that was allowed
                keeping = replace(keeping, allow_changed=where == changed.resume.folder.address)
            return self._another(keeping, partitions, threads, workers, cluster)

    def fork(
        self,
        *,
        changes: Mapping[str, float] | None = None,
        snapshots: str | os.PathLike[str] | None = None,
        snapshot_every: int | str | None = None,
        partitions: int | None = None,
        threads: int = 1,
        workers: int | None = None,
        cluster: str | None = None,
    ) -> Run:
        """A new run that begins with the present state of this one: what would become of it, if …?

        It knows its parent: `weaver snapshot info` tells it. With the same commands it would have the same bits.

        Args:
            changes: parameters that are set in the new run at once, `{"push": 0.3}`.
            snapshots: where the new run is kept; None: nowhere.
            snapshot_every: as in `Simulation.start`.
            partitions: of the new run, as in `Simulation.start`.
            threads: the same.
            workers: the same; None computes it in this process.
            cluster: the same.

        Returns:
            A run to be used in a `with` statement.

        Raises:
            ModelError: no such parameter, or a value out of its range.
            RunError: the new run cannot be kept there.
        """
        self._alive("fork()")
        self._betweens.refuse("fork()")
        checked_settings(self.simulation.parameters, self._fixed, self._values, changes or {})
        with self._standing():
            folder = self._aside()
            stored = Stored(f"this run of {self.simulation.name}", folder, self._written(folder))
            if isinstance(folder, Disk):
                weakref.finalize(stored, shutil.rmtree, folder.path, ignore_errors=True)
            address = None if self._keeping.snapshots is None else self._points.folder.address
            parent = {"path": address, "tick": self.tick, "identity": self._program.identity}
        keeping = Keeping(snapshots, snapshot_every, resume=stored, inputs=(), parent=parent)
        run = self._another(keeping, partitions, threads, workers, cluster)
        try:
            if changes:
                run.set(at=None, **changes)
        except BaseException as error:
            run.__exit__(type(error), error, error.__traceback__)
            raise
        return run

    def _another(
        self, keeping: Keeping, partitions: int | None, threads: int, workers: int | None, cluster: str | None
    ) -> Run:
        from weaver.run import Run

        return Run(
            self.simulation, partitions=partitions, threads=threads, workers=workers, cluster=cluster, keeping=keeping
        )

    def _aside(self) -> Folder:
        """Where a copy of the state goes that only another run reads: memory, if all of it is in this process."""
        if self._surviving is None or self._surviving.workers == 1:
            return Memory()
        disk = Disk(private_path())
        token = os.urandom(16)
        disk.write("probe", [token])
        if not self._runtime.unreadable(disk, "probe", token):
            return disk
        shutil.rmtree(disk.path)
        return Memory()


__all__ = ["Travelled"]
