"""A gas of elastic discs: from one speed for all to the speeds of Maxwell and Boltzmann.

Discs of mass 1 fly straight. In each tick, those who have met and come nearer exchange the part of their velocities
along the line between them, in pairs: momentum and energy are conserved to rounding. Whoever touches two meets one of
them in a tick and the other in the next; a collision is noticed up to a tick late. Molecular chaos is all that the
result needs (Maxwell 1860; in the plane the energies are exponential).

What one sees: discs that all start with speed 1; the histogram `energies` turns from one peak to an exponential.
"""

import weaver as wv

DIAMETER = 1.0


class Disc(wv.Entity, view={"model": "disc", "size": 1.0, "color_by": "velocity"}):
    """A disc of diameter 1."""

    velocity: wv.Vec2


sim = wv.Simulation(wv.Box(1, 1), seed=1, dt=0.1)
side = sim.parameter("side", 200.0, low=4)
sim.box = wv.Box(float(side), float(side), boundary="periodic")


@sim.behavior(reach=DIAMETER)
def fly(disc: Disc, world: wv.World):
    """Go straight on."""
    disc.position += disc.velocity * world.dt


def approach(a: Disc, b: Disc) -> bool:
    """Whether two come nearer to each other."""
    return (b.position - a.position).dot(b.velocity - a.velocity) < 0.0


@sim.meeting(radius=DIAMETER, when=approach)
def bounce(a: Disc, b: Disc, world: wv.World):
    """Exchange the velocities along the line of centres."""
    normal = (b.position - a.position).normalized()
    change = (b.velocity - a.velocity).dot(normal) * normal
    a.velocity += change
    b.velocity -= change


sim.scatter(Disc, int(0.25 * side * side), velocity=lambda rng: rng.unit2())
sim.observe("momentum", Disc, "velocity", "sum")
sim.observe("energy", Disc, lambda disc: 0.5 * disc.velocity.length2(), "sum")
sim.observe("energies", Disc, lambda disc: 0.5 * disc.velocity.length2(), "histogram", bins=(0.0, 4.0, 40))

if __name__ == "__main__":
    sim.run(ticks=500)
