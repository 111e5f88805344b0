"""Starting again: what `Simulation.restore` and `weaver run --resume` go on from."""

from __future__ import annotations

import os
from collections.abc import Mapping

from partitions.errors import RuntimeFault
from weaver.errors import RunError
from weaver.keeping import Keeping


def restoring(
    path: str | os.PathLike[str],
    snapshots: str | os.PathLike[str] | None,
    snapshot_every: int | str | None,
    keep: str | Mapping[str, int] | None,
    ack: str,
    allow_changed: bool,
    optional: bool = False,
    at: int | None = None,
) -> Keeping:
    """What is kept of a run that goes on from a snapshot; arguments as in `Simulation.restore`.

    With `optional` a place where there is nothing yet is no error: the run begins. With `at` it stands at that tick,
    and is another run than the one that was kept.

    Raises:
        RunError: there is none, or it is torn.
    """
    from weaver.stored import find, open_stored

    if at is not None:
        from weaver.history import history_at

        more = {"snapshot_every": snapshot_every, "keep": keep, "ack": ack, "allow_changed": allow_changed}
        return history_at(path).at(at, snapshots=snapshots, **more)

    try:
        stored = find(path) if optional else open_stored(path)
    except RuntimeFault as error:
        raise RunError(str(error)) from error
    if stored is not None and snapshots is None and stored.run is not None:
        snapshots = stored.run.address
    return Keeping(snapshots, snapshot_every, keep, ack, stored, allow_changed=allow_changed)
