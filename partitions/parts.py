"""Parts of a recording: what one worker saw of some ticks, one Parquet file per table, shown only when whole.

A recording is a folder with a file of facts, one folder per table, and one for files that are being written. The parts
of all tables are begun and finished together, the digests last, so that a part without its digests was not finished.
Each file is sealed (`partitions/seal.py`) as of this recording, this folder and this name; none is decoded before it is
found to be what was sealed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from partitions.errors import RecordFault
from partitions.folder import plain
from partitions.seal import UNSEALED, check_seal, seal

__all__ = [
    "DIGESTS",
    "DIGEST_SCHEMA",
    "FACTS",
    "UNFINISHED",
    "PartName",
    "Parts",
    "cut",
    "look_at_part",
    "parts_in",
    "read_part",
    "refuse_link",
    "sync",
]

FACTS = "recording.json"
"""What the driver says of the recording; a worker needs `id` and `epoch`."""
UNFINISHED = ".unfinished"
"""Folder of files that are being written: beside the tables, so that no reader comes upon one."""
DIGESTS = "run-digests"
"""Folder of the digests; no entity type can be called so."""
DIGEST_SCHEMA = pa.schema(
    [("tick", "int64"), ("worker", "int32"), ("workers", "int32"), ("a", "uint64"), ("b", "uint64")]
)
"""A worker's share of the digest of all types and layers at a tick, and how many shares there are."""

PART_BYTES = 64 << 20
"""Parts are finished when those of one worker hold this much together …"""
LEAST_SECONDS, SHARE, MOST_SECONDS = 10.0, 0.05, 600.0
"""… or are open for 10 s, later for a twentieth of the recording's age, at most for 10 min: a long run leaves no more
than some hundred parts per table, worker and day for the clock's sake."""
GROUP_BYTES = 16 << 20
"""Rows wait in memory until there are so many bytes of them, so that row groups are worth their overhead."""
_NAME = re.compile(r"([0-9]{1,13})-([0-9]{1,13})-w([0-9]{1,6})(?:-([0-9]{1,9}))?\.parquet")


class PartName(NamedTuple):
    """What a part's file name says.

    Attributes:
        first, last: ticks that it may hold.
        worker: who has written it.
        epoch: how often the recording had been joined by then.
    """

    first: int
    last: int
    worker: int
    epoch: int

    @classmethod
    def read(cls, name: str) -> PartName | None:
        """From a file's name; None for one that is no part's."""
        found = _NAME.fullmatch(name)
        if found is None or int(found[1]) > int(found[2]):
            return None
        told = cls(int(found[1]), int(found[2]), int(found[3]), int(found[4] or 0))
        return told if str(told) == name else None  # 00-9-w0 would be read twice

    def __str__(self) -> str:
        epoch = f"-{self.epoch}" if self.epoch else ""
        return f"{self.first}-{self.last}-w{self.worker}{epoch}.parquet"

    @property
    def key(self) -> tuple[int, int, int]:
        """What the parts of all tables that were finished together share, also when some have been cut."""
        return (self.first, self.worker, self.epoch)


