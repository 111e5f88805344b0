"""The command: what it says of snapshots, and how a run that is retried again and again comes to its end."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import weaver as wv
from tests.weaver.pond import Call, Duck, pond
from weaver.cli import app

ROOT = Path(__file__).resolve().parents[2]
POND = ROOT / "tests" / "weaver" / "pond.py"


def weaver(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of the command, in this process."""
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_COLOR": "1"}


def weaver_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "weaver.cli", *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 9 ticks with snapshots at 3, 6 and 9, and a command."""
    folder = tmp_path_factory.mktemp("kept") / "run"
    with pond().start(snapshots=folder, snapshot_every=3) as run:
        run.step(7)
        run.send(4, Call(0.5))
        run.step(2)
    return folder


def at(kept: Path, tick: int) -> Path:
    return kept / f"tick-{tick:013d}"


# ---- weaver snapshot ----


def test_ls_lists_the_snapshots_oldest_first(kept: Path) -> None:
    code, out, err = weaver("snapshot", "ls", kept)
    assert (code, err) == (0, "")
    ticks = [
        int(t)
        for t in re.findall(
            r"^\S+  tick (\d+)  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d+ entities  [\d.]+ MB  [0-9a-f]{32}$", out, re.M
        )
    ]
    assert ticks == sorted(ticks) and {3, 6, 9} <= set(ticks)
    code, out, _ = weaver("snapshot", "ls", at(kept, 6))
    assert code == 0 and len(out.splitlines()) == 1


def test_info_says_what_a_snapshot_holds(kept: Path) -> None:
    code, out, _ = weaver("snapshot", "info", at(kept, 6))
    assert code == 0
    for part in (
        "app         pond, seed 5, dt 1",
        "tick        6, ",
        "after 0 inputs",
        "loss=0.2",
        "numba",
        "entity      Duck: ",
        "energy <f8",
    ):
        assert part in out, part
    assert "tick        9, " in weaver("snapshot", "info", kept)[1]  # of a run, the newest


def test_verify_says_what_is_torn_and_fails(kept: Path, tmp_path: Path) -> None:
    code, out, err = weaver("snapshot", "verify", kept)
    assert (code, err) == (0, "") and "log: whole, " in out and f"{at(kept, 3)}: whole" in out
    copy = shutil.copytree(kept, tmp_path / "copy")
    part = at(copy, 3) / "entity-Duck-0.arrow"
    part.write_bytes(part.read_bytes()[:-1])
    (at(copy, 6) / "manifest.json").write_text("{")
    (copy / "log" / "junk").write_text("")
    code, out, err = weaver("snapshot", "verify", copy)
    assert code == 1 and f"{at(copy, 9)}: whole" in out
    assert re.search(rf"error: {part} cannot be used: it has \d+ bytes; \d+ were written", err)
    assert f"error: {at(copy, 6)}/manifest.json cannot be used: it is no JSON" in err
    assert "log/junk cannot be used: it is no segment of a log" in err


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_export_writes_a_table_of_each_type(kept: Path, tmp_path: Path, format: str) -> None:
    code, out, err = weaver("snapshot", "export", at(kept, 6), "--out", tmp_path / "out", "--format", format)
    assert (code, err) == (0, "")
    with pond().restore(at(kept, 6)) as run:
        table = run.entities(Duck)
    assert f"Duck.{format}: {table.num_rows} rows" in out
    file = tmp_path / "out" / f"Duck.{format}"
    if format == "parquet":
        made = pq.read_table(file)
        assert made["id"].equals(table["id"]) and made["energy"].equals(table["energy"])
        assert made["position.x"].to_pylist() == [p[0] for p in table["position"].to_pylist()]
    else:
        rows = list(csv.DictReader(file.read_text().splitlines()))
        assert [int(row["id"]) for row in rows] == table["id"].to_pylist()
        assert [float(row["energy"]) for row in rows] == table["energy"].to_pylist()
    code, _, err = weaver("snapshot", "export", at(kept, 6), "--out", file)
    assert code == 1 and "was to take the tables of" in err
    assert weaver("snapshot", "export", at(kept, 6), "--out", tmp_path, "--format", "xlsx")[0] == 2


def test_diff_names_the_first_entities_that_differ(kept: Path, tmp_path: Path) -> None:
    code, out, _ = weaver("snapshot", "diff", at(kept, 6), at(kept, 6))
    assert (code, out) == (0, "no difference\n")
    with pond().restore(at(kept, 6), partitions=2) as run:
        run.snapshot(tmp_path / "same")
        run.update(Duck, 5, energy=9.0)
        run.remove(6)
        run.snapshot(tmp_path / "other")
    assert weaver("snapshot", "diff", at(kept, 6), tmp_path / "same")[0] == 0
    code, out, _ = weaver("snapshot", "diff", at(kept, 6), tmp_path / "other")
    assert code == 1
    assert re.fullmatch(r"Duck 5: energy [\d.]+ and 9.0\nDuck 6: only in A\n", out)
    code, out, _ = weaver("snapshot", "diff", at(kept, 3), at(kept, 6), "--most", "2")
    assert code == 1 and out.startswith("tick: 3 and 6\nDuck ") and re.search(r"Duck: \d+ differ, 2 shown", out)


def test_what_is_no_snapshot_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    for command in (["ls"], ["info"], ["verify"], ["export", "--out", tmp_path / "x"]):
        code, out, err = weaver("snapshot", command[0], tmp_path, *command[1:])
        assert (code, out) == (1, "") and err.startswith("error: ") and "there is no snapshot in it" in err
    assert weaver("snapshot", "diff", tmp_path, tmp_path)[0] == 1
    code, _, err = weaver("snapshot", "ls", "nosuch://there")
    assert code == 1 and "nosuch://there was to be reached" in err


# ---- weaver run ----


def closing(told: tuple[int, str, str]) -> Any:
    assert told[0] == 0, told[2]
    return json.loads(told[1].splitlines()[-1])


def test_a_run_is_gone_on_with_from_the_command(kept: Path, tmp_path: Path) -> None:
    plain = closing(weaver("run", POND, "--ticks", "20", "--json"))
    first = closing(weaver("run", POND, "--ticks", "8", "--json", "--snapshots", tmp_path / "run"))
    assert first["ticks"] == 8
    code, out, err = weaver("run", POND, "--ticks", "20", "--json", "--resume", tmp_path / "run", "--partitions", "2")
    assert closing((code, out, err))["digest"] == plain["digest"]
    assert f"pond: goes on from tick 8, kept in {tmp_path}/run" in err
    again = closing(weaver("run", POND, "--ticks", "20", "--json", "--resume", tmp_path / "run"))
    assert (again["digest"], again["ticks"]) == (plain["digest"], 20)
    other = closing(weaver("run", POND, "--ticks", "20", "--json", "--resume", at(kept, 6)))
    assert other["digest"] == plain["digest"]


@pytest.mark.parametrize("seed", ["5", pytest.param("8", marks=pytest.mark.slow)])
def test_parameters_and_the_seed_are_those_of_the_run_that_is_gone_on_with(tmp_path: Path, seed: str) -> None:
    made = closing(weaver("run", POND, "--ticks", "20", "--json", "--set", "loss=0.1", "--seed", seed))
    weaver("run", POND, "--ticks", "8", "--set", "loss=0.1", "--seed", seed, "--snapshots", tmp_path / "run")
    copy = shutil.copytree(tmp_path / "run", tmp_path / "copy")
    told = closing(weaver("run", POND, "--ticks", "20", "--json", "--resume", tmp_path / "run"))
    assert (told["digest"], told["seed"]) == (made["digest"], int(seed))
    changed = closing(weaver("run", POND, "--ticks", "20", "--json", "--resume", copy, "--set", "loss=0.6"))
    assert changed["digest"] != made["digest"]


FALLING = """
import os, pathlib
from tests.weaver.pond import *
from tests.weaver.pond import pond
sim = pond()
FALLEN = pathlib.Path(__file__).with_name("fallen")

