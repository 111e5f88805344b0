"""The page in a real browser: what is drawn where, what the controls do, and whom it talks to."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.viewer.browser import CHROMIUM, FLAGS, MISSING
from tests.viewer.pretend import birds, until, world
from viewer import colour

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
# A bird in each quarter of the world; y is up.
PLACES = [(100, 100), (300, 100), (300, 320), (40, 380)]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def shots(tmp_path):
    """Where screenshots go; WEAVER_SHOTS names a folder to keep them in."""
    folder = Path(os.environ.get("WEAVER_SHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Seen:
    """A page on a hub, and everything that it asked for or complained of."""

    def __init__(self, browser, start, meta, scheme="dark", size=(1280, 800)):
        self.hub, (self.publisher,) = start(meta)
        self.page = browser.new_page(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
        self.requests, self.errors = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.goto(self.hub.url)
        self.taken = []
        self.wait_command({"op": "refresh"})

    def value(self, expression):
        return self.page.evaluate(expression)

    def wait(self, claim):
        """`claim` is JavaScript; the policy of the page forbids Playwright's own way to wait, which uses eval."""
        until(lambda: self.value(claim))

    def wait_command(self, command):
        until(lambda: self.taken.extend(self.hub.commands()) or command in self.taken)
        self.taken.clear()

    def publish(self, tick, types):
        drawn = self.value("S.drawn")
        assert self.publisher.publish(tick, types, force=True)
        self.wait(f"S.tick === {tick} && S.drawn > {drawn}")

    def pixel(self, x, y, z=0):
        """Colour, 0 to 255, where a place of the world is drawn."""
        return np.array(self.value(f"S.pixel(...S.project({x}, {y}, {z}))"))


@pytest.fixture
def look(browser, start):
    seen = []

    def begin(meta=None, **options):
        seen.append(Seen(browser, start, meta or world(), **options))
        return seen[-1]

    yield begin
    for each in seen:
        each.page.close()
        assert [error for error in each.errors if "ERR_CONNECTION_REFUSED" not in error] == []


def near(one, two, tolerance=6):
    return np.abs(np.array(one) - np.array(two)).max() <= tolerance


def test_birds_are_lit_where_they_are_and_nowhere_else(look, shots):
    seen = look()
    seen.page.click("#toggle-partitions")
    seen.publish(5, birds(PLACES, heading=[(1, 0), (0, 1), (-1, 0), (0, -1)]))
    for (x, y), turn in zip(PLACES, (0, 0.25, 0.5, 0.75), strict=True):
        assert near(seen.pixel(x, y), np.array(colour.wheel(turn)) * 255)
    ground = np.array(colour.GROUND) * 255
    for x, y in [(180, 180), (120, 310), (310, 210), (20, 20)]:
        assert near(seen.pixel(x, y), ground)
    assert seen.value("[S.counts[0], S.tick, S.shapes[0]]") == [4, 5, "dart"]
    seen.page.screenshot(path=shots / "birds.png")


def test_a_flock_of_ten_thousand_is_drawn_as_points_and_looks_well(look, shots):
    seen = look()
    rng = np.random.default_rng(1)
    places = rng.normal((200, 200), 60, (10_000, 2)) % 400
    around = np.stack([200 - places[:, 1], places[:, 0] - 200], axis=1)
    seen.publish(64, birds(places, heading=around))
    assert seen.value("S.shapes[0]") in ("point", "dart")
    assert seen.page.text_content(".type-count") == "10,000"
    assert seen.page.text_content("#tick") == "64"
    seen.page.screenshot(path=shots / "flock.png")
    seen.page.click("#toggle-light")
    assert seen.pixel(395, 5).min() > 190
    seen.page.screenshot(path=shots / "flock-light.png")


def test_colours_of_a_field_equal_the_map_and_the_legend_has_its_range(look, shots):
    seen = look()
    seen.page.select_option("select", "field:energy")
    seen.wait_command({"op": "refresh"})
    assert seen.publisher.fields == {"Bird": "energy"}
    energy = np.array([2.0, 4.0, 6.0, 10.0])
    seen.publish(5, birds(PLACES, scalar=energy))
    for (x, y), value in zip(PLACES, energy, strict=True):
        assert near(seen.pixel(x, y), np.array(colour.ramp((value - 2) / 8)) * 255)
    assert [seen.page.text_content(f".legend-ends span:nth-child({k})") for k in (1, 3, 5)] == ["2", "6", "10"]
    seen.page.screenshot(path=shots / "field.png")


def test_python_and_javascript_make_the_same_colours(look):
    seen = look()
    for t in np.linspace(0, 1, 11):
        for name in ("ramp", "wheel"):
            assert near(seen.value(f"S.{name}({t})"), getattr(colour, name)(t), 1e-6)


