"""The scene of the page in a real browser: what is drawn where, in which colour, and what lies under the pointer."""

import json
import math
import struct

import numpy as np
import pytest

from partitions.frames import Block, Frame, encode
from tests.viewer.browser import CHROMIUM, MISSING
from tests.viewer.stage import Stage, density, points, raster, world
from viewer import colour

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
PLACES = [(100, 100), (300, 100), (300, 320), (40, 380)]
TURNS = [(1, 0), (0, 1), (-1, 0), (0, -1)]
GROUND = np.array(colour.GROUND) * 255
BARE = "Object.keys(S.shown).forEach((k) => S.shown[k] = false)"


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


@pytest.mark.slow
def test_python_and_javascript_make_the_same_colours(stage):
    words = [word for words in colour.EXPECTED for word in words.split()]
    for code, name in enumerate(["else", "Infected", *words]):
        seen = stage.value(f"colour.labelColour({code}, false, '{name}')")
        assert near(seen, colour.label_colour(code, name), 1e-6)
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
def test_a_model_on_a_map_stands_along_its_heading(stage, model):
    stage.world(world())
    stage.value("(m) => S.setStyle(0, {model: m, size: 100, by: 'type'})", model)
    for turn in (0.0, 0.9, 2.4):
        ahead, side = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])
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


@pytest.mark.slow
def test_a_crowd_as_density_in_space_is_a_cloud_of_balls(stage):
    stage.world(world(3))
    counts = np.zeros((10, 20, 20), int)
    counts[5, 10, 3] = 400
    counts[2, 4, 15] = 400
    assert stage.show(density(counts))["types"]["0"] == "density"
    for place in [(70, 210, 110), (310, 90, 50)]:
        assert stage.pixel(*place).max() > 80
    assert near(stage.pixel(70, 90, 110), GROUND, 1)


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


@pytest.mark.slow
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
        with pytest.raises(Exception, match=r"frame|offset|JSON|length|range"):
            stage.value(read)


@pytest.mark.slow
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
