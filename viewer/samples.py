"""The observations of a run so far, kept for those who come later."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

MOST_ROWS = 4000


class Samples:
    """Rows of observations, at most 4000: beyond, every second one is given up, so that they stay evenly spaced.

    Attributes:
        edition: grows when rows have been taken away; who knows an older edition needs all of them.
    """

    def __init__(self) -> None:
        self.edition = 0
        self._ticks: list[int] = []
        self._values: dict[str, list[Any]] = {}
        self._stride = 1

    def __len__(self) -> int:
        return len(self._ticks)

    def add(self, first: int, ticks: Sequence[int], values: Mapping[str, Sequence[Any]]) -> None:
        """Take rows number `first`, `first` + 1 ... of the run; rows of these ticks and later ones are replaced.

        Raises:
            ValueError: a column has another length than `ticks`.
        """
        if any(len(column) != len(ticks) for column in values.values()):
            raise ValueError(f"samples of {len(ticks)} ticks with columns of {[len(c) for c in values.values()]}")
        if not ticks:
            return
        if self._ticks and self._ticks[-1] >= ticks[0]:
            self._keep([k for k, tick in enumerate(self._ticks) if tick < ticks[0]])
            self._stride = self._stride if self._ticks else 1
        kept = [k for k in range(len(ticks)) if (first + k) % self._stride == 0]
        for name in values:
            self._values.setdefault(name, [None] * len(self._ticks))
        for name, column in self._values.items():
            column.extend(values[name][k] if name in values else None for k in kept)
        self._ticks.extend(ticks[k] for k in kept)
        while len(self._ticks) > MOST_ROWS:
            self._stride *= 2
            self._keep(range(0, len(self._ticks), 2))

    def text(self, known: int = 0) -> str:
        """The message for a viewer that has the first `known` rows."""
        values = {name: column[known:] for name, column in self._values.items()}
        return json.dumps({"samples": {"from": known, "ticks": self._ticks[known:], "values": values}})

    def _keep(self, rows: Sequence[int] | range) -> None:
        self._ticks = [self._ticks[k] for k in rows]
        self._values = {name: [column[k] for k in rows] for name, column in self._values.items()}
        self.edition += 1
