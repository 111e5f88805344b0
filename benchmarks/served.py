"""A program in a process of its own that does ticks when asked: C++ and other tools speak one small protocol.

The program prints one line of JSON when it stands at its first tick, with facts about itself. For each line with a
number it does so many ticks and prints {"seconds": …, "cpu_seconds": …}, the time of the ticks alone, and "checked", a
number of its choice by which its work can be held against Weaver's. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self


class ReferenceError(RuntimeError):
    """A reference did not start, or ended before its time."""


class Served:
    """A running reference program; call it to do ticks, use it in a `with` statement.

    Attributes:
        facts: what it said when it was ready.
        checked, after: what it said of the first of the last ticks, and of the state after them.
    """

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Start a program and wait until it is ready."""
        self.command = [str(part) for part in command]
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        self.checked: Any = None
        self.after: Any = None
        self.facts: dict[str, Any] = {}
        try:
            self.facts = self._answer()
        except BaseException:
            self.close()
            raise

    def __call__(self, ticks: int) -> tuple[float, float]:
        """Do ticks; (seconds, processor seconds)."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{ticks}\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.checked, self.after = answer.get("checked"), answer.get("after")
        return answer["seconds"], answer["cpu_seconds"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None and self._process.stderr is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # some tools talk before they work
                answer: dict[str, Any] = json.loads(line)
                return answer
        self._process.wait()
        last = self._process.stderr.read().strip().splitlines()[-1:]
        raise ReferenceError(f"{' '.join(self.command)} ended with {self._process.returncode}: {' '.join(last)}")

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
