"""The scene of the page in a real browser: what is drawn where, in which colour, and what lies under the pointer."""

import json
import math
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from partitions.frames import Block, Frame, encode
from tests.viewer.browser import CHROMIUM, FLAGS, MISSING
from tests.viewer.stage import Stage, density, points, raster, theatre, world
from viewer import colour

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
PLACES = [(100, 100), (300, 100), (300, 320), (40, 380)]
TURNS = [(1, 0), (0, 1), (-1, 0), (0, -1)]
GROUND = np.array(colour.GROUND) * 255
BARE = "Object.keys(S.shown).forEach((k) => S.shown[k] = false)"


@pytest.fixture(scope="module")
def house():
    with theatre() as (url, frames), sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser, url, frames
        browser.close()


@pytest.fixture
def stage(house):
    """A bare scene: no grid, no box, no numbers."""
    browser, url, frames = house
    made = Stage(browser, url, frames, (1280, 720), 1)
    made.value(BARE)
    yield made
    made.page.close()
    assert made.errors == []


@pytest.fixture
def shots(tmp_path):
    """Where screenshots go; WEAVER_SHOTS names a folder to keep them in."""
    folder = Path(os.environ.get("WEAVER_SHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def near(one, two, tolerance=6):
    return np.abs(np.array(one, float) - np.array(two, float)).max() <= tolerance


def of_map(stage, name, t, light=False):
    return np.array(stage.value("([m, t, l]) => colour.MAPS[m](t, l)", [name, t, light])) * 255


@pytest.mark.parametrize("ratio", [1, 2])
def test_entities_are_lit_where_they_are_and_nowhere_else(house, ratio):
    browser, url, frames = house
    stage = Stage(browser, url, frames, (640, 480), ratio)
    stage.value(BARE)
    stage.world(world())
    said = stage.show(points(PLACES, TURNS))
    assert said == {"types": {"0": "dart"}, "n": 4}
    for place, turn in zip(PLACES, (0, 0.25, 0.5, 0.75), strict=True):
        assert near(stage.pixel(*place), np.array(colour.wheel(turn)) * 255)
    for place in [(180, 180), (120, 310), (310, 210), (20, 20)]:
        assert near(stage.pixel(*place), GROUND, 1)
    stage.page.close()
    assert stage.errors == []


def test_zoomed_and_moved_they_are_still_under_the_projection(stage):
    stage.world(world())
    stage.show(points(PLACES, TURNS))
    at = stage.project(300, 320)
    stage.value("(p) => S.camera.zoom(0.2, ...p)", at)
    assert near(stage.project(300, 320), at, 1e-3)
    assert near(stage.pixel(300, 320), np.array(colour.wheel(0.5)) * 255)
    stage.value("S.camera.pan(150, -80)")
    assert near(stage.project(300, 320), (at[0] + 150, at[1] - 80), 1e-3)
    assert near(stage.pixel(300, 320), np.array(colour.wheel(0.5)) * 255)
    assert near(stage.pixel(300, 308), GROUND, 1)


def test_in_space_they_are_under_the_projection_from_all_sides(stage):
    stage.world(world(3))
    places = [(100, 100, 50), (300, 200, 150), (200, 350, 20), (390, 10, 190)]
    stage.show(points(places, high=(400, 400, 200)))
    stage.value("S.camera.distance *= 1.6")
    for azimuth, elevation in [(-0.6, 0.5), (2.1, -0.4), (0.3, 1.4)]:
        stage.value("([a, e]) => Object.assign(S.camera, {azimuth: a, elevation: e})", [azimuth, elevation])
        for place in places:
            assert stage.pixel(*place).max() > 60
        assert near(stage.pixel(200, 200, 100), GROUND, 1)


def test_colours_of_a_column_equal_the_map(stage):
    stage.world(world())
    values = np.array([2.0, 4.0, 6.0, 10.0])
    stage.show(points(PLACES, columns=[("age", values[::-1]), ("energy", values)]))
    for name in ("ramp", "heat", "moss", "grey", "diverging", "wheel"):
        for light in (False, True):
            stage.value("([m, l]) => { S.setTheme(l); S.setStyle(0, {by: 1, map: m}); }", [name, light])
            for place, value in zip(PLACES, values, strict=True):
                t = (value - 2) / 8 * (255 / 256 if name == "wheel" else 1)
                assert near(stage.pixel(*place), of_map(stage, name, t, light), 4)
    stage.value("S.setTheme(false), S.setStyle(0, {map: 'ramp', range: [0, 20]})")
    assert near(stage.pixel(*PLACES[3]), of_map(stage, "ramp", 0.5), 4)
    stage.value("S.setStyle(0, {by: 'type', rgb: [1, 0.5, 0]})")
    assert near(stage.pixel(*PLACES[3]), (255, 128, 0))


def test_labels_have_their_own_colours_and_what_is_no_number_is_grey(stage):
    stage.world(world())
    stage.show(points(PLACES, columns=[("kind", [0, 2, 7, math.nan])]))
    stage.value("S.setStyle(0, {by: 0, labels: {0: [1, 0, 0], 2: [0, 0, 1]}})")
    assert near(stage.pixel(*PLACES[0]), (255, 0, 0))
    assert near(stage.pixel(*PLACES[1]), (0, 0, 255))
    assert near(stage.pixel(*PLACES[2]), np.array(stage.value("colour.labelColour(7, false)")) * 255)
    assert near(stage.pixel(*PLACES[3]), (128, 128, 128))


def test_python_and_javascript_make_the_same_colours(stage):
    for t in np.linspace(0, 1, 11):
        for name in ("ramp", "wheel"):
            assert near(stage.value(f"colour.{name}({t}, false)"), getattr(colour, name)(t), 1e-6)


def test_maps_grow_evenly_lighter(stage):
    for name in ("ramp", "heat", "moss", "grey"):
        lightness = stage.value(
            f"Array.from({{length: 21}}, (_, k) => colour.perceived(colour.MAPS.{name}(k / 20, false))[0])"
        )
        steps = np.diff(lightness)
        assert steps.min() > 0.4 * steps.mean(), name


@pytest.mark.parametrize("model", ["arrow", "car", "box", "dart", "cone"])
@pytest.mark.parametrize("turn", [0.0, 0.9, 2.4])
def test_a_model_on_a_map_stands_along_its_heading(stage, model, turn):
    stage.world(world())
    ahead, side = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
    stage.value("(m) => S.setStyle(0, {model: m, size: 100, by: 'type'})", model)
    said = stage.show(points([(200, 200)], [tuple(ahead)]))
    assert said["types"]["0"] == ("dart" if model in ("dart", "cone") else model)
    centre = np.array([200, 200])
    front = 0.44 if model != "car" else 0.47
    assert stage.pixel(*(centre + front * 100 * ahead)).max() > 60
    assert near(stage.pixel(*(centre + 0.45 * 100 * side)), GROUND, 1)
    assert near(stage.pixel(*(centre + 0.63 * 100 * ahead)), GROUND, 1)


def test_models_in_space_stand_along_their_heading(stage):
    stage.world(world(3))
    stage.value("S.setStyle(0, {model: 'arrow', size: 120, by: 'type'})")
    for ahead in np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (-0.6, 0, 0.8), (0.36, 0.48, -0.8)]):
        stage.show(points([(200, 200, 100)], [tuple(ahead)], high=(400, 400, 200)))
        other = np.cross(ahead, [0.3, 0.9, -0.2])
        other /= np.linalg.norm(other)
        centre = np.array([200, 200, 100])
        for far in (-0.47, 0.0, 0.2, 0.46):
            assert stage.pixel(*(centre + 120 * far * ahead)).max() > 55
        assert near(stage.pixel(*(centre + 120 * 0.46 * other)), GROUND, 1)


