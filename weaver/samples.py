"""Samples: what a run has observed so far, as a table, a file or a picture."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partitions.program import Observed
from partitions.sums import Value
from weaver.errors import RunError

if TYPE_CHECKING:
    import pyarrow as pa


class Samples:
    """Keeps samples by tick.

    Args:
        observations: what is sampled.
        dt: length of a tick.
    """

    def __init__(self, observations: Sequence[Observed], dt: float) -> None:
        self._observations, self._dt = observations, dt
        self._values: dict[int, dict[int, Value]] = {}
        self._ticks: list[int] = []

    def add(self, samples: Iterable[tuple[int, int, Value]]) -> None:
        """Take (tick, number of the observation, value)."""
        for tick, number, value in samples:
            if tick not in self._values:
                self._values[tick] = {}
                self._ticks.append(tick)
            self._values[tick][number] = value

    def all(self) -> list[tuple[int, int, Value]]:
        """Everything, as it was added: (tick, number of the observation, value)."""
        return [(tick, number, value) for tick, row in self._values.items() for number, value in row.items()]

    def since(self, first: int) -> tuple[list[int], dict[str, list[Any]]]:
        """Ticks, and values by the observation's name, of the sampled ticks from number `first` on; None: not then."""
        ticks = self._ticks[first:]
        rows = [self._values[tick] for tick in ticks]
        return ticks, {one.name: [row.get(k) for row in rows] for k, one in enumerate(self._observations)}

    def table(self) -> pa.Table:
        """One row per sampled tick; see `Run.observations`."""
        import pyarrow as pa

        ticks = sorted(self._values)
        columns = {"tick": pa.array(ticks, pa.int64()), "time": pa.array([t * self._dt for t in ticks], pa.float64())}
        for k, one in enumerate(self._observations):
            values = [self._values[t].get(k) for t in ticks]
            columns[one.name] = pa.array([v if v is None else _plain(v) for v in values], _type(one))
        return pa.table(columns)


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _type(one: Observed) -> Any:
    import pyarrow as pa

    statistic = one.statistic
    if statistic.how == "histogram":
        return pa.list_(pa.int64())
    if statistic.vector:
        return pa.list_(pa.float64(), statistic.size)
    return pa.int64() if statistic.whole else pa.float64()


def write_csv(path: Path, table: pa.Table, observations: Sequence[Observed]) -> None:
    """Write observations; the components of a vector become name_x, name_y, bins of a histogram name_0 and so on."""
    import pyarrow as pa
    from pyarrow import csv

    columns: dict[str, Any] = {}
    named = {one.name: one.statistic for one in observations}
    for name in table.column_names:
        statistic = named.get(name)
        if statistic is None or not (statistic.vector or statistic.bins):
            columns[name] = table[name]
            continue
        rows = table[name].to_pylist()
        ends = list("xyz"[: statistic.size]) if statistic.bins is None else [str(k) for k in range(statistic.bins[2])]
        for k, end in enumerate(ends):
            columns[f"{name}_{end}"] = pa.array([None if row is None else row[k] for row in rows])
    csv.write_csv(pa.table(columns), path)


def check_plot(path: Path) -> None:
    """Refuse a plot where there is nothing to draw it with.

    Raises:
        RunError: matplotlib is missing.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise RunError(
            f"the plot {path} was asked for; matplotlib, the Python package that draws it, is missing.\n"
            f"The run would end without its plot.\n"
            f'Run pip install "weaver-sim[plot]", or write --observations {path.with_suffix(".csv")} instead.'
        )


def write_plot(path: Path, table: pa.Table, observations: Sequence[Observed], title: str) -> None:
    """Draw every observation over time, one below the other, as a PNG.

    Raises:
        RunError: matplotlib is missing, or the file cannot be written.
    """
    check_plot(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1 + 2 * len(observations)), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(len(observations), 1, sharex=True, squeeze=False)[:, 0]
    times = table["time"].to_pylist()
    for axis, one in zip(axes, observations, strict=True):
        seen = [(t, v) for t, v in zip(times, table[one.name].to_pylist(), strict=True) if v is not None]
        at, values = [t for t, _ in seen], [v for _, v in seen]
        bins = one.statistic.bins
        if bins is not None:
            low, high, number = bins
            middles = [low + (k + 0.5) * (high - low) / number for k in range(number)]
            axis.pcolormesh(at, middles, [[row[k] for row in values] for k in range(number)], shading="nearest")
        elif one.statistic.vector:
            for k, component in enumerate("xyz"[: one.statistic.size]):
                axis.plot(at, [row[k] for row in values], label=component)
            axis.legend(loc="upper right")
        else:
            axis.plot(at, values)
        axis.set_ylabel(one.name)
    axes[0].set_title(title)
    axes[-1].set_xlabel("time")
    try:
        canvas.print_png(str(path))
    except OSError as cause:
        raise RunError(
            f"the plot {path} could not be written: {cause}.\nThe run has ended well.\nChoose another place."
        ) from cause
