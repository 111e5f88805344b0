"""What viewers are told of a world."""

from __future__ import annotations

import enum
import json
from pathlib import Path

import numpy as np
import pytest

import weaver as wv
from partitions.frames import coordinates
from partitions.interest import Interest, Wanted
from weaver.view import models_of, picture_frame, world_meta


class Mood(enum.IntEnum):
    CALM = 3
    WILD = 7


class Bird(wv.Entity, view={"model": "dart", "size": 2.0, "color_by": "mood"}):
    velocity: wv.Vec2
    mood: Mood
    memory: wv.Array[float, 4]
    tired: bool
    age: int


class Rock(wv.Entity):
    heading: float


class Grass(wv.Layer, resolution=2.0, view={"color_by": "kind"}):
    height: float
    kind: Mood


def world() -> wv.Simulation:
    sim = wv.Simulation(wv.Box(20, 10, boundary=("periodic", "clamp")), seed=4, dt=0.5, name="birds")
    sight = sim.parameter("sight", 2.0, low=0, high=4, unit="m", help="how far they see")
    number = sim.parameter("number", 30, low=1)

    @sim.behavior
    def look(me: Bird, world: wv.World):
        near = world.count(me, Bird, radius=sight)
        me.age += near + world.count(me, Rock, radius=1.5)

    sim.layer(Grass, height=lambda cell: cell.position.x, kind=Mood.WILD)
    sim.scatter(Bird, int(number), velocity=wv.Vec2(1, 0), mood=Mood.WILD)
    sim.add(Rock, position=[(4.0, 5.0)])
    sim.observe("age", Bird, "age", "mean")
    sim.observe("wind", Bird, "velocity", "mean")
    sim.observe("ages", Bird, "age", "histogram", bins=(0.0, 50.0, 10))
    sim.geometry(segments=[[(0, 0), (20, 10)]])
    return sim


def test_a_world_is_described_as_the_views_need_it():
    with world().start(partitions=2) as run:
        meta = json.loads(json.dumps(world_meta(run, 100), allow_nan=False))
    assert (meta["app"], meta["dim"], meta["boundary"]) == ("birds", 2, ["periodic", "clamp"])
    assert (meta["low"], meta["high"]) == ([0, 0, 0], [20, 10, 0])
    assert (meta["ticks"], meta["dt"], meta["seed"], meta["workers"], meta["live"]) == (100, 0.5, 4, 1, True)
    bird, rock = meta["types"]
    assert bird["fields"] == [
        {"name": "velocity", "kind": "vector", "size": 2},
        {"name": "mood", "kind": "enum", "labels": {"3": "CALM", "7": "WILD"}},
        {"name": "memory", "kind": "array", "size": 4},
        {"name": "tired", "kind": "bool"},
        {"name": "age", "kind": "int"},
    ]
    assert (bird["heading"], bird["radius"]) == (True, 4.0)  # a parameter's high is the largest radius
    assert bird["view"] == {"model": "dart", "size": 2.0, "color_by": "mood"}
    assert (rock["heading"], rock["radius"], rock["view"]) == (False, 1.5, {})
    (grass,) = meta["layers"]
    assert (grass["name"], grass["shape"], grass["resolution"]) == ("Grass", [1, 5, 10], 2.0)
    assert (grass["view"], grass["fields"][0]) == ({"color_by": "kind"}, {"name": "height", "kind": "float"})
    assert meta["parameters"] == [
        {
            "name": "sight", "value": 2.0, "low": 0, "high": 4, "unit": "m", "help": "how far they see",
            "integer": False, "fixed": False,
        },
        {
            "name": "number", "value": 30, "low": 1, "high": None, "unit": "", "help": "", "integer": True,
            "fixed": True,
        },
    ]  # fmt: skip
    assert meta["observations"] == [
        {"name": "age", "statistic": "mean", "vector": False, "bins": None},
        {"name": "wind", "statistic": "mean", "vector": True, "bins": None},
        {"name": "ages", "statistic": "histogram", "vector": False, "bins": [0.0, 50.0, 10]},
    ]
    assert [part["number"] for part in meta["partitions"]] == [0, 1]
    assert meta["partitions"][0]["low"] == [0, 0, 0]
    assert meta["geometry"] == [[[0, 0, 0], [20, 10, 0]]]
    assert (meta["surfaces"], meta["models"]) == ([], [])


def test_a_mesh_is_told_as_lines_and_as_triangles():
    sim = wv.Simulation(wv.Box(4, 4, 4, boundary="clamp"))
    corners = [[(0, 0, 1), (4, 0, 1), (4, 4, 1)], [(0, 0, 1), (4, 4, 1), (0, 4, 1)]]
    sim.geometry(triangles=corners)
    sim.scatter(Rock, 2)
    with sim.start() as run:
        meta = world_meta(run, None)
    assert sorted(meta["surfaces"]) == sorted([[list(map(float, p)) for p in triangle] for triangle in corners])
    assert len(meta["geometry"]) == 5


def test_of_a_large_mesh_the_largest_triangles_are_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("weaver.view.MOST_TRIANGLES", 2)
    sim = wv.Simulation(wv.Box(9, 9, 9, boundary="clamp"))
    sim.geometry(triangles=[[(0, 0, 1), (s, 0, 1), (0, s, 1)] for s in (1, 4, 2, 8)])
    sim.scatter(Rock, 2)
    with sim.start() as run:
        assert [triangle[1][0] for triangle in world_meta(run, None)["surfaces"]] == [4.0, 8.0]


def test_own_models_are_read_and_named(tmp_path: Path):
    pytest.importorskip("viewer.models")
    pytest.importorskip("open3d")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "it.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")

    class Plane(wv.Entity, view={"model": str(tmp_path / "a" / "it.obj")}):
        speed: float

    class Glider(wv.Entity, view={"model": str(tmp_path / "b" / "it.obj")}):
        speed: float

    sim = wv.Simulation(wv.Box(9, 9))
    sim.scatter(Plane, 1)
    sim.scatter(Glider, 1)
    with sim.start() as run:
        meta = world_meta(run, None)
    assert [one["view"]["model"] for one in meta["types"]] == ["it.obj", "it 2.obj"]
    assert meta["models"] == ["it.obj", "it 2.obj"]
    positions, normals = models_of(sim)["it 2.obj"]
    assert positions.shape == normals.shape == (3, 3)
    assert str(tmp_path) not in json.dumps(meta)


def test_a_frame_of_a_standing_run_shows_everything():
    with world().start(partitions=2) as run:
        run.step(3)
        frame = picture_frame(run)
        birds, grass = frame.find("points", type=0), frame.find("layer", layer=0)
        assert frame.tick == 3
        table = run.entities(Bird)
        order = np.argsort(birds.arrays["ids"])
        places = table["position"].combine_chunks().flatten().to_numpy().reshape(-1, 2)
        np.testing.assert_allclose(coordinates(frame, birds)[order, :2], places, atol=1e-3)
        assert birds.about["columns"][0]["field"] == "mood"
        assert (birds.arrays["column0"] == 7).all()
        assert (grass.about["field"], grass.arrays["values"].shape) == ("kind", (1, 5, 10))
        assert (grass.arrays["values"] == 7).all()
        some = picture_frame(run, Interest(1, types=(Wanted(1),)))
        assert [block.about["type"] for block in some.blocks] == [1]
