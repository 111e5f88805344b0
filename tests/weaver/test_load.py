"""Loading apps: found by path or name, executed once, with settings that act before the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import weaver as wv
from weaver.load import UsageError, bundled_apps, default_ticks, find_app, load_app

APP = '''"""Dots that drift.

More about them."""
import weaver as wv

class Dot(wv.Entity):
    pass

sim = wv.Simulation(wv.Box(10, 10), seed=3)
density = sim.parameter("density", 2.0, low=0, high=5)
sim.scatter(Dot, int(density * 10))

if __name__ == "__main__":
    sim.run(ticks=12)
'''


def write(folder: Path, text: str = APP, name: str = "dots.py") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_gives_its_simulation_and_does_not_run(tmp_path: Path):
    module, sim = load_app(write(tmp_path))
    assert sim is module.sim
    assert (sim.name, sim.seed) == ("dots", 3)
    assert module.__name__ != "__main__"


def test_a_folder_with_main_is_an_app_and_imports_its_neighbours(tmp_path: Path):
    folder = tmp_path / "herd"
    write(folder, "WIDTH = 30\n", "herd_width.py")
    write(
        folder, "import weaver as wv\nfrom herd_width import WIDTH\nsim = wv.Simulation(wv.Box(WIDTH, 4))\n", "main.py"
    )
    _, sim = load_app(folder)
    assert (sim.name, sim.box.lengths) == ("herd", (30.0, 4.0))


def test_bundled_apps_are_no_packages_for_others():
    code = (
        "from weaver.load import load_app; load_app('life')\n"
        "import importlib.util; print(importlib.util.find_spec('bottleneck'))"  # pandas looks for one
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "None\n" or "site-packages" in done.stdout


def test_seed_and_parameters_act_before_the_file_runs(tmp_path: Path):
    _, sim = load_app(write(tmp_path), seed=9, parameters={"density": "3.5"})
    assert sim.seed == 9
    assert sim.sources[0].count == 35
    assert load_app(write(tmp_path))[1].sources[0].count == 20  # and not after it


def test_bundled_apps_are_listed_without_running_them():
    listed = dict(bundled_apps())
    assert listed["flocking"] == "Birds that flock (Reynolds 1987)."
    assert "bottleneck" in listed
    assert all(listed.values())
    assert find_app("flocking").name == "flocking.py"


@pytest.mark.parametrize(
    ("ending", "ticks"),
    [
        ("sim.run(ticks=12)", 12),
        ("sim.run(7, threads=2)", 7),
        ("sim.run(ticks=LAST)", 40),
        ("with sim.start() as run:\n        run.step(LAST)", 40),
        ("print(sim)", None),
    ],
)
def test_the_own_run_of_a_file_says_how_many_ticks(tmp_path: Path, ending: str, ticks: int | None):
    text = APP.partition("if __name__")[0] + f'LAST = 40\nif __name__ == "__main__":\n    {ending}\n'
    module, _ = load_app(write(tmp_path, text))
    assert default_ticks(module) == ticks


def test_an_unknown_app_lists_the_bundled_ones():
    with pytest.raises(UsageError, match=r"app 'nothing' was asked for.*bundled app \(.*flocking.*\)"):
        load_app("nothing")


def test_an_unknown_parameter_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(UsageError, match=r"parameter 'dense' was to be set; dots has density \(2\)"):
        load_app(write(tmp_path), parameters={"dense": "1"})


def test_a_parameter_out_of_its_range_is_the_callers_mistake(tmp_path: Path):
    with pytest.raises(UsageError, match="parameter density=7 was asked for; allowed is 0 to 5"):
        load_app(write(tmp_path), parameters={"density": "7"})
    with pytest.raises(UsageError, match="parameter density='x' was asked for; it must be a number"):
        load_app(write(tmp_path), parameters={"density": "x"})


def test_a_file_without_a_simulation_is_no_app(tmp_path: Path):
    with pytest.raises(wv.AppError, match=r"dots.py was loaded and made no Simulation"):
        load_app(write(tmp_path, "x = 1\n"))


def test_a_file_with_two_simulations_is_no_app(tmp_path: Path):
    text = "import weaver as wv\na = wv.Simulation(wv.Box(1, 1))\nb = wv.Simulation(wv.Box(1, 1))\nc = a\n"
    with pytest.raises(wv.AppError, match=r"dots.py makes 2 Simulations: c, b; an app holds one"):
        load_app(write(tmp_path, text))


def test_a_file_that_raises_shows_its_line_and_keeps_the_cause(tmp_path: Path):
    with pytest.raises(
        wv.AppError, match=r"dots.py, line 2, raised ZeroDivisionError: division by zero\n    y = 1 / 0"
    ) as e:
        load_app(write(tmp_path, "x = 1\ny = 1 / 0\n"))
    assert isinstance(e.value.__cause__, ZeroDivisionError)
    assert not isinstance(e.value, UsageError)


def test_a_model_error_in_a_file_shows_its_line(tmp_path: Path):
    with pytest.raises(wv.AppError, match=r"dots.py, line 2:\n    wv.Box\(-1, 1\)\nBox\(x=-1\) was asked for"):
        load_app(write(tmp_path, "import weaver as wv\nwv.Box(-1, 1)\n"))


def test_a_file_that_is_no_python_shows_its_line(tmp_path: Path):
    with pytest.raises(wv.AppError, match=r"dots.py, line 1, raised SyntaxError"):
        load_app(write(tmp_path, "x = = 1\n"))
