"""The exact meaning of the language, claim by claim, each interpreted and compiled."""

import enum
import math

import numpy as np
import pytest

import weaver as wv
from weaver.interpreter import Interpreter
from weaver.random import integer, key, normal, uniform, unit2

SCALE = 2.0


class Interpreted:
    """A simulation in the interpreter."""

    def __init__(self, sim):
        self.run = Interpreter(sim)
        self.step, self.set, self.digest = self.run.step, self.run.set, self.run.digest

    def of(self, kind):
        """Field name -> values by ascending id; vectors are rows."""
        fields = {}
        for name, column in self.run.rows(kind).items():
            fields.setdefault(name.split(".")[0], []).append(column)
        return {name: parts[0] if len(parts) == 1 else np.stack(parts, axis=1) for name, parts in fields.items()}

    def close(self):
        """Nothing is left to end."""


class Compiled:
    """The same in three partitions of compiled kernels."""

    def __init__(self, sim):
        self.run = sim.start(partitions=3)
        self.step, self.set, self.digest = self.run.step, self.run.set, self.run.digest

    def of(self, kind):
        """Field name -> values by ascending id; vectors are rows."""
        table = self.run.entities(kind)
        return {name: np.array(table[name].to_pylist()) for name in table.column_names}

    def close(self):
        """End the run."""
        self.run.stop()


@pytest.fixture(params=[Interpreted, Compiled], ids=["interpreted", "compiled"])
def play(request):
    """A function that runs a simulation some ticks and gives its player."""
    players = []

    def run(sim, ticks=1):
        player = request.param(sim)
        players.append(player)
        player.step(ticks)
        return player

    yield run
    for player in players:
        player.close()


class Bird(wv.Entity):
    """The usual entity."""

    velocity: wv.Vec2
    energy: float
    mark: int
    seen: int


class Wolf(wv.Entity):
    """Another one."""

    mark: int
    seen: int
    energy: float


def world_of(lengths=(40, 40), boundary="periodic", **options):
    return wv.Simulation(wv.Box(*lengths, boundary=boundary), seed=7, **options)


# ---- Reading and writing ----


def test_others_are_read_as_they_were_at_the_start(play):
    sim = world_of()

    @sim.behavior
    def swap(me: Bird, world: wv.World):
        me.seen = me.mark
        me.mark = -1  # must not reach the others before the behavior's end
        for other in world.near(me, Bird, radius=5.0):
            me.mark = other.mark

    sim.add(Bird, position=[[10, 10], [11, 10], [30, 30]], mark=[1, 2, 3])
    state = play(sim).of(Bird)
    assert state["mark"].tolist() == [2, 1, -1]
    assert state["seen"].tolist() == [1, 2, 3]