def test_an_own_model_is_drawn_as_it_came(stage):
    corners = np.array([[0.5, 0, 0], [-0.5, 0.5, 0], [-0.5, 0.1, 0]], np.float32)  # only on the left of its way
    normals = np.tile(np.array([0, 0, 1], np.float32), (3, 1))
    head = json.dumps(
        {"model": "fish.glb", "arrays": [["positions", "f4", [3, 3]], ["normals", "f4", [3, 3]]]}
    ).encode()
    head += b" " * (-(len(head) + 8) % 8)
    stage.frames["fish"] = (
        struct.pack("<4sI", b"WVM1", len(head))
        + head
        + b"".join(a.tobytes() + b"\0" * (-a.nbytes % 8) for a in (corners, normals))
    )
    stage.value("model('fish')")
    meta = world()
    meta["types"][0]["view"] = {"model": "fish.glb", "size": 80}
    stage.world(meta)
    assert stage.show(points([(200, 200)], [(0, 1)]))["types"]["0"] == "fish.glb"
    assert stage.pixel(200 - 0.25 * 80, 200 - 0.4 * 80).max() > 60
    assert near(stage.pixel(200 + 0.25 * 80, 200 - 0.4 * 80), GROUND, 1)


def test_size_follows_a_column(stage):
    stage.world(world())
    stage.value("S.setStyle(0, {size: 40, by: 'type', sizeBy: 0, model: 'disc'})")
    stage.show(points(PLACES[:2], columns=[("mass", [1, 5])]))
    for (x, y), factor in zip(PLACES, (0.4, 2.0), strict=False):
        assert stage.pixel(x + 0.45 * 40 * factor, y).max() > 60
        assert near(stage.pixel(x + 0.55 * 40 * factor, y), GROUND, 1)


