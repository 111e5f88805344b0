"""The input log: everything that came from outside, in the order in which it acted, so that a replay has it again.

A state and the inputs after it are all there is to a run: ticks are recomputed to the bit. An entry is acknowledged
when it is safe on disk; a file that ends within one was cut by a crash before that, and the piece does not count.

On a disk a segment holds many entries, and is named by the number of the first; in an object store each is a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command, Letter, Rows
from partitions.errors import RuntimeFault
from partitions.folder import Disk, Folder, FolderError, Memory, sync_folder
from partitions.store import Array

_START = struct.Struct("<4sIQ32s")
_MAGIC = b"WLG1"
_SUFFIX = ".wlog"
_MOST_HEAD = 1 << 28


class LogError(RuntimeFault, ValueError):
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
        folder: where the log lies.
        first: number of the next entry.

    Raises:
        FolderError: nothing can be written there.
    """

    def __init__(self, folder: Folder, first: int) -> None:
        self._folder, self._next = folder, first
        self._file: BinaryIO | None = None
        self._starts: list[int] = []
        for name in folder.names():
            self._starts.append(_number(folder, name))

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
                self._folder.path.mkdir(parents=True, exist_ok=True)
                self._file = open(self._folder.path / _name(entry.number), "xb", buffering=0)  # noqa: SIM115  # kept open
                sync_folder(self._folder.path)
                self._starts.append(entry.number)
            at = self._file.tell()
            try:
                if self._file.write(content) != len(content):
                    raise OSError(28, "no space is left for all of it")
                if sync:
                    os.fsync(self._file.fileno())
                if not os.fstat(self._file.fileno()).st_nlink:
                    raise OSError(2, "the file was removed")
            except OSError:
                self._file.truncate(at)
                self._file.seek(at)
                raise
        except OSError as error:
            raise FolderError(
                f"the input log {self._folder.address} was to take entry {entry.number}; that failed: "
                f"{error.strerror or error}.\n"
                f"What was asked for is not done, since a crash would lose it.\n"
                f"Make room or mend the place, and ask again."
            ) from error

    def turn(self) -> None:
        """Let the next entry begin a new segment, so that the older ones can be cut."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

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

    Raises:
        LogError: something else than the end of the last segment is torn, or entries are missing; names the file.
        FolderError: a file cannot be read.
    """
    names = sorted(folder.names(), key=lambda name: _number(folder, name))
    starts = [_number(folder, name) for name in names]
    following: int | None = None
    for k, (name, start) in enumerate(zip(names, starts, strict=True)):
        if k + 1 < len(names) and starts[k + 1] <= since:
            continue
        if following is not None and start != following:
            raise _refused(folder, name, f"it begins with entry {start}; {following} is next, and is missing")
        if following is None and start > since:
            raise _refused(folder, name, f"it begins with entry {start}; those from {since} on are missing")
        following = start
        for entry in _entries(folder, name, last=k + 1 == len(names)):
            if entry.number != following:
                raise _refused(folder, name, f"entry {entry.number} stands where {following} should")
            following += 1
            if entry.number >= since:
                yield entry


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
    digest = hashlib.sha256(struct.pack("<IQ", len(text), len(body)) + text + body).digest()
    return _START.pack(_MAGIC, len(text), len(body), digest) + text + body


def decode(content: bytes, folder: Folder) -> Entry:
    """The one entry that `encode` made these bytes of; `folder` is named in errors.

    Raises:
        LogError: they are something else.
    """
    held = Memory({"entry": content})
    held.address = folder.address
    (entry,) = _entries(held, "entry", last=False)
    return entry


def _entries(folder: Folder, name: str, last: bool) -> Iterator[Entry]:
    try:
        content = folder.read(name)
    except FileNotFoundError:
        raise _refused(folder, name, "it is missing") from None
    at = 0
    while at < len(content):
        if len(content) - at < _START.size:
            if last:
                return
            raise _refused(folder, name, f"it is cut at byte {len(content)}")
        magic, heads, bodies, digest = _START.unpack_from(content, at)
        if magic != _MAGIC or heads > _MOST_HEAD:
            raise _refused(folder, name, f"at byte {at} no entry begins")
        end = at + _START.size + heads + bodies
        if end > len(content):
            if last:
                return  # a crash cut it before it was acknowledged
            raise _refused(folder, name, f"it is cut within the entry at byte {at}")
        middle = at + _START.size + heads
        whole = struct.pack("<IQ", heads, bodies) + content[at + _START.size : end]
        if hashlib.sha256(whole).digest() != digest:
            raise _refused(folder, name, f"the entry at byte {at} is not what was written: the checksum differs")
        try:
            yield _decoded(json.loads(bytes(content[at + _START.size : middle])), content[middle:end])
        except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
            raise _refused(folder, name, f"the entry at byte {at} has no sense ({error})") from error
        at = end


def _decoded(head: Mapping[str, Any], body: memoryview) -> Entry:
    arrays, at = [], 0
    for kind, n in head["arrays"]:
        dtype = np.dtype(kind)
        if dtype.hasobject or not (type(n) is int and 0 <= n <= len(body)):
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
    return Entry(int(head["number"]), int(head["tick"]), tuple(inputs), dict(head["driver"]))


def _name(number: int) -> str:
    return f"{number:016d}{_SUFFIX}"


def _number(folder: Folder, name: str) -> int:
    stem = name.removesuffix(_SUFFIX)
    if stem == name or len(stem) != 16 or not stem.isascii() or not stem.isdecimal():
        raise _refused(folder, name, "it is no segment of a log")
    return int(stem)


def _refused(folder: Folder, name: str, reason: str) -> LogError:
    return LogError(
        f"{folder.address}/{name} cannot be used: {reason}.\n"
        f"Inputs that were acknowledged could be missing or wrong.\n"
        f"Go on from a snapshot alone: --resume DIR/tick-..., with another --snapshots folder."
    )
