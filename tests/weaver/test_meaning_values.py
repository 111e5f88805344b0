"""The exact meaning of fields, arithmetic and names from outside, claim by claim, in both modes."""

import enum
import math

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import Bird, world_of

SCALE = 2.0


# ---- Values ----


class Packed(wv.Entity):
    """Narrow fields, which are storage."""

    byte: wv.uint8
    short: wv.int16
    single: wv.float32
    flag: bool
    whole: int
    wide: float
    heading: wv.Vec2f


def test_narrow_fields_are_storage(play):
    sim = world_of()

    @sim.behavior
    def act(me: Packed, world: wv.World):
        me.byte += 300
        me.short = me.byte * 1000
        me.single = 0.1
        me.wide = me.single
        me.flag = 0.5
        me.whole = -2.9

    @sim.behavior
    def after(me: Packed, world: wv.World):
        me.wide += me.single
        me.whole += me.byte

    sim.add(Packed, position=[[1, 1]], byte=[7])
    state = {name: column[0] for name, column in play(sim).of(Packed).items()}
    assert state["byte"] == (7 + 300) % 256
    assert state["short"] == np.int64(307_000).astype(np.int16)
    assert state["single"] == np.float32(0.1)
    assert state["wide"] == 0.1 + float(np.float32(0.1))
    assert bool(state["flag"]) is True
    assert state["whole"] == -2 + 51


def test_float32_vectors_compute_in_float32(play):
    sim = world_of()

    @sim.behavior
    def act(me: Packed, world: wv.World):
        me.heading = me.heading * 0.1 + me.heading
        me.wide = me.heading.length()

    sim.add(Packed, position=[[1, 1]], heading=[[0.3, 0.7]])
    state = play(sim).of(Packed)
    h = np.array([0.3, 0.7], np.float32)
    h = h * np.float32(0.1) + h
    np.testing.assert_allclose(state["heading"][0], h, rtol=2e-7)
    assert state["wide"][0] == pytest.approx(math.hypot(*h), rel=2e-7)


