"""Slime mould: agents that follow the trail they leave build a network of veins.

Source: Jones, "Characteristics of Pattern Formation and Evolution in Approximations of Physarum Transport Networks",
Artificial Life 16, 2010: each senses the trail at three places ahead, turns to where it is strongest, goes on and
leaves more. Here several may stand in one square, and the trail spreads by diffusion where Jones takes the mean of 3 x
3.

What one sees: a haze that gathers to threads within 50 ticks, and a net whose meshes grow.
"""

import math

import weaver as wv

SENSE, ANGLE, TURN, LEFT = 9.0, math.pi / 8, math.pi / 4, 5.0  # as Jones; LEFT is what each leaves in a tick


class Mould(wv.Entity):
    """A bit of mould that goes into a direction."""

    heading: float


class Trail(wv.Layer, resolution=1.0):
    """What was left behind."""

    level: float


sim = wv.Simulation(wv.Box(1, 1), seed=1)
size = sim.parameter("size", 256, low=32)
share = sim.parameter("share", 0.15, low=0, help="agents per square")
decay = sim.parameter("decay", 0.1, low=0, high=1)
sim.box = wv.Box(int(size), int(size), boundary="periodic")


def smell(me: Mould, angle: float, world: wv.World) -> float:
    """The trail where one would come by turning so far."""
    return world.at(Trail, me.position + wv.polar(me.heading + angle, SENSE)).level


@sim.behavior(reach=SENSE)
def crawl(me: Mould, world: wv.World):
    """Turn to the strongest trail, go and leave more."""
    left, ahead, right = smell(me, ANGLE, world), smell(me, 0.0, world), smell(me, -ANGLE, world)
    if ahead < left and ahead < right:
        me.heading += world.choice((-TURN, TURN))
    elif left > right and left > ahead:
        me.heading += TURN
    elif right > ahead:
        me.heading -= TURN
    me.position += wv.polar(me.heading)
    world.deposit(Trail, me.position, level=LEFT)


sim.diffuse(Trail, "level", 0.1, decay=decay)
sim.scatter(Mould, int(share * size * size), heading=lambda rng: rng.uniform(0, 2 * math.pi))
sim.observe("trail", Trail, "level", "sum")
sim.observe("spread", Trail, "level", "var")

if __name__ == "__main__":
    sim.run(ticks=500)
