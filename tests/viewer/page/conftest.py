"""A browser for the module, and pages that are closed when the test ends."""

import os
from pathlib import Path

import pytest

from tests.viewer.browser import CHROMIUM, MISSING, QUICK
from tests.viewer.page.meadow import meadow
from tests.viewer.page.seen import Seen


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip(MISSING)
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=QUICK)
        yield made
        made.close()


@pytest.fixture
def shots(tmp_path):
    """Where screenshots go; WEAVER_SHOTS names a folder to keep them in."""
    folder = Path(os.environ.get("WEAVER_SHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def look(browser):
    seen = []

    def begin(meta=None, **options):
        seen.append(Seen(browser, meta or meadow(), **options))
        return seen[-1]

    yield begin
    for each in seen:
        each.close()
