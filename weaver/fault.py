"""Faults: what an entity did wrong in a run, told to the author of its behavior."""

from __future__ import annotations

import math

from partitions.claims import CROWDED
from partitions.errors import TickFault
from partitions.program import Program
from weaver.errors import RunError
from weaver.standing import crowd

_AXES = "xyz"


def describe_fault(program: Program, fault: TickFault) -> RunError:
    """The error for a fault of a program's run; names the tick, type, id, behavior and the values."""
    phases = program.phases
    if fault.code == CROWDED:
        other, type, *place = fault.values
        one, two = f"{program.types[fault.type].name} {fault.id}", f"{program.types[int(type)].name} {int(other)}"
        return RunError(crowd(one, two, place))
    names = ["scatter", *(phase.name for phase in phases), *(one.name for one in program.observations)]
    behavior = names[fault.phase + 1]
    return fault_error(behavior, program.types[fault.type].name, fault)


def fault_error(behavior: str, kind: str, fault: TickFault) -> RunError:
    """The error for a fault of an entity of type `kind` in a behavior.

    `fault.values` are (coordinate before, coordinate asked for, limit, axis), as far as the fault has them.
    """
    before, after, limit, axis = (*fault.values, *(0.0,) * 4)[:4]
    along = _AXES[int(axis)] if axis in (0, 1, 2) else "x"
    who = f"{kind} {fault.id} (behavior '{behavior}')"
    beyond = abs(after - before)
    wider = f"{_above(beyond):g}" if math.isfinite(beyond) else "10"
    texts = {
        1: (
            f"position {_number(after)} at tick {fault.tick}: {who} set {along} from {before:g} to {_number(after)}; "
            f"a position is finite.\n"
            f"No cell could hold it, and nobody would find it again.\n"
            f"Find the division, root or logarithm in '{behavior}' that gives {_number(after)}, and guard it: `if n:` "
            f"before dividing by n."
        ),
        2: (
            f"moved beyond the reach at tick {fault.tick}: {who} went from {along} = {before:g} to {after:g}; "
            f"allowed is {limit:g} per axis and behavior.\n"
            f"The exchange looks no farther for movers, so it would be lost between partitions.\n"
            f"Write reach={wider} in @sim.behavior for moves of up to {wider}, or jumps=True for moves of any length; "
            f"or shorten the move."
        ),
        3: (
            f"left a strict boundary at tick {fault.tick}: {who} went from {along} = {before:g} to {after:g}; "
            f"the box does not go so far.\n"
            f"A strict boundary promises that nobody ever leaves.\n"
            f"Keep it inside in '{behavior}', or write another boundary: reflect, clamp, absorb or periodic."
        ),
        4: (
            f"looked around beyond the reach at tick {fault.tick}: {who} stands at {along} = {before:g} and looked "
            f"around {after:g}; allowed is {limit:g} per axis.\n"
            f"Partitions see no farther, so it would miss neighbours.\n"
            f"Write reach={wider} in @sim.behavior, or look around a nearer place."
        ),
        5: (
            f"too many random numbers at tick {fault.tick}: {who} drew more than 2^24 in one tick.\n"
            f"The next would repeat the first.\n"
            f"Draw fewer, or split '{behavior}' into two behaviors."
        ),
        6: (
            f"nobody was read at tick {fault.tick}: {who} read a field of None, which nearest or pick gave.\n"
            f"There is no value to go on with.\n"
            f"Ask first in '{behavior}': `if other:` before other.position."
        ),
        7: (
            f"outside the box: {who} was placed at {along} = {_number(after)}, and the box does not go so far.\n"
            f"No cell could hold it.\n"
            f"Draw positions inside the box, or make the Box larger."
        ),
    }
    texts[8] = (
        f"an element that does not exist was named at tick {fault.tick}: {who} took values[k] of a table or array, and "
        f"k is outside it.\n"
        f"There is no value to go on with.\n"
        f"Keep the index below the length in '{behavior}', for example values[k % len(values)]."
    )
    wrong = {
        9: f"farther than its reach, {limit:g} per axis",
        10: "where no place is, since a position is finite",
        11: "outside the box, whose boundary is strict",
    }
    if fault.code in wrong:
        texts[fault.code] = (
            f"spawned {wrong[fault.code]}, at tick {fault.tick}: {who} stands at {along} = {before:g} and wanted it at "
            f"{_number(after)}.\n"
            f"The newborn would belong to a partition that does not hear of it.\n"
            f"Spawn it nearer, or write reach={wider} in @sim.behavior (jumps=True: no limit)."
        )
    text = texts.get(fault.code)
    return RunError(text if text else f"{who} broke rule {fault.code} at tick {fault.tick}: {fault.values}")


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{value:g}"


def _above(distance: float) -> float:
    """The distance, rounded up to two digits, so that the advice is a round number that works."""
    if distance <= 0:
        return 1.0
    scale = 10.0 ** (math.floor(math.log10(distance)) - 1)
    return (math.floor(distance / scale) + 1) * scale
