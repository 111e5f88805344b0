"""Fire in a forest: it dies out in a thin forest and takes nearly all of a dense one.

Fire begins at the left edge and goes from a burning tree to those on the four squares beside it. How far it comes is
site percolation: near a density of 0.5927 (Newman and Ziff, Phys. Rev. Lett. 85, 2000) the burned share jumps. Numbers
of the comparison by the makers of Agents.jl; its large forest is `--set size=1000 --set density=0.9`.

What one sees: a front that runs through, or tongues that end. At a density of 0.6 it takes the longest.
"""

import enum

import weaver as wv


class State(enum.IntEnum):
    """What a square holds."""

    EMPTY = 0
    GREEN = 1
    BURNING = 2
    BURNT = 3


class Tree(wv.Layer, resolution=1.0):
    """A square of the forest."""

    state: State


sim = wv.Simulation(wv.Box(1, 1), seed=1)
size = sim.parameter("size", 100, low=2)
density = sim.parameter("density", 0.7, low=0, high=1)
sim.box = wv.Box(int(size), int(size))


@sim.behavior
def burn(tree: Tree, world: wv.World):
    """Catch fire from a tree beside, and burn for a tick."""
    if tree.state == State.BURNING:
        tree.state = State.BURNT
    elif tree.state == State.GREEN and any(other.state == State.BURNING for other in world.beside(tree)):
        tree.state = State.BURNING


def plant(cell):
    """A tree or none; those at the left edge burn."""
    if cell.random() >= density:
        return State.EMPTY
    return State.BURNING if cell.index[0] == 0 else State.GREEN


sim.layer(Tree, state=plant)
sim.observe("burning", Tree, "count", where=lambda tree: tree.state == State.BURNING)
sim.observe("burnt", Tree, "count", where=lambda tree: tree.state == State.BURNT)
sim.until("burning == 0")

if __name__ == "__main__":
    sim.run(ticks=10_000)
