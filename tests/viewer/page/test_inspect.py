"""Inspect: a click to all fields by id and tick, neighbours, history, the table of a box, search and what hovers."""

import numpy as np
import pytest

from tests.viewer.page.meadow import HERD, meadow, scenery
from tests.viewer.page.stage import points, selected

FEW = np.array([(100, 100), (115, 100), (100, 125), (135, 100), (385, 100), (300, 200)], float)


def few(seen, tick, chosen=(), at=FEW, **fields):
    """Six sheep with ids 40, 41, ...; a block of the selected."""
    rows = [
        (0, i, tick, {"position": [*map(float, at[i - 40])], "velocity": [1.0, -2.0], "energy": i + tick / 10, "mood": i % 3})
        for i in chosen
    ]  # fmt: skip
    energy = 40 + np.arange(6) + tick / 10
    seen.frame(
        tick,
        points(seen.meta, at, ids=40 + np.arange(6), heading=np.ones((6, 2)), columns={"energy": energy}),
        selected(*rows),
    )


def click(seen, x, y, **options):
    seen.page.mouse.click(*seen.value(f"S.project({x}, {y})"), **options)


def test_a_click_shows_all_fields_by_id_and_tick_and_follows_them(look, shots):
    seen = look()
    few(seen, 1)
    click(seen, 115, 100)
    assert seen.value("S.state.selected") == [{"type": 0, "id": "41"}]
    seen.interest(lambda said: said["selected"] == [41])
    assert seen.page.is_visible("#inspect")
    few(seen, 2, [41])
    seen.wait_text("#entity-tick", "tick 2")
    fields = dict(zip(*[seen.page.locator(f"#fields {tag}").all_text_contents() for tag in ("dt", "dd")], strict=True))
    assert fields == {"position": "115, 100", "velocity": "1, −2", "energy": "41.2", "mood": "afraid"}
    assert seen.page.text_content("#entity-id") == "#41"
    few(seen, 7, [41])
    seen.wait_text("#entity-tick", "tick 7")
    seen.wait_text("#fields", "41.7")
    seen.page.screenshot(path=shots / "inspect.png")
    click(seen, 200, 30)  # beside everybody
    seen.interest(lambda said: said["selected"] == [])
    seen.wait_text("#inspected", "Click an entity")


def test_a_click_is_answered_within_a_third_of_a_second(look):
    """What the page itself takes of that, with ten thousand there: the hub and the workers add one tick."""
    seen = look()
    rng = np.random.default_rng(3)
    rows = rng.uniform((5, 5), (395, 295), (10000, 2))
    seen.frame(1, points(seen.meta, rows, heading=rng.normal(size=(10000, 2))))
    click(seen, *rows[77])
    seen.interest(lambda said: len(said["selected"]) == 1)
    (chosen,) = seen.stage.interest["selected"]
    assert np.hypot(*(rows[chosen] - rows[77])) < 8


def test_one_that_died_keeps_its_last_fields(look):
    seen = look()
    few(seen, 1)
    click(seen, 115, 100)
    few(seen, 2, [41])
    seen.wait_text("#entity-tick", "tick 2")
    few(seen, 3)
    seen.wait_text("#entity-tick", "last seen at tick 2")
    seen.wait_text("#fields", "41.2")


def test_ids_of_the_born_are_exact_beyond_what_a_number_holds(look):
    seen = look()
    born = (1 << 62) + np.array([5, 6])
    seen.frame(1, points(seen.meta, [(100, 100), (150, 100)], ids=born))
    click(seen, 150, 100)
    seen.interest(lambda said: said["selected"] == [str(born[1])])
    seen.frame(
        2,
        points(seen.meta, [(100, 100), (150, 100)], ids=born),
        selected((0, int(born[1]), 2, {"position": [150.0, 100.0], "energy": 6.5})),
    )
    seen.wait_text("#entity-tick", "tick 2")
    assert seen.page.text_content("#entity-id") == f"#{born[1]}"
    assert seen.value("S.scene.selection.rows.map((row) => row.row)") == [1]


def test_neighbours_are_counted_within_the_radius_also_beyond_a_seam(look):
    seen = look()
    few(seen, 1)
    click(seen, 100, 100)
    few(seen, 2, [40])
    seen.wait(
        "document.getElementById('neighbours')?.textContent === '2'"
    )  # 15 and 25 m away, 30 m is the type's radius
    assert seen.value("S.scene.neighbours.length") == 2
    seen.page.fill("#radius", "36")
    seen.page.press("#radius", "Enter")
    seen.wait("document.getElementById('neighbours')?.textContent === '3'")
    assert seen.value("S.scene.neighbours.length") == 3
    seen.page.fill("#radius", "120")  # 100 - (385 - 400) = 115 across the periodic seam
    seen.page.press("#radius", "Enter")
    seen.wait("document.getElementById('neighbours')?.textContent === '4'")


def test_history_draws_the_chosen_field_over_the_ticks(look, shots):
    seen = look()
    few(seen, 1)
    click(seen, 115, 100)
    for tick in range(2, 22):
        few(seen, tick, [41])
    seen.wait("document.querySelector('#spark path') !== null")
    assert seen.page.input_value("#history") == "energy"
    assert seen.value("S.selected.course('41', 'energy')[1].length") == 20
    first = seen.value("document.querySelector('#spark path').getAttribute('d')")
    ys = [float(part.split()[1]) for part in first[1:].split("L")]
    assert ys == sorted(ys, reverse=True), "energy rises: the line goes up"
    seen.page.select_option("#history", "velocity")
    seen.wait(f"document.querySelector('#spark path').getAttribute('d') !== '{first}'")
    assert seen.value("S.selected.course('41', 'velocity')[1][0]") == np.hypot(1, 2)


