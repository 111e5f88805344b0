"""The README and the docstrings: what they show runs, and the commands are the ones that are checked."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

from weaver.load import BUNDLED, load_app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_app_of_the_readme_runs(tmp_path: Path):
    (app,) = blocks("python")
    assert app.count("80_000") == 1
    file = tmp_path / "flocking.py"
    file.write_text(app.replace("80_000", "2_000"), encoding="utf-8")
    module, sim = load_app(file)
    run = sim.run(ticks=5, partitions=2)
    assert run.counts() == {"Bird": 2000}
    speeds = run.entities(module.Bird)["velocity"].combine_chunks().flatten().to_numpy().reshape(-1, 2)
    assert (abs((speeds**2).sum(axis=1) - 1) < 1e-12).all()


def test_the_app_of_the_readme_is_the_bundled_one():
    (app,) = blocks("python")
    assert app == (BUNDLED / "flocking.py").read_text(encoding="utf-8")


def test_the_test_command_of_the_readme_is_what_is_checked():
    run, test = blocks("sh")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "weaver run flocking --workers 2 --view page" in run
    assert "-m venv .venv" in test
    assert '-e ".[all,test]"' in test
    assert '-e ".[all,test]"' in script
    assert test.strip().endswith(".venv/bin/pytest")
    assert ".venv/bin/pytest" in script


def test_links_of_the_documents_lead_somewhere():
    for document in (ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "docs" / "language.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_documents_name_no_place_on_somebodys_machine():
    for document in (ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")):
        assert not re.search(r"/(home|root|tmp|work)/", document.read_text(encoding="utf-8")), document.name


@pytest.mark.parametrize("package", ["weaver", "partitions", "viewer"])
def test_examples_in_docstrings_are_true(package: str):
    found = importlib.import_module(package)
    for info in pkgutil.walk_packages(found.__path__, f"{package}."):
        if "open3d" in info.name:
            continue
        failed, _ = doctest.testmod(importlib.import_module(info.name))
        assert failed == 0, info.name
