"""Launching: from a simulation to a runtime that stands at tick 0."""

from __future__ import annotations

import numpy as np

from partitions.program import Program
from partitions.runtime import Runtime
from weaver.errors import ModelError
from weaver.simulation import Simulation


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
    program: Program, partitions: int | None, threads: int, workers: int | None, cluster: str | None
) -> Runtime:
    """Where it runs: in this process, or on Ray workers."""
    if workers is None:
        from partitions.local import Local

        return Local(program, partitions=partitions or 1, threads=threads)
    from partitions.cluster import Cluster

    return Cluster(program, workers, threads=threads, partitions=partitions, address=cluster)


def row_bytes(program: Program, index: int) -> int:
    """Bytes of one entity, its id included."""
    return 8 + sum(np.dtype(column.dtype).itemsize for column in program.types[index].columns)
