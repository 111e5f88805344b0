"""Recording: what a worker keeps of its partitions every so many ticks, written by a thread beside the ticks."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from partitions.arrow import array_of, lists_of
from partitions.errors import RecordFault
from partitions.frames import Corner
from partitions.grid import Grid
from partitions.parts import DIGEST_SCHEMA, Parts
from partitions.shown import Shown

__all__ = ["Plan", "Recorded", "Recorder"]

WAITING = 2
"""Ticks that wait for the writer at most; a disk that is slower makes the run wait."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Recorded:
    """One table of a recording.

    Attributes:
        type: index of the entity type or layer in the program.
        folder: of its parts.
        schema: tick and id, or tick and the cell's index along each axis, then the fields.
        columns: of each field the stored columns; several are a list of fixed size.
    """

    type: int
    folder: str
    schema: pa.Schema
    columns: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Plan:
    """What is to be recorded; pickles small.

    Attributes:
        root: folder of the recording, the same one for all workers.
        id: of the recording.
        epoch: how often it has been joined.
        first: the first tick that belongs to it.
        every: from there on ticks whose number is a multiple of it are recorded.
        tables: what of them.
        area: low and high corner; only entities and centres of cells with low <= position < high. None: all.
    """

    root: str
    id: str
    epoch: int
    first: int
    every: int
    tables: tuple[Recorded, ...]
    area: tuple[Corner, Corner] | None = None


