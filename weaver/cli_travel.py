"""Commands that go back in time: replay, fork, diff and debug."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weaver.cli_options import (
    FAILED,
    PARTITIONS,
    THREADS,
    TICKS,
    WORKERS,
    attempt,
    image,
    option,
    parameters,
    view,
    whole,
)

if TYPE_CHECKING:
    from weaver.session import Session

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_AT = whole(0, 1 << 40, "Time does not run backwards, and not by parts of a tick.", "--at 500")
_TICK = whole(0, 1 << 40, "Time does not run backwards, and not by parts of a tick.", "--tick 500")
_MOST = whole(1, 1 << 30, "Nothing would be shown.", "--most 10")
_APP = typer.Option("--app", metavar="APP", help="Path or name of the app, if it is not where it was.")
_TRACEBACK = typer.Option("--traceback", help="On an error, show Python's traceback.")
_SET = typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter.")


@app.command()
def replay(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The folder of a run that was kept, or a recording.")],
    at: Annotated[int | None, option(_AT, "T", "The tick to go to; by default the last.", "--at")] = None,
    named: Annotated[str | None, _APP] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compute all of it again, and compare with what was kept; exit code 1.")
    ] = False,
    run: Annotated[
        str | None, typer.Option("--run", metavar="PATH", help="Of a recording: the folder that keeps its run.")
    ] = None,
    values: Annotated[list[str] | None, _SET] = None,
    shown: Annotated[str, option(view, "none|page|window", "Show that tick; it can be played on.", "--view")] = "none",
    picture: Annotated[Path | None, option(image, "FILE", "Write a picture (PNG) of that tick.", "--image")] = None,
    workers: Annotated[int | None, option(WORKERS, "W", "Run on so many Ray workers; without it, here.")] = None,
    threads: Annotated[int, option(THREADS, "T", "Threads of each worker.")] = 1,
    partitions: Annotated[int | None, option(PARTITIONS, "P", "Partitions; by default one per worker.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="stdout is one JSON object.")] = False,
    traceback: Annotated[bool, _TRACEBACK] = False,
) -> None:
    """Go to a tick of a run that was kept; what is shown is another run, and may be played on."""
    given = parameters(values or [])

    def work() -> None:
        from weaver.history import history_at
        from weaver.serving import Serving, Views
        from weaver.session import Session
        from weaver.start import app_of

        if verify:
            _verify(path, named, run, given, threads)
            return
        history = history_at(path)
        tick = history.last if at is None else at
        session = Session(
            app_of(history.manifest, named), resume=path, at=tick, ticks=tick if shown == "none" else None,
            paused=True, parameters=given, serving=Serving(Views(shown)), image=picture, workers=workers,
            threads=threads, partitions=partitions, as_json=as_json,
        )  # fmt: skip
        raise typer.Exit(session.run())

    attempt(work, traceback)


@app.command()
def fork(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The folder of a run that was kept.")],
    at: Annotated[int, option(_AT, "T", "The tick at which the branch begins.", "--at")],
    snapshots: Annotated[str, typer.Option("--snapshots", metavar="DIR", help="Keep the branch in this folder.")],
    values: Annotated[list[str] | None, _SET] = None,
    ticks: Annotated[int | None, option(TICKS, "N", "Go on to tick N; by default the branch only begins.")] = None,
    named: Annotated[str | None, _APP] = None,
    workers: Annotated[int | None, option(WORKERS, "W", "Run on so many Ray workers; without it, here.")] = None,
    threads: Annotated[int, option(THREADS, "T", "Threads of each worker.")] = 1,
    partitions: Annotated[int | None, option(PARTITIONS, "P", "Partitions; by default one per worker.")] = None,
    traceback: Annotated[bool, _TRACEBACK] = False,
) -> None:
    """Begin a branch of a run that was kept: what would have become of it, if …?"""
    changes = parameters(values or [])

    def work() -> None:
        from weaver.history import history_at
        from weaver.session import Session
        from weaver.start import app_of

        session: Session = Session(
            app_of(history_at(path).manifest, named), parameters=changes, resume=path, at=at, snapshots=snapshots,
            ticks=at if ticks is None else ticks, workers=workers, threads=threads, partitions=partitions,
        )  # fmt: skip
        raise typer.Exit(session.run())

    attempt(work, traceback)


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="RUN_A", help="The folder of a run that was kept.")],
    b: Annotated[str, typer.Argument(metavar="RUN_B", help="Another one, a branch for example.")],
    named: Annotated[str | None, _APP] = None,
    most: Annotated[int, option(_MOST, "N", "Of each type show so many that differ.", "--most")] = 10,
    threads: Annotated[int, option(THREADS, "T", "Threads.")] = 1,
    traceback: Annotated[bool, _TRACEBACK] = False,
) -> None:
    """Find the first tick and the entities in which two runs differ; exit code 1 if they do."""

    def work() -> None:
        from weaver.history import history_at
        from weaver.parting import parting
        from weaver.start import app_of, load_again

        one, two = history_at(a), history_at(b)
        first, second = (load_again(app_of(h.manifest, named), h.manifest, None, {})[1] for h in (one, two))
        tick, lines = parting(one, two, first, second, most, threads)
        for line in lines:
            typer.echo(line)
        if tick is not None:
            raise typer.Exit(FAILED)

    attempt(work, traceback)


@app.command()
def debug(
    name: Annotated[str, typer.Argument(metavar="APP", help="Path of an app, or the name of a bundled one.")],
    tick: Annotated[int, option(_TICK, "T", "The tick that is looked at.", "--tick")],
    entity: Annotated[str, typer.Option("--entity", metavar="ID", help="Who: an id, or Grass:5 for a cell.")],
    behavior: Annotated[
        str | None, typer.Option("--behavior", metavar="NAME", help="In which behavior; by default in each.")
    ] = None,
    shown: Annotated[
        bool, typer.Option("--print", help="Do not stop: show fields, neighbours, draws and acts.")
    ] = False,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="PATH", help="Of a run that was kept, or from a snapshot on.")
    ] = None,
    values: Annotated[list[str] | None, _SET] = None,
    threads: Annotated[int, option(THREADS, "T", "Threads on the way to the tick.")] = 1,
    traceback: Annotated[bool, _TRACEBACK] = False,
) -> None:
    """Run one entity's behavior at a tick under pdb, among its true neighbours."""
    given = parameters(values or [])

    def work() -> None:
        from weaver.debugging import Debugger, Subject, moment
        from weaver.history import history_at
        from weaver.load import load_app
        from weaver.start import load_again

        subject, past, changes = Subject.read(entity), None, {}
        if resume is None:
            _, simulation = load_app(name, parameters=given)
        else:
            past = history_at(resume)
            _, simulation = load_again(name, past.manifest, None, given)
            declared = simulation.parameters
            changes = {n: declared[n].checked(v) for n, v in given.items() if n in declared}
        folder, manifest = moment(simulation, tick, past, changes, threads)
        Debugger(simulation, folder, manifest, subject, typer.echo, stops=not shown).look(behavior)

    attempt(work, traceback)


def _verify(path: str, named: str | None, run: str | None, changes: dict[str, str], threads: int) -> None:
    """Compute a run again, and compare with its snapshots, or with a recording of it."""
    from partitions.parts import FACTS
    from weaver.history import history_at
    from weaver.inspecting import verified
    from weaver.load import load_app
    from weaver.parting import recorded_again, verified_again
    from weaver.recording import Recording
    from weaver.start import app_of, load_again

    recording = Recording(path) if (Path(path) / FACTS).is_file() else None
    history = None if recording is not None and run is None else history_at(path if run is None else run)
    if history is not None:
        manifest = history.manifest
        _, simulation = load_again(app_of(manifest, named), manifest, None, changes)
    else:
        assert recording is not None
        _, simulation = load_app(named or recording.facts.simulation, recording.facts.seed, changes)
    if recording is not None:
        lines = recorded_again(recording, history, simulation, threads)
    else:
        assert history is not None
        torn, _ = verified(path)
        for line in torn:
            typer.echo(f"error: {line}", err=True)
        if torn:
            raise typer.Exit(FAILED)
        lines = verified_again(history, simulation, threads)
    for same, line in lines:
        typer.echo(line)
        if not same:
            raise typer.Exit(FAILED)
