"""The cluster runtime: one Ray actor per worker; the driver says how far, the workers run by themselves."""

from __future__ import annotations

import os
import queue
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.placement_group import PlacementGroup, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from partitions.actor import Outcome, Place, Status, WorkerActor
from partitions.command import Command
from partitions.diary import Entries, merged
from partitions.digest import add_digests, format_digest
from partitions.errors import RuntimeFault, TransportError, WorkerLost
from partitions.folder import Folder, Memory
from partitions.frames import Frame
from partitions.grid import make_layout
from partitions.head import Head
from partitions.interest import Interest
from partitions.observe import whole_samples
from partitions.probe import compare
from partitions.program import Given, Program
from partitions.room import PlacementError, make_room
from partitions.runtime import Rows, Runtime, sorted_rows
from partitions.sums import Value

if TYPE_CHECKING:
    from partitions.manifest import Part
    from partitions.record import Plan
    from partitions.resume import Resumption

INLINE = 64 << 10
"""Bytes of a command that goes to each worker in its call, and not by the object store."""
GLANCE = 0.05
"""Seconds between two looks for somebody who wants to stop the run."""
POLL = 0.25
"""Least seconds between two questions to the workers about their tick."""
GRACE = 6.0
"""Seconds that the workers get to end after one of them has failed."""
FAREWELL = 3.0
"""Seconds that they get to end in `close`; …"""
LAST_PARTS = 20.0
"""… if they record and the run has not ended well, so long, to write what they hold to a disk that may be slow."""