def test_hidden_types_are_not_drawn_and_faint_ones_let_the_ground_through(stage):
    stage.world(world(types=2))
    stage.show(points(PLACES[:1]), points(PLACES[1:2], type_index=1))
    stage.value("S.setStyle(0, {shown: false}), S.setStyle(1, {rgb: [1, 1, 1], opacity: 0.5})")
    assert near(stage.pixel(*PLACES[0]), GROUND, 1)
    assert near(stage.pixel(*PLACES[1]), (GROUND + 255) / 2, 3)
    assert stage.value("S.draw()") == {"types": {"0": "none", "1": "disc"}, "n": 1}


def test_row_0_of_a_layer_is_at_low_y_and_each_texel_in_its_cell(stage):
    stage.world(world(layers=[{"name": "Grass", "fields": []}]))
    values = 12 * np.arange(20, dtype=float).reshape(1, 4, 5)
    values[0, 3, 4] = 255
    values[0, 2, 3] = math.nan
    stage.show(raster(values, (0, 0, 0), (400, 400, 0)))
    for row in range(4):
        for column in range(5):
            expected = GROUND if (row, column) == (2, 3) else of_map(stage, "moss", values[0, row, column] / 255)
            for dx, dy in [(0.06, 0.06), (0.5, 0.5), (0.94, 0.94)]:
                assert near(stage.pixel(80 * (column + dx), 100 * (row + dy)), expected, 4), (row, column)
    stage.value("S.setLayer(0, {range: [0, 510], map: 'heat'})")
    assert near(stage.pixel(360, 350), of_map(stage, "heat", 0.5), 4)
    stage.value("S.setLayer(0, {shown: false})")
    assert near(stage.pixel(360, 350), GROUND, 1)


def test_a_layer_of_labels_is_coloured_by_its_codes_in_its_own_corner(stage):
    stage.world(world(layers=[{"name": "Land", "fields": []}]))
    stage.value("S.setLayer(0, {labels: {0: [0, 0, 0, 0], 1: [1, 0, 0], 2: [0, 1, 0]}})")
    stage.show(raster([[[0, 1], [2, 1]]], (100, 100, 0), (300, 200, 0), codes=True))
    assert near(stage.pixel(150, 125), GROUND, 1)
    assert near(stage.pixel(250, 125), (255, 0, 0))
    assert near(stage.pixel(150, 175), (0, 255, 0))
    assert near(stage.pixel(90, 150), GROUND, 1)


def test_slices_of_a_layer_in_space_lie_where_they_are_cut(stage):
    stage.world(world(3, layers=[{"name": "Smoke", "fields": []}]))
    values = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 6, 6))
    stage.show(raster(values, (0, 0, 0), (400, 400, 200)))
    for at, t in [(0.125, 0), (0.375, 1 / 3), (0.875, 1)]:
        stage.value("(at) => S.setLayer(0, {axis: 2, at})", at)
        assert near(stage.pixel(200, 200, 200 * at), of_map(stage, "moss", t), 6)
    stage.value("S.setLayer(0, {axis: 1, at: 0.5})")
    assert near(stage.pixel(200, 200, 175), of_map(stage, "moss", 1), 6)
    assert near(stage.pixel(200, 200, 25), of_map(stage, "moss", 0), 6)


