"""Rendering: what `weaver render` does, from an app or a recording to a movie, a folder of pictures or a still."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from weaver.errors import RunError
from weaver.load import UsageError, default_ticks, load_app
from weaver.session import Signals
from weaver.view import models_of, world_meta

if TYPE_CHECKING:
    from partitions.frames import Frame
    from viewer.camera import Camera
    from viewer.look import Look

Model = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass
class Pictured:
    """What is rendered: a world, and its frames one after the other; `n` is how many are expected."""

    meta: dict[str, Any]
    models: dict[str, Model]
    n: int
    frames: Iterator[Frame]


@dataclass
class Rendering:
    """One `weaver render`; the fields are its options.

    Attributes:
        what: an app, or a folder that `--record-frames` has written.
        out: NAME.mp4, NAME.webm, NAME.png (the last tick alone), or a folder of pictures.
        ticks: the last tick; None: what the app's own run says, or the recording's last.
        every: ticks from picture to picture; None: 1.
        fps: pictures per second of a movie.
        turn: degrees by which the camera goes around the world from the first picture to the last.
        quality: ffmpeg's constant rate factor.
    """

    what: str
    out: Path
    ticks: int | None = None
    every: int = 1
    fps: float = 30.0
    camera: str | None = None
    turn: float = 0.0
    colour: str | None = None
    legend: bool = False
    size: tuple[int, int] | None = None
    quality: int | None = None
    seed: int | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    workers: int | None = None
    threads: int = 1
    partitions: int | None = None

    def run(self) -> int:
        """Render; returns the exit code.

        Raises:
            UsageError: there is no such app, recording, field or camera, or it cannot go there.
            WeaverError: the run failed, or a picture could not be drawn.
        """
        from viewer.image import ImageError
        from viewer.movie import check_sink

        signals = Signals()
        with signals.caught():
            try:
                check_sink(self.out)
            except ImageError as error:
                raise UsageError(str(error)) from error
            try:
                with self._source(signals) as pictured:
                    written = self._render(pictured, signals)
            except ImageError as error:
                raise RunError(str(error)) from error
            except KeyboardInterrupt:
                written = None
        if written is None:
            print(f"{self.what}: stopped by {signals.name}; nothing was written", file=sys.stderr, flush=True)
            return 128 + (signals.received or 2)
        print(f"{self.out}: {written} picture{'s' * (written != 1)}", flush=True)
        return 0

    def _render(self, pictured: Pictured, signals: Signals) -> int | None:
        """Draw and write all pictures; None after a signal. The run goes on while a picture is drawn."""
        from viewer.camera import Camera
        from viewer.movie import open_sink
        from viewer.render import Renderer

        camera = self._camera() or Camera.usual(pictured.meta)
        written = 0
        try:
            with (
                _progress(self.what, pictured.n) as step,
                Renderer(
                    pictured.meta, self.size, camera=camera, colour=self.colour, legend=self.legend,
                    models=pictured.models,
                ) as renderer,
                open_sink(self.out, renderer.size, self.fps, self.quality) as sink,
            ):  # fmt: skip
                tick = None
                for number, frame in enumerate(pictured.frames):
                    if tick is not None:
                        sink.add(renderer.take(), tick)
                        written += 1
                        step(written)
                    renderer.ask(frame, self.turn * number / max(1, pictured.n - 1))
                    tick = frame.tick
                    if signals.received is not None:
                        raise KeyboardInterrupt
                if tick is not None:
                    sink.add(renderer.take(), tick)
                    written += 1
                    step(written)
        except KeyboardInterrupt:
            return None
        return written

    def _camera(self) -> Camera | None:
        from viewer.camera import Camera, CameraError

        try:
            return None if self.camera is None else Camera.parse(self.camera)
        except CameraError as error:
            raise UsageError(str(error)) from error

    def _look(self, meta: dict[str, Any]) -> Look:
        from viewer.look import Look, LookError

        try:
            return Look(meta, self.colour)
        except LookError as error:
            raise UsageError(str(error)) from error

    @contextmanager
    def _source(self, signals: Signals) -> Iterator[Pictured]:
        self._camera()
        if Path(self.what).is_dir() and not (Path(self.what) / "main.py").exists():
            yield self._recorded()
            return
        module, simulation = load_app(self.what, self.seed, self.parameters)
        ticks = default_ticks(module) if self.ticks is None else self.ticks
        if ticks is None:
            raise UsageError(
                f"{simulation.name} was to be rendered without --ticks, and its file does not say how many.\n"
                f"The movie would have no end.\n"
                f'Write --ticks 300, or sim.run(ticks=300) under `if __name__ == "__main__":` in the app.'
            )
        models = models_of(simulation)
        with simulation.start(partitions=self.partitions, threads=self.threads, workers=self.workers) as run:
            signals.note()
            meta = world_meta(run, ticks)
            interest = self._look(meta).interest()
            wanted = self._wanted(ticks)

            def frames() -> Iterator[Frame]:
                for tick in wanted:
                    run.step(tick - run.tick)
                    yield run.frame(interest)
                    if run.ended is not None:
                        return

            yield Pictured(meta, models, len(wanted), frames())

    def _wanted(self, last: int) -> list[int]:
        """The ticks that are drawn: of a still the last one."""
        return [last] if self.out.suffix.lower() == ".png" else list(range(0, last + 1, self.every))

    def _recorded(self) -> Pictured:
        from viewer.recording import Recording, RecordingError

        asked = [name for name, value in (("--seed", self.seed), ("--set", self.parameters)) if value]
        if asked:
            raise UsageError(
                f"{self.what} was to be rendered with {' and '.join(asked)}; it is a recording of a run that is over.\n"
                f"Nothing of it can be changed.\n"
                f"Leave {' and '.join(asked)} out, or render the app."
            )
        try:
            recording = Recording(self.what)
            ticks = [tick for tick in recording.ticks if self.ticks is None or tick <= self.ticks]
            if self.out.suffix.lower() == ".png":
                ticks = ticks[-1:]
            else:
                ticks = [tick for tick in ticks if not (tick - recording.ticks[0]) % self.every]
            if not ticks:
                raise UsageError(
                    f"{self.what} was to be rendered up to tick {self.ticks}; it begins at tick {recording.ticks[0]}.\n"
                    f"There would be no picture.\n"
                    f"Write --ticks {recording.ticks[-1]}, or leave it out."
                )
            self._known(recording.meta, recording.frame(ticks[0]))
        except RecordingError as error:
            raise UsageError(str(error)) from error

        def frames() -> Iterator[Frame]:
            try:
                for tick in ticks:
                    yield recording.frame(tick)
            except RecordingError as error:
                raise RunError(str(error)) from error

        return Pictured(recording.meta, recording.models, len(ticks), frames())

    def _known(self, meta: dict[str, Any], frame: Frame) -> None:
        """A recording holds the fields that were asked for when it was made, and no others."""
        interest = self._look(meta).interest()
        if self.colour is None:
            return
        for wanted in interest.types:
            block = frame.find("points", type=wanted.type)
            held = [column["field"] for column in block.about["columns"]] if block is not None else []
            missing = [name for name in wanted.fields if name == self.colour.rpartition(".")[2] and name not in held]
            if block is not None and missing:
                raise UsageError(
                    f"{self.what} was to be coloured by {self.colour}; the recording holds of "
                    f"{meta['types'][wanted.type]['name']} {', '.join(held) or 'no field'}.\n"
                    f"All would have one colour.\n"
                    f"Leave --colour out, or render the app itself."
                )


@contextmanager
def _progress(name: str, n: int) -> Iterator[Any]:
    """A bar on a terminal; call what it gives with the number of pictures that are done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(Path(name).name, total=n)
        yield lambda done: progress.update(task, completed=done)
