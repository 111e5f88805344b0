"""The exact meaning of time, chance, boundaries and precision, claim by claim, in both modes."""

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import Bird, Wolf, world_of
from weaver.random import integer, key, normal, uniform, unit2

# ---- Time and chance ----


def test_ticks_start_at_zero_and_every_at_chooses_them(play):
    sim = world_of(dt=0.25)

    @sim.behavior(every=3, at=1)
    def rarely(me: Bird, world: wv.World):
        me.seen = 10 * me.seen + world.tick
        me.velocity = wv.Vec2(world.dt, world.time)

    @sim.behavior
    def always(me: Bird, world: wv.World):
        me.mark += 1
        me.energy = world.size.x + 1000 * world.size.y

    sim.add(Bird, position=[[1, 1]])
    state = play(sim, ticks=6).of(Bird)
    assert state["seen"][0] == 14
    assert state["velocity"][0].tolist() == [0.25, 1.0]
    assert (state["mark"][0], state["energy"][0]) == (6, 40040.0)


def test_draws_are_keyed_by_seed_type_name_id_tick_and_count(play):
    sim = world_of()

    @sim.behavior
    def other_things(me: Wolf, world: wv.World):
        me.energy = world.random()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.energy = world.random() + 100.0
        me.mark = world.integer(0, 1000)
        me.velocity = world.unit2()
        me.seen = world.choice((11, 22, 33)) if me.id == 9 else 0

    @sim.behavior
    def more(me: Bird, world: wv.World):
        me.energy += world.normal(0.0, 2.0) + world.uniform(5.0, 6.0)

    sim.add(Bird, position=[[1, 1], [30, 30]], id=[3, 9])
    sim.add(Wolf, position=[[5, 5]])
    player = play(sim, ticks=2)
    state = player.of(Bird)
    first, second = key(7, "Bird", "act"), key(7, "Bird", "more")
    for row, id in enumerate([3, 9]):
        assert state["mark"][row] == integer(first, id, 1, 1, 0, 1000)
        assert tuple(state["velocity"][row]) == unit2(first, id, 1, 2)
        drawn = uniform(first, id, 1, 0) + 100.0
        drawn += normal(second, id, 1, 0, 0.0, 2.0) + (5.0 + uniform(second, id, 1, 1))
        assert state["energy"][row] == pytest.approx(drawn, rel=1e-15)
    assert state["seen"][1] == (11, 22, 33)[integer(first, 9, 1, 3, 0, 3)]
    wolf = player.of(Wolf)
    assert wolf["id"].tolist() == [10]
    assert wolf["energy"][0] == uniform(key(7, "Wolf", "other_things"), 10, 1, 0)


def test_scatter_draws_each_field_by_its_own_key(play):
    sim = world_of(lengths=(40, 20), boundary="reflect")
    sim.scatter(Wolf, 3)
    sim.scatter(Bird, 4, velocity=lambda rng: rng.unit2(), energy=lambda rng: rng.random() + rng.random(), mark=7)
    state = play(sim, ticks=0).of(Bird)
    assert state["id"].tolist() == [3, 4, 5, 6]
    place, energy = key(7, "Bird", "scatter.1.position"), key(7, "Bird", "scatter.1.energy")
    for row, id in enumerate([3, 4, 5, 6]):
        drawn = [40 * uniform(place, id, 0, 0), 20 * uniform(place, id, 0, 1)]
        np.testing.assert_allclose(state["position"][row], drawn, atol=1e-13)
        assert state["energy"][row] == uniform(energy, id, 0, 0) + uniform(energy, id, 0, 1)
        assert tuple(state["velocity"][row]) == unit2(key(7, "Bird", "scatter.1.velocity"), id, 0, 0)
    assert state["mark"].tolist() == [7] * 4


def test_ids_count_on_over_all_sources(play):
    sim = world_of()
    sim.add(Bird, position=[[1, 1], [2, 2]])
    sim.add(Wolf, position=[[3, 3], [4, 4]], id=[20, 10])
    sim.scatter(Bird, 2)
    player = play(sim, ticks=0)
    assert player.of(Bird)["id"].tolist() == [0, 1, 21, 22]
    assert player.of(Wolf)["id"].tolist() == [10, 20]


def test_an_initial_position_outside_is_an_error(play):
    sim = world_of(boundary="clamp")
    sim.scatter(Bird, 3, position=lambda rng: wv.Vec2(41.0, 1.0))
    with pytest.raises(wv.RunError, match="outside the box: Bird 0"):
        play(sim)
    given = world_of(boundary="clamp")
    given.add(Bird, position=[[1, 1], [1, -2]])
    with pytest.raises(wv.ModelError, match=r"Bird row 1 has position\.y = -2"):
        play(given)


# ---- Boundaries ----


