"""The probe: do all workers compute the same bits? Asked before a run, because afterwards it would be a riddle."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

import llvmlite
import llvmlite.binding
import numba
import numpy as np

from partitions.compiled import cpu_target, load
from partitions.errors import RuntimeFault

_SOURCE = '''"""What a processor and its libraries make of some functions."""

import math

from numba import njit


@njit("void(float64[::1], float64[:, ::1])", cache=True, nogil=True, error_model="numpy")
def table(x, out):
    """One row per function."""
    for i in range(len(x)):
        out[0, i] = math.sin(x[i])
        out[1, i] = math.cos(x[i])
        out[2, i] = math.exp(x[i])
        out[3, i] = math.log(abs(x[i]) + 0.001)
        out[4, i] = math.pow(abs(x[i]) + 0.001, 0.1 * x[i])


@njit("float64(float64[:, ::1])", cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract", "arcp"})
def total(values):
    """A sum whose order the compiler chose, as in the kernels."""
    result = 0.0
    for row in range(values.shape[0]):
        for i in range(values.shape[1]):
            result += values[row, i] * values[row, i]
    return result
'''
_POINTS = 4096


class ProbeError(RuntimeFault):
    """Two workers would not compute the same bits; the message names both and what differs."""


@dataclass(frozen=True)
class Probe:
    """What decides the bits of one worker.

    Attributes:
        rank: of the worker.
        node: where it runs.
        pid: its process.
        versions: (name, version) of the interpreter and the libraries that make or run the kernels.
        cpu: (name, features) that kernels are compiled for in this process.
        lacking: features of that target which this processor does not have.
        table: hash of computed values; empty where something is lacking, because computing them could end the process.
    """

    rank: int
    node: str
    pid: int
    versions: tuple[tuple[str, str], ...]
    cpu: tuple[str, str]
    lacking: tuple[str, ...]
    table: str


def take(rank: int, node: str) -> Probe:
    """Probe this process."""
    versions = (
        ("Python", platform.python_version()),
        ("numba", numba.__version__),
        ("numpy", np.__version__),
        ("llvmlite", llvmlite.__version__),
    )
    name, features = cpu_target()
    host = llvmlite.binding.get_host_cpu_features()
    lacking = tuple(sorted(f[1:] for f in _split(features) if f.startswith("+") and not host.get(f[1:], False)))
    return Probe(rank, node, os.getpid(), versions, (name, features), lacking, "" if lacking else _table())


def compare(probes: Sequence[Probe]) -> None:
    """Check that all workers compute the same bits.

    Raises:
        ProbeError: one cannot run the kernels, or differs from the first.
    """
    for probe in probes:
        if probe.lacking:
            raise ProbeError(
                f"worker {probe.rank} on node {probe.node} was to run kernels compiled for {probe.cpu[0]}, but its "
                f"processor lacks {', '.join(probe.lacking)}.\n"
                f"The first kernel that uses it would end the process.\n"
                f"Set NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, where you start the run, to what all nodes have."
            )
    first = probes[0]
    for probe in probes[1:]:
        difference = _difference(first, probe)
        if difference:
            raise ProbeError(
                f"worker {first.rank} on node {first.node} and worker {probe.rank} on node {probe.node} must compute "
                f"the same bits, but {difference[0]}.\n"
                f"The result would depend on which worker owns what.\n"
                f"{difference[1]}"
            )


def _difference(a: Probe, b: Probe) -> tuple[str, str] | None:
    """(what differs, what to do about it)."""
    for (name, ours), (_, theirs) in zip(a.versions, b.versions, strict=True):
        if ours != theirs:
            return f"{name} is {ours} on one and {theirs} on the other", f"Install the same {name} on both nodes."
    same = "Set NUMBA_CPU_NAME and NUMBA_CPU_FEATURES to the same values on both, or leave them unset."
    if a.cpu[0] != b.cpu[0]:
        return f"kernels are compiled for the CPU {a.cpu[0]} on one and {b.cpu[0]} on the other", same
    if a.cpu[1] != b.cpu[1]:
        odd = ", ".join(sorted(_split(a.cpu[1]) ^ _split(b.cpu[1])))
        return f"kernels are compiled for other features of the CPU {a.cpu[0]}: {odd}", same
    if a.table != b.table:
        what = f"sin, cos, exp, log, pow or a sum came out differently ({a.table[:12]} and {b.table[:12]})"
        return what, "Install the same C library on both nodes: their versions of these functions differ."
    return None


def _split(features: str) -> set[str]:
    return set(filter(None, features.split(",")))


def _table() -> str:
    functions = load("probe", _SOURCE)
    # Arguments by exact arithmetic alone: they must not differ where the functions do.
    x = (np.arange(_POINTS) * 40503 % 65536) / 65536.0 * 48.0 - 24.0
    values = np.zeros((5, _POINTS))
    functions.table(x, values)
    return hashlib.sha256(values.tobytes() + np.float64(functions.total(values)).tobytes()).hexdigest()
