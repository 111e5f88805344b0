"""The first promise on Ray: apps and generated programs give the bits of one process, whoever the workers are."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from partitions.cluster import Cluster
from partitions.local import Local
from partitions.program import Program
from partitions.runtime import Runtime
from tests.weaver.composed import composition
from tests.weaver.generated import load, program
from tests.weaver.test_composed import SEEDS
from tests.weaver.test_same_bits import smaller
from weaver.compiler import compile

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
GENERATED = (133, 160, 295, 338)
"""Seeds of programs with 10 to 24 blocks: three dimensions, float32, seams, deaths, jumps, `at=`, `pick`, `every`."""
CASES = ["flocking", "bottleneck", *map(str, GENERATED)]
TICKS = 8
COMPOSED = tuple(f"composed {seed}" for seed in (*SEEDS, 12, 26))
"""Programs that use every word together: births, sites, meetings, links, layers, messages by id."""
SPREAD = ["flocking", "133"]
"""What runs on two raylets as well."""
slow = pytest.mark.slow


@cache
def compiled(case: str) -> Program:
    """The program of a bundled app, the flock made smaller, or of a generated or composed one."""
    if case in COMPOSED:
        with TemporaryDirectory() as folder:
            # Of the same name as in test_composed, so that it is compiled once for both.
            return compile(load(composition(int(case.split()[1])), Path(folder), case.replace(" ", "_")).sim)
    if case.isdigit():
        with TemporaryDirectory() as folder:
            return compile(load(program(int(case)), Path(folder), f"ray_{case}").sim)
    sim = importlib.import_module(f"apps.{case}").sim
    return compile(smaller(sim) if case == "flocking" else sim)


def history(runtime: Runtime) -> list[tuple[str, dict[int, int], dict[int, int]]]:
    """Digest, living and dead at the start and after each tick, until a condition of the program holds."""
    told = []
    for tick in range(TICKS + 1):
        if runtime.ended is None:
            assert runtime.advance(tick) == tick
        told.append((runtime.digest(), runtime.counts(), runtime.deaths()))
    return told


@cache
def alone(case: str) -> list[tuple[str, dict[int, int], dict[int, int]]]:
    """What one partition in this process gives."""
    with Local(compiled(case)) as runtime:
        told = history(runtime)
    assert len({digest for digest, _, _ in told}) > 1, "a program that changes nothing proves nothing"
    return told


@pytest.mark.parametrize(
    ("case", "workers"),
    [pytest.param(case, n, marks=() if (case, n) == ("flocking", 2) else slow) for case in CASES for n in (1, 2, 3)],
)
def test_workers_do_not_change_a_bit(ray_cluster: str, case: str, workers: int) -> None:
    with Cluster(compiled(case), workers, partitions=2 * workers + 1) as runtime:
        assert (runtime.workers, runtime.partitions) == (workers, 2 * workers + 1)
        assert history(runtime) == alone(case)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case == "composed 353" else slow) for case in COMPOSED]
)
def test_workers_do_not_change_a_bit_of_any_word(ray_cluster: str, case: str) -> None:
    with Cluster(compiled(case), 2, partitions=5) as runtime:
        assert history(runtime) == alone(case)


RAYLETS = f"""
import json, sys
from ray.cluster_utils import Cluster as Raylets
from partitions.cluster import Cluster
from tests.weaver.test_same_bits_ray import compiled, history
raylets = Raylets(initialize_head=True, head_node_args={{"num_cpus": 2, "object_store_memory": 100 << 20}})
raylets.add_node(num_cpus=2, object_store_memory=100 << 20)
for case in {SPREAD!r}:
    with Cluster(compiled(case), 3, partitions=4, address=raylets.address) as runtime:
        nodes = len({{place.node for place in runtime.places}})
        print("CASE", json.dumps([case, compiled(case).identity, nodes, runtime.links(), history(runtime)]), flush=True)
raylets.shutdown()
"""


@slow  # test_head has the exchange over TCP
def test_two_raylets_do_not_change_a_bit() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    done = subprocess.run(
        [sys.executable, "-c", RAYLETS], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=280
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("CASE ")]
    assert [case for case, *_ in told] == SPREAD
    for case, identity, nodes, links, found in told:
        assert (identity, nodes) == (compiled(case).identity, 2)
        assert {kind for kinds in links for kind in kinds.values()} == {"memory", "tcp"}
        assert found == json.loads(json.dumps(alone(case))), case
