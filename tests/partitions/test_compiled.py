"""Compiled modules on disk: once per machine, safe under simultaneous processes, private."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from partitions.compiled import CacheError, load, load_functions

ROOT = Path(__file__).parents[2]
TEXT = """
from numba import njit

@njit("float64(float64)", cache=True)
def half(x):
    return x / 2
"""
CHILD = """
import json, sys
from partitions.compiled import load
module = load("half", sys.stdin.read())
stats = module.half.stats
print(json.dumps([module.half(5.0), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), module.__file__]))
"""


def _children(root: Path, n: int) -> list[Any]:
    environment = {**os.environ, "WEAVER_CACHE": str(root), "PYTHONPATH": str(ROOT)}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(n)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(TEXT)
        child.stdin.close()
    results = []
    for child in children:
        assert child.stdout is not None
        results.append(json.loads(child.stdout.read()))
        child.stdout.close()
        assert child.wait() == 0
    return results


def test_processes_at_once_compile_one_time_and_later_ones_never(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    results = _children(root, 3)
    assert [r[:3] for r in results] == [[2.5, 1, 0]] * 3  # also the builder imports the finished folder
    folders = [p for p in root.iterdir() if p.is_dir()]
    assert len(folders) == 1
    machine_code = {p: p.stat().st_mtime_ns for p in folders[0].rglob("*.nb?")}
    assert len(machine_code) == 2
    assert _children(root, 1)[0][:3] == [2.5, 1, 0]
    assert {p: p.stat().st_mtime_ns for p in folders[0].rglob("*.nb?")} == machine_code
    assert root.stat().st_mode & 0o777 == 0o700
    assert folders[0].stat().st_mode & 0o777 == 0o700


def test_the_same_text_is_one_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_CACHE", str(tmp_path / "cache"))
    module = load("half_once", TEXT)
    assert load("half_once", TEXT) is module
    assert sys.modules[module.__name__] is module
    assert load_functions("half_once", TEXT)["half"](3.0) == 1.5


def test_another_text_or_another_source_it_depends_on_is_another_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAVER_CACHE", str(tmp_path / "cache"))
    depends = tmp_path / "vector.py"
    depends.write_text("a = 1\n")
    first = load("halves", TEXT, [depends])
    assert load("halves", TEXT.replace("/ 2", "/ 4"), [depends]).half(8.0) == 2.0
    depends.write_text("a = 2\n")
    assert load("halves", TEXT, [depends]).__file__ != first.__file__


def test_numbas_own_cache_folder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import config

    monkeypatch.setenv("WEAVER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "numba"))
    module = load("half_elsewhere", TEXT)
    assert str(tmp_path / "cache") in module.half.stats.cache_path
    assert not (tmp_path / "numba").exists()
    assert str(tmp_path / "numba") == config.CACHE_DIR


def test_a_failed_build_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ZeroDivisionError):
        load("wrong", "x = 1 / 0\n")
    assert not [p for p in (tmp_path / "cache").iterdir() if p.is_dir()]


def test_what_a_killed_builder_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVER_CACHE", str(tmp_path / "cache"))
    module = load("half_again", TEXT + "# killed\n")
    folder = Path(str(module.__file__)).parent
    left = folder.with_name(folder.name + ".build-xyz")
    folder.rename(left)
    del sys.modules[module.__name__]
    assert load("half_again", TEXT + "# killed\n").half(1.0) == 0.5
    assert not left.exists()


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "open"
    root.mkdir()
    root.chmod(0o777)
    monkeypatch.setenv("WEAVER_CACHE", str(root))
    with pytest.raises(CacheError, match="mode 700") as caught:
        load("half", TEXT)
    assert len(str(caught.value).split("\n")) == 3
    target = tmp_path / "private"
    target.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(target)
    monkeypatch.setenv("WEAVER_CACHE", str(link))
    with pytest.raises(CacheError):
        load("half", TEXT)


def test_what_nobody_used_for_a_month_is_deleted_when_another_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "cache"
    monkeypatch.setenv("WEAVER_CACHE", str(root))
    old, recent = (Path(str(load("half", TEXT + f"# {name}\n").__file__)).parent for name in ("old", "recent"))
    month = 31 * 86_400
    for path in (old, old.with_name(f"{old.name}.lock")):
        os.utime(path, (path.stat().st_atime - month, path.stat().st_mtime - month))
    load("half", TEXT + "# another\n")
    assert not old.exists()
    assert not old.with_name(f"{old.name}.lock").exists()
    assert recent.exists()
