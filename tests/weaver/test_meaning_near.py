"""The exact meaning of reading, writing, searching and periodic space, claim by claim, in both modes."""

import pytest

import weaver as wv
from tests.weaver.players import Bird, Wolf, world_of
from weaver.random import integer, key, uniform

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
