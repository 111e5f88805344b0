"""Sites in the interpreter: who stood where when the behavior started, and who wins a free site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partitions.grid import Space
from weaver import random, settle
from weaver.errors import ModelError
from weaver.lattice import Lattice, offsets
from weaver.permutation import permuted
from weaver.played_rows import Rows, vector
from weaver.standing import crowd

if TYPE_CHECKING:
    from weaver.simulation import Simulation


@dataclass(frozen=True)
class Claim:
    """One that wants a site: its type, id, and what to do if it does not get it."""

    site: int
    rows: Rows
    id: int


class Occupancy:
    """The sites of one lattice and all that stand on them.

    Args:
        lattice: where the sites are.
        space: the box.
        kinds: rows of the types that share it.
    """

    def __init__(self, lattice: Lattice, space: Space, kinds: Iterable[Rows]) -> None:
        self.lattice, self.space, self.kinds = lattice, space, list(kinds)
        self._taken: dict[int, tuple[Rows, int]] | None = None

    def changed(self) -> None:
        """Somebody moved, was born or died."""
        self._taken = None

    @property
    def taken(self) -> dict[int, tuple[Rows, int]]:
        """Site -> (rows, row) of who stands there.

        Raises:
            ModelError: two stand on one site.
        """
        if self._taken is None:
            taken: dict[int, tuple[Rows, int]] = {}
            for rows in self.kinds:
                for row in range(len(rows.ids)):
                    site = self.lattice.number(self.site_of(rows.place(row)))
                    if site in taken:
                        other, there = taken[site]
                        names = f"{other.kind.__name__} {other.ids[there]}", f"{rows.kind.__name__} {rows.ids[row]}"
                        raise ModelError(crowd(*names, self.lattice.centre(self.lattice.index(site))))
                    taken[site] = rows, row
            self._taken = taken
        return self._taken

    def site_of(self, place: Iterable[float]) -> tuple[int, ...]:
        """Index of the site whose cell holds a place inside the box."""
        return tuple(
            int(settle.cell_of(p, axis.low, n / axis.length, edges))
            for p, axis, n, edges in zip(place, self.space.axes, self.lattice.shape, self.lattice.edges, strict=True)
        )

    def centre(self, site: int) -> Any:
        """Where one stands on a site."""
        return vector(self.lattice.centre(self.lattice.index(site)))

    def free(self) -> list[int]:
        """Numbers of all free sites, row-major."""
        return [site for site in range(self.lattice.n) if site not in self.taken]

    def free_within(self, here: tuple[float, ...], radius: float) -> Iterator[Any]:
        """Centres of the free sites within a distance, at their images nearest to a place, row-major there."""
        found = []
        for site in self.free():
            index = self.lattice.index(site)
            centre = self.lattice.centre(index)
            image, order, d2 = [], [], 0.0
            for a, (c, p, axis) in enumerate(zip(centre, here, self.space.axes, strict=True)):
                turn = -int(np.rint((c - p) / axis.length)) if axis.periodic else 0
                q = c + turn * axis.length
                d2 = (p - q) * (p - q) if a == 0 else d2 + (p - q) * (p - q)
                image.append(q)
                order.append(index[a] + turn * self.lattice.shape[a])
            if d2 <= radius * radius:
                found.append((tuple(reversed(order)), vector(image)))
        return (place for _, place in sorted(found, key=lambda pair: pair[0]))

    def beside(self, here: tuple[float, ...], place: Iterable[float], number: int) -> bool:
        """Whether an image lies on one of the neighbouring sites of a place."""
        index = self.site_of(here)
        away = []
        for q, i, n, edges, axis in zip(
            place, index, self.lattice.shape, self.lattice.edges, self.space.axes, strict=True
        ):
            inside = settle.wrapped(q, axis.low, axis.high, axis.length) if axis.periodic else q
            turn = round((q - inside) / axis.length)
            away.append(int(settle.cell_of(inside, axis.low, n / axis.length, edges)) + turn * n - i)
        return tuple(away + [0] * (3 - len(away))) in offsets(self.lattice, index[1], number)

    def winners(self, sim: Simulation, turn: str, tick: int, claims: Iterable[Claim]) -> set[int]:
        """Ids of those who get the free site that they claim: least (rank, type, id)."""
        best: dict[int, tuple[int, int, int]] = {}
        for claim in claims:
            if claim.site >= 0 and claim.site not in self.taken:
                key = random.key(sim.seed, claim.rows.kind.__name__, turn)
                rank = int(random.rank(key, tick, claim.site, claim.id)), claim.rows.index, claim.id
                best[claim.site] = min(best.get(claim.site, rank), rank)
        return {id for _, _, id in best.values()}

    def places(self, seed: int, added: Iterable[tuple[float, ...]]) -> Iterator[Any]:
        """Sites for those who are scattered, one after the other: a random order without those of added entities."""
        key = random.key(seed, "|".join(rows.kind.__name__ for rows in self.kinds), "scatter.sites")
        given = {self.lattice.number(self.site_of(place)) for place in added}
        n = self.lattice.n
        order = (int(permuted(key, k, n)) for k in range(n))
        return (self.centre(site) for site in order if site not in given)
