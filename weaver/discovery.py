"""Which types a model uses: those that its functions name, beside those that were declared to the simulation."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from weaver.entity import Entity, Layer
from weaver.field import Declared
from weaver.message import Link, Message
from weaver.simulation import _BASES, Simulation
from weaver.turns import Behavior, Meeting


def discover(sim: Simulation) -> None:
    """Register every entity type, layer, message, event and link that a behavior or meeting names, in order.

    A type that is only born, a layer with default values, a message: none of them is given to the simulation by hand.
    """
    for turn in sim.behaviors:
        functions: tuple[Any, ...] = ()
        if isinstance(turn, Behavior):
            functions = (turn.function,)
        elif isinstance(turn, Meeting):
            functions = (turn.when, turn.by, turn.function)
        seen: set[Callable[..., Any]] = set()
        for function in functions:
            for kind in _named(function, seen):
                sim._register(kind)


def _named(function: Any, seen: set[Callable[..., Any]]) -> Iterator[type[Declared]]:
    if not isinstance(function, types.FunctionType) or function in seen:
        return
    seen.add(function)
    cells = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    codes = [function.__code__]
    while codes:
        code = codes.pop(0)
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        for name in [*code.co_names, *code.co_freevars]:
            value = cells.get(name, function.__globals__.get(name))
            if isinstance(value, types.ModuleType):
                for member in (getattr(value, n, None) for n in code.co_names):
                    if _is_kind(member):
                        yield member
            elif _is_kind(value):
                yield value
            else:
                yield from _named(value, seen)


def _is_kind(value: Any) -> TypeGuard[type[Declared]]:
    return isinstance(value, type) and issubclass(value, (Entity, Layer, Message, Link)) and value not in _BASES


__all__ = ["discover"]
