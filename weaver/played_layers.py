"""Layers in the interpreter: their cells as rows, initial values, and diffusion."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.grid import Space, lattice_edges
from weaver import random, settle
from weaver.draws import Draws
from weaver.entity import Layer
from weaver.field import Field
from weaver.played_rows import Rows, default, held, split, vector
from weaver.rasters import raster_shape
from weaver.sources import Raster
from weaver.space import Box
from weaver.turns import Diffusion


class CellRows(Rows):
    """All cells of a layer; row, id and row-major number (x fastest) are the same.

    Attributes:
        shape: cells per axis, x first.
        edges: per axis, (n + 1,) on the position lattice.
    """

    def __init__(self, layer: type[Layer], index: int, fields: dict[str, Field], box: Box, space: Space) -> None:
        super().__init__(layer, index, fields, None)
        self.shape, self.space = raster_shape(layer, box), space
        self.edges = tuple(lattice_edges(axis, n) for axis, n in zip(space.axes, self.shape, strict=True))
        self.resolution, self.everywhere = layer.__resolution__, layer.__everywhere__
        n = math.prod(self.shape)
        self.insert(np.arange(n), {name: [default(field)] * n for name, field in fields.items()})

    def values(self, name: str) -> list[Any]:
        """A field of every cell, its place or its index."""
        if name in ("position", "index") and name not in self._values:
            indices = [tuple(reversed(i)) for i in product(*map(range, reversed(self.shape)))]
            self._values["index"] = indices
            self._values["position"] = [self.centre(i) for i in indices]
        return super().values(name)

    def centre(self, index: tuple[int, ...], turns: tuple[int, ...] | None = None) -> Any:
        """The middle of a cell, some whole worlds away."""
        return vector(
            0.5 * (e[i] + e[i + 1]) + t * axis.length
            for e, i, t, axis in zip(self.edges, index, turns or (0,) * len(index), self.space.axes, strict=True)
        )

    def number(self, index: tuple[int, ...]) -> int:
        """A cell's row."""
        number = 0
        for i, n in zip(reversed(index), reversed(self.shape), strict=True):
            number = number * n + i
        return number

    def holding(self, place: tuple[float, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Index of the cell that holds a place, and how many whole worlds away the place lies per axis."""
        index, turns = [], []
        for p, edges, axis in zip(place, self.edges, self.space.axes, strict=True):
            turn = math.floor((p - axis.low) / axis.length) if axis.periodic else 0
            inside = settle.wrapped(p, axis.low, axis.high, axis.length) if axis.periodic else p
            index.append(int(settle.cell_of(inside, axis.low, (len(edges) - 1) / axis.length, edges)))
            turns.append(turn)
        return tuple(index), tuple(turns)

    def beyond(self, index: tuple[int, ...], offset: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The cell some cells further and the worlds between; None beyond an edge that is not periodic."""
        there, turns = [], []
        for i, d, n, axis in zip(index, offset, self.shape, self.space.axes, strict=True):
            turn, k = divmod(i + d, n)
            if turn and not axis.periodic:
                return None
            there.append(k)
            turns.append(turn)
        return tuple(there), tuple(turns)

    def array(self, name: str) -> NDArray[Any]:
        """A field as [y, x] or [z, y, x], vectors and arrays one axis more, in the storage type."""
        field, shape = self.fields[name], tuple(reversed(self.shape))
        columns = [self.columns[c].reshape(shape).copy() for c in field.columns]
        one = field.vector is None and not field.length
        return columns[0] if one else np.stack(columns, axis=-1)

    # ---- Beginning and spreading ----

    def begin(self, raster: Raster, seed: int, interpreted: Callable[[Any], Callable[[Any], Any]]) -> None:
        """Take initial values."""
        values = {}
        for name, rule in raster.fields.items():
            field = self.fields[name]
            if callable(rule):
                key = random.key(seed, self.kind.__name__, f"layer.{name}")
                made = interpreted(rule)
                values[name] = [held(field, made(CellDraw(self, key, row))) for row in range(len(self.ids))]
            else:
                inner = (len(field.columns),) if field.vector is not None or field.length else ()
                every = np.broadcast_to(rule, (*reversed(self.shape), *inner))
                values[name] = split(field, every.reshape(len(self.ids), *inner))
        self.write([(row, {n: v[row] for n, v in values.items()}) for row in range(len(self.ids))])

    def diffuse(self, turn: Diffusion, rate: float, decay: float, dt: float) -> None:
        """One explicit step: f = (f + c * sum of (their f - f)) * exp(-decay * dt)."""
        c, d = rate * dt / (self.resolution * self.resolution), math.exp(-decay * dt)
        f = self.columns[turn.field].reshape(tuple(reversed(self.shape))).astype(np.float64)
        s = np.zeros_like(f)
        for axis, way in self._ways():
            there = np.roll(f, -way, axis)
            exists = np.ones(f.shape, np.bool_)
            if not self.space.axes[f.ndim - 1 - axis].periodic:
                edge: list[Any] = [slice(None)] * f.ndim
                edge[axis] = -1 if way > 0 else 0
                exists[tuple(edge)] = False
            with np.errstate(all="ignore"):
                s = np.where(exists, s + (there - f), s)
        with np.errstate(all="ignore"):
            new = ((f + c * s) * d).ravel().astype(self.columns[turn.field].dtype)
        new[np.isnan(new)] = np.nan
        self.columns[turn.field] = new
        self.changed()

    def _ways(self) -> Iterator[tuple[int, int]]:
        """(array axis, way) of the neighbours, row-major: z-, y-, x-, x+, y+, z+."""
        dim = len(self.shape)
        yield from ((axis, -1) for axis in range(dim))
        yield from ((axis, 1) for axis in reversed(range(dim)))


class CellDraw(Draws):
    """What a function of the cell gets: the cell's place, index and id, and random numbers."""

    def __init__(self, rows: CellRows, key: np.uint64, row: int) -> None:
        super().__init__(key, row, 0)
        self.id, self.index, self.position = row, rows.values("index")[row], rows.values("position")[row]
