"""Meetings as steps of a phase: both sides choose, mutual choices are matched, and each owner runs the body.

A step is a kernel like a behavior's, so nothing else has to know of meetings. Between the steps, scratch columns say
whom everyone chose and whether it is still free. Both sides of a pair ask the same `when` and `by`, with a in its place
in the box and b at the image nearest to a, and both compute the whole body; each stores its own half. So all three are
compiled strictly: the two must agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from partitions.program import Phase
from weaver.compiler.cell_pairing import CellPairing
from weaver.compiler.kernel import Lowered, Made
from weaver.compiler.model import Model
from weaver.compiler.pairing import FREE, Pairing, Step
from weaver.entity import Layer
from weaver.turns import Meeting


def lower_meeting(model: Model, meeting: Meeting) -> list[Step]:
    """Lower a meeting to its steps, in order; `meeting_phase` puts them together.

    Raises:
        BehaviorError, ModelError: it cannot run.
    """
    pairing = CellPairing(model, meeting) if issubclass(meeting.second, Layer) else Pairing(model, meeting)
    steps = list(pairing.steps())
    model.functions[f"body_{meeting.name}_"] = pairing.function()
    return steps


def meeting_phase(
    meeting: Meeting, acts: list[Lowered], phase_of: Callable[[list[Lowered]], tuple[Phase, list[Made]]]
) -> tuple[Phase, list[Made]]:
    """The phase of a meeting: choose, then match and choose again for every further round, then the body."""
    phases, made = {}, []
    local = issubclass(meeting.second, Layer)
    for name in ("choose", "match", "meet"):
        steps = [act for act in acts if isinstance(act, Step) and act.step == name]
        phase, kernels = phase_of([*steps])
        reads = {type: dict.fromkeys(columns) for type, columns in phase.reads.items()}
        for step in steps:
            for column, types in step.asks.items():
                for type in types:
                    reads.setdefault(type, {}).setdefault(column)
        done = [replace(act, writes=(*act.writes, *step.notes)) for act, step in zip(phase.acts, steps, strict=True)]
        looks = tuple(sorted({step.type for step in steps}))
        seen = {} if local else {t: tuple(c) for t, c in reads.items()}  # a cell has the same owner as who stands on it
        phases[name] = replace(phase, acts=tuple(done), reads=seen, looks=() if local else looks)
        made += kernels
    begin = phases["choose"]
    again = [] if local else [phases["match"], phases["choose"]] * (meeting.rounds - 1)
    if again:
        begin = replace(begin, fills=tuple((type, FREE, 1) for type in begin.looks))
    return replace(phases["meet"], before=(begin, *again)), made
