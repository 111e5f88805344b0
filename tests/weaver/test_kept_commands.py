"""Commands of a run that is kept: what was acknowledged acts once, at its tick, whatever dies in between."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import weaver as wv
from tests.weaver.pond import Call, Duck, pond

ROOT = Path(__file__).resolve().parents[2]
END = 24


def state(run: Any) -> tuple[Any, ...]:
    stats = run.stats()
    counts = tuple(stats[k] for k in ("tick", "entities", "births", "deaths", "sent", "read", "pending"))
    return run.digest(), counts, run.observations().to_pydict(), run.parameters


def fed() -> wv.Simulation:
    """The pond, with a function that feeds, removes and adds every 5 ticks: several commands in one group."""
    sim = pond()

    @sim.between(every=5)
    def keeper(run: wv.run.Run) -> None:
        ids = run.entities(Duck)["id"].to_numpy()
        run.send(ids[:7], Call(0.2))
        run.remove(ids[-2:])
        run.add(Duck, position=[(1.0, 1.0), (2.0, 1.0)], energy=float(run.tick % 7) / 4 + 0.5)

    return sim


def order(run: Any) -> None:
    """What is asked from outside, by the tick at which the run stands."""
    tick = run.tick
    if tick == 2:
        run.add(Duck, position=[(3.0, 4.0)], energy=1.5, at=11)
        run.update(Duck, 5, energy=2.0, at=13)
        run.set(loss=0.1, at=9)
        run.set(loss=0.3)
    if tick == 3:
        run.put(Duck, [1_000_000, 7], position=[(1.0, 2.0), (3.0, 4.0)], energy=1.0)
        run.send([7, 1_000_000], Call(0.5), at=10)
        run.send(7, Call(0.25))
    if tick == 8:
        run.remove([1_000_000], at=17)
        run.remove(7)
        run.add(Duck, {"x": [5.0, 6.0], "y": [5.0, 6.0]}, band=[3, 4])


def lived(run: Any, each: Callable[[int], object] = lambda tick: None) -> tuple[Any, ...]:
    while run.tick < END:
        order(run)
        each(run.tick)
        run.step(1)
    return state(run)


@pytest.fixture(scope="module")
def want() -> tuple[Any, ...]:
    """What an undisturbed run comes to."""
    with fed().start(partitions=2) as run:
        return lived(run)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory, want: tuple[Any, ...]) -> dict[int, Path]:
    """The folder of a kept run as a kill would leave it, after the commands of each tick were acknowledged."""
    base = tmp_path_factory.mktemp("crashed")
    copies: dict[int, Path] = {}

    def copied(tick: int) -> None:
        run._surviving.settle()
        copies[tick] = base / f"at-{tick}"
        shutil.copytree(base / "run", copies[tick])

    with fed().start(snapshots=base / "run", snapshot_every=8) as run:
        assert lived(run, copied) == want
    return copies


@pytest.mark.parametrize("tick", [0, 2, 3, 5, 8, 9, 10, 13, 16, 20, 23])
def test_a_run_goes_on_from_a_kill_at_any_tick(crashed: dict[int, Path], want: tuple[Any, ...], tick: int) -> None:
    """Commands up to the kill are in effect once each; ticks after the last of them are recomputed."""
    with fed().restore(crashed[tick], partitions=1 + tick % 3) as run:
        assert run.tick <= tick
        run.step(tick + 1 - run.tick)  # what was asked at this tick is known already
        assert lived(run) == want
    with fed().restore(crashed[tick]) as run:  # and once more, of the run that went on
        assert (run.tick, state(run)) == (END, want)


def test_a_command_is_safe_when_it_is_acknowledged_by_a_process_that_then_dies(
    tmp_path: Path, want: tuple[Any, ...]
) -> None:
    code = (
        "import os, sys\n"
        "from tests.weaver.test_kept_commands import *\n"
        "run = fed().start(snapshots=sys.argv[1])\n"
        "lived(run, lambda tick: os._exit(9) if tick == 8 else None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], cwd=ROOT, timeout=200)
    assert done.returncode == 9
    with fed().restore(tmp_path / "run", partitions=3) as run:
        assert run.tick == 8
        run.step(1)
        assert lived(run) == want


def test_a_snapshot_knows_what_was_promised(tmp_path: Path, want: tuple[Any, ...]) -> None:
    with fed().start() as run:
        while run.tick < 9:
            order(run)
            run.step(1)
        place = run.snapshot(tmp_path / "one")
    with fed().restore(place, partitions=2) as run:
        assert run.promised_ticks() == {9, 10, 11, 13, 17}
        assert lived(run) == want


def test_acks_change_nothing_but_when_a_command_is_safe(tmp_path: Path, want: tuple[Any, ...]) -> None:
    with fed().start(snapshots=tmp_path / "run", ack="applied") as run:
        assert lived(run) == want
    with fed().restore(tmp_path / "run") as run:
        assert state(run) == want
    with pytest.raises(wv.ModelError, match="ack='never' was asked for; allowed are durable and applied"):
        pond().start(ack="never")


# ---- What a command says, and what it refuses ----


@pytest.fixture(scope="module")
def standing() -> Iterator[Any]:
    with pond().start() as run:
        run.step(4)
        yield run


def test_a_command_says_before_which_tick_it_acts(standing: Any) -> None:
    run, tick = standing, standing.tick
    now, later = run.add(Duck, position=[(1.0, 1.0)]), run.add(Duck, position=[(1.0, 1.0), (2.0, 2.0)], at=tick + 2)
    assert (now.tick, later.tick) == (tick, tick + 2)
    assert later.tolist() == [int(now[0]) + 1, int(now[0]) + 2]
    assert later[1:].tick == tick + 2
    assert run.update(Duck, now, energy=1.0) == tick and run.update(Duck, now, energy=1.5, at=tick + 1) == tick + 1
    assert run.put(Duck, 77_000, position=[(1.0, 1.0)], at=tick + 3) == tick + 3
    assert run.send(now, Call(0.1), at=tick + 1) == tick + 1 and run.set(loss=0.25, at=tick + 2) == tick + 2
    assert run.remove(now, at=tick + 4) == tick + 4
    assert run.parameters["loss"] == 0.2 and run.promised_ticks() == {tick + k for k in (1, 2, 3, 4)}
    living = set(run.entities(Duck)["id"].to_pylist())
    assert int(now[0]) in living and not set(later.tolist()) & living
    run.step(3)
    assert run.parameters["loss"] == 0.25
    assert set(later.tolist()) <= set(run.entities(Duck)["id"].to_pylist())
    run.step(2)
    living = set(run.entities(Duck)["id"].to_pylist())
    assert int(now[0]) not in living and 77_000 in living and not run.promised_ticks()


def test_a_promise_acts_as_the_command_at_its_tick_does() -> None:
    with pond().start() as one, pond().start(partitions=3) as two:
        one.add(Duck, position=[(1.0, 2.0)], at=6)
        one.send(3, Call(1.0), at=6)
        two.step(6)
        two.add(Duck, position=[(1.0, 2.0)])
        two.send(3, Call(1.0))
        one.step(10), two.step(4)
        assert one.digest() == two.digest()


@pytest.mark.parametrize("at", [-1, 2.5, "5", 1 << 40])
def test_times_that_are_none_are_refused(standing: Any, at: Any) -> None:
    for ask in (
        lambda: standing.add(Duck, position=[(1.0, 1.0)], at=at), lambda: standing.set(loss=0.5, at=at),
        lambda: standing.remove([3], at=at),
    ):  # fmt: skip
        with pytest.raises(wv.ModelError, match=r"was asked for at tick \d+; allowed are whole numbers from \d+"):
            ask()


def test_a_command_is_done_whole_or_not_at_all_and_names_the_row(standing: Any) -> None:
    run = standing
    before, living, ids = run.digest(), run.counts(), run._commands.next
    with pytest.raises(wv.ModelError, match=r"row 1"):
        run.add(Duck, position=[(1.0, 1.0), (1.0, 99.0), (2.0, 2.0)])
    with pytest.raises(wv.ModelError, match=r"row 1"):
        run.add(Duck, position=[(1.0, 1.0), (float("nan"), 1.0)], at=run.tick + 5)
    for at in (None, run.tick + 5):
        with pytest.raises(wv.ModelError, match=r"row 2"):
            run.add(Duck, position=[(1.0, 1.0)] * 3, band=[1, 2, 300], at=at)
    some = run.entities(Duck)["id"].to_pylist()[:2]
    for ask in (
        lambda: run.update(Duck, [*some, 123_456], energy=0.0), lambda: run.remove([*some, 123_456]),
        lambda: run.send([*some, 123_456], Call(1.0)),
    ):  # fmt: skip
        with pytest.raises(wv.RunError, match="was asked for id 123456, which no entity has"):
            ask()
    with pytest.raises(wv.RunError, match=f"was given the id {some[1]}, which a Duck has already"):
        run.add(Duck, position=[(1.0, 1.0), (1.0, 1.0)], id=[900_000, some[1]])
    with pytest.raises(wv.RunError, match="no position"):
        run.put(Duck, [some[0], 900_001], energy=1.0)
    assert (run.digest(), run.counts(), run._commands.next, run.promised_ticks()) == (before, living, ids, set())


def test_a_promise_that_does_not_fit_any_more_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pond().start(snapshots=tmp_path / "run") as run:
        run.update(Duck, 3, energy=1.0, at=4)
        run.set(loss=0.4, at=4)
        run.remove(3, at=2)
        run.step(6)
        assert "at tick 4: update(Duck, ...) was asked for id 3, which no entity has" in caplog.text
        assert run.parameters["loss"] == 0.4
        end = state(run)
    with pond().restore(tmp_path / "run") as run:
        assert state(run) == end
