"""Records that kernels put out: room for them, calls that go on where the room ended, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from partitions.program import STATUS, Outlet
from partitions.store import Array

NO_ID = np.iinfo(np.int64).max
"""What stands for the id in `status` as long as nothing went wrong."""
COUNT = "@count"
"""Name of the counter among the arguments of a kernel."""
ROOM = 256
"""Records that there is room for at first."""


class Chunk:
    """Room for the records of one outlet in one call of a kernel.

    Attributes:
        count: int64[1]; may exceed the room when an entity's records did not fit, and is set back by the kernel.
        columns: name -> (room,) array.
    """

    def __init__(self, outlet: Outlet, room: int) -> None:
        """Make room."""
        self.count = np.zeros(1, np.int64)
        self.columns: dict[str, Array] = {c.name: np.empty(room, c.dtype) for c in outlet.columns}

    def array(self, name: str) -> Array:
        """A column in full length, or the counter ("@count")."""
        return self.count if name == COUNT else self.columns[name]

    def taken(self) -> dict[str, Array]:
        """The records that are there."""
        n = int(self.count[0])
        return {name: column[:n] for name, column in self.columns.items()}


Kernel = Callable[[np.uint64, np.uint64, NDArray[np.int64], NDArray[np.float64], Sequence[Chunk]], None]


class Piece:
    """One range of cells that a kernel works through, however often it runs out of room.

    Attributes:
        status, values: of the last call; see `program.STATUS`.
        chunks: per outlet, the chunks in the order of the entities.
        seconds: that `run` took.
    """

    def __init__(self, outlets: Sequence[Outlet], first: int, last: int, rooms: list[int]) -> None:
        """Take the range; `rooms` says how many records were put out last time, per outlet, and is kept up to date."""
        self.status, self.values = np.zeros(STATUS, np.int64), np.zeros(8)
        self.status[1] = NO_ID
        self.chunks: list[list[Chunk]] = [[] for _ in outlets]
        self.seconds = 0.0
        self._outlets, self._first, self._last, self._rooms = outlets, first, last, rooms

    def run(self, kernel: Kernel) -> None:
        """Call the kernel until it has come to the end."""
        began = time.perf_counter()
        first, rooms = self._first, [max(ROOM, room + room // 4) for room in self._rooms]
        while True:
            new = [Chunk(outlet, room) for outlet, room in zip(self._outlets, rooms, strict=True)]
            for chunks, chunk in zip(self.chunks, new, strict=True):
                chunks.append(chunk)
            self.status[6] = 0
            kernel(np.uint64(first), np.uint64(self._last), self.status, self.values, new)
            if not self.status[6]:
                break
            first = int(self.status[7])
            rooms = [2 * room for room in rooms]
        self._rooms[:] = [max(known, n) for known, n in zip(self._rooms, self._counts(), strict=True)]
        self.seconds = time.perf_counter() - began

    def _counts(self) -> list[int]:
        return [sum(int(chunk.count[0]) for chunk in chunks) for chunks in self.chunks]


def joined(outlet: Outlet, pieces: Sequence[Piece], number: int) -> dict[str, Array]:
    """All records of one outlet, in the order of the pieces: each entity's own are in sequence."""
    taken = [chunk.taken() for piece in pieces for chunk in piece.chunks[number]]
    return {
        c.name: np.concatenate([t[c.name] for t in taken]) if taken else np.empty(0, c.dtype) for c in outlet.columns
    }
