"""The crowd at the door against the recorded one, over six seeds, and from the synthetic start too."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

from partitions.local import Local
from weaver.compiler import compile
from weaver.load import load_app
from weaver.simulation import Simulation

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [Path(os.environ[name]) for name in ("WEAVER_DATA",) if name in os.environ]
DATA = next(
    (f for f in (*FOLDERS, ROOT / "shared" / "data", ROOT.parent / "shared" / "data") if (f / "bottleneck").is_dir()), None
)  # fmt: skip
ABSENT = (
    "the recording is not here: WEAVER_DATA names no folder with bottleneck/, and shared/data is not beside the repo"
)


class Crossing(NamedTuple):
    """What one seed gave; lengths in metres, times in seconds."""

    times: np.ndarray
    """When each one passed the door, ascending; -1 for those who did not."""
    overlap: float
    """Largest overlap of two bodies after any tick."""
    clearance: float
    """Least distance of a centre from a wall after any tick."""
    inside: int
    """Centres found inside a barrier, over all ticks."""
    ids: np.ndarray

    @property
    def flow(self) -> float:
        """People per second between the first and the last."""
        return (len(self.times) - 1) / float(self.times[-1] - self.times[0])


def polygons(app: ModuleType) -> list[np.ndarray]:
    """The two barriers, (9, 2) each."""
    return [np.array(corners) for corners in app.BARRIERS]


def walls(app: ModuleType) -> np.ndarray:
    """Their sides, (18, 4): start and extent."""
    return np.vstack([np.hstack([each, np.roll(each, -1, axis=0) - each]) for each in polygons(app)])


def inside(places: np.ndarray, polygon: np.ndarray) -> int:
    """How many of the places, (n, 2), lie in the polygon: an odd number of its sides is crossed on the way to x = -inf."""
    within = np.zeros(len(places), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:
            spans = (y0 > places[:, 1]) != (y1 > places[:, 1])
            within ^= spans & (places[:, 0] > (x1 - x0) * (places[:, 1] - y0) / (y1 - y0) + x0)
    return int(within.sum())


def from_walls(places: np.ndarray, sides: np.ndarray) -> float:
    """The least distance of a place, (n, 2), from a side of a wall, (m, 4): start and extent."""
    least = math.inf
    for start, extent in zip(sides[:, :2], sides[:, 2:], strict=True):
        away = places - start
        away -= np.clip(away @ extent / (extent @ extent), 0, 1)[:, None] * extent
        least = min(least, float((away**2).sum(1).min()))
    return math.sqrt(least)


def closest(places: np.ndarray) -> float:
    """The least distance of two people at one moment; places are (ticks, n, 2)."""
    first, second = np.triu_indices(places.shape[1], 1)
    pieces = np.array_split(places, max(1, len(places) // 100))
    return math.sqrt(min(float(((p[:, first] - p[:, second]) ** 2).sum(2).min()) for p in pieces))


def crossing(app: ModuleType, simulation: Simulation) -> Crossing:
    """Run to the end and look at everybody after every tick."""
    program = compile(simulation)
    names = [column.name for column in program.types[0].columns]
    x, y, crossed = (names.index(name) for name in ("position.x", "position.y", "crossed"))
    path = []
    with Local(program) as runtime:
        for tick in range(1, app.TICKS + 1):
            runtime.advance(tick)
            ids, columns = runtime.rows(0)
            path.append(np.stack([columns[x], columns[y]], axis=1))
    places = np.stack(path)
    rows = places.reshape(-1, 2)
    return Crossing(
        times=np.sort(columns[crossed]),
        overlap=app.BODY - closest(places),
        clearance=from_walls(rows, walls(app)),
        inside=sum(inside(rows, polygon) for polygon in polygons(app)),
        ids=ids,
    )


@pytest.fixture(scope="module", params=[
    pytest.param(("recorded", range(1, 7)), marks=pytest.mark.slow), ("recorded", range(1, 3)), ("synthetic", range(1, 3)),
], ids=["recorded, six times", "recorded", "synthetic"])  # fmt: skip
def crossings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Crossing]:
    """A run for each of some seeds, from the recorded start or the synthetic one."""
    start, seeds = request.param
    with pytest.MonkeyPatch.context() as patch:
        if start == "recorded":
            if DATA is None:
                pytest.skip(ABSENT)
            patch.setenv("WEAVER_DATA", str(DATA))
        else:
            patch.delenv("WEAVER_DATA", raising=False)
            patch.chdir(tmp_path_factory.mktemp("nothing"))
        made = []
        for seed in seeds:
            app, simulation = load_app("bottleneck", seed)
            assert (app.found is None) == (start == "synthetic")
            made.append(crossing(app, simulation))
    return made


def test_the_flow_is_within_15_percent_of_the_recorded_one(crossings: list[Crossing]) -> None:
    flows = [one.flow for one in crossings]
    assert np.mean(flows) == pytest.approx(1.148, rel=0.15), flows
    assert all(0.85 < flow / 1.148 < 1.15 for flow in flows), flows


def test_everybody_gets_through_and_nobody_is_lost(crossings: list[Crossing]) -> None:
    for one in crossings:
        assert one.ids.tolist() == list(range(75))
        assert one.times.min() > 0
        assert np.diff(one.times).max() < 10.0, "a jam"


def test_nobody_enters_a_wall(crossings: list[Crossing]) -> None:
    assert [one.inside for one in crossings] == [0] * len(crossings)
    assert min(one.clearance for one in crossings) > 0.14, "a body's radius is 0.15 m"


def test_bodies_overlap_by_less_than_a_fifth_of_a_diameter(crossings: list[Crossing]) -> None:
    assert max(one.overlap for one in crossings) < 0.2 * 0.3


def test_seeds_differ(crossings: list[Crossing]) -> None:
    assert len({one.flow for one in crossings}) == len(crossings)


def test_a_place_in_a_barrier_is_found_there() -> None:
    app, _ = load_app("bottleneck")
    places = np.array([[0.3, -0.5], [2.9, 3.0], [0.0, 0.0], [1.5, -0.6], [1.5, 2.0]])
    assert [inside(places, polygon) for polygon in polygons(app)] == [0, 2]
    assert from_walls(places[2:3], walls(app)) == pytest.approx(math.hypot(0.25, 0.15))


def test_the_synthetic_start_is_free_of_walls_and_overlaps() -> None:
    app, _ = load_app("bottleneck")
    places = app.synthetic_start()
    assert places.shape == (75, 2)
    assert closest(places[None]) > 0.39
    assert from_walls(places, walls(app)) > app.BODY / 2
    assert [inside(places, polygon) for polygon in polygons(app)] == [0, 0]


@pytest.mark.skipif(DATA is None, reason=ABSENT)
def test_the_app_repeats_the_facts_of_the_recording() -> None:
    assert DATA is not None
    app, _ = load_app("bottleneck")
    facts = json.loads((DATA / "bottleneck" / "facts.json").read_text(encoding="utf-8"))
    assert (facts["mean_flow_per_s"], facts["median_headway_s"]) == (app.RECORDED_FLOW, app.RECORDED_HEADWAY)
    assert facts["pedestrians"] == app.PEOPLE == len(app.recorded_start(DATA / app.RECORDING))
    shapes = json.loads((DATA / "bottleneck" / "geometry.json").read_text(encoding="utf-8"))["obstacles"]
    for shape, polygon in zip(shapes, polygons(app), strict=True):
        for x, y in shape:  # a corner of a barrier lies on the app's outline of it
            sides = np.hstack([polygon, np.roll(polygon, -1, axis=0) - polygon])
            assert from_walls(np.array([[x, y]]), sides) < 1e-9


def test_the_report_names_flow_and_headway_beside_the_recorded_ones() -> None:
    app, simulation = load_app("bottleneck")
    said = app.report(simulation.run(ticks=400))
    assert "of 75 people crossed, from " in said
    assert "per second (recorded 1.148), median headway" in said
    assert said.endswith("s (recorded 0.84)")
