"""One tick: the phases in order, each a refresh of stale ghosts, the kernels over the own cells, then the exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.errors import TickFault
from partitions.exchange import Exchange
from partitions.program import Act, Argument, Program
from partitions.store import Array, Crew, Partition

NO_ID = np.iinfo(np.int64).max
"""What stands for the id in `status` as long as nothing went wrong."""


class Tick:
    """Runs phases over the partitions of one worker."""

    def __init__(
        self, program: Program, parts: Sequence[Partition], exchange: Exchange, crew: Crew,
        kernels: Mapping[str, Callable[..., None]],
    ) -> None:  # fmt: skip
        """Keep what a phase needs; `reals` and `integers` are the current parameters."""
        self.reals, self.integers = program.reals.copy(), program.integers.copy()
        self._program, self._parts, self._exchange, self._crew = program, parts, exchange, crew
        self._kernels = kernels

    def run(self, tick: int) -> None:
        """Run every phase whose turn it is.

        Raises:
            TickFault: an entity of this worker broke a rule.
            Poisoned: one of another worker did.
        """
        for index, phase in enumerate(self._program.phases):
            if tick % phase.every == phase.at:
                self._phase(index, tick)

    def _phase(self, index: int, tick: int) -> None:
        phase, types, stale = self._program.phases[index], self._program.types, self._exchange.stale
        wanted = {
            t: [c.name for c in types[t].columns if c.name in phase.reads[t] and c.name in stale[t]]
            for t in sorted(phase.reads)
        }
        wanted = {t: names for t, names in wanted.items() if names}
        if wanted:
            self._exchange.refresh(wanted)
        waiting = self._act(index, tick)
        for part, type, new in waiting:  # only now: every act of the phase reads the state at its start
            table = part.tables[type]
            for name, column in new.items():
                table.give(table.columns[name])
                table.columns[name] = column
        for act in phase.acts:
            if types[act.type].searched:
                stale[act.type].update(set(act.writes) & set(types[act.type].ghost_columns))
        moved = sorted({act.type for act in phase.acts if act.moves or act.kills})
        if moved:
            self._exchange.relocate(moved)

    def _act(self, index: int, tick: int) -> list[tuple[Partition, int, dict[str, Array]]]:
        """Call the kernels; returns the second buffers, to be swapped in."""
        calls: list[Callable[[], None]] = []
        statuses: list[tuple[int, NDArray[np.int64], NDArray[np.float64]]] = []
        waiting = []
        for act in self._program.phases[index].acts:
            kernel = self._kernels[act.kernel]
            for part in self._parts:
                table = part.tables[act.type]
                if not table.n:
                    continue
                new = {name: table.borrow(table.columns[name].dtype) for name in act.buffered}
                waiting.append((part, act.type, new))
                arrays = [self._array(argument, part, act, new) for argument in act.arguments]
                for first, last in table.pieces(self._crew, 4):
                    status, values = np.array([0, NO_ID, 0, 0], np.int64), np.zeros(8)
                    statuses.append((act.type, status, values))
                    calls.append(self._call(kernel, first, last, tick, status, values, arrays))
        acting = {act.type for act in self._program.phases[index].acts}
        self._crew.run(calls, sum(part.tables[t].n for part in self._parts for t in acting))
        faults = [
            TickFault(tick, index, type, int(status[1]), int(status[0]), tuple(values.tolist()))
            for type, status, values in statuses
            if status[0]
        ]
        if faults:
            raise min(faults, key=lambda fault: fault.order)
        return waiting

    def _call(
        self, kernel: Callable[..., None], first: int, last: int, tick: int, status: Array, values: Array,
        arrays: Sequence[Array],
    ) -> Callable[[], None]:  # fmt: skip
        a, b = np.uint64(first), np.uint64(last)
        return lambda: kernel(a, b, tick, status, values, self.reals, self.integers, *arrays)

    def _array(self, argument: Argument, part: Partition, act: Act, new: Mapping[str, Array]) -> Array:
        table = part.tables[argument.type]
        if argument.kind == "column":
            return table.columns[argument.name]
        if argument.kind == "out":
            return new[argument.name] if argument.name in act.buffered else table.columns[argument.name]
        if argument.kind == "edges":
            return self._program.grid.cells[argument.type].edges[int(argument.name)]
        array: Array = getattr(table, argument.kind)  # ids, start, geometry, dead
        return array
