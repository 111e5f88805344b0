"""A run: moves, stands, answers, fails and stops, always between two ticks."""

from __future__ import annotations

import enum
import math
import threading
from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc
import pytest

import weaver as wv
from partitions.errors import TickFault
from weaver.fault import fault_error
from weaver.run import Run


class Coat(enum.IntEnum):
    GREY = 2
    RED = 5


class Fox(wv.Entity):
    velocity: wv.Vec2
    age: int
    coat: Coat
    weight: wv.float32 = 1.5
    shy: bool = True


class Hen(wv.Entity):
    position: wv.Vec2f


def make(boundary: str = "periodic", rate: float = 0.5) -> wv.Simulation:
    sim = wv.Simulation(wv.Box(20, 10, boundary=boundary), seed=5, name="farm")
    speed = sim.parameter("speed", rate, low=0, high=8)
    step = sim.parameter("step", 1, low=0, high=4)
    herd = sim.parameter("herd", 12)

    @sim.behavior
    def trot(fox: Fox, world: wv.World):
        fox.position += speed * fox.velocity
        fox.age += step

    n = int(herd)
    sim.add(
        Fox, position=[(k + 0.25, 5.0) for k in range(n)], velocity=wv.Vec2(1, 0), coat=Coat.RED, id=range(100, 100 + n)
    )
    sim.scatter(Hen, 7)
    return sim


@pytest.fixture
def run() -> Iterator[Run]:
    with make().start() as made:
        yield made


def test_a_run_stands_at_tick_0_and_steps(run: Run):
    assert (run.tick, run.time) == (0, 0.0)
    assert run.step() == 1
    assert run.step(4) == 5
    assert not run.running
    assert repr(run) == "<Run farm: 20 x 10, periodic, 12 Fox, 7 Hen, tick 5, 1 partition, 1 worker>"


def test_entities_come_sorted_by_id_with_their_storage_types(run: Run):
    run.step(2)
    table = run.entities(Fox)
    assert table.column_names == ["id", "position", "velocity", "age", "coat", "weight", "shy"]
    assert [str(t) for t in table.schema.types] == [
        "int64", "fixed_size_list<item: double>[2]", "fixed_size_list<item: double>[2]", "int64", "int64", "float", "bool",
    ]  # fmt: skip
    assert table["id"].to_pylist() == list(range(100, 112))
    assert table["position"].to_pylist() == [[k + 1.25, 5.0] for k in range(12)]
    assert table["age"].to_pylist() == [2] * 12
    assert table["coat"].to_pylist() == [5] * 12
    assert str(run.entities(Hen)["position"].type) == "fixed_size_list<item: float>[2]"


def test_memory_is_that_of_the_rows(run: Run):
    used, rows = run.memory(), run.counts()
    assert set(used) == {"Fox", "Hen"}
    assert used["Fox"] > 8 * 4 * rows["Fox"] and used["Hen"] > 8 * rows["Hen"]


def test_entities_are_chosen_by_fields_condition_and_area(run: Run):
    assert run.entities(Fox, fields=["age"]).column_names == ["id", "age"]
    assert run.entities(Fox, ["age"], where=pc.field("id") >= 110).num_rows == 2
    assert run.entities(Fox, area=((2, 0), (4.25, 10)))["id"].to_pylist() == [102, 103]  # low <= position < high


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda run: run.entities(wv.Entity), "entities of Entity were asked for; the simulation has Fox, Hen"),
        (lambda run: run.entities(Fox, ["colour"]), "was asked for 'colour'; it has id, position, velocity, age"),
        (lambda run: run.entities(Fox, area=((0, 0, 0), (1, 1, 1))), "the world has 2 axes"),
        (lambda run: run.set(sped=1), r"set\(sped=1\) was asked for; the simulation has speed, step, herd"),
        (lambda run: run.set(speed=9), "parameter speed=9 was asked for; allowed is 0 to 8"),
        (lambda run: run.set(herd=3), "herd is fixed at 12 for this run"),
        (lambda run: run.rate(0), r"rate\(0\) was asked for; allowed is a positive number"),
    ],
)
def test_wrong_questions_say_what_is_right(run: Run, ask, said: str):
    with pytest.raises(wv.ModelError, match=said):
        ask(run)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"partitions": 0}, "partitions=0"), ({"threads": 1.5}, "threads=1.5"), ({"cluster": "auto"}, "without workers")],
)
def test_wrong_options_are_refused(options: dict, said: str):
    with pytest.raises(wv.ModelError, match=said):
        make().start(**options)


def test_parameters_act_from_the_next_tick_and_all_or_none(run: Run):
    run.step()
    run.set(speed=2, step=3)
    run.step()
    with pytest.raises(wv.ModelError):
        run.set(speed=1, step=99)
    run.step()
    table = run.entities(Fox)
    assert table["position"][0].as_py() == [0.25 + 0.5 + 2 + 2, 5.0]
    assert table["age"][0].as_py() == 1 + 3 + 3


