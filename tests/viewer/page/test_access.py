"""Everybody can use the page: axe finds no serious fault, the tabs go by keys, and it fits a phone."""

import pytest

from tests.viewer.page.meadow import meadow
from tests.viewer.page.test_panels import LOAD, SAMPLES

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")


def faults(seen):
    from pathlib import Path

    source = Path(axe.__file__).with_name("axe.min.js").read_text()
    if not seen.value("Boolean(window.axe)"):
        seen.page.evaluate(source + "; undefined")
    found = seen.value("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (f["id"], f["impact"], [node["target"] for node in f["nodes"]][:4])
        for f in found
        if f["impact"] in ("serious", "critical")
    ]


def furnished(seen):
    seen.scenery(1, chosen=[3, 4])
    seen.stage.tell(samples=SAMPLES, status={"tick": 1, "running": True, "paused": False, "rate": 10})
    seen.value("S.select([{type: 0, id: '3'}, {type: 0, id: '4'}])")
    seen.frame(2, LOAD)
    seen.scenery(3, chosen=[3, 4])


@pytest.mark.parametrize("scheme", [pytest.param("dark", marks=pytest.mark.slow), "light"])
@pytest.mark.parametrize("size", [(1280, 720), pytest.param((390, 844), marks=pytest.mark.slow)], ids=["desk", "phone"])
def test_axe_finds_no_serious_fault(look, shots, scheme, size):
    seen = look(scheme=scheme, size=size)
    furnished(seen)
    if size[0] < 500:
        seen.page.click("#toggle-panel")
    found = []
    for name in ("look", "inspect", "charts", "run"):
        seen.tab(name)
        if name == "look":
            seen.page.fill("#type-0-where", "energy <")
            seen.stage.tell(invalid={"where": {"Sheep": "A value is missing."}})
            seen.wait_text("#type-0-error", "missing")
        seen.value("new Promise((done) => setTimeout(done, 250))")
        found += faults(seen)
        seen.page.screenshot(path=shots / f"{name}-{scheme}-{size[0]}.png")
    for opener, closer in (("#share", "#sharing .close"), ("#help", "#helping .close")):
        seen.page.click(opener)
        found += faults(seen)
        seen.page.click(closer)
    assert found == []


def test_axe_finds_no_serious_fault_for_one_who_watches(look):
    seen = look(meadow(3), control=False)
    furnished(seen)
    seen.tab("run")
    assert faults(seen) == []


def test_tabs_go_by_arrow_keys(look):
    seen = look()
    seen.page.focus("#tab-look")
    seen.page.keyboard.press("ArrowRight")
    assert seen.value("[S.state.tab, document.activeElement.id]") == ["inspect", "tab-inspect"]
    seen.page.keyboard.press("ArrowLeft")
    seen.page.keyboard.press("ArrowLeft")
    assert seen.value("S.state.tab") == "run"
    assert seen.page.is_visible("#run") and seen.page.is_hidden("#look")


def test_every_control_has_a_name(look):
    seen = look()
    furnished(seen)
    nameless = """[...document.querySelectorAll('button, input, select')].filter((one) =>
        !(one.getAttribute('aria-label') || one.textContent.trim() || [...(one.labels ?? [])].some((label) => label.textContent.trim()))).map((one) => one.outerHTML)"""
    assert seen.value(nameless) == []


def test_it_fits_a_phone_and_the_panel_is_a_sheet(look, shots):
    seen = look(size=(390, 844))
    seen.scenery(1)
    assert seen.page.is_hidden("#panel")
    seen.page.screenshot(path=shots / "phone.png")
    assert seen.value("document.documentElement.scrollWidth") <= 390
    seen.page.click("#toggle-panel")
    box = seen.page.locator("#panel").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["y"] > 300
    below = seen.page.locator("#transport").bounding_box()
    assert box["y"] + box["height"] <= below["y"] and below["y"] + below["height"] <= 844
    seen.page.screenshot(path=shots / "phone-sheet.png")


def test_the_side_panel_closes_and_the_world_takes_its_place(look):
    seen = look()
    seen.scenery(1)
    before = seen.value("S.project(400, 0)")[0]
    seen.page.click("#toggle-panel")
    assert seen.page.is_hidden("#panel")
    assert seen.value("S.project(400, 0)")[0] > before + 50
