"""The inner loops: a run compiles those it needs, ahead of its program, and nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from partitions import loops as module
from partitions.compiled import is_compiled
from partitions.loops import Need, compiled_ahead, loops, needs
from partitions.program import Program
from tests.partitions.programs import mingling

NEED = Need("gather", {"WIDTH": "int8"})
ROOT = Path(__file__).parents[2]
ENDED = """
from partitions.compiled import load
from partitions.loops import compile_told
compile_told("[]")
load("ended", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; all that a program needs is a loop that no other test loads."""
    monkeypatch.setenv("WEAVER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "needs", lambda _: [NEED])
    return tmp_path / "cache"


@pytest.fixture
def program() -> Program:
    return mingling((20.0, 20.0), ("periodic", "periodic"))


def _modules(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.is_dir()]


def test_a_program_needs_the_loops_of_its_own_types_only(program: Program):
    assert needs(program) == [Need("store"), Need("cell", {"REAL": "float64"}), Need("gather", {"WIDTH": "uint64"})]


def test_loops_for_one_type_are_a_module():
    assert loops("gather", WIDTH="uint64") is not loops("gather", WIDTH="uint16")
    assert loops("gather", WIDTH="uint16").WIDTH == "uint16"
    with pytest.raises(AssertionError, match="has no line REAL"):
        loops("gather", REAL="float64")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core compiles one thing after the other")
def test_another_process_compiles_what_is_missing_and_this_one_loads_it(cache: Path, program: Program):
    before = set(sys.modules)
    with compiled_ahead(program):
        pass
    assert is_compiled(*module._file(*NEED))
    assert not [name for name in set(sys.modules) - before if "gather" in name]
    assert [path.name for path in _modules(cache)] == [path.stem for path in cache.glob("*.lock")]


def test_where_nothing_is_missing_no_process_is_started(program: Program, monkeypatch: pytest.MonkeyPatch):
    module.load_needs(program)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with compiled_ahead(program):
        pass


def test_an_error_meanwhile_ends_the_other_process(cache: Path, program: Program):
    with pytest.raises(ZeroDivisionError), compiled_ahead(program):
        raise ZeroDivisionError
    assert not list(cache.glob("*.build-*"))


def test_a_process_that_is_told_to_end_leaves_nothing_behind(cache: Path):
    done = subprocess.run([sys.executable, "-c", ENDED], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 1
    assert _modules(cache) == []
