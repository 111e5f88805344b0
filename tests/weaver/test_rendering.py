"""`weaver render`: from an app or a recording to pictures."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.viewer.pictures import needs_open3d, pixels
from tests.viewer.test_render import frames_of, needs_ffmpeg
from tests.weaver.refusal import refused
from viewer.recording import Recorder
from weaver.load import UsageError, load_app
from weaver.rendering import Rendering
from weaver.view import picture_frame, world_meta

pytest.importorskip("numba")

APP = """
import weaver as wv

class Grass(wv.Layer, resolution=2.0):
    height: float

class Bird(wv.Entity):
    velocity: wv.Vec2
    energy: float

sim = wv.Simulation(wv.Box(40, 40, boundary="periodic"), seed=7, dt=1.0)
speed = sim.parameter("speed", 1.0, low=0, high=5)

@sim.behavior
def fly(bird: Bird, world: wv.World):
    bird.position += speed * bird.velocity * world.dt
    bird.energy += 1.0
    world.deposit(Grass, bird.position, height=1.0)

sim.scatter(Bird, 60, velocity=lambda rng: rng.unit2(), energy=lambda rng: rng.uniform(0, 9))

if __name__ == "__main__":
    sim.run(ticks=6)
"""


@pytest.fixture
def app(tmp_path):
    path = tmp_path / "birds.py"
    path.write_text(APP)
    return str(path)


def stills(folder):
    return [pixels(path) for path in sorted(folder.iterdir())]


@pytest.mark.slow
@needs_open3d
def test_a_folder_gets_a_picture_of_every_kth_tick(app, tmp_path, capsys):
    out = tmp_path / "frames"
    assert Rendering(app, out, every=2, size=(160, 160)).run() == 0
    shown = stills(out)
    assert len(shown) == 4  # ticks 0, 2, 4 and 6, the last as the app says
    assert all((a != b).any() for a, b in itertools.pairwise(shown))
    assert capsys.readouterr().out == f"{out}: 4 pictures\n"


@needs_open3d
@needs_ffmpeg
def test_a_movie_has_the_right_number_of_pictures(app, tmp_path):
    assert Rendering(app, tmp_path / "a.mp4", ticks=5, size=(160, 120), turn=30).run() == 0
    assert frames_of(tmp_path / "a.mp4").shape == (6, 120, 160, 3)


@pytest.mark.slow
@needs_open3d
def test_a_still_is_the_last_tick_whatever_runs_it(app, tmp_path):
    for name, options in (("a", {}), ("b", {"partitions": 4, "threads": 2})):
        assert Rendering(app, tmp_path / f"{name}.png", size=(160, 160), colour="energy", **options).run() == 0
    Rendering(app, tmp_path / "frames", size=(160, 160), colour="Bird.energy").run()
    one, two = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    # Partitions are drawn where there are several, the rest is the same.
    assert (one != two).any(axis=2).mean() < 0.05
    assert one.shape == stills(tmp_path / "frames")[-1].shape


@pytest.mark.slow
@needs_open3d
def test_parameters_and_seed_are_passed_on(app, tmp_path):
    made = []
    for k, options in enumerate(({}, {"parameters": {"speed": "0"}}, {"seed": 8})):
        Rendering(app, tmp_path / f"{k}.png", size=(160, 160), **options).run()
        made.append(pixels(tmp_path / f"{k}.png"))
    assert (made[0] != made[1]).any() and (made[0] != made[2]).any()


@pytest.mark.slow
@needs_open3d
def test_a_recording_looks_as_the_run_does(app, tmp_path):
    from partitions.frames import encode

    _, simulation = load_app(app)
    with simulation.start() as run:
        recorder = Recorder(tmp_path / "kept", world_meta(run, 4))
        for tick in range(5):
            recorder.write(tick, encode(picture_frame(run)))
            run.step(1)
        recorder.close()
    Rendering(app, tmp_path / "run", ticks=4, size=(160, 160)).run()
    Rendering(str(tmp_path / "kept"), tmp_path / "recording", size=(160, 160)).run()
    run_stills, recorded = stills(tmp_path / "run"), stills(tmp_path / "recording")
    assert len(recorded) == 5
    assert all(np.array_equal(a, b) for a, b in zip(run_stills, recorded, strict=True))
    Rendering(str(tmp_path / "kept"), tmp_path / "still.png", ticks=2, size=(160, 160)).run()
    assert np.array_equal(pixels(tmp_path / "still.png"), run_stills[2])
    for options, says in (
        ({"parameters": {"speed": "2"}}, "--set; it is a recording.*render the app"),
        ({"colour": "energy"}, "holds of Bird no field.*Leave --colour out"),
    ):
        with pytest.raises(UsageError, match=f"(?s){says}"):
            Rendering(str(tmp_path / "kept"), tmp_path / "a.png", **options).run()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"colour": "enery"}, "'enery'.*coloured by type, direction, velocity, energy, height.*--colour energy"),
        ({"camera": "5"}, "'5' was asked for.*--camera"),
        ({"out": Path("nowhere/a.png")}, "folder .*nowhere does not exist"),
        ({"out": Path("a.gif")}, "end in .mp4, .webm or .png"),
        ({"what": "nosuch"}, "nosuch"),
    ],
)
def test_what_cannot_be_is_told_before_the_run(app, tmp_path, options, says):
    with pytest.raises(UsageError, match=f"(?s){says}"):
        Rendering(**({"what": app, "out": tmp_path / "a.png"} | options)).run()
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".png") == []


def test_an_empty_folder_is_no_recording(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"(?s)empty"):
        Rendering(str(tmp_path / "empty"), tmp_path / "a.png").run()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--size", "10"], "allowed is WIDTHxHEIGHT"),
        (["--fps", "0"], "0.1 to 240 pictures per second"),
        (["--every", "0"], "whole numbers from 1"),
        (["--set", "speed"], "NAME=VALUE"),
    ],
)
def test_the_command_says_what_it_takes(app, tmp_path, monkeypatch, capsys, arguments, says):
    told = refused(monkeypatch, capsys, "render", app, "--out", tmp_path / "a.png", *arguments)
    assert says in " ".join(told.replace("│", " ").split())


@needs_open3d
@needs_ffmpeg
def test_an_interrupted_movie_leaves_nothing(app, tmp_path):
    command = [sys.executable, "-m", "weaver.cli", "render", app, "--ticks", "100000", "--size", "64x64"]
    with subprocess.Popen([*command, "--out", str(tmp_path / "a.mp4")], stderr=subprocess.PIPE, text=True) as process:
        while not any(path.name.startswith(".a.part") for path in tmp_path.iterdir()):
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert "stopped by SIGINT; nothing was written" in said
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"birds.py"}
