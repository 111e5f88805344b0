"""However a run on Ray ends, by the command: the exit code is right and no process and no shared memory is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(280)

ROOT = Path(__file__).resolve().parents[1]
APP = '''"""Dots that drift."""
import weaver as wv

class Dot(wv.Entity):
    velocity: wv.Vec2
    near: int

sim = wv.Simulation(wv.Box(30, 20, boundary="periodic"), seed=3)
fatal = sim.parameter("fatal", -1, low=-1)

@sim.behavior
def drift(dot: Dot, world: wv.World):
    dot.near = world.count(dot, Dot, radius=2.0)
    if world.tick == fatal and dot.id == 17:
        dot.position += dot.velocity / 0
    dot.position += 0.1 * dot.velocity

sim.scatter(Dot, 500, velocity=lambda rng: rng.unit2())
'''


def until(claim: Callable[[], bool], said: Callable[[], object], seconds: float = 30.0) -> None:
    """Look again and again until something has come true."""
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, said()
        threading.Event().wait(0.05)


def marked(mark: str) -> dict[int, str]:
    """Process -> command line of all that carry the mark in their environment and live."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark.encode() not in (entry / "environ").read_bytes():
                continue
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has just ended, or is somebody else's
        if line:  # of one that has ended and waits to be collected nothing is left to read
            found[int(entry.name)] = line
    return found


@pytest.fixture
def dots(tmp_path: Path) -> Path:
    file = tmp_path / "dots.py"
    file.write_text(APP, encoding="utf-8")
    return file


def started(dots: Path, mark: str, *options: str) -> subprocess.Popen[str]:
    """The command on two workers of its own Ray, in a session of its own as in a terminal of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    environment |= {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "WEAVER_MARK": mark}
    command = [sys.executable, "-m", "weaver.cli", "run", str(dots), "--workers", "2", "--json", *options]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def workers(mark: str) -> list[int]:
    """Processes of the workers, once they are named."""
    return sorted(pid for pid, line in marked(mark).items() if line.startswith("ray::WorkerActor"))


def moving(process: subprocess.Popen[str]) -> None:
    """Wait until the run moves: the address of its page is printed just before."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("view: "):
            return
    pytest.fail("it ended: " + "".join(said))


def goes_on(process: subprocess.Popen[str]) -> None:
    """Wait until it is said that a loss was made good."""
    assert process.stderr is not None
    for line in process.stderr:
        if re.search(r"worker \d of 2 \(process \d+ on node .*\) died; .* The run goes on after", line):
            return
    pytest.fail("it ended")


slow = pytest.mark.slow
ENDS = [
    "success",
    *(pytest.param(e, marks=slow) for e in ("lost worker", "fault", "SIGINT", "SIGTERM", "SIGTERM to all")),
]


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left_after(dots: Path, end: str) -> None:
    mark, memory = f"mark-{uuid.uuid4().hex}", set(os.listdir("/dev/shm"))
    options = {
        "success": ["--ticks", "200"],
        "fault": ["--ticks", "200", "--set", "fatal=150"],
    }.get(end, ["--ticks", "1000000000", "--view", "page"])
    with started(dots, mark, *options) as process:
        if "--view" in options:
            moving(process)
            until(lambda: len(workers(mark)) == 2, lambda: marked(mark))
            if end == "lost worker":  # the run goes on with another
                lost = workers(mark)[0]
                os.kill(lost, signal.SIGKILL)
                until(lambda: len(set(workers(mark)) - {lost}) == 2, lambda: marked(mark), 60)
                goes_on(process)
                process.send_signal(signal.SIGTERM)
            elif end == "SIGINT":
                os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all
            elif end == "SIGTERM to all":
                os.killpg(process.pid, signal.SIGTERM)  # as `timeout` and batch systems do: Ray itself dies of it
            else:
                process.send_signal(signal.SIGTERM)
        else:
            until(lambda: len(marked(mark)) > 3, lambda: marked(mark), 60)  # the mark is handed down
        out, err = process.communicate(timeout=120)
    code = {"success": 0, "fault": 1, "SIGINT": 130}.get(end, 143)
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    if end == "fault":
        assert re.search(r"error: position (NaN|-?inf) at tick 150: Dot 17 \(behavior 'drift'\)", err)
    elif end == "SIGTERM to all" and not out:
        assert "stopped by SIGTERM: worker" in err  # the workers were gone before the run could be asked
    else:
        told = json.loads(out)  # nothing else is on stdout, though Ray itself tells of workers that died
        by = {"success": None, "lost worker": "SIGTERM"}.get(end, end.split()[0])
        assert (told["stopped"], told["workers"], told["lost_workers"]) == (by, 2, int(end == "lost worker"))
        assert re.fullmatch("[0-9a-f]{32}", told["digest"])
    until(lambda: not marked(mark), lambda: f"left: {marked(mark)}")
    until(lambda: set(os.listdir("/dev/shm")) <= memory, lambda: f"left: {set(os.listdir('/dev/shm')) - memory}")
