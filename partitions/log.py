"""The input log: everything that came from outside, in the order in which it acted, so that a replay has it again.

A state and the inputs after it are all there is to a run: ticks are recomputed to the bit. An entry is acknowledged
when it is safe on disk; a segment that ends within one was cut by a crash before that, and the piece does not count.
Each head has a checksum of its own, so that a flipped bit in a size is no end of the log.

On a disk a segment holds many entries, and is named by the number of the first; in an object store each is a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command, Letter, Rows
from partitions.errors import KeepingFault
from partitions.folder import Disk, Folder, FolderError, Memory, sync_folder
from partitions.manifest import Brief, reason
from partitions.store import Array

_START = struct.Struct("<4sIQ32s")
_CHECK = struct.Struct("<I")
_HEAD = _START.size + _CHECK.size
_MAGIC = b"WLG1"
_SUFFIX = ".wlog"
_MOST_HEAD = 1 << 28


class LogError(KeepingFault, ValueError):
    """A log cannot be used; the message names file and reason."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """New values of all parameters: those that are float64, and those that are int64."""

    reals: NDArray[np.float64]
    integers: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Promise:
    """Something that is to be done at a later tick; until then it changes nothing.

    Attributes:
        number: how many were made before it.
        tick: before which tick it is to be done.
        what: "add", "update", "put", "remove", "send" or "set".
        name: of the type or message.
        ids: (n,) of whom it concerns.
        columns: name -> (n,) values; of "set", name -> (1,).
    """

    number: int
    tick: int
    what: str
    name: str
    ids: NDArray[np.int64]
    columns: Mapping[str, Array]


Input = Command | Parameters | Promise


@dataclass(frozen=True, eq=False)
class Entry:
    """What came from outside at once.

    Attributes:
        number: how many entries came before it.
        tick: ticks done when it acted.
        inputs: in order.
        driver: what the driver keeps, as it was afterwards.
    """

    number: int
    tick: int
    inputs: tuple[Input, ...]
    driver: Mapping[str, Any] = field(default_factory=dict)


class Log:
    """Appends entries.

    Args:
        folder: where the log lies; what is in it already has been read.

    Raises:
        LogError: there is something else in it.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._starts = [_number(folder, name) for name in folder.names()]

    def append(self, entry: Entry, sync: bool = True) -> None:
        """Write an entry; it is safe when this returns, unless `sync` is False: then with the next that is.

        Raises:
            FolderError: it could not be written, and nothing of it counts.
        """
        content = encode(entry)
        if not isinstance(self._folder, Disk):
            self._folder.write(_name(entry.number), [content])
            self._starts.append(entry.number)
            return
        try:
            if self._file is None:
                self._file = self._begun(self._folder.path, entry.number)
            at = self._file.tell()
            try:
                if self._file.write(content) != len(content):
                    raise OSError(28, "no space is left for all of it")
                if sync:
                    os.fsync(self._file.fileno())
                if not os.fstat(self._file.fileno()).st_nlink:
                    raise OSError(2, "the file was removed")
            except OSError:
                file, self._file = self._file, None  # if the piece cannot be cut off, the next segment begins
                file.truncate(at)
                file.seek(at)
                self._file = file
                raise
        except OSError as error:
            raise FolderError(
                f"the input log {self._folder.address} was to take entry {entry.number}; that failed: "
                f"{error.strerror or error}.\n"
                f"What was asked for is not done, since a crash would lose it.\n"
                f"Make room or mend the place, and ask again."
            ) from error

    def _begun(self, path: Path, number: int) -> BinaryIO:
        """A new segment. One of that number that holds nothing whole was torn by a crash, and gives way."""
        path.mkdir(parents=True, exist_ok=True)
        if self._folder.size(_name(number)) is not None and any(_entries(self._folder, _name(number))):
            raise OSError(17, f"{_name(number)} is there, and holds other entries of these numbers")
        file = open(path / _name(number), "wb", buffering=0)  # noqa: SIM115  # kept open  # noqa: SIM115  # kept open
        sync_folder(path)
        if number not in self._starts:
            self._starts.append(number)
        return file

    def turn(self) -> None:
        """Let the next entry begin a new segment, so that the older ones can be cut.

        Raises:
            FolderError: entries that were not safe yet could not be made so.
        """
        file, self._file = self._file, None
        if file is not None:
            with file:
                try:
                    os.fsync(file.fileno())
                except OSError as error:
                    raise FolderError(
                        f"the input log {self._folder.address} was to be made safe; that failed: {error.strerror}.\n"
                        f"A loss of power could lose its last entries.\n"
                        f"Look at the disk."
                    ) from error

    def cut(self, before: int) -> None:
        """Remove the segments whose entries all come before entry number `before`."""
        starts = sorted(self._starts)
        for start, end in pairwise(starts):
            if end <= before:
                self._folder.remove(_name(start))
                self._starts.remove(start)

    def close(self) -> None:
        """Close the file."""
        self.turn()