class Recorder:
    """Records one worker's share.

    Between two ticks `take` copies what is wanted; a thread makes Parquet of it. While the thread is `WAITING` ticks
    behind, `take` waits, so that a slow disk costs time and no memory.

    Attributes:
        failure: why nothing more can be written; `take` and `flush` raise it.
    """

    def __init__(
        self, plan: Plan, grid: Grid, source: Shown, digest: Callable[[], tuple[int, int]], rank: int, workers: int
    ) -> None:
        """Prove that the folder can be written to, and start the thread.

        Args:
            plan: what to record.
            grid: the program's cells.
            source: what this worker owns.
            digest: of what this worker owns, now.
            rank: of this worker.
            workers: how many there are.

        Raises:
            RecordFault: the folder is not there, or nothing can be written to it.
        """
        self.failure: RecordFault | None = None
        self._plan, self._grid, self._source, self._digest = plan, grid, source, digest
        self._rank, self._workers = rank, workers
        tables = [(table.folder, table.schema) for table in plan.tables]
        self._parts = Parts(Path(plan.root), plan.id, plan.epoch, tables, rank)
        self._waiting: deque[tuple[int, list[list[Array]]] | None] = deque()  # None: a mark
        self._marks = self._marked = 0
        self._closing = self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()

    def due(self, tick: int) -> bool:
        """Whether this tick is to be recorded."""
        return tick >= self._plan.first and tick % self._plan.every == 0

    def take(self, tick: int) -> None:
        """Record the present state; waits while the writer is behind.

        Raises:
            RecordFault: something could not be written.
        """
        copied = [self._cells(t) if t.type >= self._first_layer else self._entities(t) for t in self._plan.tables]
        a, b = self._digest()
        digest = [np.array([a], np.uint64), np.array([b], np.uint64)]
        with self._changed:
            self._changed.wait_for(lambda: self._behind < WAITING or self._ended or self._closing)
            self._raise()
            if self._closing:  # the worker is taken down in the middle of a run
                return
            self._waiting.append((tick, [*copied, digest]))
            self._changed.notify_all()

    def mark(self) -> int:
        """End a part here, between two ticks, without waiting for it; `wait` takes what is returned."""
        with self._changed:
            self._marks += 1
            self._waiting.append(None)
            self._changed.notify_all()
            return self._marks

    def wait(self, mark: int) -> None:
        """Return when all that was taken before a mark is in finished parts; from any thread.

        Raises:
            RecordFault: something could not be written.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._marked >= mark or self._ended)
            self._raise()

    def flush(self) -> None:
        """Return when all that was taken is in finished parts.

        Raises:
            RecordFault: something could not be written.
        """
        self.wait(self.mark())

    def close(self) -> None:
        """Finish what was taken and end the thread; who must know whether that worked calls `flush` before."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def _behind(self) -> int:
        return sum(taken is not None for taken in self._waiting)

    def _raise(self) -> None:
        if self.failure is not None:
            raise self.failure

    # Taking

    @property
    def _first_layer(self) -> int:
        return len(self._source.columns)

    def _entities(self, table: Recorded) -> list[Array]:
        """Ids and columns, copied."""
        position = [f"position.{axis}" for axis in "xyz"[: self._source.dim]]
        wanted = [name for names in table.columns for name in names]
        area = self._plan.area
        ids, columns = self._source.rows(table.type, area, wanted if area is None else [*{*wanted, *position}])
        found = [ids, *(columns[name] for name in wanted)]
        if area is None:
            return found
        inside = np.ones(len(ids), np.bool_)
        for name, low, high in zip(position, *area, strict=False):
            inside &= (columns[name] >= low) & (columns[name] < high)
        return [column[inside] for column in found]

    def _cells(self, table: Recorded) -> list[Array]:
        """Index along each axis and columns, copied."""
        dim, wanted = self._source.dim, [name for names in table.columns for name in names]
        pieces = []
        for columns, corner in self._source.pieces(table.type - self._first_layer, wanted):
            # The arrays are [z, y, x]; the axes of the world are counted from x.
            ranges = [
                self._inside(table.type, axis, corner[axis], n)
                for axis, n in zip(range(dim), columns[0].shape[::-1], strict=False)
            ]
            part = tuple(slice(first, last) for first, last in reversed(ranges))
            part = part if dim == 3 else (slice(None), *part)
            values = [column[part].ravel() for column in columns]
            shape = [max(0, last - first) for first, last in reversed(ranges)]
            index = np.indices(shape, np.int32).reshape(dim, -1)[::-1]
            offsets = [corner[axis] + ranges[axis][0] for axis in range(dim)]
            pieces.append([*(line + offset for line, offset in zip(index, offsets, strict=True)), *values])
        return [np.concatenate(each) for each in zip(*pieces, strict=True)]

    def _inside(self, type: int, axis: int, corner: int, n: int) -> tuple[int, int]:
        """Which of the own cells along an axis have their centre in the area."""
        if self._plan.area is None:
            return 0, n
        edges = self._grid.cells[type].edges[axis][corner : corner + n + 1]
        centres = (edges[:-1] + edges[1:]) / 2
        low, high = (corner[axis] for corner in self._plan.area)
        return int(np.searchsorted(centres, low, "left")), int(np.searchsorted(centres, high, "left"))

    # Writing

    def _write(self) -> None:
        try:
            while self._turn():
                pass
        except Exception as error:
            self._parts.abandon()
            self.failure = error if isinstance(error, RecordFault) else _unforeseen(self._rank, error)
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()

    def _turn(self) -> bool:
        """Write one tick, or finish the parts at a mark, at the end, or when time is up; whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing, self._parts.seconds_left)
            empty, taken = not self._waiting, self._waiting.popleft() if self._waiting else None
            closing = self._closing
            self._changed.notify_all()
        if taken is not None:
            self._parts.add(taken[0], self._tables(*taken))
            if self._parts.full:
                self._parts.finish()
            return True
        self._parts.finish()
        if not empty:
            with self._changed:
                self._marked += 1
                self._changed.notify_all()
        return not (empty and closing)

    def _tables(self, tick: int, copied: Sequence[list[Array]]) -> list[pa.Table]:
        made = []
        for table, columns in zip(self._plan.tables, copied, strict=False):
            head = len(table.schema) - len(table.columns) - 1
            arrays = [array_of(np.full(len(columns[0]), tick)), *map(array_of, columns[:head])]
            at = head
            for names, field in zip(table.columns, list(table.schema)[head + 1 :], strict=True):
                stored, at = columns[at : at + len(names)], at + len(names)
                if pa.types.is_fixed_size_list(field.type):
                    arrays.append(lists_of(stored))
                else:
                    arrays.append(array_of(stored[0]))
            made.append(pa.table([_as(a, f.type) for a, f in zip(arrays, table.schema, strict=True)], table.schema))
        head = [np.array([tick]), np.array([self._rank], np.int32), np.array([self._workers], np.int32)]
        made.append(pa.table([array_of(column) for column in (*head, *copied[-1])], DIGEST_SCHEMA))
        return made


def _as(array: pa.Array, type: pa.DataType) -> pa.Array:
    """The array in the schema's type, of which the names of list items may differ."""
    return array if array.type == type else array.cast(type)


def _unforeseen(rank: int, error: Exception) -> RecordFault:
    fault = RecordFault(
        f"worker {rank} failed to record: {type(error).__name__}: {error}\n"
        f"The recording would have a gap.\n"
        f"Run it without a recording; the error itself is kept as the cause of this one."
    )
    fault.__cause__ = error
    return fault
