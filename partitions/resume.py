"""Resuming: a worker's state is copied into a moment, and made again from a snapshot, whoever wrote it.

The number of partitions, workers and threads may have changed in between: rows go to their owners by their positions,
letters to who owns the receiver, birth counters to who owns the block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions import diary, mail
from partitions.admission import check_rows
from partitions.command import Rows
from partitions.exchange import Exchange
from partitions.folder import Folder
from partitions.grid import Layout
from partitions.manifest import Manifest, Part, refused
from partitions.moment import COUNTER, Kind, Moment, Piece, counted
from partitions.program import Program
from partitions.raster import Raster
from partitions.snapshot import Reader
from partitions.store import Array, Partition, triple
from partitions.tick import Tick


@dataclass(frozen=True, eq=False)
class Resumption:
    """What to go on from.

    Attributes:
        folder: where the snapshot lies; workers read it there.
        manifest: of it.
        defaults: (kind, name) -> column -> value, of columns that the program has and the snapshot lacks.
        reals, integers: parameters and samples in the program's order, where that is not the manifest's.
    """

    folder: Folder
    manifest: Manifest
    defaults: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    reals: NDArray[np.float64] | None = None
    integers: NDArray[np.int64] | None = None


def capture(
    tick: int, program: Program, layout: Layout, parts: Sequence[Partition], ticks: Tick, tallies: Mapping[str, Any]
) -> Moment:
    """Copy what a worker holds."""
    pieces = []
    for t, spec in enumerate(program.types):
        tables = [part.tables[t] for part in parts]
        rows = [table.own_rows() for table in tables]

        def gathered(arrays: Sequence[Array], rows: Sequence[NDArray[np.uint32]] = rows) -> Array:
            return np.concatenate([array[which] for array, which in zip(arrays, rows, strict=True)])

        columns = {"id": gathered([table.ids for table in tables])}
        columns |= {c.name: gathered([table.columns[c.name] for table in tables]) for c in spec.columns}
        pieces.append(Piece("layer" if spec.raster else "entity", spec.name, columns))
    for m, message in enumerate(program.messages):
        pieces.append(Piece("message", message.name, dict(ticks.mail.pool(m))))
    for e, event in enumerate(program.events):
        pieces.append(Piece("event", event.name, ticks.diary.held(e)))
    blocks = own_blocks(program, layout, [part.number for part in parts])
    pieces.append(counted(blocks, ticks.births.counters[blocks]))
    kept = {name: list(values) for name, values in tallies.items() if name != "pending"}
    return Moment(tick, tuple(piece for piece in pieces if piece.rows), kept)


def own_blocks(program: Program, layout: Layout, numbers: Sequence[int]) -> NDArray[np.int64]:
    """The numbers of the blocks of some partitions, row-major in the world, x fastest."""
    nx, ny, _ = triple(program.grid.blocks, 1)
    found = [np.empty(0, np.int64)]
    for number in numbers:
        low, high = triple(layout.parts[number].low, 0), triple(layout.parts[number].high, 1)
        x, y, z = (np.arange(a, b, dtype=np.int64) for a, b in zip(low, high, strict=True))
        found.append((((z[:, None, None] * ny) + y[:, None]) * nx + x).ravel())
    return np.concatenate(found)


class Restorer:
    """One worker's side of taking up a snapshot; all workers make the same calls."""

    def __init__(self, program: Program, resumed: Resumption, exchange: Exchange, rows: int) -> None:
        """Read nothing yet; rows are brought to their owners `rows` at a time."""
        self._program, self._resumed, self._exchange, self._rows = program, resumed, exchange, rows
        self._reader = Reader(resumed.folder, resumed.manifest)

    def entities(self, type: int) -> None:
        """Bring the entities of a type to their owners: worker w of W reads every W-th file."""
        spec, exchange = self._program.types[type], self._exchange
        files = self._files("entity", spec.name)
        rounds = [
            sum(-(-part.rows // self._rows) for part in files[w :: exchange.workers]) for w in range(exchange.workers)
        ]
        pieces = self._slices(files[exchange.rank :: exchange.workers])
        empty = {"id": np.empty(0, np.int64), **{c.name: np.empty(0, c.dtype) for c in spec.columns}}
        for _ in range(max(rounds, default=0)):
            columns = self._completed("entity", spec.name, spec.columns, next(pieces, empty))
            rows = Rows(type, columns.pop("id"), columns)
            try:
                check_rows(self._program, rows, whole=True)
            except ValueError as error:
                raise refused(self._resumed.folder, f"entity {spec.name}", str(error)) from error
            exchange.distribute(type, rows.ids, columns)

    def cells(self, type: int, rasters: Sequence[Raster]) -> None:
        """Fill the own cells of a layer."""
        spec, shape = self._program.types[type], self._program.grid.cells[type].shape
        n = int(np.prod(shape))
        held = self._reader.whole("layer", spec.name)
        columns = self._completed("layer", spec.name, spec.columns, held) if held else {}
        if not held:
            ids = np.arange(n, dtype=np.int64)
            columns = self._completed("layer", spec.name, spec.columns, {"id": ids})
        ids = columns["id"]
        if len(ids) != n or len(np.unique(ids)) != n or ids.min(initial=0) < 0 or ids.max(initial=0) >= n:
            raise refused(self._resumed.folder, f"layer {spec.name}", f"it has not each of the {n} cells once")
        for c in spec.columns:
            values = np.empty(n, c.dtype)
            values[ids] = columns[c.name]
            for raster in rasters:
                raster.fill(c.name, values)

    def letters(self, message: int) -> Mapping[str, Array]:
        """All letters of a message, of any receiver."""
        spec = self._program.messages[message]
        dtypes = {**mail.HEAD, **{c.name: c.dtype for c in spec.columns}}
        return self._senders(f"message {spec.name}", self._known("message", spec.name, dtypes))

    def events(self, event: int) -> dict[str, Array]:
        """All events of a kind; the first worker keeps them."""
        spec = self._program.events[event]
        dtypes = {**diary.HEAD, **{c.name: c.dtype for c in spec.columns}}
        return self._senders(f"event {spec.name}", self._known("event", spec.name, dtypes))

    def births(self, blocks: NDArray[np.int64], counters: NDArray[np.int64]) -> None:
        """Set the counters of the own blocks.

        Raises:
            SnapshotError: a block is none of this world, or has counted beyond what ids hold.
        """
        held = self._known("births", "", COUNTER)
        block, count = held["block"], held["count"]
        if self._resumed.manifest.identity != self._program.identity:
            # Another radius makes other blocks. An id holds the number of a block, so it is enough that no number is
            # counted from a lower count than before; those that there are no more are never counted on.
            block, count = block[block < len(counters)], count[block < len(counters)]
        if ((block < 0) | (block >= len(counters)) | (count < 0) | (count > 1 << 32)).any():
            raise refused(self._resumed.folder, "births", f"it counts blocks that the world's {len(counters)} are not")
        all_ = np.zeros(len(counters), np.int64)
        all_[block] = count
        counters[blocks] = all_[blocks]

    def _files(self, kind: Kind, name: str) -> list[Part]:
        return [part for part in self._resumed.manifest.parts if (part.kind, part.name) == (kind, name)]

    def _slices(self, files: Sequence[Part]) -> Iterator[Mapping[str, Array]]:
        for part in files:
            piece = self._reader.piece(part)
            for at in range(0, piece.rows, self._rows):
                yield {name: column[at : at + self._rows] for name, column in piece.columns.items()}

    def _known(self, kind: Kind, name: str, dtypes: Mapping[str, str]) -> dict[str, Array]:
        held = self._reader.whole(kind, name)
        n = len(next(iter(held.values()), ()))
        defaults = self._resumed.defaults.get((kind, name), {})
        return {c: held[c] if c in held else np.full(n, defaults.get(c, 0), d) for c, d in dtypes.items()}

    def _completed(self, kind: Kind, name: str, spec: Sequence[Any], held: Mapping[str, Array]) -> dict[str, Array]:
        """The program's columns, copied; those that the snapshot lacks have their defaults."""
        ids, defaults = held["id"], self._resumed.defaults.get((kind, name), {})
        columns = {
            c.name: np.array(held[c.name]) if c.name in held else np.full(len(ids), defaults.get(c.name, 0), c.dtype)
            for c in spec
        }
        return {"id": np.array(ids), **columns}

    def _senders(self, what: str, held: dict[str, Array]) -> dict[str, Array]:
        """Types and phases are numbered as in the program that wrote them; give them this program's numbers."""
        manifest = self._resumed.manifest
        names = [one.name for one in manifest.schema_ if one.kind in ("entity", "layer")]
        types = [spec.name for spec in self._program.types]
        turns = [name for name, _ in self._program.turns]
        phases = [one.name for one in manifest.behaviors]
        for column, most in (("@type", len(names)), ("@phase", len(phases)), ("@tick", manifest.tick + 1)):
            wrong = (held[column] < -1) | (held[column] >= most)
            if wrong.any():
                raise refused(self._resumed.folder, what, f"{column} is {held[column][wrong][0]} of {most}")
        if names != types:
            held["@type"] = _renumbered(held["@type"], names, types)
        if phases != turns:
            held["@phase"] = _renumbered(held["@phase"], phases, turns)
        return held


def _renumbered(numbers: Array, old: Sequence[str], new: Sequence[str]) -> Array:
    table = [new.index(name) if name in new else -1 for name in old]
    return np.array([table[n] if 0 <= n < len(table) else -1 for n in numbers.tolist()], numbers.dtype)
