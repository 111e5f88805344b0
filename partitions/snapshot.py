"""Snapshots: the state of a run at one tick as files that any number of workers can write, and any other number read.

Each worker writes a file per kind of thing it holds (`partitions.moment`), Arrow IPC, without compression, so that a
reader maps nothing that it does not check: the SHA-256 of every file stands in the manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.arrow import array_of
from partitions.digest import format_digest
from partitions.folder import Folder
from partitions.manifest import Manifest, Part, reason, refused
from partitions.moment import SAMPLE, Moment, Piece, piece_digest
from partitions.program import Observed, Program
from partitions.store import Array
from partitions.sums import Value


def write_moment(folder: Folder, moment: Moment, program: Program, rank: int) -> list[Part]:
    """Write what one worker holds; returns what the manifest says of its files.

    Raises:
        FolderError: a file could not be written.
    """
    types = {spec.name: t for t, spec in enumerate(program.types)}
    parts = []
    for number, piece in enumerate(moment.pieces):
        content = encode(piece)
        file = (
            f"{piece.kind}-{piece.name or 'all'}-{rank}.arrow" if piece.name.isascii() else _plain(piece, number, rank)
        )
        folder.write(file, [memoryview(content)])
        state = piece.kind in ("entity", "layer")
        parts.append(
            Part(
                file=file,
                kind=piece.kind,
                name=piece.name,
                rows=piece.rows,
                bytes=content.size,
                sha256=hashlib.sha256(content).hexdigest(),
                digest=format_digest(*piece_digest(types[piece.name], piece)) if state else None,
            )
        )
    return parts


def encode(piece: Piece) -> Any:
    """The columns as an Arrow IPC file; bools as bytes."""
    import pyarrow as pa

    arrays = [array_of(_plain_numbers(column)) for column in piece.columns.values()]
    batch = pa.record_batch(arrays, names=list(piece.columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


class Reader:
    """Reads the files of one snapshot, each checked before its content is believed.

    Attributes:
        folder: where it lies.
        manifest: what is there.
    """

    def __init__(self, folder: Folder, manifest: Manifest) -> None:
        """Nothing is read yet."""
        self.folder, self.manifest = folder, manifest

    def pieces(self, kind: str, name: str) -> Iterator[Piece]:
        """What the files of a kind of thing hold, one after the other.

        Raises:
            SnapshotError: one is missing, torn, or not what the manifest says.
            FolderError: one cannot be read.
        """
        for part in self.manifest.parts:
            if (part.kind, part.name) == (kind, name):
                yield self.piece(part)

    def column(self, kind: str, name: str, column: str) -> NDArray[Any]:
        """One column of all files together."""
        dtype = self.manifest.columns(kind, name)[column]
        return np.concatenate([np.empty(0, dtype), *(piece.columns[column] for piece in self.pieces(kind, name))])

    def whole(self, kind: str, name: str) -> dict[str, Array]:
        """All columns of all files together."""
        dtypes = self.manifest.columns(kind, name)
        pieces = list(self.pieces(kind, name))
        return {c: np.concatenate([np.empty(0, d), *(p.columns[c] for p in pieces)]) for c, d in dtypes.items()}

    def piece(self, part: Part) -> Piece:
        """One file."""
        import pyarrow as pa

        size = self.folder.size(part.file)
        if size is None:
            raise refused(self.folder, part.file, "it is missing")
        if size != part.bytes:
            raise refused(self.folder, part.file, f"it has {size} bytes; {part.bytes} were written")
        try:
            content = self.folder.read(part.file)
        except FileNotFoundError:
            raise refused(self.folder, part.file, "it is missing") from None
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise refused(self.folder, part.file, "its content is not what was written: the checksum differs")
        dtypes = self.manifest.columns(part.kind, part.name)
        try:
            table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise refused(self.folder, part.file, f"it is no Arrow file ({reason(error)})") from error
        if table.num_rows != part.rows:
            raise refused(self.folder, part.file, f"it has {table.num_rows} rows; the manifest says {part.rows}")
        if table.column_names != list(dtypes):
            raise refused(self.folder, part.file, f"it has the columns {table.column_names}, not {list(dtypes)}")
        columns = {}
        for name, dtype in dtypes.items():
            wanted = np.dtype("u1") if dtype == "|b1" else np.dtype(dtype)
            held = table.column(name)
            if held.type != pa.from_numpy_dtype(wanted) or held.null_count:
                raise refused(self.folder, part.file, f"column {name} holds {held.type}, not {dtype} throughout")
            values = held.combine_chunks().to_numpy() if held.num_chunks else np.empty(0, wanted)
            if dtype == "|b1" and (values > 1).any():
                raise refused(self.folder, part.file, f"column {name} holds numbers that are neither true nor false")
            columns[name] = np.ascontiguousarray(values).view(dtype)
        return Piece(part.kind, part.name, columns)

    def verify(self) -> list[str]:
        """Read everything; returns what is wrong, one line each."""
        from partitions.errors import RuntimeFault

        wrong = []
        types = {one.name: t for t, one in enumerate(s for s in self.manifest.schema_ if s.kind in ("entity", "layer"))}
        for part in self.manifest.parts:
            try:
                piece = self.piece(part)
            except RuntimeFault as error:
                wrong.append(str(error).partition("\n")[0])
                continue
            if part.kind in ("entity", "layer"):
                digest = format_digest(*piece_digest(types[part.name], piece))
                if digest != part.digest:
                    wrong.append(
                        f"{self.folder.address}/{part.file}: its rows have the digest {digest}, not {part.digest}"
                    )
        return wrong


def _plain(piece: Piece, number: int, rank: int) -> str:
    """A file name for what has a name of letters that not every file system takes."""
    return f"{piece.kind}-{number}-{rank}.arrow"


def _plain_numbers(column: Array) -> Array:
    return column.view(np.uint8) if column.dtype == np.bool_ else column


def write_samples(folder: Folder, samples: Sequence[tuple[int, int, Any]]) -> list[Part]:
    """Write what was observed, as (tick, number of the observation, value); nothing where nothing was."""
    rows: list[tuple[int, int, int, float, int]] = []
    for tick, number, value in samples:
        for place, one in enumerate(value if isinstance(value, (tuple, list)) else (value,)):
            whole = isinstance(one, (int, np.integer))
            rows.append((tick, number, place, 0.0 if whole else float(one), int(one) if whole else 0))
    if not rows:
        return []
    columns = {
        name: np.array(values, SAMPLE[name]) for name, values in zip(SAMPLE, zip(*rows, strict=True), strict=True)
    }
    piece = Piece("samples", "", columns)
    content = encode(piece)
    file = "samples-all-0.arrow"
    folder.write(file, [memoryview(content)])
    digest = hashlib.sha256(content).hexdigest()
    return [Part(file=file, kind="samples", name="", rows=piece.rows, bytes=content.size, sha256=digest)]


def read_samples(
    reader: Reader, observations: Sequence[Observed], names: Sequence[str]
) -> list[tuple[int, int, Value]]:
    """The samples of those observations that there are still.

    Args:
        reader: of the snapshot.
        observations: of the program.
        names: those of the program that wrote it, by number.

    Raises:
        SnapshotError: a sample is of no tick before, or of another size than its statistic has.
    """
    numbers = {name: k for k, name in enumerate(one.name for one in observations)}
    held = reader.whole("samples", "")
    found: dict[tuple[int, int], list[Any]] = {}
    end = reader.manifest.tick
    for tick, number, _, real, whole in zip(*(column.tolist() for column in held.values()), strict=True):
        known = numbers.get(names[number]) if 0 <= number < len(names) else None
        if not 0 <= tick <= end:
            raise refused(reader.folder, "samples", f"one is of tick {tick}, the snapshot of {end}")
        if known is not None:
            statistic = observations[known].statistic
            counted = statistic.whole or statistic.how == "histogram"
            found.setdefault((tick, known), []).append(whole if counted else real)
    samples: list[tuple[int, int, Value]] = []
    for (tick, number), values in found.items():
        statistic = observations[number].statistic
        size = statistic.bins[2] if statistic.bins is not None else statistic.size
        if len(values) != size:
            raise refused(reader.folder, "samples", f"{len(values)} values are of tick {tick}, where {size} should be")
        if statistic.how == "histogram":
            samples.append((tick, number, values))
        else:
            samples.append((tick, number, tuple(values) if statistic.vector else values[0]))
    return samples
