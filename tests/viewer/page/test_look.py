"""Look: each control changes what the scene draws, and what the hub is asked for."""

from pathlib import Path

import numpy as np
import pytest

from partitions.frames import Block
from tests.viewer.page.meadow import meadow, scenery


def test_a_hidden_type_is_neither_drawn_nor_asked_for(look):
    seen = look()
    seen.scenery(1)
    seen.page.uncheck("#type-1-shown")
    seen.interest(lambda said: said["types"]["Wolf"]["show"] is False and said["types"]["Sheep"]["show"] is True)
    assert seen.style("shown", 1) is False


def test_colour_by_a_field_asks_for_it_and_takes_its_column_map_and_range(look, shots):
    seen = look()
    seen.page.select_option("#type-0-by", "energy")
    seen.interest(lambda said: said["types"]["Sheep"]["fields"] == ["energy"])
    seen.scenery(1, columns={"energy": np.linspace(2, 10, 600)})
    assert seen.style("by") == 0
    assert seen.style("range") == [2, 10]
    seen.page.select_option("#type-0-map", "heat")
    assert seen.style("map") == "heat"
    seen.wait(
        "[...document.querySelectorAll('#legend .item:first-child .ends span')].map((e) => e.textContent).join() === '2,,6,,10'"
    )
    middle = ", ".join(str(round(255 * v)) for v in seen.value("S.colours.MAPS.heat(0.5, false)"))
    seen.wait(f"document.querySelector('#legend .item:first-child .bar').style.background.includes('rgb({middle})')")
    # A range that is fixed stays where it is whatever comes.
    seen.page.uncheck("#type-0-range-auto")
    seen.page.fill("#type-0-range-to", "5")
    seen.page.press("#type-0-range-to", "Enter")
    seen.scenery(2, columns={"energy": np.linspace(-50, 50, 600)})
    assert seen.style("range") == [2, 5]
    seen.page.check("#type-0-range-auto")
    assert seen.style("range") == [-50, 50]
    seen.page.screenshot(path=shots / "field.png")


@pytest.mark.slow
def test_colour_by_direction_and_by_an_enum_show_their_keys(look, shots):
    seen = look()
    seen.page.select_option("#type-0-by", "direction")
    seen.scenery(1)
    assert seen.style("by") == "direction"
    seen.wait_text("#legend .item:first-child .by", "direction")
    seen.page.select_option("#type-0-by", "mood")
    seen.interest(lambda said: said["types"]["Sheep"]["fields"] == ["mood"])
    seen.scenery(2, columns={"mood": np.arange(600) % 3})
    assert seen.value("Object.keys(S.scene.styles.get(0).labels)") == ["0", "1", "2"]
    seen.wait_text("#legend .codes", "afraid")
    assert seen.page.is_hidden("#type-0-map")
    seen.page.screenshot(path=shots / "enum.png")
    seen.page.select_option("#type-0-by", "type")
    seen.interest(lambda said: said["types"]["Sheep"]["fields"] == [])
    assert seen.style("by") == "type"


@pytest.mark.slow
def test_a_frame_without_the_field_is_drawn_plainly_until_it_comes(look):
    seen = look()
    seen.page.select_option("#type-0-by", "energy")
    seen.scenery(1, columns={})
    assert seen.style("by") == "type"
    seen.scenery(2)
    assert seen.style("by") == 0


def test_size_size_by_model_and_opacity_reach_the_scene(look):
    seen = look()
    seen.scenery(1)
    assert seen.style("size") == 6
    seen.slide("#type-0-size", 1)
    assert abs(seen.style("size") - 40) < 0.1
    seen.page.select_option("#type-0-size-by", "energy")
    seen.interest(lambda said: said["types"]["Sheep"]["fields"] == ["energy"])
    seen.scenery(2)
    assert seen.style("sizeBy") == 0
    seen.page.select_option("#type-0-model", "arrow")
    assert seen.style("model") == "arrow"
    seen.slide("#type-0-opacity", 0.5)
    assert seen.style("opacity") == 0.5


def test_a_filter_goes_to_the_hub_and_its_fault_stands_at_the_field(look, shots):
    seen = look()
    seen.scenery(1)
    seen.page.fill("#type-0-where", "energy < ")
    seen.interest(lambda said: said["types"]["Sheep"]["where"] == "energy <")
    seen.stage.tell(invalid={"where": {"Sheep": "A value is missing after '<' (column 9)."}})
    seen.wait_text("#type-0-error", "column 9")
    assert seen.page.get_attribute("#type-0-where", "aria-invalid") == "true"
    seen.page.screenshot(path=shots / "filter.png")
    seen.page.fill("#type-0-where", "energy < 3")
    seen.interest(lambda said: said["types"]["Sheep"]["where"] == "energy < 3")
    seen.stage.tell(invalid={"where": {}})
    seen.wait("document.getElementById('type-0-error').hidden")
    seen.wait_text("#legend .item:first-child .note", "filtered")


