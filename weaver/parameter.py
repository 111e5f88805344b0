"""Parameters: numbers of a model that can be set from outside, and while it runs."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from weaver.errors import ModelError


class Parameter:
    """A named number, from `Simulation.parameter`.

    Inside a behavior its name is its current value. Used as a number at module level (`int(n * density)`), it gives the
    value it has then, and is fixed from that moment: setting it later could not reach what was computed from it.

    Attributes:
        name: the name for `--set name=value` and `run.set(name=value)`.
        value: the value at the start of a run.
        low, high: inclusive bounds, or None.
        integer: whether the value is an int.
        fixed: whether it was used at module level.
    """

    def __init__(self, name: str, value: float, low: float | None, high: float | None, unit: str, help: str) -> None:
        self.name, self.low, self.high, self.unit, self.help = name, low, high, unit, help
        self.integer = isinstance(value, int) and not isinstance(value, bool)
        self.fixed = False
        self.value = self.checked(value)

    def checked(self, value: Any) -> float:
        """Return the value in the parameter's own type.

        Raises:
            ModelError: it is not a number, or out of range.
        """
        number = None
        if isinstance(value, str):
            try:
                value = int(value) if self.integer else float(value)
            except ValueError:
                value = str(value)
        if isinstance(value, (int, float)) or hasattr(value, "__float__"):
            number = float(value)
        if number is None or math.isnan(number) or (self.integer and number != int(number)):
            raise ModelError(
                f"parameter {self.name}={value!r} was asked for; "
                f"it must be {'an int' if self.integer else 'a number'}.\n"
                f"The behaviors that use it would compute nonsense.\n"
                f"Give a value like {self.name}={self.value if hasattr(self, 'value') else 1}."
            )
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise ModelError(
                f"parameter {self.name}={number:g} was asked for; allowed is "
                f"{'-inf' if self.low is None else format(self.low, 'g')} to "
                f"{'inf' if self.high is None else format(self.high, 'g')}{' ' + self.unit if self.unit else ''}.\n"
                f"Outside this range the model is not meant to run.\n"
                f"Choose a value inside it, or change low and high in sim.parameter({self.name!r}, ...)."
            )
        return int(number) if self.integer else number

    def _use(self) -> float:
        self.fixed = True
        return self.value

    def __float__(self) -> float:
        return float(self._use())

    def __int__(self) -> int:
        return int(self._use())

    def __index__(self) -> int:
        return operator.index(self._use())  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        return bool(self._use())

    def __round__(self, digits: int | None = None) -> float:
        return round(self._use(), digits)

    def __neg__(self) -> float:
        return -self._use()

    def __abs__(self) -> float:
        return abs(self._use())

    def __repr__(self) -> str:
        return f"<Parameter {self.name}={self.value:g}>"


def checked_settings(
    parameters: Mapping[str, Parameter],
    fixed: Mapping[str, bool],
    current: Mapping[str, float],
    values: Mapping[str, float],
) -> dict[str, float]:
    """New values of parameters of a run.

    Args:
        parameters: by name.
        fixed: which were used before the start.
        current: values that they have in the run.
        values: what was asked for.

    Raises:
        ModelError: no such parameter, a value out of its range, or a parameter that is fixed.
    """
    made: dict[str, float] = {}
    for name, value in values.items():
        parameter = parameters.get(name)
        if parameter is None:
            known = ", ".join(parameters) or "no parameters"
            raise ModelError(
                f"set({name}={value!r}) was asked for; the simulation has {known}.\n"
                f"The value would change nothing.\n"
                f"Choose one of its names, or declare sim.parameter({name!r}, ...) in the app."
            )
        if fixed[name]:
            raise ModelError(
                f"set({name}={value!r}) was asked for; {name} is fixed at {current[name]:g} for this run.\n"
                f"The app has used it outside behaviors, and what was computed from it would stay as it is.\n"
                f"Start a new run with --set {name}={value}, or use {name} only inside behaviors."
            )
        made[name] = parameter.checked(value)
    return made


def _number(other: Any) -> Any:
    return other._use() if isinstance(other, Parameter) else other


def _arithmetic(op: Callable[[Any, Any], Any], swapped: bool) -> Callable[[Parameter, Any], Any]:
    def apply(self: Parameter, other: Any) -> Any:
        left, right = self._use(), _number(other)
        return op(right, left) if swapped else op(left, right)

    return apply


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Parameter, f"__{_name}__", _arithmetic(getattr(operator, _name), False))
    setattr(Parameter, f"__r{_name}__", _arithmetic(getattr(operator, _name), True))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Parameter, f"__{_name}__", _arithmetic(getattr(operator, _name), False))
