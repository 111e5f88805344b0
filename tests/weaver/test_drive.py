"""Driving: viewers pause, step, play, set and are told; what the model does not allow is refused in its words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import weaver as wv
from weaver.drive import Driver, drive, linger
from weaver.run import Run


class Fox(wv.Entity):
    velocity: wv.Vec2
    hunger: float


def make(boundary: str = "periodic", mortal: bool = False) -> wv.Simulation:
    sim = wv.Simulation(wv.Box(20, 10, boundary=boundary), seed=5, name="farm")
    speed = sim.parameter("speed", 0.5, low=0, high=8)
    count = sim.parameter("count", 12)

    @sim.behavior
    def trot(fox: Fox, world: wv.World):
        fox.position += speed * fox.velocity
        fox.hunger += speed

    if mortal:

        @sim.behavior
        def die(fox: Fox, world: wv.World):
            if fox.hunger > 1000.0:
                world.remove(fox)

    sim.add(Fox, position=[(k + 0.25, 5.0) for k in range(int(count))], velocity=wv.Vec2(1, 0))
    sim.observe("hunger", Fox, "hunger", "mean")
    sim.observe("wind", Fox, "velocity", "mean", every=2)
    return sim


@pytest.fixture
def run() -> Iterator[Run]:
    with make().start() as made:
        yield made


class Viewers:
    """A hub without a page: what viewers ask is a list, one at a time, what they are told is kept."""

    def __init__(self, *commands: dict[str, Any], viewers: int = 1) -> None:
        self.command_event = threading.Event()
        self.viewers = viewers
        self.told: list[dict[str, Any]] = []
        self.refused: list[tuple[str, str]] = []
        self.rows: list[tuple[int, dict[str, Any]]] = []
        self._commands = list(commands)

    def commands(self) -> list[dict[str, Any]]:
        self.command_event.clear()
        taken, self._commands = self._commands[:1], self._commands[1:]
        return taken

    def status(self, status: dict[str, Any]) -> None:
        self.told.append(status)

    def refuse(self, op: str, reason: str) -> None:
        self.refused.append((op, reason))

    def samples(self, first: int, ticks: list[int], values: dict[str, list[Any]]) -> None:
        assert first == len(self.rows)
        for k, tick in enumerate(ticks):
            self.rows.append((tick, {name: column[k] for name, column in values.items()}))


def after(n: int) -> Callable[[], bool]:
    """True when it has been asked so often."""
    asked = iter(range(n))
    return lambda: next(asked, None) is None


def test_viewers_pause_step_and_play(run: Run):
    viewers = Viewers({"op": "pause"}, {"op": "step", "n": 3}, {"op": "rate", "hz": 5000.0})

    def stopped() -> bool:
        return len(viewers.told) > 0 and viewers.told[-1]["paused"] and viewers.told[-1]["rate"] is not None

    run.drive(None, commands=viewers, stopped=stopped)
    assert viewers.told[0]["paused"]
    assert run.tick == viewers.told[0]["tick"] + 3
    viewers = Viewers({"op": "pause"}, {"op": "play"}, {"op": "refresh"})
    assert run.drive(run.tick + 20, commands=viewers) == run.tick
    assert viewers.told[-1]["paused"]
    assert viewers.told[-1]["entities"] == {"Fox": 12}


def test_a_drive_ends_at_its_last_tick_or_when_it_is_stopped(run: Run):
    assert run.drive(15) == 15
    assert run.drive(10**9, stopped=lambda: run.tick > 20) > 20
    assert not run.running


def test_a_fault_in_a_drive_is_raised():
    with make("strict").start() as run, pytest.raises(wv.RunError, match="left a strict boundary"):
        run.drive(100)


def test_viewers_set_parameters_and_are_told_their_values(run: Run):
    viewers = Viewers({"op": "pause"}, {"op": "set", "values": {"speed": 2.0}}, {"op": "step", "n": 1})
    drive(run, None, viewers, None, lambda: bool(viewers.told) and viewers.told[-1]["tick"] > 0 and not run.running)
    assert viewers.told[0]["parameters"] == {"speed": 0.5, "count": 12}
    assert viewers.told[-1]["parameters"] == {"speed": 2.0, "count": 12}
    assert (run.parameters["speed"], viewers.refused) == (2.0, [])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"speed": 9.0}, "parameter speed=9 was asked for; allowed is 0 to 8"),
        ({"count": 13.0}, "count is fixed at 12 for this run"),
        ({"speed": 1.0, "pace": 2.0}, "the simulation has speed, count"),
    ],
)
def test_what_the_model_does_not_allow_is_refused_in_its_own_words(run: Run, values: dict[str, float], said: str):
    viewers = Viewers({"op": "set", "values": values})
    run.drive(5, commands=viewers)
    ((op, reason),) = viewers.refused
    assert op == "set"
    assert said in reason
    assert (run.tick, run.parameters) == (5, {"speed": 0.5, "count": 12})


def test_a_run_is_not_sought_in(run: Run):
    viewers = Viewers({"op": "seek", "tick": 3})
    run.drive(5, commands=viewers)
    assert viewers.refused == [("seek", "seek is for recordings; this run is made as you watch.")]


def test_viewers_are_told_every_sample_once(run: Run):
    viewers = Viewers({"op": "pause"}, {"op": "step", "n": 3}, {"op": "step", "n": 1})
    drive(run, None, viewers, None, lambda: run.tick >= 4 and not run.running)
    table = run.observations()
    assert [tick for tick, _ in viewers.rows] == table["tick"].to_pylist()
    assert [row["hunger"] for _, row in viewers.rows] == table["hunger"].to_pylist()
    assert [row["wind"] for _, row in viewers.rows[:3]] == [[1.0, 0.0], None, [1.0, 0.0]]
    run.drive(run.tick + 10, commands=viewers if (viewers := Viewers()) else None)
    assert len(viewers.rows) == run.tick + 1


@pytest.mark.slow
def test_of_very_many_samples_viewers_are_told_some(run: Run):
    run.step(9000)
    viewers = Viewers()
    run.drive(9001, commands=viewers)
    ticks = [tick for tick, _ in viewers.rows]
    assert 2000 < len(ticks) <= 4001
    assert ticks[:3] == [0, 3, 6]
    assert ticks[-1] == 9001


def test_numbers_that_are_none_are_told_as_nothing():
    sim = make()
    sim.observe("none", Fox, lambda fox: fox.hunger / 0.0, "max")
    with sim.start() as run:
        viewers = Viewers()
        run.drive(2, commands=viewers)
        assert [row["none"] for _, row in viewers.rows] == [None, None, None]


def test_a_run_that_nobody_watches_does_not_stand_for_samples(run: Run):
    viewers = Viewers(viewers=0)
    driver = Driver(run, None, viewers)
    assert not driver.look()
    assert run.running
    assert driver._endless
    viewers.viewers = 1  # somebody comes
    driver.look()
    assert not driver._endless
    run.pause()


@pytest.mark.parametrize("stand", [0.0005, 0.05])
def test_stands_take_no_more_than_their_share(run: Run, stand: float):
    driver = Driver(run, None, Viewers())
    driver._stand = stand
    assert driver._seconds() == max(1.0, 100 * stand)


def test_who_watches_a_run_that_has_ended_is_told_why_it_does_not_move(run: Run):
    run.step(2)
    viewers = Viewers({"op": "play"}, {"op": "set", "values": {"speed": 1.0}}, {"op": "refresh"})
    linger(run, viewers, after(4))
    assert [op for op, _ in viewers.refused] == ["play", "set"]
    assert all("has ended at tick 2" in reason for _, reason in viewers.refused)
    assert run.parameters["speed"] == 0.5


def test_a_mortal_run_is_counted_although_nobody_watches():
    with make(mortal=True).start() as run:
        driver = Driver(run, None, None)
        driver.look()
        assert not driver._endless
        run.pause()
