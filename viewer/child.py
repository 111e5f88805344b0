"""Starts a module of this package as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent


def spawn(
    module: str, arguments: Sequence[str] = (), *, stderr: int | IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start `python -m module` with pipes on stdin and stdout.

    The child gets a session of its own, so that Ctrl-C in a terminal reaches the run only; what it should end on is
    the end of its stdin, which comes when we close it and when we die. Secrets go through that pipe too: arguments
    and, on a shared machine, the list of processes are public.
    """
    environment = dict(os.environ)
    if (ROOT / "pyproject.toml").exists():  # a source checkout that may not be installed
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([known] if known else [])])
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Close the child's stdin, give it `timeout` seconds, then kill it; leaves no zombie and no open pipe."""
    if process.stdin is not None and not process.stdin.closed:
        try:
            process.stdin.close()
        except BrokenPipeError:
            process.stdin = None  # it was gone before what we wrote had left
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
