"""Renderer: a process by Open3D that draws frame after frame, with no display.

Whatever the graphics driver does to it, the run goes on. Over its stdin come a head, then frames; over its stdout go
the pictures: u32 length of a text (0: none, the picture follows), then the text, or height x width x 3 bytes.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from partitions.frames import Frame, decode, encode
from viewer.camera import Camera
from viewer.child import end, spawn
from viewer.legend import Legend
from viewer.look import Look
from viewer.open3d_loader import Open3DMissing

LONGEST_SIDE = 1280
SMALLEST, LARGEST = 16, 8192
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
Models = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]


class ImageError(RuntimeError):
    """A picture could not be drawn or written; the message says what is missing."""


class Renderer:
    """Draws frames of one world; close it, or use it in a `with` statement.

    Attributes:
        size: width and height of its pictures.
    """

    def __init__(
        self,
        meta: Mapping[str, Any],
        size: tuple[int, int] | None = None,
        *,
        camera: Camera | None = None,
        colour: str | None = None,
        legend: bool = False,
        models: Models | None = None,
    ) -> None:
        """Start the process.

        Args:
            meta: the world description, see `viewer.hub.Hub.start`.
            size: width and height in pixels; by default 1280 on the longer side, a map in its own proportions, else
                16:9.
            camera: by default a map from above, and space from aside.
            colour: what to colour by, see `viewer.look.Look`.
            legend: write into the pictures what the colours mean, and the tick.
            models: positions and normals of the types' own models, by name.

        Raises:
            viewer.look.LookError: nobody has the field to colour by.
            ImageError: the size is not drawn.
        """
        Look(meta, colour)  # raises here rather than there
        self.size = size or default_size(meta, legend)
        if not all(SMALLEST <= side <= LARGEST for side in self.size):
            raise ImageError(
                f"A picture of {self.size[0]}x{self.size[1]} was asked for; allowed are {SMALLEST} to {LARGEST} pixels "
                f"on each side.\n"
                f"It could not be drawn.\n"
                f"Write --size 1280x720."
            )
        self._waiting = 0
        self._process = spawn("viewer.render", stderr=subprocess.DEVNULL)
        told = {
            "meta": meta,
            "size": self.size,
            "camera": asdict(camera or Camera.usual(meta)),
            "colour": colour,
            "legend": legend,
            "models": {
                name: [np.asarray(a, float).reshape(-1).tolist() for a in m] for name, m in (models or {}).items()
            },
        }
        self._send(json.dumps(told).encode())

    def ask(self, frame: Frame, turned: float = 0.0) -> None:
        """Let a frame be drawn, from so many degrees further around the world; `take` gives the picture.

        Raises:
            ImageError: the process has ended.
        """
        assert not self._waiting, "one at a time, or both sides would wait for the other to read"
        self._send(struct.pack("<d", turned) + encode(frame))
        self._waiting += 1

    def take(self) -> NDArray[np.uint8]:
        """Wait for the picture of the frame that was asked for, (height, width, 3).

        Raises:
            ImageError: it could not be drawn.
        """
        self._waiting -= 1
        said = _exactly(self._process.stdout, _U32.size)
        if said is not None and (length := _U32.unpack(said)[0]):
            text = _exactly(self._process.stdout, length) or b""
            raise ImageError(text.decode(errors="replace"))
        width, height = self.size
        data = None if said is None else _exactly(self._process.stdout, width * height * 3)
        if data is None:
            raise self._ended()
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)

    def draw(self, frame: Frame, turned: float = 0.0) -> NDArray[np.uint8]:
        """Draw a frame, (height, width, 3).

        Raises:
            ImageError: it could not be drawn.
        """
        self.ask(frame, turned)
        return self.take()

    def close(self) -> None:
        """End the process."""
        end(self._process, 0.0)

    def __enter__(self) -> Renderer:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(_U64.pack(len(data)))
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError:
            # It may have said why before it ended.
            self._process.stdin = None
            self._waiting = 1
            self.take()
            raise self._ended() from None

    def _ended(self) -> ImageError:
        code = self._process.wait()
        return ImageError(
            f"A picture of {self.size[0]}x{self.size[1]} was asked for; Open3D's process ended with {code} before.\n"
            "There is no picture.\n"
            "Run `apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri`, or lower the size."
        )


def default_size(meta: Mapping[str, Any], legend: bool = False) -> tuple[int, int]:
    """Width and height in pixels that suit the world, and a legend below a map; even, as movies want them."""
    if meta["dim"] == 3:
        return LONGEST_SIDE, LONGEST_SIDE * 9 // 16
    wide, tall = (meta["high"][k] - meta["low"][k] for k in (0, 1))
    share = LONGEST_SIDE / max(wide, tall)
    width, height = max(320, 2 * round(wide * share / 2)), max(320, 2 * round(tall * share / 2))
    return width, height + (2 * round(min(width, height) * 0.036) if legend else 0)


def _exactly(stream: IO[bytes] | None, size: int) -> bytes | None:
    """So many bytes, or None at the end."""
    assert stream is not None
    data = stream.read(size)
    return data if len(data) == size else None


def _received(stream: IO[bytes]) -> bytes | None:
    head = _exactly(stream, _U64.size)
    return None if head is None else _exactly(stream, _U64.unpack(head)[0])


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """The child of `Renderer`: draw what comes until nothing comes any more."""
    from viewer.painter import Painter, PaintError

    head = _received(source)
    if head is None:
        return
    told = json.loads(head)
    meta, size = told["meta"], tuple(told["size"])
    look, camera = Look(meta, told["colour"]), Camera(**told["camera"])
    models = {name: (np.array(p).reshape(-1, 3), np.array(n).reshape(-1, 3)) for name, (p, n) in told["models"].items()}
    try:
        legend, strip = (Legend(size) if told["legend"] else None), 0
        caption = f"{meta['app']}, tick {{:,}}"
        if legend is not None and meta["dim"] == 2:
            strip = min(legend.strip(look.legend(), caption.format(meta.get("ticks") or 10**6)), size[1] // 2)
        painter = Painter(meta, (size[0], size[1] - strip), camera, look, models)
        while (asked := _received(source)) is not None:
            (turned,) = struct.unpack_from("<d", asked)
            painter.camera = camera.turned(turned)
            frame = decode(memoryview(asked)[8:])
            picture = painter.paint(frame)
            if legend is not None:
                said = (look.legend(), caption.format(frame.tick))
                picture = legend.below(picture, *said, strip) if strip else legend.upon(picture, *said)
            sink.write(_U32.pack(0))
            sink.write(np.ascontiguousarray(picture).tobytes())
            sink.flush()
    except (PaintError, Open3DMissing) as error:
        _say(sink, str(error))
    except ModuleNotFoundError as error:
        _say(
            sink,
            f"A legend was asked for, and the Python package {error.name} is not installed.\n"
            "The picture could not say what its colours mean.\n"
            "Run `pip install pillow`, or leave the legend out.",
        )


def _say(sink: IO[bytes], text: str) -> None:
    sink.write(_U32.pack(len(text.encode())) + text.encode())
    sink.flush()


def main() -> None:
    """Keep stdout for the pictures: Open3D writes to it too."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        serve(sys.stdin.buffer, sink)
    except BrokenPipeError:
        os._exit(1)  # nobody waits for the picture any more
    os._exit(0)  # the driver's own clean-up may crash; all is written


if __name__ == "__main__":
    main()
