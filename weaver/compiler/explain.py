"""What the compiler made of an app, for people: phases, reads, writes, exchanges, choices, and the kernel text."""

from __future__ import annotations

import math

from partitions.program import Act, Drawn, Phase
from weaver.compiler.build import CROWD, Written, write
from weaver.compiler.kernel import known_arrays, strips_of
from weaver.compiler.narrow import LANES, narrow_cell
from weaver.simulation import Simulation


def explain(sim: Simulation) -> str:
    """Describe a simulation's program without running it.

    Raises:
        BehaviorError, ModelError: the model cannot run.
    """
    written = write(sim)
    program, model = written.program, written.plan.model
    lines = [f"{sim.name}: identity {program.identity}, compiled for {program.cpu[0]}", ""]
    lines += ["Grid", *(f"  {line}" for line in _grid(written))]
    lines += ["", "Entities at the start"]
    for source in program.sources:
        count = source.count if isinstance(source, Drawn) else len(source.ids)
        how = "drawn by the workers" if isinstance(source, Drawn) else "given"
        lines.append(f"  {count} {model.name(source.type)}, {how}")
    lines += ["", "Parameters"]
    for p in sim.parameters.values():
        lines.append(f"  {p.name} = {p.value:g}{', fixed: used when the file ran' if p.fixed else ''}")
    lines += ["", "Phases of a tick, in order"]
    for phase in program.phases:
        lines += [f"  {line}" for line in _phase(written, phase)]
    mode = "strict: as written, without reassociation" if sim.strict else "sums over neighbours may be reassociated"
    lines += ["", f"Kernels ({mode})", "", written.text]
    return "\n".join(lines)


def _grid(written: Written) -> list[str]:
    grid, model = written.program.grid, written.plan.model
    widths = [axis.length / n for axis, n in zip(grid.space.axes, grid.blocks, strict=True)]
    lines = [
        f"{_times(grid.blocks)} blocks of {_times(widths)}, the smallest unit that a partition owns: "
        "at least the largest distance that anyone looks or moves",
        f"positions are multiples of {grid.space.quantum:g}",
    ]
    for t, cells in enumerate(grid.cells):
        if model.is_layer(t):
            whole = ", and a whole copy on each worker" if any(t in p.wholes for p in written.program.phases) else ""
            deep = f"ghosts {_times(cells.rim)} cells deep" if written.program.types[t].searched else "no ghosts"
            lines.append(f"{model.name(t)}: layer of {_times(cells.shape)} cells; {deep}{whole}")
        elif model.lattice(t) >= 0:
            sites = model.lattices[model.lattice(t)]
            deep = f"ghosts {_times(cells.rim)} sites deep" if written.program.types[t].searched else "no ghosts"
            lines.append(f"{model.name(t)}: on {_times(cells.shape)} {sites.shape} sites; {deep}")
        elif any(look.type == t for look in model.looks.values()):
            radii = sorted({look.radius for look in model.looks.values() if look.type == t})
            lines.append(
                f"{model.name(t)}: {_times(cells.shape)} cells; "
                f"looked for within {', '.join(f'{r:g}' for r in radii)}; ghosts {_times(cells.rim)} cells deep"
            )
            axis = grid.space.axes[0]
            if len(radii) == 1 and cells.shape[0] * radii[0] > 1.5 * axis.length:
                lines.append(
                    f"  cells are half as wide as that: {CROWD:g} and more share a whole one at the start, "
                    "and fewer are looked at so"
                )
        else:
            lines.append(f"{model.name(t)}: never looked for, so no ghosts")
    return lines


def _phase(written: Written, phase: Phase) -> list[str]:
    model = written.plan.model
    when = "every tick" if phase.every == 1 else f"at ticks with tick % {phase.every} == {phase.at}"
    lines = [f"{phase.name} ({when})"]
    before = [f"{model.name(t)}.{c}" for t in phase.looks for c in phase.reads.get(t, ())]
    if phase.looks:
        names = ", ".join(model.name(t) for t in phase.looks)
        places = [] if all(model.is_layer(t) for t in phase.looks) else ["position"]
        lines.append(f"  looks for {names}; reads of others: {', '.join([*places, *before])}")
        lines.append("  before it: ghosts of these are refreshed, those columns that are stale")
    if phase.before:
        again = (len(phase.before) - 1) // 2
        rounds = f", and {again} times more those who did not choose each other" if again else ""
        lines.append(f"  first all choose{rounds}; in between, ghosts get their owners' choices")
    for t, columns in phase.wholes.items():
        lines.append(
            f"  reads {', '.join(columns) or 'places'} of its whole copy of {model.name(t)}, told by all to all"
        )
    for act in phase.acts:
        name = model.name(act.type)
        lines.append(f"  {name} writes {', '.join(act.writes) or 'nothing'}")
        if act.buffered:
            lines.append(f"    into second buffers, since others read the old values: {', '.join(act.buffered)}")
        lines += [f"    {line}" for line in _choices(written, act)]
        if act.moves:
            far = math.isinf(phase.reach) or any(a.kind == "vacant" for a in act.arguments)
            limit = "without limit: any worker may receive it" if far else f"by {phase.reach:g} at most"
            lines.append(f"    moves {limit}; after it: {name} is exchanged, movers and ghosts in one message")
        if any(o.key is not None for o in act.outlets):
            counted = "free sites are counted before it; " if any(a.kind == "vacant" for a in act.arguments) else ""
            lines.append(f"    claims sites: {counted}one message to the sites' owners, one back with the winners")
        given = {o.target: None for o in act.outlets if o.kind == "deposit"}
        if given:
            lines.append(f"    adds to {', '.join(model.name(t) for t in given)}: amounts are brought to the owners")
        if act.kills:
            lines.append("    can die at an absorbing end")
    return lines


def _choices(written: Written, act: Act) -> list[str]:
    """How an act goes through what it looks at, and why so."""
    model = written.plan.model
    lowered = next((each for _, acts in written.plan.behaviors for each in acts if each.name == act.kernel), None)
    if lowered is None:  # diffusion
        return []
    if model.is_layer(act.type):
        cells = narrow_cell(lowered)
        if cells is None:
            return [
                "cell by cell with numbers of 64 bits, as not all values are known to be small, or not all is plain"
            ]
        lane = next(lane for lane in LANES if any(lane in line for line in cells))
        return [f"cells inside the world in vectors of {lane.removeprefix('np.')}: all of its values fit"]
    strips = {strip.look: strip for strip in strips_of(model, lowered, known_arrays(model))}
    lines = []
    for name, type in lowered.lowering.looked.items():
        how = (
            "copied to a strip once per cell, as the loop only sums, which hides the order"
            if name in strips
            else "row by row in the order of the language, which can show"
        )
        if name in strips and strips[name].sifted:
            how += "; of it those near are put together first, as the body takes longer than that"
        lines.append(f"{model.name(type)} within {model.looks[name].radius:g}: {how}")
    return lines


def _times(values: tuple[float, ...] | list[float] | tuple[int, ...]) -> str:
    return " x ".join(f"{v:g}" for v in values)
