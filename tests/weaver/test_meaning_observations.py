"""`observe`, `world.observed`, `until` and `between`: the same numbers in every runtime, exact ones."""

import math
from fractions import Fraction

import numpy as np
import pytest

import weaver as wv
from tests.weaver.players import world_of


class Bird(wv.Entity):
    """Sees the mean of all."""

    velocity: wv.Vec2
    energy: float
    small: wv.float32
    mark: int
    genes: wv.Array[float, 2] = (1.0, 2.0)


def speed(bird):
    doubled = bird.velocity * 2.0
    return doubled.length()


def model(until="", **options):
    sim = world_of((20, 20), **options)
    limit = sim.parameter("limit", 0.5)

    @sim.behavior(reach=1.0)
    def fly(me: Bird, world: wv.World):
        me.energy = me.energy * 1.1 + world.observed("mean") * 0.1
        me.mark = me.mark + world.observed("rich")
        me.velocity = (world.observed("wind") + me.velocity * 3) * 0.25
        me.position += me.velocity.clamped(0.9)

    @sim.behavior
    def age(me: Bird, world: wv.World):
        me.small += me.energy

    sim.scatter(Bird, 40, velocity=lambda r: r.unit2(), energy=lambda r: r.random(), mark=lambda r: r.integer(-5, 5))
    sim.observe("mean", Bird, "energy", "mean")
    sim.observe("rich", Bird, "count", where=lambda bird: bird.energy > limit)
    sim.observe("wind", Bird, "velocity", "mean")
    sim.observe("total", Bird, "small", every=3)
    sim.observe("marks", Bird, "mark", "sum", where=lambda bird: bird.mark != 2)
    sim.observe("least", Bird, "mark", "min")
    sim.observe("far", Bird, "position.x", "max", every=2)
    sim.observe("spread", Bird, lambda bird: bird.energy * 2.0, "var")
    sim.observe("speed", Bird, speed, "max")
    sim.observe("gene", Bird, "genes.1", "sum")
    sim.observe("bins", Bird, "energy", "histogram", bins=(0.0, 2.0, 4))
    sim.observe("nobody", Bird, "energy", "min", where=lambda bird: bird.energy < -1)
    sim.observe("ids", Bird, "id", "max")
    if until:
        sim.until(until)
    return sim


def exact_mean(values):
    return float(sum(map(Fraction, values), Fraction(0)) / len(values))


def expected(birds):
    """What is observed of a state, by numpy and fractions."""
    energy, small, velocity = birds["energy"], birds["small"], birds["velocity"]
    doubled = [Fraction(2 * e) for e in energy]
    n = len(energy)
    variance = sum(e * e for e in doubled) / n - (sum(doubled) / n) ** 2
    return {
        "mean": exact_mean(energy),
        "rich": int((energy > 0.5).sum()),
        "wind": [exact_mean(velocity[:, 0]), exact_mean(velocity[:, 1])],
        "total": float(sum(map(Fraction, small.tolist()))),
        "marks": int(birds["mark"][birds["mark"] != 2].sum()),
        "least": int(birds["mark"].min()),
        "far": float(birds["position"][:, 0].max()),
        "spread": float(variance),
        "speed": float(np.hypot(*(2 * velocity.T)).max()),
        "gene": 2.0 * n,
        "bins": np.histogram(energy, 4, (0.0, 2.0))[0].tolist(),
        "ids": n - 1,
    }


EVERY = {"total": 3, "far": 2}
READ = ("mean", "rich", "total")


def test_observations_are_exact_statistics_of_each_state(play):
    player = play(model(), 0)
    states = []
    for tick in range(5):
        player.step(1 if tick else 0)
        states.append(player.of(Bird))
    observed = player.observed()
    for name in expected(states[0]):
        assert [tick for tick, _ in observed[name]] == list(range(0, 5, EVERY.get(name, 1))), name
        for tick, value in observed[name]:
            wanted = expected(states[tick])[name]
            assert value == (pytest.approx(wanted, rel=1e-15) if name == "speed" else wanted), name
    assert all(math.isnan(value) for _, value in observed["nobody"])


def test_behaviors_read_the_sample_of_the_last_finished_tick(play):
    player = play(model(), 0)
    for _ in range(3):
        before, now = player.of(Bird), expected(player.of(Bird))
        player.step(1)
        after = player.of(Bird)
        np.testing.assert_array_equal(after["mark"], before["mark"] + now["rich"])
        np.testing.assert_allclose(after["energy"], before["energy"] * 1.1 + now["mean"] * 0.1, rtol=1e-15)
        np.testing.assert_allclose(after["velocity"], (now["wind"] + before["velocity"] * 3) * 0.25, rtol=1e-12)


@pytest.mark.parametrize("condition", ["mean > 0.8 and tick >= 3", "wind.x < -10 or time == 4", "rich / total > 0"])
def test_a_run_ends_after_the_tick_with_which_its_condition_holds(play, condition):
    player = play(model(condition), 0)
    player.step(50)
    observed, last = player.observed(), player.run.tick
    assert 1 <= last < 50
    for tick in range(1, last + 1):
        names = {
            name: np.float64(max(s for s in samples if s[0] <= tick)[1])
            for name, samples in observed.items()
            if name in ("mean", "rich", "total")
        }
        names["wind"] = wv.Vec2(*dict(observed["wind"])[tick])
        with np.errstate(all="ignore"):
            assert eval(condition, {}, {**names, "tick": tick, "time": tick}) == (tick == last)


