"""The description of the language: its examples run, and it has every public word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import weaver as wv
from weaver.load import load_app
from weaver.run import Run
from weaver.world import World

DOCS = Path(__file__).resolve().parents[1] / "docs"
LANGUAGE, VIEWER, KEEPING = (
    (DOCS / name).read_text(encoding="utf-8") for name in ("language.md", "viewer.md", "keeping.md")
)
APPS = re.findall(r"```python\n(.*?)```", LANGUAGE, re.DOTALL)
SHOWING = {
    "publish", "show", "boxes", "drive", "mortal", "partitions", "workers", "threads", "hz", "turn", "frame", "sampled",
    "radii", "layer_shapes", "driver_address", "fixed_parameters", "abandon", "grouped", "promised_ticks",
    "keep_promises",
}  # fmt: skip
"""Of `Run`: what the command, the views and functions between ticks use."""


@pytest.mark.parametrize("number", range(len(APPS)))
def test_each_example_runs_and_partitions_do_not_change_it(number: int, tmp_path: Path):
    file = tmp_path / f"example{number}.py"
    file.write_text(APPS[number], encoding="utf-8")
    _, sim = load_app(file)
    assert sim.run(ticks=6).digest() == sim.run(ticks=6, partitions=3).digest()


def test_every_public_word_is_described():
    words = [name for name in wv.__all__ if name not in ("Parameter", "__version__") and not re.search(r"int\d", name)]
    words += [f"world.{name}" for name in dir(World) if not name.startswith("_")]
    words += [f"world.{name}" for name in World.__annotations__]
    words += [f"run.{name}" for name in dir(Run) if not name.startswith("_") and name not in SHOWING]
    words += [f"sim.{name}" for name in ("parameter", "behavior", "scatter", "add", "start", "run")]
    missing = [word for word in words if not re.search(rf"\b{re.escape(word)}\b", LANGUAGE)]
    assert missing == []


def test_every_option_of_the_command_is_described():
    options = re.findall(r"--[a-z]+", (Path(wv.__file__).with_name("cli.py")).read_text(encoding="utf-8"))
    assert {option for option in options if not re.search(rf"`{option}\b", LANGUAGE + VIEWER)} <= {"--help"}


def test_the_example_of_the_viewers_guide_runs(tmp_path: Path):
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", VIEWER, re.DOTALL) if "Simulation" in code]
    file = tmp_path / "guide.py"
    file.write_text(example, encoding="utf-8")
    _, sim = load_app(file)
    assert sim.run(ticks=3).counts() == {"Bird": 200}


def test_the_example_of_the_guide_to_keeping_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (example,) = re.findall(r"```python\n(.*?)```", KEEPING, re.DOTALL)
    file = tmp_path / "kept.py"
    file.write_text(example, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    load_app(file)
    assert sorted(folder.name for folder in (tmp_path / "runs").iterdir()) == ["2", "2-at-120"]
