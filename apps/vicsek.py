"""Particles that take the mean heading of those around them, but for noise: order appears below a critical noise.

Source: Vicsek, Czirok, Ben-Jacob, Cohen and Shochet, Phys. Rev. Lett. 75, 1226 (1995): speed 0.03, radius 1, density 4,
noise uniform in [-noise / 2, noise / 2]. As in the paper, all turn at once and then go, and each counts itself.

What one sees: with little noise all go one way in the end, with noise above 4 there is no direction. The length of the
observation `heading` is the paper's order parameter.
"""

import math

import weaver as wv


class Particle(wv.Entity, view={"model": "arrow", "size": 0.4, "color_by": "direction"}):
    """A particle; the heading has length 1."""

    heading: wv.Vec2


sim = wv.Simulation(wv.Box(1, 1), seed=1)
side = sim.parameter("side", 32.0, low=3)
noise = sim.parameter("noise", 0.5, low=0, high=2 * math.pi, unit="rad")
speed = sim.parameter("speed", 0.03, low=0, high=0.5)
sim.box = wv.Box(float(side), float(side), boundary="periodic")


@sim.behavior
def turn(me: Particle, world: wv.World):
    """Head for the mean heading, missing it by the noise."""
    mean = me.heading
    for other in world.near(me, Particle, radius=1.0):
        mean += other.heading
    me.heading = wv.polar(mean.angle() + noise * world.uniform(-0.5, 0.5))
    me.position += speed * me.heading


sim.scatter(Particle, int(4 * side * side), heading=lambda rng: rng.unit2())
sim.observe("heading", Particle, "heading", "mean")

if __name__ == "__main__":
    sim.run(ticks=1000)
