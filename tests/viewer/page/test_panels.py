"""Charts, parameters, load, links, embedding: what makes a run understood, and shared."""

import base64
import json

import numpy as np
import pytest

from partitions.frames import Block
from tests.viewer.page.meadow import meadow

TICKS = list(range(0, 300, 10))
SAMPLES = {
    "from": 0,
    "ticks": TICKS,
    "values": {
        "sheep": [600 + 3 * k for k in range(30)],
        "drift": [[0.1 * k, 2 - 0.1 * k] for k in range(30)],
        "energies": [[k, 5, 40, 20, 2] for k in range(30)],
    },
}
LOAD = Block(
    "load",
    {
        "partitions": [
            {"number": k, "worker": k % 2, "entities": 100 * k, "seconds": 0.001 * (k + 1)} for k in range(4)
        ],
        "workers": [
            {"worker": 0, "ticks": 10, "seconds": {"kernels": 0.04, "exchange": 0.02, "other": 0.01}},
            {"worker": 1, "ticks": 10, "seconds": {"kernels": 0.08, "exchange": 0.01, "other": 0.01}},
        ],
    },
    {},
)


@pytest.mark.slow
def test_observations_are_drawn_as_they_come(look, shots):
    seen = look()
    seen.scenery(290)
    seen.tab("charts")
    seen.stage.tell(samples=SAMPLES)
    seen.wait("document.querySelector('[data-observation=sheep] path') !== null")
    assert seen.value("document.querySelectorAll('[data-observation=drift] path').length") == 2
    assert seen.value("document.querySelectorAll('[data-observation=energies] rect').length") == 5
    tops = seen.value(
        "[...document.querySelectorAll('[data-observation=energies] rect')].map((bar) => +bar.getAttribute('height'))"
    )
    assert np.allclose(np.array(tops) / tops[2], np.array([29, 5, 40, 20, 2]) / 40)
    assert "687" in seen.page.text_content("#charts .latest")
    d = seen.value("document.querySelector('[data-observation=sheep] path').getAttribute('d')")
    assert len(d[1:].split("L")) == 30
    seen.page.screenshot(path=shots / "charts.png")
    # Who points at a chart reads what was there.
    box = seen.page.locator("[data-observation=sheep]").bounding_box()
    seen.page.mouse.move(box["x"] + 43, box["y"] + 60)
    seen.wait_text("#charts .latest", "600")
    seen.page.mouse.move(400, 300)
    seen.wait_text("#charts .latest", "687")
    # More rows come; and a late thinning replaces what came before.
    seen.stage.tell(
        samples={"from": 30, "ticks": [300], "values": {"sheep": [100], "drift": [[0, 0]], "energies": [[9] * 5]}}
    )
    seen.wait(f"document.querySelector('[data-observation=sheep] path').getAttribute('d') !== '{d}'")
    seen.wait("S.samples.ticks.length === 31")
    seen.stage.tell(
        samples={"from": 0, "ticks": TICKS[::2], "values": {name: v[::2] for name, v in SAMPLES["values"].items()}}
    )
    seen.wait("S.samples.ticks.length === 15 && S.samples.values.sheep.length === 15")


def test_the_histogram_of_a_field_is_asked_for_and_drawn(look, shots):
    seen = look()
    seen.tab("charts")
    seen.page.select_option("#histogram-field", "Sheep\nenergy")
    seen.page.select_option("#histogram-bins", "10")
    seen.interest(lambda said: said["histograms"] == [{"type": "Sheep", "field": "energy", "bins": 10}])
    counts = np.array([1, 2, 4, 8, 16, 32, 16, 8, 4, 2])
    about = {"type": 0, "field": "energy", "low": 0.0, "high": 10.0, "n": 93, "min": 0.5, "max": 9.5}
    seen.frame(1, Block("histogram", about, {"counts": counts.astype("i8")}))
    seen.wait("document.querySelectorAll('#histogram rect').length === 10")
    heights = np.array(
        seen.value("[...document.querySelectorAll('#histogram rect')].map((bar) => +bar.getAttribute('height'))")
    )
    assert np.allclose(heights / heights.max(), counts / 32)
    seen.wait_text("#histogram-about", "93 entities, 0.5 to 9.5")
    seen.tab("look")
    seen.interest(lambda said: said["histograms"] == [])  # nobody looks: nobody works


