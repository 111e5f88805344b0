"""The command, as a person or a script uses it: in processes of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.weaver.refusal import refused
from weaver.errors import RunError
from weaver.samples import check_plot

ROOT = Path(__file__).resolve().parents[2]
APP = '''"""Dots that drift."""
import weaver as wv

class Dot(wv.Entity):
    velocity: wv.Vec2

sim = wv.Simulation(wv.Box(20, 20, boundary="periodic"), seed=3)
speed = sim.parameter("speed", 1.0, low=0, high=5)

@sim.behavior
def drift(dot: Dot, world: wv.World):
    dot.position += speed * world.dt * dot.velocity

sim.scatter(Dot, 50, velocity=lambda rng: rng.unit2())

def report(run):
    return f"seen {run.entities(Dot).num_rows} dots"

if __name__ == "__main__":
    sim.run(ticks=12)
'''
KEYS = {
    "app", "ticks", "stopped", "until", "seed", "entities", "deaths", "partitions", "workers", "threads", "seconds",
    "setup_seconds", "updates_per_second", "digest", "identity", "lost_workers", "report",
}  # fmt: skip


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_COLOR": "1"}


def weaver(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "weaver.cli", *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=200)


@pytest.fixture
def dots(tmp_path: Path) -> Path:
    file = tmp_path / "dots.py"
    file.write_text(APP, encoding="utf-8")
    return file


def closing(output: subprocess.CompletedProcess[str]) -> dict:
    assert output.returncode == 0, output.stderr
    return json.loads(output.stdout)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["apps"]])
def test_help_and_lists_load_nothing_heavy(arguments: Sequence[str]):
    code = (
        "import sys, atexit\n"
        "heavy = {'numba', 'ray', 'open3d', 'pyarrow', 'pandas', 'rich.progress', 'websockets'}\n"
        "atexit.register(lambda: print('LOADED', sorted(heavy & set(sys.modules))))\n"
        f"sys.argv = ['weaver', *{list(arguments)!r}]\n"
        "from weaver.cli import main; main()\n"
    )
    out = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    assert "LOADED []" in out.stdout


def test_importing_weaver_loads_nothing_heavy():
    code = "import sys, weaver; print({'numba', 'ray', 'open3d', 'pyarrow', 'typer', 'rich'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)
    assert out.stdout.strip() == "set()", out.stderr


def test_apps_lists_bundled_apps_with_a_line_each():
    out = weaver("apps")
    assert out.returncode == 0
    assert re.search(r"^flocking +Birds that flock \(Reynolds 1987\)\.$", out.stdout, re.MULTILINE)


def test_a_run_ends_with_one_closing_line_and_the_apps_report(dots: Path):
    out = weaver("run", dots)
    assert out.returncode == 0, out.stderr
    line, report = out.stdout.splitlines()
    assert re.fullmatch(
        r"dots: 12 ticks, 50 Dot, 1 worker, \d+\.\d s, [\d.e+]+[kMG]? updates/s, digest [0-9a-f]{32}", line
    )
    assert report == "seen 50 dots"


def test_json_is_one_object_with_the_documented_keys(dots: Path):
    dots.write_text(APP + 'print("the app says so")\n', encoding="utf-8")
    out = weaver("run", dots, "--ticks", "5", "--json")
    told = closing(out)
    assert set(told) == KEYS
    assert "the app says so" in out.stderr
    assert (told["app"], told["ticks"], told["seed"], told["stopped"]) == ("dots", 5, 3, None)
    assert (told["entities"], told["deaths"]) == ({"Dot": 50}, {"Dot": 0})
    assert (told["partitions"], told["workers"], told["threads"]) == (1, 1, 1)
    assert told["report"] == "seen 50 dots"
    assert told["updates_per_second"] == pytest.approx(5 * 50 / told["seconds"])
    documented = (ROOT / "docs" / "language.md").read_text(encoding="utf-8").partition("With `--json`")[2]
    assert all(f"`{key}`" in documented for key in KEYS)


@pytest.mark.slow
def test_partitions_and_threads_keep_the_digest_and_seed_and_set_change_it(dots: Path):
    plain = closing(weaver("run", dots, "--json"))
    split = closing(weaver("run", dots, "--json", "--partitions", "4", "--threads", "2"))
    assert (split["partitions"], split["threads"]) == (4, 2)
    assert split["digest"] == plain["digest"]
    assert split["identity"] == plain["identity"]
    assert closing(weaver("run", dots, "--json", "--seed", "4"))["digest"] != plain["digest"]
    assert closing(weaver("run", dots, "--json", "--set", "speed=2"))["digest"] != plain["digest"]


def test_explain_shows_the_phases(dots: Path):
    out = weaver("explain", dots)
    assert out.returncode == 0, out.stderr
    assert "drift" in out.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "app 'nothing' was asked for"),
        (["DOTS", "--set", "sped=1"], "parameter 'sped' was to be set; dots has speed (1)"),
        (["DOTS", "--set", "speed=9"], "parameter speed=9 was asked for; allowed is 0 to 5"),
        (["DOTS", "--set", "speed"], "'speed' was asked for; allowed is NAME=VALUE"),
        (["DOTS", "--ticks", "-1"], "'--ticks': -1 was asked for; allowed are whole numbers from 0"),
        (["DOTS", "--workers", "two"], "'--workers': two was asked for; allowed are whole numbers from 1"),
        (["DOTS", "--seed", str(1 << 64)], "allowed are whole numbers from 0 to 18446744073709551615"),
        (["DOTS", "--view", "hologram"], "'hologram' was asked for; allowed are none, page, window"),
        (["DOTS", "--rate", "0"], "0 was asked for; allowed is a positive number of ticks per second"),
        (["DOTS", "--cluster", "auto"], "auto was asked for without --workers"),
        (
            ["DOTS", "--workers", "2", "--cluster", "ray://x"],
            "ray://x was asked for; a cluster is joined by auto or host:port",
        ),
        (["DOTS", "--image", "picture.gif"], "picture.gif was asked for; allowed is a name that ends in .png"),
        (["DOTS", "--no-such-option"], "--no-such-option"),
    ],
)
def test_wrong_usage_exits_with_2(dots: Path, monkeypatch, capsys, arguments: list[str], said: str):
    told = refused(monkeypatch, capsys, "run", *(dots if a == "DOTS" else a for a in arguments))
    assert said in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "option", [["--ticks", "x"], ["--rate", "nan"], ["--view", ""], ["--image", "no/such/a.png"], ["--set", "=1"]]
)
def test_wrong_usage_is_told_in_three_sentences(dots: Path, monkeypatch, capsys, option: list[str]):
    told = refused(monkeypatch, capsys, "run", dots, *option)
    said = told.partition(f"'{option[0]}': ")[2].strip().splitlines()
    assert len(said) == 3, said
    assert " was asked for; allowed " in said[0]
    assert f"Write {option[0]} " in said[2]


@pytest.mark.slow
def test_more_partitions_than_blocks_are_capped_and_said(dots: Path):
    out = weaver("run", dots, "--partitions", "100000", "--ticks", "1", "--json")
    made = closing(out)["partitions"]
    assert (
        f"dots: 100000 partitions were asked for; there are {made}, because the world has no more blocks" in out.stderr
    )


@pytest.mark.slow
def test_a_run_that_fails_exits_with_1_and_says_where(dots: Path):
    dots.write_text(APP.replace("speed * world.dt * dot.velocity", "dot.velocity / (world.tick - 7)"), encoding="utf-8")
    out = weaver("run", dots)
    assert out.returncode == 1
    assert re.search(r"error: position (-?inf|NaN) at tick 7: Dot 0 \(behavior 'drift'\) set x from", out.stderr)
    assert "Traceback" not in out.stderr
    assert "Traceback" in weaver("run", dots, "--traceback").stderr


def test_a_behavior_that_does_not_compile_exits_with_1(dots: Path):
    dots.write_text(APP.replace("dot.velocity\n", "dot.speed\n", 1), encoding="utf-8")
    out = weaver("run", dots)
    assert out.returncode == 1
    assert "speed" in out.stderr
    assert "^" in out.stderr


def interrupted(dots: Path, number: signal.Signals, *arguments: str) -> tuple[int, str, str]:
    """Start an endless run, send a signal to it and all its children once it moves: exit code, stdout, stderr."""
    command = [sys.executable, "-m", "weaver.cli", "run", str(dots), "--view", "page", *arguments]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if line.startswith("view: "):  # the run moves from here on
                break
        os.killpg(process.pid, number)  # as a terminal does
        out, err = process.communicate(timeout=100)
    return process.returncode, out, "".join(seen) + err


@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [
        (signal.SIGINT, 130, []),
        (signal.SIGTERM, 143, []),
        pytest.param(signal.SIGINT, 130, ["--workers", "2"], marks=pytest.mark.slow),
    ],
)
def test_a_signal_stops_at_a_tick_boundary_and_says_at_which(
    dots: Path, number: signal.Signals, code: int, workers: list[str]
):
    returned, out, err = interrupted(dots, number, "--ticks", "1000000000", *workers)
    assert returned == code, err
    stopped = re.search(rf"dots: stopped by {number.name} at tick (\d+), 50 Dot", out)
    assert stopped, out + err
    again = closing(weaver("run", dots, "--ticks", stopped.group(1), "--json"))
    assert again["digest"] in out  # the state is that of a whole tick
    assert "Traceback" not in err


@pytest.mark.slow
def test_ray_workers_keep_the_digest_and_the_closing_line(dots: Path):
    here, there = closing(weaver("run", dots, "--json")), weaver("run", dots, "--json", "--workers", "2")
    told = closing(there)
    assert (told["workers"], told["partitions"]) == (2, 2)
    assert (told["digest"], told["identity"]) == (here["digest"], here["identity"])
    assert len(there.stdout.splitlines()) == 1  # Ray's own words stay away from stdout


def watched(dots: Path, *arguments: str, until: str) -> tuple[int, str, str]:
    """Run with the page, send Ctrl-C once a line of stderr begins with `until`: exit code, stdout, stderr."""
    command = [sys.executable, "-m", "weaver.cli", "run", str(dots), "--view", "page", *arguments]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(until):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.slow
def test_a_view_without_ticks_runs_until_it_is_stopped(dots: Path):
    code, out, err = watched(dots, "--json", until="view: http://127.0.0.1:")
    assert code == 0, err
    assert json.loads(out.splitlines()[-1])["stopped"] == "SIGINT"


def test_a_view_with_ticks_stays_at_the_last_one_until_it_is_stopped(dots: Path):
    code, out, err = watched(dots, "--json", "--ticks", "5", until="dots: the view stays open")
    assert code == 0, err
    told = json.loads(out.splitlines()[-1])
    assert (told["ticks"], told["stopped"]) == (5, None)


@pytest.mark.slow
def test_observations_are_written_as_a_table_and_a_plot_and_a_condition_ends_the_run(
    dots: Path, tmp_path: Path
) -> None:
    assert "observes nothing" in weaver("run", dots, "--observations", tmp_path / "numbers.csv").stderr
    text = dots.read_text(encoding="utf-8").replace(
        "def report",
        'sim.observe("place", Dot, "position", "mean", every=2)\nsim.observe("high", Dot, "count", '
        'where=lambda dot: dot.position.y > 10)\nsim.observe("bins", Dot, "position.x", "histogram", bins=(0, 20, 2))\n'
        'sim.until("high > 0 and tick == 3")\n\n\ndef report',
    )
    dots.write_text(text, encoding="utf-8")
    csv, png = tmp_path / "numbers.csv", tmp_path / "numbers.png"
    drawn = ["--plot", png] if importlib.util.find_spec("matplotlib") else []
    output = weaver("run", dots, "--observations", csv, *drawn, "--json")
    told = closing(output)
    assert (output.returncode, told["ticks"], told["stopped"], told["until"]) == (0, 3, None, "high > 0 and tick == 3")
    assert "3 ticks until high > 0 and tick == 3, 50 Dot" in output.stderr
    head, *rows = csv.read_text(encoding="utf-8").splitlines()
    assert head == '"tick","time","place_x","place_y","high","bins_0","bins_1"'
    assert [row.split(",")[0] for row in rows] == ["0", "1", "2", "3"] and rows[1].startswith("1,1,,,")
    if drawn:
        assert png.read_bytes().startswith(b"\x89PNG")


def test_a_plot_without_matplotlib_is_refused_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RunError, match=r'matplotlib.* is missing\.\n.*\nRun pip install "weaver-sim\[plot\]"'):
        check_plot(Path("numbers.png"))
