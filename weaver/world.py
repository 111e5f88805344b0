"""The words of `world`: what a behavior may ask. Behaviors are compiled, so these bodies never run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from weaver.errors import WeaverError
from weaver.vector import Vec2, Vec3


def _outside(word: str) -> NoReturn:
    raise WeaverError(
        f"world.{word} was called outside a behavior.\n"
        f"The world exists only while a behavior is compiled or interpreted.\n"
        f"Call it inside a function declared with @sim.behavior."
    )


class Draw:
    """Random numbers: functions of (seed, type, id, tick, behavior, draw), so the order of work cannot matter."""

    def random(self) -> float:
        """Uniform in [0, 1), 53 bits."""
        _outside("random")

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform in [low, high)."""
        _outside("uniform")

    def normal(self, mean: float = 0.0, std: float = 1.0) -> float:
        """Normally distributed (Box and Muller 1958)."""
        _outside("normal")

    def exponential(self, mean: float = 1.0) -> float:
        """Exponentially distributed."""
        _outside("exponential")

    def integer(self, low: int, high: int) -> int:
        """Uniform whole number, low <= n < high."""
        _outside("integer")

    def choice(self, values: Sequence[Any]) -> Any:
        """One of the values of a tuple, each equally likely."""
        _outside("choice")

    def unit2(self) -> Vec2:
        """Uniform direction in the plane, length 1."""
        _outside("unit2")

    def unit3(self) -> Vec3:
        """Uniform direction in space, length 1."""
        _outside("unit3")


class World(Draw):
    """The second argument of a behavior. All that is read of others is the state when the behavior started."""

    dt: float
    """Length of a tick."""
    tick: int
    """Number of the tick, from 0."""
    time: float
    """tick * dt."""
    size: Any
    """Side lengths of the box, a Vec2 or Vec3."""

    def near(self, me: Any, kind: Any, radius: float, at: Any = None) -> Iterator[Any]:
        """Everything of a type (or `A | B`) within `radius` of my position (or of `at`), never `me` itself."""
        _outside("near")

    def nearest(
        self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], bool] | None = None
    ) -> Any:
        """The one of least (distance, id) within `radius` for which `when` holds, or None."""
        _outside("nearest")

    def count(
        self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], bool] | None = None
    ) -> int:
        """How many are within `radius`."""
        _outside("count")

    def pick(self, me: Any, kind: Any, radius: float, at: Any = None, when: Callable[[Any], bool] | None = None) -> Any:
        """One of those within `radius`, each equally likely, or None."""
        _outside("pick")

    def offset(self, a: Any, b: Any) -> Any:
        """b - a by the nearest image; each an entity or a position."""
        _outside("offset")

    def wrap(self, position: Any) -> Any:
        """The same place inside the box, along its periodic axes."""
        _outside("wrap")

    # ---- Births, deaths, messages, events ----

    def spawn(self, kind: Any, /, position: Any = None, **fields: Any) -> None:
        """A new entity, from the next behavior on, within reach of me; where I stand if no place is given.

        Fields that are not named have their defaults.
        """
        _outside("spawn")

    def remove(self, me: Any) -> None:
        """I die: gone before the next behavior. The code runs on; its writes vanish, its births and messages count."""
        _outside("remove")

    def become(self, me: Any, kind: Any, /, **fields: Any) -> None:
        """I am of another type from the next behavior on, with my id, place, links and fields of the same name."""
        _outside("become")

    def send(self, to: Any, message: Any) -> None:
        """Send a message to an entity that I see, or to the id of one: `world.send(other, Hit(damage=2.0))`."""
        _outside("send")

    def inbox(self, me: Any, kind: Any, order: str | None = None) -> Iterator[Any]:
        """Messages of a type that came since I last ran, by (sender type, id, behavior, sequence), or "random"."""
        _outside("inbox")

    def emit(self, event: Any) -> None:
        """Tell the outside: `world.emit(Crash(speed=v))`, to be had from `run.events(Crash)`."""
        _outside("emit")

    def observed(self, name: str) -> Any:
        """The latest sample of an observation after a finished tick: a number or a vector."""
        _outside("observed")

    # ---- Layers ----

    def at(self, layer: Any, position: Any) -> Any:
        """The cell of a layer that holds a place within reach, to be read."""
        _outside("at")

    def around(self, cell: Any) -> Iterator[Any]:
        """The 8 (in 3-D 26) cells around one, row-major; beyond an edge that is not periodic there are none."""
        _outside("around")

    def beside(self, cell: Any) -> Iterator[Any]:
        """The 4 (in 3-D 6) cells that share a side with one, row-major."""
        _outside("beside")

    def gradient(self, layer: Any, position: Any, field: str) -> Any:
        """Central difference of a field at the cell that holds a place; one-sided at an edge."""
        _outside("gradient")

    def deposit(self, layer: Any, /, position: Any, **amounts: Any) -> None:
        """Add to fields of the cell that holds a place within reach, from the next behavior on."""
        _outside("deposit")

    # ---- Sites ----

    def free(self, position: Any) -> bool:
        """Whether nobody stood on the site that holds a place within reach."""
        _outside("free")

    def free_sites(self, me: Any, radius: float) -> Iterator[Any]:
        """Positions of the sites within `radius` of me on which nobody stood, row-major."""
        _outside("free_sites")

    def neighbors(self, me: Any, kind: Any, number: int = 0) -> Iterator[Any]:
        """Everything of a type on the 4, 8 or 6 (hex; 6 or 26 in 3-D) sites around mine, in the order of `near`."""
        _outside("neighbors")

    def jump_to_free(self, me: Any) -> None:
        """Move to one of all free sites of the world, each equally likely; stay if somebody else wins it."""
        _outside("jump_to_free")

    def moved(self, me: Any) -> bool:
        """Whether my last move to another site was won."""
        _outside("moved")

    # ---- Links and geometry ----

    def links(self, me: Any, kind: Any) -> Iterator[tuple[Any, Any]]:
        """(other, link) of everyone that I am linked to, by id: `for other, link in world.links(me, Knows)`."""
        _outside("links")

    def wall(self, position: Any, radius: float) -> Any:
        """(point, distance): the nearest point of the geometry within `radius`; if there is none, the place and inf."""
        _outside("wall")

    def clear(self, a: Any, b: Any) -> bool:
        """Whether no geometry lies between two places or entities."""
        _outside("clear")
