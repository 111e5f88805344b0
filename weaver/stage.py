"""The stage: everything that an interpreted behavior can meet, as it is when the behavior starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partitions.grid import Grid
from weaver import random, settle
from weaver.draws import Fault
from weaver.entity import Entity, Layer
from weaver.errors import BehaviorError
from weaver.played_entities import Me, Other, me_class, other_class
from weaver.played_layers import CellRows
from weaver.played_messages import Mailbox
from weaver.played_rows import Rows
from weaver.simulation import Simulation
from weaver.turns import Behavior, Meeting

if TYPE_CHECKING:
    from weaver.obstacles import Obstacles
    from weaver.played_links import Ring
    from weaver.played_sites import Occupancy

_SETTLE: dict[str, Callable[..., tuple[Any, ...]]] = {
    "periodic": settle.settle_periodic,
    "reflect": settle.settle_reflect,
    "clamp": settle.settle_clamp,
    "absorb": settle.settle_absorb,
    "strict": settle.settle_strict,
}


@dataclass(frozen=True)
class Settled:
    """Where a place comes to rest: per axis; whether it was beyond an absorbing end, and which axes were mirrored."""

    place: tuple[float, ...]
    left: bool
    mirrored: tuple[bool, ...]


class Stage:
    """Rows, lattices, links, messages and counters of one interpreted world.

    Attributes:
        rows: type or layer -> its rows, in the order of type numbers.
        sites: lattice -> who stands where; ring: the links; obstacles: the geometry, or None.
        samples: observation -> the latest sample.
        born, dead, lost: name of a type -> how many.
        next_id: what an entity without a given id gets.
        births: block -> how many were born from it.
        moved: id -> whether its last claim of a site was won.
    """

    sites: dict[Any, Occupancy]
    ring: Ring
    obstacles: Obstacles | None

    def __init__(self, sim: Simulation, grid: Grid, rows: dict[type, Rows], mailbox: Mailbox) -> None:
        self.sim, self.grid, self.space, self.rows, self.mailbox = sim, grid, grid.space, rows, mailbox
        self.samples: dict[str, Any] = {}
        self.next_id = 0
        self.events: list[dict[str, Any]] = []
        self.born: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.births: Counter[int] = Counter()
        self.moved: dict[int, bool] = {}
        self._me = {kind: me_class(r) for kind, r in rows.items()}
        self._other = {kind: other_class(r) for kind, r in rows.items()}

    def changed(self) -> None:
        """Rows were put in, taken out or moved."""
        for rows in self.rows.values():
            rows.changed()
        for occupancy in self.sites.values():
            occupancy.changed()

    def me(self, rows: Rows, row: int, image: Any = None) -> Me:
        """An acting entity."""
        return self._me[rows.kind](rows, row, image)

    def other(self, rows: Rows, row: int, image: Any = None, turns: tuple[int, ...] | None = None) -> Other:
        """Another, at an image."""
        return self._other[rows.kind](rows, row, image, turns)

    def entities(self, kind: Any) -> Rows:
        """Rows of an entity type."""
        rows = self.rows.get(kind)
        if rows is None or isinstance(rows, CellRows):
            raise BehaviorError(
                f"{getattr(kind, '__name__', kind)!r} was looked for among the entities; it is "
                f"{'a layer' if rows else 'no entity type of this simulation'}.\n"
                f"There would be nothing to find.\n"
                f"Name an entity type; cells of a layer are had by world.at, around and beside."
            )
        return rows

    def cells(self, layer: Any) -> CellRows:
        """Rows of a layer."""
        rows = self.rows.get(layer)
        if not isinstance(rows, CellRows):
            raise BehaviorError(
                f"{getattr(layer, '__name__', layer)!r} was used as a layer, and is none of this simulation.\n"
                f"It has no cells.\n"
                f"Name a subclass of wv.Layer."
            )
        return rows

    def quantum(self, rows: Rows) -> float:
        """Step of the lattice on which positions of a type lie."""
        return self.space.quantum32 if rows.single else self.space.quantum

    def settle(self, before: Any, after: Any, quantum: float, reach: float) -> Settled:
        """Apply lattice and boundaries to a place.

        Raises:
            Fault: it is not finite, too far, or outside a strict box.
        """
        places, mirrored, left = [], [], False
        for a, (axis, s, p) in enumerate(zip(self.space.axes, before, after, strict=True)):
            rest, code, *happened = _SETTLE[axis.boundary](p, s, axis.low, axis.high, axis.length, quantum, reach)
            if code:
                raise Fault(code, s, p, reach, a)
            left |= axis.boundary == "absorb" and bool(happened[0])
            mirrored.append(axis.boundary == "reflect" and bool(happened[0]))
            places.append(float(rest))
        return Settled(tuple(places), left, tuple(mirrored))

    def block(self, place: tuple[float, ...]) -> int:
        """Number of the block that holds a place, row-major with x fastest."""
        number = 0
        for p, axis, n, edges in reversed(
            list(zip(place, self.space.axes, self.grid.blocks, self.grid.block_edges, strict=True))
        ):
            number = number * n + int(settle.cell_of(p, axis.low, n / axis.length, edges))
        return number


@dataclass(frozen=True, eq=False)
class Scene:
    """One turn of a behavior or meeting: when, and how far one may go and look."""

    stage: Stage
    turn: Behavior | Meeting
    phase: int
    tick: int
    reach: float
    look: float

    def key(self, kind: type[Entity] | type[Layer]) -> np.uint64:
        """The random key of a type in this turn."""
        return random.key(self.stage.sim.seed, kind.__name__, self.turn.name)
