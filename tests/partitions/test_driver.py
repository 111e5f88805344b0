"""The driver says how far; the tick loop is the workers' own."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

from partitions.cluster import Cluster
from partitions.local import Local
from partitions.worker import Worker
from tests.partitions.gang import Gang
from tests.partitions.programs import mingling

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(180)

PLAIN = mingling((20.0, 15.0), ("periodic", "clamp"), n=300, deaths=97, drawn=50)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each method of an actor has been called from this process."""
    made: Counter[str] = Counter()
    original = ray.actor.ActorHandle._actor_method_call

    def counted(self: Any, method: str, *arguments: Any, **options: Any) -> Any:
        made[method] += 1
        return original(self, method, *arguments, **options)

    monkeypatch.setattr(ray.actor.ActorHandle, "_actor_method_call", counted)
    return made


@pytest.mark.slow
def test_the_driver_makes_no_call_per_tick(
    ray_cluster: str, calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partitions.cluster.POLL", math.inf)  # the driver asks for the tick by the clock: left out here
    with Cluster(PLAIN, 2, partitions=6) as run:
        for target in (1, 201):
            calls.clear()
            assert run.advance(target) == target
            assert calls == {"advance": 2}
        assert run.hold() == 201
        assert calls == {"advance": 2}
        calls.clear()
        with Local(PLAIN) as alone:
            alone.advance(201)
            assert run.digest() == alone.digest()
        assert calls == {"digest": 2}


@pytest.mark.slow
def test_the_driver_asks_for_the_tick_by_the_clock_and_not_by_the_tick(ray_cluster: str, calls: Counter[str]) -> None:
    with Cluster(PLAIN, 2) as run:
        calls.clear()
        run.advance(1000)
    assert calls["advance"] == 2
    assert calls["status"] < 2 * 1000 / 10


def test_each_worker_makes_its_share_of_the_first_entities_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    program = mingling((20.0, 15.0), ("periodic", "clamp"), n=300, stones=60, drawn=7_000)
    made: dict[int, list[int]] = {}
    original = Worker._made

    def counted(self: Worker, source: Any, first: int, last: int) -> Any:
        made.setdefault(self.rank, []).append(last - first)
        return original(self, source, first, last)

    monkeypatch.setattr(Worker, "_made", counted)
    with Gang(program, 6, 3) as gang:
        gang.all(lambda worker: worker.populate())
    shares = {rank: sum(parts) for rank, parts in made.items()}
    assert sum(shares.values()) == 300 + 60 + 7_000
    assert set(shares) == {0, 1, 2}
    assert max(shares.values()) - min(shares.values()) <= len(program.sources)