def test_a_cloud_shines_where_the_values_are_high(stage):
    stage.world(world(3, layers=[{"name": "Smoke", "fields": []}]))
    z, y, x = np.mgrid[0:16, 0:32, 0:32]
    values = np.exp(-((x - 8) ** 2 + (y - 8) ** 2 + (z - 8) ** 2) / 12)
    stage.value("S.setLayer(0, {mode: 'volume', map: 'heat', range: [0, 1]})")
    stage.show(raster(values, (0, 0, 0), (400, 400, 200)))
    assert stage.pixel(106, 106, 106).max() > 140
    assert near(stage.pixel(300, 300, 100), GROUND, 3)


def test_a_crowd_as_density_is_lit_where_it_is(stage):
    stage.world(world())
    counts = np.zeros((1, 40, 40), int)
    counts[0, 10, 30] = 900  # x 300..310, y 100..110
    counts[0, 30, 5] = 30
    said = stage.show(density(counts))
    assert said == {"types": {"0": "density"}, "n": 930}
    full, some = stage.pixel(305, 105), stage.pixel(55, 305)
    assert full.max() > 200
    assert 40 < some.max() < full.max()
    for place in [(105, 305), (305, 305), (325, 105), (55, 95)]:
        assert near(stage.pixel(*place), GROUND, 1)
    stage.show(points(PLACES))
    assert near(stage.pixel(305, 108), GROUND, 1)


def test_a_crowd_as_density_in_space_is_a_cloud_of_balls(stage):
    stage.world(world(3))
    counts = np.zeros((10, 20, 20), int)
    counts[5, 10, 3] = 400
    counts[2, 4, 15] = 400
    assert stage.show(density(counts))["types"]["0"] == "density"
    for place in [(70, 210, 110), (310, 90, 50)]:
        assert stage.pixel(*place).max() > 80
    assert near(stage.pixel(70, 90, 110), GROUND, 1)


def test_100_of_100_picks_are_right_among_10_000_in_motion(stage):
    stage.world(world())
    rng = np.random.default_rng(7)
    places, ahead = rng.random((10_000, 2)) * 400, rng.normal(size=(10_000, 2))
    ids = rng.permutation(10_000) + (1 << 33)
    right = 0
    for tick in range(10):
        order = rng.permutation(10_000)  # rows move from frame to frame, ids do not
        places = (places + 0.8 * ahead) % 400
        stage.show(points(places[order], ahead[order], ids=ids[order]), tick=tick)
        for row in rng.choice(10_000, 10, replace=False):
            at = stage.project(*places[order][row])
            found = stage.value("(p) => S.pick(...p)", at)
            # Where several overlap, the topmost counts, which is the last row that covers the pixel.
            gap = np.linalg.norm(places[order] - places[order][row], axis=1)
            if found["id"] != ids[order][row]:
                assert found["row"] > row
                assert gap[found["row"]] < 6
            right += found["id"] == ids[order][found["row"]] and near(
                found["position"][:2], places[order][found["row"]], 0.01
            )
    assert right == 100


def test_a_large_crowd_of_specks_is_lit_coloured_cut_and_picked_as_a_small_one(stage):
    stage.world(world())
    rng = np.random.default_rng(9)
    places = rng.random((30_000, 2)) * (150, 400)
    places[-4:] = (100.2, 100.2), (300.2, 100.2), (300.2, 320.2), (380.2, 380.2)
    energy = rng.random(30_000)
    energy[-4:] = 0, 0.2, 0.6, 1
    heading = np.tile([(0, 1)], (30_000, 1))
    said = stage.show(points(places, heading, columns=[("energy", energy)]))
    assert said == {"types": {"0": "point"}, "n": 30_000}
    assert stage.value("S.entities.types.get(0).specks") is stage.value("S.card.slow")
    for place in places[-4:]:
        assert near(stage.pixel(*place), np.array(colour.wheel(0.25)) * 255)
    stage.value("S.setStyle(0, {by: 0, map: 'heat'})")
    for place, t in zip(places[-4:], energy[-4:], strict=True):
        assert near(stage.pixel(*place), of_map(stage, "heat", t), 4)
    assert near(stage.pixel(200, 200), GROUND, 1)
    for row in range(29_997, 30_000):
        found = stage.value("(p) => S.pick(...p)", stage.project(*places[row]))
        assert (found["row"], found["id"]) == (row, row + 1000)
    stage.value("S.setClip([[0, 0, 0], [310, 200, 0]])")
    assert near(stage.pixel(300.2, 100.2), of_map(stage, "heat", 0.2), 4)
    assert near(stage.pixel(300.2, 320.2), GROUND, 1)
    assert stage.value("(p) => S.pick(...p)", stage.project(300, 320)) is None
    stage.value("S.setClip(null), S.setStyle(0, {opacity: 0.5, by: 'type', rgb: [1, 1, 1]})")
    assert near(stage.pixel(300.2, 320.2), (GROUND + 255) / 2, 3)


