"""The golden digests: the same on every machine, for every decomposition, compiler target, and in the interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.rebuild import APP, DIGESTS, digests
from weaver.interpreter import Interpreter
from weaver.load import load_app

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = json.loads(DIGESTS.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("partitions", "threads"), [(1, 1), (6, 2)])
def test_a_strict_program_gives_the_golden_digests(partitions: int, threads: int) -> None:
    assert digests(partitions, threads) == GOLDEN


def test_the_interpreter_gives_the_golden_digests() -> None:
    _, sim = load_app(APP)
    twin = Interpreter(sim)
    told = {0: twin.digest()}
    for tick in range(1, 6):
        twin.step()
        told[tick] = twin.digest()
    assert {str(tick): told[tick] for tick in (0, 1, 2, 5)} == {tick: GOLDEN[tick] for tick in ("0", "1", "2", "5")}


@pytest.mark.slow
def test_code_for_a_plain_processor_gives_the_golden_digests(tmp_path: Path) -> None:
    environment = {
        **os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "WEAVER_CACHE": str(tmp_path / "cache"),
    }  # fmt: skip
    code = "import json; from tests.golden.rebuild import digests; print(json.dumps(digests(3)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == GOLDEN