@pytest.mark.slow
def test_samples_and_the_end_do_not_depend_on_partitions_or_workers():
    kept = []
    for options in ({}, {"partitions": 5, "threads": 2}, {"workers": 2, "partitions": 4}):
        with model("mean > 2.0").start(**options) as run:
            run.step(3)
            run.step(40)
            kept.append((run.tick, run.ended, run.digest(), run.observations().to_pylist()))
            assert run.step(5) == run.tick  # it stays ended
    assert kept[0][1] == "mean > 2.0" and 3 < kept[0][0] < 43
    assert repr(kept[0]) == repr(kept[1]) == repr(kept[2])  # repr, because NaN != NaN


@pytest.mark.slow
def test_without_readers_workers_keep_their_parts_until_asked():
    rows = []
    for options in ({"partitions": 3}, {"workers": 2}):
        sim = world_of((20, 20))

        @sim.behavior(reach=1.0)
        def fly(me: Bird, world: wv.World):
            me.energy += world.normal()
            me.position += world.unit2() * 0.5

        sim.scatter(Bird, 50)
        sim.observe("energy", Bird, "energy", "var")
        sim.observe("place", Bird, "position", "mean", every=2)
        sim.observe("bins", Bird, "energy", "histogram", bins=(-2, 2, 8))
        sim.observe("least", Bird, "energy", "min", where=lambda bird: bird.energy > 0.25)
        with sim.start(**options) as run:
            run.step(4)
            rows.append(run.observations().to_pylist())
        assert repr(run.observations().to_pylist()) == repr(rows[-1])
    assert repr(rows[0]) == repr(rows[1]) and len(rows[0]) == 5


def test_functions_between_ticks_ask_and_command(play):
    seen = []
    sim = world_of((20, 20))

    @sim.behavior
    def grow(me: Bird, world: wv.World):
        me.energy += 1.0

    sim.add(Bird, position=[(1, 1), (2, 2)])
    sim.observe("n", Bird, "count")

    @sim.between(every=2)
    def watch(run):
        seen.append(run.tick)
        if run.tick == 2:
            run.add(Bird, position=[(3, 3)], energy=10.0)
            run.remove(0)

    player = play(sim, 2)
    assert seen == [0]
    player.step(1)
    player.step(2)
    assert seen == [0, 2, 4]
    player.step(1)
    assert seen == [0, 2, 4]
    assert player.of(Bird)["energy"].tolist() == [6, 14]
    assert [n for _, n in player.observed()["n"]] == [2] * 7


def test_what_a_function_between_ticks_asks_is_the_state_then():
    seen = []
    sim = world_of((20, 20))

    @sim.behavior
    def grow(me: Bird, world: wv.World):
        me.energy += 1.0

    sim.add(Bird, position=[(1, 1), (2, 2)])
    sim.observe("n", Bird, "count")

    @sim.between(every=2)
    def watch(run):
        seen.append((run.tick, run.entities(Bird)["energy"].to_pylist(), run.observations()["n"].to_pylist()))
        if run.tick == 2:
            run.add(Bird, position=[(3, 3)])

    with sim.start() as run:
        run.resume(until=3)
        while run.running:
            run.digest()  # from another thread, at any time
        run.step(2)
    assert seen == [(0, [0, 0], [2]), (2, [2, 2], [2, 2, 2]), (4, [4, 4, 2], [2, 2, 2, 3, 3])]


def test_a_function_between_ticks_cannot_move_the_run_and_its_error_ends_it():
    sim = world_of((20, 20))
    sim.scatter(Bird, 3)

    @sim.between(every=3)
    def meddle(run):
        if run.tick == 3:
            run.step(1)

    run = sim.start()
    run.resume(until=10)
    run._flight.landed.wait()
    with pytest.raises(
        wv.RunError, match="'meddle', which is called between ticks, failed before tick 3: RunError: step"
    ):
        run.pause()
    with pytest.raises(wv.RunError, match="the run failed: 'meddle'"):
        run.step(1)
    run.stop()


def test_a_function_of_an_observation_that_breaks_a_rule_is_named():
    sim = world_of((20, 20))
    sim.add(Bird, position=[(1, 1)], mark=7)
    sim.observe("gene", Bird, lambda bird: bird.genes[bird.mark], "sum")
    with pytest.raises(wv.RunError, match=r"an element that does not exist .* Bird 0 \(behavior 'gene'\)"):
        sim.start()


def reads_nothing(me: Bird, world: wv.World):
    me.energy = world.observed("unknown")


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda sim: sim.observe("v", Bird, "velocity", "var"), "takes the var of vectors"),
        (lambda sim: sim.observe("g", Bird, "genes", "sum"), "the sum of the array 'genes'"),
        (lambda sim: sim.observe("g", Bird, "velocity.z", "sum"), "takes the sum of 'velocity.z'"),
        (lambda sim: sim.observe("w", Bird, "energy", "sum", where=lambda a, b: True), "takes 2 arguments"),
        (lambda sim: sim.behavior(reads_nothing), "it takes the name of an observation: known"),
    ],
)
def test_what_cannot_be_observed_is_told(declare, message):
    sim = world_of((20, 20))
    sim.observe("known", Bird, "count")
    sim.scatter(Bird, 1)
    declare(sim)
    with pytest.raises((wv.ModelError, wv.BehaviorError), match=message):
        sim.start()
