"""A Lennard-Jones crystal melts: 32,000 atoms, in reduced units.

The benchmark "3d Lennard-Jones melt" of LAMMPS (Plimpton, J. Comput. Phys. 117, 1995; bench/in.lj): fcc lattice of
density 0.8442, temperature 1.44, cutoff 2.5, velocity Verlet with a step of 0.005. As LAMMPS does not by default, the
energy is shifted to zero at the cutoff, so that it is conserved. In half a time unit half of the kinetic energy goes
into the lattice, and a liquid of temperature 0.7 is left.

What one sees: an ordered block that shakes, and is without order after some 50 ticks. `--set cells=30` has 108,000
atoms. Forces are zero at the start, by the symmetry of the lattice.
"""

import numpy as np

import weaver as wv

DENSITY, TEMPERATURE, CUTOFF = 0.8442, 1.44, 2.5
SHIFT = 4 * (CUTOFF**-12 - CUTOFF**-6)  # energy of a pair at the cutoff


class Atom(wv.Entity, view={"model": "ball", "size": 1.0, "color_by": "velocity"}):
    """An atom of mass 1."""

    velocity: wv.Vec3
    force: wv.Vec3
    energy: float  # half of the potential energy of its pairs
    virial: float  # half of the sum of force times distance over its pairs


sim = wv.Simulation(wv.Box(1, 1, 1), seed=1, dt=0.005)
cells = sim.parameter("cells", 20, low=4, help="cells of the crystal along each side, four atoms each")
SIDE = cells * (4 / DENSITY) ** (1 / 3)
sim.box = wv.Box(SIDE, SIDE, SIDE, boundary="periodic")


@sim.behavior
def drift(atom: Atom, world: wv.World):
    """Half a kick by the force of the last tick, then the move (Swope et al., J. Chem. Phys. 76, 1982)."""
    atom.velocity += 0.5 * world.dt * atom.force
    atom.position += world.dt * atom.velocity


@sim.behavior
def kick(atom: Atom, world: wv.World):
    """The force where the atoms are now, and the other half of the kick."""
    force, energy, virial = wv.Vec3(), 0.0, 0.0
    for other in world.near(atom, Atom, radius=CUTOFF):
        offset = other.position - atom.position
        inverse2 = 1 / offset.length2()
        inverse6 = inverse2 * inverse2 * inverse2
        push = 24 * inverse6 * (2 * inverse6 - 1)  # force times distance
        force -= push * inverse2 * offset
        energy += 2 * inverse6 * (inverse6 - 1) - SHIFT / 2
        virial += push / 2
    atom.force, atom.energy, atom.virial = force, energy, virial
    atom.velocity += 0.5 * world.dt * force


FCC = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
corners = np.stack(np.meshgrid(*[np.arange(int(cells))] * 3), axis=-1).reshape(-1, 1, 3)
places = (corners + FCC + 0.25).reshape(-1, 3) * SIDE / cells
velocities = np.random.default_rng(sim.seed).normal(size=places.shape)
velocities -= velocities.mean(axis=0)
sim.add(Atom, position=places, velocity=velocities * np.sqrt(TEMPERATURE / (velocities**2).mean()))

sim.observe("kinetic", Atom, lambda atom: 0.5 * atom.velocity.length2(), "mean")
sim.observe("potential", Atom, "energy", "mean")
sim.observe("virial", Atom, "virial", "mean")


def report(run) -> str:
    """Temperature, pressure and energy of an atom."""
    atoms = run.entities(Atom, fields=["velocity", "energy", "virial"])
    temperature = (np.array(atoms["velocity"].combine_chunks().flatten()) ** 2).mean()
    pressure = DENSITY * (temperature + np.mean(atoms["virial"]) / 3)
    energy = 1.5 * temperature + np.mean(atoms["energy"])
    return f"temperature {temperature:.4f}, pressure {pressure:.4f}, energy {energy:.6f} per atom"


if __name__ == "__main__":
    print(report(sim.run(ticks=500)))
