"""Observations: statistics of the whole state, sampled after ticks.

Each worker measures the rows that it owns. Where behaviors read a sample, or the end of the run hangs on it, the
workers swap their partial results at once, and all have the value. Otherwise the partial results wait until the driver
asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partitions.errors import TickFault
from partitions.exchange import Exchange
from partitions.program import STATUS, Argument, Observed, Program
from partitions.records import NO_ID
from partitions.store import Array, Crew, Partition
from partitions.sums import Value


class Sample(NamedTuple):
    """One sample, or one worker's part of it.

    Attributes:
        tick: ticks done.
        number: of the observation in the program.
        value: of the whole world, or None where only a part is known.
        part: (places, words) of the partial result that are not zero.
    """

    tick: int
    number: int
    value: Value | None
    part: tuple[NDArray[np.uint32], NDArray[np.int64], int] | None


class Observer:
    """Takes one worker's samples.

    Attributes:
        ended: the condition that holds, if one does; no further tick is run then.
    """

    def __init__(
        self, program: Program, parts: Sequence[Partition], exchange: Exchange, crew: Crew,
        kernels: Mapping[str, Callable[..., None]], reals: NDArray[np.float64], integers: NDArray[np.int64], rank: int,
    ) -> None:  # fmt: skip
        """Keep what a sample needs.

        `reals` and `integers` are the parameters; samples that behaviors read are written to the slots behind them.
        """
        self._program, self._parts, self._exchange, self._crew = program, parts, exchange, crew
        self._kernels, self._reals, self._integers, self._rank = kernels, reals, integers, rank
        self._samples: list[Sample] = []
        self._latest: dict[str, Value] = {}
        self._conditions = [(text, compile(text, "until", "eval")) for text in program.until]
        self.ended: str | None = None

    def sample(self, tick: int) -> None:
        """Take all samples that are due when `tick` ticks are done, and see whether the run is to end.

        Raises:
            TickFault: a function broke a rule.
            Poisoned: so it did on another worker.
        """
        due = [(k, one) for k, one in enumerate(self._program.observations) if tick % one.every == 0]
        parts = [one.statistic.merge(self._measured(one, k, tick)) for k, one in due]
        alone = self._exchange.workers == 1
        shared = [k for k, (_, one) in enumerate(due) if one.shared]
        if shared and not alone:
            own = [parts[k] for k in shared]
            batches = {self._exchange.rank: own, **self._exchange.tell(own)}
            for place, k in enumerate(shared):
                parts[k] = due[k][1].statistic.merge([batches[w][place] for w in sorted(batches)])
        for (number, one), part in zip(due, parts, strict=True):
            if not (one.shared or alone):
                places = np.flatnonzero(part).astype(np.uint32)
                self._samples.append(Sample(tick, number, None, (places, part[places], len(part))))
                continue
            value = self._latest[one.name] = one.statistic.value(part)
            if self._rank == 0:
                self._samples.append(Sample(tick, number, value, None))
            if one.slots:
                array: NDArray[Any] = self._integers if one.statistic.whole else self._reals
                array[list(one.slots)] = value
        if tick:
            self.ended = next((text for text, code in self._conditions if self._holds(code, tick)), None)

    def latest(self) -> dict[str, Value]:
        """The latest samples of what all workers know, by the observation's name."""
        return {name: value for name, value in self._latest.items() if self._is_shared(name)}

    def recall(self, latest: Mapping[str, Any]) -> None:
        """Know samples of an earlier run of the same state."""
        self._latest |= {
            name: tuple(value) if isinstance(value, list) and self._is_vector(name) else value
            for name, value in latest.items()
            if self._is_shared(name)
        }

    def _is_shared(self, name: str) -> bool:
        return any(one.name == name and one.shared for one in self._program.observations)

    def _is_vector(self, name: str) -> bool:
        return any(one.name == name and one.statistic.vector for one in self._program.observations)

    def taken(self) -> list[Sample]:
        """The samples since the last call; of those that all workers know, worker 0 alone gives them."""
        samples, self._samples = self._samples, []
        return samples

    def _holds(self, code: Any, tick: int) -> bool:
        names: dict[str, Any] = {"tick": np.int64(tick), "time": np.float64(tick * self._program.dt)}
        for name, value in self._latest.items():
            if isinstance(value, tuple):
                names[name] = SimpleNamespace(**dict(zip("xyz", map(np.float64, value), strict=False)))
            elif not isinstance(value, list):
                names[name] = np.int64(value) if isinstance(value, int) else np.float64(value)
        with np.errstate(all="ignore"):
            return bool(eval(code, {"__builtins__": {}}, names))

    def _measured(self, one: Observed, number: int, tick: int) -> list[NDArray[np.int64]]:
        """Partial results of all own rows, piece by piece."""
        tables = [part.tables[one.type] for part in self._parts]
        pieces = [
            (table, rows)
            for table in tables
            for rows in np.array_split(table.own_rows(), self._crew.pieces(table.n, 4 * self._crew.threads))
        ]
        calls = [self._measuring(one, number, tick, table, rows) for table, rows in pieces]
        return self._crew.run(calls, sum(len(rows) for _, rows in pieces))

    def _measuring(
        self, one: Observed, number: int, tick: int, table: Any, rows: NDArray[np.uint32]
    ) -> Callable[[], NDArray[np.int64]]:
        def measure() -> NDArray[np.int64]:
            dtype = np.int64 if one.statistic.integer else np.float64
            out: list[Array] = [np.empty(len(rows), dtype) for _ in range(one.statistic.size)]
            status, kept = np.zeros(STATUS, np.int64), np.zeros(1, np.int64)
            status[1] = NO_ID
            arrays = [self._array(table, argument) for argument in one.arguments]
            self._kernels[one.kernel](
                np.ascontiguousarray(rows), tick, status, np.zeros(8), self._reals, self._integers, kept, *out, *arrays
            )
            if status[0]:
                raise TickFault(tick, len(self._program.phases) + number, one.type, int(status[1]), int(status[0]), ())
            return one.statistic.measure([values[: int(kept[0])] for values in out])

        return measure

    def _array(self, table: Any, argument: Argument) -> Array:
        array: Array
        if argument.kind == "ids":
            array = table.ids
        elif argument.kind == "static":
            array = self._program.statics[argument.name]
        elif argument.kind == "geometry":
            array = table.geometry
        elif argument.kind == "edges":
            array = self._program.grid.cells[argument.type].edges[int(argument.name)]
        else:
            array = table.columns[argument.name]
        return array


def whole_samples(program: Program, samples: Sequence[Sequence[Sample]]) -> list[tuple[int, int, Value]]:
    """(tick, number of the observation, value) of the samples of all workers, in order."""
    values: list[tuple[int, int, Value]] = []
    parts: dict[tuple[int, int], list[NDArray[np.int64]]] = {}
    for sample in (s for own in samples for s in own):
        if sample.value is not None:
            values.append((sample.tick, sample.number, sample.value))
        elif sample.part is not None:
            places, words, size = sample.part
            part = np.zeros(size, np.int64)
            part[places] = words
            parts.setdefault((sample.tick, sample.number), []).append(part)
    for (tick, number), own in parts.items():
        statistic = program.observations[number].statistic
        values.append((tick, number, statistic.value(statistic.merge(own))))
    return sorted(values, key=lambda one: one[:2])
