"""What a process compiled or called before changes no bit of what it compiles now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
from apps.bottleneck import sim
if sys.argv[1] == "interpreted first":
    from weaver.interpreter import Interpreter
    Interpreter(sim).step(1)
with sim.start() as run:
    run.step(2)
    print(run.digest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["interpreted first"])
def test_functions_that_were_called_before_are_compiled_alike(before: str, tmp_path: Path):
    digests = set()
    for history in ("nothing", before):
        env = {**os.environ, "WEAVER_CACHE": str(tmp_path / history.replace(" ", "_"))}
        command = [sys.executable, "-c", RUN, history]
        digests.add(subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout)
    assert len(digests) == 1
