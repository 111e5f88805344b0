"""A run in a notebook: the cells are executed by a kernel, as Jupyter does it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install ipykernel")
nbformat = pytest.importorskip("nbformat")

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