def test_specks_in_space_look_as_webgl_draws_them_and_the_nearest_is_in_front(stage):
    stage.world(world(3))
    rng = np.random.default_rng(4)
    places = rng.random((40_000, 3)) * (150, 400, 200)
    lone = np.array([(250, 100, 50), (300, 300, 150), (390, 200, 20), (380, 20, 190)], float)
    eye = np.array(stage.value("S.camera.eye"))
    behind = lone[:1] + 0.1 * (lone[:1] - eye)  # in the same line of sight, but farther
    places[-5:] = np.concatenate([lone, behind])
    heading = rng.normal(size=(40_000, 3))
    energy = rng.random(40_000)
    energy[-5:] = 0, 0.4, 0.7, 1, 1
    block = points(places, heading, columns=[("energy", energy)], high=(400, 400, 200))
    stage.value("S.setStyle(0, {model: 'point', size: 1})")
    stage.show(block)
    for by in ("'direction'", "0", "'type'"):
        stage.value(f"S.card.slow = true, S.setStyle(0, {{by: {by}}})")
        written = [stage.pixel(*place) for place in lone]
        assert stage.value("S.entities.types.get(0).specks")
        for row in range(39_995, 39_999):
            found = stage.value("(p) => S.pick(...p)", stage.project(*places[row]))
            assert found["row"] == row
        stage.value("S.card.slow = false")
        drawn = [stage.pixel(*place) for place in lone]
        assert not stage.value("S.entities.types.get(0).specks")
        assert np.abs(np.array(written) - drawn).max() < 16, by


def test_picks_in_space_give_the_nearest(stage):
    stage.world(world(3))
    rng = np.random.default_rng(8)
    stage.value("S.setStyle(0, {size: 14})")
    places = rng.random((3000, 3)) * (400, 400, 200)
    stage.show(points(places, rng.normal(size=(3000, 3)), high=(400, 400, 200)))
    eye = np.array(stage.value("S.camera.eye"))
    seen = np.array(stage.value("(all) => all.map((p) => S.camera.project(p))", places.tolist()))
    for row in rng.choice(3000, 40, replace=False):
        found = stage.value("(p) => S.pick(...p)", seen[row].tolist())
        if found["row"] == row:
            continue
        assert np.linalg.norm(places[found["row"]] - eye) < np.linalg.norm(places[row] - eye) + 14
        assert np.linalg.norm(seen[found["row"]] - seen[row]) < 20


def test_a_pick_on_nothing_is_nothing_and_beside_an_entity_is_the_entity(stage):
    stage.world(world())
    stage.show(points(PLACES))
    x, y = stage.project(*PLACES[1])
    assert stage.value("(p) => S.pick(...p)", [x + 8, y])["id"] == 1001
    assert stage.value("(p) => S.pick(...p)", [x + 40, y]) is None
    stage.value("S.setStyle(0, {shown: false})")
    assert stage.value("(p) => S.pick(...p)", [x, y]) is None


def test_the_layer_cell_under_the_pointer_has_its_index_and_value(stage):
    stage.world(world(layers=[{"name": "Grass", "fields": []}]))
    values = np.arange(24, dtype=float).reshape(1, 4, 6)
    stage.show(raster(values, (100, 200, 0), (160, 240, 0), stride=2), points([(130, 215)]))
    found = stage.value("(p) => S.pick(...p)", stage.project(145, 235))
    assert (found["layer"], found["index"]) == (0, [28, 46, 0])  # texels of 10 m, cells of 5 m
    assert found["value"] == pytest.approx(values[0, 3, 4], abs=0.02)
    assert stage.value("(p) => S.pick(...p)", stage.project(130, 215))["type"] == 0
    assert stage.value("(p) => S.pick(...p)", stage.project(200, 250)) is None


def test_a_box_on_screen_holds_the_entities_inside(stage):
    stage.world(world())
    stage.show(points(PLACES))
    (x0, y0), (x1, y1) = stage.project(250, 350), stage.project(350, 50)
    found = stage.value("(b) => S.pickBox(...b)", [x1, y1, x0, y0])
    assert [(each["type"], each["row"], each["id"]) for each in found] == [(0, 1, 1001), (0, 2, 1002)]


