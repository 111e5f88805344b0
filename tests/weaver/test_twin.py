"""Every behavior runs interpreted and compiled: the same bits where IEEE 754 fixes them, else within 4 ulp."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

import weaver as wv
from tests.weaver.written import load, programs
from weaver.interpreter import Interpreter

TICKS = 3
# Shrinking would compile every attempt.
some = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
many = settings(some, max_examples=40, derandomize=False)


def history(step, digest):
    """The digest after each tick; the error's text in place of what follows."""
    digests = [digest()]
    for _ in range(TICKS):
        try:
            step()
        except wv.RunError as error:
            return [*digests, str(error)]
        digests.append(digest())
    return digests


def check(text, folder):
    note(text)
    sim, _ = load(text, folder)
    twin = Interpreter(sim)
    expected = history(twin.step, twin.digest)
    for partitions, threads in ((1, 1), (2, 2), (4, 1), (9, 1)):
        with sim.start(partitions=partitions, threads=threads) as run:
            assert history(run.step, run.digest) == expected, f"{partitions} partitions, {threads} threads"


@pytest.mark.slow
@some
@given(text=programs())
def test_a_strict_run_equals_the_interpreter_bit_for_bit(tmp_path_factory, text):
    check(text, tmp_path_factory.mktemp("generated"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@many
@given(text=programs())
def test_many_strict_runs_equal_the_interpreter_bit_for_bit(tmp_path_factory, text):
    check(text, tmp_path_factory.mktemp("generated"))


class Curve(wv.Entity):
    """Room for values of functions that IEEE 754 leaves open."""

    x: float
    y: float
    z: float
    u: float
    v: float
    w: float
    heading: wv.Vec2


def test_functions_of_math_agree_within_4_ulp():
    sim = wv.Simulation(wv.Box(10, 10), seed=3, strict=True)

    @sim.behavior
    def act(me: Curve, world: wv.World):
        x = me.x
        me.y = math.sin(x)
        me.z = math.exp(x)
        me.u = math.atan2(x, 2.0)
        me.v = math.log(abs(x)) ** 3
        me.w = abs(x) ** 0.3
        me.heading = wv.polar(x).rotated(0.5)

    sim.scatter(Curve, 200, x=lambda rng: rng.normal(0.0, 3.0))
    twin = Interpreter(sim)
    with sim.start() as run:
        twin.step()
        run.step()
        table = run.entities(Curve)
    rows = twin.rows(Curve)
    for name in ("x", "y", "z", "u", "v", "w"):
        np.testing.assert_array_max_ulp(table[name].to_numpy(), rows[name], 4)
    heading = np.array(table["heading"].to_pylist())
    np.testing.assert_allclose(heading[:, 0], rows["heading.x"], rtol=0, atol=4 * 2.0**-53)


def test_a_fast_run_agrees_within_rounding_after_one_tick():
    sim = wv.Simulation(wv.Box(20, 20, boundary="periodic"), seed=3)

    @sim.behavior
    def act(me: Curve, world: wv.World):
        for other in world.near(me, Curve, radius=4.0):
            away = other.position - me.position
            me.y += other.x * other.x / (1.0 + away.length2())
            me.u += 1.0
        me.position += wv.Vec2(0.1, me.y * 0.001)

    sim.scatter(Curve, 200, x=lambda rng: rng.normal(0.0, 3.0))
    twin = Interpreter(sim)
    with sim.start() as run:
        twin.step()
        run.step()
        table = run.entities(Curve)
    rows = twin.rows(Curve)
    np.testing.assert_array_equal(table["u"].to_numpy(), rows["u"])
    n = rows["u"].max()
    np.testing.assert_allclose(table["y"].to_numpy(), rows["y"], rtol=n * 2.0**-53)  # positive terms, any order
    places = np.array(table["position"].to_pylist())
    np.testing.assert_allclose(places[:, 1], rows["position.y"], atol=1e-14)
