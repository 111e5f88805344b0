"""What is stored: a snapshot, or the folder of a run with its snapshots and its input log."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass

from partitions.folder import Folder, folder_at
from partitions.log import Entry, read_log
from partitions.manifest import MANIFEST, Manifest, SnapshotError, read_manifest
from partitions.points import Kept, archived
from partitions.snapshot import Reader
from weaver.errors import RunError

LOG = "log"
_LOGGER = logging.getLogger("weaver")


@dataclass(eq=False)
class Stored:
    """A snapshot to go on from.

    Attributes:
        address: as it was asked for.
        folder: where the snapshot lies.
        manifest: of it.
        run: the folder of its run, if it was found through that; then the inputs after it are known too.
    """

    address: str
    folder: Folder
    manifest: Manifest
    run: Folder | None = None

    def entries(self) -> Iterator[Entry]:
        """The inputs after the snapshot; none are known of a snapshot alone."""
        if self.run is not None:
            yield from read_log(self.run.inside(LOG), self.manifest.entry)


def snapshots_in(folder: Folder) -> list[Kept]:
    """The snapshots of a run's folder that have a manifest, oldest first; of those that are torn only a warning."""
    found = []
    for name in folder.names():
        if archived(name) is None and not name.startswith("point-"):
            continue
        inside = folder.inside(name)
        if inside.size(MANIFEST) is None:
            continue  # a crash came before it was finished
        try:
            manifest = read_manifest(inside)
        except SnapshotError as error:
            _LOGGER.warning("%s", str(error).partition("\n")[0])
            continue
        found.append(Kept(name, manifest.tick, manifest.entry, archived(name) is not None))
    return sorted(found, key=lambda one: (one.tick, one.entry))


def is_snapshot(folder: Folder) -> bool:
    """Whether it is the folder of one snapshot."""
    return folder.size(MANIFEST) is not None


def find(address: str | os.PathLike[str]) -> Stored | None:
    """What to go on from; None where there is no snapshot.

    Of a run's folder it is the newest snapshot that is whole.

    Raises:
        SnapshotError: the snapshot that was named, or all of a run, are torn.
        FolderError: the place cannot be reached.
    """
    folder = folder_at(address)
    text = os.fspath(address)
    if is_snapshot(folder):
        return Stored(text, folder, read_manifest(folder))
    torn: SnapshotError | None = None
    for kept in reversed(snapshots_in(folder)):
        inside = folder.inside(kept.name)
        manifest = read_manifest(inside)
        wrong = Reader(inside, manifest).verify()
        if not wrong:
            return Stored(text, inside, manifest, folder)
        _LOGGER.warning("%s; an older snapshot is used", wrong[0])
        torn = SnapshotError(f"{wrong[0]}.\nNo other snapshot of {text} is whole.\nThe run has to begin anew.")
    if torn is not None:
        raise torn
    return None


def open_stored(address: str | os.PathLike[str]) -> Stored:
    """The same; refuses a place without a snapshot.

    Raises:
        RunError: there is none.
    """
    stored = find(address)
    if stored is None:
        raise RunError(
            f"{address} was to be gone on from; there is no snapshot in it.\n"
            f"A snapshot is a folder with a {MANIFEST}; a run with --snapshots DIR makes them in DIR.\n"
            f"Check the path, or write --resume auto to start where there is nothing yet."
        )
    return stored