def moving(sim):
    @sim.behavior(jumps=True)
    def move(me: Bird, world: wv.World):
        me.seen += 1
        me.position += me.velocity

    @sim.behavior
    def after(me: Bird, world: wv.World):
        me.mark = 1 + world.count(me, Bird, radius=4.0)


def test_reflect_mirrors_as_often_as_needed_and_turns_the_velocity(play):
    sim = world_of(lengths=(10, 10), boundary="reflect")
    moving(sim)
    sim.add(Bird, position=[[9, 5]] * 3, velocity=[[3, 0], [13, 0], [-14, 7]])
    state = play(sim).of(Bird)
    assert state["position"].tolist() == [[8.0, 5.0], [2.0, 5.0], [5.0, 8.0]]
    assert state["velocity"].tolist() == [[-3.0, 0.0], [13.0, 0.0], [14.0, -7.0]]


def test_clamp_holds_at_the_wall(play):
    sim = world_of(lengths=(10, 10), boundary="clamp")
    moving(sim)
    sim.add(Bird, position=[[9, 5]] * 2, velocity=[[3, 0], [-13, 1]])
    state = play(sim).of(Bird)
    assert state["position"].tolist() == [[10.0, 5.0], [0.0, 6.0]]
    assert state["velocity"].tolist() == [[3.0, 0.0], [-13.0, 1.0]]


def test_absorb_ends_a_life_before_the_next_behavior(play):
    sim = world_of(lengths=(10, 10), boundary=("absorb", "periodic"))
    moving(sim)
    sim.add(Bird, position=[[9, 5], [8, 5], [9, 9]], velocity=[[1.5, 0], [1, 0], [1, 3]])
    state = play(sim).of(Bird)
    assert state["id"].tolist() == [1, 2]
    assert state["position"].tolist() == [[9.0, 5.0], [10.0, 2.0]]
    assert state["mark"].tolist() == [2, 2]


def test_strict_boundaries_must_not_be_crossed(play):
    sim = world_of(lengths=(10, 10), boundary=("clamp", "strict"))
    moving(sim)
    sim.add(Bird, position=[[9, 5], [8, 5], [9, 9]], velocity=[[5, 0], [0, 5], [0, 3]])
    with pytest.raises(wv.RunError, match=r"left a strict boundary at tick 0: Bird 2 \(behavior 'move'\)"):
        play(sim)


def test_a_position_that_is_not_finite_is_an_error(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        if world.tick == 1:
            me.position += wv.Vec2(1, 1) / me.mark

    sim.add(Bird, position=[[9, 5], [8, 5], [9, 9]], mark=[1, 1, 0])
    with pytest.raises(wv.RunError, match=r"position inf at tick 1: Bird 2 \(behavior 'act'\)"):
        play(sim, ticks=2)


def test_the_least_type_and_id_is_reported(play):
    sim = world_of(lengths=(10, 10), boundary="strict")

    @sim.behavior(jumps=True)
    def leave(me: Wolf | Bird, world: wv.World):
        if me.mark == 1:
            me.position += wv.Vec2(20, 0)

    sim.add(Bird, position=[[9, 5], [1, 5], [5, 9]], mark=[0, 1, 1], id=[0, 6, 3])
    sim.add(Wolf, position=[[9, 5], [1, 5], [5, 9]], mark=[0, 1, 1], id=[1, 9, 8])
    with pytest.raises(wv.RunError, match="Wolf 8"):
        play(sim)


# ---- Three dimensions, float32 positions ----


class Atom(wv.Entity):
    """Positions in single precision."""

    position: wv.Vec3f
    seen: int


class Probe(wv.Entity):
    """Positions in double precision, looking for atoms."""

    seen: int


def test_three_dimensions_and_float32_positions(play):
    sim = wv.Simulation(wv.Box(20, 20, 20, boundary=("periodic", "clamp", "periodic")), seed=1)

    @sim.behavior
    def look(me: Atom | Probe, world: wv.World):
        me.seen = 10 * world.count(me, Atom, radius=4.0) + world.count(me, Probe, radius=4.0)

    @sim.behavior(reach=3.0)
    def move(me: Atom, world: wv.World):
        me.position += world.unit3() * 2.0

    sim.add(Atom, position=[[1, 1, 1], [19, 1, 19], [5, 1, 1], [10, 10, 10]])
    sim.add(Probe, position=[[1, 1, 4], [10, 14, 10]])
    player = play(sim)
    assert player.of(Atom)["seen"].tolist() == [21, 10, 10, 1]
    assert player.of(Probe)["seen"].tolist() == [10, 10]
    moved = player.of(Atom)["position"]
    steps = np.abs(moved - np.array([[1, 1, 1], [19, 1, 19], [5, 1, 1], [10, 10, 10]]))
    assert (np.minimum(steps, 20 - steps) <= 2.0 + 1e-5).all()
