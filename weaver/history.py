"""History: what is known of a run's past, from which any of its ticks can be had again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from partitions.errors import RuntimeFault
from partitions.folder import folder_at
from partitions.log import Entry, read_log, segments
from partitions.manifest import Manifest, read_manifest
from partitions.snapshot import Reader
from weaver.errors import RunError
from weaver.keeping import Keeping
from weaver.stored import LOG, Stored, is_snapshot, open_stored, snapshots_in

if TYPE_CHECKING:
    from weaver.keeping import Kept

_LOGGER = logging.getLogger("weaver")


@dataclass(frozen=True, eq=False)
class History:
    """Snapshots of a run, and what came from outside in between.

    Attributes:
        name: what people call the run.
        address: the folder that keeps it; None: no folder does.
        identity: of the run.
        snapshots: oldest first.
        inputs: a number -> the inputs from that on.
        first: the number of the oldest input that is known; 0: they are known since the start, also if there were none.
        changed: the app was changed on the way, so that its start cannot be computed again.
        last: the last tick that is known.
    """

    name: str
    address: str | None
    identity: str
    snapshots: Sequence[Stored]
    inputs: Callable[[int], Iterable[Entry]]
    first: int
    changed: bool
    last: int

    @property
    def begins(self) -> bool:
        """Whether it can be computed from its start."""
        return self.first == 0 and not self.changed

    @property
    def oldest(self) -> int:
        """The first tick that can be had."""
        return 0 if self.begins or not self.snapshots else self.snapshots[0].manifest.tick

    @property
    def manifest(self) -> Manifest:
        """Of the newest snapshot: it names the app, the seed, and the parameters of the start."""
        return self.snapshots[-1].manifest

    def at(self, tick: int, acted: bool = False, **kept: Any) -> Keeping:
        """How to start a run that stands at a tick, before what came from outside at that tick.

        Args:
            tick: where.
            acted: after that.
            kept: more of `Keeping`.

        Raises:
            RunError: the tick cannot be had; says which can.
        """
        if not (isinstance(tick, int) and 0 <= tick <= self.last):
            raise RunError(
                f"tick {tick!r} of {self.name} was asked for; it is known from tick {self.oldest} to {self.last}.\n"
                f"What came from outside at other ticks is not known.\n"
                f"Choose a tick in between; step() goes on from the last."
            )
        parent = {"path": self.address, "tick": tick, "identity": self.identity}
        for stored in reversed(self.snapshots):
            manifest = stored.manifest
            before = manifest.tick < tick or (manifest.tick == tick and manifest.driver.get("acted", -1) < tick)
            if before and manifest.entry >= self.first and _is_whole(stored):
                inputs = _before(self.inputs(manifest.entry), tick + acted)
                return Keeping(resume=stored, inputs=inputs, until=tick, parent=parent, **kept)
        if not self.begins:
            raise RunError(
                f"tick {tick} of {self.name} was asked for; its oldest snapshot is of tick {self.oldest}, and "
                f"{'the app was changed since' if self.changed else 'what came from outside before it is not kept'}.\n"
                f"Nothing leads to that tick.\n"
                f"Choose a later one; runs with --snapshot-every keep more."
            )
        again = self.snapshots[0] if self.snapshots else None
        return Keeping(again=again, inputs=_before(self.inputs(0), tick + acted), until=tick, parent=parent, **kept)

    def after(self, keeping: Keeping) -> Sequence[Entry]:
        """What came after the tick of a run that `at` tells how to start."""
        assert keeping.until is not None
        first = 0 if keeping.resume is None else keeping.resume.manifest.entry
        return [entry for entry in self.inputs(first) if entry.tick >= keeping.until]

    def begin(self) -> tuple[Keeping, int]:
        """How to start a run at the oldest tick, without any inputs after it, and the number of the next of them."""
        if self.begins:
            return Keeping(again=self.snapshots[0] if self.snapshots else None, inputs=()), 0
        return Keeping(resume=self.snapshots[0], inputs=()), self.snapshots[0].manifest.entry


def history_at(address: str | os.PathLike[str]) -> History:
    """What a folder knows of a run; of a snapshot alone nothing before and after it is known.

    Raises:
        RunError: there is no snapshot there, or what is there is torn.
    """
    folder, text = folder_at(address), os.fspath(address)
    try:
        if is_snapshot(folder):
            manifest = read_manifest(folder)
            alone = [Stored(text, folder, manifest)]
            changed = bool(manifest.driver.get("changed", False))
            return History(text, text, manifest.identity, alone, _from(()), manifest.entry, changed, manifest.tick)
        snapshots = [
            Stored(text, inside, read_manifest(inside))
            for inside in (folder.inside(kept.name) for kept in snapshots_in(folder))
        ]
        if not snapshots:
            open_stored(address)  # says what is missing
        log, newest = folder.inside(LOG), snapshots[-1].manifest
        first = min([snapshots[0].manifest.entry, *segments(log)])
        last = max([newest.tick, *(entry.tick for entry in read_log(log, newest.entry))])
    except RuntimeFault as error:
        raise RunError(str(error)) from error
    changed = bool(newest.driver.get("changed", False))
    return History(text, text, newest.identity, snapshots, lambda number: read_log(log, number), first, changed, last)


def history_of(run: Kept) -> History:
    """What is known of a run that stands; its recovery points are used too.

    Raises:
        RunError: inputs have come that nobody has kept.
    """
    keeping, surviving, commands = run._keeping, run._surviving, run._commands
    name, identity = f"this run of {run.simulation.name}", run._program.identity
    given, base = list(keeping.inputs or ()), keeping.resume
    if surviving is None:
        if commands.asked != run._asked:
            raise RunError(
                f"an earlier tick of {name} was asked for; it has had commands, and they were not kept.\n"
                f"The tick would be another than it was.\n"
                f'Start it with snapshots="runs/1" (--snapshots runs/1).'
            )
        snapshots, first = ([], 0) if base is None else ([base], base.manifest.entry)
        return History(name, None, identity, snapshots, _from(given), first, run._changed, run.tick)
    surviving.settle()
    folder = run._points.folder
    snapshots = [
        Stored(folder.address, inside, read_manifest(inside))
        for inside in (folder.inside(kept.name) for kept in run._points.kept)
    ]
    if keeping.snapshots is not None:
        log = folder.inside(LOG)
        first = min([surviving.entry, *(s.manifest.entry for s in snapshots[:1]), *segments(log)])
        return History(
            name, folder.address, identity, snapshots, lambda number: read_log(log, number), first, run._changed,
            run.tick,
        )  # fmt: skip
    known = {entry.number: entry for entry in [*given, *surviving.entries]}
    first = surviving.entry
    while first - 1 in known:
        first -= 1
    if base is not None and base.manifest.entry >= first:
        snapshots = [base, *snapshots]
    inputs = _from([known[n] for n in sorted(known)])
    return History(name, None, identity, snapshots, inputs, first, run._changed, run.tick)


def _from(entries: Sequence[Entry]) -> Callable[[int], Iterable[Entry]]:
    return lambda number: [entry for entry in entries if entry.number >= number]


def _before(entries: Iterable[Entry], tick: int) -> tuple[Entry, ...]:
    found = []
    for entry in entries:
        if entry.tick >= tick:
            break
        found.append(entry)
    return tuple(found)


def _is_whole(stored: Stored) -> bool:
    wrong = Reader(stored.folder, stored.manifest).verify()
    if wrong:
        _LOGGER.warning("%s; an older snapshot is used", wrong[0])
    return not wrong


def parent_of(state: Mapping[str, Any]) -> str:
    """What a branch is of, in words; "" if it is none."""
    parent = state.get("parent") or {}
    return f"{parent.get('path') or 'a run that was not kept'} at tick {parent.get('tick')}" if parent else ""
