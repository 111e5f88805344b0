"""A hub and its workers, and a scene without a hub, closed when the test ends."""

import os
from pathlib import Path

import pytest

from partitions.publisher import Publisher
from tests.viewer.browser import CHROMIUM, MISSING, QUICK
from tests.viewer.stage import Stage, theatre
from viewer.hub import Hub


@pytest.fixture
def start():
    """Start hubs, and publishers for them; all are closed when the test ends."""
    made = []

    def begin(meta, **options):
        hub = Hub.start(meta, **options)
        made.append(hub)
        publishers = [
            Publisher(hub.publish_address, hub.publish_secret, k, meta["workers"]) for k in range(meta["workers"])
        ]
        made.extend(publishers)
        return hub, publishers

    yield begin
    for each in reversed(made):
        each.close()


@pytest.fixture(scope="module")
def house():
    if CHROMIUM is None:
        pytest.skip(MISSING)
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with theatre() as (url, frames), sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUICK)
        yield browser, url, frames
        browser.close()


@pytest.fixture
def stage(house):
    """A bare scene: no grid, no box, no numbers."""
    browser, url, frames = house
    made = Stage(browser, url, frames, (1280, 720), 1)
    made.value("Object.keys(S.shown).forEach((k) => S.shown[k] = false)")
    yield made
    made.page.close()
    assert made.errors == []


@pytest.fixture
def shots(tmp_path):
    """Where screenshots go; WEAVER_SHOTS names a folder to keep them in."""
    folder = Path(os.environ.get("WEAVER_SHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
