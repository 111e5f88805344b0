"""Checking a model before it runs: every fault at once, where a run would stop at the first."""

from __future__ import annotations

import copy

from weaver.compiler import compile
from weaver.compiler.readers import UnreadError
from weaver.errors import BehaviorError, WeaverError
from weaver.simulation import Simulation
from weaver.turns import Behavior, Meeting, Turn


def check(sim: Simulation) -> list[WeaverError]:
    """All that can be said against a simulation before it runs.

    It is compiled; what is found wrong is noted, the behavior it stands in left out, and the rest compiled again, until
    nothing is wrong or it cannot be told whose fault it is.
    """
    rest = copy.copy(sim)
    rest.behaviors, rest.observations, rest.conditions = list(sim.behaviors), list(sim.observations), []
    found: list[WeaverError] = []
    while True:
        try:
            compile(rest)
        except WeaverError as fault:
            if not (found and isinstance(fault, UnreadError)):  # its reader may be what was left out
                found.append(fault)
            if not _left_out(rest, fault):
                return found
        else:
            return found


def _left_out(sim: Simulation, fault: WeaverError) -> bool:
    """Take the behavior out that a fault stands in; whether there is one."""
    for turn in sim.behaviors:
        if _is_of(turn, fault):
            sim.behaviors.remove(turn)
            return True
    for seen in sim.observations:
        if f"observation {seen.name!r}" in str(fault):
            sim.observations.remove(seen)
            return True
    return False


def _is_of(turn: Turn, fault: WeaverError) -> bool:
    if isinstance(fault, BehaviorError) and fault.line and isinstance(turn, (Behavior, Meeting)):
        code = turn.function.__code__
        last = max(line for _, _, line in code.co_lines() if line is not None)
        if code.co_filename == fault.path and code.co_firstlineno <= fault.line <= last:
            return True
    return f"{turn.name!r}" in str(fault).partition("\n")[0]
