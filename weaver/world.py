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
