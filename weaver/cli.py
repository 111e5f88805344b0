"""The command `weaver`. Nothing heavy is imported before a command needs it: `weaver --help` answers at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from weaver.cli_options import PARTITIONS as _PARTITIONS
from weaver.cli_options import THREADS as _THREADS
from weaver.cli_options import TICKS as _TICKS
from weaver.cli_options import VIEWS
from weaver.cli_options import WORKERS as _WORKERS
from weaver.cli_options import image as _image
from weaver.cli_options import option as _option
from weaver.cli_options import parameters as _parameters
from weaver.cli_options import view as _view
from weaver.cli_options import whole as _whole
from weaver.cli_snapshots import app as snapshots_app
from weaver.cli_travel import app as travel_app
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

app.add_typer(snapshots_app, name="snapshot")
app.add_typer(travel_app)


def _number(within: Callable[[float], bool], allowed: str, otherwise: str, example: str) -> Callable[[str], float]:
    """A reader of numbers; `otherwise` says what one that is not `within` would lead to."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not within(number):
            raise typer.BadParameter(f"{text} was asked for; {allowed}.\n{otherwise}\nWrite {example}.")
        return number

    return read


def _positive(number: float) -> bool:
    return 0 < number < float("inf")


def _csv(text: str) -> Path:
    return _file(text, ".csv", "The observations", "--observations numbers.csv")


def _plot(text: str) -> Path:
    return _file(text, ".png", "The plot", "--plot numbers.png")


