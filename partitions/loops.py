"""The inner loops of this package: which a program needs, and how they are compiled ahead of it.

They lie in files `<what>_kernels.py`, each with what is used together and for one type of values, so that a first run
on a machine compiles what it calls and no more. Two cores compile them and the program side by side.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from partitions.compiled import is_compiled, load
from partitions.program import Program

UNSIGNED: Mapping[int, np.dtype[Any]] = {n: np.dtype(f"u{n}") for n in (1, 2, 4, 8)}
"""Bytes -> the type as which loops that only move or hash values take them."""
_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from partitions import loops; loops.compile_told(sys.argv[2])"


class Need(NamedTuple):
    """What to call `loops` with."""

    what: str
    constants: dict[str, str] = {}


@cache
def loops(what: str, **constants: np.dtype[Any] | str) -> ModuleType:
    """The module of the file `<what>_kernels.py`, compiled if nobody has yet.

    Args:
        what: beginning of the file's name.
        constants: what its lines `<NAME> = ...` say in place of what stands there: a type of values.
    """
    return load(*_file(what, constants))


def _file(what: str, constants: Mapping[str, np.dtype[Any] | str]) -> tuple[str, str]:
    """(name of the module, its text)."""
    text = Path(__file__).with_name(f"{what}_kernels.py").read_text(encoding="utf-8")
    for name, value in constants.items():
        text, found = re.subn(rf"(?m)^{name} = .*$", f"{name} = {str(value)!r}", text)
        assert found == 1, f"{what}_kernels.py has no line {name} = ..."
    return f"{what}_kernels", text


def needs(program: Program) -> list[Need]:
    """What the first ticks of a program call; what only questions call is compiled when somebody asks."""
    outlets = [outlet.kind for phase in program.phases for act in phase.acts for outlet in act.outlets]
    entities = [spec.columns for spec in program.types if not spec.raster]
    widths = {8, *(np.dtype(column.dtype).itemsize for columns in entities for column in columns)}
    needed = [Need("store")] if entities else []
    needed += [Need("cell", {"REAL": real}) for real in sorted({str(np.dtype(c[0].dtype)) for c in entities})]
    needed += [Need("gather", {"WIDTH": str(UNSIGNED[width])}) for width in sorted(widths) if entities]
    needed += [Need("claim")] if program.lattices else []
    needed += [Need("letter")] if program.messages else []
    needed += [Need("id")] if program.messages or any(phase.ties for phase in program.phases) else []
    needed += [Need("deposit")] if "deposit" in outlets else []
    needed += [Need("order")] if {"deposit", "birth"} & set(outlets) else []
    needed += [Need("sum")] if program.observations else []
    return needed


def load_needs(program: Program) -> None:
    """Compile or load what a program needs now, and not in the first tick."""
    for need in needs(program):
        loops(need.what, **need.constants)


@contextlib.contextmanager
def compiled_ahead(program: Program) -> Iterator[None]:
    """Inside the block, another process compiles what the program needs and this machine has not compiled yet.

    There is none where all is there, or with a single core. The block's end waits for it; an error in the block ends
    it. What it could not compile, whoever needs it compiles, so that its errors come to light there.
    """
    missing = [need for need in needs(program) if not is_compiled(*_file(*need))]
    if not missing or len(os.sched_getaffinity(0)) < 2:
        yield
        return
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", _CHILD, str(Path(__file__).parents[1]), json.dumps(missing)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    except BaseException:
        child.terminate()
        raise
    finally:
        child.wait()


def compile_told(missing: str) -> None:
    """What the other process does: compile a list of `Need` in JSON; when it is told to end, it cleans up first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for what, constants in json.loads(missing):
        loops(what, **constants)
