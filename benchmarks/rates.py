"""Models whose numbers of agents change: what an update costs, beside another tool that says how many it has done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

import weaver as wv
from benchmarks.elsewhere import tool
from benchmarks.race import Result, rounds_and_ticks


def measure_rate(
    result: Result, sim: wv.Simulation, kinds: Sequence[str], script: str, arguments: Sequence[object], quick: bool,
    ticks: int,
) -> Result:  # fmt: skip
    """Run Weaver with one thread, and Mesa's program in turns with it.

    Args:
        result: gets the values.
        sim: what Weaver runs.
        kinds: names of the types that are counted.
        script: Mesa's program in `reference/`; its "checked" counts the updates of a request.
        arguments: of it.
        quick: little.
        ticks: of a round of Weaver's; Mesa does one.
    """
    rounds, ticks = rounds_and_ticks(quick, ticks)
    with ExitStack() as stack:
        run = stack.enter_context(sim.start())
        other, words = stack.enter_context(tool(script, arguments, "mesa"))
        if other is None:
            result.skipped["Mesa"] = words
        else:
            result.notes.append(f"Mesa: {words}")
            other(1)
        result.values = {"Weaver": [], **({} if other is None else {"Mesa": []})}
        run.step(2)
        for _ in range(rounds):
            before = _count(run, kinds)
            began = time.process_time()
            run.step(ticks)
            taken = time.process_time() - began
            updates = (before + _count(run, kinds)) / 2 * ticks
            result.values["Weaver"].append(taken / updates * 1e9)
            if other is not None:
                _, cpu = other(1)
                result.values["Mesa"].append(cpu / other.checked * 1e9)
        result.notes.append(f"{_count(run, kinds):,} agents at the end, after {run.tick} ticks")
    return result


def _count(run: wv.Run, kinds: Sequence[str]) -> int:
    """How many there are of some types."""
    counts = run.counts()
    return sum(counts[kind] for kind in kinds)