def test_two_runs_of_a_simulation_do_not_share_parameters():
    sim = make()
    with sim.start() as one, sim.start() as two:
        one.set(speed=4)
        one.step()
        two.step()
        assert one.digest() != two.digest()
    assert sim.parameters["speed"].value == 0.5


def test_partitions_and_threads_do_not_change_the_digest():
    digests = {make().run(10, partitions=p, threads=t).digest() for p, t in ((1, 1), (3, 1), (4, 2))}
    assert len(digests) == 1


def test_a_stopped_run_still_answers():
    run = make().run(6, partitions=2)
    run.stop()
    assert run.tick == 6
    assert run.digest() == make().run(6).digest()
    assert run.counts() == {"Fox": 12, "Hen": 7}
    assert run.entities(Fox, ["age"])["age"].to_pylist() == [6] * 12
    stats = run.stats()
    assert (stats["tick"], stats["entities"], stats["deaths"]) == (6, {"Fox": 12, "Hen": 7}, {"Fox": 0, "Hen": 0})
    assert stats["updates_per_second"] == pytest.approx(6 * 19 / stats["seconds"])
    with pytest.raises(wv.RunError, match="the run was stopped at tick 6"):
        run.step()


def test_a_large_world_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("weaver.run.KEPT_BYTES", 100)
    run = make().run(1)
    assert run.counts()["Fox"] == 12
    with pytest.raises(wv.RunError, match=r"entities\(Fox\) was asked of a stopped run"):
        run.entities(Fox)


def test_a_run_goes_on_by_itself_until_it_is_paused(run: Run):
    landed = threading.Event()
    run.resume(until=40, landed=landed.set)
    assert landed.wait(60)
    assert run.pause() == 40
    run.resume()
    with pytest.raises(wv.RunError, match="moves by itself"):
        run.step()
    seen = run.entities(Fox, ["age"])["age"].to_pylist()  # asked between two ticks; it moves on afterwards
    assert len(set(seen)) == 1
    assert run.running
    tick = run.pause()
    assert tick >= seen[0]
    assert run.entities(Fox, ["age"])["age"][0].as_py() == tick


def test_deaths_are_counted():
    run = make("absorb", rate=1.0).run(12)
    # foxes at x = k + 0.25 leave at 20 after 20 - k ticks
    left = sum(k + 0.25 + 12 > 20 for k in range(12))
    assert run.counts()["Fox"] == 12 - left
    assert run.stats()["deaths"] == {"Fox": left, "Hen": 0}


def test_a_strict_boundary_that_is_crossed_ends_the_run():
    with make("strict", rate=1.0).start(partitions=3) as run:
        with pytest.raises(wv.RunError) as error:
            run.step(30)
        said = "left a strict boundary at tick 8: Fox 111 (behavior 'trot') went from x = 19.25 to 20.25"
        assert str(error.value).startswith(said)
        assert isinstance(error.value.__cause__, TickFault)
        with pytest.raises(wv.RunError, match="the run failed at tick 8"):
            run.digest()


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_position_that_is_no_number_ends_the_run(partitions: int):
    sim = wv.Simulation(wv.Box(10, 10), name="farm")

    @sim.behavior
    def lose(fox: Fox, world: wv.World):
        if world.tick == 3 and fox.id > 4:
            fox.position = wv.Vec2(fox.position.x, math.sqrt(-1.0 - fox.position.y))

    sim.scatter(Fox, 20)
    with sim.start(partitions=partitions) as run, pytest.raises(wv.RunError) as error:
        run.step(10)
    assert str(error.value).startswith("position NaN at tick 3: Fox 5 (behavior 'lose') set y from ")


def test_a_move_beyond_the_reach_ends_the_run_and_its_advice_works():
    def leap(reach: float) -> Run:
        sim = wv.Simulation(wv.Box(100, 100), name="farm")

        @sim.behavior(reach=reach)
        def hop(fox: Fox, world: wv.World):
            fox.position += wv.Vec2(7.0, 0.0)

        sim.add(Fox, position=(10.0, 10.0))
        return sim.run(2)

    with pytest.raises(wv.RunError) as error:
        leap(5.0)
    said = "moved beyond the reach at tick 0: Fox 0 (behavior 'hop') went from x = 10 to 17; allowed is 5 per axis"
    assert str(error.value).startswith(said)
    assert "Write reach=7.1 in @sim.behavior" in str(error.value)
    assert leap(7.1).tick == 2


@pytest.mark.parametrize("code", range(1, 8))
def test_every_fault_is_told_in_three_sentences(code: int):
    error = fault_error("hop", "Fox", TickFault(3, 0, 0, 9, code, (1.0, 4.0, 2.0, 1.0)))
    lines = str(error).splitlines()
    assert len(lines) == 3
    assert "Fox 9 (behavior 'hop')" in lines[0]
    assert all(line.endswith(".") for line in lines)


def test_ids_and_places_agree_with_numpy(run: Run):
    run.step(9)
    table = run.entities(Fox)
    places = table["position"].combine_chunks().flatten().to_numpy().reshape(-1, 2)
    np.testing.assert_array_equal(places[:, 0], (np.arange(12) + 0.25 + 9 * 0.5) % 20)
