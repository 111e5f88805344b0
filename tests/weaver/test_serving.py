"""A run on the page: what the command prints, and what people can see and do through its links."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.weaver.refusal import refused
from viewer.client import AccessError, Client
from viewer.recording import Recording

ROOT = Path(__file__).resolve().parents[2]
WALKERS = '''"""Walkers."""

import weaver as wv


class Walker(wv.Entity, view={"color_by": "steps", "size": 2.0}):
    velocity: wv.Vec2
    steps: int


class Ground(wv.Layer, resolution=5.0):
    height: float


sim = wv.Simulation(wv.Box(100, 50), seed=3)
speed = sim.parameter("speed", 0.5, low=0, high=2)
number = sim.parameter("number", 200)


@sim.behavior
def walk(walker: Walker, world: wv.World):
    walker.position += speed * walker.velocity
    walker.steps += 1


sim.layer(Ground, height=lambda cell: cell.position.x)
sim.scatter(Walker, int(number), velocity=lambda draw: draw.unit2())
sim.observe("steps", Walker, "steps", "mean")
sim.observe("x", Walker, lambda walker: walker.position.x, "histogram", bins=(0.0, 100.0, 10))

if __name__ == "__main__":
    sim.run(ticks=40)
'''


def until(claim: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for a claim to become true, and give what it gave."""
    end = time.monotonic() + seconds
    while not (found := claim()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
    return found


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@contextmanager
def weaver(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A command that shows something, and the links that it has printed."""
    command = [sys.executable, "-m", "weaver.cli", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), cwd="/"
    )
    links: dict[str, str] = {}
    assert process.stderr is not None
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.match(r"(view|to look only): (http\S+)", line):
                links[found[1]] = found[2]
            if len(links) == 2:
                break
        else:
            pytest.fail("no links were printed: " + "".join(said))
        yield process, links
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        process.stderr.close()
        assert process.stdout is not None
        process.stdout.close()


def ended(process: subprocess.Popen[str]) -> str:
    """Interrupt it, and give what it said on stdout."""
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    return out


def news(client: Client, key: str, claim: Callable[[Any], bool]) -> Any:
    """Look at frames and texts until the newest text of a kind meets a claim."""
    while not claim(client.receive_texts(key)):
        del client.news[key]
    return client.news[key]


@pytest.fixture
def walkers(tmp_path: Path) -> Path:
    app = tmp_path / "walkers.py"
    app.write_text(WALKERS)
    return app


def test_flocking_is_watched_steered_set_and_asked():
    with (
        weaver("run", "flocking", "--view", "page", "--rate", "20") as (run, links),
        Client(links["view"]) as client,
        Client(links["to look only"]) as guest,
    ):
        assert client.receive_texts("you")["control"]
        assert not guest.receive_texts("you")["control"]
        meta = client.receive_texts("meta")
        assert meta["parameters"][0]["name"] == "match"
        client.interest(budget=4_000_000, selected=[5, 70_000], types={"Bird": {"fields": ["velocity"]}})
        frame = client.frame(60)
        assert frame.find("points").about["in_area"] == 80_000
        rows = {row["id"]: row["fields"] for row in frame.find("selected").about["rows"]}
        assert set(rows) == {5, 70_000}
        assert [len(rows[5][name]) for name in ("position", "velocity")] == [2, 2]
        client.drawn()
        client.ask({"op": "set", "values": {"match": 0.25}})
        assert news(client, "status", lambda told: told["parameters"]["match"] == 0.25)["entities"] == {"Bird": 80_000}
        client.ask({"op": "set", "values": {"match": 4}})
        refused = client.receive_texts("refused")
        assert refused["op"] == "set"
        assert refused["reason"].startswith("parameter match=4 was asked for; allowed is 0 to 1")
        guest.ask({"op": "set", "values": {"match": 0.9}})
        guest.ask({"op": "pause"})
        assert guest.receive_texts("refused")["op"] == "set"
        client.ask({"op": "pause"})
        tick = news(client, "status", lambda told: told["paused"])["tick"]
        client.ask({"op": "step", "n": 3})
        told = news(client, "status", lambda told: told["tick"] == tick + 3 and not told["running"])
        assert (told["paused"], told["parameters"]["match"]) == (True, 0.25)
        assert re.search(r"digest [0-9a-f]{32}", ended(run))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [[], pytest.param(["--workers", "2"], marks=pytest.mark.slow)], ids=["local", "ray"]
)
def test_viewers_see_samples_while_it_runs_and_late_ones_all(options: list[str], walkers: Path):
    with weaver("run", walkers, "--view", "page", "--rate", "200", *options) as (_, links):
        with Client(links["view"]) as client:
            client.receive_texts("meta")
            until(
                lambda: (
                    client.receive_texts("samples")
                    and client.news.pop("samples")
                    and len(client.samples["ticks"]) > 200
                )
            )
            ticks, values = client.samples["ticks"], client.samples["values"]
            assert ticks == list(range(len(ticks)))
            assert values["steps"] == [float(t) for t in ticks]
            assert all(sum(row) == 200 for row in values["x"])
        with Client(links["to look only"]) as late:
            late.receive_texts("samples")
            assert late.samples["ticks"][: len(ticks)] == ticks


def test_the_last_tick_stays_on_show_and_cannot_be_moved(walkers: Path):
    with weaver("run", walkers, "--view", "page", "--ticks", "12") as (run, links), Client(links["view"]) as client:
        news(client, "status", lambda told: told["tick"] == 12 and told["paused"])
        client.ask({"op": "play"})
        assert "has ended at tick 12" in client.receive_texts("refused")["reason"]
        client.interest(layers={"Ground": "height"})
        frame = client.frame(30)
        assert (frame.tick, frame.find("layer").arrays["values"].shape) == (12, (1, 10, 20))
        assert ended(run).startswith("walkers: 12 ticks, 200 Walker")


@pytest.mark.slow
def test_the_page_listens_where_it_is_told(walkers: Path):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", port, "--public-url", "https://example.org/city/", "--view-bandwidth", "5"]
    with weaver("run", walkers, "--view", "page", *options) as (_, links):
        assert links["view"].startswith("https://example.org/city/#token=")
        assert links["to look only"].startswith("https://example.org/city/#token=")
        socket.create_connection(("127.0.0.1", port), timeout=10).close()


def record(app: Path, folder: Path, *options: object) -> Recording:
    """Run an app, and record its frames."""
    command = [sys.executable, "-m", "weaver.cli", "run", app, "--record-frames", folder, *options]
    out = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, env=environment())
    assert out.returncode == 0, out.stderr
    assert f"recording: {folder}" in out.stderr
    assert "http" not in out.stderr  # nobody is asked to look
    return Recording(folder)


@pytest.mark.slow
def test_a_recording_plays_on_the_same_page(walkers: Path, tmp_path: Path):
    folder = tmp_path / "frames"
    recording = record(walkers, folder, "--rate", "100", "--frames-every", "4")
    assert recording.meta["app"] == "walkers"
    assert all(b - a >= 4 for a, b in zip(recording.ticks, recording.ticks[1:], strict=False))
    ticks = recording.ticks
    with (
        weaver("view", folder, "--no-browser") as (player, links),
        Client(links["view"]) as client,
        Client(links["to look only"]) as guest,
    ):
        meta = client.receive_texts("meta")
        assert (meta["live"], meta["first"], meta["last"]) == (False, ticks[0], ticks[-1])
        assert meta["types"][0]["fields"] == [
            {"name": "velocity", "kind": "float", "size": 2},
            {"name": "steps", "kind": "int"},
        ]
        client.ask({"op": "pause"})
        news(client, "status", lambda told: told["paused"])
        client.ask({"op": "seek", "tick": ticks[2] + 1})
        news(client, "status", lambda told: told["tick"] == ticks[2])
        client.interest(area=[[0, 0, 0], [50, 50, 0]], types={"Walker": {"fields": ["steps"], "where": "steps > 0"}})
        frame = until(lambda: client.drawn() or ((f := client.frame(30)).tick == ticks[2] and f))
        block = frame.find("points")
        assert 0 < block.about["in_area"] < 200
        assert (block.arrays["column0"] == ticks[2]).all()
        guest.ask({"op": "seek", "tick": 0})
        assert guest.receive_texts("refused")["op"] == "seek"
        client.ask({"op": "set", "values": {"speed": 1.0}})
        assert "no model to change" in client.receive_texts("refused")["reason"]
        client.ask({"op": "play"})
        news(client, "status", lambda told: told["paused"] and told["tick"] == ticks[-1])
        assert ended(player) == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "8000"], "8000 was asked for without --view"),
        (["--public-url", "https://a.b/"], "was asked for without --view"),
        (["--view-bandwidth", "3"], "was asked for without --view"),
        (["--frames-every", "3"], "3 was asked for without --record-frames"),
        (["--view", "page", "--public-url", "city"], "allowed is an address like https://host/city/"),
        (["--view", "page", "--public-url", "https://a.b/#x"], "without ? and #"),
        (["--view", "page", "--view-bandwidth", "none"], "a positive number of megabytes per second"),
        (["--view", "page", "--port", "70000"], "allowed are whole numbers from 0 to 65535"),
        (["--record-frames", "{full}"], "an empty folder, or one that is not there yet"),
        (["--record-frames", "{full}/a/b"], "there is no folder"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    options: list[str], said: str, walkers: Path, tmp_path: Path, monkeypatch, capsys
):
    words = [option.replace("{full}", str(tmp_path)) for option in options]
    told = refused(monkeypatch, capsys, "run", walkers, *words)
    assert said in re.sub(r"\s*│?\n│?\s*", " ", told)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("http://127.0.0.1:80/", "a link is what a run prints, with everything behind '#'"),
        ("ftp://127.0.0.1/#token=x", "a link is what a run prints"),
        ("{empty}", "A recording in"),
        ("{empty}/absent", "A recording in"),
        ("{broken}", "it has no whole frame"),
    ],
)
def test_what_cannot_be_viewed_is_refused(where: str, said: str, tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "meta.json").write_text(json.dumps({"app": "x"}))
    (tmp_path / "broken" / "index.jsonl").write_text('{"tick": 3, "file": "frames-000000.wvf"')
    named = where.replace("{empty}", str(tmp_path / "empty")).replace("{broken}", str(tmp_path / "broken"))
    told = refused(monkeypatch, capsys, "view", named, "--no-browser")
    assert said in told
    assert told.startswith("error: ")


def test_a_link_opens_the_browser(tmp_path: Path):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o755)
    link = "http://127.0.0.1:9/#token=abc"
    out = subprocess.run(
        [sys.executable, "-m", "weaver.cli", "view", link], capture_output=True, text=True, timeout=60,
        env={**environment(), "BROWSER": f"{browser} %s"},
    )  # fmt: skip
    assert (out.returncode, out.stderr) == (0, "")
    assert until(lambda: opened.exists() and opened.read_text()) == link


def test_a_wrong_token_is_refused(walkers: Path):
    with weaver("run", walkers, "--view", "page") as (_, links), pytest.raises(AccessError):
        Client(links["view"][:-3] + "xyz")
