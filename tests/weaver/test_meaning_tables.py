"""`sim.table`: large read-only arrays that behaviors index."""

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import world_of
from weaver.compiler import write


class Car(wv.Entity):
    """Drives on a road."""

    road: int
    speed: float
    lanes: int
    open: bool
    number: int


def declare(sim, rows=5000):
    """More rows than a captured array may have."""
    return sim.table(
        "roads",
        {
            "speed": np.arange(rows) / 7,
            "limit_": np.linspace(0, 1, rows).astype(np.float32),
            "lanes": (np.arange(rows) % 300).astype(np.uint8),
            "open": np.arange(rows) % 3 == 0,
            "next": (np.arange(rows) * 3) % rows,
        },
    )


def model(rows=5000):
    sim = world_of((20, 20))
    roads = declare(sim, rows)

    def faster(car):
        return roads.speed[car.road] + 1.0

    sim.observe("above", Car, lambda car: roads.speed[car.road % len(roads)], "sum")

    @sim.behavior
    def drive(me: Car, world: wv.World):
        me.speed = faster(me) + roads.limit_[me.road] - roads.speed[-1]
        me.lanes = roads.lanes[me.road] * 2
        me.open = roads.open[me.road]
        me.number = len(roads)
        me.road = roads.next[me.road]

    return sim, roads


def test_behaviors_read_columns_by_row(play):
    sim, roads = model()
    start = np.array([0, 17, 4999, -1, -5000])
    sim.add(Car, position=[(1, 1)] * 5, road=start)
    cars = play(sim, 1).of(Car)
    columns = roads.columns
    np.testing.assert_array_equal(
        cars["speed"], columns["speed"][start] + 1.0 + columns["limit_"][start].astype(float) - columns["speed"][-1]
    )
    np.testing.assert_array_equal(cars["lanes"], columns["lanes"][start].astype(int) * 2)
    np.testing.assert_array_equal(cars["open"], columns["open"][start])
    np.testing.assert_array_equal(cars["road"], columns["next"][start])
    assert (cars["number"] == 5000).all()


@pytest.mark.parametrize("road", [5000, -5001])
def test_a_row_that_does_not_exist_is_a_fault(play, road):
    sim, _ = model()
    sim.add(Car, position=[(1, 1)] * 2, road=[0, road])
    with pytest.raises(wv.RunError, match=r"an element that does not exist .* Car 1 \(behavior 'drive'\)"):
        play(sim, 1)


@pytest.mark.slow
def test_tables_reach_every_worker_and_observations(ray_cluster):
    digests = []
    for options in ({}, {"partitions": 3}, {"workers": 2}):
        sim, _ = model()
        sim.scatter(Car, 30, road=lambda rng: rng.integer(0, 5000))
        with sim.start(**options) as run:
            run.step(3)
            digests.append((run.digest(), run.identity, run.observations()["above"].to_pylist()))
    assert digests[0] == digests[1] == digests[2]


def test_other_values_of_a_table_are_another_identity_and_the_same_kernels():
    made = []
    for rows in (100, 101):
        sim, _ = model(rows)
        sim.scatter(Car, 1)
        program = write(sim).program
        made.append((program.identity, program.kernels.args[0]))
    assert made[0][0] != made[1][0] and made[0][1] == made[1][1]


SIM = world_of((20, 20))
ROADS = declare(SIM)


def whole(me: Car, world: wv.World):
    me.speed = max(ROADS.speed)


def unknown(me: Car, world: wv.World):
    me.speed = ROADS.sped[me.road]


def written(me: Car, world: wv.World):
    ROADS.speed[me.road] = 1.0


def alone(me: Car, world: wv.World):
    me.speed = ROADS


@pytest.mark.parametrize(
    ("behavior", "message"),
    [
        (whole, r"the column ROADS\.speed is used as a whole"),
        (unknown, r"has no column 'sped'(.*\n)+Write 'speed'"),
        (written, "this cannot be assigned to"),
        (alone, "'ROADS' is a Table, which a behavior cannot capture"),
    ],
)
def test_what_cannot_be_done_with_a_table_is_told(behavior, message):
    sim = world_of((20, 20))
    sim.tables["roads"] = ROADS
    sim.behavior(behavior)
    sim.scatter(Car, 1)
    with pytest.raises(wv.BehaviorError, match=message):
        sim.start()


def test_tables_of_other_simulations_and_in_draws_are_refused():
    sim = world_of((20, 20))

    @sim.behavior
    def drive(me: Car, world: wv.World):
        me.speed = ROADS.speed[0]

    with pytest.raises(wv.BehaviorError, match="belongs to another simulation"):
        sim.start()
    sim = world_of((20, 20))
    sim.tables["roads"] = ROADS
    sim.scatter(Car, 5, speed=lambda rng: ROADS.speed[3])
    with pytest.raises(wv.BehaviorError, match="a function for initial values reads a table"):
        sim.start()
