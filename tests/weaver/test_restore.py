"""Restore: a run that goes on from a snapshot has the bits of one that never stopped, however the world is cut."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import weaver as wv
from tests.weaver.composed import composition
from tests.weaver.generated import load
from tests.weaver.test_same_bits import smaller
from weaver.load import bundled_apps

SEED = 152
"""Of a composed program that leaves rows of every kind."""
COUNTS = (1, 2, 3, 4, 8)
AT, END = 4, 7
STATS = ("tick", "entities", "births", "deaths", "lost", "sent", "read", "pending")


def told(run: Any, crash: type[wv.Event] | None) -> tuple[Any, ...]:
    """All that a run says of itself but the time it took; events since the last call are taken."""
    stats = run.stats()
    events = run.events(crash).to_pydict() if crash is not None else {}
    samples = repr(run.observations().to_pydict())  # in which nan is nan
    return (run.digest(), [stats[name] for name in STATS], repr(events), samples, run.parameters)


class Whole:
    """A program of every word that never stopped, its snapshots by partitions, and what it said at the end."""

    def __init__(self, folder: Path) -> None:
        module = load(composition(SEED), folder, f"composed_{SEED}")
        self.sim, self.crash, self.hit = module.sim, module.Crash, module.Hit
        self.snapshots: dict[int, str] = {}
        for partitions in COUNTS:
            with self.sim.start(partitions=partitions, threads=1 + partitions % 2) as run:
                self.moved(run)
                self.snapshots[partitions] = run.snapshot(folder / f"by-{partitions}")
                self.digest = run.digest()
                if partitions == 1:
                    run.step(END - AT)
                    self.end = told(run, self.crash)

    def moved(self, run: Any) -> None:
        """To where the snapshots are made; its letters are read in the tick that follows."""
        run.step(AT)
        for kind in self.sim.entity_types:
            run.send(run.entities(kind)["id"].to_numpy()[::3], self.hit(amount=0.5, code=3))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("whole"))


def manifest(address: str) -> dict[str, Any]:
    return json.loads((Path(address) / "manifest.json").read_text())["manifest"]


def rows(one: dict[str, Any]) -> dict[str, int]:
    """Kind -> rows."""
    kinds = {part["kind"] for part in one["parts"]}
    return {kind: sum(part["rows"] for part in one["parts"] if part["kind"] == kind) for kind in kinds}


def test_the_world_holds_every_kind_of_thing(whole: Whole) -> None:
    assert set(rows(manifest(whole.snapshots[8]))) == {"entity", "layer", "message", "event", "births", "samples"}


def test_snapshots_of_all_partitions_say_the_same(whole: Whole) -> None:
    made = [manifest(address) for address in whole.snapshots.values()]
    same = ("tick", "digest", "tallies", "latest", "reals", "integers", "identity", "schema", "cells", "ended")
    for one in made:
        assert one["digest"] == whole.digest and one["tick"] == AT
        assert repr({k: one[k] for k in same}) == repr({k: made[0][k] for k in same})
        assert rows(one) == rows(made[0])


@pytest.mark.parametrize("before", COUNTS)
def test_any_partitions_go_on_from_any(whole: Whole, before: int) -> None:
    for after in COUNTS:
        with whole.sim.restore(whole.snapshots[before], partitions=after, threads=1 + (before + after) % 2) as run:
            assert (run.tick, run.digest(), run.partitions) == (AT, whole.digest, after)
            run.step(END - AT)
            assert told(run, whole.crash) == whole.end, f"{before} -> {after}"


def test_all_that_can_be_asked_is_the_same(whole: Whole) -> None:
    with whole.sim.restore(whole.snapshots[4], partitions=3) as run, whole.sim.start() as other:
        whole.moved(other)
        for kind in whole.sim.entity_types:
            assert run.entities(kind).equals(other.entities(kind))
        for layer in whole.sim.layers:
            assert run.layer(layer).tobytes() == other.layer(layer).tobytes()
        assert told(run, whole.crash) == told(other, whole.crash)
        assert run.events(whole.crash).num_rows == 0  # each is told once


def test_a_snapshot_of_what_was_restored_is_the_same_snapshot(whole: Whole, tmp_path: Path) -> None:
    with whole.sim.restore(whole.snapshots[8], partitions=2) as run:
        again = manifest(run.snapshot(tmp_path / "again"))
    first = manifest(whole.snapshots[8])
    same = ("app", "tick", "seed", "digest", "tallies", "latest", "reals", "integers", "ended", "schema", "cells")
    assert repr({k: again[k] for k in same}) == repr({k: first[k] for k in same})
    assert rows(again) == rows(first)


def test_a_run_that_moves_goes_on_while_it_is_snapshot(whole: Whole, tmp_path: Path) -> None:
    with whole.sim.start(partitions=2) as run:
        whole.moved(run)
        run.resume(until=END)
        tick = manifest(run.snapshot(tmp_path / "moving"))["tick"]
        run.pause()
        run.step(END - run.tick)
        assert told(run, whole.crash) == whole.end
    with whole.sim.restore(tmp_path / "moving", partitions=3) as run:
        assert run.tick == tick <= END
        run.step(END - tick)
        assert told(run, whole.crash)[0] == whole.end[0]


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "partitions"), [(2, 4), (1, 3)])
def test_ray_workers_go_on_and_hand_back(
    ray_cluster: str, whole: Whole, tmp_path: Path, workers: int, partitions: int
) -> None:
    with whole.sim.restore(whole.snapshots[3], workers=workers, partitions=partitions, threads=2) as run:
        assert (run.tick, run.digest(), run.workers) == (AT, whole.digest, workers)
        run.step(1)
        half = run.snapshot(tmp_path / "half")
        run.step(END - AT - 1)
        assert told(run, whole.crash) == whole.end
    with whole.sim.restore(half, partitions=2) as run:
        run.step(END - AT - 1)
        assert told(run, whole.crash) == whole.end


@pytest.mark.slow
@pytest.mark.parametrize("before", [1, 2, 3])
def test_any_ray_workers_go_on_from_any(ray_cluster: str, whole: Whole, tmp_path: Path, before: int) -> None:
    with whole.sim.start(workers=before, partitions=4) as run:
        whole.moved(run)
        address = run.snapshot(tmp_path / "by")
        assert run.digest() == whole.digest
    for after in (1, 2, 3, 4):
        with whole.sim.restore(address, workers=after, partitions=4 + after % 2) as run:
            run.step(END - AT)
            assert told(run, whole.crash) == whole.end, (before, after)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [name for name, _ in bundled_apps()])
def test_bundled_apps_go_on_from_a_snapshot(name: str, tmp_path: Path) -> None:
    sys.modules.pop(f"apps.{name}", None)
    sim = importlib.import_module(f"apps.{name}").sim
    sim = smaller(sim) if name == "flocking" else sim
    with sim.start(partitions=3) as run:
        run.step(9)
        middle, place = run.digest(), run.snapshot(tmp_path / "middle")
        run.step(6)
        end = told(run, None)
    for partitions, threads in ((1, 2), (2, 1), (5, 2)):
        with sim.restore(place, partitions=partitions, threads=threads) as run:
            assert (run.tick, run.digest()) == (min(9, end[1][0]), middle)
            run.step(6)
            assert told(run, None) == end, partitions
