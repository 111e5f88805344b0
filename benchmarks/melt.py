"""A Lennard-Jones melt of 32,000 atoms, the app `apps/melt.py`: whole velocity Verlet steps, float64.

Beside it runs LAMMPS (Thompson et al., Comput. Phys. Commun. 271, 2022), serial, with `-sf opt`: its benchmark in.lj,
the same lattice, temperature, cutoff and time step, lists with a skin of 0.3 that are rebuilt every 20th step. LAMMPS
evaluates each pair once and no energies between outputs; Weaver each pair for both atoms, with energy and virial.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np

from benchmarks.elsewhere import tool
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks
from weaver.load import load_app


def measure(quick: bool) -> Iterator[Result]:
    """One size, from the same tick of the melted state on."""
    rounds, ticks = rounds_and_ticks(quick, 40)
    cells = 6 if quick else 20
    atoms = 4 * cells**3
    result = Result(
        f"melt, {atoms:,} atoms, float64",
        "ns per atom and step",
        clock="processor",
        goals=[Goal("Weaver", "LAMMPS", 2.0)],
    )
    app, sim = load_app("melt", parameters={"cells": cells})
    with ExitStack() as stack:
        run = stack.enter_context(sim.start())
        contenders = {"Weaver": of_run(run)}
        other, words = stack.enter_context(tool("melt_lammps.py", [cells], "lammps", "mpich"))
        if other is None:
            result.skipped["LAMMPS"] = words
        else:
            contenders["LAMMPS"] = other
            result.notes.append(f"LAMMPS: {words}, -sf opt")
        race(result, contenders, updates=atoms, ticks=ticks, rounds=rounds, warm=2 if quick else 60)
        if other is not None and not quick:
            velocity = np.array(run.entities(app.Atom)["velocity"].combine_chunks().flatten())
            mine = float((velocity**2).mean())
            result.notes.append(f"temperature at the end: Weaver {mine:.3f}, LAMMPS {other.after:.3f}")
            result.checks["both are at the same temperature, within 0.03"] = abs(mine - other.after) < 0.03
    yield result