def test_play_pause_step_and_rate_reach_the_run_by_mouse_and_keys(look):
    seen = look()
    seen.hub.status({"tick": 1, "paused": False, "running": True, "rate": None})
    seen.wait("document.getElementById('state-text').textContent === 'Running'")
    seen.page.click("#play")
    seen.wait_command({"op": "pause"})
    seen.hub.status({"tick": 1, "paused": True, "running": True, "rate": 10, "ticks_per_second": 0})
    seen.wait("document.getElementById('state-text').textContent === 'Paused'")
    assert seen.page.get_attribute("#rates [data-hz='10']", "aria-pressed") == "true"
    seen.page.keyboard.press(".")
    seen.wait_command({"op": "step", "n": 1})
    seen.publish(2, birds(PLACES))
    seen.page.keyboard.press(" ")
    seen.wait_command({"op": "play"})
    seen.page.click("#rates [data-hz='30']")
    seen.wait_command({"op": "rate", "hz": 30.0})
    seen.page.click("#rates [data-hz='']")
    seen.wait_command({"op": "rate", "hz": None})
    seen.page.click("#step")
    seen.wait_command({"op": "step", "n": 1})


def test_nothing_but_the_hub_is_contacted_and_the_token_leaves_the_address(look):
    seen = look()
    seen.publish(1, birds(PLACES))
    base = urlsplit(seen.hub.url).netloc
    assert {urlsplit(url).netloc for url in seen.requests} == {base}
    assert base.startswith("127.0.0.1:")
    token = seen.hub.url.partition("token=")[2]
    assert seen.page.url == f"http://{base}/"
    assert not any(token in url.partition("#")[0] for url in seen.requests)
    assert token not in seen.value("document.cookie + JSON.stringify(history.state)")


def test_a_page_without_the_token_says_so_and_sees_nothing(browser, start):
    hub, _ = start(world())
    page = browser.new_context().new_page()
    page.goto(hub.url.partition("#")[0] + "#token=wrong")
    until(lambda: "belongs to another run" in page.text_content("#message"))
    assert page.evaluate("[S.meta, S.received]") == [None, 0]
    page.close()


def test_zoom_pan_fit_and_tilt_move_the_picture(look, shots):
    seen = look()
    seen.publish(1, birds(PLACES))
    before = seen.value("S.project(100, 100)")
    seen.page.mouse.move(*before)
    seen.page.mouse.wheel(0, -400)
    seen.wait("S.camera.distance < 500 && S.camera.unit < 0.5")
    assert near(seen.value("S.project(100, 100)"), before, 1)
    assert near(seen.pixel(100, 100), np.array(colour.wheel(0)) * 255)
    seen.page.mouse.down()
    seen.page.mouse.move(before[0] + 50, before[1] + 30)
    seen.page.mouse.up()
    assert near(seen.value("S.project(100, 100)"), (before[0] + 50, before[1] + 30), 1)
    seen.page.keyboard.press("f")
    assert near(seen.value("S.project(100, 100)"), before, 1)
    seen.page.keyboard.press("v")
    assert seen.value("S.camera.flat") is False
    lit = seen.pixel(100, 100)
    assert lit.max() > 60
    seen.page.screenshot(path=shots / "tilted.png")


def test_a_world_in_space_shows_cones_under_the_projection(look, shots):
    meta = world(3)
    meta["types"][0]["view"] = {"size": 12}
    seen = look(meta)
    places = [(100, 100, 50), (300, 200, 150), (200, 350, 20)]
    seen.publish(1, birds(places, heading=[(1, 0, 0.2), (0, 1, 0), (0, 0, 1)]))
    assert seen.value("S.shapes[0]") == "cone"
    for place in places:
        assert seen.pixel(*place).max() > 50
    seen.page.screenshot(path=shots / "space.png")


def test_geometry_and_partitions_are_drawn_and_partitions_can_be_hidden(look):
    seen = look(world(geometry=[[[50, 200], [350, 200]]]))
    seen.publish(1, birds(PLACES))
    assert seen.pixel(120, 200).min() > 150
    inside = seen.pixel(160, 130)
    seen.page.keyboard.press("p")
    assert not near(seen.pixel(160, 130), inside, 2)
    assert near(seen.pixel(160, 130), np.array(colour.GROUND) * 255)


def test_the_page_comes_back_after_the_connection_was_lost(look):
    seen = look()
    seen.publish(1, birds(PLACES))
    seen.value("S.link.socket.close()")
    seen.wait_command({"op": "refresh"})
    seen.wait("S.connected")
    seen.publish(2, birds(PLACES))
    seen.hub.close()
    seen.wait("document.getElementById('state-text').textContent.startsWith('Connection lost')")


def test_it_works_on_a_phone(look, shots):
    seen = look(size=(390, 844))
    seen.publish(1, birds(PLACES))
    assert near(seen.pixel(100, 100), np.array(colour.wheel(0)) * 255)
    seen.page.screenshot(path=shots / "phone.png")
    assert seen.value("document.documentElement.scrollWidth") <= 390
