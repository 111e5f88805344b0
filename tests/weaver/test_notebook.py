"""A view beside a program: both move the run, in turn, and neither breaks what the other does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

import weaver as wv
from viewer.client import Client
from weaver.notebook import View
from weaver.run import Run


class Dot(wv.Entity):
    velocity: wv.Vec2
    steps: int


def make(boundary: str = "periodic") -> wv.Simulation:
    sim = wv.Simulation(wv.Box(40, 20, boundary=boundary), seed=3, name="dots")
    speed = sim.parameter("speed", 0.25, low=0, high=2)

    @sim.behavior
    def drift(dot: Dot, world: wv.World):
        dot.position += speed * dot.velocity
        dot.steps += 1

    sim.add(Dot, position=[(k + 0.5, 10.0) for k in range(40)], velocity=wv.Vec2(1, 0))
    sim.observe("steps", Dot, "steps", "mean")
    return sim


def until(claim: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


@pytest.fixture
def run() -> Iterator[Run]:
    with make().start() as made:
        yield made


@pytest.fixture
def page(run: Run) -> Iterator[Client]:
    with Client(run.view().url) as client:
        client.receive_texts("meta")
        yield client


def status(client: Client, claim: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first status that meets a claim."""
    client.news.pop("status", None)
    while not claim(client.receive_texts("status")):
        del client.news["status"]
    return client.news["status"]


def test_the_page_plays_pauses_steps_and_sets(run: Run, page: Client):
    assert status(page, lambda told: True)["paused"]
    page.ask({"op": "play"})
    status(page, lambda told: told["running"] and told["tick"] > 5)
    page.ask({"op": "pause"})
    tick = status(page, lambda told: told["paused"] and not told["running"])["tick"]
    assert run.tick == tick
    page.ask({"op": "step", "n": 4})
    status(page, lambda told: told["tick"] == tick + 4 and not told["running"])
    page.ask({"op": "set", "values": {"speed": 1.5}})
    status(page, lambda told: told["parameters"] == {"speed": 1.5})
    assert run.parameters == {"speed": 1.5}
    page.ask({"op": "set", "values": {"speed": 3.0}})
    assert "allowed is 0 to 2" in page.receive_texts("refused")["reason"]
    assert run.observations()["steps"].to_pylist() == [float(t) for t in range(tick + 5)]


def test_the_program_steps_and_the_page_sees_it(run: Run, page: Client):
    page.interest(types={"Dot": {"fields": ["steps"]}})
    assert run.step(7) == 7
    while (frame := page.frame(20)).tick < 7:
        page.drawn()
    assert frame.tick == 7
    assert (frame.find("points").arrays["column0"] == 7).all()
    told = status(page, lambda told: told["tick"] == 7)
    assert told["paused"]
    assert not told["running"]


def test_a_step_of_the_program_ends_what_the_page_plays(run: Run, page: Client):
    page.ask({"op": "rate", "hz": 100})
    page.ask({"op": "play"})
    until(lambda: run.tick > 3)
    before = run.tick
    after = run.step(5)
    assert after >= before + 5
    assert not run.running
    told = status(page, lambda told: told["paused"] and told["tick"] == after)
    assert run.tick == told["tick"] == after


def test_a_pause_of_the_program_holds_and_a_question_does_not(run: Run, page: Client):
    page.ask({"op": "rate", "hz": 200})
    page.ask({"op": "play"})
    until(lambda: run.tick > 3)
    for _ in range(30):
        table = run.entities(Dot, ["steps"])
        assert len(set(table["steps"].to_pylist())) == 1
        run.set(speed=0.5)
    tick = run.tick
    until(lambda: run.tick > tick + 20)  # it goes on
    tick = run.pause()
    status(page, lambda told: told["paused"] and not told["running"])
    assert run.tick == tick


def test_what_the_page_asks_while_the_program_steps_is_refused(run: Run, page: Client):
    run.rate(50)
    stepping = threading.Thread(target=run.step, args=(100,))
    stepping.start()
    until(lambda: run.tick > 2)
    page.ask({"op": "pause"})
    assert page.receive_texts("refused") == {
        "op": "pause",
        "reason": "The program moves the run itself at this moment. The page would come in between. Try again when it "
        "is done.",
    }
    seen = status(page, lambda told: told["running"] and told["tick"] > 5)
    assert seen["tick"] < 100
    stepping.join()
    assert run.tick == 100


def test_both_at_once_lose_no_tick(run: Run, page: Client):
    done = threading.Event()

    def press() -> None:
        while not done.is_set():
            for op in (
                {"op": "play"},
                {"op": "step", "n": 2},
                {"op": "set", "values": {"speed": 0.5}},
                {"op": "pause"},
            ):
                page.ask(op)
                time.sleep(0.003)

    pressing = threading.Thread(target=press)
    pressing.start()
    try:
        for _ in range(60):
            before = run.tick
            assert run.step(3) >= before + 3
            assert set(run.entities(Dot, ["steps"])["steps"].to_pylist()) <= set(range(before + 3, run.tick + 1))
    finally:
        done.set()
        pressing.join()
    page.ask({"op": "set", "values": {"speed": 0.75}})
    until(lambda: run.parameters["speed"] == 0.75)  # so it has heard all
    tick = run.pause()
    with make().start() as alone:
        alone.step(tick)
        assert run.observations()["steps"].to_pylist() == alone.observations()["steps"].to_pylist()


def test_a_run_that_fails_is_told_to_the_page_and_to_the_program():
    with make("strict").start() as run:
        with Client(run.view().url) as page:
            page.receive_texts("meta")
            page.ask({"op": "play"})
            assert "left a strict boundary" in page.receive_texts("refused")["reason"]
            status(page, lambda told: told["paused"] and not told["running"])
            with pytest.raises(wv.RunError, match="the run failed at tick") as error:
                run.step()
            assert "left a strict boundary" in str(error.value.__cause__)
        run._runtime.close()


def test_a_view_is_one_page_of_any_size_and_ends_with_the_run():
    with make().start() as run:
        view = run.view(width=640, height=400)
        again = run.view(width=200, height=100)
        assert (again.url, again.watch) == (view.url, view.watch)
        assert view.url != view.view_url
        assert repr(view) == f"<View of dots: {view.url}>"
        page = view._repr_mimebundle_()["text/html"]
        assert f'src="{view.url}&amp;embed"' in page
        assert 'width="640" height="400"' in page
        with Client(view.view_url) as client:
            assert not client.receive_texts("you")["control"]
            client.frame(20)
            run.stop()
            with pytest.raises(ConnectionClosed):
                client.frame(20)
    assert run.tick == 0
    with pytest.raises(wv.RunError, match="view\\(\\) was asked"):
        run.view()


def test_an_error_in_the_program_closes_the_page_too():
    def fail() -> None:
        with make().start() as run:
            shown.append(run.view())
            raise ZeroDivisionError

    shown: list[View] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    (view,) = shown
    assert view.watch.hub.viewers == 0
    assert view.watch.hub._process.poll() is not None


def test_a_still_is_drawn_where_there_is_something_to_draw_it_with(run: Run):
    pytest.importorskip("open3d")
    from viewer.open3d_loader import probe

    if probe("legacy") is not None:
        pytest.skip("Open3D cannot draw here")
    assert run.view(width=300, height=200)._repr_mimebundle_()["image/png"].startswith(b"\x89PNG")
