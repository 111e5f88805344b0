"""C++ references, built by every compiler that is here; and a count of what loops are made of."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.elsewhere import scratch
from benchmarks.served import ReferenceError, Served

SOURCES = Path(__file__).parent / "reference"
COMPILERS = ("g++", "clang++", "clang++-14", "clang++-16", "clang++-19")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-std=c++17")


class Instructions(NamedTuple):
    """How many instructions work on whole vectors, and how many on one floating-point number."""

    packed: int
    scalar: int

    @classmethod
    def count(cls, assembly: str) -> Instructions:
        """Count arithmetic and comparisons in AT&T or Intel text."""
        real = r"(?:fn?m(?:add|sub)\d+|add|sub|mul|div|sqrt|cmp\w*)"
        whole = r"p(?:add|sub|cmp\w\w|min|max|and|or|xor)\w*"
        packed = rf"\bv?(?:{whole}|{real}p[sd])\s.*[xyz]mm"
        scalar = rf"\bv?(?:{real}|u?comi)s[sd]\s"
        return cls(len(re.findall(packed, assembly)), len(re.findall(scalar, assembly)))

    def __str__(self) -> str:
        return f"{self.packed} packed and {self.scalar} scalar instructions"


def compilers() -> list[str]:
    """The C++ compilers on this machine."""
    return [name for name in COMPILERS if shutil.which(name) is not None]


def build(source: str, compiler: str, flags: Sequence[str] = ()) -> Path:
    """Compile `reference/<source>.cpp`; the program's path.

    Raises:
        ReferenceError: it does not compile.
    """
    name = "-".join([source, compiler, *(re.sub(r"\W", "", flag) for flag in flags)])
    program = scratch() / name
    made = subprocess.run(
        [compiler, *FLAGS, *flags, "-o", program, SOURCES / f"{source}.cpp"], capture_output=True, text=True
    )
    if made.returncode:
        raise ReferenceError(f"{compiler} failed: {' '.join(made.stderr.strip().splitlines()[-1:])}")
    return program


def instructions(program: Path, function: str) -> Instructions | None:
    """Count in the functions of a program whose names contain `function`; None without objdump."""
    if shutil.which("objdump") is None:
        return None
    command = ["objdump", "-d", "--no-show-raw-insn", "-C", str(program)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    parts = re.split(r"^[0-9a-f]+ <(.*)>:$", text, flags=re.MULTILINE)
    return Instructions.count(
        "".join(code for name, code in zip(parts[1::2], parts[2::2], strict=True) if function in name)
    )


@contextmanager
def reference(source: str, arguments: Sequence[str | Path], hot: str, flags: Sequence[str] = (), trial: int = 2):
    """The reference program, by the compiler whose code took less time in a short trial.

    Args:
        source: name in `reference/`.
        arguments: of the program.
        hot: part of the names of the functions in which packed instructions are counted.
        flags: more flags, such as -DREAL=float.
        trial: ticks of the trial, done twice by each.

    Yields:
        (the program, started, or None; what it is, or why there is none).
    """
    found, why = [], "no C++ compiler is installed"
    with ExitStack() as stack:
        for compiler in compilers():
            try:
                program = build(source, compiler, flags)
                served = Served([program, *arguments])
                stack.callback(served.close)
                found.append((min(served(trial)[1] for _ in range(2)), compiler, program))
            except ReferenceError as error:
                why = str(error)
        if not found:
            yield None, why
            return
        _, compiler, program = min(found)
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    count = instructions(program, hot)
    with Served([program, *arguments]) as served:
        words = " ".join((*FLAGS, *flags))
        yield served, f"C++: {version}, {words}" + ("" if count is None else f"; {count} in its loops")


def write_columns(name: str, *columns: np.ndarray) -> Path:
    """Put float64 columns one after the other into a file that a reference starts from."""
    path = scratch() / name
    path.write_bytes(b"".join(np.ascontiguousarray(column, np.float64).tobytes() for column in columns))
    return path
