"""What runs in each process of a cluster: a worker, its links to the others, and the calls of the driver.

Ray starts it, watches it and carries the driver's calls; the tick loop is one such call and runs by itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import ray
from numpy.typing import NDArray

from partitions.command import Command
from partitions.diary import Entries
from partitions.errors import TickFault, TransportError
from partitions.folder import Folder, FolderError, Memory
from partitions.frames import Frame
from partitions.grid import make_layout
from partitions.handshake import Endpoint, Listener
from partitions.interest import Interest
from partitions.observe import Sample
from partitions.probe import Probe, take
from partitions.program import Drawn, Filled, Given, Program
from partitions.transport import PeerTransport
from partitions.worker import Worker

if TYPE_CHECKING:
    from partitions.manifest import Part
    from partitions.record import Plan
    from partitions.resume import Resumption


class Place(NamedTuple):
    """Where an actor runs."""

    pid: int
    node: str
    """Ray's name of the node."""
    host: str
    """The node's address."""

    def __str__(self) -> str:
        """For messages: address and the start of the name, because one address may have several nodes."""
        return f"{self.host} ({self.node[:8]})"


class Outcome(NamedTuple):
    """How a call of the tick loop ended.

    Attributes:
        tick: ticks done.
        fault: an entity broke a rule, here or on another worker.
        broken: why the links to the others broke.
        ended: the condition that ended the run.
    """

    tick: int
    fault: TickFault | None = None
    broken: str | None = None
    ended: str | None = None


class Status(NamedTuple):
    """What the driver asks for now and then."""

    tick: int
    faulted: bool


