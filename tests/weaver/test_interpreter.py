"""The interpreter itself: its state in and out, names from outside, and flocking against numpy."""

import enum
import math
import types

import numpy as np
import pytest

import weaver as wv
from weaver.interpreter import Interpreter

GAIN = 2.0
STEPS = (1, 2.5, 3)
TABLE = np.array([[1, 2], [3, 4]])
SETTINGS = types.SimpleNamespace(offset=10.0)


class Colour(enum.IntEnum):
    """A state by name."""

    RED = 3
    BLUE = 5


class Walker(wv.Entity):
    """Has one field of every kind."""

    velocity: wv.Vec2
    energy: float
    count: int
    tired: bool
    colour: Colour = Colour.BLUE


def walking(**options):
    return wv.Simulation(wv.Box(40, 40, boundary="periodic"), seed=7, **options)


def double(x, times=2):
    return x * times


def drain(walker, amount):
    walker.energy -= double(amount)


def test_rows_are_sorted_by_id_and_have_storage_types():
    sim = walking()
    sim.add(Walker, position=[[1, 2], [3, 4]], id=[9, 4], energy=[0.5, 1.5])
    rows = Interpreter(sim).rows(Walker)
    assert rows["id"].tolist() == [4, 9]
    assert rows["position.x"].tolist() == [3.0, 1.0]
    assert rows["energy"].tolist() == [1.5, 0.5]
    assert rows["colour"].tolist() == [5, 5]
    assert [rows[n].dtype.str for n in ("position.x", "count", "tired")] == ["<f8", "<i8", "|b1"]


def test_load_goes_on_where_rows_left_off():
    sim = walking()

    @sim.behavior
    def walk(me: Walker, world: wv.World):
        me.velocity += world.unit2() * 0.1
        me.position += me.velocity
        me.count = world.tick

    sim.scatter(Walker, 20)
    whole, first, second = Interpreter(sim), Interpreter(sim), Interpreter(sim)
    whole.step(5)
    first.step(2)
    shuffled = np.random.default_rng(1).permutation(20)
    second.load({Walker: {name: column[shuffled] for name, column in first.rows(Walker).items()}}, tick=2)
    assert second.digest() == first.digest()
    second.step(3)
    assert second.tick == 5
    assert second.digest() == whole.digest()


def test_constants_enums_tables_defaults_and_helpers_are_found():
    sim = walking()

    @sim.behavior
    def act(me: Walker, world: wv.World):
        drain(me, GAIN)
        me.energy += math.pi + SETTINGS.offset + STEPS[1]
        me.count = TABLE[1][0] + Colour.RED
        me.colour = Colour.RED
        me.tired = me.colour == Colour.RED and me.energy > 0

    sim.add(Walker, position=[[1, 1]])
    run = Interpreter(sim)
    run.step()
    rows = run.rows(Walker)
    assert rows["energy"][0] == -4.0 + (math.pi + 10.0 + 2.5)
    assert (rows["count"][0], rows["colour"][0], rows["tired"][0]) == (6, 3, True)


def test_a_parameter_is_its_current_value_also_in_a_helper():
    sim = walking()
    speed = sim.parameter("speed", 1.0, low=0, high=5)

    def faster(x):
        return x + speed

    @sim.behavior
    def act(me: Walker, world: wv.World):
        me.energy = faster(me.energy)

    sim.add(Walker, position=[[1, 1]])
    run = Interpreter(sim)
    run.step()
    run.set(speed=3.0)
    run.step()
    assert run.rows(Walker)["energy"][0] == 4.0
    with pytest.raises(wv.ModelError, match="speed=9"):
        run.set(speed=9.0)
    with pytest.raises(wv.ModelError, match="'spin' was set; there are speed"):
        run.set(spin=1.0)


def test_chains_of_comparisons_evaluate_each_operand_once():
    sim = walking()

    @sim.behavior
    def act(me: Walker, world: wv.World):
        if 0 <= world.random() < 2 <= 3:
            me.count += 1
        me.energy = world.random()

    @sim.behavior
    def again(me: Walker, world: wv.World):
        me.tired = 2 < 1 < 3

    sim.add(Walker, position=[[1, 1]])
    run = Interpreter(sim)
    run.step()
    from weaver.random import key, uniform

    assert run.rows(Walker)["count"][0] == 1
    assert run.rows(Walker)["energy"][0] == uniform(key(7, "Walker", "act"), 0, 0, 1)


def test_two_lambdas_on_one_line_are_told_apart():
    sim = walking()
    sim.scatter(Walker, 3, energy=lambda rng: 1.0 + rng.uniform(0, 0), velocity=lambda rng: rng.unit2() * 0.0)
    rows = Interpreter(sim).rows(Walker)
    assert rows["energy"].tolist() == [1.0] * 3
    assert rows["velocity.x"].tolist() == [0.0] * 3


def test_flocking_equals_brute_force():
    sim = walking()

    @sim.behavior
    def flock(me: Walker, world: wv.World):
        n, centre = 0, wv.Vec2()
        for other in world.near(me, Walker, radius=5.0):
            centre += other.position - me.position
            n += 1
        if n:
            me.velocity += 0.03 * centre / n
        me.position += me.velocity.normalized()
        me.count = n

    sim.scatter(Walker, 150, velocity=lambda rng: rng.unit2())
    run = Interpreter(sim)
    for _ in range(3):
        before = run.rows(Walker)
        run.step()
        after = run.rows(Walker)
        p = np.stack([before["position.x"], before["position.y"]], axis=1)
        v = np.stack([before["velocity.x"], before["velocity.y"]], axis=1)
        d = p[None] - p[:, None]
        d -= 40 * np.rint(d / 40)
        seen = (d**2).sum(axis=2) <= 25
        np.fill_diagonal(seen, False)
        n = seen.sum(axis=1)
        np.testing.assert_array_equal(after["count"], n)
        v += 0.03 * (d * seen[..., None]).sum(axis=1) / np.maximum(n, 1)[:, None]
        p = (p + v / np.hypot(v[:, :1], v[:, 1:])) % 40
        np.testing.assert_allclose(np.stack([after["velocity.x"], after["velocity.y"]], axis=1), v, atol=1e-12)
        np.testing.assert_allclose(np.stack([after["position.x"], after["position.y"]], axis=1), p, atol=1e-12)
