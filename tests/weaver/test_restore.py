"""Restore: a run that goes on from a snapshot has the bits of one that never stopped, however the world is cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.weaver.village import Born, Grass, Sheep, Stone, Wolf, told, village

COUNTS = (1, 2, 3, 4, 8)
AT, END = 10, 16
"""Tick 10: letters wait for the reader, events for whoever asks, and births have been counted in many blocks."""


class Whole:
    """A run that never stopped, and what it said at two ticks."""

    def __init__(self, folder: Path) -> None:
        self.sim = village()
        self.snapshots: dict[int, str] = {}
        for partitions in COUNTS:
            with self.sim.start(partitions=partitions, threads=1 + partitions % 2) as run:
                run.step(AT)
                self.snapshots[partitions] = run.snapshot(folder / f"by-{partitions}")
                self.digest = run.digest()
                if partitions == 1:
                    run.step(END - AT)
                    self.end = told(run)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("whole"))


def manifest(address: str) -> dict[str, Any]:
    return json.loads((Path(address) / "manifest.json").read_text())["manifest"]


def test_the_world_holds_every_kind_of_thing(whole: Whole) -> None:
    parts = manifest(whole.snapshots[8])["parts"]
    rows = {kind: sum(part["rows"] for part in parts if part["kind"] == kind) for kind in {p["kind"] for p in parts}}
    assert set(rows) == {"entity", "layer", "message", "event", "births", "samples"}
    assert min(rows.values()) > 5, rows


def test_snapshots_of_all_partitions_say_the_same(whole: Whole) -> None:
    made = [manifest(address) for address in whole.snapshots.values()]
    for one in made:
        assert one["digest"] == whole.digest
        assert one["tick"] == AT
        assert {k: one[k] for k in ("tallies", "latest", "reals", "integers", "identity", "schema")} == {
            k: made[0][k] for k in ("tallies", "latest", "reals", "integers", "identity", "schema")
        }


@pytest.mark.parametrize("before", COUNTS)
def test_any_partitions_go_on_from_any(whole: Whole, before: int) -> None:
    for after in COUNTS:
        with whole.sim.restore(whole.snapshots[before], partitions=after, threads=1 + (before + after) % 2) as run:
            assert (run.tick, run.digest(), run.partitions) == (AT, whole.digest, after)
            run.step(END - AT)
            assert told(run) == whole.end, f"{before} -> {after}"


def test_all_that_can_be_asked_is_the_same(whole: Whole) -> None:
    with whole.sim.restore(whole.snapshots[4], partitions=3) as run, whole.sim.start() as other:
        other.step(AT)
        for kind in (Sheep, Wolf, Stone):
            assert run.entities(kind).equals(other.entities(kind))
        assert run.layer(Grass).tobytes() == other.layer(Grass).tobytes()
        assert told(run) == told(other)
        assert run.events(Born).num_rows == 0  # each is told once
        assert run.add(Sheep, position=[(1.0, 1.0)]).tolist() == other.add(Sheep, position=[(1.0, 1.0)]).tolist()


def test_a_snapshot_of_what_was_restored_is_the_same_snapshot(whole: Whole, tmp_path: Path) -> None:
    with whole.sim.restore(whole.snapshots[8], partitions=2) as run:
        again = manifest(run.snapshot(tmp_path / "again"))
    first = manifest(whole.snapshots[8])
    same = ("app", "tick", "seed", "digest", "tallies", "latest", "reals", "integers", "ended", "schema", "cells")
    assert {k: again[k] for k in same} == {k: first[k] for k in same}

    def rows(one: dict[str, Any]) -> dict[tuple[str, str], int]:
        of: dict[tuple[str, str], int] = {}
        for part in one["parts"]:
            of[part["kind"], part["name"]] = of.get((part["kind"], part["name"]), 0) + part["rows"]
        return of

    assert rows(again) == rows(first)


def test_a_run_that_moves_goes_on_while_it_is_snapshot(whole: Whole, tmp_path: Path) -> None:
    with whole.sim.start(partitions=2) as run:
        run.resume(until=END)
        tick = manifest(run.snapshot(tmp_path / "moving"))["tick"]
        run.step(0) if not run.running else None
        while run.running:
            run.pause(), run.resume(until=END)
        run.step(END - run.tick)
        assert told(run) == whole.end
    assert 0 <= tick <= END
    with whole.sim.restore(tmp_path / "moving", partitions=3) as run:
        assert run.tick == tick
        run.step(END - tick)
        assert run.digest() == whole.end[0]


@pytest.mark.parametrize(("workers", "partitions"), [(1, 3), (2, 4)])
def test_ray_workers_go_on_and_hand_back(
    ray_cluster: str, whole: Whole, tmp_path: Path, workers: int, partitions: int
) -> None:
    with whole.sim.restore(whole.snapshots[3], workers=workers, partitions=partitions, threads=2) as run:
        assert (run.tick, run.digest(), run.workers) == (AT, whole.digest, workers)
        run.step(3)
        half = run.snapshot(tmp_path / "half")
        run.step(END - AT - 3)
        assert told(run) == whole.end
    with whole.sim.restore(half, partitions=2) as run:
        run.step(END - AT - 3)
        assert told(run) == whole.end


@pytest.mark.slow
@pytest.mark.parametrize("before", [1, 2, 3])
def test_any_ray_workers_go_on_from_any(ray_cluster: str, whole: Whole, tmp_path: Path, before: int) -> None:
    with whole.sim.start(workers=before, partitions=4) as run:
        run.step(AT)
        address = run.snapshot(tmp_path / "by")
        assert run.digest() == whole.digest
    for after in (1, 2, 3, 4):
        with whole.sim.restore(address, workers=after, partitions=4 + after % 2) as run:
            run.step(END - AT)
            assert told(run) == whole.end, (before, after)