class WorkerActor:
    """One worker as a Ray actor. Calls come in several threads: one may be in the tick loop while others stop it."""

    def __init__(self, rank: int, workers: int) -> None:
        """Nothing yet: `probe`, `open` and `build` follow.

        Args:
            rank: of this worker.
            workers: how many there are.
        """
        self._rank, self._workers = rank, workers
        self._listener: Listener | None = None
        self._transport: PeerTransport | None = None
        self._worker: Worker | None = None
        self._reason: str | None = None
        self._entered = 0
        self._changed = threading.Condition()

    # Set-up

    def place(self) -> Place:
        """Where this is."""
        context = ray.get_runtime_context()
        return Place(os.getpid(), context.get_node_id(), ray.util.get_node_ip_address())

    def probe(self) -> Probe:
        """What decides the bits here."""
        return take(self._rank, str(self.place()))

    def open(self, host: str) -> Endpoint:
        """Listen for the other workers; workers on one Ray node will share memory."""
        self._listener = Listener(self._rank, self.place().node, host)
        return self._listener.endpoint

    def build(
        self, rest: bytes, sources: Sequence[Drawn | Given | Filled], statics: Mapping[str, NDArray[Any]],
        partitions: int, worker_of: Sequence[int], threads: int, endpoints: Sequence[Endpoint], secret: bytes,
        resumed: Resumption | None,
    ) -> Outcome:  # fmt: skip
        """Meet the others, and make this worker's part of the initial state.

        Args:
            rest: the pickled program without its sources, fills and static arrays.
            sources: sources and fills of the program; their arrays may be read-only.
            statics: of the program, views of the node's object store.
            partitions: how many there are.
            worker_of: worker of each partition.
            threads: of this worker.
            endpoints: of all workers.
            secret: of this run.
            resumed: what to go on from in place of the initial state.
        """
        listener = self._listener
        assert listener is not None
        try:
            transport = PeerTransport(listener, endpoints, secret)
            with self._changed:
                self._transport = transport
                if self._reason is not None:
                    transport.abort(self._reason)
            owned = [p for p, worker in enumerate(worker_of) if worker == self._rank]
            shares = tuple(_share(s, self._rank, self._workers) for s in sources if not isinstance(s, Filled))
            fills = tuple(s for s in sources if isinstance(s, Filled))
            program: Program = replace(ray.cloudpickle.loads(rest), sources=shares, fills=fills, statics=statics)
            layout = make_layout(program.grid, partitions)
            worker = Worker(program, layout, owned, worker_of, self._rank, threads, transport)
            self._worker = worker
            if resumed is None:
                worker.populate()
            else:
                worker.restore(resumed)
        except TickFault as fault:
            return Outcome(0, fault)
        except TransportError as error:
            return Outcome(0, None, str(error))
        return Outcome(worker.tick, ended=worker.ended)

    # Running

    def advance(self, call: int, target: int) -> Outcome:
        """The tick loop.

        Args:
            call: counts the driver's calls, so that a `hold` of this call cannot overtake it.
            target: ticks to be done.
        """
        worker = self._built()
        try:
            return Outcome(worker.advance(target, lambda: self._enter(call)), ended=worker.ended)
        except TickFault as fault:
            return Outcome(worker.tick, fault)
        except TransportError as error:
            return Outcome(worker.tick, None, str(error))
        finally:
            self._enter(call)

    def _enter(self, call: int) -> None:
        with self._changed:
            self._entered = call
            self._changed.notify_all()

    def hold(self, call: int) -> int:
        """Start no further tick of this `advance`; returns the tick at which this worker would stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._entered >= call)
        return self._built().hold()

    def release(self, limit: int) -> None:
        """Go on up to tick `limit`."""
        self._built().release(limit)

    def abort(self, reason: str) -> None:
        """End whatever waits for other workers, and start no further tick."""
        with self._changed:
            self._reason = reason
            if self._transport is not None:
                self._transport.abort(reason)
        if self._worker is not None:
            self._worker.release(0)

    def status(self) -> Status:
        """Ticks done, and whether the run has ended by a fault."""
        worker = self._built()
        return Status(worker.tick, worker.fault is not None)

    def rate(self, hz: float | None) -> None:
        """See `Worker.rate`."""
        self._built().rate(hz)

    def set_parameters(self, reals: NDArray[np.float64], integers: NDArray[np.int64]) -> None:
        """See `Worker.set_parameters`."""
        self._built().set_parameters(reals, integers)

    def types_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `Worker.types_of`."""
        return self._built().types_of(ids)

    def command(self, command: Command) -> None:
        """See `Worker.command`."""
        self._built().command(command)

    # Keeping

    def capture(self) -> None:
        """See `Worker.capture`."""
        self._built().capture()

    def write(self, folder: Folder) -> tuple[list[Part], dict[str, bytes]]:
        """See `Worker.write`; the files of a folder in memory are returned, since this process ends some time."""
        parts = self._built().write(folder)
        return parts, folder.files if isinstance(folder, Memory) else {}

    def point(self) -> dict[str, Any]:
        """See `Worker.point`."""
        return self._built().point()

    def read(self, folder: Folder, name: str) -> bytes | None:
        """What a file holds as seen from here; None if it cannot be read."""
        try:
            return bytes(folder.read(name))
        except (FileNotFoundError, FolderError):
            return None

    # Looking

    def digest(self) -> tuple[int, int]:
        """See `Worker.digest`."""
        return self._built().digest()

    def counts(self) -> dict[int, int]:
        """See `Worker.counts`."""
        return self._built().counts()

    def tallies(self) -> dict[str, list[int]]:
        """See `Worker.tallies`."""
        return self._built().tallies()

    def memory(self) -> dict[int, int]:
        """See `Worker.memory`."""
        return self._built().memory()

    def take_events(self, event: int) -> Entries:
        """See `Worker.take_events`."""
        return self._built().take_events(event)

    def loads(self) -> dict[int, int]:
        """See `Worker.loads`."""
        return self._built().loads()

    def rows(self, type: int) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
        """See `Worker.rows`."""
        return self._built().rows(type)

    def samples(self) -> list[Sample]:
        """See `Worker.samples`."""
        return self._built().samples()

    def links(self) -> dict[int, str]:
        """How each other worker is reached: "memory" or "tcp"."""
        return {} if self._transport is None else self._transport.kinds

    def publish(self, address: tuple[str, int], secret: bytes) -> None:
        """Send this worker's part of each frame to the hub."""
        from partitions.publisher import Publisher  # only a run that is looked at pays for it

        self._built().publisher = Publisher(address, secret, self._rank, self._workers)

    def show(self) -> None:
        """See `Worker.show`."""
        self._built().show()

    def portion(self, interest: Interest) -> Frame:
        """See `Worker.portion`."""
        return self._built().portion(interest)

    def record(self, plan: Plan, now: bool) -> None:
        """See `Worker.record`."""
        self._built().record(plan, now)

    def flush(self) -> None:
        """See `Worker.flush`."""
        self._built().flush()

    def close(self) -> None:
        """Say goodbye to the hub and to the other workers."""
        if self._worker is not None:
            self._worker.close()
        if self._transport is not None:
            self._transport.close()

    def _built(self) -> Worker:
        if self._worker is None:
            raise RuntimeError(f"worker {self._rank} was called before it was built")
        return self._worker


def _share(source: Drawn | Given, rank: int, workers: int) -> Drawn | Given:
    """The same source with this worker's share of the rows alone filled in.

    What arrives are read-only views of Ray's object store. A copy of the share lets the store give its memory back, and
    can be handed to kernels; the rest of each array is never touched, and so takes no memory.
    """
    if isinstance(source, Drawn):
        return source
    n = len(source.ids)
    share = slice(n * rank // workers, n * (rank + 1) // workers)

    def part(values: NDArray[Any]) -> NDArray[Any]:
        result = np.empty(n, values.dtype)
        result[share] = values[share]
        return result

    return Given(source.type, part(source.ids), tuple(part(column) for column in source.columns))
