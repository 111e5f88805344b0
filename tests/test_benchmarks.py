"""The benchmarks run, and what they compare does the same work."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import flocking, recording


def test_the_flocking_benchmark_measures_runs_that_do_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flocking.main(["--quick", "--no-ray", "--json", str(tmp_path / "out.json")])
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [result["n"] for result in report["results"]] == [1_000, 2_000]
    for result in report["results"]:
        assert result["same_bits"]
        assert {"1 thread", "2 threads"} <= set(result["updates_per_second"])
        assert result["skipped"]["ray, 2 workers"] == "--no-ray was given"
        assert len(set(result["neighbours_first_tick"].values())) == 1
        assert f"{result['neighbours_first_tick']['weaver']:,}" in printed


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_the_reference_finds_the_neighbours_that_weaver_finds(tmp_path: Path) -> None:
    reference = flocking.Reference(tmp_path)
    assert reference.program is not None, reference.reason
    rng, n, side = np.random.default_rng(1), 1_500, 60.0
    angle = rng.uniform(0, 2 * math.pi, n)
    rows = np.column_stack([rng.uniform(0, side, (n, 2)), np.cos(angle), np.sin(angle)])
    offsets = rows[:, None, :2] - rows[None, :, :2]
    offsets -= side * np.rint(offsets / side)
    expected = int((np.square(offsets).sum(axis=2) <= flocking.RADIUS**2).sum()) - n
    assert flocking.count_neighbours(rows[:, :2], side) == expected
    assert reference.run(rows, side, 1)["neighbours_first_tick"] == expected


@pytest.mark.skipif(shutil.which("g++") is None or shutil.which("objdump") is None, reason="needs g++ and objdump")
def test_the_inner_loop_of_the_reference_is_vectorised(tmp_path: Path) -> None:
    reference = flocking.Reference(tmp_path)
    assert reference.packed is not None and reference.scalar is not None
    assert reference.packed > reference.scalar


def test_a_missing_compiler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flocking, "BUILD", ("no-such-compiler",))
    reference = flocking.Reference(tmp_path)
    assert reference.program is None
    assert reference.reason == "no-such-compiler is not installed"


def test_the_recording_benchmark_compares_runs_that_do_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = recording.main(["--quick", "--rounds", "1", "--ticks", "10", "--every", "5", "--out", str(tmp_path)])
    (result,) = report["results"]
    assert (result["n"], result["ticks"], len(result["costs"]), result["parts"]) == (2_000, 10, 1, 1)
    assert 8 < result["bytes_per_row"] < 30
    assert f"cost     {100 * result['cost']:8.1f} %" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
