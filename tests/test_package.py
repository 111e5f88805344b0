"""The package as it is installed: what a wheel holds, and that the command runs from it, away from the repository."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOLDERS = ("weaver", "partitions", "viewer", "apps")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, built from a copy so that nothing is left in it."""
    setuptools = pytest.importorskip("setuptools", reason="setuptools is not installed: pip install 'setuptools>=77'")
    if int(setuptools.__version__.partition(".")[0]) < 77:
        pytest.skip(f"setuptools {setuptools.__version__} is older than what builds this package")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_a_wheel_holds_the_four_packages_with_their_page_and_types(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert str(path.relative_to(ROOT)) in held
    assert {name.partition("/")[0] for name in held if ".dist-info/" not in name} == set(FOLDERS)
    assert any(name.endswith("/LICENSE") for name in held)
    assert "weaver/py.typed" in held


def test_the_wheel_names_the_command(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel)
    entries = configparser.ConfigParser()
    entries.read_string(held.read(next(n for n in held.namelist() if n.endswith("entry_points.txt"))).decode())
    assert dict(entries["console_scripts"]) == {"weaver": "weaver.cli:main"}


def test_an_installed_package_runs_its_apps_away_from_the_repository(wheel: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site)}
    code = "import weaver.cli, sys; print(weaver.cli.__file__); weaver.cli.main()"

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=elsewhere, env=environment, capture_output=True, text=True,
            timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        where, _, said = done.stdout.partition("\n")
        assert Path(where).is_relative_to(site)
        return said

    listed = command("apps")
    assert "flocking" in listed
    assert "bottleneck" in listed
    assert "from a synthetic start" in command("run", "bottleneck", "--ticks", "200")


def test_the_base_install_runs_simulations_and_the_page_and_all_brings_the_rest() -> None:
    names = {requirement.partition(">")[0] for requirement in PROJECT["dependencies"]}
    assert names == {"numba", "numpy", "pyarrow", "pydantic", "ray", "rich", "typer", "websockets"}
    extra = {requirement.partition(">")[0] for requirement in PROJECT["optional-dependencies"]["all"]}
    assert {"open3d", "libusb-package", "pandas"} <= extra
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_weaver_and_its_command_need_none_of_the_extra_packages(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('open3d', 'pandas', 'scipy', 'libusb_package', 'playwright'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "sys.argv = ['weaver', 'run', 'bottleneck', '--ticks', '20', '--partitions', '3']\n"
        "from weaver.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert "20 ticks, 75 Pedestrian" in done.stdout