def test_a_parameter_acts_on_the_run_by_slider_and_number(look, shots):
    seen = look()
    seen.tab("run")
    assert "m/s" in seen.page.text_content("[data-parameter=speed]")
    seen.slide("#parameter-0-slider", 0.75)
    seen.stage.heard("set", values={"speed": 7.5})
    seen.page.fill("#parameter-0", "99")
    seen.page.press("#parameter-0", "Enter")
    seen.stage.heard("set", values={"speed": 10})  # its bound
    seen.page.screenshot(path=shots / "run.png")


@pytest.mark.slow
def test_a_wide_range_has_a_slider_of_equal_factors(look):
    seen = look()
    seen.tab("run")
    # From 1e-4 to 10 are five factors of ten; 0.01 is two of them.
    assert seen.value("+document.getElementById('parameter-1-slider').value") == pytest.approx(0.4)
    seen.slide("#parameter-1-slider", 0.6)
    assert seen.stage.heard("set")["values"]["rate"] == pytest.approx(0.1)


@pytest.mark.slow
def test_a_fixed_parameter_says_why_it_cannot_change(look):
    seen = look()
    seen.tab("run")
    assert seen.page.is_disabled("#parameter-2") and seen.page.is_disabled("#parameter-2-slider")
    seen.wait_text("[data-parameter=radius] .why", "Fixed")


def test_what_the_run_says_of_its_parameters_is_shown_and_a_refusal_takes_back(look):
    seen = look()
    seen.tab("run")
    seen.stage.tell(status={"tick": 1, "running": True, "paused": False, "parameters": {"speed": 2.5}})
    seen.wait("document.getElementById('parameter-0').value === '2.5'")
    seen.slide("#parameter-0-slider", 1)
    seen.stage.heard("set", values={"speed": 10})
    seen.stage.tell(refused={"op": "set", "reason": "speed is not below the limit of the road."})
    seen.wait_text("#toasts", "limit of the road")
    seen.wait("document.getElementById('parameter-0').value === '2.5'")


def test_partitions_are_laid_over_by_worker_or_by_load(look, shots):
    seen = look()
    seen.scenery(1)
    assert seen.value("S.scene.shown.partitions") is False
    assert seen.stage.interest["load"] is False
    seen.tab("run")
    seen.interest(lambda said: said["load"] is True)
    seen.page.click("#areas-worker")
    assert seen.value("[S.scene.shown.partitions, S.scene.partitions.length]") == [True, 4]
    by_worker = seen.value("S.scene.partitions.map((p) => p.rgb.join())")
    assert by_worker[0] == by_worker[2] != by_worker[1] == by_worker[3]
    seen.page.click("#areas-load")
    seen.frame(2, *seen_load(seen))
    by_load = seen.value("S.scene.partitions.map((p) => p.rgb.reduce((a, b) => a + b))")
    assert by_load == sorted(by_load) and len(set(by_load)) == 4
    seen.wait_text("#partition-table", "300")
    seen.page.screenshot(path=shots / "load.png")
    seen.stage.tell(partitions=[{"low": [0, 0, 0], "high": [400, 300, 0], "worker": 1, "number": 0}])
    seen.wait("S.scene.partitions.length === 1")
    seen.page.click("#areas-off")
    assert seen.value("S.scene.shown.partitions") is False


def seen_load(seen):
    from tests.viewer.page.meadow import scenery

    return [*scenery(seen.meta, 2), LOAD]


def test_the_time_of_a_tick_is_broken_down_per_worker(look):
    seen = look()
    seen.tab("run")
    seen.frame(1, LOAD)
    seen.wait("document.querySelectorAll('#workers .worker').length === 2")
    wide = seen.value(
        "[...document.querySelectorAll('#workers .stack')].map((s) => [...s.children].map((c) => parseFloat(c.style.width)))"
    )
    assert np.allclose(wide, [[40, 20, 10], [80, 10, 10]])
    seen.wait_text("#workers", "10 ms a tick")


