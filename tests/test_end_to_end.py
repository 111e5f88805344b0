"""The main job: one file, run by the command, seen on the page, stopped and stepped from it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.viewer.browser import CHROMIUM, FLAGS, MISSING

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)


def until(claim: Any, seconds: float = 60.0) -> None:
    """Wait for a claim to become true."""
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def shots(folder: Path) -> Path:
    """Where screenshots go; WEAVER_SHOTS names a folder to keep them in."""
    kept = Path(os.environ.get("WEAVER_SHOTS", folder))
    kept.mkdir(parents=True, exist_ok=True)
    return kept


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--partitions", "4"], id="local"),
        pytest.param(["--workers", "2"], marks=pytest.mark.slow, id="ray"),
    ],
)
def test_the_page_shows_and_steers_a_real_run(options: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "weaver.cli", "run", "flocking", "--view", "page", "--rate", "20", *options]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.stdout is not None
    said = []
    try:
        for line in run.stdout:
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+/\S*", line)
            if found:
                break
        else:
            pytest.fail("no address was printed: " + "".join(said))
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            requests: list[str] = []
            page.on("request", lambda request: requests.append(request.url))
            page.goto(found[0])
            until(lambda: (page.evaluate("S.tick") or 0) > 3)
            assert page.evaluate("S.status.entities.Bird") == 80_000
            page.keyboard.press("Space")
            until(lambda: page.evaluate("S.status.paused"))
            until(lambda: page.evaluate("S.tick === S.status.tick"))
            stopped = page.evaluate("S.tick")
            for step in (1, 2, 3):
                page.keyboard.press(".")
                until(lambda step=step: page.evaluate("S.tick") == stopped + step)
            page.screenshot(path=shots(tmp_path) / f"run-{options[0][2:]}.png")
            page.keyboard.press("Space")
            until(lambda: page.evaluate("S.tick") > stopped + 5)
            assert all(url.startswith("http://127.0.0.1:") for url in requests)
            browser.close()
        run.send_signal(signal.SIGINT)
        rest = run.communicate(timeout=60)[0]
        assert run.returncode == 0, "".join(said) + rest
        assert re.search(r"digest [0-9a-f]{32}", rest)
    finally:
        run.kill()
        run.wait()
        run.stdout.close()