def segments(folder: Folder) -> list[int]:
    """The number of the first entry of each segment.

    Raises:
        LogError: something else lies there.
    """
    return [_number(folder, name) for name in folder.names()]


def read_log(folder: Folder, since: int = 0) -> Iterator[Entry]:
    """The entries from number `since` on, in order.

    A piece at the end of a segment that a crash has cut does not count; the next segment goes on with its number.

    Raises:
        LogError: something else is torn, or entries are missing; names the file.
        FolderError: a file cannot be read.
    """
    names = sorted(folder.names(), key=lambda name: _number(folder, name))
    starts = [_number(folder, name) for name in names]
    following: int | None = None
    tick = 0
    for k, (name, start) in enumerate(zip(names, starts, strict=True)):
        if k + 1 < len(names) and starts[k + 1] <= since:
            continue
        if following is not None and start != following:
            raise _refused(folder, name, f"it begins with entry {start}; {following} is next, and is missing")
        if following is None and start > since:
            raise _refused(folder, name, f"it begins with entry {start}; those from {since} on are missing")
        following = start
        for entry in _entries(folder, name):
            if entry.number != following:
                raise _refused(folder, name, f"entry {entry.number} stands where {following} should")
            if entry.tick < tick:
                raise _refused(folder, name, f"entry {entry.number} is of tick {entry.tick}, after one of {tick}")
            following, tick = following + 1, entry.tick
            if entry.number >= since:
                yield entry


def damaged(folder: Folder, entry: Entry, why: str) -> LogError:
    """The error for an entry that is whole and cannot be used."""
    return _refused(folder, f"entry {entry.number}", why)


def encode(entry: Entry) -> bytes:
    """An entry as bytes: sizes and checksum, a head of JSON, and the arrays."""
    arrays: list[Array] = []

    def listed(columns: Mapping[str, Array]) -> dict[str, int]:
        numbers = {}
        for name, column in columns.items():
            numbers[name] = len(arrays)
            arrays.append(np.ascontiguousarray(column))
        return numbers

    inputs: list[dict[str, Any]] = []
    for one in entry.inputs:
        if isinstance(one, Parameters):
            inputs.append({"set": listed({"reals": one.reals, "integers": one.integers})})
            continue
        if isinstance(one, Promise):
            about = {"number": one.number, "tick": one.tick, "what": one.what, "name": one.name}
            inputs.append({"promise": about, "ids": listed({"": one.ids}), "of": listed(one.columns)})
            continue
        inputs.append(
            {
                "inserts": [{"type": r.type, "ids": listed({"": r.ids}), "of": listed(r.columns)} for r in one.inserts],
                "writes": [{"type": r.type, "ids": listed({"": r.ids}), "of": listed(r.columns)} for r in one.writes],
                "removals": listed({"": one.removals}),
                "letters": [
                    {"message": x.message, "to": listed({"": x.to}), "of": listed(x.columns), "tick": x.tick,
                     "first": x.first}
                    for x in one.letters
                ],
            }
        )  # fmt: skip
    head = {
        "number": entry.number, "tick": entry.tick, "driver": entry.driver, "inputs": inputs,
        "arrays": [[array.dtype.str, len(array)] for array in arrays],
    }  # fmt: skip
    text = json.dumps(head).encode()
    body = b"".join(array.tobytes() for array in arrays)
    start = _START.pack(_MAGIC, len(text), len(body), _digest(len(text), len(body), text + body))
    return start + _CHECK.pack(zlib.crc32(start)) + text + body