def test_neighbours_across_the_seam_of_a_periodic_world_are_found_and_ringed(stage):
    places = [(2, 200), (396, 200), (2, 208), (12, 206), (20, 200)]
    block = points(places, TURNS + [(1, 0)])
    stage.world(world())
    stage.value("S.setStyle(0, {size: 4})")
    stage.show(block)
    stage.value("S.setSelection([{type: 0, id: 1000}], 10)")
    assert stage.value("S.neighbours.map((n) => n.id)") == [1001, 1002]
    assert stage.value("S.neighbours[0].distance") == pytest.approx(6, abs=0.02)
    lit = stage.value(
        "(p) => { const [x, y] = S.camera.project(p); let n = 0; for (let k = 4; k < 14; k++) n += S.pixel(x + k, y)[0] > 60; return n; }",
        [396, 200, 0],
    )
    assert lit > 0
    stage.world(world(boundary=["bounce", "periodic"]))
    stage.show(block)
    stage.value("S.setSelection([{type: 0, id: 1000}], 10)")
    assert stage.value("S.neighbours.map((n) => n.id)") == [1002]


def test_the_selected_is_found_again_by_its_id_in_the_next_frame(stage):
    stage.world(world())
    stage.value("S.setSelection([{type: 0, id: 1002}])")
    stage.show(points(PLACES))
    assert stage.value("S.selection.rows.map((r) => r.row)") == [2]
    stage.show(points(PLACES[::-1], ids=[1003, 1002, 1001, 1000]), tick=2)
    assert stage.value("S.selection.rows.map((r) => [r.row, r.id])") == [[1, 1002]]
    stage.show(points(PLACES[:2]), tick=3)
    assert stage.value("S.selection.rows") == []


def test_what_lies_outside_the_clip_box_is_not_drawn_nor_picked(stage):
    stage.world(world(layers=[{"name": "Grass", "fields": []}]))
    stage.value("S.setLayer(0, {map: 'grey'})")
    stage.show(points(PLACES), raster(np.arange(4.0).reshape(1, 2, 2), (0, 0, 0), (400, 400, 0)))
    stage.value("S.setClip([[0, 0, 0], [200, 200, 0]])")
    assert stage.pixel(*PLACES[0]).max() > 60
    assert stage.pixel(50, 50).max() > 30
    for place in [*PLACES[1:], (250, 250)]:
        assert near(stage.pixel(*place), GROUND, 1)
        assert stage.value("(p) => S.pick(...p)", stage.project(*place)) is None
    stage.value("S.setClip(null)")
    assert stage.pixel(*PLACES[2]).max() > 60


def test_trails_show_the_way_but_not_the_jump_across_the_seam(stage):
    stage.world(world())
    stage.value("S.shown.trails = true, S.setTrails(40), S.setStyle(0, {size: 4})")
    for tick in range(12):
        stage.show(points([(100 + 5 * tick, 100), ((370 + 5 * tick) % 400, 300)], [(1, 0), (1, 0)]), tick=tick)
    assert stage.pixel(140, 100).max() > 60
    assert stage.pixel(104, 100).max() < stage.pixel(146, 100).max()
    assert stage.pixel(385, 300).max() > 60
    assert near(stage.pixel(200, 300), GROUND, 1)
    stage.show(points([(100, 100), (200, 300)], [(1, 0), (1, 0)]), tick=3)  # back in time: another way
    assert near(stage.pixel(140, 100), GROUND, 1)
    stage.value("S.setTrails(0)")
    stage.show(points([(160, 100)]), tick=4)
    assert near(stage.pixel(130, 100), GROUND, 1)


def test_geometry_surfaces_partitions_box_and_grid_are_drawn_when_they_are_shown(stage):
    stage.world(world(geometry=[[[50, 200], [350, 200]]]))
    stage.value("S.setPartitions([{low: [0, 0], high: [200, 400], rgb: [1, 0, 0]}])")
    bare = {place: stage.pixel(*place) for place in [(120, 200), (101, 101), (0, 220), (200, 333)]}
    for name, place in [("geometry", (120, 200)), ("partitions", (101, 101)), ("box", (0, 220)), ("grid", (200, 333))]:
        stage.value(f"S.shown.{name} = true")
        assert not near(stage.pixel(*place), bare[place], 3), name
        stage.value(f"S.shown.{name} = false")
        assert near(stage.pixel(*place), bare[place], 1), name
    stage.world(world(3, surfaces=[[[100, 100, 50], [300, 100, 50], [300, 300, 50]]]))
    stage.value("S.shown.geometry = true")
    assert stage.pixel(250, 150, 50).max() > 50
    assert near(stage.pixel(130, 270, 50), GROUND, 1)


