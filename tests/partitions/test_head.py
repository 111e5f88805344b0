"""Ray itself: joined, started and left as it should be; each case in a process of its own, as a user would run it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from partitions.head import AddressError, Head
from partitions.local import Local
from tests.partitions.programs import mingling

pytest.importorskip("ray")

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).resolve().parent.parent.parent
MADE = "mingling((20.0, 15.0), ('periodic', 'clamp'), n=300, deaths=97, drawn=50)"
PROGRAM = mingling((20.0, 15.0), ("periodic", "clamp"), n=300, deaths=97, drawn=50)
OWN = f"""
import json, os, signal, sys, threading
from partitions.cluster import Cluster
from tests.partitions.programs import mingling
with Cluster({MADE}, 2) as run:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: run.hold())

    def tell():  # only now may the signal come: a hold before its advance began would be forgotten by it
        while run.tick == 0:
            threading.Event().wait(0.01)
        print(json.dumps([p.pid for p in run.places]), flush=True)

    threading.Thread(target=tell).start()
    run.advance(1_000_000_000)
    print(json.dumps([run.tick, run.digest()]), flush=True)
"""
TWO = f"""
import json
from ray.cluster_utils import Cluster as Raylets
from partitions.cluster import Cluster
from tests.partitions.programs import mingling
raylets = Raylets(initialize_head=True, head_node_args={{"num_cpus": 2, "object_store_memory": 100 << 20}})
raylets.add_node(num_cpus=2, object_store_memory=100 << 20)
with Cluster({MADE}, 3, partitions=5, address=raylets.address) as run:
    run.advance(10)
    print(json.dumps([run.digest(), run.links(), [p.node for p in run.places]]))
raylets.shutdown()
"""


@contextlib.contextmanager
def python(code: str) -> Iterator[subprocess.Popen[str]]:
    """Run the code in a process group of its own, as a terminal would; a failed test leaves none of it behind."""
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=environment, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def digest(ticks: int) -> str:
    with Local(PROGRAM, 3) as run:
        run.advance(ticks)
        return run.digest()


def descendants(pid: int) -> set[int]:
    """Processes below this one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
    found, new = set[int](), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_ray_of_our_own_is_quiet_stops_by_signal_and_leaves_nothing(number: signal.Signals) -> None:
    memory = set(os.listdir("/dev/shm"))
    with python(OWN) as process:
        assert process.stdout is not None
        pids = json.loads(process.stdout.readline())
        below = descendants(process.pid)
        assert set(pids) < below
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # a terminal sends it to all
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    tick, found = json.loads(out)
    assert found == digest(tick)
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in below):
        assert time.monotonic() < end, f"left: {[p for p in below if Path(f'/proc/{p}').exists()]}"
        threading.Event().wait(0.05)
    assert not [name for name in set(os.listdir("/dev/shm")) - memory if "weaver" in name]


@pytest.mark.slow
def test_workers_on_two_raylets_exchange_by_tcp_and_give_the_same_bits() -> None:
    with python(TWO) as process:
        out, err = process.communicate(timeout=150)
    assert process.returncode == 0, err
    found, links, nodes = json.loads(out.splitlines()[-1])
    assert found == digest(10)
    assert len(set(nodes)) == 2
    for rank, kinds in enumerate(links):
        for other, kind in kinds.items():
            assert kind == ("memory" if nodes[rank] == nodes[int(other)] else "tcp")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "somewhere", "a:b"])
def test_an_address_where_nothing_is_fails_at_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)  # whatever other tests have left
    with pytest.raises(AddressError, match=f"the Ray cluster {address} was to be joined; none could be reached"):
        Head(address, 2, 0)
