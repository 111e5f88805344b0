"""Parting: the first tick at which two runs differ; and whether a run that is computed again is what was kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weaver.errors import RunError
from weaver.history import History
from weaver.inspecting import rows_apart
from weaver.keeping import Keeping
from weaver.replay import Replay
from weaver.run import Run
from weaver.simulation import Simulation


def parting(
    a: History, b: History, one: Simulation, two: Simulation, most: int, threads: int = 1
) -> tuple[int | None, list[str]]:
    """The first tick at which two runs that were kept differ, and in what.

    Archived snapshots tell between which ticks it lies; from there both are computed again, tick by tick.

    Args:
        a: what is known of one run.
        b: what is known of the other.
        one: the first one's app.
        two: the other's.
        most: of each type so many are named.
        threads: of the runs.

    Returns:
        The tick, None if they are the same bits as far as both are known; and lines for people.

    Raises:
        RunError: there is no tick that both are known of, or one cannot be computed again.
    """
    low, high = max(a.oldest, b.oldest), min(a.last, b.last)
    if low > high:
        raise RunError(
            f"{a.name} and {b.name} were to be compared; one is known from tick {a.oldest} to {a.last}, the other from "
            f"{b.oldest} to {b.last}.\n"
            f"There is no tick to compare.\n"
            f"Let the shorter one go on, or keep more snapshots (--snapshot-every)."
        )
    since = low
    low, high = _bracket(a, b, low, high)
    left, right = a.at(low), b.at(low)
    with Run(one, threads=threads, keeping=left) as first, Run(two, threads=threads, keeping=right) as second:
        replays = Replay(first, a.after(left)), Replay(second, b.after(right))
        tick = low
        while first.digest() == second.digest():
            if tick == high:
                return None, [f"no difference from tick {since} to {high}"]
            tick += 1
            for replay in replays:
                replay.before(tick)
            if first.tick != second.tick:
                ends = [f"{run.simulation.name} ends at tick {run.tick}" for run in (first, second) if run.tick < tick]
                return tick, [f"tick {tick}: {ends[0]}, the other goes on"]
        return tick, [
            f"tick {tick}: first difference" + (f"; the same at tick {tick - 1}" if tick > low else ""),
            *_parameters(first, second),
            *_entities(first, second, most),
        ]


def _bracket(a: History, b: History, low: int, high: int) -> tuple[int, int]:
    """Between which ticks the difference lies, as far as snapshots of the same ticks tell."""
    known = [_digests(one) for one in (a, b)]
    for tick in sorted(set(known[0]) & set(known[1])):
        if low < tick <= high:
            if known[0][tick] != known[1][tick]:
                return low, tick
            low = tick
    return low, high


def _digests(history: History) -> dict[int, str]:
    """Tick -> digest, of the snapshots that were made before anything came at their tick."""
    manifests = [stored.manifest for stored in history.snapshots]
    return {m.tick: m.digest for m in manifests if m.driver.get("acted", -1) < m.tick}


def _parameters(first: Run, second: Run) -> Iterator[str]:
    one, two = first.parameters, second.parameters
    apart = [f"{name} {one.get(name)} and {two.get(name)}" for name in {**one, **two} if one.get(name) != two.get(name)]
    if apart:
        yield f"parameters: {', '.join(apart)}"


def _entities(first: Run, second: Run, most: int) -> Iterator[str]:
    one, two = _rows(first), _rows(second)
    for name in {**one, **two}:
        yield from rows_apart(name, one.get(name, {}), two.get(name, {}), most)


def _rows(run: Run) -> Mapping[str, dict[str, Any]]:
    held = {}
    for t, spec in enumerate(run._program.types):
        ids, columns = run._runtime.rows(t)
        held[spec.name] = {"id": ids, **{c.name: v for c, v in zip(spec.columns, columns, strict=True)}}
    return held


def verified_again(
    history: History | None, simulation: Simulation, recorded: Mapping[int, str] | None, threads: int = 1
) -> Iterator[tuple[bool, str]]:
    """Compute a run again from the oldest that is known, and compare digests; ends with the first that differs.

    Args:
        history: what is known of the run; None: it had no inputs.
        simulation: its app.
        recorded: tick -> digest of a recording; None: those of the snapshots.
        threads: of the run.

    Yields:
        (whether it is the same, a line for people).
    """
    keeping, number = history.begin() if history is not None else (Keeping(), 0)
    with Run(simulation, threads=threads, keeping=keeping) as run:
        replay = Replay(run, history.inputs(number) if history is not None else ())
        if recorded is not None:
            for tick in sorted(tick for tick in recorded if tick >= run.tick):
                if history is not None and tick > history.last:
                    break
                replay.before(tick)
                yield _same(run, tick, recorded[tick])
                if run.digest() != recorded[tick]:
                    return
            return
        assert history is not None
        for manifest in (stored.manifest for stored in history.snapshots):
            replay.until(manifest.tick, manifest.entry)
            yield _same(run, manifest.tick, manifest.digest)
            if run.digest() != manifest.digest:
                return


def _same(run: Run, tick: int, digest: str) -> tuple[bool, str]:
    now = run.digest() if run.tick == tick else f"(it ends at tick {run.tick})"
    return now == digest, f"tick {tick}: {now}, {'as it was' if now == digest else f'and {digest} was kept'}"


__all__ = ["parting", "verified_again"]
