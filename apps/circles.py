"""Circles in space that settle at one distance from each other: the benchmark of FLAME GPU.

Source: Richmond et al., "FLAME GPU 2", Softw. Pract. Exper. 53, 2023, and FLAMEGPU2-circles-benchmark. Each circle is
pushed away by those nearer than half the radius, and pulled by those farther, by 0.05 * sin(-2 pi d / r); it moves by
the mean of that. Density 1, radius 2. There nobody holds those who drift out of the box; here its walls do.

What one sees: from a gas to small clumps that hardly move. `--set count=1000000` is the largest published size.
"""

import math

import weaver as wv

RADIUS = 2.0


class Circle(wv.Entity, view={"color_by": "moved"}):
    """A circle; `moved` is the length of its last step."""

    moved: float


sim = wv.Simulation(wv.Box(1, 1, 1), seed=1)
count = sim.parameter("count", 100_000, low=1)
repulse = sim.parameter("repulse", 0.05, low=0, high=1)
SIDE = count ** (1 / 3)
sim.box = wv.Box(SIDE, SIDE, SIDE, boundary="clamp")


@sim.behavior
def move(circle: Circle, world: wv.World):
    """Move by the mean force of those within the radius."""
    n, force = 0, wv.Vec3()
    for other in world.near(circle, Circle, radius=RADIUS):
        offset = other.position - circle.position
        force += math.sin(-2 * math.pi * offset.length() / RADIUS) * offset.normalized()
        n += 1
    step = repulse * force / max(n, 1)
    circle.moved = step.length()
    circle.position += step


sim.scatter(Circle, int(count))
sim.observe("moved", Circle, "moved", "mean")

if __name__ == "__main__":
    sim.run(ticks=200)
