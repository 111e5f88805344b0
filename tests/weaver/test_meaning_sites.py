"""Sites: where entities stand, what they see of the sites around, who wins one, and who jumps where."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weaver as wv
from weaver.random import key, rank

GRID = wv.Sites(1.0)
HONEY = wv.Sites(1.0, "hex")
FINE = wv.Sites(0.5)
HIGH = math.sqrt(3) / 2


class Chip(wv.Entity, sites=GRID):
    mark: int
    seen: int
    energy: float


class Ant(wv.Entity, sites=GRID):
    mark: int
    seen: int
    go: wv.Vec2


class Bee(wv.Entity, sites=HONEY):
    mark: int
    seen: int
    free: int


class Mite(wv.Entity, sites=FINE):
    position: wv.Vec2f
    won: bool


class Cube(wv.Entity, sites=GRID):
    position: wv.Vec3
    mark: int
    six: int
    all: int
    free: int


class Gardener(wv.Entity):
    seen: int


def lawn(boundary="periodic", lengths=(5, 5), **options):
    return wv.Simulation(wv.Box(*lengths, boundary=boundary), seed=7, **options)


# ---- Standing and moving ----


def test_an_entity_stands_in_the_middle_of_its_site_and_the_sites_are_exclusive(play):
    sim = lawn()

    @sim.behavior(reach=2.0)
    def walk(me: Ant, world: wv.World):
        me.seen += world.moved(me)
        me.position += me.go

    # 0 and 1 want the free site (2, 2); 2 wants that of 0, which was not free; 3 stays on its own; 4 meets a chip
    sim.add(
        Ant,
        position=[[1.2, 2], [3.9, 2.1], [1, 3], [0, 0], [4, 4]],
        go=[[1, 0.2], [-1.0, 0], [0.4, -0.9], [0.4, -0.4], [-1, 0]],
    )
    sim.add(Chip, position=[[3.5, 4.5]])
    player = play(sim)
    stream = key(7, "Ant", "walk")
    winner = min((0, 1), key=lambda id: rank(stream, 0, 2 + 5 * 2, id))
    places = [[1.5, 2.5], [3.5, 2.5], [1.5, 3.5], [0.5, 0.5], [4.5, 4.5]]
    places[winner] = [2.5, 2.5]
    assert player.of(Ant)["position"].tolist() == places
    player.step()
    assert player.of(Ant)["seen"][:2].tolist() == [winner == 0, winner == 1]


def test_free_sites_and_neighbours_are_seen_row_by_row(play):
    sim = lawn()

    @sim.behavior(reach=3.0)
    def look(me: Chip, world: wv.World):
        for place in world.free_sites(me, 1.0):
            me.seen = 100 * me.seen + int(10 * (place.x + 1)) // 10 * 10 + int(place.y + 1)
        for ant in world.neighbors(me, Ant, 4):
            me.mark = 10 * me.mark + ant.mark
        me.energy = 10 * sum(1 for ant in world.neighbors(me, Ant)) + world.free(me.position + wv.Vec2(3.0, 0.0))

    sim.add(Chip, position=[[0.5, 0.5]])
    sim.add(Ant, position=[[1, 0], [0, 4], [4, 4], [2, 2]], mark=[1, 2, 3, 4])
    state = play(sim).of(Chip)
    assert state["seen"].tolist() == [(0 * 10 + 1) * 100 + 12]  # left over the seam, then above
    assert (state["mark"].tolist(), state["energy"].tolist()) == ([21], [31.0])


def test_a_hexagonal_site_has_six_neighbours(play):
    sim = wv.Simulation(wv.Box(4, 4 * math.sqrt(3) / 2, boundary="periodic"), seed=7)

    @sim.behavior
    def look(me: Bee, world: wv.World):
        me.seen = sum(1 for _other in world.neighbors(me, Bee))

    sim.scatter(Bee, 16)
    state = play(sim).of(Bee)
    assert len({tuple(p) for p in state["position"].tolist()}) == 16
    assert state["seen"].tolist() == [6] * 16


def test_births_need_a_free_site_and_the_losers_are_counted(play):
    sim = lawn(boundary="clamp")

    @sim.behavior(reach=3.0)
    def breed(me: Ant, world: wv.World):
        world.spawn(Chip, me.position + wv.Vec2(0.3, 1.2))
        world.spawn(Chip, me.position + wv.Vec2(0.0, 1.0))
        world.spawn(Chip)

    sim.add(Ant, position=[[1, 1], [3, 4]])
    player = play(sim)
    state = player.of(Chip)
    stream = key(7, "Chip", "breed")
    ids = [(1 << 62) + k for k in range(6)]
    winner = min(ids[:2], key=lambda id: rank(stream, 0, 11, id))
    assert (state["id"].tolist(), state["position"].tolist()) == ([winner], [[1.5, 2.5]])
    assert player.stats()["lost"] == {"Ant": 0, "Chip": 5} and player.stats()["births"]["Chip"] == 1


def test_jumps_go_to_free_sites_of_the_whole_world_and_none_is_doubled(play):
    sim = lawn(lengths=(6, 6))

    @sim.behavior
    def jump(me: Ant, world: wv.World):
        before = me.position
        world.jump_to_free(me)
        me.seen = me.position == before

    sim.scatter(Ant, 30)
    player = play(sim, 0)
    before = {tuple(p) for p in player.of(Ant)["position"].tolist()}
    player.step()
    after = player.of(Ant)
    places = [tuple(p) for p in after["position"].tolist()]
    assert len(before) == len(set(places)) == 30
    assert len(set(places) - before) >= 4 and after["seen"].tolist() == [1] * 30


@pytest.mark.parametrize("how", ["add", "scatter"])
def test_two_on_one_site_at_the_start_are_an_error(play, how):
    sim = lawn()
    if how == "add":
        sim.add(Ant, position=[[1.1, 1], [1.9, 1.2]])
    else:
        sim.scatter(Ant, 26)
    with pytest.raises(wv.ModelError, match=r"(?s)on the site.*there is room for one|26 entities.*25 are allowed"):
        play(sim)


def test_a_position_that_a_function_draws_is_moved_to_a_site_and_two_on_one_are_an_error(play):
    sim = lawn()
    sim.scatter(Mite, 1, position=lambda rng: wv.Vec2(1.3, 2.6))
    assert play(sim, 0).of(Mite)["position"].tolist() == [[1.25, 2.75]]
    sim = lawn()
    sim.scatter(Chip, 2, position=wv.Vec2(3.1, 1.2))
    with pytest.raises(wv.WeaverError, match=r"Chip 0 and Chip 1 stand on the site at \(3\.5, 1\.5\)"):
        play(sim, 0)


def test_scattered_entities_stand_on_sites_of_their_own_beside_those_that_were_added(play):
    sim = lawn()
    sim.scatter(Chip, 7)
    sim.add(Ant, position=[[0, 0], [4.5, 4.5], [2, 3]])
    sim.scatter(Ant, 15)
    player = play(sim, 0)
    ants, chips = player.of(Ant)["position"].tolist(), player.of(Chip)["position"].tolist()
    assert ants[:3] == [[0.5, 0.5], [4.5, 4.5], [2.5, 3.5]]
    assert len({tuple(p) for p in ants + chips}) == 25


def test_boundaries_act_on_the_place_before_the_site_is_claimed(play):
    sim = lawn(boundary=("reflect", "clamp"))

    @sim.behavior(reach=3.0)
    def walk(me: Ant, world: wv.World):
        me.seen = world.moved(me)
        me.position += me.go

    @sim.behavior
    def look(me: Ant, world: wv.World):
        me.mark = world.moved(me)

    sim.add(Ant, position=[[0, 0], [4, 1], [2, 4]], go=[[-1.6, 0], [1, 0], [0, 3]])
    state = play(sim).of(Ant)
    assert state["position"].tolist() == [[1.5, 0.5], [4.5, 1.5], [2.5, 4.5]]
    assert (state["seen"].tolist(), state["mark"].tolist()) == ([0, 0, 0], [1, 0, 0])


def test_who_leaves_through_an_absorbing_end_dies_and_a_place_beyond_it_is_free(play):
    sim = lawn(boundary=("absorb", "clamp"))

    @sim.behavior(reach=2.0)
    def walk(me: Ant, world: wv.World):
        me.mark = world.free(me.position + me.go)
        me.position += me.go

    sim.add(Ant, position=[[0, 0], [3, 1], [4, 1]], go=[[-1, 0], [1, 0], [0, 0]])
    player = play(sim)
    state = player.of(Ant)
    assert (state["id"].tolist(), state["mark"].tolist()) == ([1, 2], [0, 0])
    assert state["position"].tolist() == [[3.5, 1.5], [4.5, 1.5]] and player.stats()["deaths"]["Ant"] == 1


@pytest.mark.slow
def test_of_a_jump_and_a_move_the_later_one_counts_and_a_jump_with_nowhere_to_go_is_lost(play):
    sim = lawn(lengths=(3, 2), boundary="clamp")

    @sim.behavior
    def go(me: Ant, world: wv.World):
        if me.mark == 1:
            world.jump_to_free(me)
            me.position += me.go
        if me.mark == 2:
            me.position += me.go
            world.jump_to_free(me)
            me.seen = int(me.position.x)

    sim.add(Ant, position=[[0, 0], [2, 1], [0, 1], [1, 0]], mark=[1, 2, 0, 0], go=[[0, 0], [-1, 0], [0, 0], [0, 0]])
    state = play(sim).of(Ant)
    assert state["position"][0].tolist() == [0.5, 0.5] and state["seen"].tolist() == [0, 2, 0, 0]
    assert state["position"][1].tolist() in ([1.5, 1.5], [2.5, 0.5])
    sim = lawn(lengths=(2, 1), boundary="clamp")

    @sim.behavior
    def leap(me: Ant, world: wv.World):
        me.seen += world.moved(me)
        me.mark += world.free(me.position)
        world.jump_to_free(me)

    sim.scatter(Ant, 2)
    state = play(sim, 3).of(Ant)
    assert (state["seen"].tolist(), state["mark"].tolist()) == ([0, 0], [0, 0])


@pytest.mark.slow
def test_the_dead_claim_nothing_and_become_keeps_the_site_and_whether_it_was_won(play):
    sim = lawn()

    @sim.behavior
    def walk(me: Ant, world: wv.World):
        me.position += me.go
        if me.mark == 9:
            world.remove(me)

    @sim.behavior
    def turn(me: Ant, world: wv.World):
        world.become(me, Chip, energy=1.5)

    @sim.behavior
    def look(me: Chip, world: wv.World):
        me.seen = world.moved(me)

    sim.add(Ant, position=[[1, 1], [3, 1], [4, 4]], go=[[1, 0], [-1, 0], [0, 0]], mark=[9, 5, 5])
    state = play(sim).of(Chip)
    assert state["position"].tolist() == [[2.5, 1.5], [4.5, 4.5]]
    assert (state["id"].tolist(), state["seen"].tolist(), state["mark"].tolist()) == ([1, 2], [1, 0], [5, 5])


# ---- Seeing ----


def test_neighbours_on_a_hexagonal_lattice_come_row_by_row_and_free_sites_with_them(play):
    sim = wv.Simulation(wv.Box(4, 4 * HIGH, boundary="periodic"), seed=7)

    @sim.behavior
    def look(me: Bee, world: wv.World):
        for bee in world.neighbors(me, Bee, 6):
            if bee.mark == 7:
                continue
            me.seen = 10 * me.seen + bee.mark
            if bee.mark == 8:
                break
        else:
            me.seen = -me.seen
        for place in world.free_sites(me, 1.01):
            me.free = 100 * me.free + 10 * int(place.x + 1) + int(place.y / 0.8660254037844386 + 1)

    #    row 3:  .75 1.75 2.75 3.75     row 1 alike; rows 0, 2: .25 1.25 2.25 3.25
    sim.add(Bee, position=[[1.25, 0.4], [1.75, 1.3], [0.75, 1.3], [2.25, 0.4], [0.75, 3.0]], mark=[1, 2, 3, 4, 5])
    state = play(sim).of(Bee)
    # of bee 0 (row 0): 5 over the seam, [1.75 of row 3 is free], [0.25], 4, 3, 2
    assert state["seen"].tolist() == [-5432, -143, -12, -12, -1]
    assert state["free"][0] == 2 * 1000 + 0 * 100 + 1 * 10 + 1


@pytest.mark.slow
def test_cubes_have_6_or_26_neighbours_and_free_sites_in_a_ball(play):
    sim = wv.Simulation(wv.Box(4, 3, 3, boundary=("periodic", "clamp", "periodic")), seed=7)

    @sim.behavior
    def look(me: Cube, world: wv.World):
        for other in world.neighbors(me, Cube, 6):
            me.six = 10 * me.six + other.mark
        for other in world.neighbors(me, Cube):
            me.all = 10 * me.all + other.mark
        me.free = sum(1 for place in world.free_sites(me, 1.0))

    places = [[0, 0, 0], [3, 0, 0], [0, 0, 2], [1, 1, 2], [0, 1, 0], [2, 2, 1]]
    sim.add(Cube, position=places, mark=[1, 2, 3, 4, 5, 6])
    state = play(sim).of(Cube)
    assert (state["six"][0], state["all"][0], state["free"][0]) == (325, 3425, 2)
    assert (state["six"][5], state["all"][5]) == (0, 4)


def test_a_row_of_sites_is_a_world_of_one_dimension(play):
    sim = lawn(lengths=(6, 1), boundary=("periodic", "clamp"))

    @sim.behavior
    def hop(me: Ant, world: wv.World):
        me.seen = sum(1 for other in world.neighbors(me, Ant, 4))
        ahead = me.position + wv.Vec2(1.0, 0.0)
        if world.free(ahead):
            me.position = ahead

    sim.add(Ant, position=[[1, 0], [2, 0], [5, 0]])
    state = play(sim).of(Ant)
    assert state["position"][:, 0].tolist() == [1.5, 3.5, 0.5] and state["seen"].tolist() == [1, 1, 0]


@pytest.mark.slow
def test_who_stands_on_no_sites_asks_and_sows_on_the_only_lattice(play):
    sim = lawn(boundary="clamp")

    @sim.behavior(reach=2.0)
    def sow(me: Gardener, world: wv.World):
        me.seen = world.free(me.position) + 10 * world.free(me.position + wv.Vec2(1.0, 0.0))
        for place in world.free_sites(me, 0.8):
            me.seen = 100 * me.seen + 10 * int(place.x) + int(place.y)
            world.spawn(Chip, place)

    sim.add(Gardener, position=[[2.1, 2.2], [0.0, 4.0]])
    sim.add(Ant, position=[[2, 2]])
    player = play(sim)
    # sites within 0.8 of (2.1, 2.2): centres (1.5, 1.5) is 0.92 away, (2.5, 1.5) 0.81, (1.5, 2.5) 0.67, (2.5, 2.5) 0.5
    assert player.of(Gardener)["seen"].tolist() == [10 * 100 + 12, (11 * 100 + 3) * 100 + 4]
    assert player.of(Chip)["position"].tolist() == [[1.5, 2.5], [0.5, 3.5], [0.5, 4.5]]


def test_float32_positions_stand_on_the_centres_too_and_a_helper_may_move(play):
    sim = lawn(lengths=(3, 3))

    def shift(mite: Mite, world):
        if world.free(mite.position + wv.Vec2(0.5, 0.0)):
            mite.position += wv.Vec2f(0.5, 0.0)

    @sim.behavior
    def move(me: Mite, world: wv.World):
        shift(me, world)
        me.won = world.moved(me)

    sim.add(Mite, position=[[0.1, 0.1], [0.6, 0.1], [2.9, 2.9]])
    state = play(sim, 2).of(Mite)
    assert state["position"].tolist() == [[0.75, 0.25], [1.75, 0.25], [0.75, 2.75]]
    assert state["won"].tolist() == [False, True, True]


# ---- Fairness and exclusivity ----


def test_each_of_several_who_want_a_site_wins_about_equally_often(play):
    sim = lawn(lengths=(40, 40))

    @sim.behavior
    def want(me: Ant, world: wv.World):
        me.position += me.go

    centres = np.array([[x, y] for y in range(2, 40, 4) for x in range(2, 40, 4)], float)
    ways = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], float)
    for way in ways:
        sim.add(Ant, position=centres - way, go=np.broadcast_to(way, centres.shape))
    places = play(sim).of(Ant)["position"]
    won = [(places[k * 100 : (k + 1) * 100] == centres + 0.5).all(axis=1).sum() for k in range(4)]
    assert sum(won) == 100
    assert sum((n - 25) ** 2 / 25 for n in won) < 11.3  # chi-square, 3 degrees, 0.01


def crowd_of(seed, n, boundary, size):
    sim = wv.Simulation(wv.Box(size, size, boundary=boundary), seed=seed)
    step = sim.parameter("step", 1, low=0, high=2)

    @sim.behavior(reach=2.0)
    def walk(me: Ant | Chip, world: wv.World):
        if world.random() < 0.2:
            world.jump_to_free(me)
        else:
            me.position += step * wv.Vec2(world.integer(-1, 2), world.integer(-1, 2))

    @sim.behavior
    def change(me: Ant, world: wv.World):
        me.seen += world.moved(me)
        me.mark = sum(other.mark + 1 for other in world.neighbors(me, Ant | Chip))
        if world.random() < 0.1:
            world.become(me, Chip)
        elif world.random() < 0.3:
            for place in world.free_sites(me, 1.5):
                if world.random() < 0.5:
                    world.spawn(Ant, place)
                    break
        elif world.random() < 0.3:
            world.remove(me)

    sim.scatter(Ant, n)
    sim.scatter(Chip, n)
    return sim


def stand(*tables):
    return [tuple(p) for table in tables for p in table["position"].to_pylist()]


def history(steps, **options):
    """Digest, lost births and places after each tick, the parameter `step` set before it."""
    told = []
    with crowd_of(0, 20, "periodic", 8).start(**options) as run:
        for step in steps:
            run.set(step=step)
            run.step(1)
            stats, places = run.stats(), stand(run.entities(Ant), run.entities(Chip))
            assert len(set(places)) == len(places)
            assert len(places) == 40 + sum(stats["births"].values()) - sum(stats["deaths"].values())
            told.append((run.digest(), [stats[what] for what in ("births", "deaths", "lost")], places))
    return told


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.integers(2, 9), st.integers(1, 2))
def test_nobody_ever_shares_a_site_and_the_partitions_change_nothing(steps, partitions, threads):
    assert history(steps, partitions=partitions, threads=threads) == history(steps)


@pytest.mark.slow  # composed programs on Ray show it in general
def test_two_workers_find_the_same_winners_jumps_and_births_as_one(ray_cluster):
    assert history([1] * 8, workers=2, partitions=5) == history([1] * 8)


# ---- Commands ----


def test_commands_move_entities_to_centres_and_refuse_two_on_a_site():
    sim = lawn()

    @sim.behavior
    def walk(me: Ant, world: wv.World):
        me.position += me.go

    sim.add(Ant, position=[[0, 0], [2, 2]])
    sim.scatter(Chip, 0)
    with sim.start(partitions=2) as run:
        (new,) = run.add(Ant, position=[[3.2, 3.9]])
        run.add(Chip, position=[[1.2, 1.0]])
        run.update(Ant, [1], position=[[4.4, 0.1]])
        with pytest.raises(wv.ModelError, match=r"Ant 0 and Chip \d+ stand on the site at \(0\.5, 0\.5\)"):
            run.add(Chip, position=[[0.9, 0.1]])
        with pytest.raises(wv.ModelError, match="on a site stands one entity"):
            run.put(Ant, [0, 77], position=[[2, 2], [2.5, 2.5]])
        run.update(Ant, [0, 1], position=[[4.4, 0.1], [0.3, 0.4]])  # they change places
        run.step(1)
        ants = run.entities(Ant)
        assert ants["id"].to_pylist() == [0, 1, new] and "_moved" not in ants.column_names
        assert ants["position"].to_pylist() == [[4.5, 0.5], [0.5, 0.5], [3.5, 3.5]]
        assert run.entities(Chip)["position"].to_pylist() == [[1.5, 1.5]]


# ---- What cannot be ----


def test_what_a_lattice_does_not_have_is_refused():
    def error(behavior, lengths=(5, 5), boundary="periodic"):
        sim = lawn(lengths=lengths, boundary=boundary)
        sim.behavior(behavior)
        with pytest.raises(wv.WeaverError) as caught:
            sim.start().stop()
        return str(caught.value)

    def six(me: Ant, world: wv.World):
        me.seen = sum(1 for other in world.neighbors(me, Ant, 6))

    def four(me: Ant, world: wv.World):
        me.seen = sum(1 for other in world.neighbors(me, Ant, 4))

    def others(me: Ant, world: wv.World):
        me.seen = sum(1 for other in world.neighbors(me, Mite))

    def outside(me: Gardener, world: wv.World):
        me.seen = sum(1 for other in world.neighbors(me, Ant))

    def nowhere(me: Gardener, world: wv.World):
        me.seen = world.free(me.position)

    def both(me: Ant, world: wv.World):
        me.position += me.go
        world.become(me, Chip)

    def other_sites(me: Ant, world: wv.World):
        world.become(me, Mite)

    def after(me: Ant, world: wv.World):
        me.position += me.go
        for place in world.free_sites(me, 1.0):
            me.position = place

    assert "6 neighbours are asked for; a site of this lattice has 8 or 4" in error(six)
    assert "the periodic axis y has 1; allowed are 3 or more" in error(four, lengths=(5, 1))
    assert "Mite, which does not stand on the sites of Ant" in error(others)
    assert "Gardener, which stands on no sites" in error(outside)
    assert "there is no lattice" in error(nowhere)
    assert "moves Ant and lets it become of another type" in error(both)
    assert "stands on sites of another lattice" in error(other_sites)
    assert "free_sites is called after me.position was written" in error(after)
    assert "it is a multiple of 1" in error(four, lengths=(5, 4.5))


def test_a_place_beyond_the_reach_is_no_question(play):
    sim = lawn(lengths=(9, 9))

    @sim.behavior(reach=1.5)
    def ask(me: Ant, world: wv.World):
        me.seen = world.free(me.position + me.go)

    sim.add(Ant, position=[[0, 0], [4, 4]], go=[[1.5, -1.5], [2, 0]])
    with pytest.raises(wv.RunError, match=r"beyond the reach.*Ant 1.*allowed is 1\.5"):
        play(sim)


@pytest.mark.slow
def test_those_who_meet_claim_sites_as_everybody_does(play):
    sim = lawn(lengths=(9, 9))

    @sim.meeting(radius=1.0)
    def part(a: Ant, b: Chip, world: wv.World):
        b.position += a.go
        a.seen += 1
        world.spawn(Chip, a.position - a.go)

    sim.add(Ant, position=[[1, 1], [5, 1], [5, 5]], go=[[1, 0], [0, 1], [0, 1]])
    sim.add(Chip, position=[[2, 1], [5, 2], [5, 6]])
    sim.add(Ant, position=[[5, 3], [5, 4]])
    player = play(sim)
    chips = player.of(Chip)
    assert player.of(Ant)["seen"][:3].tolist() == [1, 1, 1]
    assert chips["position"][:3].tolist() == [[3.5, 1.5], [5.5, 2.5], [5.5, 7.5]]
    assert sorted(chips["position"][3:].tolist()) == [[0.5, 1.5], [5.5, 0.5]] and player.stats()["lost"]["Chip"] == 1
