"""Run: a simulation that is running, in this process or on Ray workers."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from partitions.errors import GridError, KeepingFault, RecordFault, RuntimeFault, TickFault
from partitions.program import Observed
from weaver.asked import KEPT_BYTES, Asked
from weaver.between import Betweens
from weaver.commanded import Commanded
from weaver.commands import NEVER, Commands
from weaver.errors import ModelError, RecordError, RunError
from weaver.fault import describe_fault
from weaver.flight import Flight
from weaver.keeping import Keeping
from weaver.launch import check_digest, check_options, compiled, row_bytes, runtime_of
from weaver.samples import Samples
from weaver.shown import Shown
from weaver.simulation import Simulation
from weaver.travel import Travelled

if TYPE_CHECKING:
    import pyarrow as pa

    from viewer.hub import Hub

__all__ = ["Run", "describe_fault"]

INSIST_SECONDS = 0.25
"""A `hold` that came before its `advance` began is forgotten by it, so it is said again."""


class Run(Asked, Commanded, Travelled, Shown):
    """A run of a simulation, from `Simulation.start`; use it in a `with` statement.

    It stands at tick 0 at first. `step` moves it and waits; `resume` lets it run by itself until `pause`. Questions may
    be asked at any time: one that is asked of a moving run is answered between two ticks. After `stop`, or the end of
    the `with` block, it still knows its last digest, counts and stats, and the entities of a world of up to 64 MiB.

    Attributes:
        simulation: what runs.
    """

    def __init__(
        self,
        simulation: Simulation,
        *,
        partitions: int | None = None,
        threads: int = 1,
        workers: int | None = None,
        cluster: str | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        """Compile and place the entities; arguments as in `Simulation.start`, and what is kept.

        Raises:
            ModelError, BehaviorError: the model cannot run.
            RunError: workers cannot be started.
        """
        check_options(partitions, threads, workers, cluster)
        self._keeping = keeping or Keeping()
        self._keeping.check()
        if self._keeping.record is not None:
            self._keeping.record.check(simulation, self._keeping.goes_on)
        began = time.perf_counter()
        self.simulation = simulation
        self._flight: Flight | None = None
        self._values = {name: p.value for name, p in simulation.parameters.items()}
        self.hz: float | None = None
        self._failure: str | None = None
        self.turn = threading.RLock()
        self._kept: dict[str, Any] | None = None
        self._seconds, self._updates = 0.0, 0.0
        with self._told():
            self._program = compiled(simulation)
            resumed = self._resumed()
            runtime = self._runtime = runtime_of(self._program, partitions, threads, workers, cluster, resumed)
            try:
                if resumed is not None:
                    check_digest(runtime, resumed)
                self._runtime = self._kept_runtime(runtime, resumed)
                self._fixed = {name: p.fixed for name, p in simulation.parameters.items()}
                self._counts = self._runtime.counts()
                kinds = {kind.__name__: kind for kind in simulation.entity_types}
                self._commands = Commands(self._program, self._runtime, kinds)
                self._commands.settle = self._settle
                self._samples = Samples(self._program.observations, simulation.dt)
                self._collect()
                self._betweens = Betweens(self, simulation.betweens)
                self._begin_keeping()
            except BaseException:
                self._free(sys.exception())
                raise
        self._setup_seconds = time.perf_counter() - began

    # Moving

    @property
    def tick(self) -> int:
        """Ticks done."""
        return self._runtime.tick

    @property
    def time(self) -> float:
        """tick * dt, in the model's unit of time."""
        return self.tick * self.simulation.dt

    @property
    def ended(self) -> str | None:
        """The condition of `Simulation.until` that ended the run; after a command it can go on."""
        return self._runtime.ended

    @property
    def running(self) -> bool:
        """Whether it moves now, after `resume` or inside `step`."""
        return self._flight is not None and not self._flight.landed.is_set()

    def step(self, n: int = 1) -> int:
        """Run n ticks and wait; Ctrl-C ends it between two ticks, and so does a condition of `until` (see `ended`).

        Returns:
            The ticks done since the start.

        Raises:
            RunError: an entity broke a rule, a worker was lost, or the run moves already.
        """
        if not (isinstance(n, int) and n >= 0):
            raise RunError(
                f"step({n!r}) was asked for; allowed are whole numbers from 0.\n"
                f"Time does not run backwards.\n"
                f"Write step(1)."
            )
        self._alive(f"step({n})")
        self._betweens.refuse(f"step({n})")
        with self.turn:
            self._rest()
            if self.running:
                raise RunError(
                    f"step({n}) was asked of a run that moves by itself, at tick {self.tick}.\n"
                    f"It would have two ends to run to.\n"
                    f"Call pause() first."
                )
            flight = self._resume(self.tick + n, None)
            try:
                flight.landed.wait()
            finally:
                self._pause()
            return self.tick

    def resume(self, until: int | None = None, landed: Callable[[], object] | None = None) -> None:
        """Let the run go on by itself, in the background, until tick `until` or `pause`; does nothing if it moves.

        Args:
            until: tick to stop at; None: never.
            landed: called in the background when it has come to a stand, by itself or not.

        Raises:
            RunError: the run was stopped, or has failed.
        """
        self._alive("resume()")
        self._betweens.refuse("resume()")
        with self.turn:
            self._rest()
            if not self.running:
                self._resume(NEVER if until is None else min(until, NEVER), landed)

    def pause(self) -> int:
        """Stop between two ticks; does nothing if the run stands.

        Returns:
            The ticks done.

        Raises:
            RunError: the run failed on its way.
        """
        self._betweens.refuse("pause()")
        if self._flight is not None:
            self._land(self._flight)  # before it is our turn: who steps has it until then
        with self.turn:
            self._rest()
            return self._pause()

    def _resume(self, until: int, landed: Callable[[], object] | None) -> Flight:
        self._pause()
        self._flight = Flight(self._runtime, until, landed, self._betweens)
        return self._flight

    def _pause(self) -> int:
        flight = self._flight
        if flight is not None:
            self._land(flight)
            self._flight = None
            self._seconds += flight.seconds
            with self._told():
                if flight.error is not None:
                    if isinstance(flight.error, RunError):  # of a function between ticks
                        self._failure = "the run failed: " + str(flight.error).partition("\n")[0]
                    raise flight.error
                self._collect()
                before, self._counts = self._counts, self._runtime.counts()
                self._updates += flight.ticks * (sum(before.values()) + sum(self._counts.values())) / 2
        return self.tick

    def _land(self, flight: Flight) -> None:
        """Let it come to a stand between two ticks."""
        with self._told():
            flight.stopping = True
            while not flight.landed.is_set():
                self._runtime.hold()
                flight.landed.wait(INSIST_SECONDS)

    def _rest(self) -> None:
        """End what a view plays: who moves the run now has it to himself."""
        if self._view is not None and self._view.watch.rest():
            self._pause()

    def _collect(self) -> None:
        """Take the samples over from the workers, so that these need not keep them."""
        if self._program.observations:
            self._samples.add(self._runtime.samples())

    def rate(self, hz: float | None) -> None:
        """Start at most `hz` ticks per second; None: as many as possible."""
        if hz is not None and not (isinstance(hz, (int, float)) and 0 < hz < float("inf")):
            raise ModelError(
                f"rate({hz!r}) was asked for; allowed is a positive number of ticks per second, or None.\n"
                f"The run would stand still.\n"
                f"Write rate(30), or rate(None) for as fast as possible; pause() stops it."
            )
        self._alive("rate()")
        with self._told():
            self.hz = None if hz is None else float(hz)
            self._runtime.rate(self.hz)

    def drive(
        self,
        ticks: int | None,
        *,
        commands: Hub | None = None,
        on_progress: Callable[[Run], object] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> int:
        """Run until `ticks` are done, obeying viewers; what the command line does.

        Args:
            ticks: where to end; None: only when `stopped`.
            commands: a hub whose viewers may pause, step and set the rate, and who are told how the run goes.
            on_progress: called with this run several times a second.
            stopped: asked several times a second; True ends the drive between two ticks.

        Returns:
            The ticks done.

        Raises:
            RunError: the run failed.
        """
        from weaver.drive import drive

        return drive(self, ticks, commands, on_progress, stopped)

    # Asking

    def observations(self) -> pa.Table:
        """What was observed so far.

        Returns:
            One row per tick at which anything was sampled: `tick` (int64), `time`, and a column per observation: int64
            or float64, a vector as a list of fixed size, a histogram as a list; null where it was not sampled.
        """
        if self._kept is None and self._failure is None:
            with self._standing():
                self._collect()
        return self._samples.table()

    @property
    def observed(self) -> tuple[Observed, ...]:
        """How each observation is made, in the order declared."""
        return self._program.observations

    def digest(self) -> str:
        """Hash of the state, 32 hexadecimal digits: equal for equal states, whatever the partitions and workers."""
        if self._kept is not None:
            return str(self._kept["digest"])
        with self._standing():
            return self._runtime.digest()

    def counts(self) -> dict[str, int]:
        """Living entities by type; of a run that moves, as of its last stand."""
        return {spec.name: self._counts[t] for t, spec in enumerate(self._program.types) if not spec.raster}

    def cells(self) -> dict[str, int]:
        """Cells of each layer."""
        types = enumerate(self._program.types)
        return {spec.name: math.prod(self._program.grid.cells[t].shape) for t, spec in types if spec.raster}

    def memory(self) -> dict[str, int]:
        """Bytes of each type's rows on all workers, with ghosts, room to grow and the second buffers of a tick."""
        with self._standing():
            return {self._program.types[t].name: n for t, n in sorted(self._runtime.memory().items())}

    def stats(self) -> dict[str, Any]:
        """How the run goes.

        Returns:
            tick, time (of the model), seconds (spent in ticks), setup_seconds (compiling and starting),
            ticks_per_second, updates_per_second (entities times ticks per second; where entities die, with the mean of
            their number before and after each stretch); {type: n} entities, births, deaths, and lost (births that
            found no place); {message: n} sent, read and pending, the rest having been dropped with its receivers;
            partitions, workers, threads.
        """
        if self._kept is not None:
            tallies = self._kept["tallies"]
        else:
            with self._standing():
                tallies = self._runtime.tallies()
        seconds = self._seconds
        return {
            "tick": self.tick,
            "time": self.time,
            "seconds": seconds,
            "setup_seconds": self._setup_seconds,
            "ticks_per_second": self.tick / seconds if seconds else 0.0,
            "updates_per_second": self._updates / seconds if seconds else 0.0,
            "entities": self.counts(),
            **{
                name: {s.name: n for s, n in zip(self._program.types, tallies[name], strict=True) if not s.raster}
                for name in ("births", "deaths", "lost")
            },
            **{
                name: {spec.name: n for spec, n in zip(self._program.messages, tallies[name], strict=True)}
                for name in ("sent", "read", "pending")
            },
            "partitions": self.partitions,
            "workers": self.workers,
            "threads": self.threads,
        }

    @property
    def mortal(self) -> bool:
        """Whether entities can die, so that their number can change."""
        return any(spec.mortal for spec in self._program.types)

    @property
    def identity(self) -> str:
        """Hash of all that decides the bits of this run: program, seed, schema, cells, versions, CPU target."""
        return self._program.identity

    @property
    def partitions(self) -> int:
        """Partitions there are: never more than blocks of the world."""
        return self._runtime.partitions

    @property
    def workers(self) -> int:
        """Worker processes; 1 is also this process alone."""
        return self._runtime.workers

    @property
    def threads(self) -> int:
        """Threads of each worker."""
        return self._runtime.threads

    # Ending

    def stop(self) -> None:
        """End the run and free its workers; may be called twice."""
        self._close_view()
        if self._kept is not None or self._failure is not None:
            self._free()
            return
        try:
            with self._told():
                self.pause()
                self._runtime.flush()
                self._end_keeping()
                kept: dict[str, Any] = {
                    "digest": self._runtime.digest(),
                    "tallies": self._runtime.tallies(),
                    "tables": {},
                }
                if sum(self._counts[t] * row_bytes(self._program, t) for t in self._counts) <= KEPT_BYTES:
                    kinds = {kind.__name__: kind for kind in self.simulation.entity_types}
                    for t, spec in enumerate(self._program.types):
                        kept["tables"][t] = self._layer_columns(t) if spec.raster else self._table(t, kinds[spec.name])
                self._kept = kept
        finally:
            self._free(sys.exception())

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Stop; after an error only free the workers."""
        if error is None:
            self.stop()
            return
        self._close_view()
        if self._failure is None and self._kept is None:
            self._failure = f"the run was left at tick {self.tick} by {type(error).__name__}"
        if self.running:
            flight = self._flight
            assert flight is not None
            flight.stopping = True
            while not flight.landed.wait(INSIST_SECONDS):
                self._runtime.hold()
        self._free(error)

    def __repr__(self) -> str:
        box = f"{self.simulation.box!r}"[5:-1]
        who = ", ".join(f"{n} {name}" for name, n in {**self.counts(), **self.cells()}.items()) or "nobody"
        parts = f"{self.partitions} partition{'s' * (self.partitions > 1)}"
        workers = f"{self.workers} worker{'s' * (self.workers > 1)}"
        return f"<Run {self.simulation.name}: {box}, {who}, tick {self.tick}, {parts}, {workers}>"

    # Inside

    def _close_view(self) -> None:
        if self._view is not None:
            self._view.watch.close()

    def _alive(self, asked: str) -> None:
        if self._failure is not None or self._kept is not None:
            state = self._failure or f"the run was stopped at tick {self.tick}"
            raise RunError(
                f"{asked} was asked, but {state}.\nIts workers are gone.\nStart a new run: `with sim.start() as run:`."
            ) from (self._view.watch.error if self._view is not None else None)

    @contextmanager
    def _standing(self) -> Iterator[None]:
        """Between two ticks; a run that moved goes on afterwards."""
        self._alive("an answer")
        if self._betweens.calling:
            with self._told():
                yield
            return
        with self.turn:
            flight = self._flight
            moving = flight is not None and not flight.landed.is_set()
            self._pause()
            try:
                with self._told():
                    yield
            finally:  # also after a question that could not be answered
                if moving and self._failure is None:
                    assert flight is not None
                    self._resume(flight.target, flight.told)

    @contextmanager
    def _commanded(self, asked: str) -> Iterator[None]:
        """Between two ticks; the counts are those after the command."""
        self._alive(asked)
        with self._standing():
            yield
            self._counts = self._runtime.counts()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what a runtime raises in the language's words."""
        try:
            yield
        except TickFault as fault:
            error = describe_fault(self._program, fault)
            self._failure = f"the run failed at tick {fault.tick}"
            raise error from fault
        except GridError as error:
            raise ModelError(str(error)) from error
        except KeepingFault as error:
            raise RunError(str(error)) from error
        except RuntimeFault as error:
            self._failure = "the run failed: " + str(error).partition("\n")[0]
            raise (RecordError if isinstance(error, RecordFault) else RunError)(str(error)) from error