def decode(content: bytes, folder: Folder) -> Entry:
    """The one entry that `encode` made these bytes of; `folder` is named in errors.

    Raises:
        LogError: they are something else.
    """
    held = Memory({"entry": content})
    held.address = folder.address
    entries = list(_entries(held, "entry"))
    if len(entries) != 1:
        raise _refused(held, "entry", f"it holds {len(entries)} entries, not one")
    return entries[0]


def _entries(folder: Folder, name: str) -> Iterator[Entry]:
    """The whole entries of a segment."""
    try:
        content = folder.read(name)
    except FileNotFoundError:
        raise _refused(folder, name, "it is missing") from None
    at = 0
    while at < len(content):
        if len(content) - at < _HEAD:
            return  # a crash cut it before it was acknowledged
        magic, heads, bodies, digest = _START.unpack_from(content, at)
        (check,) = _CHECK.unpack_from(content, at + _START.size)
        if magic != _MAGIC or heads > _MOST_HEAD or check != zlib.crc32(content[at : at + _START.size]):
            raise _refused(folder, name, f"at byte {at} no entry begins")
        middle = at + _HEAD + heads
        end = middle + bodies
        if end > len(content):
            return  # the same
        if _digest(heads, bodies, content[at + _HEAD : end]) != digest:
            raise _refused(folder, name, f"the entry at byte {at} is not what was written: the checksum differs")
        try:
            entry = _decoded(json.loads(bytes(content[at + _HEAD : middle])), content[middle:end])
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise _refused(folder, name, f"the entry at byte {at} has no sense ({reason(error)})") from error
        yield entry
        at = end


def _digest(heads: int, bodies: int, content: Any) -> bytes:
    hashed = hashlib.sha256(struct.pack("<IQ", heads, bodies))
    hashed.update(content)
    return hashed.digest()


def _decoded(head: Mapping[str, Any], body: memoryview) -> Entry:
    arrays, at = [], 0
    for kind, n in head["arrays"]:
        dtype = np.dtype(kind)
        if dtype.kind not in "biuf" or type(n) is not int or not 0 <= dtype.itemsize * n <= len(body) - at:
            raise ValueError(f"an array of {n} times {kind}")
        arrays.append(np.frombuffer(body, dtype, n, at).copy())
        at += dtype.itemsize * n
    if at != len(body):
        raise ValueError(f"{len(body) - at} bytes too many")

    def columns(numbers: Mapping[str, int]) -> dict[str, Array]:
        return {str(name): arrays[number] for name, number in numbers.items()}

    def rows(listed: Sequence[Mapping[str, Any]]) -> list[Rows]:
        return [Rows(int(r["type"]), columns(r["ids"])[""], columns(r["of"])) for r in listed]

    inputs: list[Input] = []
    for one in head["inputs"]:
        if "set" in one:
            values = columns(one["set"])
            inputs.append(Parameters(values["reals"], values["integers"]))
            continue
        if "promise" in one:
            inputs.append(Promise(ids=columns(one["ids"])[""], columns=columns(one["of"]), **one["promise"]))
            continue
        letters = [
            Letter(int(x["message"]), columns(x["to"])[""], columns(x["of"]), int(x["tick"]), int(x["first"]))
            for x in one["letters"]
        ]
        inputs.append(Command(rows(one["inserts"]), rows(one["writes"]), columns(one["removals"])[""], letters))
    number, tick, driver = head["number"], head["tick"], head["driver"]
    if type(number) is not int or type(tick) is not int or type(driver) is not dict:
        raise ValueError(f"entry {number!r:.40} of tick {tick!r:.40}")
    if driver:
        Brief.model_validate(driver)
    return Entry(number, tick, tuple(inputs), driver)


def _name(number: int) -> str:
    return f"{number:016d}{_SUFFIX}"


def _number(folder: Folder, name: str) -> int:
    stem = name.removesuffix(_SUFFIX)
    if stem == name or len(stem) != 16 or not stem.isascii() or not stem.isdecimal():
        raise _refused(folder, name, "it is no segment of a log")
    return int(stem)


def _refused(folder: Folder, name: str, why: str) -> LogError:
    return LogError(
        f"{folder.address}/{name} cannot be used: {why}.\n"
        f"Inputs that were acknowledged could be missing or wrong.\n"
        f"Go on from a snapshot alone: --resume DIR/tick-..., with another --snapshots folder."
    )