def test_numbers_stand_beside_the_axes(stage):
    stage.world(world())
    before = stage.value("S.screenshot().then((b) => b.size)")
    stage.value("S.shown.axes = true")
    assert stage.value("S.texts(S.view()).map((t) => t.text)")[:3] == ["0", "50", "100"]
    assert stage.value("S.screenshot().then((b) => b.size)") > before + 500


def test_beyond_the_budget_the_nearest_are_models_and_the_others_points(stage):
    stage.world(world(3))
    rng = np.random.default_rng(3)
    places = rng.random((6000, 3)) * (400, 400, 200)
    stage.value("S.setStyle(0, {model: 'box', size: 12})")
    assert stage.show(points(places, rng.normal(size=(6000, 3)), high=(400, 400, 200)))["types"]["0"] == "box"
    if not stage.value("S.card.slow"):
        return
    n, rows = stage.value("(() => { const g = S.entities.types.get(0).gathered; return [g.n, [...g.rows]]; })()")
    assert 0 < n <= 1500
    far = np.linalg.norm(places - np.array(stage.value("S.camera.eye")), axis=1)
    others = np.setdiff1d(np.arange(6000), rows)
    assert far[rows].mean() < far[others].mean() - 50


def test_the_camera_tells_what_it_sees(stage):
    stage.world(world())
    assert stage.value("S.camera.area()") is None
    stage.value("S.camera.zoom(0.25, 640, 360)")
    low, high = stage.value("S.camera.area()")
    unit = stage.value("S.camera.unit")
    assert high[0] - low[0] == pytest.approx(1280 * unit, rel=1e-5)
    assert high[1] - low[1] == pytest.approx(720 * unit, rel=1e-5)
    kept = stage.value("S.camera.state()")
    stage.value("S.camera.lookAt([0, 0]), S.camera.fit()")
    stage.value("(s) => S.camera.setState(s)", kept)
    assert stage.value("S.camera.area()") == [low, high]
    stage.world(world(3))
    assert stage.value("S.camera.area()") is None
    for corner in stage.value("S.camera.corners().map((c) => S.camera.project(c))"):
        assert 0 <= corner[0] <= 1280 and 0 <= corner[1] <= 720
    stage.value("S.camera.lookAt([380, 380, 180]), S.camera.zoom(0.1, 640, 360)")
    low, high = stage.value("S.camera.area()")
    assert low[0] < 380 < high[0] and low[2] < 180 < high[2]
    assert high[0] - low[0] < 400


def test_a_frame_is_read_as_it_was_written(stage):
    rng = np.random.default_rng(2)
    arrays = {
        "a": rng.integers(0, 255, 7).astype(np.uint8), "b": rng.integers(-9, 9, (3, 3)).astype(np.int8),
        "c": rng.integers(0, 9999, 5).astype(np.uint16), "d": rng.integers(0, 2**31, 2).astype(np.uint32),
        "e": np.array([-5, 1 << 40, 3], np.int64), "f": rng.normal(size=9).astype(np.float16),
        "g": rng.normal(size=(2, 3, 1)).astype(np.float32), "h": rng.normal(size=3),
    }  # fmt: skip
    stage.frames["odd"] = encode(Frame(12, 3, (0, 0, 0), (1, 2, 3), (Block("odd", {"é": "ü"}, arrays),)))
    read = """async () => {
      const { decode, half } = await import("./page/frame.js");
      const frame = decode(await (await fetch("/frames/odd")).arrayBuffer()), [block] = frame.blocks;
      const lists = Object.fromEntries(Object.entries(block.arrays).map(([k, v]) => [k, [...v].map((x) => (k === "f" ? half(x) : Number(x)))]));
      return [frame.tick, frame.interest, frame.low, frame.high, block.kind, block.about, lists, block.shapes];
    }"""
    tick, interest, low, high, kind, about, lists, shapes = stage.value(read)
    assert (tick, interest, low, high, kind, about) == (12, 3, [0, 0, 0], [1, 2, 3], "odd", {"é": "ü"})
    for name, array in arrays.items():
        assert lists[name] == array.ravel().astype(float).tolist(), name
        assert shapes[name] == list(array.shape)


