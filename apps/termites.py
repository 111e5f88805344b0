"""Termites that know nothing of each other gather scattered chips of wood into few piles.

Source: Resnick, Turtles, Termites and Traffic Jams, MIT Press 1994; Wilensky, NetLogo Termites (1997). A termite
wanders; on a chip it takes it and goes 20 squares away; on the next chip it looks for an empty square around and puts
its own down. All act at once: of the termites on a square one deals with its chip in a tick.

What one sees: chips everywhere, then hundreds of heaps, then fewer and larger ones.
"""

import enum
import math

import weaver as wv

AWAY = 20.0


class Task(enum.IntEnum):
    """What a termite does."""

    SEEK = 0
    CARRY = 1
    PLACE = 2


class Termite(wv.Entity, view={"model": "disc", "size": 1.2, "color_by": "task"}):
    """A termite."""

    heading: float
    task: Task


class Ground(wv.Layer, resolution=1.0):
    """A square with a chip or without."""

    chip: bool


sim = wv.Simulation(wv.Box(1, 1), seed=1)
size = sim.parameter("size", 100, low=50)
density = sim.parameter("density", 0.2, low=0, high=1)
termites = sim.parameter("termites", 200, low=0)
sim.box = wv.Box(int(size), int(size), boundary="periodic")


@sim.behavior(reach=1.0)
def wander(me: Termite, world: wv.World):
    """Go on, wavering; who looks for a place turns any way."""
    me.heading += world.uniform(-math.pi, math.pi) if me.task == Task.PLACE else world.uniform(-0.9, 0.9)
    me.position += wv.polar(me.heading)


@sim.meeting(when=lambda me, ground: ground.chip != (me.task == Task.PLACE), reach=AWAY)
def handle(me: Termite, ground: Ground, world: wv.World):
    """Take a chip, find a pile, or put the chip down beside it."""
    if me.task == Task.CARRY:
        me.task = Task.PLACE
    else:
        ground.chip = me.task == Task.PLACE
        me.task = Task.SEEK if ground.chip else Task.CARRY
        me.heading = world.uniform(0, 2 * math.pi)
        me.position += wv.polar(me.heading, AWAY)


sim.layer(Ground, chip=lambda cell: cell.random() < density)
sim.scatter(Termite, int(termites), heading=lambda rng: rng.uniform(0, 2 * math.pi))
sim.observe("chips", Ground, "chip", "sum")
sim.observe("carried", Termite, "count", where=lambda termite: termite.task != Task.SEEK)

if __name__ == "__main__":
    sim.run(ticks=5000)