def test_the_past_shows_what_the_fields_were_then(look):
    seen = look()
    few(seen, 1)
    click(seen, 115, 100)
    for tick in range(2, 12):
        few(seen, tick, [41])
    seen.wait_text("#entity-tick", "tick 11")
    for _ in range(6):
        seen.page.keyboard.press("ArrowLeft")
    seen.wait_text("#entity-tick", "tick 5")
    seen.wait_text("#fields", "41.5")


def test_a_box_makes_a_table_that_sorts_and_its_rows_can_be_chosen(look, shots):
    seen = look()
    few(seen, 1)
    low, high = seen.value("[S.project(90, 130), S.project(140, 90)]")
    seen.page.mouse.move(*low)
    seen.page.keyboard.down("Shift")
    seen.page.mouse.down()
    seen.page.mouse.move(*high, steps=4)
    assert seen.page.is_visible("#marquee")
    seen.page.mouse.up()
    seen.page.keyboard.up("Shift")
    assert seen.page.is_hidden("#marquee")
    seen.interest(lambda said: sorted(said["selected"]) == [40, 41, 42, 43])
    few(seen, 2, [40, 41, 42, 43])
    column = "[...document.querySelectorAll('#selection tbody tr')].map((row) => row.children[{}].textContent)"
    seen.wait(column.format(0) + ".join() === '40,41,42,43'")
    assert seen.value(column.format(1)) == ["Sheep"] * 4
    seen.page.click("#selection th[data-key=energy] button")
    seen.page.click("#selection th[data-key=energy] button")
    seen.wait(column.format(0) + ".join() === '43,42,41,40'")
    assert seen.page.get_attribute("#selection th[data-key=energy]", "aria-sort") == "descending"
    seen.wait_text("#inspected", "4 selected")
    seen.page.screenshot(path=shots / "table.png")
    seen.page.click("#selection tbody tr:nth-child(2)")
    assert seen.value("S.state.selected[0].id") == "42"
    seen.wait_text("#entity-id", "#42")
    seen.page.keyboard.press("Escape")
    seen.interest(lambda said: said["selected"] == [])


@pytest.mark.slow
def test_a_box_round_a_crowd_selects_two_hundred_and_says_so(look):
    seen = look()
    seen.scenery(1)
    low, high = seen.value("[S.project(10, 290), S.project(390, 10)]")
    seen.page.keyboard.down("Shift")
    seen.page.mouse.move(*low)
    seen.page.mouse.down()
    seen.page.mouse.move(*high, steps=4)
    seen.page.mouse.up()
    seen.page.keyboard.up("Shift")
    seen.interest(lambda said: len(said["selected"]) == 200)
    assert "200" in seen.page.text_content("#toasts")


def test_search_by_id_finds_who_lives_and_says_who_does_not(look):
    seen = look()
    few(seen, 1)
    seen.tab("inspect")
    seen.page.fill("#find", "44")
    seen.page.press("#find", "Enter")
    seen.interest(lambda said: said["selected"] == [44])
    few(seen, 2, [44])
    seen.wait_text("#entity-id", "#44")
    seen.wait("Math.abs(S.camera.centre[0] - 385) < 1e-6 && Math.abs(S.camera.centre[1] - 100) < 1e-6")
    seen.page.fill("#find", "99")
    seen.page.click("#find-go")
    seen.interest(lambda said: said["selected"] == [99])
    few(seen, 3)
    seen.wait_text("#find-error", "No living entity has the id 99")
    seen.interest(lambda said: said["selected"] == [])
    seen.page.fill("#find", "wolf")
    seen.page.click("#find-go")
    seen.wait_text("#find-error", "whole number")


@pytest.mark.slow
def test_one_of_another_type_is_known_by_its_row(look):
    seen = look()
    seen.scenery(1)
    seen.tab("inspect")
    seen.page.fill("#find", "77777")
    seen.page.press("#find", "Enter")
    seen.frame(2, selected((1, 77777, 2, {"position": [10.0, 10.0], "hunger": 3.5})))
    seen.wait_text("#entity", "Wolf")
    seen.wait_text("#fields", "3.5")


@pytest.mark.slow
def test_the_pointer_shows_who_it_is_over_or_the_layer(look, shots):
    seen = look()
    seen.scenery(1)
    few(seen, 2)
    x, y = seen.value("S.project(135, 100)")
    seen.page.mouse.move(x - 30, y)
    seen.page.mouse.move(x, y)
    seen.wait_text("#tip", "Sheep #43 · energy 43.2")
    assert seen.page.is_visible("#tip")
    seen.page.screenshot(path=shots / "tip.png")
    seen.scenery(3)
    seen.page.mouse.move(*seen.value("S.project(395, 5)"))
    seen.wait_text("#tip", "Grass.height")
    seen.wait_text("#tip", "at 39, 0")
    seen.page.mouse.move(1100, 300)
    seen.wait("document.getElementById('tip').hidden")


@pytest.mark.slow
def test_picks_are_right_while_they_move(look):
    seen = look()
    for tick in range(1, 21):
        seen.scenery(tick)
        blocks = scenery(seen.meta, tick)
        where = blocks[0].arrays["positions"] / 65535 * seen.meta["high"]
        one = (37 * tick) % len(HERD)
        found = seen.value("(p) => S.scene.pick(...S.project(...p))", list(where[one]))
        assert found["type"] in (0, 1)
        near = where[found["id"]] if found["type"] == 0 else where[one]
        assert np.hypot(*(near - where[one])[:2]) < 4, "another may stand before it, but only there"
    assert meadow()["types"][0]["name"] == "Sheep"
