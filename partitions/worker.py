"""A worker: some partitions, its threads, and the tick loop; where the others are it does not know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command, Commands
from partitions.diary import Entries
from partitions.digest import add_digests, digest_table
from partitions.errors import TickFault
from partitions.exchange import Exchange, Poisoned, Transport
from partitions.frames import Frame
from partitions.grid import Layout
from partitions.interest import Interest
from partitions.loops import load_needs
from partitions.observe import Observer, Sample
from partitions.portion import portion
from partitions.program import STATUS, Drawn, Program
from partitions.raster import Raster
from partitions.records import NO_ID
from partitions.shown import Shown
from partitions.store import Array, Crew, Partition, rebuild_all
from partitions.tick import Tick

if TYPE_CHECKING:
    from partitions.folder import Folder
    from partitions.manifest import Part
    from partitions.moment import Moment
    from partitions.record import Plan, Recorder
    from partitions.resume import Resumption

PIECE = 1 << 20
"""Initial entities are made and sent in pieces of this many, so that memory holds few of them twice."""


class Publisher(Protocol):
    """What shows the state to viewers; `partitions.frames` has one."""

    def due(self, tick: int) -> bool:
        """Whether somebody wants to see this tick."""

    def publish(self, tick: int, source: Shown, force: bool = False) -> bool:
        """Take a copy of what is wanted and return at once; `force`: whatever has not left yet."""

    def close(self) -> object:
        """Say goodbye."""


class Worker:
    """Owns partitions and runs their ticks.

    Attributes:
        tick: ticks done.
        parts: the partitions, by ascending number.
        fault: what ended the run, if anything; set before the peers are told, so that a driver that polls it can abort
            the transport when a peer has no exchange left to make.
        relayed: the fault came from another worker.
        publisher: shows the state, if anybody looks.
        recorder: keeps it, if it is recorded.
    """

    def __init__(
        self,
        program: Program,
        layout: Layout,
        owned: Sequence[int],
        worker_of: Sequence[int],
        rank: int,
        threads: int,
        transport: Transport,
    ) -> None:
        """Make empty partitions; `populate` fills them.

        Args:
            program: what to run.
            layout: boxes of all partitions.
            owned: numbers of this worker's partitions.
            worker_of: worker of each partition.
            rank: number of this worker.
            threads: how many compiled functions run side by side.
            transport: leads to the other workers.
        """
        self.tick = 0
        self.rank = rank
        self.fault: TickFault | None = None
        self.relayed = False
        self.publisher: Publisher | None = None
        self.recorder: Recorder | None = None
        self.parts = [Partition(number, program.types, program.grid, layout) for number in sorted(owned)]
        self._program, self._crew, self._layout = program, Crew(threads), layout
        self._moment: Moment | None = None
        self._mark: int | None = None
        self._kernels = program.kernels()
        load_needs(program)
        self._exchange = Exchange(program, layout, self.parts, worker_of, rank, self._crew, transport)
        self._ticks = Tick(program, layout, self.parts, self._exchange, self._crew, self._kernels)
        self._observer = Observer(
            program,
            self.parts,
            self._exchange,
            self._crew,
            self._kernels,
            self._ticks.reals,
            self._ticks.integers,
            rank,
        )
        self._shown = Shown(program, self.parts, lambda: self._ticks.meter.take(rank, self.loads()))
        self._commands = Commands(program, self.parts, self._exchange, self._crew, rank, self._ticks.mail)
        # Reentrant, because a signal handler may call `hold` in the very thread that has the lock.
        self._changed = threading.Condition(threading.RLock())
        self._running = self._held = False
        self._limit: int | None = None
        self._hz: float | None = None

    # Set-up

    def populate(self) -> None:
        """Make this worker's share of the initial entities and hand all to their owners.

        Worker w of W makes entities n*w//W up to n*(w+1)//W of each source. All workers must call it.

        Raises:
            TickFault: an entity could not be drawn, in tick 0, phase -1.
        """
        workers = self._exchange.workers
        try:
            for source in self._program.sources:
                n = source.count if isinstance(source, Drawn) else len(source.ids)
                first, last = n * self.rank // workers, n * (self.rank + 1) // workers
                most = n // workers + 1  # of any worker, so that all make as many exchanges
                for k in range(most // PIECE + 1):
                    low, high = min(first + k * PIECE, last), min(first + (k + 1) * PIECE, last)
                    self._exchange.distribute(source.type, *self._made(source, low, high))
            movable = [t for t, spec in enumerate(self._program.types) if not spec.raster]
            rebuild_all([part.tables[t] for part in self.parts for t in movable], self._crew)
            self._fill()
            self._exchange.relocate(movable)
            self._ticks.claims.check(0)
            self._exchange.narrow()
            self._observer.sample(0)
        except (TickFault, Poisoned) as error:
            raise self._stop(error) from None

    def restore(self, resumed: Resumption) -> None:
        """Take up a snapshot in place of `populate`. All workers must call it.

        Raises:
            SnapshotError: a file is missing, torn, or does not fit the program.
            FolderError: a file cannot be read.
            TickFault: two entities are on one site.
        """
        from partitions.resume import Restorer, own_blocks  # only a run that is kept pays for it

        program, exchange, ticks = self._program, self._exchange, self._ticks
        restorer = Restorer(program, resumed, exchange, PIECE)
        for t, spec in enumerate(program.types):
            tables = [part.tables[t] for part in self.parts]
            if spec.raster:
                restorer.cells(t, [table for table in tables if isinstance(table, Raster)])
            else:
                restorer.entities(t)
        movable = [t for t, spec in enumerate(program.types) if not spec.raster]
        rebuild_all([part.tables[t] for part in self.parts for t in movable], self._crew)
        exchange.relocate(movable)
        try:
            ticks.claims.check(resumed.manifest.tick)
        except (TickFault, Poisoned) as error:
            raise self._stop(error) from None
        for m in range(len(program.messages)):
            ticks.mail.put_back(m, restorer.letters(m))
        restorer.births(own_blocks(program, self._layout, [p.number for p in self.parts]), ticks.births.counters)
        manifest = resumed.manifest
        reals = manifest.reals if resumed.reals is None else resumed.reals
        integers = manifest.integers if resumed.integers is None else resumed.integers
        ticks.reals[: len(reals)], ticks.integers[: len(integers)] = reals, integers
        self._observer.ended, self.tick = manifest.ended, manifest.tick
        self._observer.recall(manifest.latest)
        if self.rank == 0:
            for e in range(len(program.events)):
                ticks.diary.put_back(e, restorer.events(e))
            self._recount(manifest.tallies)
        exchange.narrow()

    def _recount(self, tallies: Mapping[str, Sequence[int]]) -> None:
        """Go on counting where an earlier run was; one worker does it for all."""
        births, mail = self._ticks.births, self._ticks.mail
        counts = [births.born, self._exchange.deaths, births.lost, mail.sent, mail.read]
        for own, name in zip(counts, ("births", "deaths", "lost", "sent", "read"), strict=True):
            if len(tallies.get(name, ())) == len(own):
                own[:] = tallies[name]

    def capture(self) -> None:
        """Copy the state, to be written by `write` while the run goes on; only between two calls of `advance`."""
        from partitions.resume import capture  # only a run that is kept pays for it

        self._moment = capture(self.tick, self._program, self._layout, self.parts, self._ticks, self.tallies())
        self._mark = None if self.recorder is None else self.recorder.mark()

    def write(self, folder: Folder) -> list[Part]:
        """Write the copy into a folder, and forget it; from any thread.

        Returns:
            What the manifest is to say of it.

        Raises:
            FolderError: it could not be written.
            RecordFault: what was recorded before could not be.
        """
        from partitions.snapshot import write_moment

        moment, self._moment = self._moment, None
        assert moment is not None
        parts = write_moment(folder, moment, self._program, self.rank)
        if self._mark is not None and self.recorder is not None:
            self.recorder.wait(self._mark)  # who goes on from here finds all that was recorded before
        return parts

    def point(self) -> dict[str, Any]:
        """What the manifest of a snapshot of this moment says of one worker, beside its files."""
        return {
            "tallies": self.tallies(),
            "reals": self._ticks.reals.tolist(),
            "integers": self._ticks.integers.tolist(),
            "latest": self._observer.latest(),
            "ended": self._observer.ended,
        }

    def _made(self, source: Any, first: int, last: int) -> tuple[NDArray[np.int64], dict[str, Array]]:
        spec = self._program.types[source.type]
        if not isinstance(source, Drawn):
            columns = {
                c.name: np.ascontiguousarray(values[first:last], c.dtype)
                for c, values in zip(spec.columns, source.columns, strict=True)
            }
            return np.ascontiguousarray(source.ids[first:last], np.int64), columns
        ids = np.empty(last - first, np.int64)
        columns = {c.name: np.empty(last - first, c.dtype) for c in spec.columns}
        status, faults = np.zeros(STATUS, np.int64), np.zeros(8)
        status[1] = NO_ID
        draw = self._kernels[source.kernel]
        statics = [self._program.statics[name] for name in source.statics]
        reals, integers = self._program.reals, self._program.integers
        draw(np.uint64(first), np.uint64(last), status, faults, reals, integers, ids, *columns.values(), *statics)
        if status[0]:
            raise TickFault(0, -1, source.type, int(status[1]), int(status[0]), tuple(faults.tolist()))
        return ids, columns

    def _fill(self) -> None:
        """Give the own cells of every layer their initial values."""
        for fill in self._program.fills:
            for part in self.parts:
                raster = part.tables[fill.type]
                assert isinstance(raster, Raster)
                for name, values in fill.arrays.items():
                    raster.fill(name, values)
                edges = self._program.grid.cells[fill.type].edges
                arrays = [raster.geometry, *edges, *(raster.columns[name] for name in fill.columns)]
                arrays += [self._program.statics[name] for name in fill.statics]
                status, faults = np.zeros(STATUS, np.int64), np.zeros(8)
                status[1] = NO_ID
                kernel, n = self._kernels[fill.kernel], np.uint64(raster.n_own_cells)
                kernel(np.uint64(0), n, 0, status, faults, self._ticks.reals, self._ticks.integers, *arrays)
                if status[0]:
                    raise TickFault(0, -1, fill.type, int(status[1]), int(status[0]), tuple(faults.tolist()))

    # Running

    def advance(self, target: int, begun: Callable[[], None] | None = None) -> int:
        """Run ticks until `tick` is `target`, a limit set by `release`, or a condition of the program holds.

        Args:
            target: ticks to be done.
            begun: called once; a `hold` and `release` from then on act on this call.

        Returns:
            The tick reached.

        Raises:
            TickFault: an entity broke a rule, here or on another worker.
            TransportError: a peer is gone.
            RecordFault: the tick that was reached could not be recorded.
        """
        if self.fault is not None:
            raise self.fault
        with self._changed:
            if self._limit is not None and self._limit <= self.tick:
                self._limit = None  # of an earlier call, which has kept it
        if begun is not None:
            begun()
        due = time.monotonic()
        while self.ended is None and self._begin(target, due):
            started = time.monotonic()
            try:
                self._ticks.run(self.tick)
                self._observer.sample(self.tick + 1)
            except (TickFault, Poisoned) as error:
                self._end(0)
                raise self._stop(error) from None
            except BaseException:
                self._end(0)
                raise
            self._end(1)
            if self.publisher is not None and self.publisher.due(self.tick):
                self._shown.paced = self._hz is not None
                self.publisher.publish(self.tick, self._shown)
            if self.recorder is not None and self.recorder.due(self.tick):
                self.recorder.take(self.tick)
            hz = self._hz
            due = max(due, started) + 1 / hz if hz else 0.0
        return self.tick

    def _begin(self, target: int, due: float) -> bool:
        """Wait until the next tick may start; False when it is not to."""
        with self._changed:
            while True:
                end = target if self._limit is None else min(target, self._limit)
                if self.tick >= end and not (self._held and self.tick < target):
                    return False
                wait = due - time.monotonic()
                if self._held:
                    self._changed.wait()
                elif self._hz and wait > 0:
                    self._changed.wait(wait)
                else:
                    self._running = True
                    return True

    def _end(self, ticks: int) -> None:
        with self._changed:
            self.tick += ticks
            self._running = False

    def _stop(self, error: TickFault | Poisoned) -> TickFault:
        """Tell the peers, and keep the least fault that is known then."""
        self.relayed = isinstance(error, Poisoned)
        self.fault = error.fault if isinstance(error, Poisoned) else error
        known = self._exchange.spread(self.fault)
        if known.order < self.fault.order:
            self.fault, self.relayed = known, True
        return self.fault

    def hold(self) -> int:
        """Start no further tick until `release`. May be called from any thread, and from a signal handler.

        Returns:
            The tick at which this worker would stop: the one being executed plus one, or the ticks done.
        """
        with self._changed:
            self._held = True
            self._changed.notify_all()
            return self.tick + self._running

    def release(self, limit: int | None = None) -> None:
        """End a `hold`; `advance` goes on up to tick `limit`, so that all workers can be stopped at the same one."""
        with self._changed:
            self._held, self._limit = False, limit
            self._changed.notify_all()

    def rate(self, hz: float | None) -> None:
        """Start at most `hz` ticks per second; None: as many as possible."""
        with self._changed:
            self._hz = hz
            self._changed.notify_all()

    def set_parameters(self, reals: NDArray[np.float64], integers: NDArray[np.int64]) -> None:
        """New parameter values; only between two calls of `advance`, at the same tick on all workers."""
        self._ticks.reals[: len(reals)], self._ticks.integers[: len(integers)] = reals, integers

    def types_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The type of each entity that is owned here, -1 for the others."""
        return self._commands.types_of(ids)

    def command(self, command: Command) -> None:
        """Carry out a command between two calls of `advance`, at the same tick on all workers."""
        self._commands.run(command)
        self._observer.ended = None

    # Looking

    @property
    def ended(self) -> str | None:
        """The condition that has ended the run, until a command changes the state."""
        return self._observer.ended

    def samples(self) -> list[Sample]:
        """See `Observer.taken`."""
        return self._observer.taken()

    def show(self) -> None:
        """Publish the present state, whether it is due or not; not while another thread is in `advance`."""
        if self.publisher is not None:
            self._shown.paced = True
            self.publisher.publish(self.tick, self._shown, force=True)

    def portion(self, interest: Interest) -> Frame:
        """This worker's part of a frame of the present state."""
        return portion(self._shown, interest, self.tick, self.rank, self._exchange.workers)

    # Recording

    def record(self, plan: Plan, now: bool) -> None:
        """Record from now on, in place of what was recorded before; `now`: the present state as well, if it is due.

        Raises:
            RecordFault: this process cannot write to the folder.
        """
        from partitions.record import Recorder  # brings pyarrow, which only a run that is recorded needs

        self.stop_recording()
        self.recorder = Recorder(plan, self._program.grid, self._shown, self.digest, self.rank, self._exchange.workers)
        if now and self.recorder.due(self.tick):
            self.recorder.take(self.tick)

    def flush(self) -> None:
        """Return when all that was recorded is on the disk, in parts of its own: none will span this tick.

        Raises:
            RecordFault: something could not be written.
        """
        if self.recorder is not None:
            self.recorder.flush()

    def stop_recording(self) -> None:
        """Finish what was taken, if that can be done, and record no more."""
        if self.recorder is not None:
            self.recorder.close()
            self.recorder = None

    def _gathered(self, type: int, names: Sequence[str]) -> tuple[NDArray[np.int64], dict[str, Array]]:
        tables = [part.tables[type] for part in self.parts]
        rows = [table.own_rows() for table in tables]
        ids = np.concatenate([table.ids[which] for table, which in zip(tables, rows, strict=True)])
        columns = {
            name: np.concatenate([table.columns[name][which] for table, which in zip(tables, rows, strict=True)])
            for name in names
        }
        return ids, columns

    def rows(self, type: int) -> tuple[NDArray[np.int64], list[Array]]:
        """Fresh copies of the ids and all columns of the entities owned here, in no order to rely on."""
        ids, columns = self._gathered(type, [c.name for c in self._program.types[type].columns])
        return ids, list(columns.values())

    def digests(self) -> list[tuple[int, int]]:
        """Per type, the two sums of `partitions.digest` over the entities owned here."""
        return [
            add_digests(digest_table(t, part.tables[t]) for part in self.parts) for t in range(len(self._program.types))
        ]

    def digest(self) -> tuple[int, int]:
        """The sums over all types."""
        return add_digests(self.digests())

    def counts(self) -> dict[int, int]:
        """Type -> entities owned here."""
        return {t: sum(part.tables[t].n_own for part in self.parts) for t in range(len(self._program.types))}

    @property
    def deaths(self) -> dict[int, int]:
        """Type -> entities that died here."""
        return dict(enumerate(self._exchange.deaths))

    def tallies(self) -> dict[str, list[int]]:
        """Counts since the start: "births", "deaths" and "lost" per type, "sent", "read" and "pending" per message."""
        births, mail = self._ticks.births, self._ticks.mail
        return {
            "births": list(births.born),
            "deaths": list(self._exchange.deaths),
            "lost": list(births.lost),
            "sent": list(mail.sent),
            "read": list(mail.read),
            "pending": mail.pending,
        }

    def take_events(self, event: int) -> Entries:
        """The events of a kind that happened here since the last call, ordered."""
        return self._ticks.diary.take(event)

    def loads(self) -> dict[int, int]:
        """Partition -> entities owned, cells of layers not counted."""
        movable = [t for t, spec in enumerate(self._program.types) if not spec.raster]
        return {part.number: sum(part.tables[t].n_own for t in movable) for part in self.parts}

    def memory(self) -> dict[int, int]:
        """Type -> bytes that its tables take here, room for growth and second buffers included."""
        return {
            t: sum(part.tables[t].nbytes() for part in self.parts) + self._ticks.wholes.nbytes(t)
            for t in range(len(self._program.types))
        }

    def close(self) -> None:
        """End the threads, the publisher and the recorder."""
        self._crew.close()
        self.stop_recording()
        if self.publisher is not None:
            self.publisher.close()
