"""The benchmarks run, and what they compare does the same work."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import flocking, native, recording, report, viewers
from benchmarks.race import Goal, Result, race

needs_a_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


@pytest.fixture(autouse=True)
def _built_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "scratch", lambda: tmp_path)
    monkeypatch.setattr(native, "COMPILERS", ("g++",))


def test_a_measurement_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["flocking", "--quick", "--out", str(tmp_path / "results")])
    printed = capsys.readouterr().out
    data = json.loads((tmp_path / "results" / "flocking.json").read_text(encoding="utf-8"))
    results = [Result.from_json(one) for one in data["results"]]
    assert len(results) == 2
    for result in results:
        assert str(result) in printed
        assert "Weaver" in result.values and all(result.checks.values())
        assert "C++" in {**result.values, **result.skipped}


def test_a_measurement_of_no_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["flokking"])
    assert "no measurement is called flokking" in capsys.readouterr().err


@needs_a_compiler
def test_the_reference_finds_the_neighbours_that_weaver_finds(tmp_path: Path) -> None:
    rng, n, side = np.random.default_rng(1), 1_500, 60.0
    angle = rng.uniform(0, 2 * math.pi, n)
    rows = np.column_stack([rng.uniform(0, side, (n, 2)), np.cos(angle), np.sin(angle)])
    offsets = rows[:, None, :2] - rows[None, :, :2]
    offsets -= side * np.rint(offsets / side)
    expected = int((np.square(offsets).sum(axis=2) <= flocking.RADIUS**2).sum()) - n
    assert flocking.count_neighbours(rows[:, :2], side) == expected
    start = native.write_columns("start.bin", *rows.T)
    arguments = [str(n), repr(side), repr(flocking.RADIUS), start]
    with native.reference("flocking", arguments, "flock_row", trial=1) as (served, words):
        assert served is not None, words
        served(1)
        assert served.checked == expected


@needs_a_compiler
@pytest.mark.skipif(shutil.which("objdump") is None, reason="needs objdump")
def test_the_inner_loop_of_the_reference_is_vectorised() -> None:
    count = native.instructions(native.build("flocking", "g++"), "flock_row")
    assert count is not None and count.packed > count.scalar


def test_the_recording_benchmark_compares_runs_that_do_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = recording.main(["--quick", "--rounds", "1", "--ticks", "10", "--every", "5", "--out", str(tmp_path)])
    (result,) = report["results"]
    assert (result["n"], result["ticks"], len(result["costs"]), result["parts"]) == (2_000, 10, 1, 1)
    assert 8 < result["bytes_per_row"] < 30
    assert f"cost     {100 * result['cost']:8.1f} %" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_interval_of_a_median_is_that_of_the_binomial_distribution() -> None:
    # With p = 1/2: P(B <= 1) = 0.6 % and P(B <= 2) = 3.3 % of 11, P(B <= 13) = 1.4 % and P(B <= 14) = 3.0 % of 41.
    assert viewers.interval([float(k) for k in range(1, 12)]) == (2.0, 10.0)
    assert viewers.interval([float(k) for k in range(41, 0, -1)]) == (14.0, 28.0)
    assert viewers.interval([3.0, 1.0, 2.0]) == (1.0, 3.0)


@pytest.mark.slow
def test_the_benchmark_of_viewers_watches_and_stalls(capsys: pytest.CaptureFixture[str]) -> None:
    (result,) = viewers.main(["--quick"])["results"]
    assert [len(each) for each in result["seconds"].values()] == [1, 1, 1]
    assert all(viewer["hz"] > 0 for viewer in result["viewers"]) and len(result["viewers"]) == 3
    assert "stalled loses" in capsys.readouterr().out


def test_a_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "COMPILERS", ())
    with native.reference("flocking", [], "flock_row") as (served, words):
        assert served is None
        assert words == "no C++ compiler is installed"


@needs_a_compiler
def test_a_reference_that_ends_early_says_why() -> None:
    with native.reference("flocking", ["0"], "flock_row") as (served, words):
        assert served is None
        assert "usage: " in words


def test_contenders_take_turns_and_ratios_compare_rounds() -> None:
    order: list[str] = []

    def contender(name: str, seconds: float):
        def advance(ticks: int) -> tuple[float, float]:
            order.append(name)
            return seconds * ticks, math.nan

        return advance

    result = Result(
        "two", "s", goals=[Goal("quick", "slow", 3.0), Goal("quick", None, 0.5), Goal("quick", "none", 1.0)]
    )
    race(
        result,
        {"quick": contender("quick", 1.0), "slow": contender("slow", 2.0)},
        updates=1,
        ticks=3,
        rounds=2,
        scale=1,
    )
    assert order == ["quick", "slow", "quick", "slow", "slow", "quick"]  # one of each to warm up
    assert result.values == {"quick": [1.0, 1.0], "slow": [2.0, 2.0]}
    assert [result.reached(goal) for goal in result.goals] == [2.0, 1.0, None]
    assert [result.met(goal) for goal in result.goals] == [False, False, None]
    assert Result.from_json(json.loads(json.dumps(result.as_json()))) == result


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in command.CASES if name != "flocking"])
def test_every_measurement_runs(name: str, tmp_path: Path) -> None:
    command.main([name, "--quick", "--out", str(tmp_path)])
    data = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    results = [Result.from_json(one) for one in data["results"]]
    assert results and all(all(result.checks.values()) for result in results)
    report.write(tmp_path, tmp_path)
    page = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert all(result.title in page for result in results)
    assert (tmp_path / "benchmarks.png").stat().st_size > 0