def test_what_i_wrote_is_what_i_read(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        before = me.energy
        me.energy = 3.0
        me.energy += me.energy + before
        if me.mark == 1:
            return  # a return stores too
        me.energy = 0.5

    sim.add(Bird, position=[[1, 1], [2, 2]], energy=[1.0, 1.0], mark=[1, 2])
    assert play(sim).of(Bird)["energy"].tolist() == [7.0, 0.5]


def test_both_types_of_a_behavior_see_the_same_start(play):
    sim = world_of()

    @sim.behavior
    def swap(me: Bird | Wolf, world: wv.World):
        for other in world.near(me, Bird | Wolf, radius=5.0):
            me.mark = other.mark

    sim.add(Bird, position=[[10, 10]], mark=[1])
    sim.add(Wolf, position=[[11, 10]], mark=[2])
    player = play(sim)
    assert (player.of(Bird)["mark"][0], player.of(Wolf)["mark"][0]) == (2, 1)


def test_writing_another_entity_is_an_error_that_names_send_and_meeting(play):
    sim = world_of()

    @sim.behavior
    def push(me: Bird, world: wv.World):
        for other in world.near(me, Bird, radius=5.0):
            other.energy = 1.0

    with pytest.raises(wv.BehaviorError, match=r"(?s)other\.energy = 1\.0.*\^.*send.*meeting"):
        play(sim)


# ---- near ----


def test_near_goes_cell_by_cell_then_by_id_across_seams(play):
    sim = world_of()

    @sim.behavior
    def look(me: Bird, world: wv.World):
        first = 0
        for other in world.near(me, Bird, radius=10.0):
            me.seen = 10 * me.seen + other.mark
            if first == 0:
                first = other.mark
        for other in world.near(me, Bird, radius=10.0):
            me.energy = other.mark
            break
        me.mark = first

    # cells are 10 wide; around (5, 5): below the seam, left of the seam, own cell by id, right, above
    places = {9: (5, 5), 1: (5, 37), 2: (38, 5), 3: (6, 6), 4: (4, 4), 5: (12, 5), 6: (5, 12)}
    ids = {9: 50, 1: 40, 2: 60, 3: 3, 4: 4, 5: 0, 6: 1}
    sim.add(Bird, position=list(places.values()), mark=list(places), id=list(ids.values()))
    state = play(sim).of(Bird)
    row = state["id"].tolist().index(50)
    assert state["seen"][row] == 123456
    assert (state["mark"][row], state["energy"][row]) == (1, 1.0)


def test_near_is_exact_and_never_myself(play):
    sim = world_of()

    @sim.behavior
    def look(me: Bird, world: wv.World):
        for _other in world.near(me, Bird, radius=5.0):
            me.seen += 1

    # (3, 4) is exactly 5 away and counts; a hair more does not; two on one spot see each other
    sim.add(Bird, position=[[10, 10], [13, 14], [10, 5 - 2.0**-40], [10, 10], [30, 30]])
    assert play(sim).of(Bird)["seen"].tolist() == [2, 2, 0, 2, 0]


def test_near_of_several_types_takes_one_after_the_other(play):
    sim = world_of()

    @sim.behavior
    def look(me: Bird, world: wv.World):
        for other in world.near(me, Wolf | Bird, radius=5.0):
            me.seen = 10 * me.seen + other.mark
        if world.nearest(me, Bird | Wolf, radius=5.0):
            me.energy = 1.0

    sim.add(Bird, position=[[10, 10], [9, 10], [11, 10]], mark=[0, 1, 2])
    sim.add(Wolf, position=[[12, 10], [10, 9]], mark=[3, 4])
    state = play(sim).of(Bird)
    assert state["seen"][0] == 4312  # the wolf below before the one at the right, then the birds
    assert state["energy"].tolist() == [1.0, 1.0, 1.0]


def test_near_at_looks_around_a_place_within_reach(play):
    sim = world_of()

    @sim.behavior(reach=6.0)
    def look(me: Bird, world: wv.World):
        for other in world.near(me, Bird, radius=2.0, at=me.position + wv.Vec2(-5, 0)):
            me.seen += 1
            me.energy = other.position.x  # the image near the place, beyond the seam
        me.mark = world.count(me, Bird, 2.0, at=wv.Vec2(38.0, 10.0)) if me.mark == 1 else 0

    sim.add(Bird, position=[[2, 10], [37, 10], [4, 10]], mark=[1, 0, 0])
    state = play(sim).of(Bird)
    assert state["seen"].tolist() == [1, 0, 1]
    assert state["energy"].tolist() == [-3.0, 0.0, -3.0]
    assert state["mark"].tolist() == [1, 0, 0]


def test_near_at_beyond_the_reach_is_an_error(play):
    sim = world_of()

    @sim.behavior(reach=4.0)
    def look(me: Bird, world: wv.World):
        me.seen = world.count(me, Bird, radius=2.0, at=me.position + wv.Vec2(5, 0))

    sim.add(Bird, position=[[2, 10], [37, 10]])
    with pytest.raises(wv.RunError, match=r"(?s)looked around beyond the reach at tick 0: Bird 0 \(behavior 'look'\)"):
        play(sim)


def test_near_after_a_move_is_an_error(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.position += wv.Vec2(1, 0)
        me.seen = world.count(me, Bird, radius=2.0)

    with pytest.raises(wv.BehaviorError, match=r"(?s)world\.count is called after me\.position.*two behaviors"):
        play(sim)


def test_len_of_near_is_an_error(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.seen = len(world.near(me, Bird, radius=2.0))

    with pytest.raises(wv.BehaviorError, match=r"(?s)len\(world\.near\(\.\.\.\)\).*world\.count"):
        play(sim)


def test_storing_another_entity_is_an_error(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        for other in world.near(me, Bird, radius=2.0):
            me.mark = other

    with pytest.raises(wv.BehaviorError, match=r"(?s)'other' is an entity.*other\.id"):
        play(sim)


def test_loops_know_break_continue_else_nesting_and_return(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        for other in world.near(me, Bird, radius=5.0):
            if other.mark == 1:
                continue
            for third in world.near(me, Wolf, radius=5.0):
                if third.mark > other.mark:
                    break
                me.seen += 100
            else:
                me.seen += 10
            if other.mark == 3:
                break
        else:
            me.seen += 1
        if me.mark == 2:
            return
        me.energy = 9.0

    sim.add(Bird, position=[[10, 10], [11, 10], [10, 11], [30, 30], [31, 30]], mark=[0, 1, 2, 3, 7])
    sim.add(Wolf, position=[[11, 9], [12, 9]], mark=[2, 5])
    state = play(sim).of(Bird)
    # bird 0 skips bird 1, and at bird 2 counts the wolf 2 and breaks at the wolf 5; no wolf is near birds 3 and 4
    assert state["seen"].tolist() == [101, 101, 1, 11, 10]
    assert state["energy"].tolist() == [9.0, 9.0, 0.0, 9.0, 9.0]


def test_a_kept_reference_stays_the_image_that_was_seen(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        best = None
        for other in world.near(me, Bird, radius=6.0):
            if best is None or other.energy > best.energy:
                best = other
        closest = world.nearest(me, Bird, radius=6.0)
        if best:
            me.seen = best.id
            me.mark = 1 if best == closest else 2
            me.energy = best.position.x
        if closest is None:
            me.mark = 3

    sim.add(Bird, position=[[1, 10], [2, 10], [38, 10], [20, 30]], energy=[1.0, 2.0, 3.0, 0.0], mark=0)
    state = play(sim).of(Bird)
    assert state["seen"].tolist() == [2, 2, 1, 0]
    assert state["mark"].tolist() == [2, 2, 2, 3]
    assert state["energy"].tolist() == [-2.0, -2.0, 42.0, 0.0]


def test_nearest_takes_the_least_distance_then_the_least_id(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        best = world.nearest(me, Bird | Wolf, radius=6.0)
        if best is not None:
            me.seen = best.id
        rich = world.nearest(me, Bird, radius=6.0, when=lambda b: b.energy > 1)
        me.mark = rich.id if rich else -1

    sim.add(Bird, position=[[10, 10], [8, 10], [30, 30]], id=[5, 9, 1], energy=[0.0, 0.0, 5.0])
    sim.add(Wolf, position=[[12, 10], [10, 13]], id=[7, 2])
    state = play(sim).of(Bird)
    assert state["id"].tolist() == [1, 5, 9]
    assert state["seen"].tolist() == [0, 7, 5]  # a wolf of id 7 and a bird of id 9 are equally far from 5
    assert state["mark"].tolist() == [-1, -1, -1]


def test_reading_from_nobody_is_an_error(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        best = world.nearest(me, Wolf, radius=6.0)
        me.energy = best.energy

    sim.add(Bird, position=[[10, 10]])
    with pytest.raises(wv.RunError, match="nobody was read at tick 0: Bird 0"):
        play(sim)


def test_pick_draws_once_and_only_if_there_is_somebody(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        chosen = world.pick(me, Bird, radius=6.0)
        me.seen = chosen.id if chosen else -1
        me.energy = world.random()

    sim.add(Bird, position=[[10, 10], [8, 10], [12, 10], [30, 30]])
    state = play(sim).of(Bird)
    k = key(7, "Bird", "act")
    for i, others in enumerate([[1, 2], [0, 2], [0, 1]]):  # all in one cell, so by id
        assert state["seen"][i] == others[integer(k, i, 0, 0, 0, 2)]
        assert state["energy"][i] == uniform(k, i, 0, 1)
    assert state["seen"][3] == -1
    assert state["energy"][3] == uniform(k, 3, 0, 0)


def test_count_any_all_sum_min_max_go_over_neighbours(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        near_old = sum(1 for o in world.near(me, Bird, radius=5.0) if o.mark > 1)
        me.seen = 100 * world.count(me, Bird, 5.0, when=lambda o: o.mark > me.mark) + 10 * near_old
        if any(o.mark == 3 for o in world.near(me, Bird, radius=5.0)):
            me.seen += 1
        if all(o.mark > 0 for o in world.near(me, Bird, radius=5.0)):
            me.seen += 2
        least = min((o.energy for o in world.near(me, Bird, radius=5.0)), default=-1.0)
        me.energy = least + max((o.energy for o in world.near(me, Bird, radius=5.0)), default=0.0)

    sim.add(Bird, position=[[10, 10], [8, 10], [12, 10], [30, 30]], energy=[1.0, 2.0, 4.0, 8.0], mark=[0, 1, 3, 5])
    state = play(sim).of(Bird)
    assert state["seen"].tolist() == [213, 111, 0, 2]
    assert state["energy"].tolist() == [6.0, 5.0, 3.0, -1.0]


# ---- Periodic space ----


def test_offset_and_wrap_know_the_nearest_image(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        for other in world.near(me, Bird, radius=5.0):
            me.energy = other.position.x
            me.velocity = world.wrap(other.position)
            me.mark = int(world.offset(me, other).x)
            me.seen = int(world.offset(other.position, wv.Vec2(20, 39)).y)

    sim.add(Bird, position=[[1, 1], [38, 1]])
    state = play(sim).of(Bird)
    assert state["energy"].tolist() == [-2.0, 41.0]
    assert state["velocity"].tolist() == [[38.0, 1.0], [1.0, 1.0]]
    assert state["mark"].tolist() == [-3, 3]
    assert state["seen"].tolist() == [-2, -2]


def test_a_move_is_measured_by_the_nearest_image(play):
    sim = world_of()

    @sim.behavior(reach=2.0)
    def act(me: Bird, world: wv.World):
        me.position = wv.Vec2(39.5, 10.0)
        me.seen = int(me.position.x * 10)  # boundaries act at the end

    @sim.behavior(reach=2.0)
    def on(me: Bird, world: wv.World):
        me.position += wv.Vec2(1.0, 0.0)
        me.energy = me.position.x

    sim.add(Bird, position=[[1, 10]])
    state = play(sim).of(Bird)
    assert state["position"].tolist() == [[0.5, 10.0]]
    assert (state["seen"][0], state["energy"][0]) == (395, 40.5)


def test_a_move_beyond_the_reach_needs_jumps(play):
    sim, free = world_of(), world_of()

    @sim.behavior(reach=2.0)
    def act(me: Bird, world: wv.World):
        me.position += wv.Vec2(0.0, 2.5 * me.mark)

    @free.behavior(jumps=True)
    def leap(me: Bird, world: wv.World):
        me.position += wv.Vec2(0.0, 17.0)

    for each in (sim, free):
        each.add(Bird, position=[[1, 10], [1, 20], [1, 35]], mark=[0, 1, 1])
    with pytest.raises(
        wv.RunError, match=r"(?s)moved beyond the reach at tick 0: Bird 1 \(behavior 'act'\).*jumps=True"
    ):
        play(sim)
    assert play(free).of(Bird)["position"][:, 1].tolist() == [27.0, 37.0, 12.0]


def test_a_radius_may_be_a_parameter_with_high(play):
    sim = world_of()
    vision = sim.parameter("vision", 2.0, low=0.5, high=8.0)

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.seen = world.count(me, Bird, radius=vision)

    sim.add(Bird, position=[[10, 10], [12, 10], [17, 10]])
    player = play(sim)
    assert player.of(Bird)["seen"].tolist() == [1, 1, 0]
    player.set(vision=7.0)
    player.step()
    assert player.of(Bird)["seen"].tolist() == [2, 2, 2]


@pytest.mark.parametrize("radius", ["me.energy", "unbounded"])
def test_a_radius_that_may_vary_is_an_error(play, radius):
    sim = world_of()
    unbounded = sim.parameter("unbounded", 2.0)

    @sim.behavior
    def varies(me: Bird, world: wv.World):
        me.seen = world.count(me, Bird, radius=me.energy)

    with pytest.raises(wv.BehaviorError, match="not constant"):
        play(sim)
    sim = world_of()

    @sim.behavior
    def unlimited(me: Bird, world: wv.World):
        me.seen = world.count(me, Bird, radius=unbounded)

    with pytest.raises(wv.BehaviorError, match=r"no `high`"):
        play(sim)


def test_a_radius_stays_below_half_a_periodic_axis(play):
    sim = world_of()

    @sim.behavior
    def act(me: Bird, world: wv.World):
        me.seen = world.count(me, Bird, radius=20.0)

    with pytest.raises(wv.ModelError, match=r"less than half"):
        play(sim)
    below = world_of()

    @below.behavior
    def almost(me: Bird, world: wv.World):
        me.seen = world.count(me, Bird, radius=19.5)

    below.add(Bird, position=[[1, 1], [21, 1], [1, 20], [20.5, 1]])
    assert play(below).of(Bird)["seen"].tolist() == [2, 1, 1, 2]


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