def _file(text: str, suffix: str, what: str, example: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != suffix or not path.absolute().parent.is_dir():
        raise typer.BadParameter(
            f"{text} was asked for; allowed is a name that ends in {suffix}, in a folder that exists.\n"
            f"{what} could not be written when the run has ended.\n"
            f"Write {example}."
        )
    return path


def _folder(text: str) -> Path:
    from weaver.load import UsageError
    from weaver.viewing import folder_of

    try:
        return folder_of(text)
    except UsageError as error:
        raise typer.BadParameter(str(error)) from None


def _fresh(record: Path) -> None:
    from weaver.errors import RecordError
    from weaver.recording import check_folder

    try:
        check_folder(record)
    except RecordError as error:
        raise typer.BadParameter(str(error), param_hint="'--record'") from None


def _names(text: str) -> list[str]:
    names = [name.strip() for name in str(text).split(",")]
    if not all(part.isidentifier() for name in names for part in name.split(".", 1)):
        raise typer.BadParameter(
            f"{text} was asked for; allowed are names of types, layers, and their fields, with commas between them.\n"
            f"Nobody could tell what to record.\n"
            f"Write --fields Bird.position,Bird.velocity,Grass."
        )
    return names


def _area(text: str) -> tuple[list[float], list[float]]:
    try:
        numbers = [float(number) for number in str(text).split(",")]
    except ValueError:
        numbers = []
    dim = len(numbers) // 2
    if len(numbers) not in (4, 6) or not all(a < b for a, b in zip(numbers[:dim], numbers[dim:], strict=True)):
        raise typer.BadParameter(
            f"{text} was asked for; allowed is the low corner and then the high one, 4 numbers in two dimensions and 6 "
            f"in three.\n"
            f"Nobody could be said to be inside.\n"
            f"Write --area 0,0,100,100."
        )
    return numbers[:dim], numbers[dim:]


def _public(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise typer.BadParameter(
            f"{text} was asked for; allowed is an address like https://host/city/.\n"
            f"The links that are printed would lead nowhere.\n"
            f"Write what people type into their browser, without ? and #."
        )
    return text


def _cluster(text: str) -> str:
    if text.startswith("ray://"):
        raise typer.BadParameter(
            f"{text} was asked for; a cluster is joined by auto or host:port.\n"
            f"Through ray:// the run would sit behind a proxy of Ray's, which hands no shared memory on, and does not "
            f"tell in time when a worker dies.\n"
            f"Start the run on a node of the cluster (ray job submit does) with --cluster auto."
        )
    return text


def _interval(text: str) -> str:
    return _checked(text, "read_interval")


def _policy(text: str) -> str:
    return _checked(text, "read_policy")


def _checked(text: str, reader: str) -> str:
    from weaver import archive

    try:
        getattr(archive, reader)(text)
    except WeaverError as error:
        raise typer.BadParameter(str(error)) from None
    return text


_RATE = _number(
    _positive,
    "allowed is a positive number of ticks per second",
    "The run would stand still, or have no pace at all.",
    "--rate 30, or leave it out for as fast as possible",
)
_MEGABYTES = _number(
    _positive,
    "allowed is a positive number of megabytes per second",
    "Viewers would see nothing.",
    "--view-bandwidth 20, or leave it out for no bound",
)
_FPS = _number(
    lambda hz: 0.1 <= hz <= 240,
    "allowed are 0.1 to 240 pictures per second",
    "No player would show the movie so.",
    "--fps 30",
)
_PORT = _whole(0, 65535, "There is no such port.", "--port 8000, or 0 for a free one")
_EVERY = _whole(1, 1 << 40, "No frame would ever be due.", "--frames-every 10")
_RECORDED = _whole(1, (1 << 40) - 1, "No tick would ever be due.", "--every 10")
_SEED = _whole(0, (1 << 64) - 1, "Random numbers are keyed by 64 bits of it.", "--seed 7")


_APART = _whole(1, 1 << 40, "The movie would stand still, or run backwards.", "--every 2")
_QUALITY = _whole(0, 63, "ffmpeg knows no other.", "--quality 20")


def _size(text: str) -> tuple[int, int]:
    width, _, height = str(text).lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 8192 and 16 <= int(height) <= 8192):
        raise typer.BadParameter(
            f"{text} was asked for; allowed is WIDTHxHEIGHT, each from 16 to 8192 pixels.\n"
            f"Such a picture could not be drawn.\n"
            f"Write --size 1920x1080."
        )
    return int(width), int(height)


@app.command("run")
def run_app(
    name: Annotated[str, typer.Argument(metavar="APP", help="Path of an app, or the name of a bundled one.")],
    ticks: Annotated[int | None, _option(_TICKS, "N", "Ticks to run; by default what the app's own run says.")] = None,
    workers: Annotated[int | None, _option(_WORKERS, "W", "Run on so many Ray workers; without it, here.")] = None,
    threads: Annotated[int, _option(_THREADS, "T", "Threads of each worker.")] = 1,
    partitions: Annotated[int | None, _option(_PARTITIONS, "P", "Partitions; by default one per worker.")] = None,
    seed: Annotated[int | None, _option(_SEED, "S", "In place of the app's seed.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter before the app runs.")
    ] = None,
    rate: Annotated[float | None, _option(_RATE, "HZ", "Start at most so many ticks per second.")] = None,
    view: Annotated[
        str,
        _option(
            _view,
            "|".join(VIEWS),
            "Show the run: page in a browser, window on this screen. Without --ticks it runs until Ctrl-C.",
        ),
    ] = "none",
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Where the page listens; by default on this machine alone.")
    ] = None,
    port: Annotated[int | None, _option(_PORT, "N", "Port of the page; by default a free one.")] = None,
    public_url: Annotated[
        str | None, _option(_public, "URL", "Address by which people reach the page through a proxy.", "--public-url")
    ] = None,
    bandwidth: Annotated[
        float | None, _option(_MEGABYTES, "MB", "Megabytes per second for all viewers together.", "--view-bandwidth")
    ] = None,
    record: Annotated[
        Path | None, _option(Path, "DIR", "Record the run into this folder, as Parquet files.", "--record")
    ] = None,
    every: Annotated[int | None, _option(_RECORDED, "N", "Record the ticks that N divides; by default all.")] = None,
    fields: Annotated[
        Any, _option(_names, "NAMES", "Record these types, layers or fields alone: Bird.position,Grass.", "--fields")
    ] = None,
    area: Annotated[
        Any, _option(_area, "CORNERS", "Record what is between these corners alone: 0,0,100,100.", "--area")
    ] = None,
    record_frames: Annotated[
        Path | None, _option(_folder, "DIR", "Record frames into this folder, for weaver view.", "--record-frames")
    ] = None,
    frames_every: Annotated[
        int | None, _option(_EVERY, "N", "Ticks between two recorded frames, at least.", "--frames-every")
    ] = None,
    image: Annotated[Path | None, _option(_image, "FILE", "Write a picture (PNG) of the last tick.")] = None,
    observations: Annotated[Path | None, _option(_csv, "FILE", "Write what was observed (CSV).")] = None,
    plot: Annotated[
        Path | None, _option(_plot, "FILE", "Draw what was observed over time (PNG); needs matplotlib.")
    ] = None,
    cluster: Annotated[
        str | None, _option(_cluster, "ADDRESS", 'Join this Ray cluster: "auto" or host:port; needs --workers.')
    ] = None,
    snapshots: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Keep snapshots and all commands in this folder, or s3://bucket/name."),
    ] = None,
    snapshot_every: Annotated[
        str | None,
        _option(_interval, "N|TIME", "Archive a snapshot every N ticks, or 30s, 10m, 2h.", "--snapshot-every"),
    ] = None,
    keep: Annotated[
        str | None, _option(_policy, "RULES", "Of the archive keep daily=7,weekly=4; by default all.")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="PATH|auto", help="Go on from a snapshot or a kept run; auto: from --snapshots, if any."),
    ] = None,
    allow_changed: Annotated[
        bool, typer.Option("--allow-changed", help="Go on although behaviors of the app have changed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="stdout is one JSON object.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="On an error, show Python's traceback.")] = False,
) -> None:
    """Run an app."""
    from weaver.load import UsageError
    from weaver.serving import MEGABYTE, Serving, Views
    from weaver.session import Session

    if view == "none":
        _needs("--view page", ("--host", host), ("--port", port), ("--public-url", public_url))
        if record_frames is None:
            _needs("--view page", ("--view-bandwidth", bandwidth))
    if record_frames is None:
        _needs("--record-frames DIR", ("--frames-every", frames_every))
    if record is None:
        _needs("--record DIR", ("--every", every), ("--fields", fields), ("--area", area))
    elif resume is None:
        _fresh(record)
    if cluster is not None and workers is None:
        raise typer.BadParameter(
            f"{cluster} was asked for without --workers; a run on a cluster has a number of workers.\n"
            f"It would run in this process alone.\n"
            f"Write --workers 2 --cluster {cluster}.",
            param_hint="'--cluster'",
        )
    if snapshots is None:
        _needs("--snapshots DIR", ("--snapshot-every", snapshot_every), ("--keep", keep))
        if resume == "auto":
            _needs("--snapshots DIR", ("--resume", resume))
    if resume is None:
        _needs("--resume PATH", ("--allow-changed", allow_changed or None))
    parameters = _parameters(values or [])
    serving = Serving(
        Views(view), host or "127.0.0.1", port or 0, public_url, bandwidth and bandwidth * MEGABYTE, record_frames,
        frames_every or 1,
    )  # fmt: skip
    session = Session(
        name, seed=seed, parameters=parameters, ticks=ticks, workers=workers, threads=threads, partitions=partitions,
        cluster=cluster, rate=rate, serving=serving, image=image, observations=observations, plot=plot,
        as_json=as_json, snapshots=snapshots, snapshot_every=snapshot_every, keep=keep, resume=resume,
        allow_changed=allow_changed,
        record=record, every=every or 1, fields=fields, area=area,
    )  # fmt: skip
    try:
        code = session.run()
    except UsageError as error:
        code = _fail(error, traceback, USAGE)
    except WeaverError as error:
        code = _fail(error, traceback, FAILED)
    raise typer.Exit(code)