def test_layers_are_shown_by_field_map_range_and_opacity(look):
    seen = look()
    seen.scenery(1)
    layer = "S.scene.layerStyles.get(0)"
    assert seen.stage.interest["layers"] == {"Grass": "height"}
    seen.page.select_option("#layer-0-map", "grey")
    seen.slide("#layer-0-opacity", 0.25)
    seen.page.uncheck("#layer-0-range-auto")
    seen.page.fill("#layer-0-range-to", "4")
    seen.page.press("#layer-0-range-to", "Enter")
    assert seen.value(f"[{layer}.map, {layer}.opacity, {layer}.range]") == ["grey", 0.25, [0, 4]]
    seen.page.select_option("#layer-0-field", "water")
    seen.interest(lambda said: said["layers"] == {"Grass": "water"})
    seen.page.uncheck("#layer-0-shown")
    seen.interest(lambda said: said["layers"] == {"Grass": None})
    assert seen.value(f"{layer}.shown") is False


def test_a_layer_in_space_is_a_volume_or_a_slice(look):
    seen = look(meadow(3))
    layer = "S.scene.layerStyles.get(0)"
    assert seen.value(f"{layer}.mode") == "volume"
    assert seen.page.is_hidden("#layer-0-axis")
    seen.page.select_option("#layer-0-mode", "slice")
    seen.wait("!document.getElementById('layer-0-axis').closest('.field').hidden")
    seen.page.select_option("#layer-0-axis", "0")
    seen.slide("#layer-0-at", 0.25)
    assert seen.value(f"[{layer}.mode, {layer}.axis, {layer}.at]") == ["slice", 0, 0.25]


def test_the_slice_box_is_the_area_of_the_interest(look):
    seen = look()
    seen.scenery(1)
    assert seen.stage.interest["area"] is None
    seen.page.check("#clip")
    seen.wait("!document.getElementById('clip-x-from').closest('.field').hidden")
    seen.slide("#clip-x-from", 0.5)
    seen.slide("#clip-y-to", 0.5)
    seen.interest(lambda said: said["area"] == [[200, 0, 0], [400, 150, 0]])
    assert seen.value("S.scene.clip") == [[200, 0, 0], [400, 150, 0]]
    seen.slide("#clip-x-to", 0.1)  # the thumbs cannot pass each other
    assert seen.value("S.state.clip[0][0] < S.state.clip[1][0]")
    seen.page.uncheck("#clip")
    seen.interest(lambda said: said["area"] is None)
    assert seen.value("S.scene.clip") is None


@pytest.mark.slow
def test_trails_toggles_and_the_budget(look):
    seen = look()
    seen.scenery(1)
    seen.slide("#trails", 0.25)
    assert seen.value("[S.scene.trails.ticks, S.scene.shown.trails]") == [50, True]
    for name in ("grid", "axes", "box", "geometry"):
        seen.page.uncheck(f"#shown-{name}")
        assert seen.value(f"S.scene.shown.{name}") is False
    seen.slide("#budget", 0)
    seen.interest(lambda said: said["budget"] == 1000)


def test_follow_keeps_the_selected_in_the_middle(look):
    seen = look()
    seen.scenery(1)
    seen.value("S.select([{type: 0, id: '5'}])")
    seen.tab("inspect")
    seen.interest(lambda said: said["selected"] == [5])
    seen.scenery(2, chosen=[5])
    seen.page.click("#follow")
    for tick in (3, 13):
        seen.scenery(tick, chosen=[5])
        where = scenery(seen.meta, tick, chosen=[5])[-1].about["rows"][0]["fields"]["position"]
        centre = seen.value("S.camera.centre")
        assert np.allclose(centre[:2], where, atol=1e-6)
    seen.page.click("#follow")
    seen.scenery(30, chosen=[5])
    assert seen.value("S.camera.centre") == centre


@pytest.mark.slow
def test_bookmarks_bring_the_camera_back_and_outlive_the_page(look):
    seen = look()
    seen.page.mouse.move(450, 300)
    seen.page.mouse.wheel(0, -600)
    seen.wait("S.moved")
    there = seen.value("S.camera.state()")
    seen.page.fill("#mark-name", "The pond")
    seen.page.click("#mark-add")
    seen.page.keyboard.press("Escape")
    seen.page.click("#fit")
    assert seen.value("S.camera.state()") != there
    seen.page.goto(seen.stage.url)
    seen.page.reload()
    seen.wait("S.meta !== null")
    seen.page.click(".mark")
    assert seen.value("S.camera.state()") == there
    seen.page.click("[aria-label='Forget The pond']")
    assert seen.page.locator(".mark").count() == 0


