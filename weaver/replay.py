"""Replay: what came from outside is done to a run again, at the same ticks, so that it becomes what another was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from partitions.admission import check_entry
from partitions.folder import Folder, Memory
from partitions.log import Entry, Promise, damaged
from partitions.moment import schema
from weaver.stored import LOG

if TYPE_CHECKING:
    from weaver.keeping import Kept


class Replay:
    """Leads a run through its own past.

    Functions between ticks are not called meanwhile: what they did is among the inputs.

    Args:
        run: stands where the inputs begin.
        entries: the inputs, in order.

    Raises:
        LogError: an input does not fit the run.
    """

    def __init__(self, run: Kept, entries: Iterable[Entry]) -> None:
        stored = run._keeping.resume or run._keeping.again
        self._where: Folder = Memory()
        self._same = True
        if stored is not None:
            self._where = stored.folder if stored.run is None else stored.run.inside(LOG)
            then = [((one.kind, one.name), dict(one.columns)) for one in stored.manifest.schema_]
            self._same = then == list(schema(run._program).items())
        self._run, self._entries = run, iter(entries)
        self._next = next(self._entries, None)

    def all(self) -> None:
        """Do everything again; the run stands where the last input acted."""
        with self._silent():
            while self._next is not None:
                self._enter(self._next)

    def before(self, tick: int) -> None:
        """Go to a tick; what acts at it is left out."""
        with self._silent():
            while self._next is not None and self._next.tick < tick:
                self._enter(self._next)
            self._run.step(max(0, tick - self._run.tick))

    def until(self, tick: int, number: int) -> None:
        """Go to a tick, and do the inputs before this number, as a snapshot there says."""
        with self._silent():
            while self._next is not None and self._next.number < number:
                self._enter(self._next)
            self._run.step(max(0, tick - self._run.tick))

    def _enter(self, entry: Entry) -> None:
        run, commands = self._run, self._run._commands
        if not self._same:  # types go by their numbers
            raise damaged(self._where, entry, "types or fields of the app have changed since it was written")
        if entry.tick < run.tick or run.step(entry.tick - run.tick) != entry.tick:
            raise damaged(self._where, entry, f"it acts at tick {entry.tick}; the run is at {run.tick}")
        try:
            check_entry(run._program, entry)
        except ValueError as error:
            raise damaged(self._where, entry, str(error)) from error
        if run._surviving is not None:
            run._surviving.replay(entry)
        else:
            from partitions.surviving import apply

            for one in entry.inputs:
                apply(run._runtime, one)
        commands.promises += [one for one in entry.inputs if isinstance(one, Promise)]
        pending = set(entry.driver.get("pending", ()))
        commands.promises = [one for one in commands.promises if one.number in pending]
        run._remember(entry.driver)
        self._next = next(self._entries, None)

    @contextmanager
    def _silent(self) -> Iterator[None]:
        betweens = self._run._betweens
        betweens.silent = True
        try:
            yield
        finally:
            betweens.silent = False


__all__ = ["Replay"]