class Parts:
    """The open parts of one worker.

    Attributes:
        done: the last tick that is in a finished part, or -1.
        part_bytes: bytes of all tables together at which the parts are finished.
    """

    def __init__(self, root: Path, id: str, epoch: int, tables: Sequence[tuple[str, pa.Schema]], worker: int) -> None:
        """Prove that this process can write there.

        Args:
            root: folder of the recording, as the driver has made it.
            id: of the recording.
            epoch: how often it has been joined.
            tables: folder and schema of each; the digests are added to them.
            worker: number of this one.

        Raises:
            RecordFault: the folder is not there, or nothing can be written to it.
        """
        self.part_bytes, self.done = PART_BYTES, -1
        self._root, self._id, self._epoch, self._worker = root, id, epoch, worker
        self._tables = [*tables, (DIGESTS, DIGEST_SCHEMA)]
        self._files: list[_File] = []
        self._first = self._last = 0
        self._born = self._begun = time.monotonic()
        with self._telling("write to"):
            self._check_epoch()
            probe = root / UNFINISHED / f"probe-w{worker}-{epoch}"
            with probe.open("wb") as file:
                file.write(b"written by every worker before the first tick")
                os.fsync(file.fileno())
            probe.unlink()

    @property
    def seconds_left(self) -> float | None:
        """Until the open parts are to be finished; None if there are none."""
        if not self._files:
            return None
        now = time.monotonic()
        allowed = min(MOST_SECONDS, max(LEAST_SECONDS, SHARE * (now - self._born)))
        return max(0.0, self._begun + allowed - now)

    @property
    def full(self) -> bool:
        """Whether the open parts are to be finished, for their size or their age."""
        return bool(self._files) and (sum(f.size for f in self._files) >= self.part_bytes or self.seconds_left == 0.0)

    def add(self, tick: int, tables: Sequence[pa.Table]) -> None:
        """Put a tick into the open parts: one table for each that there is, the digests last.

        Raises:
            RecordFault: it cannot be written.
        """
        with self._telling("write"):
            if not self._files:
                self._first, self._begun = tick, time.monotonic()
                for name, schema in self._tables:
                    path = self._root / UNFINISHED / f"{name}-{tick}-w{self._worker}-{self._epoch}"
                    self._files.append(_File(path, schema))
            self._last = tick
            for file, table in zip(self._files, tables, strict=True):
                file.add(table)

    def finish(self) -> None:
        """Give the open parts to the readers: all on the disk first, then named, the digests last.

        Raises:
            RecordFault: they cannot be written, or another run has taken the recording over.
        """
        if not self._files:
            return
        with self._telling("finish"):
            name = PartName(self._first, self._last, self._worker, self._epoch)
            for file, (table, _) in zip(self._files, self._tables, strict=True):
                file.close(_place(self._id, table, name))
            self._check_epoch()
            for file, (table, _) in zip(self._files, self._tables, strict=True):
                _show(file.path, self._root / table / str(name))
            self.done, self._files = self._last, []

    def abandon(self) -> None:
        """Drop the open parts; what was finished stays."""
        files, self._files = self._files, []
        for file in files:
            file.abandon()

    def _check_epoch(self) -> None:
        facts = json.loads((self._root / FACTS).read_bytes())
        if (facts["id"], facts["epoch"]) != (self._id, self._epoch):
            raise OSError("another run has begun or joined a recording in this folder")

    @contextlib.contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException, ValueError, LookupError) as error:
            reason = f"{type(error).__name__}: {error}"
            since = f"Up to tick {self.done} it is whole" if self.done >= 0 else "Nothing of this worker is in it yet"
            raise RecordFault(
                f"worker {self._worker} on {socket.gethostname()} could not {what} the recording in {self._root} "
                f"({reason}).\n"
                f"{since}; a run that goes on would leave a gap.\n"
                f"Make room, or let every worker write there (several nodes need a folder that all share); then run it "
                f"again with another folder."
            ) from error


class _File:
    """One file that is being written."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pq.ParquetWriter(self._sink, schema, **_encoding(schema))
        self._waiting: list[pa.Table] = []
        self._held = self._written = 0

    @property
    def size(self) -> int:
        """Bytes written, and those that wait."""
        return self._written + self._held

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._held += table.nbytes
        if self._held >= GROUP_BYTES:
            self._write()

    def _write(self) -> None:
        rows, self._waiting, self._held = self._waiting, [], 0
        if rows:
            self._writer.write_table(pa.concat_tables(rows))
            self._written = self._sink.tell()

    def close(self, place: str) -> None:
        """Have it on the disk, sealed."""
        self._write()
        self._writer.add_key_value_metadata(UNSEALED)
        self._writer.close()
        self._sink.close()
        seal(self.path, place)
        sync(self.path)

    def abandon(self) -> None:
        # What is dropped need not be closed well; it may be the very disk on which nothing can be written any more.
        for step in (self._writer.close, self._sink.close, self.path.unlink):
            with contextlib.suppress(OSError, pa.ArrowException):
                step()


def parts_in(folder: Path) -> list[PartName]:
    """The parts of a table, by tick.

    Raises:
        RecordFault: there is a file that is no part, which readers would take for one, or a link, which could lead to
            what is not to be cut or removed.
    """
    refuse_link(folder)
    found = []
    for path in folder.iterdir():
        name = PartName.read(path.name)
        if name is None:
            raise _damaged(path, "its name is not that of a part, <first tick>-<last tick>-w<worker>.parquet")
        if path.is_symlink() or not path.is_file():
            raise _damaged(path, "it is no file, but a link, a folder or a device")
        found.append(name)
    return sorted(found)


def refuse_link(folder: Path) -> None:
    """Check that a folder of a recording is one, and no link to elsewhere.

    Raises:
        RecordFault: it is not.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise RecordFault(
            f"{folder} was to be read as a folder of a recording; it is missing, or no folder but a link or a file.\n"
            f"What it holds could not be told from what lies elsewhere.\n"
            f"Put the folder back that was there."
        )


