"""What every runtime offers: the same program runs in this process or on many machines, with the same bits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command
from partitions.diary import Entries
from partitions.frames import Frame
from partitions.grid import Grid, Layout
from partitions.interest import Interest
from partitions.program import Program
from partitions.sums import Value

if TYPE_CHECKING:
    from partitions.folder import Folder
    from partitions.log import Promise
    from partitions.manifest import Part
    from partitions.record import Plan
    from partitions.resume import Resumption

Rows = tuple[NDArray[np.int64], list[NDArray[Any]]]


class Runtime(ABC):
    """Part one: what an implementation provides. Part two: what everyone gets free.

    Attributes:
        program: what it runs.
        layout: who owns what.
        workers: how many processes.
        threads: per worker.
    """

    program: Program
    layout: Layout
    workers: int
    threads: int

    # Part one

    @property
    @abstractmethod
    def tick(self) -> int:
        """Ticks done."""

    @abstractmethod
    def advance(self, target: int) -> int:
        """Run until `target` ticks are done or somebody calls `hold`; returns the ticks done.

        Raises:
            TickFault: an entity broke a rule; the least one, whatever the partitions.
        """

    @abstractmethod
    def hold(self) -> int:
        """Stop at the next common tick boundary; returns its tick. From any thread, or a signal handler."""

    @abstractmethod
    def rate(self, hz: float | None) -> None:
        """Start at most `hz` ticks per second; None: as many as possible."""

    @abstractmethod
    def set_parameters(self, reals: NDArray[np.float64], integers: NDArray[np.int64]) -> None:
        """New parameter values from the next tick on; not during `advance`."""

    @abstractmethod
    def types_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The type of each of these entities, -1 where there is none of that id; not during `advance`."""

    @abstractmethod
    def command(self, command: Command) -> None:
        """Let entities come, change and go before the next tick; not during `advance`. Its ids must fit."""

    @abstractmethod
    def capture(self) -> None:
        """Copy the state in every worker, to be written by `write` while the run goes on; not during `advance`."""

    @abstractmethod
    def write(self, folder: Folder) -> list[Part]:
        """Write the copy into a folder, each worker its own files; from any thread.

        Returns:
            What the manifest is to say of them.

        Raises:
            FolderError: a file could not be written.
        """

    @abstractmethod
    def point(self) -> dict[str, Any]:
        """What the manifest says of a state beside its files, see `Worker.point`; not during `advance`."""

    @abstractmethod
    def renewed(self, resumed: Resumption | None) -> Runtime:
        """End this one, and start another like it from a snapshot, or from the beginning."""

    @abstractmethod
    def unreadable(self, folder: Folder, name: str, token: bytes) -> list[str]:
        """The nodes of those workers that do not find this content in this file."""

    @abstractmethod
    def digest(self) -> str:
        """Hash of the state, 32 hexadecimal digits: equal for equal states, however they are partitioned."""

    @abstractmethod
    def counts(self) -> dict[int, int]:
        """Type -> living entities."""

    @abstractmethod
    def tallies(self) -> dict[str, list[int]]:
        """Counts since the start: "births", "deaths" and "lost" per type, "sent", "read" and "pending" per message."""

    @abstractmethod
    def memory(self) -> dict[int, int]:
        """Type -> bytes that its tables take on all workers."""

    @abstractmethod
    def take_events(self, event: int) -> Entries:
        """The events of a kind since the last call, ordered by (tick, phase, type, id, sequence)."""

    @abstractmethod
    def rows(self, type: int) -> Rows:
        """Ids and columns of all entities of a type, sorted by id."""

    @property
    @abstractmethod
    def ended(self) -> str | None:
        """The condition that ended the last `advance`, if one did; then there is no further tick until a command."""

    @abstractmethod
    def samples(self) -> list[tuple[int, int, Value]]:
        """(tick, number of the observation, value) of all samples since the last call, in order."""

    @abstractmethod
    def publish(self, address: tuple[str, int], secret: bytes) -> None:
        """Send frames to the hub at this address from now on."""

    @abstractmethod
    def show(self) -> None:
        """Publish the present state, so that a stopped run shows its last tick."""

    @abstractmethod
    def portions(self, interest: Interest) -> list[Frame]:
        """Every worker's part of a frame of the present state."""

    @abstractmethod
    def record(self, plan: Plan, now: bool) -> None:
        """Record from now on, the present state too if `now` and if it is due; not during `advance`.

        Raises:
            RecordFault: a worker cannot write to the folder.
        """

    @abstractmethod
    def flush(self) -> None:
        """Return when all that was recorded is in finished parts, which end here; not during `advance`.

        Raises:
            RecordFault: something could not be written.
        """

    @abstractmethod
    def worker_of(self) -> Sequence[int]:
        """Worker of each partition."""

    @abstractmethod
    def close(self) -> None:
        """Free everything; may be called twice."""

    # Part two

    @property
    def driver_address(self) -> str:
        """Where workers reach a server of the driver's process."""
        return "127.0.0.1"

    def deaths(self) -> dict[int, int]:
        """Type -> entities that died since the start."""
        return dict(enumerate(self.tallies()["deaths"]))

    def promise(self, promise: Promise) -> None:
        """Have something that is to be done later outlive this process, if anything does."""
        assert promise.tick >= self.tick

    def group(self) -> AbstractContextManager[None]:
        """Inputs inside the block belong together: those of the functions between two ticks."""
        return nullcontext()

    @property
    def partitions(self) -> int:
        """Partitions that there are: no more than blocks, whatever was asked for."""
        return len(self.layout.parts)

    def part_boxes(self) -> list[tuple[tuple[float, ...], tuple[float, ...], int]]:
        """(low corner, high corner, worker) of each partition, in world coordinates."""
        return boxes_of(self.program.grid, self.layout, self.worker_of())

    def __enter__(self) -> Runtime:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def boxes_of(
    grid: Grid, layout: Layout, worker_of: Sequence[int]
) -> list[tuple[tuple[float, ...], tuple[float, ...], int]]:
    """(low corner, high corner, worker) of each partition, in world coordinates."""
    return [
        (
            tuple(float(e[i]) for e, i in zip(grid.block_edges, part.low, strict=True)),
            tuple(float(e[i]) for e, i in zip(grid.block_edges, part.high, strict=True)),
            worker,
        )
        for part, worker in zip(layout.parts, worker_of, strict=True)
    ]


def sorted_rows(ids: NDArray[np.int64], columns: Sequence[NDArray[Any]]) -> Rows:
    """The same rows, sorted by id."""
    order = np.argsort(ids, kind="stable")
    return ids[order], [column[order] for column in columns]