@app.command("view")
def view_it(
    where: Annotated[
        str, typer.Argument(metavar="URL|DIR", help="A link that a run has printed, or a folder of recorded frames.")
    ],
    window: Annotated[bool, typer.Option("--window", help="Open a window in place of the browser.")] = False,
    port: Annotated[int, _option(_PORT, "N", "Port for a recording; by default a free one.")] = 0,
    loop: Annotated[bool, typer.Option("--loop", help="Play a recording again and again.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the links.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="On an error, show Python's traceback.")] = False,
) -> None:
    """Look at a run by its link, or at a recording."""
    from weaver.load import UsageError
    from weaver.viewing import Viewing

    try:
        code = Viewing(where, window, not no_browser, port, loop).run()
    except UsageError as error:
        code = _fail(error, traceback, USAGE)
    except WeaverError as error:
        code = _fail(error, traceback, FAILED)
    raise typer.Exit(code)


@app.command("render")
def render_it(
    what: Annotated[str, typer.Argument(metavar="APP|DIR", help="An app, or a folder of recorded frames.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="PATH", help="NAME.mp4 or NAME.webm, NAME.png (the last tick), or a folder of pictures."
        ),
    ],
    ticks: Annotated[int | None, _option(_TICKS, "N", "Last tick; by default what the app or recording says.")] = None,
    every: Annotated[int, _option(_APART, "K", "Ticks from picture to picture.")] = 1,
    fps: Annotated[float, _option(_FPS, "HZ", "Pictures per second of a movie.")] = 30.0,
    camera: Annotated[
        str | None,
        typer.Option("--camera", metavar="A,E,Z|top", help='Azimuth, elevation and zoom, "-35,31,1", or top.'),
    ] = None,
    turn: Annotated[
        float, typer.Option("--turn", metavar="DEGREES", help="Go around the world, from first to last picture.")
    ] = 0.0,
    colour: Annotated[
        str | None,
        typer.Option("--colour", metavar="FIELD", help="Colour by a field (energy, Bird.energy), direction or type."),
    ] = None,
    legend: Annotated[bool, typer.Option("--legend", help="Write into the pictures what the colours mean.")] = False,
    size: Annotated[Any, _option(_size, "WxH", "Pixels, as 1920x1080.")] = None,
    quality: Annotated[int | None, _option(_QUALITY, "CRF", "Of a movie; 18 is large and good, 40 small.")] = None,
    workers: Annotated[int | None, _option(_WORKERS, "W", "Run on so many Ray workers; without it, here.")] = None,
    threads: Annotated[int, _option(_THREADS, "T", "Threads of each worker.")] = 1,
    partitions: Annotated[int | None, _option(_PARTITIONS, "P", "Partitions; by default one per worker.")] = None,
    seed: Annotated[int | None, _option(_SEED, "S", "In place of the app's seed.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter before the app runs.")
    ] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="On an error, show Python's traceback.")] = False,
) -> None:
    """Make a movie, pictures or a still, with no display."""
    from weaver.load import UsageError
    from weaver.rendering import Rendering

    rendering = Rendering(
        what, out, ticks=ticks, every=every, fps=fps, camera=camera, turn=turn, colour=colour, legend=legend, size=size,
        quality=quality, seed=seed, parameters=_parameters(values or []), workers=workers, threads=threads,
        partitions=partitions,
    )  # fmt: skip
    try:
        code = rendering.run()
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


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="APP", help="File, folder with main.py, or bundled app.")],
    values: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter.")] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="On an error, show Python's traceback.")] = False,
) -> None:
    """Say all that is wrong with an app before it runs; nothing, and exit code 0, if it can run."""
    from weaver.load import UsageError, load_app

    try:
        _, simulation = load_app(name, parameters=_parameters(values or []))
        faults = simulation.check()
    except UsageError as error:
        raise typer.Exit(_fail(error, traceback, USAGE)) from None
    except WeaverError as error:
        raise typer.Exit(_fail(error, traceback, FAILED)) from None
    for fault in faults:
        _fail(fault, traceback, FAILED)
    if faults:
        raise typer.Exit(FAILED)
    typer.echo(f"{simulation.name}: nothing is wrong")


def _needs(what: str, *given: tuple[str, Any]) -> None:
    """Refuse options that mean nothing without another."""
    for name, value in given:
        if value is not None:
            raise typer.BadParameter(
                f"{value} was asked for without {what.partition(' ')[0]}.\n"
                f"Nobody would see a difference.\n"
                f"Add {what}, or leave {name} out.",
                param_hint=f"'{name}'",
            )


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
