"""Recorded: a run that is kept tick by tick, in a folder of Parquet files."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partitions.program import Program
from partitions.runtime import Runtime
from weaver.errors import ModelError, RecordError
from weaver.simulation import Simulation

if TYPE_CHECKING:
    from partitions.record import Plan
    from weaver.recording import Recording
    from weaver.recording_tables import Request
    from weaver.run import Run

Area = tuple[Sequence[float], Sequence[float]]


class Recorded(ABC):
    """Part one: what a run provides. Part two: how it is recorded."""

    # Part one

    simulation: Simulation
    _program: Program
    _runtime: Runtime
    _recording: Recording | None = None
    _request: Request | None = None

    @property
    @abstractmethod
    def tick(self) -> int:
        """Ticks done."""

    @abstractmethod
    def _standing(self) -> AbstractContextManager[None]:
        """Inside the block the run stands between two ticks."""

    # Part two

    def record(
        self, folder: str | Path, *, every: int = 1, fields: Sequence[str] | None = None, area: Area | None = None
    ) -> Recording:
        """Record entities and layers into a folder of Parquet files, from the present tick on to the end of the run.

        The workers write, each its share, beside the ticks; a tick is recorded after its last behavior, before commands
        that are given then. See docs/recording.md.

        Args:
            folder: empty, or not there yet; where workers are on several nodes, one that all of them share.
            every: record the ticks whose number is a multiple of it.
            fields: "Bird" (all that it has) or "Bird.position"; a type or layer that is not named is left out. None:
                everything.
            area: (low corner, high corner); only entities, and centres of cells, with low <= position < high.

        Returns:
            The recording, which can be asked for its `digests()` and `ticks` also while the run goes on.

        Raises:
            ModelError: an argument is out of range.
            RecordError: nothing can be recorded there, or the run is recorded already.
        """
        from weaver.recording import Recording, check_folder
        from weaver.recording_tables import Request

        check_recorded(self.simulation, every, area)
        check_folder(folder)
        if self._recording is not None:
            raise RecordError(
                f"record({str(folder)!r}) was asked for; the run is recorded into {self._recording.folder} already.\n"
                f"Its workers write one recording.\n"
                f"Ask for all fields that you need at once."
            )
        with self._standing():
            request = Request(self.simulation, self._program, every, fields, area)
            recording = Recording.create(folder, request.facts(self.tick))
            self._recording, self._request = recording, request
            self._runtime.record(request.plan(recording), now=True)
        return recording

    def _join_recording(
        self, folder: str | Path, *, every: int = 1, fields: Sequence[str] | None = None, area: Area | None = None
    ) -> Recording:
        """Go on with the recording of a run that stood at the present tick, too; arguments as they were then.

        Raises:
            RecordError: it is a recording of something else, or not whole up to this tick.
        """
        from weaver.recording import Recording
        from weaver.recording_tables import Request

        check_recorded(self.simulation, every, area)
        with self._standing():
            request = Request(self.simulation, self._program, every, fields, area)
            recording = Recording(folder)
            request.refuse_other(recording)
            self._recording, self._request = recording, request
            self._runtime.record(self._rejoined(self.tick), now=False)
        return recording

    def _rejoined(self, tick: int) -> Plan:
        """Of what is recorded keep what was up to a tick to which the run has gone back; workers go on with the plan.

        Raises:
            RecordError: what was recorded before is not whole.
        """
        assert self._recording is not None and self._request is not None
        self._recording.join(tick)
        return self._request.plan(self._recording)

    def _free(self, error: BaseException | None = None) -> None:
        """Free the workers; of a recording stay the ticks that all of them have recorded.

        Args:
            error: what has ended the run; it is told if the recording could not be tidied up either.
        """
        self._runtime.close()
        recording, self._recording = self._recording, None
        if recording is None:
            return
        try:
            recording.trim()
        except RecordError as more:
            if error is None:
                raise
            error.add_note(str(more))


@dataclass(frozen=True)
class RecordOptions:
    """What is recorded of a run from its start; see `Recorded.record`."""

    folder: str | Path
    every: int = 1
    fields: Sequence[str] | None = None
    area: Area | None = None

    def check(self, simulation: Simulation, resumed: bool) -> None:
        """Refuse what cannot be recorded, before the program is compiled.

        Raises:
            ModelError, RecordError: it cannot.
        """
        from weaver.recording import check_folder

        check_recorded(simulation, self.every, self.area)
        if not (resumed and self.exists):
            check_folder(self.folder)

    @property
    def exists(self) -> bool:
        """Whether there is a recording, to be gone on with by a run that is resumed."""
        from partitions.parts import FACTS

        return (Path(self.folder) / FACTS).exists()


def begin_recording(run: Run, options: RecordOptions, resumed: bool) -> None:
    """Record a run that was just started, or go on with the recording of one that was resumed.

    Raises:
        ModelError, RecordError: it cannot be recorded.
    """
    how = run._join_recording if resumed and options.exists else run.record
    how(options.folder, every=options.every, fields=options.fields, area=options.area)


def check_recorded(simulation: Simulation, every: Any, area: Any) -> None:
    """Refuse options of `Recorded.record` that are out of range.

    Raises:
        ModelError: one is.
    """
    if not (isinstance(every, int) and 1 <= every < 1 << 40):
        raise ModelError(
            f"a recording of every {every!r} ticks was asked for; allowed are whole numbers from 1.\n"
            f"No tick would ever be due.\n"
            f"Write every=10, or --every 10."
        )
    if area is None:
        return
    dim = simulation.box.dim
    try:
        low, high = ([float(c) for c in corner] for corner in area)
        right = len(low) == len(high) == dim
        right = right and all(-math.inf < a < b < math.inf for a, b in zip(low, high, strict=True))
    except (TypeError, ValueError):
        right = False
    if not right:
        zeros, nines = ("0" * dim), ("9" * dim)
        raise ModelError(
            f"a recording of the area {area!r} was asked for; allowed are a low and a high corner of {dim} numbers, "
            f"all finite, each low one below the high one.\n"
            f"Nobody could be said to be inside.\n"
            f"Write area=(({', '.join(zeros)}), ({', '.join(nines)})), or --area {','.join(zeros + nines)}."
        )
