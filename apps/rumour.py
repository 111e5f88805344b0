"""A rumour on a small world: it ends before all have heard it.

Source: Maki and Thompson, Mathematical Models and Applications, 1973; on small worlds Zanette, Phys. Rev. E 64, 050901
(2001). A spreader now and then tells one whom they know; who did not know it spreads it too, and a spreader who tells
one who knew it stops. Where anyone may meet anyone, 0.796 hear it in the end. People stand on a ring and know their
neighbours, but for the share `rewired` of the ties, which lead anywhere (Watts and Strogatz, Nature 393, 1998). All act
at once; `pace` is the chance of a talk in a tick, small enough for few to be told twice in one.

What one sees: spreaders along the ring, and new sparks far away. With few ties rewired it dies near its start.
"""

import enum

import numpy as np

import weaver as wv


class State(enum.IntEnum):
    """How someone stands to the rumour."""

    IGNORANT = 0
    SPREADER = 1
    STIFLER = 2


class Person(wv.Entity, view={"color_by": "state"}):
    """Someone."""

    state: State


class Knows(wv.Link):
    """Two who know each other."""


class Rumour(wv.Message):
    """What is told."""


sim = wv.Simulation(wv.Box(220, 220), seed=1)
people = sim.parameter("people", 10_000, low=3)
ties = sim.parameter("ties", 10, low=1, help="neighbours on either side")
rewired = sim.parameter("rewired", 1.0, low=0, high=1)
pace = sim.parameter("pace", 0.1, low=0, high=1)
N = int(people)


@sim.behavior
def talk(me: Person, world: wv.World):
    """Tell someone, and stop if they knew."""
    if me.state == State.SPREADER and world.random() < pace:
        most, partner = -1.0, None
        for other, _ in world.links(me, Knows):
            chance = world.random()
            if chance > most:
                most, partner = chance, other
        if partner:
            if partner.state == State.IGNORANT:
                world.send(partner, Rumour())
            else:
                me.state = State.STIFLER


@sim.behavior
def hear(me: Person, world: wv.World):
    """Spread what one hears."""
    for _ in world.inbox(me, Rumour):
        me.state = State.SPREADER


angle = 2 * np.pi * np.arange(N) / N
ring = 110 + 100 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
state = np.where(np.arange(N) == 0, State.SPREADER, State.IGNORANT)
sim.add(Person, id=np.arange(N), position=ring, state=state)
rng = np.random.default_rng(sim.seed)
a = np.repeat(np.arange(N), ties)
apart = np.where(rng.random(len(a)) < rewired, rng.integers(1, N, len(a)), np.tile(np.arange(1, ties + 1), N))
sim.link(Knows, a, (a + apart) % N)
sim.observe("spreaders", Person, "count", where=lambda person: person.state == State.SPREADER)
sim.observe("heard", Person, "count", where=lambda person: person.state != State.IGNORANT)
sim.until("spreaders == 0")

if __name__ == "__main__":
    sim.run(ticks=10_000)
