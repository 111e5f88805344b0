"""`world` in the interpreter: the words of `weaver.world.World` for one entity in one behavior and tick."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from weaver import settle
from weaver.draws import Fault
from weaver.errors import BehaviorError
from weaver.message import Link
from weaver.played_entities import place, rows_of, written_by
from weaver.played_links import Tie
from weaver.played_sites import Occupancy
from weaver.played_words import Fields
from weaver.turns import entity_types


class Surroundings(Fields):
    """All words: those of neighbourhoods, records and layers, and here sites, links and geometry."""

    # ---- Sites ----

    def free(self, position: Any) -> bool:
        """Whether nobody stood on the site that holds a place."""
        occupancy, rows = self._lattice("free"), rows_of(self._me)
        try:
            rest = self._stage.settle(self._start(), place(position), self._stage.quantum(rows), self._scene.look)
        except Fault as fault:
            raise Fault(settle.LEFT if fault.code == settle.LEFT else settle.LOOKED_TOO_FAR, *fault.values) from fault
        return rest.left or occupancy.lattice.number(occupancy.site_of(rest.place)) not in occupancy.taken

    def free_sites(self, me: Any, radius: float) -> Iterator[Any]:
        """Positions of the free sites within a distance."""
        self._unmoved("free_sites")
        return self._lattice("free_sites").free_within(self._start(), radius)

    def neighbors(self, me: Any, kind: Any, number: int = 0) -> Iterator[Any]:
        """Everything of a type on the sites around mine."""
        occupancy, here = self._lattice("neighbors"), self._start()
        far = 4.0 * max(
            float(np.diff(e).max()) for e in occupancy.lattice.edges
        )  # more than any neighbour; those beside are chosen by site
        found = []
        for each in entity_types(kind):
            if getattr(each, "__sites__", None) is not getattr(rows_of(self._me).kind, "__sites__", None):
                raise BehaviorError(
                    f"world.neighbors is called for {each.__name__}, which does not live on my lattice.\n"
                    f"It has no site beside mine.\n"
                    f"Use world.near, or declare {each.__name__} with the same sites."
                )
            found += self._found("neighbors", each, far, None)
        return iter([other for _, other in found if occupancy.beside(here, place(other), number)])

    def jump_to_free(self, me: Any) -> None:
        """Move to one of all free sites."""
        occupancy = self._lattice("jump_to_free")
        free = occupancy.free()
        free.sort(key=lambda site: (self._stage.block(tuple(occupancy.centre(site))), site))
        written_by(self._me).pop("position", None)
        self._me._jumped = free[self.integer(0, len(free))] if free else -1

    def moved(self, me: Any) -> bool:
        """Whether my last move to another site was won."""
        self._lattice("moved")
        return self._stage.moved.get(self._me.id, False)

    def _lattice(self, word: str) -> Occupancy:
        """My lattice; if I have none, the only one that there is."""
        kinds = self._stage.sites
        mine = getattr(rows_of(self._me).kind, "__sites__", None)
        if mine in kinds:
            return kinds[mine]
        if len(kinds) == 1 and word in ("free", "free_sites"):
            return next(iter(kinds.values()))
        raise BehaviorError(
            f"world.{word} is called by a {rows_of(self._me).kind.__name__}, which does not live on sites.\n"
            f"There is no lattice to look at.\n"
            f"Declare class {rows_of(self._me).kind.__name__}(wv.Entity, sites=GRID)."
        )

    # ---- Links and geometry ----

    def links(self, me: Any, kind: type[Link]) -> Iterator[tuple[Any, Tie]]:
        """(other, link) of everyone that I am linked to."""
        for id, tie in self._stage.ring.of(self._me.id, kind):
            for rows in self._stage.rows.values():
                row = rows.row_of(id) if "position" in rows.fields else None
                if row is not None:
                    yield self._stage.other(rows, row), tie

    def wall(self, position: Any, radius: float) -> Any:
        """(point, distance) of the nearest obstacle."""
        return self._obstacles("wall").wall(place(position), radius)

    def clear(self, a: Any, b: Any) -> bool:
        """Whether no obstacle lies between."""
        return bool(self._obstacles("clear").clear(place(a), place(b)))

    def _obstacles(self, word: str) -> Any:
        if self._stage.obstacles is None:
            raise BehaviorError(
                f"world.{word} is called, and there is no geometry.\n"
                f"There is nothing to meet.\n"
                f"Declare sim.geometry(segments=...)."
            )
        return self._stage.obstacles
