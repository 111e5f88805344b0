"""Where pictures go: a movie by ffmpeg, a folder of PNGs, or one PNG; written aside, so that none is seen half."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viewer.image import write_bytes
from viewer.png import encode
from viewer.render import ImageError

MOVIES = (".mp4", ".webm")
END_SECONDS = 120.0
Picture = NDArray[np.uint8]

_CODECS = {
    # 4:2:0 is what every browser plays; the index goes to the front, so that it plays while it loads.
    ".mp4": ["-c:v", "libx264", "-preset", "medium", "-movflags", "+faststart"],
    ".webm": ["-c:v", "libvpx-vp9", "-b:v", "0", "-row-mt", "1", "-deadline", "good", "-cpu-used", "4"],
}
_QUALITY = {".mp4": 20, ".webm": 32}


class Sink(Protocol):
    """Takes pictures; outside of its `with` statement everything is written, or, after an error, nothing."""

    def add(self, picture: Picture, tick: int) -> None:
        """Take the next picture."""

    def __enter__(self) -> Sink:
        """Itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, or after an error leave nothing behind."""


def open_sink(path: Path, size: tuple[int, int], fps: float = 30.0, quality: int | None = None) -> Sink:
    """What writes to a path: NAME.mp4 or NAME.webm a movie, NAME.png the last picture, a folder one PNG for each.

    Args:
        path: where to.
        size: width and height of the pictures.
        fps: pictures per second of a movie.
        quality: its constant rate factor, less is better; None: 20 for mp4, 32 for webm.

    Raises:
        ImageError: the folder above does not exist, the ending is another, or there is no ffmpeg for a movie.
    """
    check_sink(path)
    if path.suffix.lower() in MOVIES:
        return Movie(path, size, fps, quality)
    return Still(path) if path.suffix.lower() == ".png" else Folder(path)


def check_sink(path: Path) -> None:
    """Say at once what would fail at the end, see `open_sink`."""
    above = path.absolute().parent
    if not above.is_dir():
        raise ImageError(
            f"Pictures were to go to {path}, and the folder {above} does not exist.\n"
            f"They could not be written after all the work.\n"
            f"Make the folder first, or name another one."
        )
    suffix = path.suffix.lower()
    if suffix not in (*MOVIES, ".png", "") and not path.is_dir():
        raise ImageError(
            f"Pictures were to go to {path}; allowed are names that end in {', '.join(MOVIES)} or .png, and folders.\n"
            f"It is not known how to write the others.\n"
            f"Write --out {path.with_suffix('.mp4').name}, or --out {path.stem}/ for a folder of pictures."
        )
    if suffix in MOVIES:
        ffmpeg()
    elif suffix != ".png" and path.exists() and not path.is_dir():
        raise ImageError(
            f"Pictures were to go to the folder {path}, and there is a file of that name.\n"
            f"It would be lost.\n"
            f"Name another folder, or a name that ends in .mp4."
        )


def ffmpeg() -> str:
    """The program: the one on the path, else the one that the package imageio-ffmpeg carries.

    Raises:
        ImageError: there is neither.
    """
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        carried = importlib.import_module("imageio_ffmpeg")
        return str(carried.get_ffmpeg_exe())
    except (ModuleNotFoundError, RuntimeError) as error:
        raise ImageError(
            "A movie was asked for, and there is no ffmpeg on this machine, which writes it.\n"
            "Pictures could be drawn, but not put together.\n"
            "Run `pip install imageio-ffmpeg` or `apt-get install ffmpeg`, or name a folder for single pictures."
        ) from error


class Movie:
    """Pipes pictures to ffmpeg."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float, quality: int | None = None) -> None:
        """Start ffmpeg, which writes beside `path`."""
        self._path = path.absolute()
        self._aside = self._path.with_name(f".{self._path.stem}.part{self._path.suffix}")
        suffix = self._path.suffix.lower()
        self._process = subprocess.Popen(
            [
                ffmpeg(), "-y", "-loglevel", "error",
                "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:g}", "-i", "-",
                "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", *_CODECS[suffix],
                "-crf", str(_QUALITY[suffix] if quality is None else quality), "-pix_fmt", "yuv420p",
                str(self._aside),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches us, and we end it
        )  # fmt: skip

    def add(self, picture: Picture, tick: int) -> None:
        """Append a picture.

        Raises:
            ImageError: ffmpeg has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).data)
        except BrokenPipeError:
            self._finish()

    def __enter__(self) -> Movie:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let ffmpeg finish, and give the movie its name."""
        try:
            if error is not None:
                if self._process.returncode is None:
                    self._process.kill()
                    self._process.communicate()
            else:
                self._finish()
                os.replace(self._aside, self._path)
        finally:
            self._aside.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Let it write all.

        Raises:
            ImageError: it could not.
        """
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # its exit code tells why
                self._process.stdin.close()
            self._process.stdin = None
        said = self._process.communicate(timeout=END_SECONDS)[1].decode(errors="replace").strip().splitlines()
        if self._process.returncode:
            raise ImageError(
                f"The movie {self._path} was asked for, and ffmpeg ended with {self._process.returncode}"
                f"{': ' + said[-1] if said else ''}.\n"
                f"There is no movie.\n"
                f"Name a file in a folder that you may write to, or a folder for single pictures."
            )


class Folder:
    """Writes frame-000000.png, frame-000001.png and so on into a folder, which is made if need be."""

    def __init__(self, path: Path) -> None:
        """Nothing is written yet."""
        self._path, self._written = path.absolute(), 0

    def add(self, picture: Picture, tick: int) -> None:
        """Write a picture."""
        self._path.mkdir(exist_ok=True)
        write_bytes(self._path / f"frame-{self._written:06d}.png", encode(picture, 3))
        self._written += 1

    def __enter__(self) -> Folder:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Each picture is written already."""


class Still:
    """Writes the last picture."""

    def __init__(self, path: Path) -> None:
        """Nothing is written before the end."""
        self._path = path.absolute()
        self._last: Picture | None = None

    def add(self, picture: Picture, tick: int) -> None:
        """Keep it in place of the one before."""
        self._last = picture

    def __enter__(self) -> Still:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write it."""
        if error is None and self._last is not None:
            write_bytes(self._path, encode(self._last, 9))
