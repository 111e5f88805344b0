"""Commands: entities that come, change and go between two ticks, with the same bits in every runtime."""

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import world_of


class Sheep(wv.Entity):
    """Sees others."""

    energy: wv.float32 = 2.0
    seen: int
    sum: float


class Stone(wv.Entity):
    """Never moves, never dies."""

    size: float = 1.0


def model(**options):
    sim = world_of((24, 16), boundary=("periodic", "clamp"), **options)

    @sim.behavior
    def look(me: Sheep | Stone, world: wv.World):
        if isinstance(me, Sheep):
            me.seen = world.count(me, Sheep | Stone, 3.0)
            me.sum = sum((o.energy * o.id for o in world.near(me, Sheep, radius=3.0)), 0.0)

    @sim.behavior(reach=0.5)
    def walk(me: Sheep, world: wv.World):
        me.position += world.unit2() * 0.4
        me.energy += world.random()

    sim.scatter(Sheep, 60)
    sim.scatter(Stone, 20)
    return sim


def play(run):
    """Commands of every kind between ticks; returns the digest after each."""
    digests = []

    def look():
        run.step(1)
        digests.append(run.digest())

    look()
    assert run.add(Sheep, position=[(1, 1), (23.5, 15)], energy=[1, 2]).tolist() == [80, 81]
    assert run.counts() == {"Sheep": 62, "Stone": 20}
    look()
    run.update(Sheep, [3, 80, 4], position=[(12, 1), (0.2, 0.2), (23.9, 15.9)], energy=5)  # far beyond the reach
    run.update(Stone, 61, size=9.0)
    look()
    run.update(Sheep, [5, 6], energy=[-1.0, 7.0])  # read by neighbours, and nobody moves
    look()
    run.remove([81, 0, 61])
    assert run.counts() == {"Sheep": 60, "Stone": 19}
    look()
    run.put(Sheep, [1, 500, 81], position=[(4, 4), (5, 5), (6, 6)], energy=[1, 2, 3])
    assert run.add(Stone, position=[(2, 2)]).tolist() == [501]
    look()
    run.add(Sheep, {"x": [1.0], "y": [2.0], "id": [7000]})
    assert run.add(Stone, position=[(2, 2), (3, 3)]).tolist() == [7001, 7002]
    look()
    return digests


@pytest.fixture(scope="module")
def alone():
    """The digests of one partition."""
    with model().start() as run:
        digests = play(run)
        table = run.entities(Sheep)
        assert set(table["id"].to_pylist()) == {*range(1, 60), 80, 81, 500, 7000}
        assert run.stats()["deaths"] == {"Sheep": 2, "Stone": 1}
    return digests


@pytest.mark.parametrize(
    "options",
    [{"partitions": 6}, {"partitions": 4, "threads": 2}, pytest.param({"workers": 2}, marks=pytest.mark.slow)],
)
def test_commands_give_the_same_bits_however_the_world_is_partitioned(alone, options):
    with model().start(**options) as run:
        assert play(run) == alone


def test_a_command_is_carried_out_before_the_next_tick_and_ghosts_know():
    sim = world_of((20, 20))

    @sim.behavior
    def look(me: Sheep, world: wv.World):
        me.sum = sum((o.energy for o in world.near(me, Sheep, radius=2.0)), 0.0)

    sim.add(Sheep, position=[(0.5, 10), (19.5, 10), (10, 10)], energy=[1, 2, 4])
    with sim.start(partitions=4) as run:

        def sums():
            run.step(1)
            return dict(zip(*(run.entities(Sheep)[name].to_pylist() for name in ("id", "sum")), strict=True))

        assert sums() == {0: 2, 1: 1, 2: 0}
        run.update(Sheep, 1, energy=8.0)
        assert sums() == {0: 8, 1: 1, 2: 0}
        run.update(Sheep, [2], position=[(0.2, 10)])
        assert sums() == {0: 12, 1: 5, 2: 9}
        run.remove(0)
        assert sums() == {1: 4, 2: 8}
        assert run.add(Sheep, position=[(20.1, 10)], energy=16).tolist() == [3]
        assert sums() == {1: 20, 2: 24, 3: 12}


def test_a_command_that_does_not_fit_changes_nothing():
    with model().start(partitions=3) as run:
        before = run.digest()
        for asked, error, message in (
            (lambda: run.update(Sheep, [1, 999], energy=0), wv.RunError, "id 999, which no entity has"),
            (lambda: run.update(Sheep, [1, 60], energy=0), wv.RunError, "id 60, which is a Stone, no Sheep"),
            (lambda: run.update(Sheep, [1, 1], energy=0), wv.ModelError, "which row 0 .* has already"),
            (lambda: run.update(Sheep, [1, 2], energy=[1, 2, 3]), wv.ModelError, "different lengths"),
            (lambda: run.update(Sheep, [1], id=[2]), wv.ModelError, "takes ids and, by name"),
            (lambda: run.update(Sheep, [1], energi=2.0), wv.ModelError, "has no field 'energi'"),
            (lambda: run.update(Sheep, [1], position=[(1, 17)]), wv.ModelError, "the box goes from 0 to 16"),
            (lambda: run.remove([5, 4711, 4712]), wv.RunError, r"id 4711, which no entity has \(2 such ids\)"),
            (lambda: run.remove([0.5]), wv.ModelError, "it takes ids"),
            (lambda: run.add(Sheep, energy=1), wv.ModelError, "no position"),
            (lambda: run.add(Sheep, position=[(1, 1)], id=[60]), wv.RunError, "id 60, which a Stone has already"),
            (lambda: run.put(Sheep, [1, 999], energy=0), wv.RunError, "no position"),
            (lambda: run.put(Sheep, [60], energy=0), wv.RunError, "is a Stone"),
        ):
            with pytest.raises(error, match=message):
                asked()
        assert run.digest() == before
        assert run.add(Stone, position=np.zeros((0, 2))).tolist() == []
        run.remove([])
        assert run.digest() == before
    with pytest.raises(wv.RunError, match=r"add\(\) was asked"):
        run.add(Stone, position=[(1, 1)])