def read_part(
    folder: Path, name: PartName, columns: dict[str, str], id: str, wanted: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """The row groups of a part, checked: first that it is whole and in its place, then what it holds.

    Args:
        folder: of the table.
        name: of the part.
        columns: name -> Arrow type of every column that it must have.
        id: of the recording.
        wanted: columns to read, the tick among them; None: all.

    Raises:
        RecordFault: it is not what was written.
    """
    path = folder / str(name)
    with _opened(path, name, columns, id) as file:
        yield from _groups(file, path, name, wanted)


def look_at_part(folder: Path, name: PartName, columns: dict[str, str], id: str) -> None:
    """Check that a part is whole, its columns and its ticks; arguments as in `read_part`.

    Raises:
        RecordFault: it is not what was written.
    """
    for _ in read_part(folder, name, columns, id, ["tick"]):
        pass


def cut(root: Path, table: str, name: PartName, last: int, columns: dict[str, str], id: str) -> None:
    """Take the ticks after `last` out of a part: what is left is written aside and named, then the old file goes.

    Raises:
        RecordFault: the part is damaged, or nothing can be written.
    """
    old = root / table / str(name)
    try:
        if name.first <= last < name.last:
            new = name._replace(last=last)
            aside = root / UNFINISHED / f"{table}-{new}"
            with _opened(old, name, columns, id) as whole:
                file = _File(aside, whole.schema_arrow)
                try:
                    for rows in _groups(whole, old, name):
                        file.add(rows.filter(pc.field("tick") <= last))
                    file.close(_place(id, table, new))
                except BaseException:
                    file.abandon()
                    raise
            _show(aside, root / table / str(new))
        if last < name.last:
            old.unlink()
            sync(old.parent)
    except RecordFault:
        raise
    except (OSError, pa.ArrowException, ValueError) as error:
        raise RecordFault(
            f"{old} was to be cut after tick {last}, which failed ({error}).\n"
            f"The recording could not be gone on with.\n"
            f"Make room, or let this process write there, and try again."
        ) from error


def _place(id: str, table: str, name: PartName) -> str:
    """What a file is sealed as."""
    return f"{id}/{table}/{name}"


@contextlib.contextmanager
def _opened(path: Path, name: PartName, columns: dict[str, str], id: str) -> Iterator[pq.ParquetFile]:
    """A part that is whole; what is read of it is the file that was checked, whatever the path leads to by then."""
    with contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(open(path, "rb", opener=plain))
            check_seal(source, _place(id, path.parent.name, name))
            # Opened again by Arrow itself, the same file: bytes of Python's would be let go of by its threads, and if
            # the process is ending then, that aborts it.
            native = stack.enter_context(pa.OSFile(f"/proc/self/fd/{source.fileno()}"))
            file = stack.enter_context(pq.ParquetFile(native))
            held = {field.name: str(field.type) for field in file.schema_arrow}
        except (OSError, pa.ArrowException, ValueError, LookupError) as error:
            raise _damaged(path, str(error)) from error
        if held != columns:
            raise _damaged(path, f"it has the columns {', '.join(file.schema_arrow.names)}")
        yield file


def _groups(
    file: pq.ParquetFile, path: Path, name: PartName, wanted: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    for group in range(file.num_row_groups):
        try:
            table = file.read_row_group(group, wanted)
        except (OSError, pa.ArrowException, ValueError, LookupError) as error:
            raise _damaged(path, f"{type(error).__name__}: {error}") from error
        if any(column.null_count for column in table.columns):
            raise _damaged(path, "it lacks values")
        ends = pc.min_max(table["tick"]).as_py()
        if table.num_rows and not name.first <= ends["min"] <= ends["max"] <= name.last:
            raise _damaged(path, f"it holds the ticks {ends['min']} to {ends['max']}")
        yield table


def _encoding(schema: pa.Schema) -> dict[str, Any]:
    """How columns are encoded; times and sizes were measured with a million rows of four columns.

    The bytes of floats are grouped by significance: two thirds of the time and 15 % smaller than plain. Numbers like
    ids are told by their differences. A dictionary pays for what has few values: the tick, enums, counts.
    """
    encoded, few = {}, []
    for field in schema:
        inner = field.type.value_type if pa.types.is_fixed_size_list(field.type) else field.type
        path = f"{field.name}.list.element" if inner is not field.type else field.name
        if pa.types.is_floating(inner):
            encoded[path] = "BYTE_STREAM_SPLIT"
        elif field.name in ("id", "x", "y", "z") and pa.types.is_signed_integer(inner):
            encoded[path] = "DELTA_BINARY_PACKED"
        elif not pa.types.is_boolean(inner):
            few.append(path)
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": few,
        "column_encoding": encoded,
    }


def _show(aside: Path, path: Path) -> None:
    """Give a file that is on the disk its name, for good."""
    aside.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _damaged(path: Path, reason: str) -> RecordFault:
    return RecordFault(
        f"{path} was to be read as a part of a recording; {reason}.\n"
        f"The recording would have a gap, or rows that no run has made.\n"
        f"Take the file away if it is not part of it; else the recording cannot be joined."
    )
