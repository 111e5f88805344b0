"""Parting: the first tick at which two runs differ; and whether a run that is computed again is what was kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from weaver.errors import RunError
from weaver.history import History
from weaver.inspecting import rows_apart
from weaver.keeping import Keeping
from weaver.replay import Replay
from weaver.run import Run
from weaver.simulation import Simulation

if TYPE_CHECKING:
    from weaver.recording import Recording


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


def verified_again(history: History, simulation: Simulation, threads: int = 1) -> Iterator[tuple[bool, str]]:
    """Compute a run again from the oldest that is known, and compare every snapshot; ends with the first that differs.

    Args:
        history: what is known of the run.
        simulation: its app.
        threads: of the run.

    Yields:
        (whether it is the same, a line for people).
    """
    keeping, number = history.begin()
    with Run(simulation, threads=threads, keeping=keeping) as run:
        replay = Replay(run, history.inputs(number))
        for manifest in (stored.manifest for stored in history.snapshots):
            replay.until(manifest.tick, manifest.entry)
            same, line = _compared(run, manifest.tick, manifest.digest)
            yield same, line
            if not same:
                return


def recorded_again(
    recording: Recording, history: History | None, simulation: Simulation, threads: int = 1
) -> Iterator[tuple[bool, str]]:
    """Compute a recorded run again, and compare the digest of every recorded tick; ends with the first that differs.

    Args:
        recording: of the run.
        history: what is known of the run; None: nothing came from outside.
        simulation: its app.
        threads: of the run.

    Yields:
        (whether it is the same, a line for people).

    Raises:
        RunError: the recording is of another run, or none of its ticks can be computed again.
    """
    keeping, number = history.begin() if history is not None else (Keeping(), 0)
    facts, digests = recording.facts, recording.digests()
    with Run(simulation, threads=threads, keeping=keeping) as run:
        if run.identity != facts.identity:
            raise RunError(
                f"{recording.folder} is of {facts.simulation}, identity {facts.identity}; the run that was computed "
                f"again has identity {run.identity}.\n"
                f"Their bits are not meant to be the same.\n"
                f"Take the app as it was, with the same parameters (--set), on a machine of the same kind."
            )
        last = max(digests, default=0) if history is None else history.last
        ticks = [tick for tick in sorted(digests) if run.tick <= tick <= last]
        if not ticks:
            raise RunError(
                f"{recording.folder} was to be compared with its run; that is known from tick {run.tick} to {last}, "
                f"and none of these is recorded.\n"
                f"Nothing could be said of it.\n"
                f"Keep more snapshots of the run (--snapshot-every), or leave --run out if it had no commands."
            )
        replay = Replay(run, history.inputs(number) if history is not None else ())
        for tick in ticks:
            replay.before(tick)
            same, line = _compared(run, tick, digests[tick])
            yield same, line
            if not same:
                return


def _compared(run: Run, tick: int, digest: str) -> tuple[bool, str]:
    now = run.digest() if run.tick == tick else f"(it ends at tick {run.tick})"
    return now == digest, f"tick {tick}: {now}, {'as it was' if now == digest else f'and {digest} was kept'}"


__all__ = ["parting", "recorded_again", "verified_again"]
