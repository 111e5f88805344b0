"""The page on a real hub and publisher: what it asks for comes, and what it does arrives."""

import pytest

from partitions.publisher import Publisher
from tests.viewer.pretend import birds, until, world
from viewer.hub import Hub

PLACES = [(100, 100), (300, 100), (300, 320), (40, 380)]


class Live:
    """A hub, its one worker, and pages on it."""

    def __init__(self, browser, meta, **options):
        self.browser = browser
        self.hub = Hub.start(meta, **options)
        self.publisher = Publisher(self.hub.publish_address, self.hub.publish_secret, 0, 1)
        self.pages, self.errors, self.taken, self.tick = [], [], [], 0

    def open(self, url=None):
        page = self.browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.pages.append(page)
        page.goto(url or self.hub.url)
        return page

    def until(self, page, claim, **shown):
        """Publish ticks until `claim`, JavaScript, is so."""

        def there():
            self.tick += 1
            self.publisher.publish(self.tick, birds(PLACES, **shown), force=True)
            return page.evaluate(claim)

        until(there)

    def heard(self, command):
        until(lambda: self.taken.extend(self.hub.commands()) or command in self.taken)

    def close(self):
        for page in self.pages:
            page.context.close()
        self.publisher.close()
        self.hub.close()
        assert [error for error in self.errors if "ERR_CONNECTION_REFUSED" not in error] == []


@pytest.fixture
def live(browser):
    made = []

    def begin(meta=None, **options):
        made.append(Live(browser, meta or world(), **options))
        return made[-1]

    yield begin
    for each in made:
        each.close()


def test_a_click_brings_all_fields_and_a_filter_thins_the_crowd(live, shots):
    it = live()
    page = it.open()
    it.until(
        page,
        "S.frame !== null && S.frame.blocks.some((b) => b.kind === 'points' && b.about.in_area === 4)",
        energy=[1, 2, 3, 4],
    )
    page.mouse.click(*page.evaluate("S.project(300, 320)"))
    it.until(page, "document.getElementById('entity-tick')?.textContent.startsWith('tick ')", energy=[1, 2, 3, 4])
    fields = dict(zip(*[page.locator(f"#fields {tag}").all_text_contents() for tag in ("dt", "dd")], strict=True))
    assert fields == {"position": "300, 320", "velocity": "1, 0", "energy": "3", "mood": "calm"}
    page.click("#tab-look")
    page.select_option("#type-0-by", "energy")
    it.until(page, "S.scene.styles.get(0).by === 0", energy=[1, 2, 3, 4])
    page.fill("#type-0-where", "energy > 2")
    it.until(page, "S.frame.blocks.some((b) => b.kind === 'points' && b.about.in_area === 2)", energy=[1, 2, 3, 4])
    page.screenshot(path=shots / "live.png")
    page.fill("#type-0-where", "energy >")
    until(lambda: page.text_content("#type-0-error") != "")


def test_both_rights_work_and_watching_cannot_act(live):
    it = live()
    it.hub.status({"tick": 1, "running": True, "paused": False})
    boss, guest = it.open(), it.open(it.hub.view_url)
    until(
        lambda: boss.evaluate("S.you !== null && S.you.control") and guest.evaluate("S.you !== null && !S.you.control")
    )
    boss.keyboard.press("Space")
    it.heard({"op": "pause"})
    until(lambda: guest.is_disabled("#play"))
    guest.evaluate("S.command({op: 'pause'})")
    until(lambda: "look only" in guest.text_content("#toasts"))
    assert it.hub.commands() == [] or all(command["op"] == "refresh" for command in it.hub.commands())
    guest.click("#share")
    assert guest.input_value("#shared").startswith(it.hub.view_url)
    boss.click("#share")
    boss.check("[name=right][value=control]")
    assert boss.input_value("#shared").startswith(it.hub.url + "&s=")


@pytest.mark.slow
def test_parameters_samples_load_and_histograms_make_the_way(live):
    meta = world(
        parameters=[
            {
                "name": "speed",
                "value": 1.0,
                "low": 0.0,
                "high": 2.0,
                "unit": "m/s",
                "help": "",
                "integer": False,
                "fixed": False,
            }
        ],
        observations=[{"name": "mean speed", "statistic": "mean", "vector": False, "bins": None}],
    )
    it = live(meta)
    page = it.open()
    until(lambda: page.evaluate("S.meta !== null"))
    page.click("#tab-run")
    page.fill("#parameter-0", "1.5")
    page.press("#parameter-0", "Enter")
    it.heard({"op": "set", "values": {"speed": 1.5}})
    it.hub.samples(0, [0, 10, 20], {"mean speed": [1.0, 1.5, 2.0]})
    page.click("#tab-charts")
    until(lambda: page.locator("[data-observation='mean speed'] path").count() == 1)
    page.select_option("#histogram-field", "Bird\nenergy")
    it.until(page, "document.querySelectorAll('#histogram rect').length > 4", energy=[1, 2, 3, 4])


def test_an_embedded_page_is_let_in_by_its_token(live):
    it = live(embed=True)
    page = it.open(it.hub.url + "&embed")
    it.until(page, "S.frame !== null")
    assert page.evaluate("[S.connected, document.body.className.includes('embedded')]") == [True, True]


def test_a_hub_that_ends_is_told(live):
    it = live()
    page = it.open()
    it.until(page, "S.frame !== null")
    it.hub.close()
    until(lambda: page.text_content("#state-text").startswith("Connection lost"))
