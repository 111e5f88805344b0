"""The command `weaver`. Nothing heavy is imported before a command needs it: `weaver --help` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weaver.errors import WeaverError

FAILED, USAGE = 1, 2
"""Exit codes; a run that SIGINT or SIGTERM stopped before its last tick exits with 130 or 143."""

app = typer.Typer(
    name="weaver",
    help="Run spatial simulations: one Python file, any number of partitions, the same bits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_Views = typer.Option(
    "--view",
    metavar="none|page|window",
    help="Show the run: page in a browser, window on this screen. Without --ticks it runs until Ctrl-C.",
)


@app.command("run")
def run_app(
    name: Annotated[str, typer.Argument(metavar="APP", help="Path of an app, or the name of a bundled one.")],
    ticks: Annotated[
        int | None, typer.Option(min=0, help="Ticks to run; by default what the app's own run says.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Run on so many Ray workers; without it, here.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each worker.")] = 1,
    partitions: Annotated[int | None, typer.Option(min=1, help="Partitions; by default one per worker.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=(1 << 64) - 1, help="In place of the app's seed.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter before the app runs.")
    ] = None,
    rate: Annotated[float | None, typer.Option(metavar="HZ", help="Start at most so many ticks per second.")] = None,
    view: Annotated[str, _Views] = "none",
    image: Annotated[Path | None, typer.Option(help="Write a picture (PNG) of the last tick.")] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help='Join this Ray cluster: "auto" or host:port.')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Last line of stdout: one JSON object.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="On an error, show Python's traceback.")] = False,
) -> None:
    """Run an app."""
    from weaver.load import UsageError
    from weaver.session import Session, Views

    if view not in ("none", "page", "window"):
        raise typer.BadParameter(f"{view!r} is not one of none, page, window", param_hint="--view")
    if rate is not None and not 0 < rate < float("inf"):
        raise typer.BadParameter(f"{rate:g} is not a positive number", param_hint="--rate")
    if cluster is not None and workers is None:
        raise typer.BadParameter("a cluster needs --workers", param_hint="--cluster")
    if image is not None and (image.suffix.lower() != ".png" or not image.absolute().parent.is_dir()):
        raise typer.BadParameter(f"{image} is not a .png file in a folder that exists", param_hint="--image")
    parameters = _parameters(values or [])
    session = Session(
        name, seed=seed, parameters=parameters, ticks=ticks, workers=workers, threads=threads, partitions=partitions,
        cluster=cluster, rate=rate, view=Views(view), image=image, as_json=as_json,
    )  # fmt: skip
    try:
        code = session.run()
    except UsageError as error:
        code = _fail(error, traceback, USAGE)
    except WeaverError as error:
        code = _fail(error, traceback, FAILED)
    raise typer.Exit(code)


@app.command()
def apps() -> None:
    """List the bundled apps."""
    from weaver.load import bundled_apps

    listed = bundled_apps()
    width = max((len(name) for name, _ in listed), default=0)
    for name, line in listed:
        typer.echo(f"{name:{width}}  {line}")


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="APP", help="Path of an app, or the name of a bundled one.")],
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter before the app runs.")
    ] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="On an error, show Python's traceback.")] = False,
) -> None:
    """Show what an app compiles to: phases, reads, writes, exchanges, and the kernel text."""
    from weaver.load import UsageError, load_app

    try:
        _, simulation = load_app(name, parameters=_parameters(values or []))
        from weaver.compiler.explain import explain as explained

        typer.echo(explained(simulation))
    except UsageError as error:
        raise typer.Exit(_fail(error, traceback, USAGE)) from None
    except WeaverError as error:
        raise typer.Exit(_fail(error, traceback, FAILED)) from None


def _parameters(values: list[str]) -> dict[str, str]:
    made = {}
    for value in values:
        name, equals, number = value.partition("=")
        if not equals or not name.isidentifier() or not number:
            raise typer.BadParameter(f"{value!r} is not NAME=VALUE, like match=0.1", param_hint="--set")
        made[name] = number
    return made


def _fail(error: WeaverError, traceback: bool, code: int) -> int:
    if traceback:
        import traceback as tracebacks

        tracebacks.print_exception(error)
    else:
        typer.echo(f"error: {error}", err=True)
        if code == FAILED and error.__cause__ is not None:
            typer.echo("(--traceback shows where)", err=True)
    return code


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
