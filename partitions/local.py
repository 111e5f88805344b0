"""The local runtime: one worker with all partitions, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from partitions.command import Command
from partitions.diary import Entries
from partitions.digest import format_digest
from partitions.exchange import NoTransport
from partitions.frames import Frame
from partitions.grid import make_layout
from partitions.interest import Interest
from partitions.observe import whole_samples
from partitions.program import Program
from partitions.runtime import Rows, Runtime, sorted_rows
from partitions.sums import Value
from partitions.worker import Worker

if TYPE_CHECKING:
    from partitions.folder import Folder
    from partitions.manifest import Part
    from partitions.record import Plan
    from partitions.resume import Resumption


class Local(Runtime):
    """Runs a program here; the partitions take turns, the threads share each one's work."""

    def __init__(
        self, program: Program, partitions: int = 1, threads: int = 1, resumed: Resumption | None = None
    ) -> None:
        """Make the initial state, or that of a snapshot.

        Args:
            program: what to run.
            partitions: into how many boxes to cut the world; capped to the number of blocks.
            threads: how many compiled functions run side by side.
            resumed: what to go on from.
        """
        self.program, self.workers, self.threads = program, 1, threads
        self.layout = make_layout(program.grid, partitions)
        n = len(self.layout.parts)
        self._worker = Worker(program, self.layout, range(n), [0] * n, 0, threads, NoTransport())
        try:
            if resumed is None:
                self._worker.populate()
            else:
                self._worker.restore(resumed)
        except BaseException:
            self._worker.close()
            raise

    @property
    def worker(self) -> Worker:
        """The one worker."""
        return self._worker

    @property
    def tick(self) -> int:
        """Ticks done."""
        return self._worker.tick

    def advance(self, target: int) -> int:
        """Run until `target` ticks are done or somebody calls `hold`; returns the ticks done."""
        return self._worker.advance(target)

    def hold(self) -> int:
        """Stop at the next tick boundary; returns its tick."""
        at = self._worker.hold()
        self._worker.release(at)
        return at

    def rate(self, hz: float | None) -> None:
        """Start at most `hz` ticks per second; None: as many as possible."""
        self._worker.rate(hz)

    def set_parameters(self, reals: NDArray[np.float64], integers: NDArray[np.int64]) -> None:
        """New parameter values from the next tick on; not during `advance`."""
        self._worker.set_parameters(reals, integers)

    def types_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The type of each of these entities, -1 where there is none of that id."""
        return self._worker.types_of(ids)

    def command(self, command: Command) -> None:
        """Let entities come, change and go before the next tick; not during `advance`."""
        self._worker.command(command)

    def capture(self) -> None:
        """Copy the state, to be written by `write`; not during `advance`."""
        self._worker.capture()

    def write(self, folder: Folder) -> list[Part]:
        """Write the copy; from any thread."""
        return self._worker.write(folder)

    def point(self) -> dict[str, Any]:
        """See `Worker.point`."""
        return self._worker.point()

    def renewed(self, resumed: Resumption | None) -> Local:
        """End this one, and start another like it."""
        self.close()
        return Local(self.program, self.partitions, self.threads, resumed)

    def unreadable(self, folder: Folder, name: str, token: bytes) -> list[str]:
        """Who is here reads what is written here."""
        return []

    def digest(self) -> str:
        """Hash of the state, 32 hexadecimal digits."""
        return format_digest(*self._worker.digest())

    def counts(self) -> dict[int, int]:
        """Type -> living entities."""
        return self._worker.counts()

    def tallies(self) -> dict[str, list[int]]:
        """Counts since the start, see `Worker.tallies`."""
        return self._worker.tallies()

    def memory(self) -> dict[int, int]:
        """Type -> bytes that its tables take."""
        return self._worker.memory()

    def take_events(self, event: int) -> Entries:
        """The events of a kind since the last call, ordered."""
        return self._worker.take_events(event)

    def rows(self, type: int) -> Rows:
        """Ids and columns of all entities of a type, sorted by id."""
        return sorted_rows(*self._worker.rows(type))

    @property
    def ended(self) -> str | None:
        """The condition that ended the last `advance`, if one did."""
        return self._worker.ended

    def samples(self) -> list[tuple[int, int, Value]]:
        """(tick, number of the observation, value) of all samples since the last call, in order."""
        return whole_samples(self.program, [self._worker.samples()])

    def publish(self, address: tuple[str, int], secret: bytes) -> None:
        """Send frames to the hub at this address from now on."""
        from partitions.publisher import Publisher  # only a run that is looked at pays for it

        self._worker.publisher = Publisher(address, secret, 0, 1)

    def show(self) -> None:
        """Publish the present state."""
        self._worker.show()

    def portions(self, interest: Interest) -> list[Frame]:
        """The one part."""
        return [self._worker.portion(interest)]

    def record(self, plan: Plan, now: bool) -> None:
        """Record from now on, the present state too if `now` and if it is due."""
        self._worker.record(plan, now)

    def flush(self) -> None:
        """Return when all that was recorded is in finished parts."""
        self._worker.flush()

    def worker_of(self) -> Sequence[int]:
        """Everything is here."""
        return [0] * self.partitions

    def close(self) -> None:
        """End the threads."""
        self._worker.close()
