"""Space: the box a simulation lives in."""

from __future__ import annotations

import math
from collections.abc import Sequence

from weaver.errors import ModelError

BOUNDARIES = ("periodic", "reflect", "clamp", "absorb", "strict")


class Box:
    """A 2-D or 3-D box of space.

    Args:
        x, y, z: side lengths, positive; leave z out for a 2-D world.
        boundary: what happens to an entity that leaves, one word for all axes or one per axis: "periodic" (the two
            ends are the same place), "reflect" (mirrored back, and that component of a field `velocity` negated),
            "clamp" (held at the wall), "absorb" (leaving is dying), "strict" (leaving is an error).
        origin: the low corner; zero by default.

    Raises:
        ModelError: a length is not positive, a boundary is not one of the five words, or a count does not fit.
    """

    def __init__(
        self,
        x: float,
        y: float,
        z: float | None = None,
        *,
        boundary: str | Sequence[str] = "reflect",
        origin: Sequence[float] | None = None,
    ) -> None:
        lengths = (x, y) if z is None else (x, y, z)
        for name, length in zip("xyz", lengths, strict=False):
            if not (math.isfinite(length) and length > 0):
                raise ModelError(
                    f"Box({name}={length!r}) was asked for; a side length must be a positive number.\n"
                    f"A box without volume can hold no entity.\n"
                    f"Give {name} a length in your unit of space, for example Box(400, 400)."
                )
        words = (boundary,) * len(lengths) if isinstance(boundary, str) else tuple(boundary)
        if len(words) != len(lengths) or any(w not in BOUNDARIES for w in words):
            example = ", ".join(repr(w) for w in BOUNDARIES[: len(lengths)])
            raise ModelError(
                f"boundary={boundary!r} was asked for; allowed is one of {', '.join(BOUNDARIES)}, "
                f"or {len(lengths)} of them, one per axis.\n"
                f"Weaver would not know what to do with an entity that leaves.\n"
                f'Write boundary="periodic", or for example boundary=({example}).'
            )
        start = tuple(float(o) for o in origin) if origin is not None else (0.0,) * len(lengths)
        if len(start) != len(lengths) or not all(math.isfinite(o) for o in start):
            raise ModelError(
                f"origin={origin!r} was asked for; it must be {len(lengths)} finite numbers, the low corner.\n"
                f"Positions could not be placed.\n"
                f"Write origin=({', '.join('0' for _ in lengths)})."
            )
        self.lengths: tuple[float, ...] = tuple(float(length) for length in lengths)
        self.boundaries: tuple[str, ...] = words
        self.origin: tuple[float, ...] = start

    @property
    def dim(self) -> int:
        """Number of axes, 2 or 3."""
        return len(self.lengths)

    def __repr__(self) -> str:
        sides = " x ".join(f"{length:g}" for length in self.lengths)
        words = self.boundaries[0] if len(set(self.boundaries)) == 1 else "/".join(self.boundaries)
        return f"<Box {sides}, {words}>"
