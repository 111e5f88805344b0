"""A session: what `weaver run` does from the app's file to the closing line."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, TextIO

from weaver.drive import drive, linger
from weaver.errors import RunError
from weaver.keeping import Keeping
from weaver.load import UsageError, default_ticks, load_app
from weaver.progress import ProgressBar, crowd
from weaver.recorded import RecordOptions
from weaver.run import Run
from weaver.samples import check_plot, write_csv, write_plot
from weaver.serving import Serving, Views
from weaver.simulation import Simulation
from weaver.start import load_again, restoring
from weaver.view import models_of, picture_frame, world_meta

if TYPE_CHECKING:
    from viewer.hub import Hub
    from viewer.window import Window
    from weaver.stored import Stored


class Signals:
    """SIGINT and SIGTERM: while a run is set up they end it at once, while it moves they are noted.

    Attributes:
        received: the first that came, or None.
        told: called with each.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.received: int | None = None
        self._noted = False
        self.told: Callable[[], object] = lambda: None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self.received = self.received or number
        self.told()
        if not self._noted:
            raise KeyboardInterrupt

    def note(self) -> None:
        """From now on only note them; Ray has handlers of its own, so ours are put back too."""
        self._noted = True
        self._install(self)

    @property
    def name(self) -> str | None:
        """'SIGINT', or None."""
        return None if self.received is None else signal.Signals(self.received).name

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch them inside the block."""
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        hook = sys.unraisablehook
        self._install(self)
        # One that comes while Python takes an object down cannot end the set-up there; it is noted, and ends it later.
        sys.unraisablehook = lambda told: None if isinstance(told.exc_value, KeyboardInterrupt) else hook(told)
        try:
            yield
        finally:
            sys.unraisablehook = hook
            self._install(*before)

    @staticmethod
    def _install(*handlers: Any) -> None:
        signal.signal(signal.SIGINT, handlers[0])
        signal.signal(signal.SIGTERM, handlers[-1])


@dataclass
class Session:
    """One `weaver run`; the fields are its options."""

    app: str
    seed: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    ticks: int | None = None
    workers: int | None = None
    threads: int = 1
    partitions: int | None = None
    cluster: str | None = None
    rate: float | None = None
    serving: Serving = field(default_factory=Serving)
    image: Path | None = None
    observations: Path | None = None
    plot: Path | None = None
    as_json: bool = False
    snapshots: str | None = None
    snapshot_every: str | None = None
    keep: str | None = None
    resume: str | None = None
    allow_changed: bool = False
    at: int | None = None
    paused: bool = False
    record: Path | None = None
    every: int = 1
    fields: list[str] | None = None
    area: tuple[list[float], list[float]] | None = None
    _out: TextIO = field(default=sys.stdout, init=False)

    def run(self) -> int:
        """Load, run, show, report; returns the exit code.

        Raises:
            UsageError: there is no such app or parameter.
            WeaverError: the app or its run failed.
        """
        signals = Signals()
        out = self._out = sys.stdout
        # With --json all that apps and Ray print goes elsewhere: stdout is the object's.
        with signals.caught(), redirect_stdout(sys.stderr if self.as_json else out):
            try:
                return self._run(signals)
            except KeyboardInterrupt:
                self._note(f"{self.app}: stopped by {signals.name} before the first tick")
                return 128 + (signals.received or signal.SIGINT)
            except RunError as error:
                if signals.received is None:
                    raise
                # A signal to all processes reaches workers and Ray as well: they may be gone before us.
                self._note(f"{self.app}: stopped by {signals.name}: " + str(error).partition("\n")[0])
                return 128 + signals.received

    def _run(self, signals: Signals) -> int:
        keeping = self._keeping()
        module, simulation = self._loaded(keeping.resume or keeping.again)
        if self.image is not None and importlib.util.find_spec("open3d") is None:
            raise RunError(
                f"the picture {self.image} was asked for; open3d, the Python package that draws it, is missing.\n"
                f"The run would end without its picture.\n"
                f"Run pip install open3d libusb-package, or leave --image out."
            )
        self._check_observations(simulation)
        ticks = self.ticks
        if ticks is None and self.serving.view is Views.NONE:
            ticks = default_ticks(module)
            if ticks is None:
                raise UsageError(
                    f"{simulation.name} was to run without --ticks, and its file does not say how many.\n"
                    f"The run would have no end.\n"
                    f'Write --ticks 1000, or sim.run(ticks=1000) under `if __name__ == "__main__":` in the app.'
                )
        with Run(
            simulation, partitions=self.partitions, threads=self.threads, workers=self.workers, cluster=self.cluster,
            keeping=keeping,
        ) as run:  # fmt: skip
            signals.note()
            signals.told = run.abandon
            self._begun(run, keeping)
            self._capped(run)
            if self.rate is not None:
                run.rate(self.rate)
            with self.serving.shown(run, ticks, self._note) as (hub, window):
                self._move(run, ticks, hub, window, signals)
                self._report(module, simulation, run, ticks, signals)
                unfinished = ticks is not None and run.tick < ticks and run.ended is None
                if hub is not None and self.serving.view is not Views.NONE and ticks is not None and not unfinished:
                    self._linger(run, hub, window, signals)
        if self.record is not None:
            self._note(f"recording: {self.record}")
        return 128 + signals.received if signals.received is not None and unfinished else 0

    def _keeping(self) -> Keeping:
        """What is kept, and what is gone on from."""
        record = None if self.record is None else RecordOptions(self.record, self.every, self.fields, self.area)
        auto = self.resume == "auto"
        place = self.snapshots if auto else self.resume
        if place is None:
            return Keeping(self.snapshots, self.snapshot_every, self.keep, record=record)
        return restoring(
            place, self.snapshots, self.snapshot_every, self.keep, "durable", self.allow_changed, record,
            optional=auto, at=self.at,
        )  # fmt: skip

    def _loaded(self, stored: Stored | None) -> tuple[ModuleType, Simulation]:
        """The app, with the seed and the first parameters of the run that is gone on with."""
        if stored is None:
            return load_app(self.app, self.seed, self.parameters)
        return load_again(self.app, stored.manifest, self.seed, self.parameters)

    def _begun(self, run: Run, keeping: Keeping) -> None:
        """Say what is gone on from, and what would be lost with this process."""
        name = run.simulation.name
        stored = keeping.resume or keeping.again
        if stored is not None:
            verb = "goes on from" if self.at is None else "stands at"
            self._note(f"{name}: {verb} tick {run.tick}, kept in {stored.address}")
            before = stored.manifest.driver.get("initial", {})
            declared = run.simulation.parameters
            values: dict[str, Any] = {
                n: declared[n].checked(v) for n, v in self.parameters.items() if n in before and n in declared
            }
            changed = {n: v for n, v in values.items() if v != run.parameters[n]}
            if changed:
                run.set(**changed)
        if run.workers > 1 and keeping.snapshots is None:
            self._note(f"{name}: a lost worker is made good; if this process dies, so does the run (--snapshots DIR)")

    def _check_observations(self, simulation: Simulation) -> None:
        wanted = self.observations or self.plot
        if wanted is not None and not simulation.observations:
            raise UsageError(
                f"{wanted} was asked for, and {simulation.name} observes nothing.\n"
                f"The file would be empty.\n"
                f'Write sim.observe("number", Bird, "count") in the app, or leave the option out.'
            )
        if self.plot is not None:
            check_plot(self.plot)

    def _capped(self, run: Run) -> None:
        """Say that there are fewer partitions or workers than asked for."""
        for word, asked, made in (
            ("partitions", self.partitions, run.partitions),
            ("workers", self.workers, run.workers),
        ):
            if asked is not None and made < asked:
                self._note(
                    f"{run.simulation.name}: {asked} {word} were asked for; there are {made}, because the world has no "
                    f"more blocks, which are as wide as anyone looks or moves"
                )

    def _move(self, run: Run, ticks: int | None, hub: Hub | None, window: Window | None, signals: Signals) -> None:
        """Run to the last tick, or until a signal; a run without a last tick ends with its window, too."""

        def stopped() -> bool:
            closed = ticks is None and window is not None and not window.open
            return signals.received is not None or closed

        with ProgressBar(run.simulation.name, ticks) as progress:
            drive(run, ticks, hub, progress, stopped, self.paused)

    def _linger(self, run: Run, hub: Hub, window: Window | None, signals: Signals) -> None:
        """Keep the last tick on show until a signal, or until the window is closed."""

        def closed() -> bool:
            return window is not None and not window.open

        if not closed():
            self._note(f"{run.simulation.name}: the view stays open; Ctrl-C ends it")
        linger(run, hub, lambda: signals.received is not None or closed())

    def _report(
        self, module: ModuleType, simulation: Simulation, run: Run, ticks: int | None, signals: Signals
    ) -> None:
        """The closing line, the app's own report, the picture, and the JSON object."""
        stats, digest = run.stats(), run.digest()
        ended = run.ended
        stopped = signals.name if ended is None and (ticks is None or run.tick < ticks) else None
        done = f"stopped by {stopped} at tick {run.tick}" if stopped else f"{run.tick} ticks"
        done += f" until {ended}" if ended is not None else ""
        parts = f", {run.partitions} partitions" if run.partitions > run.workers else ""
        threads = f", {run.threads} threads" if run.threads > 1 else ""
        self._say(
            f"{simulation.name}: {done}, {crowd(run)}, {run.workers} worker{'s' * (run.workers > 1)}{parts}{threads}, "
            f"{stats['seconds']:.1f} s, {_short(stats['updates_per_second'])} updates/s, digest {digest}"
        )
        report: Callable[[Run], str] | None = getattr(module, "report", None)
        text = report(run) if report is not None else None
        if text is not None:
            self._say(text)
        failure = self._picture(run, ticks) if self.image is not None else None
        self._write_observations(run)
        if self.as_json:
            closing = {
                "app": simulation.name,
                "ticks": run.tick,
                "stopped": stopped,
                "until": ended,
                "seed": simulation.seed,
                "entities": stats["entities"],
                "deaths": stats["deaths"],
                "partitions": run.partitions,
                "workers": run.workers,
                "threads": run.threads,
                "seconds": stats["seconds"],
                "setup_seconds": stats["setup_seconds"],
                "updates_per_second": stats["updates_per_second"],
                "digest": digest,
                "identity": run.identity,
                "lost_workers": run.lost,
                "report": text,
            }
            print(json.dumps(closing), file=self._out, flush=True)
        if failure is not None:
            raise failure

    def _write_observations(self, run: Run) -> None:
        if self.observations is not None:
            write_csv(self.observations, run.observations(), run.observed)
            self._note(f"observations: {self.observations}")
        if self.plot is not None:
            write_plot(self.plot, run.observations(), run.observed, run.simulation.name)
            self._note(f"plot: {self.plot}")

    def _picture(self, run: Run, ticks: int | None) -> RunError | None:
        """Write the picture; what prevents it is told after everything else has been said."""
        from viewer.image import ImageError, write_image

        assert self.image is not None
        try:
            write_image(self.image, world_meta(run, ticks), picture_frame(run), models=models_of(run.simulation))
        except ImageError as error:
            failure = RunError(str(error))
            failure.__cause__ = error
            return failure
        self._note(f"picture: {self.image}")
        return None

    def _say(self, text: str) -> None:
        """Say a result: on stdout, which with --json is left to the one object."""
        print(text, flush=True)

    def _note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def _short(number: float) -> str:
    """645000.0 -> '645k'."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"
