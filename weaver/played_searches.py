"""What interpreted code asks of a neighbourhood: near, count, nearest, pick, offset, wrap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from weaver import settle
from weaver.draws import Draws, Fault
from weaver.errors import BehaviorError
from weaver.played_acts import Acts
from weaver.played_entities import Me, Other, place, row_of, rows_of, written_by
from weaver.played_rows import Rows, vector
from weaver.stage import Scene
from weaver.turns import Meeting, entity_types
from weaver.vector import Vec2, Vec3


class Searches(Draws):
    """What can be asked of a neighbourhood."""

    def __init__(self, me: Me, scene: Scene, acts: Acts) -> None:
        super().__init__(scene.key(rows_of(me).kind), me.id, scene.tick)
        self._me, self._scene, self._acts, self._stage, self._grid = me, scene, acts, scene.stage, scene.stage.grid
        self.dt, self.tick, self.time = scene.stage.sim.dt, scene.tick, scene.tick * scene.stage.sim.dt

    @property
    def size(self) -> Vec2 | Vec3:
        """Side lengths of the box."""
        return vector(axis.length for axis in self._grid.space.axes)

    def offset(self, a: Any, b: Any) -> Any:
        """The way from a to b, by the nearest image."""
        return vector(self._away(place(a), place(b)))

    def wrap(self, position: Any) -> Any:
        """The same place inside the box, along its periodic axes."""
        return vector(
            settle.wrapped(p, axis.low, axis.high, axis.length) if axis.periodic else p
            for p, axis in zip(place(position), self._grid.space.axes, strict=True)
        )

    def _away(self, here: Iterable[float], there: Iterable[float]) -> list[float]:
        """The way from here to there per axis, by the nearest image, in float64 whatever the vectors are."""
        return [
            settle.nearest_image(q - p, axis.length) if axis.periodic else q - p
            for p, q, axis in zip(here, there, self._grid.space.axes, strict=True)
        ]

    def _start(self) -> tuple[float, ...]:
        """Where I stood when the behavior started."""
        return rows_of(self._me).place(row_of(self._me))

    def near(self, me: Any, kind: Any, radius: float, at: Any = None) -> Iterator[Any]:
        """Everything within `radius`, in order."""
        return iter([other for _, other in self._found("near", kind, radius, at)])

    def count(self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], Any] | None = None) -> int:
        """How many are within `radius`."""
        return len(self._candidates("count", kind, radius, at, when))

    def nearest(
        self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], Any] | None = None
    ) -> Any:
        """The one of least (distance, id), or None."""
        found = self._candidates("nearest", kind, radius, at, when)
        return min(found, key=lambda pair: (pair[0], pair[1].id))[1] if found else None

    def pick(self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], Any] | None = None) -> Any:
        """One of those within `radius`, or None."""
        found = self._candidates("pick", kind, radius, at, when)
        return found[self.integer(0, len(found))][1] if found else None

    def _candidates(
        self, word: str, kind: Any, radius: float, at: Any, when: Callable[[Any], Any] | None
    ) -> list[tuple[float, Any]]:
        found = self._found(word, kind, radius, at)
        return found if when is None else [(d2, other) for d2, other in found if when(other)]

    def _unmoved(self, word: str) -> None:
        """A search is made from where I stood."""
        if "position" in written_by(self._me):
            raise BehaviorError(
                f"world.{word} is called after position was written.\n"
                f"Neighbours are those of my position at the start of the behavior; looking from the new one would "
                f"miss and double some.\n"
                f"Make it two behaviors: one that moves, and after it one that looks."
            )

    def _found(self, word: str, kind: Any, radius: float, at: Any) -> list[tuple[float, Other]]:
        """(distance², entity) of all within `radius`, in the order of `near`."""
        if isinstance(self._scene.turn, Meeting):
            raise BehaviorError(
                f"world.{word} is called in the meeting {self._scene.turn.name!r}.\n"
                f"The owner of the other one does not see my neighbours, and both carry the meeting out.\n"
                f"Look around in a behavior before it, and keep what was found in a field."
            )
        self._unmoved(word)
        here = self._start()
        centre = here
        if at is not None:
            centre = tuple(p + d for p, d in zip(here, self._away(here, place(at)), strict=True))
            for a, (p, q) in enumerate(zip(here, centre, strict=True)):
                if not abs(q - p) <= self._scene.look:
                    raise Fault(settle.LOOKED_TOO_FAR, p, q, self._scene.look, a)
        found = []
        for each in entity_types(kind):
            rows = self._stage.entities(each)
            single = at is None and rows.single and rows_of(self._me).single
            me = row_of(self._me) if rows is rows_of(self._me) else None
            found += found_of(self._scene, rows, centre, radius, np.float32 if single else np.float64, me)
        return found


def found_of(
    scene: Scene, rows: Rows, centre: Sequence[float], radius: float, real: Any, me: int | None
) -> list[tuple[float, Other]]:
    """(distance², entity) of all of one type within a radius, in the order of `near`.

    Args:
        scene: the turn.
        rows: of the type.
        centre: around which place.
        radius: how far.
        real: precision in which distances are computed.
        me: a row that is left out.
    """
    grid = scene.stage.grid
    assert rows.cells is not None
    places, cells = rows.places(grid)
    images, order = places.copy(), cells.copy()
    for a, axis in enumerate(grid.space.axes):
        if axis.periodic:  # the one image that can be within the radius, which is less than half the axis
            turns = -np.rint((places[:, a] - centre[a]) / axis.length)
            images[:, a] += turns * axis.length
            order[:, a] += turns.astype(np.int64) * (len(rows.cells.edges[a]) - 1)
    d2 = np.zeros(len(places), real)
    for a, c in enumerate(centre):
        d = real(c) - images[:, a].astype(real)
        d2 = d * d if a == 0 else d2 + d * d
    inside = d2 <= real(radius) * real(radius)
    if me is not None:
        inside[me] = False
    chosen = np.flatnonzero(inside)
    chosen = chosen[np.lexsort((rows.ids[chosen], *order[chosen].T))]
    of: Any = rows.fields["position"].vector
    return [(float(d2[row]), scene.stage.other(rows, int(row), of(*images[row].tolist()))) for row in chosen]
