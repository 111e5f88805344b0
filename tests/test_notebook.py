"""A run in a notebook: the cells are executed by a kernel, as Jupyter does it."""

from __future__ import annotations

import functools
import http.server
import re
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.viewer.browser import CHROMIUM, FLAGS, MISSING
from weaver.load import load_app

ROOT = Path(__file__).resolve().parents[1]
CELLS = (
    """
    import weaver as wv

    class Bird(wv.Entity, view={"model": "dart", "color_by": "direction"}):
        velocity: wv.Vec2

    sim = wv.Simulation(wv.Box(60, 40), seed=1)
    match = sim.parameter("match", 0.1, low=0, high=1)

    @sim.behavior
    def flock(bird: Bird, world: wv.World):
        bird.velocity += match * world.unit2()
        bird.position += world.dt * bird.velocity

    sim.scatter(Bird, 300)
    run = sim.start()
    run.view(width=700, height=420)
    """,
    """
    from viewer.client import Client
    page = Client(run._view.url)
    page.receive_texts("meta")
    page.ask({"op": "set", "values": {"match": 0.4}})
    page.ask({"op": "step", "n": 5})
    while page.receive_texts("status")["tick"] < 5:
        del page.news["status"]
    print(run.tick, run.parameters)
    """,
    """
    print(run.step(10), page.frame(20).find("points").about["in_area"])
    """,
    """
    page.close()
    run.stop()
    print(run.counts())
    """,
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client", "ignore::DeprecationWarning:zmq")
def test_a_notebook_shows_a_run_and_steps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install ipykernel")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in CELLS]
    client = nbclient.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    shown = next(output for output in book.cells[0].outputs if output.output_type == "execute_result")["data"]
    assert re.search(r'<iframe src="http://127\.0\.0\.1:\d+/#token=[\w-]+&amp;embed" width="700"', shown["text/html"])
    said = ["".join(o.get("text", "") for o in cell.outputs if o.get("name") == "stdout") for cell in book.cells]
    assert said[1] == "5 {'match': 0.4}\n"
    assert said[2] == "15 300\n"
    assert said[3] == "{'Bird': 300}\n"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of another site that serves it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield tmp_path, f"http://localhost:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_the_page_in_a_frame_of_another_site_plays_the_run(served: tuple[Path, str]):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    folder, address = served
    flags = [flag.replace("EXCLUDE 127.0.0.1", "EXCLUDE 127.0.0.1, EXCLUDE localhost") for flag in FLAGS]
    _, sim = load_app("vicsek")
    with sim.start() as run, sync_api.sync_playwright() as playwright:
        page_of = run.view(width=700, height=420)._repr_mimebundle_()["text/html"]
        (folder / "index.html").write_text(f"<!doctype html><title>book</title>{page_of}", encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page()
        page.goto(address)
        frame = page.frame_locator("iframe")
        frame.locator("#play").click(timeout=30_000)
        end = time.monotonic() + 60
        while run.tick < 5:
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.02)
        tick = run.step(3)
        frame.locator("#tick", has_text=re.compile(rf"^{tick}$")).wait_for(timeout=30_000)
        browser.close()
