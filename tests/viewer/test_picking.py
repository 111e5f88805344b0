"""What lies under the pointer, who is selected and near, and where they have been."""

import base64

import numpy as np
import pytest

from tests.viewer.browser import CHROMIUM, MISSING
from tests.viewer.stage import points, raster, world
from viewer import colour

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
GROUND = np.array(colour.GROUND) * 255
PLACES = [(100, 100), (300, 100), (300, 320), (40, 380)]
TURNS = [(1, 0), (0, 1), (-1, 0), (0, -1)]
BARE = "Object.keys(S.shown).forEach((k) => S.shown[k] = false)"


def near(one, two, tolerance=6):
    return np.abs(np.array(one, float) - np.array(two, float)).max() <= tolerance


def of_map(stage, name, t, light=False):
    return np.array(stage.value("([m, t, l]) => colour.MAPS[m](t, l)", [name, t, light])) * 255


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


def test_many_small_darts_look_as_webgl_draws_them(stage):
    stage.world(world())
    rng = np.random.default_rng(6)
    turn = rng.random(6000) * 2 * np.pi
    places, heading = rng.random((6000, 2)) * (250, 400), np.stack([np.cos(turn), np.sin(turn)], axis=1)
    lone = np.array([(300.0, 100.0), (350.0, 200.0), (300.0, 330.0)])
    places[-3:], heading[-3:] = lone, [(1, 0), (0, -1), (-0.6, 0.8)]
    unit = stage.value("S.camera.unit")  # metres of a pixel
    stage.value(f"S.setStyle(0, {{size: {8 * unit}}})")
    said = stage.show(points(places, heading))
    assert said == {"types": {"0": "dart"}, "n": 6000}
    picture = """() => {
        S.draw();
        const { gl, canvas: { width, height } } = S, bytes = new Uint8Array(4 * width * height);
        gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
        let text = "";
        for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192));
        return [width, btoa(text)];
    }"""
    for style in ("{by: 'direction'}", "{by: 'type', rgb: [1, 0.5, 0], opacity: 0.5}"):
        pictures = []
        for slow in ("true", "false"):
            stage.value(f"S.card.slow = {slow}, S.setStyle(0, {style})")
            wide, text = stage.value(picture)
            assert stage.value("S.entities.types.get(0).specks") == (slow == "true")
            rows = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, wide, 4)
            pictures.append(rows[..., :3].astype(float))
        written, drawn = pictures
        lit = np.abs(drawn - GROUND).max(axis=2) > 12
        assert 0.02 < lit.mean() < 0.8
        assert np.abs(written.mean(axis=(0, 1)) - drawn.mean(axis=(0, 1))).max() < 1
        # each is moved by a quarter of a pixel at most, and turned by less than three degrees
        assert np.abs(written - drawn)[lit].mean() < 14
        stage.value("S.card.slow = true")
        for place, ahead in zip(lone, heading[-3:], strict=True):
            assert stage.pixel(*(place + unit * ahead)).max() > 60
            assert near(stage.pixel(*(place - 6 * unit * ahead)), GROUND, 1) and near(
                stage.pixel(*(place + 7 * unit * ahead)), GROUND, 1
            )
    for row in (5997, 5998, 5999):
        assert stage.value("(p) => S.pick(...p)", stage.project(*places[row]))["row"] == row


@pytest.mark.slow
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
