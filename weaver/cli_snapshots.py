"""The command `weaver snapshot`: what there is in snapshots, whether they are whole, and how two differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weaver.cli_options import attempt

app = typer.Typer(
    help="List, check, export and compare snapshots.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)

_PATH = typer.Argument(metavar="PATH", help="A snapshot, or the folder of a run that was kept.")
_TRACEBACK = typer.Option("--traceback", help="On an error, show Python's traceback.")
FORMATS = (".parquet", ".csv")


@app.command("ls")
def list_them(path: Annotated[str, _PATH], traceback: Annotated[bool, _TRACEBACK] = False) -> None:
    """List the snapshots of a run, oldest first."""

    def work() -> None:
        from weaver.inspecting import listing

        for line in listing(path):
            typer.echo(line)

    attempt(work, traceback)


@app.command()
def info(path: Annotated[str, _PATH], traceback: Annotated[bool, _TRACEBACK] = False) -> None:
    """Say what a snapshot holds."""

    def work() -> None:
        from weaver.inspecting import described

        for line in described(path):
            typer.echo(line)

    attempt(work, traceback)


@app.command()
def verify(path: Annotated[str, _PATH], traceback: Annotated[bool, _TRACEBACK] = False) -> None:
    """Read every file, and say what is torn; exit code 1 if anything is."""

    def work() -> None:
        from weaver.inspecting import verified

        wrong, said = verified(path)
        for line in said:
            typer.echo(line)
        for line in wrong:
            typer.echo(f"error: {line}", err=True)
        if wrong:
            raise typer.Exit(1)

    attempt(work, traceback)


@app.command()
def export(
    path: Annotated[str, _PATH],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A folder; each type and layer is a file in it.")],
    format: Annotated[str, typer.Option(metavar="parquet|csv", help="Of the files.")] = "parquet",
    traceback: Annotated[bool, _TRACEBACK] = False,
) -> None:
    """Write entities and layers of a snapshot as tables."""
    if f".{format}" not in FORMATS:
        raise typer.BadParameter(
            f"{format} was asked for; allowed are parquet and csv.\n"
            f"Other programs could not be told what they get.\n"
            f"Write --format csv.",
            param_hint="'--format'",
        )

    def work() -> None:
        from weaver.inspecting import exported

        for line in exported(path, out, format):
            typer.echo(line)

    attempt(work, traceback)


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A snapshot.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    most: Annotated[int, typer.Option("--most", metavar="N", help="Of each type show so many that differ.")] = 10,
    traceback: Annotated[bool, _TRACEBACK] = False,
) -> None:
    """Say in what two snapshots differ; exit code 1 if they do."""

    def work() -> None:
        from weaver.inspecting import differences

        lines = differences(a, b, most)
        for line in lines:
            typer.echo(line)
        if lines:
            raise typer.Exit(1)
        typer.echo("no difference")

    attempt(work, traceback)