def test_a_link_restores_camera_look_filter_and_panels(look, browser, shots):
    seen = look()
    seen.scenery(1)
    seen.page.select_option("#type-0-by", "energy")
    seen.page.select_option("#type-0-map", "heat")
    seen.page.fill("#type-0-where", "energy > 1")
    seen.page.uncheck("#type-1-shown")
    seen.slide("#trails", 0.2)
    seen.page.click("#toggle-light")
    seen.page.mouse.move(500, 300)
    seen.page.mouse.wheel(0, -300)
    seen.wait("S.moved")
    seen.tab("charts")
    seen.page.click("#share")
    seen.page.screenshot(path=shots / "share.png")
    link = seen.page.input_value("#shared")
    assert "#token=view&s=" in link
    seen.page.check("[name=right][value=control]")
    assert "#token=control&s=" in seen.page.input_value("#shared")
    seen.page.click("#copy")
    seen.wait_text("#toasts", "copied")
    there = seen.value("S.camera.state()")
    seen.stage.token = "view"
    other = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    other.goto(link)
    from tests.viewer.pretend import until

    until(lambda: other.evaluate("S.meta !== null"))
    assert other.evaluate("S.camera.state()") == there
    assert other.evaluate(
        "[S.state.types.Sheep.by, S.state.types.Sheep.map, S.state.types.Sheep.where, S.state.types.Wolf.shown]"
    ) == ["energy", "heat", "energy > 1", False]
    assert other.evaluate("[S.state.trails, S.state.tab, S.state.light]") == [40, "charts", True]
    assert other.is_visible("#charts")
    assert "token" not in other.url and "s=" in other.url
    seen.interest(lambda said: said["types"]["Sheep"] == {"show": True, "fields": ["energy"], "where": "energy > 1"})
    other.context.close()


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([], marks=pytest.mark.slow),
        {"types": {"Sheep": {"by": "no such field", "range": ["a", 1], "opacity": 1e9, "map": "constructor"}}, "camera": {"centre": [None]}},
        pytest.param({"types": {"__proto__": {"shown": False}}, "selected": [{"id": "x"}], "tab": "nowhere", "clip": [[1], [2]]}, marks=pytest.mark.slow),
        {"layers": {"Grass": {"field": "no such field"}}, "histogram": {"type": "Sheep", "field": "gone", "bins": 10}, "clip": [[300, 0, 0], [100, 9, 0]], "tab": "charts?"},
        pytest.param({"types": None, "layers": 5, "shown": "x", "budget": -5, "trails": "many"}, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_link_that_was_tampered_with_changes_nothing(look, told):
    packed = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    seen = look(more=f"&s={packed}")
    seen.scenery(1)
    assert seen.value(
        "[S.state.types.Sheep.by, S.state.types.Sheep.range, S.state.types.Sheep.opacity, S.state.types.Sheep.map]"
    ) == ["type", None, 1, "ramp"]
    assert seen.value("[S.state.tab, S.state.clip, S.state.selected, S.state.trails]") == ["look", None, [], 0]
    assert seen.value("S.camera.centre.every(Number.isFinite)")
    assert seen.stage.interest["layers"] == {"Grass": "height"} and seen.stage.interest["area"] is None
    assert seen.value("S.state.histogram") is None


@pytest.mark.slow
def test_a_link_that_is_no_link_is_ignored(look):
    seen = look(more="&s=%%%not-base64")
    seen.scenery(1)
    assert seen.value("S.state.tab") == "look"


def test_an_embedded_page_enters_by_its_first_message_and_is_compact(look, shots):
    seen = look(more="&embed", cookie=False, size=(800, 500))
    assert seen.stage.said[0] == {"op": "enter", "token": "secret"}
    seen.scenery(1)
    assert seen.page.is_hidden("#panel") and seen.page.is_hidden("#share")
    assert not any(url.endswith("/session") for url in seen.requests)
    seen.page.screenshot(path=shots / "embedded.png")
    assert seen.page.url.endswith("/#embed")


@pytest.mark.slow
def test_an_embedded_page_with_a_cookie_already_does_without_entering(look):
    seen = look(more="&embed", cookie="refuse enter")
    seen.scenery(1)
    assert [m["op"] for m in seen.stage.said].count("enter") == 1
    assert seen.value("S.connected")


def test_nothing_but_the_hub_is_contacted_and_the_token_leaves_the_address(look):
    seen = look()
    seen.scenery(1)
    assert {url.split("/")[2] for url in seen.requests} == {f"127.0.0.1:{seen.stage.port}"}
    assert seen.page.url == f"http://127.0.0.1:{seen.stage.port}/"
    assert not any("secret" in url.partition("#")[0] for url in seen.requests)
    assert "secret" not in seen.value(
        "document.cookie + JSON.stringify(history.state) + JSON.stringify({...localStorage})"
    )


def test_under_a_prefix_everything_is_asked_for_there(look):
    seen = look()
    # Below /city/ a page asks for /city/session and /city/ws: addresses are relative to its own.
    assert seen.value(
        "[new URL('session', 'https://host/city/#token=x').href, new URL('ws', 'https://host/city/').href]"
    ) == ["https://host/city/session", "https://host/city/ws"]
    source = seen.value("fetch('link.js').then((answer) => answer.text())")
    assert 'fetch(new URL("session", location.href)' in source and 'new URL("ws", location.href)' in source


def test_the_page_comes_back_after_the_connection_was_lost_and_asks_again(look):
    seen = look()
    seen.page.fill("#type-0-where", "energy > 2")
    seen.interest(lambda said: said["types"]["Sheep"]["where"] == "energy > 2")
    seen.scenery(1)
    seen.page.mouse.move(500, 300)
    seen.page.mouse.wheel(0, -200)
    seen.wait("S.moved")
    there = seen.value("S.camera.state()")
    seen.stage.said.clear()
    seen.value("S.link.socket.close()")
    seen.wait("S.connected")
    seen.interest(lambda said: said["types"]["Sheep"]["where"] == "energy > 2")
    seen.scenery(2)
    assert seen.page.input_value("#type-0-where") == "energy > 2"
    assert seen.value("S.camera.state()") == there


@pytest.mark.slow
def test_another_run_at_the_same_address_begins_anew(look):
    seen = look()
    seen.scenery(9)
    seen.page.select_option("#type-0-by", "mood")
    seen.value("S.select([{type: 1, id: '1003'}])")
    seen.interest(lambda said: said["selected"] == [1003])
    other = meadow(app="desert")
    other["types"] = [
        {"name": "Sheep", "fields": [{"name": "thirst", "kind": "float"}], "heading": False, "radius": None, "view": {}}
    ]
    seen.stage.meta = other
    seen.stage.said.clear()
    seen.value("S.link.socket.close()")
    seen.wait("S.meta.app === 'desert'")
    seen.interest(
        lambda said: said["selected"] == [] and said["types"] == {"Sheep": {"show": True, "fields": [], "where": ""}}
    )
    assert seen.value("[S.state.types.Sheep.by, S.store.frames.length]") == ["type", 0]
    seen.wait_text("#app", "desert")


def test_a_wrong_token_is_told_and_nothing_is_seen(browser, look):
    seen = look()
    page = browser.new_context().new_page()
    page.goto(seen.stage.url.replace("secret", "wrong"))
    from tests.viewer.pretend import until

    until(lambda: "belongs to another run" in (page.text_content("#message") or ""))
    assert page.evaluate("[S.meta, S.received]") == [None, 0]
    page.context.close()


def test_names_of_a_run_are_text_never_markup(look):
    evil = "<img src=x onerror=alert(1)>"
    meta = meadow(app=evil)
    meta["types"][0]["name"] = evil
    meta["parameters"][0]["help"] = evil
    seen = look(meta)
    seen.scenery(1)
    for name in ("inspect", "charts", "run", "look"):
        seen.tab(name)
    assert seen.value("document.querySelectorAll('img').length") == 0
    assert evil in seen.page.text_content("#look")
