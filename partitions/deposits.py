"""Deposits: amounts that entities add to cells of layers, brought to the owners and added in one order everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partitions.exchange import Exchange
from partitions.loops import loops
from partitions.program import Outlet, Program
from partitions.raster import Raster
from partitions.store import Array, Partition

OWN = ("@cell", "@id", "@seq")
"""What every record of a deposit has beside the amounts."""


class Gift(NamedTuple):
    """The records of one outlet of one act, of all partitions here.

    Attributes:
        type: type of the depositors.
        outlet: what the records hold.
        records: name -> (n,) array.
    """

    type: int
    outlet: Outlet
    records: Mapping[str, Array]


class Deposits:
    """Adds the deposits of a phase."""

    def __init__(self, program: Program, parts: Sequence[Partition], exchange: Exchange) -> None:
        """Nothing is kept from phase to phase."""
        self._types, self._parts, self._exchange = program.types, parts, exchange

    def add(self, gifts: Sequence[Gift]) -> None:
        """Bring amounts to the owners of the cells and add them there; every worker calls it in the same phase.

        The cells lie within reach of the depositors, so that their owners are among the workers that this one talks to.

        Args:
            gifts: one per outlet, the same outlets in the same order on every worker.
        """
        streams = [
            (self._owners(g.outlet.target, g.records["@cell"]), [g.records[c.name] for c in g.outlet.columns])
            for g in gifts
        ]
        poured: dict[int, list[tuple[Gift, NDArray[np.int32]]]] = {}
        for gift, (part, values) in zip(gifts, self._exchange.bring(streams), strict=True):
            records = {c.name: column for c, column in zip(gift.outlet.columns, values, strict=True)}
            poured.setdefault(gift.outlet.target, []).append((Gift(gift.type, gift.outlet, records), part))
        for layer, came in poured.items():
            for one in self._parts:
                self._pour(one, layer, came)
            if self._types[layer].searched:
                names = {c.name for gift, _ in came for c in gift.outlet.columns}
                self._exchange.stale[layer].update(names & set(self._types[layer].ghost_columns))

    def _owners(self, layer: int, cells: NDArray[np.int64]) -> NDArray[np.int32]:
        part, routes = np.zeros(len(cells), np.int32), self._exchange.routes[layer]
        if len(routes.boxes) > 1:
            loops("deposit").owners(cells, routes.world, routes.owner, part)
        return part

    def _pour(self, part: Partition, layer: int, came: Sequence[tuple[Gift, NDArray[np.int32]]]) -> None:
        """Add what came for one partition; columns that the same outlets fill are added in one order."""
        raster = part.tables[layer]
        assert isinstance(raster, Raster)
        alone = len(self._exchange.routes[layer].boxes) == 1
        mine = [(gift, slice(None) if alone else np.flatnonzero(owner == part.number)) for gift, owner in came]
        columns: dict[tuple[int, ...], list[str]] = {}
        for name in raster.columns:
            with_it = tuple(k for k, (gift, _) in enumerate(mine) if name in gift.records)
            if with_it:
                columns.setdefault(with_it, []).append(name)
        for numbers, names in columns.items():
            chosen = [mine[k] for k in numbers]
            cell, id, sequence, *amounts = (
                _joined([gift.records[name][which] for gift, which in chosen]) for name in [*OWN, *names]
            )
            if not len(cell):
                continue
            types = np.repeat(
                np.array([gift.type for gift, _ in chosen], np.int32),
                [len(gift.records["@cell"][which]) for gift, which in chosen],
            )
            row, order = np.empty(len(cell), np.int64), np.empty(len(cell), np.uint32)
            loops("deposit").rows(cell, self._exchange.routes[layer].world, raster.geometry, row)
            loops("order").arrange(row, types, id, sequence, raster.scratch(), order)
            for name, amount in zip(names, amounts, strict=True):
                add_up(amount, row, order, raster.columns[name])


def add_up(amount: Array, row: NDArray[np.int64], order: NDArray[np.uint32], column: Array) -> None:
    """`deposit_kernels.pour`, for every type of column; narrow whole numbers are added up in 64 bits, and wrap."""
    if column.dtype.kind == "f" or column.dtype == np.int64:
        loops("deposit").pour(amount, row, order, column)
        return
    wide = column.astype(np.int64)
    loops("deposit").pour(amount, row, order, wide)
    column[:] = wide.astype(column.dtype)


def _joined(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
