"""Humans flee from zombies, zombies go where humans are, and who is bitten turns: the example of Repast4Py.

Source: Collier and Ozik, "Distributed Agent-Based Simulation with Repast4Py", Winter Simulation Conference 2022; its
numbers: 3,000,000 humans and 6,000 zombies on 1008 x 1008 squares. A human goes half a square towards the one of the
nine squares around with the fewest zombies, a zombie a quarter towards the one with the most humans, equals by lot. A
zombie then infects the first human of its square, who is a zombie 10 ticks later. All act at once: they see the squares
as they were at the start of the tick. `--set scale=0.01` is a hundredth of the world, as dense.

What one sees: red spots that grow to fronts, and humans who crowd before them.
"""

import math

import weaver as wv


class Human(wv.Entity, view={"color": "#4cc9f0"}):
    """A human; `left` is in how many ticks they turn, 0 when not infected."""

    left: wv.int32


class Zombie(wv.Entity, view={"color": "#e5484d"}):
    """A zombie."""


class Square(wv.Layer, resolution=1.0):
    """How many stand on a square."""

    humans: wv.int32
    zombies: wv.int32


class Bite(wv.Message):
    """What infects."""


sim = wv.Simulation(wv.Box(1, 1), seed=1)
scale = sim.parameter("scale", 1.0, low=0.0001, help="area of the world, as a share of Repast4Py's")
SIDE = round(1008 * scale**0.5)
sim.box = wv.Box(SIDE, SIDE, boundary="clamp")


@sim.behavior
def clear(square: Square, world: wv.World):
    """Begin to count."""
    square.humans, square.zombies = 0, 0


@sim.behavior
def stand(me: Human, world: wv.World):
    """Count the humans."""
    world.deposit(Square, me.position, humans=1)


@sim.behavior
def lurk(me: Zombie, world: wv.World):
    """Count the zombies."""
    world.deposit(Square, me.position, zombies=1)


@sim.behavior
def chase(me: Zombie, world: wv.World):
    """Go towards the square with the most humans."""
    here = world.at(Square, me.position)
    most, goal = here.humans + world.random(), here.position
    for square in world.around(here):
        chance = square.humans + world.random()  # the fraction draws lots among equals
        if chance > most:
            most, goal = chance, square.position
    me.position += 0.25 * (goal - here.position)


@sim.behavior
def bite(me: Zombie, world: wv.World):
    """Infect the first human of the square."""
    for human in world.near(me, Human, radius=1.5):
        if math.floor(human.position.x) == math.floor(me.position.x) and (
            math.floor(human.position.y) == math.floor(me.position.y)
        ):
            world.send(human, Bite())
            break


@sim.behavior
def flee(me: Human, world: wv.World):
    """Turn, or go towards the square with the fewest zombies."""
    for _ in world.inbox(me, Bite):
        if me.left == 0:
            me.left = 11
    if me.left > 0:
        me.left -= 1
        if me.left == 0:
            world.become(me, Zombie)
    here = world.at(Square, me.position)
    fewest, goal = here.zombies + world.random(), here.position
    for square in world.around(here):
        chance = square.zombies + world.random()
        if chance < fewest:
            fewest, goal = chance, square.position
    me.position += 0.5 * (goal - here.position)


sim.scatter(Human, int(3_000_000 * scale))
sim.scatter(Zombie, max(1, int(6_000 * scale)))
sim.observe("humans", Human, "count")
sim.observe("zombies", Zombie, "count")

if __name__ == "__main__":
    sim.run(ticks=50)