@pytest.mark.slow
def test_a_browser_that_keeps_nothing_is_no_trouble(browser, look):
    seen = look()
    seen.page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})")
    seen.page.goto("about:blank")
    seen.page.goto(seen.stage.url)
    seen.wait("S.meta !== null")
    seen.page.fill("#mark-name", "Here")
    seen.page.click("#mark-add")
    assert seen.page.text_content(".mark") == "Here"
    seen.page.keyboard.press("t")


def test_top_and_tilted_fit_zoom_and_pan_move_the_camera(look):
    seen = look()
    seen.scenery(1)
    before = seen.value("S.project(100, 100)")
    seen.page.mouse.move(*before)
    seen.page.mouse.wheel(0, -400)
    seen.wait("S.moved")
    assert np.allclose(seen.value("S.project(100, 100)"), before, atol=1)
    seen.page.mouse.down()
    seen.page.mouse.move(before[0] + 50, before[1] + 30, steps=3)
    seen.page.mouse.up()
    assert np.allclose(seen.value("S.project(100, 100)"), np.add(before, (50, 30)), atol=1)
    seen.page.click("#fit")
    assert np.allclose(seen.value("S.project(100, 100)"), before, atol=1)
    seen.page.click("#toggle-solid")
    assert seen.value("S.camera.flat") is False
    turned = seen.value("S.camera.azimuth")
    seen.page.mouse.move(400, 300)
    seen.page.mouse.down()
    seen.page.mouse.move(450, 300, steps=3)
    seen.page.mouse.up()
    assert seen.value("S.camera.azimuth") != turned


def test_a_look_through_a_part_of_a_crowd_asks_for_that_part_only(look):
    seen = look()
    seen.scenery(1)
    seen.page.mouse.move(450, 300)
    for _ in range(4):
        seen.page.mouse.wheel(0, -200)
    seen.wait("S.camera.area() !== null && S.camera.area()[1][0] - S.camera.area()[0][0] < 300")
    assert seen.value("S.wants.choose()") is None, "all is here already: no new interest"
    crowd = Block("density", {"type": 0, "in_area": 900000}, {"counts": np.ones((1, 30, 40), "u4")})
    seen.frame(2, crowd)
    seen.page.mouse.wheel(0, -200)
    seen.interest(lambda said: said["area"] is not None)
    (low, high), seen_area = seen.stage.interest["area"], seen.value("S.camera.area()")
    assert all(low[k] <= seen_area[0][k] and high[k] >= seen_area[1][k] for k in (0, 1))
    sent = len(seen.stage.ops("interest"))
    seen.page.mouse.move(452, 301)
    seen.page.mouse.down()
    seen.page.mouse.move(455, 303, steps=2)
    seen.page.mouse.up()
    seen.value("new Promise((done) => setTimeout(done, 200))")
    assert len(seen.stage.ops("interest")) == sent, "a small move stays inside of what was asked for"
    seen.page.click("#fit")
    seen.interest(lambda said: said["area"] is None)


@pytest.mark.slow
def test_light_and_dark_and_the_choice_is_kept(look, shots):
    seen = look()
    seen.scenery(1)
    dark = seen.value("getComputedStyle(document.body).backgroundColor")
    seen.page.click("#toggle-light")
    assert seen.value("S.scene.light") is True
    assert seen.value("getComputedStyle(document.body).backgroundColor") != dark
    assert min(seen.value("S.pixel(260, 600)")) > 190
    seen.page.screenshot(path=shots / "light.png")
    seen.page.reload()
    seen.wait("S.meta !== null")
    assert seen.value("S.state.light") is True


def test_a_screenshot_is_a_png_and_a_movie_a_webm(look):
    seen = look()
    seen.scenery(1)
    with seen.page.expect_download() as got:
        seen.page.keyboard.press("s")
    assert got.value.suggested_filename == "meadow-1.png"
    assert Path(got.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    seen.page.click("#movie")
    seen.wait("S.capture.recorder !== null && document.getElementById('movie').getAttribute('aria-pressed') === 'true'")
    for tick in range(2, 12):
        seen.scenery(tick)
    with seen.page.expect_download() as got:
        seen.page.click("#movie")
    assert got.value.suggested_filename == "meadow-1.webm"
    movie = Path(got.value.path()).read_bytes()
    assert movie[:4] == b"\x1aE\xdf\xa3" and len(movie) > 1000