class Cluster(Runtime):
    """Runs a program on Ray.

    A thread of its own makes all calls during a run, so that `hold` may be called from any thread, and from a signal
    handler that has interrupted `advance`.
    """

    def __init__(
        self,
        program: Program,
        workers: int,
        threads: int = 1,
        partitions: int | None = None,
        address: str | None = None,
        timeout: float = 60.0,
        env: Mapping[int, Mapping[str, str]] | None = None,
        resumed: Resumption | None = None,
        head: Head | None = None,
    ) -> None:
        """Start the workers and make the initial state, or that of a snapshot.

        Args:
            program: what to run.
            workers: how many actors; no more than there are blocks.
            threads: CPUs of each, and how many compiled functions it runs side by side.
            partitions: into how many boxes to cut the world; by default one per worker.
            address: of a Ray cluster, "auto" or host:port. None: the one in RAY_ADDRESS, else a Ray of our own.
            timeout: seconds that the cluster may take to make room and to start the processes.
            env: rank -> environment variables of that worker alone.
            resumed: what to go on from.
            head: a connection to Ray that is there, and is now this one's to end.

        Raises:
            AddressError: no such cluster.
            PlacementError: no room for the workers.
            ProbeError: two workers would not compute the same bits.
            TickFault: an initial entity could not be drawn.
            WorkerLost: a worker died.
        """
        self.program, self.threads = program, threads
        self.layout = make_layout(program.grid, max(partitions or 0, workers))
        self.workers = workers = min(workers, len(self.layout.parts))
        self._worker_of = [p * workers // len(self.layout.parts) for p in range(len(self.layout.parts))]
        self._tick = self._calls = 0
        self._failed: Exception | None = None
        self._ended: str | None = None
        self._closed = self._recording = False
        self._actors: list[Any] = []
        self._places: list[Place] = []
        self._group: PlacementGroup | None = None
        self._requests: queue.SimpleQueue[tuple[str, int, queue.SimpleQueue[Any]]] = queue.SimpleQueue()
        given = sum(s.ids.nbytes + sum(c.nbytes for c in s.columns) for s in program.sources if isinstance(s, Given))
        given += sum(values.nbytes for fill in program.fills for values in fill.arrays.values())
        given += sum(array.nbytes for array in program.statics.values())
        self._address, self._timeout, self._env = address, timeout, env
        self._head = head or Head(address, max(os.cpu_count() or 1, workers * threads), given + given // 4)
        self._thread = threading.Thread(target=self._serve, name="cluster", daemon=True)
        try:
            self._group = make_room(workers, threads, timeout)
            self._start(env or {}, timeout, resumed)
        except BaseException:
            self.close()
            raise
        self._thread.start()

    # The interface

    @property
    def tick(self) -> int:
        """Ticks that all workers have done; up to a quarter of a second old while they run."""
        return self._tick

    @property
    def places(self) -> list[Place]:
        """Process and node of each worker."""
        return list(self._places)

    def advance(self, target: int) -> int:
        """Run until `target` ticks are done or somebody calls `hold`; returns the ticks done.

        Raises:
            TickFault: an entity broke a rule; the least one, whatever the partitions.
            WorkerLost: a worker died.
            TransportError: workers cannot reach each other.
        """
        return self._ask("advance", target)

    def hold(self) -> int:
        """Stop at the next common tick boundary; returns its tick. From any thread, or a signal handler."""
        return self._ask("hold", 0)

    def rate(self, hz: float | None) -> None:
        """Start at most `hz` ticks per second; None: as many as possible."""
        self._each("rate", hz)

    def set_parameters(self, reals: NDArray[np.float64], integers: NDArray[np.int64]) -> None:
        """New parameter values from the next tick on; not during `advance`."""
        self._each("set_parameters", np.asarray(reals, np.float64), np.asarray(integers, np.int64))

    def types_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The type of each of these entities, -1 where there is none of that id; not during `advance`."""
        types: NDArray[np.int64] = np.max(self._each("types_of", ids), axis=0)
        return types

    def command(self, command: Command) -> None:
        """Let entities come, change and go before the next tick; not during `advance`."""
        # Ray ends a process that uses the object store while its raylet dies; so as few calls as can be do.
        small = len(ray.cloudpickle.dumps(command)) <= INLINE
        self._each("command", command if small else ray.put(command))
        self._ended = None

    def capture(self) -> None:
        """Copy the state in every worker; not during `advance`."""
        self._each("capture")

    def write(self, folder: Folder) -> list[Part]:
        """Write the copies; from any thread. Files of a folder in memory come here."""
        if self._failed is not None:
            raise self._failed
        place = Memory() if isinstance(folder, Memory) else folder
        written = _outcomes([actor.write.remote(place) for actor in self._actors])
        for rank, outcome in enumerate(written):  # no reason to stop the others: the run can go on without a snapshot
            if isinstance(outcome, RayActorError):
                raise self._lost(rank, outcome)
            if isinstance(outcome, Exception):
                raise self._error(rank, outcome)
        for _, files in written:
            for name, content in files.items():
                folder.write(name, [content])
        return [part for parts, _ in written for part in parts]

    def point(self) -> dict[str, Any]:
        """See `Worker.point`."""
        points = self._each("point")
        tallies = [point["tallies"] for point in points]
        return {
            **points[0],
            "tallies": {k: np.sum([t[k] for t in tallies], axis=0, dtype=int).tolist() for k in tallies[0]},
        }

    def unreadable(self, folder: Folder, name: str, token: bytes) -> list[str]:
        """The nodes of those workers that do not find this content in this file."""
        seen = self._each("read", folder, name)
        return sorted({str(place) for place, content in zip(self._places, seen, strict=True) if content != token})

    def digest(self) -> str:
        """Hash of the state, 32 hexadecimal digits."""
        return format_digest(*add_digests(self._each("digest")))

    def counts(self) -> dict[int, int]:
        """Type -> living entities."""
        return _summed(self._each("counts"))

    def tallies(self) -> dict[str, list[int]]:
        """Counts since the start, see `Worker.tallies`."""
        parts = self._each("tallies")
        return {name: np.sum([part[name] for part in parts], axis=0, dtype=int).tolist() for name in parts[0]}

    def memory(self) -> dict[int, int]:
        """Type -> bytes that its tables take on all workers."""
        return _summed(self._each("memory"))

    def take_events(self, event: int) -> Entries:
        """The events of a kind since the last call, ordered."""
        return merged(self._each("take_events", event))

    def loads(self) -> dict[int, int]:
        """Partition -> entities owned."""
        return _summed(self._each("loads"))

    def rows(self, type: int) -> Rows:
        """Ids and columns of all entities of a type, sorted by id."""
        parts = self._each("rows", type)
        columns = [np.concatenate(pieces) for pieces in zip(*(columns for _, columns in parts), strict=True)]
        return sorted_rows(np.concatenate([ids for ids, _ in parts]), columns)

    @property
    def ended(self) -> str | None:
        """The condition that ended the last `advance`, if one did."""
        return self._ended

    def samples(self) -> list[tuple[int, int, Value]]:
        """(tick, number of the observation, value) of all samples since the last call, in order."""
        return whole_samples(self.program, self._each("samples"))

    def links(self) -> list[dict[int, str]]:
        """Of each worker, how it reaches each other one: "memory" or "tcp"."""
        return self._each("links")

    @property
    def driver_address(self) -> str:
        """This node's address where some worker is on another one."""
        here = ray.get_runtime_context().get_node_id()
        if all(place.node == here for place in self._places):
            return "127.0.0.1"
        return str(ray.util.get_node_ip_address())

    def publish(self, address: tuple[str, int], secret: bytes) -> None:
        """Every worker sends its part of the frames to the hub at this address from now on."""
        self._each("publish", address, secret)

    def show(self) -> None:
        """Publish the present state."""
        self._each("show")

    def portions(self, interest: Interest) -> list[Frame]:
        """One part of each worker."""
        parts: list[Frame] = self._each("portion", interest)
        return parts

    def record(self, plan: Plan, now: bool) -> None:
        """Every worker records its share from now on, the present state too if `now` and if it is due."""
        self._recording = True
        self._each("record", plan, now)

    def flush(self) -> None:
        """Return when all that was recorded is in finished parts."""
        if self._recording:
            self._each("flush")

    def worker_of(self) -> Sequence[int]:
        """Worker of each partition: contiguous numbers, so that a worker's boxes lie together."""
        return self._worker_of

    def renewed(self, resumed: Resumption | None) -> Cluster:
        """End the workers, and start as many again, or as there is room for; on the same Ray, if that lives."""
        head = self._head if self._head.alive else None
        self._end(keep=head is not None)

        def again(workers: int) -> Cluster:
            return Cluster(
                self.program, workers, self.threads, self.partitions, self._address, self._timeout, self._env, resumed,
                head,
            )  # fmt: skip

        try:
            return again(self.workers)
        except PlacementError as error:  # a node is gone: the others have room for some
            if not 0 < error.room < self.workers:
                raise
            return again(error.room)

    def close(self) -> None:
        """End the workers and give their room back; stop Ray if it is ours."""
        self._end(keep=False)

    def _end(self, keep: bool) -> None:
        if self._closed:
            return
        self._closed = True
        if self._thread.is_alive():
            self._requests.put(("close", 0, queue.SimpleQueue()))
            self._thread.join()
        _outcomes([actor.close.remote() for actor in self._actors], LAST_PARTS if self._recording else FAREWELL)
        if (
            keep or not self._head.started
        ):  # the end of a Ray of our own frees all, and asking one that is dying would hang
            for actor in self._actors:
                ray.kill(actor, no_restart=True)
            if self._group is not None:
                remove_placement_group(self._group)
        self._actors = []
        if not keep:
            self._head.close()

    # Set-up

    def _start(self, env: Mapping[int, Mapping[str, str]], timeout: float, resumed: Resumption | None) -> None:
        cpu_name, cpu_features = self.program.cpu
        shared = {
            "NUMBA_CPU_NAME": cpu_name,
            "NUMBA_CPU_FEATURES": cpu_features,
            "NUMBA_DISABLE_INTEL_SVML": "1",
            **_import_path(),
        }
        # No restarts and no retries: Ray would run calls again on an empty state, and out of order.
        remote = ray.remote(
            num_cpus=self.threads, max_restarts=0, max_task_retries=0, max_concurrency=6
        )(WorkerActor)  # fmt: skip
        for rank in range(self.workers):
            strategy = PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=rank)
            self._actors.append(
                remote.options(
                    scheduling_strategy=strategy, runtime_env={"env_vars": {**shared, **env.get(rank, {})}}
                ).remote(rank, self.workers)
            )
        self._places = self._each("place", timeout=timeout)
        compare(self._each("probe"))
        alone = len({place.node for place in self._places}) == 1
        hosts = ["127.0.0.1" if alone else place.host for place in self._places]
        endpoints = self._all([actor.open.remote(host) for actor, host in zip(self._actors, hosts, strict=True)])
        # Entities and static arrays go once into each node's object store; each worker copies its share of the former.
        # Arrays that come that way are read-only, and kernels are compiled for writable ones of all else, so the small
        # rest goes as bytes.
        initial = [] if resumed is not None else [*self.program.sources, *self.program.fills]
        sources, statics = ray.put(initial), ray.put(dict(self.program.statics))
        rest = ray.cloudpickle.dumps(replace(self.program, sources=(), fills=(), statics={}))
        secret = secrets.token_bytes(32)
        taken = None if resumed is None else ray.put(resumed)
        of, n = self._worker_of, len(self.layout.parts)
        self._finish(
            self._all(
                [
                    a.build.remote(rest, sources, statics, n, of, self.threads, endpoints, secret, taken)
                    for a in self._actors
                ]
            )
        )

    # Calls

    def _each(self, method: str, *arguments: Any, timeout: float | None = None) -> list[Any]:
        """Call a method of every worker and return what each returns."""
        if self._failed is not None:
            raise self._failed
        return self._all([getattr(actor, method).remote(*arguments) for actor in self._actors], timeout)

    def _all(self, refs: list[Any], timeout: float | None = None) -> list[Any]:
        """Wait for an answer from every worker; the first that fails ends the others.

        A fault is no failure in this sense: who has one tells the others, and the least of all is the one to report.
        """
        pending, deadline = refs, None if timeout is None else time.monotonic() + timeout
        while pending:
            done, pending = ray.wait(pending, num_returns=1, timeout=1.0)
            if any(map(_broken, _outcomes(done))):
                raise self._failure(refs)
            if deadline is not None and time.monotonic() > deadline and pending:
                raise PlacementError(
                    f"{self.workers} workers were started; {len(pending)} did not answer within {timeout:g} s.\n"
                    f"A run needs all of them.\n"
                    f"See Ray's logs on their nodes, or give Cluster(timeout=...) more seconds."
                )
        outcomes = _outcomes(refs)
        if any(isinstance(outcome, Outcome) and outcome.fault is not None for outcome in outcomes):
            raise self._failure(refs)
        return outcomes

    def _finish(self, outcomes: Sequence[Outcome]) -> int:
        self._tick = min(outcome.tick for outcome in outcomes)
        self._ended = outcomes[0].ended
        return self._tick

    def _failure(self, refs: Sequence[Any]) -> Exception:
        """End all workers' calls, and say what went wrong: the cause, not the trouble that it made for the others."""
        reason = "another worker has failed"
        aborts = [actor.abort.remote(reason) for actor in self._actors]
        outcomes = _outcomes(refs, GRACE)
        _outcomes(aborts, 0.0)
        self._failed = self._verdict(outcomes)
        return self._failed

    def _verdict(self, outcomes: Sequence[Any]) -> Exception:
        for rank, outcome in enumerate(outcomes):
            if isinstance(outcome, RayError) and not isinstance(outcome, RayTaskError):
                return self._lost(rank, outcome)
        for rank, outcome in enumerate(outcomes):
            if isinstance(outcome, RayTaskError):
                return self._error(rank, outcome)
        ended = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
        faults = [outcome.fault for outcome in ended if outcome.fault is not None]
        if faults:
            return min(faults, key=lambda fault: fault.order)
        broken = [outcome.broken for outcome in ended if outcome.broken is not None]
        if broken:
            return TransportError("; ".join(dict.fromkeys(broken)))
        rank, late = next((r, outcome) for r, outcome in enumerate(outcomes) if isinstance(outcome, Exception))
        return self._lost(rank, late)

    def _error(self, rank: int, cause: Exception) -> RuntimeFault:
        origin = cause.cause if isinstance(cause, RayTaskError) else cause
        if isinstance(origin, RuntimeFault):
            return origin  # it says itself what was wrong: a file, a program
        error = RuntimeFault(
            f"worker {rank}{self._where(rank)} failed: {type(origin).__name__}: {origin}\n"
            f"The run cannot go on without it.\n"
            f"Look at the worker's own error, which is kept as the cause of this one."
        )
        error.__cause__ = cause
        return error

    def _lost(self, rank: int, error: Exception) -> WorkerLost:
        lost = WorkerLost(
            f"worker {rank} of {self.workers}{self._where(rank)} died; tick {self._tick} was done by then.\n"
            f"What it owned is lost, so the run ends here.\n"
            f"Run it again; if the process was killed for want of memory, use more nodes or fewer entities."
        )
        lost.__cause__ = error
        return lost

    def _where(self, rank: int) -> str:
        if not self._places:
            return ""
        return f" (process {self._places[rank].pid} on node {self._places[rank]})"

    # The thread that watches a run

    def _ask(self, what: str, target: int) -> int:
        """Let the thread do it. A SimpleQueue, because a signal handler may come in at any point of it."""
        if self._closed:
            raise RuntimeFault(
                f"the cluster was asked to {what}, and it is closed.\nIts workers are gone.\nMake a new Cluster."
            )
        reply: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._requests.put((what, target, reply))
        answer = reply.get()
        if isinstance(answer, BaseException):
            raise answer
        return int(answer)

    def _serve(self) -> None:
        while True:
            what, target, reply = self._requests.get()
            if what == "close":
                return
            if what == "hold":
                reply.put(self._tick)  # nothing runs
                continue
            try:
                reply.put(self._run(target))
            except BaseException as error:  # whatever it is, the thread that asked shall have it
                reply.put(error)
                if isinstance(error, _Closed):
                    return

    def _run(self, target: int) -> int:
        if self._failed is not None:
            raise self._failed
        self._calls += 1
        refs = [actor.advance.remote(self._calls, target) for actor in self._actors]
        pending, polls, asked = list(refs), list[Any](), time.monotonic()
        ranks = {ref: rank for rank, ref in enumerate(refs)}
        statuses: dict[int, Status] = {}
        faulted = False
        while pending:
            done, pending = ray.wait(pending, num_returns=1, timeout=GLANCE)
            for outcome in _outcomes(done):
                if _broken(outcome):
                    raise self._failure(refs)
                faulted = faulted or outcome.fault is not None
            self._answer_holds(refs)
            if polls and len(ray.wait(polls, num_returns=len(polls), timeout=0)[0]) == len(polls):
                answers = _outcomes(polls)
                statuses = {rank: s for rank, s in enumerate(answers) if isinstance(s, Status)}
                self._tick = min([s.tick for s in statuses.values()], default=self._tick)
                polls = []
            if not polls and time.monotonic() - asked > POLL:
                asked = time.monotonic()
                polls = [actor.status.remote() for actor in self._actors]
            # Who has a fault tells the others in place of the next exchange, so all learn of it or reach the target.
            # One whose peer has no exchange left waits for ever: when only such are left, nothing more will come.
            if pending and all(ranks[ref] in statuses and statuses[ranks[ref]].faulted for ref in pending):
                raise self._failure(refs)
        if faulted:
            raise self._failure(refs)
        return self._finish(_outcomes(refs))

    def _answer_holds(self, refs: list[Any]) -> None:
        """Two steps, so that all stop at one tick: hold everybody, then let all go on to the furthest."""
        replies = []
        while not self._requests.empty():
            what, _, reply = self._requests.get()
            if what == "close":
                _outcomes([actor.abort.remote("the run was closed") for actor in self._actors], FAREWELL)
                raise _Closed("the cluster was closed while it ran")
            if what == "advance":
                reply.put(RuntimeFault("advance was called while another thread is in it"))
                continue
            replies.append(reply)
        if not replies:
            return
        holds = [actor.hold.remote(self._calls) for actor in self._actors]
        while len(ray.wait(holds, num_returns=len(holds), timeout=1.0)[0]) < len(holds):
            if any(map(_broken, _outcomes(ray.wait(refs, num_returns=len(refs), timeout=0)[0]))):
                break
        ticks = [tick for tick in _outcomes(holds, 0.0) if isinstance(tick, int)]
        if len(ticks) < len(self._actors):
            failure = self._failure(refs)
            for reply in replies:
                reply.put(failure)
            raise failure
        limit = max(ticks)
        _outcomes([actor.release.remote(limit) for actor in self._actors], GRACE)
        for reply in replies:
            reply.put(limit)


class _Closed(RuntimeFault):
    """Somebody closes the cluster while it runs."""


def _broken(outcome: Any) -> bool:
    return isinstance(outcome, Exception) or (isinstance(outcome, Outcome) and outcome.broken is not None)


def _outcomes(refs: Sequence[Any], timeout: float | None = None) -> list[Any]:
    """What each call returned or raised; a TimeoutError for one that has not ended."""
    refs = list(refs)
    ready = set(ray.wait(refs, num_returns=len(refs), timeout=timeout)[0]) if refs else set()
    results: list[Any] = []
    for ref in refs:
        if ref not in ready:
            results.append(TimeoutError("it did not answer in time"))
            continue
        try:
            results.append(ray.get(ref))
        except RayError as error:
            results.append(error)
    return results


def _summed(parts: Sequence[Mapping[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for part in parts:
        for key, value in part.items():
            total[key] = total.get(key, 0) + value
    return total


def _import_path() -> dict[str, str]:
    """Lets a worker on this machine import what we run from, where that is a checkout and not an installation."""
    root = Path(__file__).resolve().parent.parent
    if root.name in ("site-packages", "dist-packages"):
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))}
