"""Recordings: the frames of a run in a folder, to be looked at later.

    meta.json           the world's description
    models.wvm          own models, each a u64 length and bytes of `viewer.triangles`
    frames-000000.wvf   whole frames, each a u64 length and bytes of `partitions.frames`; a new file every 256 MB
    index.jsonl         a line per frame, {"tick", "file", "offset", "size"}, written after the frame

A frame counts once its line is whole, so a run that is killed leaves a recording that can be read.
"""

from __future__ import annotations

import json
import struct
import threading
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from partitions.frames import Frame, FrameError, decode
from viewer.triangles import TriangleError, Triangles, decode_triangles, encode_triangles

__all__ = ["Recorder", "Recording", "RecordingError"]

FILE_BYTES = 256 << 20
_LENGTH = struct.Struct("<Q")
META, MODELS, INDEX = "meta.json", "models.wvm", "index.jsonl"


class RecordingError(ValueError):
    """A folder that holds no recording, or one that cannot take one."""


class Recorder:
    """Writes a recording.

    Args:
        folder: made if it is not there; must be empty.
        meta: the world's description.
        models: name -> (positions, normals) of the models that it names.
        every: ticks between two frames, at least.

    Raises:
        RecordingError: there is something in the folder, or it cannot be written.
    """

    def __init__(
        self,
        folder: Path | str,
        meta: Mapping[str, Any],
        models: Mapping[str, tuple[NDArray[Any], NDArray[Any]]] | None = None,
        every: int = 1,
    ) -> None:
        self.folder, self.every = Path(folder), every
        self._last: int | None = None
        self._file: Any = None
        self._busy = threading.Lock()
        self._number, self._offset = -1, 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(self.folder.iterdir()):
                raise RecordingError(
                    f"A recording into {self.folder} was asked for; allowed is an empty folder, or one to be made.\n"
                    "Its frames would be mixed up with what is there.\n"
                    "Choose another folder, or empty this one."
                )
            (self.folder / META).write_text(json.dumps(dict(meta)), encoding="utf-8")
            packed = [encode_triangles(name, *arrays) for name, arrays in (models or {}).items()]
            if packed:
                (self.folder / MODELS).write_bytes(b"".join(_LENGTH.pack(len(each)) + each for each in packed))
            self._index = (self.folder / INDEX).open("ab", buffering=0)
        except OSError as error:
            raise RecordingError(_unusable(self.folder, str(error))) from error

    def due(self, tick: int) -> bool:
        """Whether the frame of this tick is to be written."""
        return self._last is None or tick >= self._last + self.every or tick < self._last

    def write(self, tick: int, frame: bytes) -> bool:
        """Append a whole frame if it is due; returns whether it was.

        Raises:
            OSError: the disk is full or gone.
        """
        with self._busy:
            if not self.due(tick):
                return False
            if self._file is None or self._offset + _LENGTH.size + len(frame) > FILE_BYTES:
                if self._file is not None:
                    self._file.close()
                self._number, self._offset = self._number + 1, 0
                self._name = f"frames-{self._number:06d}.wvf"
                self._file = (self.folder / self._name).open("ab", buffering=0)
            for piece in (_LENGTH.pack(len(frame)), frame):
                _write_all(self._file, piece)
            place = {"tick": tick, "file": self._name, "offset": self._offset + _LENGTH.size, "size": len(frame)}
            _write_all(self._index, json.dumps(place).encode() + b"\n")
            self._offset += _LENGTH.size + len(frame)
            self._last = tick
            return True

    def close(self) -> None:
        """Close the files, once what is being written is whole."""
        with self._busy:
            self._index.close()
            if self._file is not None:
                self._file.close()

    def __enter__(self) -> Recorder:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def _write_all(file: Any, data: bytes) -> None:
    """All of it: an unbuffered file may take less at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


@dataclass(frozen=True)
class _Place:
    file: str
    offset: int
    size: int


class Recording:
    """Reads a recording.

    Attributes:
        meta: the world's description, with "live": False and the ticks "first" and "last".
        models: name -> (positions, normals).
        ticks: those that it holds, ascending.

    Raises:
        RecordingError: the folder holds none, or one without frames.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        try:
            meta = json.loads((self.folder / META).read_text(encoding="utf-8"))
            lines = (self.folder / INDEX).read_bytes()
            sizes = {path.name: path.stat().st_size for path in self.folder.glob("frames-*.wvf")}
            models = (self.folder / MODELS).read_bytes() if (self.folder / MODELS).exists() else b""
        except (OSError, ValueError) as error:
            raise RecordingError(_unusable(self.folder, f"{type(error).__name__}: {error}")) from error
        places: dict[int, _Place] = {}
        # What follows the last newline was not finished; a frame that was shown again replaces the first one.
        for line in lines.split(b"\n")[:-1]:
            try:
                told = json.loads(line)
                tick, place = int(told["tick"]), _Place(str(told["file"]), int(told["offset"]), int(told["size"]))
            except (ValueError, KeyError, TypeError) as error:
                raise RecordingError(_unusable(self.folder, f"a line of {INDEX}: {line[:80]!r}")) from error
            if place.offset >= 0 and 0 <= place.size <= sizes.get(place.file, 0) - place.offset:
                places[tick] = place
        if not isinstance(meta, dict) or not places:
            raise RecordingError(_unusable(self.folder, "it has no whole frame"))
        self.ticks = tuple(sorted(places))
        self.meta: dict[str, Any] = meta | {"live": False, "first": self.ticks[0], "last": self.ticks[-1]}
        self.models = self._read_models(models)
        self._places = places

    def frame(self, tick: int) -> Frame:
        """The frame of a tick, or else the last one before it (the first one for a tick before all).

        Raises:
            RecordingError: it cannot be read any more.
        """
        place = self._places[self.ticks[max(0, bisect_right(self.ticks, tick) - 1)]]
        try:
            with (self.folder / place.file).open("rb") as file:
                file.seek(place.offset)
                return decode(file.read(place.size))
        except (OSError, FrameError) as error:
            raise RecordingError(_unusable(self.folder, f"{place.file}: {error}")) from error

    def _read_models(self, data: bytes) -> dict[str, Triangles]:
        models, at = {}, 0
        try:
            while at < len(data):
                (size,) = _LENGTH.unpack_from(data, at)
                at += _LENGTH.size
                name, positions, normals = decode_triangles(data[at : at + size])
                models[name] = (positions, normals)
                at += size
        except (struct.error, TriangleError) as error:
            raise RecordingError(_unusable(self.folder, f"{MODELS}: {error}")) from error
        return models


def _unusable(folder: Path, why: str) -> str:
    return (
        f"A recording in {folder} was asked for; {why}.\n"
        "There is nothing that could be shown.\n"
        "Name a folder that `weaver run --record-frames FOLDER` has written, on a disk with room."
    )