def test_bytes_that_are_no_frame_are_refused(stage):
    for data in (b"", b"WVF1" + b"\0" * 100, b"WVF2\xff\xff\xff\xff" + b" " * 64, b"WVF2\x08\0\0\0{]      "):
        stage.frames["bad"] = data or b"W"
        read = "async () => { const f = await import('./page/frame.js'); f.decode(await (await fetch('/frames/bad')).arrayBuffer()); }"
        with pytest.raises(sync_api.Error):
            stage.value(read)


def test_screenshots_are_pngs_and_a_movie_can_be_taken(stage):
    stage.world(world())
    stage.show(points(PLACES))
    start = stage.value("S.screenshot().then((b) => b.arrayBuffer()).then((a) => [...new Uint8Array(a.slice(0, 8))])")
    assert bytes(start) == b"\x89PNG\r\n\x1a\n"
    assert stage.value("S.stream(30).getVideoTracks().length") == 1


def test_a_graphics_card_that_was_lost_and_came_back_shows_the_same(stage):
    stage.world(world(layers=[{"name": "Grass", "fields": []}]))
    stage.show(points(PLACES, TURNS), raster(np.arange(4.0).reshape(1, 2, 2), (0, 0, 0), (400, 400, 0)))
    before = [stage.pixel(*place).tolist() for place in [*PLACES, (30, 30), (330, 380)]]
    stage.value("window.taken = S.gl.getExtension('WEBGL_lose_context'), taken.loseContext()")
    stage.page.wait_for_function("S.gl.isContextLost()")
    assert stage.value("S.draw()") == {"types": {}, "n": 0}
    again = "new Promise((done) => { S.canvas.addEventListener('webglcontextrestored', done); setTimeout(() => taken.restoreContext()); })"
    stage.value(f"{again}.then(() => 1)")
    assert [stage.pixel(*place).tolist() for place in [*PLACES, (30, 30), (330, 380)]] == before
    stage.errors.clear()  # the browser mentions the loss


def test_empty_frames_and_unknown_things_do_no_harm(stage):
    stage.world(world(types=2))
    assert stage.show() == {"types": {"0": "none", "1": "none"}, "n": 0}
    stage.value("S.setStyle(0, {by: 4, sizeBy: 9, model: 'unicorn'}), S.setSelection([{type: 5, id: 3}], 10)")
    assert stage.show(points(np.zeros((0, 2))), points(PLACES, type_index=1))["n"] == 4
    assert stage.show(points(PLACES))["types"]["0"] == "disc"
    assert stage.value("S.pick(640, 360)") is None


def test_the_pictures_look_well(stage, shots):
    """Screenshots for people: a flock with its partitions, a crowd, a landscape, and space, dark and light."""
    rng = np.random.default_rng(1)
    stage.value("Object.keys(S.shown).forEach((k) => S.shown[k] = true)")
    swirl = rng.normal((200, 200), 60, (10_000, 2)) % 400
    y, x = np.mgrid[0:200, 0:200] / 200
    for light in (False, True):
        tail = "-light" if light else ""
        stage.world(world(), light)
        stage.show(points(swirl, np.stack([200 - swirl[:, 1], swirl[:, 0] - 200], axis=1)))
        stage.shot(shots / f"scene-flock{tail}.png")
        stage.world(world(types=2, layers=[{"name": "Grass", "fields": []}]), light)
        stage.value("S.setStyle(0, {model: 'car', size: 9}), S.setStyle(1, {model: 'person', size: 9})")
        land = np.sin(6 * x) * np.cos(5 * y) + 0.3 * np.sin(23 * x + 11 * y) + x
        some, turns = rng.random((150, 2)) * 400, rng.normal(size=(150, 2))
        stage.show(
            raster(land[None], (0, 0, 0), (400, 400, 0)), points(some, turns), points(some[::-1], turns, type_index=1)
        )
        stage.shot(shots / f"scene-land{tail}.png")
        stage.world(world(3), light)
        places = rng.normal((200, 200, 100), (80, 80, 25), (3000, 3))
        stage.show(points(places, places - (200, 200, 100), high=(400, 400, 200)))
        stage.shot(shots / f"scene-space{tail}.png")
    assert len(list(shots.glob("scene-*.png"))) == 6
