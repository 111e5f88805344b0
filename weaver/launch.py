"""Launching: from a simulation to a runtime that stands at tick 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from partitions.program import Program
from partitions.runtime import Runtime
from weaver.errors import ModelError, RunError
from weaver.simulation import Simulation

if TYPE_CHECKING:
    from partitions.resume import Resumption


def check_options(partitions: int | None, threads: int, workers: int | None, cluster: str | None) -> None:
    """Refuse options of `Simulation.start` that are out of range.

    Raises:
        ModelError: one is.
    """
    for name, value in (("partitions", partitions), ("threads", threads), ("workers", workers)):
        if value is not None and not (isinstance(value, int) and value >= 1):
            raise ModelError(
                f"{name}={value!r} was asked for; allowed are whole numbers from 1.\n"
                f"Nobody would do the work.\n"
                f"Write {name}=1, or leave it out."
            )
    if cluster is not None and workers is None:
        raise ModelError(
            f"cluster={cluster!r} was asked for without workers; a run on a cluster has a number of workers.\n"
            f"It would run in this process alone.\n"
            f"Write workers=2, cluster={cluster!r}."
        )


def compiled(simulation: Simulation) -> Program:
    """The program of a simulation."""
    from weaver.compiler import compile  # brings numba, which `import weaver` does not

    return compile(simulation)


def runtime_of(
    program: Program, partitions: int | None, threads: int, workers: int | None, cluster: str | None,
    resumed: Resumption | None = None,
) -> Runtime:  # fmt: skip
    """Where it runs: in this process, or on Ray workers; from the beginning, or from a snapshot."""
    if workers is None:
        from partitions.local import Local

        return Local(program, partitions=partitions or 1, threads=threads, resumed=resumed)
    from partitions.cluster import Cluster

    return Cluster(program, workers, threads=threads, partitions=partitions, address=cluster, resumed=resumed)


def check_digest(runtime: Runtime, resumed: Resumption) -> None:
    """Refuse a state that is not the one that was written.

    Raises:
        RunError: files of two snapshots were mixed, whatever each says of itself.
    """
    manifest = resumed.manifest
    same = {(s.kind, s.name): s.columns for s in manifest.schema_ if s.kind in ("entity", "layer")}
    now = {
        ("layer" if s.raster else "entity", s.name): [("id", "<i8"), *map(tuple, s.columns)]
        for s in runtime.program.types
    }
    if list(same.items()) == list(now.items()) and runtime.digest() != manifest.digest:
        raise RunError(
            f"{resumed.folder.address} was to be gone on from; the state in it has the digest {runtime.digest()}, and "
            f"{manifest.digest} was written.\n"
            f"Its files do not belong together.\n"
            f"Use another snapshot; `weaver snapshot verify` tells which are whole."
        )


def row_bytes(program: Program, index: int) -> int:
    """Bytes of one entity, its id included."""
    return 8 + sum(np.dtype(column.dtype).itemsize for column in program.types[index].columns)
