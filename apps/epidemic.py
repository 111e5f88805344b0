"""An epidemic among people who walk about: susceptible, infected, recovered.

Source: Kermack and McKendrick, Proc. R. Soc. A 115, 1927, in space. Someone infected infects each one within distance 1
at the rate `contagion`, and recovers at the rate `recovery`. People take small random steps, and travel to any place at
the rate `travel`. With `--set travel=1000` all are somewhere else in each tick: that is the well-mixed limit, in which
the shares follow the equations of Kermack and McKendrick with R0 = contagion * pi * density / recovery, 2.51 here.

What one sees: spots that grow to rings, and new spots where travellers come. With less travel it is slower and takes
fewer.
"""

import enum
import math

import weaver as wv


class State(enum.IntEnum):
    """How someone is."""

    SUSCEPTIBLE = 0
    INFECTED = 1
    RECOVERED = 2


class Person(wv.Entity, view={"color_by": "state"}):
    """Someone."""

    state: State


sim = wv.Simulation(wv.Box(1, 1), seed=1, dt=0.1)
people = sim.parameter("people", 20_000, low=20)
contagion = sim.parameter("contagion", 0.2, low=0, unit="1/day")
recovery = sim.parameter("recovery", 0.5, low=0, unit="1/day")
travel = sim.parameter("travel", 0.02, low=0, unit="1/day")
SIDE = (people / 2) ** 0.5
sim.box = wv.Box(SIDE, SIDE, boundary="periodic")


def happens(rate: float, world: wv.World) -> bool:
    """Whether something that has a rate happens in this tick."""
    return world.random() < 1 - math.exp(-rate * world.dt)


@sim.behavior
def infect(me: Person, world: wv.World):
    """Catch it from those near, or recover."""
    if me.state == State.SUSCEPTIBLE:
        sick = world.count(me, Person, radius=1.0, when=lambda other: other.state == State.INFECTED)
        if happens(contagion * sick, world):
            me.state = State.INFECTED
    elif me.state == State.INFECTED and happens(recovery, world):
        me.state = State.RECOVERED


@sim.behavior(jumps=True)
def move(me: Person, world: wv.World):
    """Take a small step, or travel."""
    me.position += wv.Vec2(world.normal(0, 0.1), world.normal(0, 0.1))
    if happens(travel, world):
        me.position = wv.Vec2(world.uniform(0, SIDE), world.uniform(0, SIDE))


sim.scatter(Person, int(people * 0.995))
sim.scatter(Person, int(people * 0.005), state=State.INFECTED)
sim.observe("susceptible", Person, "count", where=lambda person: person.state == State.SUSCEPTIBLE)
sim.observe("infected", Person, "count", where=lambda person: person.state == State.INFECTED)
sim.until("infected == 0")

if __name__ == "__main__":
    sim.run(ticks=1000)
