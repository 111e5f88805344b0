"""The player: what a recording shows is what the run would have shown, and its viewers steer it."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from partitions.frames import Frame, coordinates, encode, merge
from partitions.interest import Histogram, Interest, Wanted
from partitions.portion import portion
from partitions.still import Still
from viewer.client import Client
from viewer.hub import Hub
from viewer.player import Player, Recorded
from viewer.recording import Recorder, Recording

LOW, HIGH = (0.0, 0.0, 0.0), (40.0, 20.0, 0.0)
META: dict[str, Any] = {
    "app": "birds", "dim": 2, "low": LOW, "high": HIGH, "boundary": ["periodic"] * 2, "workers": 2, "ticks": 40,
    "types": [
        {
            "name": "Bird", "heading": True, "radius": 3.0, "view": {"color_by": "energy"},
            "fields": [{"name": n, "kind": k} for n, k in (("velocity", "vector"), ("energy", "float"), ("age", "int"))],
        },
        {"name": "Rock", "heading": False, "radius": None, "view": {"color_by": "kind"}, "fields": [
            {"name": "kind", "kind": "enum", "labels": {"0": "A", "1": "B"}},
        ]},
    ],
    "layers": [
        {"name": "Soil", "fields": [{"name": "wet", "kind": "float"}], "shape": [1, 10, 20], "resolution": 2.0,
         "view": {}},
        {"name": "Grass", "fields": [{"name": "height", "kind": "float"}, {"name": "kind", "kind": "enum"}],
         "shape": [1, 10, 20], "resolution": 2.0, "view": {"color_by": "kind"}},
    ],
    "parameters": [{"name": "match", "value": 0.5, "low": 0, "high": 1, "fixed": False}],
    "observations": [{"name": "n", "statistic": "count"}],
    "partitions": [],
}  # fmt: skip
WHOLE = Interest(
    3, grid=512, types=(Wanted(0, "points", ("energy",)), Wanted(1, "points", ("kind",))),
    layers=((1, "height", False), (0, "wet", False)),
)  # fmt: skip


def world(tick: int) -> Still:
    random = np.random.default_rng(tick)
    birds = {
        "position.x": random.uniform(0, 40, 300), "position.y": random.uniform(0, 20, 300),
        "velocity.x": random.normal(size=300), "velocity.y": random.normal(size=300),
        "energy": random.uniform(0, 8, 300) + tick, "age": np.arange(300),
    }  # fmt: skip
    rocks = {"position.x": np.array([3.0, 9.0]), "position.y": np.array([5.0, 5.0]), "kind": np.array([1, 0])}
    soil = {"wet": random.uniform(-3, 5, (1, 10, 20))}
    grass = {"height": random.uniform(0, 1, (1, 10, 20)), "kind": random.integers(0, 3, (1, 10, 20))}
    types = [(np.arange(300) + 1000, birds), (np.array([7, 8]), rocks)]
    return Still(2, LOW, HIGH, types, [(2.0, soil), (2.0, grass)])


def frame(tick: int, interest: Interest = WHOLE) -> Frame:
    return merge([portion(world(tick), interest, tick)])


def replayed(interest: Interest, tick: int = 5, recorded: Interest = WHOLE) -> Frame:
    """What a viewer with this interest gets of a recording."""
    shown = Recorded(META, frame(tick, recorded))
    return merge([portion(shown.still(frame(tick, recorded)), interest, tick)])


def test_an_area_and_a_condition_are_honoured_as_in_the_run():
    where = ["<", ["field", "energy"], ["number", 9.0]]
    interest = Interest(1, area=((5.0, 2.0, 0.0), (25.0, 12.0, 0.0)), types=(Wanted(0, "points", ("energy",), where),))
    live, played = frame(5, interest).blocks[0], replayed(interest).blocks[0]
    assert 0 < played.about["in_area"] < 300
    # A position is recorded to 1/65535 of the world, so one at the very edge may fall on its other side.
    assert abs(played.about["in_area"] - live.about["in_area"]) <= 1
    both, a, b = np.intersect1d(live.arrays["ids"], played.arrays["ids"], return_indices=True)
    assert len(both) >= live.about["in_area"] - 1
    assert_array_equal(played.arrays["column0"][b], live.arrays["column0"][a])
    assert_allclose(
        coordinates(replayed(interest), played)[b], coordinates(frame(5, interest), live)[a], atol=40 / 65535
    )
    assert np.abs(played.arrays["heading"][b].astype(int) - live.arrays["heading"][a]).max() <= 2


def test_densities_histograms_and_selections_come_of_the_recorded_rows():
    interest = Interest(
        1, grid=16, types=(Wanted(0, "density"), Wanted(1, "points", ("kind",))), selected=(1005, 7),
        histograms=(Histogram(0, "energy", 10, 0.0, 20.0),),
    )  # fmt: skip
    live, played = frame(5, interest), replayed(interest)
    assert played.find("density").arrays["counts"].sum() == 300
    assert (
        np.abs(played.find("density").arrays["counts"].astype(int) - live.find("density").arrays["counts"]).sum() <= 4
    )
    assert_array_equal(played.find("histogram").arrays["counts"], live.find("histogram").arrays["counts"])
    rows = {row["id"]: row["fields"] for row in played.find("selected").about["rows"]}
    assert rows[7]["kind"] == 1
    assert rows[1005]["energy"] == pytest.approx(
        next(row for row in live.find("selected").about["rows"] if row["id"] == 1005)["fields"]["energy"], rel=1e-6
    )


def test_layers_come_back_in_their_own_numbers():
    played = replayed(Interest(1, layers=((0, "height", False), (1, "wet", False))))
    assert_allclose(played.find("layer", layer=1).about["range"], frame(5).find("layer", layer=0).about["range"])
    assert_allclose(
        played.find("layer", layer=0).arrays["values"], frame(5).find("layer", layer=1).arrays["values"], atol=2e-3
    )


def test_what_was_recorded_as_a_crowd_is_shown_as_one():
    crowd = Interest(3, grid=32, types=(Wanted(0, "density"), Wanted(1, "points")))
    played = replayed(Interest(1, grid=32, types=(Wanted(0, "density"),)), recorded=crowd)
    assert_array_equal(played.blocks[0].arrays["counts"], frame(5, crowd).find("density").arrays["counts"])
    points = replayed(Interest(1, types=(Wanted(0),)), recorded=crowd).blocks[0]
    assert points.about["in_area"] == 300
    assert (points.arrays["ids"] < 0).all()


def test_only_what_was_recorded_is_offered():
    meta = Recorded(META, frame(5)).meta
    assert [field["name"] for field in meta["types"][0]["fields"]] == ["energy"]
    assert meta["types"][1]["fields"] == META["types"][1]["fields"]
    assert [layer["name"] for layer in meta["layers"]] == ["Grass", "Soil"]
    assert meta["layers"][0]["view"] == {}  # it was to be coloured by its kind, which is not there
    assert (meta["workers"], meta["observations"], meta["parameters"][0]["fixed"]) == (1, [], True)
    velocity = Interest(3, types=(Wanted(0, "points", ("velocity",)),))
    shown = Recorded(META, frame(5, velocity))
    assert shown.meta["types"][0]["fields"] == [{"name": "velocity", "kind": "float"}]
    again = merge([portion(shown.still(frame(5, velocity)), velocity, 5)]).blocks[0]
    assert_array_equal(again.arrays["column0"], frame(5, velocity).blocks[0].arrays["column0"])
    assert "heading" in again.arrays


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Recorder(tmp_path / "frames", META | {"live": True}) as recorder:
        for tick in (0, 10, 20, 30):
            recorder.write(tick, encode(frame(tick)))
    return tmp_path / "frames"


class Playing:
    """A player at work in a thread, with one viewer."""

    def __init__(self, folder: Path, loop: bool = False) -> None:
        player = Player(Recording(folder), loop)
        self._hub, self._stopped = Hub.start(player.meta), threading.Event()
        self._thread = threading.Thread(target=player.play, args=(self._hub, self._stopped.is_set))
        self._thread.start()
        self.client = Client(self._hub.url)

    def __enter__(self) -> Playing:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._stopped.set()
        self._thread.join()
        self._hub.close()

    def told(self, **wanted: Any) -> dict[str, Any]:
        """The first status that says this."""
        while True:
            status = self.client.receive_texts("status")
            if all(status[key] == value for key, value in wanted.items()):
                return status
            del self.client.news["status"]

    def ask(self, op: str, **values: Any) -> None:
        self.client.news.pop("status", None)
        self.client.ask({"op": op, **values})


def test_viewers_pause_step_seek_and_play_a_recording(folder: Path):
    with Playing(folder) as playing:
        assert playing.told(paused=True, tick=30)["entities"] == {"Bird": 300, "Rock": 2}  # it has come to its end
        playing.ask("seek", tick=15)
        playing.told(tick=10, paused=True)
        playing.ask("step", n=1)
        playing.told(tick=20, paused=True)
        playing.client.interest(types={"Bird": {"fields": ["energy"]}})
        while (shown := playing.client.frame(20)).tick != 20:
            playing.client.drawn()
        assert_allclose(shown.find("points").arrays["column0"], frame(20).blocks[0].arrays["column0"])
        playing.client.drawn()
        playing.ask("step", n=9)
        playing.told(tick=30, paused=True)
        playing.ask("play")  # from the beginning
        playing.told(paused=False)
        playing.told(tick=30, paused=True)
        playing.ask("set", values={"match": 0.1})
        assert "no model to change" in playing.client.receive_texts("refused")["reason"]


def test_a_rate_is_kept_and_a_loop_begins_again(folder: Path):
    with Playing(folder, loop=True) as playing:
        playing.ask("rate", hz=60)  # a frame in a sixth of a second
        playing.told(rate=60.0)
        seen: list[int] = []
        while len(seen) < 9:
            tick = playing.told()["tick"]
            del playing.client.news["status"]
            if not seen or seen[-1] != tick:
                seen.append(tick)
        assert set(seen) <= {0, 10, 20, 30}
        assert any(after < before for before, after in pairwise(seen))
        playing.ask("pause")
        playing.told(paused=True)