@sim.between(every=10)
def fall(run):
    run.add(Duck, position=[(1.0, 1.0)], energy=1.0)
    if run.tick in (10, 20) and not (mark := FALLEN.with_suffix(f".{run.tick}")).exists():
        mark.touch()
        os._exit(9)
"""


@pytest.mark.slow
def test_one_command_in_a_loop_comes_to_the_end_through_crashes(tmp_path: Path) -> None:
    """What Slurm or systemd do: the same line again until it ends well."""
    file = tmp_path / "falling.py"
    file.write_text(FALLING)
    line = f"{sys.executable} -m weaver.cli run {file} --ticks 25 --json --snapshots {tmp_path}/run --resume auto"
    loop = f"n=0; until {line}; do echo failed $? >&2; n=$((n+1)); [ $n -lt 5 ] || exit 1; done"
    done = subprocess.run(
        ["bash", "-c", loop], env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("failed 9") == 2 and "goes on from tick" in done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    plain = closing(weaver("run", file, "--ticks", "25", "--json"))
    assert (told["digest"], told["entities"]) == (plain["digest"], plain["entities"])


SAYING = """
import sys
from tests.weaver.pond import *
from tests.weaver.pond import pond
sim = pond()

@sim.between(every=50)
def say(run):
    print("at", run.tick, file=sys.stderr, flush=True)
"""


@pytest.mark.slow
def test_sigterm_ends_a_run_with_a_last_point_at_the_tick_that_it_tells(tmp_path: Path) -> None:
    file = tmp_path / "saying.py"
    file.write_text(SAYING)
    command = [sys.executable, "-m", "weaver.cli", "run", file, "--ticks", "100000000", "--snapshots", tmp_path / "run"]
    with subprocess.Popen(
        [str(part) for part in command], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while process.stderr.readline() != "at 50\n":
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    stopped = re.search(r"saying: stopped by SIGTERM at tick (\d+), .* digest ([0-9a-f]{32})", out)
    assert stopped, out + err
    code, out, err = weaver("run", file, "--ticks", stopped[1], "--json", "--resume", tmp_path / "run")
    told = closing((code, out, err))
    assert (told["ticks"], told["digest"]) == (int(stopped[1]), stopped[2])
    assert f"goes on from tick {stopped[1]}" in err


def test_errors_have_their_kind(kept: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(at(kept, 6), tmp_path / "copy")
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(wv.RunError, match=r"copy/manifest.json cannot be used: it has not the two entries"):
        pond().restore(copy)
    code, out, err = weaver("run", POND, "--ticks", "9", "--resume", copy)
    assert (code, out) == (1, "") and "manifest.json cannot be used" in err