def test_a_component_cannot_be_set(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.velocity.x = 1.0

    with pytest.raises(wv.BehaviorError, match=r"(?s)me\.velocity = wv\.Vec2\(value, me\.velocity\.y\)"):
        play(sim)


class Sums(wv.Entity):
    """Room for results."""

    a: int
    b: int
    c: int
    d: int
    e: int
    x: float
    y: float
    z: float
    u: float
    v: float


def test_int_arithmetic_wraps_and_never_raises(play):
    sim = world_of()

    @sim.behavior
    def act(me: Sums, world: wv.World):
        zero = me.e
        me.a = 9223372036854775807 + 1 + zero
        me.b = 7 // zero
        me.c = 7 % zero
        me.d = -7 // 2
        me.e = (me.a + zero) // (zero - 1)
        me.x = 1 / zero
        me.y = (zero - 1) / zero
        me.z = zero / zero
        me.u = int(math.nan) + 0.0
        me.v = round(2.5) + round(-0.5) + math.floor(-1.5)

    sim.add(Sums, position=[[1, 1]])
    state = {name: column[0] for name, column in play(sim).of(Sums).items()}
    assert (state["a"], state["b"], state["c"], state["d"], state["e"]) == (-(2**63), 0, 0, -4, -(2**63))
    assert (state["x"], state["y"]) == (math.inf, -math.inf)
    assert math.isnan(state["z"])
    assert (state["u"], state["v"]) == (-(2.0**63), 0.0)


def test_powers_never_raise(play):
    sim = world_of()

    @sim.behavior
    def act(me: Sums, world: wv.World):
        minus = me.a
        zero = me.e
        me.b = 3**41
        me.c = (2 + zero) ** minus
        me.d = (zero - 1) ** minus
        me.e = zero**minus
        me.x = 0.0 ** (minus + 0.0)
        me.y = (-8.0 + zero) ** 0.5
        me.z = (1.5 + zero) ** minus
        me.u = (zero + 0.0) ** minus
        me.v = (1.5 + zero) ** 3

    sim.add(Sums, position=[[1, 1]], a=[-1])
    state = {name: column[0] for name, column in play(sim).of(Sums).items()}
    assert state["b"] == (3**41 + 2**63) % 2**64 - 2**63
    assert (state["c"], state["d"], state["e"]) == (0, -1, 0)
    assert state["x"] == math.inf
    assert math.isnan(state["y"])
    assert (state["z"], state["u"], state["v"]) == (1 / 1.5, math.inf, 3.375)


def test_float_division_and_math_give_nan_or_inf(play):
    sim = world_of()

    @sim.behavior
    def act(me: Sums, world: wv.World):
        zero = me.v
        me.x = 5.0 // zero
        me.y = math.log(zero)
        me.z = math.sqrt(zero - 1.0)
        me.u = math.exp(1000.0 + zero)
        me.v = 5.0 % zero
        me.a = int(1e30 + zero)
        me.b = math.floor(zero / zero)

    sim.add(Sums, position=[[1, 1]])
    state = {name: column[0] for name, column in play(sim).of(Sums).items()}
    assert (state["x"], state["y"], state["u"]) == (math.inf, -math.inf, math.inf)
    assert math.isnan(state["z"])
    assert math.isnan(state["v"])
    assert (state["a"], state["b"]) == (-(2**63), -(2**63))


def test_an_int_to_a_negative_constant_is_an_error(play):
    sim = world_of()

    @sim.behavior
    def act(me: Sums, world: wv.World):
        me.x = me.a**-2

    with pytest.raises(wv.BehaviorError, match=r"exponent -2"):
        play(sim)


def test_a_name_possibly_unset_is_an_error(play):
    sim = world_of()

    @sim.behavior
    def act(me: Sums, world: wv.World):
        if me.a > 0:
            found = 1
        me.b = found

    with pytest.raises(wv.BehaviorError, match="'found' is possibly unset"):
        play(sim)


def test_positions_have_no_minus_zero_and_nan_one_pattern(play):
    sim = world_of(boundary="clamp")

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.position = wv.Vec2(-0.0, -1e-30)
        zero = me.energy
        me.velocity = wv.Vec2(zero / zero, -(zero / zero))

    sim.add(Bird, position=[[1, 1]])
    state = play(sim).of(Bird)
    assert state["position"].tobytes() == np.zeros(2).tobytes()
    assert state["velocity"].tobytes() == np.array([np.nan, np.nan]).tobytes()


def test_positions_rest_on_the_lattice(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.position += wv.Vec2(0.1, 1 / 3)

    sim.add(Bird, position=[[1, 1]])
    quantum = 2.0 ** (6 + 1 - 53)
    x, y = play(sim).of(Bird)["position"][0]
    assert (x / quantum).is_integer()
    assert (y / quantum).is_integer()
    assert abs(x - 1.1) <= quantum


# ---- Names from outside ----


class Colour(enum.IntEnum):
    """States by name."""

    RED = 3
    BLUE = 5


WEIGHTS = np.array([0.5, 0.25])


def nudge(bird, other, gain):
    bird.energy += gain * other.energy
    bird.velocity += wv.Vec2(SCALE, 0.0)


def halved(x):
    return x / SCALE


def test_helpers_may_take_and_write_me_and_take_others_and_world(play):
    sim = world_of()

    def look(bird, world):
        for other in world.near(bird, Bird, radius=5.0):
            nudge(bird, other, gain=halved(WEIGHTS[0]))
        return world.tick

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.mark = look(me, world) + Colour.RED
        for k in (2, 3):
            me.seen += k

    sim.add(Bird, position=[[10, 10], [11, 10]], energy=[4.0, 8.0])
    state = play(sim, ticks=2).of(Bird)
    assert state["energy"].tolist() == [4.0 + 2.0 + 0.25 * 9.0, 8.0 + 1.0 + 0.25 * 6.0]
    assert state["velocity"].tolist() == [[4.0, 0.0], [4.0, 0.0]]
    assert state["mark"].tolist() == [4, 4]
    assert state["seen"].tolist() == [10, 10]


def test_a_local_name_hides_nothing_of_weaver(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        wrapped = world.wrap(me.position + wv.Vec2(50.0, 0.0))
        integer = world.integer(3, 4)
        uniform, record = world.uniform(0.0, 0.0), 2
        within2 = world.count(me, Bird, radius=2.0)
        to_int = int(wrapped.x)
        me.mark = integer + record + within2 + to_int
        me.energy = uniform

    sim.add(Bird, position=[[1, 1], [2, 1]])
    assert play(sim).of(Bird)["mark"].tolist() == [3 + 2 + 1 + 11, 3 + 2 + 1 + 12]


def test_globals_are_captured_at_start_and_parameters_are_not(play):
    sim = world_of()
    gain = sim.parameter("gain", 1.0, low=0, high=9)
    count = sim.parameter("count", 3)
    shift = 10.0

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.energy += gain + shift
        me.mark += count

    sim.scatter(Bird, 2)
    player = play(sim)
    shift = 1000.0
    player.set(gain=2.0, count=5)
    player.step()
    state = player.of(Bird)
    assert state["energy"].tolist() == [23.0, 23.0]
    assert state["mark"].tolist() == [8, 8]


def test_a_parameter_used_at_module_level_is_fixed(play):
    sim = world_of()
    n = sim.parameter("n", 4)
    sim.scatter(Bird, int(n * 2))

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.mark = n

    assert n.fixed
    assert play(sim).of(Bird)["mark"].tolist() == [4] * 8
