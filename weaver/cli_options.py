"""Options: how the commands read what they are given. What is wrong is said before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from weaver.errors import WeaverError

FAILED, USAGE = 1, 2
VIEWS = ("none", "page", "window")


def whole(low: int, high: float, otherwise: str, example: str) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`; `otherwise` says what another number would lead to."""

    def read(text: str) -> int:
        number = int(text) if str(text).removeprefix("-").isdecimal() else None
        if number is None or not low <= number <= high:
            top = f" to {high}" if high < float("inf") else ""
            raise typer.BadParameter(
                f"{text!s} was asked for; allowed are whole numbers from {low}{top}.\n{otherwise}\nWrite {example}."
            )
        return number

    return read


def view(text: str) -> str:
    """How a run is shown."""
    if text not in VIEWS:
        raise typer.BadParameter(
            f"{text!r} was asked for; allowed are {', '.join(VIEWS)}.\n"
            f"There would be nothing to look at.\n"
            f"Write --view page for a page in the browser."
        )
    return text


def image(text: str) -> Path:
    """Where a picture goes."""
    path = Path(text)
    if path.suffix.lower() != ".png" or not path.absolute().parent.is_dir():
        raise typer.BadParameter(
            f"{text} was asked for; allowed is a name that ends in .png, in a folder that exists.\n"
            f"The picture could not be written when the run has ended.\n"
            f"Write --image {Path(path.name).with_suffix('.png') if path.name else 'flock.png'}."
        )
    return path


def option(parser: Callable[[str], Any], metavar: str, help: str, *names: str) -> Any:
    """An option with a reader of its own."""
    return typer.Option(*names, parser=parser, metavar=metavar, help=help)


def parameters(values: list[str]) -> dict[str, str]:
    """`["push=0.1"]` -> {"push": "0.1"}."""
    made = {}
    for value in values:
        name, equals, number = value.partition("=")
        if not equals or not name.isidentifier() or not number:
            raise typer.BadParameter(
                f"{value!r} was asked for; allowed is NAME=VALUE with the name of a parameter.\n"
                f"Nothing could be set.\n"
                f"Write --set {name if name.isidentifier() else 'match'}=0.1.",
                param_hint="'--set'",
            )
        made[name] = number
    return made


def attempt(work: Callable[[], Any], traceback: bool) -> None:
    """Do the work of a command; an error is told in the language's words, and decides the exit code."""
    from partitions.errors import RuntimeFault
    from weaver.errors import RunError
    from weaver.load import UsageError

    try:
        try:
            work()
        except RuntimeFault as fault:
            raise RunError(str(fault)) from fault
    except WeaverError as error:
        if traceback:
            import traceback as tracebacks

            tracebacks.print_exception(error)
        else:
            typer.echo(f"error: {error}", err=True)
        raise typer.Exit(USAGE if isinstance(error, UsageError) else FAILED) from None


TICKS = whole(0, 1 << 40, "Time does not run backwards, and not by parts of a tick.", "--ticks 1000")
WORKERS = whole(1, float("inf"), "Nobody would do the work.", "--workers 2, or leave it out to run in this process")
THREADS = whole(1, float("inf"), "Nobody would do the work.", "--threads 2")
PARTITIONS = whole(1, float("inf"), "The world would belong to nobody.", "--partitions 4")
