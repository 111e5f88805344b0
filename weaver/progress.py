"""Progress: a bar on a terminal, else a line on stderr every ten seconds."""

from __future__ import annotations

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from weaver.drive import Speed
from weaver.run import Run

LINE_SECONDS = 10.0


class ProgressBar:
    """Shows how a run goes; call it with the run as often as you like, inside a `with` statement."""

    def __init__(self, name: str, ticks: int | None) -> None:
        """Show the run of an app to its last tick, if it has one."""
        console = Console(stderr=True)
        self._name, self._ticks = name, ticks
        self._speed, self._said = Speed(), time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("tick {task.completed:.0f}" + ("" if ticks is None else " of {task.total:.0f}")),
                TextColumn("{task.fields[rest]}"),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task(name, total=ticks, rest="")

    def __call__(self, run: Run) -> None:
        """Show the present tick, ticks per second and entities."""
        rest = f"{self._speed.at(run.tick):.3g} ticks/s, {crowd(run)}"
        if self._bar is not None:
            self._bar.update(self._task, completed=run.tick, rest=rest)
        elif time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            end = "" if self._ticks is None else f" of {self._ticks}"
            print(f"{self._name}: tick {run.tick}{end}, {rest}", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        """Start to show."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def crowd(run: Run) -> str:
    """'80000 Bird, 12 Hawk'; of a world of layers alone, '10000 cells of Grass'."""
    entities = ", ".join(f"{n} {name}" for name, n in run.counts().items())
    return entities or ", ".join(f"{n} cells of {name}" for name, n in run.cells().items()) or "no entities"
