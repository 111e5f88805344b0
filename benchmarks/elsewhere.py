"""Other tools from PyPI, each set in an environment of its own, so that nothing of theirs is here."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.served import ReferenceError, Served

SCRIPTS = Path(__file__).parent / "reference"


def scratch() -> Path:
    """The folder of what benchmarks build; it stays from run to run."""
    chosen = os.environ.get("WEAVER_CACHE")
    folder = (Path(chosen) if chosen else Path.home() / ".cache" / "weaver") / "benchmarks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@functools.cache
def environment(requirements: tuple[str, ...]) -> tuple[Path | None, str]:
    """(its folder, what was installed) of an environment with packages, or (None, the reason)."""
    folder = (
        scratch()
        / f"venv-{requirements[0]}-{hashlib.sha256(repr((requirements, sys.version)).encode()).hexdigest()[:8]}"
    )
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin" / "pip", "--disable-pip-version-check", "--quiet"]
        made = subprocess.run([*pip, "install", *requirements], capture_output=True, text=True)
        if made.returncode:
            return None, f"pip install {' '.join(requirements)}: {' '.join(made.stderr.strip().splitlines()[-1:])}"
        names = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True).stdout.lower().split()
        wanted = [line for line in names if line.split("==")[0] in {r.lower() for r in requirements}]
        done.write_text(", ".join(wanted).replace("==", " "), encoding="utf-8")
    return folder, done.read_text(encoding="utf-8")


@contextmanager
def tool(script: str, arguments: Sequence[object], *requirements: str) -> Iterator[tuple[Served | None, str]]:
    """A program of `reference/` that needs packages; yields (it, running, or None; what it is, or why it is not)."""
    folder, words = environment(requirements)
    if folder is None:
        yield None, words
        return
    command = [folder / "bin" / "python", SCRIPTS / script, *map(str, arguments)]
    clean = {
        "LD_LIBRARY_PATH": str(folder / "lib"),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": "",
    }
    try:
        served = Served(command, clean)
    except ReferenceError as error:
        yield None, str(error)
        return
    with served:
        yield served, words
