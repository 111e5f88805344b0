"""How entities and layers look: what a class may say, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import weaver as wv

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


def declare(base: type = wv.Entity, **view: object) -> type:
    class Bird(base, view=view, **({"resolution": 1.0} if base is wv.Layer else {})):  # type: ignore[misc, call-arg]
        velocity: wv.Vec2
        energy: float

    return Bird


def test_a_view_is_kept_and_inherited():
    bird = declare(model="dart", size=2, color="#4CC9F0", color_by="energy")
    assert dict(bird.__view__) == {"model": "dart", "size": 2.0, "color": "#4cc9f0", "color_by": "energy"}

    class Hawk(bird, view={"color": "#ff0000"}):  # type: ignore[misc, valid-type]
        prey: int

    assert dict(Hawk.__view__) == {**bird.__view__, "color": "#ff0000"}
    assert dict(declare(wv.Layer, color_by="energy").__view__) == {"color_by": "energy"}
    assert dict(declare(color_by="direction").__view__) == {"color_by": "direction"}


@pytest.mark.parametrize(
    ("view", "first", "last"),
    [
        ({"colour": "#ffffff"}, "a view holds model, size, color, color_by", 'Write view={"color": "#4cc9f0"}'),
        ({"modle": "car"}, "Bird was declared with view={'modle': 'car'}", 'Write view={"model": "dart"}'),
        ({"model": "darts"}, "models are point, disc, cone, arrow, dart, box, person, car, ball", '"model": "dart"'),
        ({"model": 3}, "Bird was declared with the model 3", '"model": "dart"'),
        ({"model": "none.glb"}, "there is no such file in", "Give the path from the folder of the file"),
        ({"model": "bird.fbx"}, "files that end in .glb, .obj, .stl", "or name a file"),
        ({"size": 0}, "a size is a positive length", 'Write view={"size": 2.0}'),
        ({"size": float("inf")}, "a size is a positive length", 'Write view={"size": 2.0}'),
        ({"size": "2 m"}, "the size '2 m'", 'Write view={"size": 2.0}'),
        ({"size": True}, "the size True", 'Write view={"size": 2.0}'),
        ({"color": "red"}, 'a color is written "#rrggbb"', 'Write view={"color": "#4cc9f0"}'),
        ({"color": "#fff"}, 'a color is written "#rrggbb"', 'Write view={"color": "#4cc9f0"}'),
        ({"color_by": "enrgy"}, "color_by='enrgy'; it has velocity, energy, direction", '"color_by": "energy"'),
        ({"color_by": 3}, "color_by=3", '"color_by": "velocity"'),
    ],
)
def test_what_makes_no_sense_is_refused_in_three_sentences(view: dict, first: str, last: str):
    with pytest.raises(wv.ModelError) as error:
        declare(**view)
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert first in lines[0]
    assert last in lines[2]


def test_a_view_is_a_dict_and_a_layer_has_only_color_by():
    with pytest.raises(wv.ModelError, match="a view is a dict with model, size, color, color_by"):

        class Bird(wv.Entity, view="dart"):
            pass

    with pytest.raises(wv.ModelError, match="a view holds color_by"):
        declare(wv.Layer, model="dart")
    with pytest.raises(wv.ModelError, match='for \'direction\' it has neither "velocity" nor "heading"'):

        class Rock(wv.Entity, view={"color_by": "direction"}):
            weight: float


@pytest.mark.slow
def test_a_model_is_looked_for_beside_the_file_that_declares_it(tmp_path: Path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "bird.obj").write_text(TRIANGLE)
    app = tmp_path / "own.py"
    app.write_text(
        "import weaver as wv\n\n"
        'class Bird(wv.Entity, view={"model": "models/bird.obj", "size": 2.0}):\n    speed: float\n\n'
        "sim = wv.Simulation(wv.Box(10, 10))\nsim.scatter(Bird, 3)\n"
    )
    check = [sys.executable, "-m", "weaver.cli", "check", str(app)]
    assert subprocess.run(check, cwd="/", capture_output=True, timeout=60).returncode == 0
    app.write_text(app.read_text().replace("bird.obj", "brid.obj"))
    out = subprocess.run(check, cwd="/", capture_output=True, text=True, timeout=60)
    assert out.returncode == 1
    assert "own.py, line 3:\n    class Bird(wv.Entity" in out.stderr
    assert f"there is no such file in {tmp_path}" in out.stderr
