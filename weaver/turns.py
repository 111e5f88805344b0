"""What happens in a tick, as declared: behaviors, meetings and diffusion, in the order in which they take turns."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from weaver.entity import Entity, Layer
from weaver.errors import ModelError
from weaver.parameter import Parameter


@dataclass(frozen=True, eq=False)
class Behavior:
    """A declared behavior: a function `(me, world)` and when it runs.

    Attributes:
        name: the function's name; part of every random key.
        function: as written.
        types: the entity types (or layers) of its first argument, in order.
        every, at: it runs at ticks with tick % every == at.
        reach: largest move per axis, or None for the default.
        jumps: moves and births have no limit.
    """

    name: str
    function: Callable[..., Any]
    types: tuple[type[Entity] | type[Layer], ...]
    every: int
    at: int
    reach: float | None
    jumps: bool


@dataclass(frozen=True, eq=False)
class Meeting:
    """A declared meeting: exclusive pairs and a function `(a, b, world)`.

    Attributes:
        name: the function's name; part of every hash and random key.
        function: as written.
        first: type of a.
        second: type of b, or the layer whose cell holds a.
        radius: candidates are pairs within it; a number, a parameter, or None with a layer.
        when: `when(a, b)`: whether the two may meet, or None.
        by: `by(a, b)`: least is best, or None.
        rounds: how often those still free choose again.
        every, at: it runs at ticks with tick % every == at.
        reach: largest move, spawn or deposit per axis in the body, or None for the default, which is the radius.
    """

    name: str
    function: Callable[..., Any]
    first: type[Entity]
    second: type[Entity] | type[Layer]
    radius: Any
    when: Callable[..., Any] | None
    by: Callable[..., Any] | None
    rounds: int
    every: int
    at: int
    reach: float | None

    @property
    def jumps(self) -> bool:
        """Never: moves have a limit, since both must be seen by either."""
        return False

    @property
    def types(self) -> tuple[type[Entity] | type[Layer], ...]:
        """Both, or the one."""
        return (self.first,) if self.first is self.second else (self.first, self.second)


@dataclass(frozen=True, eq=False)
class Diffusion:
    """A declared diffusion of a layer's field.

    Attributes:
        name: "diffuse.Scent.level".
        layer, field: what diffuses.
        rate: the coefficient D, length^2 per unit of time, a number or a parameter with `high`.
        decay: k: after each tick the field is multiplied by exp(-k dt); a number or a parameter.
        every, at: it runs at ticks with tick % every == at.
    """

    name: str
    layer: type[Layer]
    field: str
    rate: float | Parameter
    decay: float | Parameter
    every: int
    at: int

    @property
    def types(self) -> tuple[type[Layer]]:
        """The layer."""
        return (self.layer,)


Turn = Behavior | Meeting | Diffusion


def check_function(fn: Any, what: str, arguments: int, example: str) -> str:
    """The name of a function that is to be compiled.

    Raises:
        ModelError: it is no plain function, or takes another number of arguments.
    """
    if not isinstance(fn, types.FunctionType) or inspect.iscoroutinefunction(fn):
        raise ModelError(
            f"{fn!r:.80} was declared as a {what}; a {what} is a function written with def.\n"
            f"It is compiled from its source, which methods, partial and async functions do not have alone.\n"
            f"Write {example}: ... outside of a class."
        )
    given = list(inspect.signature(fn).parameters.values())
    if len(given) != arguments or any(a.kind not in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD) for a in given):
        wanted = {2: "two by position, the entity and the world", 3: "three by position, the two and the world"}
        raise ModelError(
            f"{what} {fn.__name__!r} takes {len(given)} arguments; it takes {wanted[arguments]}.\n"
            f"Weaver would not know what to pass.\n"
            f"Write {example}."
        )
    return fn.__name__


def check_turn(what: str, name: str, taken: Iterable[str], every: int, at: int, reach: float | None) -> None:
    """The options that all have.

    Raises:
        ModelError: the name is taken, or an option is out of range.
    """
    if name in taken:
        raise ModelError(
            f"{what} {name!r} was declared twice.\n"
            f"Random numbers are keyed by its name, so two of one name would draw the same.\n"
            f"Rename one of them."
        )
    if not (isinstance(every, int) and every >= 1 and isinstance(at, int) and 0 <= at < every):
        raise ModelError(
            f"{what} {name!r} was declared with every={every!r}, at={at!r}; "
            f"allowed is every >= 1 and 0 <= at < every.\n"
            f"It would never run.\n"
            f"Write every=10, at=0."
        )
    if reach is not None and not (isinstance(reach, (int, float)) and 0 < float(reach) < float("inf")):
        raise ModelError(
            f"{what} {name!r} was declared with reach={reach!r}; a reach is a positive length.\n"
            f"The exchange must know how far an entity can go.\n"
            f"Write reach=2.0, or jumps=True for moves without limit."
        )


def annotated_types(fn: Callable[..., Any], argument: str) -> Any:
    """The evaluated annotation of an argument; None if there is none or a name is missing."""
    annotation = fn.__annotations__.get(argument)
    while isinstance(annotation, str):  # twice, where a quoted one stands under `from __future__ import annotations`
        annotation = evaluate(annotation, fn)
    return annotation


def evaluate(annotation: str, fn: Callable[..., Any]) -> Any:
    """Evaluate a string annotation in the scope of its function; None if a name is missing."""
    cells = inspect.getclosurevars(fn).nonlocals if fn.__closure__ else {}
    try:
        return eval(annotation, fn.__globals__, dict(cells))
    except NameError:
        pass
    frame = inspect.currentframe()
    while frame is not None:  # types defined beside the behavior inside a function are not in its closure
        try:
            return eval(annotation, fn.__globals__, frame.f_locals)
        except NameError:
            frame = frame.f_back
    return None


def entity_types(annotation: Any) -> tuple[type[Entity], ...]:
    """Wolf -> (Wolf,); Wolf | Sheep -> (Wolf, Sheep); anything else -> (). Layers count."""
    if isinstance(annotation, type) and issubclass(annotation, (Entity, Layer)):
        return (annotation,)  # type: ignore[return-value]
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kinds = typing.get_args(annotation)
        if all(isinstance(k, type) and issubclass(k, (Entity, Layer)) for k in kinds):
            return tuple(kinds)
    return ()
