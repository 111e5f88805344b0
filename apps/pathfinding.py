"""Walkers cross a plane full of round obstacles and never enter one.

After the Pathfinding sample of AWS SimSpace Weaver, in which agents walk over a plane with static obstacles to a place
on the other side. There a search plans the path; here a walker who sees an obstacle before it goes along its edge,
which leads around anything round (Lumelsky and Stepanov, Algorithmica 2, 1987, for the sole obstacle), and keeps off
others.

What one sees: two streams through a field of discs, which part before each and close behind it.
"""

import numpy as np

import weaver as wv

SIGHT, BODY, PACE = 3.0, 0.3, 1.4  # m, m (radius), m/s


class Walker(wv.Entity, view={"color_by": "arrived"}):
    """Someone on the way to a place."""

    goal: wv.Vec2
    arrived: bool


sim = wv.Simulation(wv.Box(1, 1), seed=1, dt=0.1)
walkers = sim.parameter("walkers", 2000, low=1)
size = sim.parameter("size", 200, low=20, unit="m")
SIDE = int(size)
sim.box = wv.Box(SIDE, SIDE, boundary="clamp")


@sim.behavior(reach=SIGHT)
def walk(me: Walker, world: wv.World):
    """Go straight for the goal, but along the edge of what is in the way."""
    way = world.offset(me.position, me.goal)
    me.arrived = way.length() < 1.0
    heading = way.clamped(1.0)
    for other in world.near(me, Walker, radius=4 * BODY):
        away = me.position - other.position
        heading += (4 * BODY - away.length()) * away.normalized()
    edge, distance = world.wall(me.position, radius=SIGHT)
    if distance < SIGHT:
        out = (me.position - edge).normalized()
        along = wv.Vec2(-out.y, out.x)
        side = 1.0 if along.dot(way) >= 0.0 else -1.0
        inward = -heading.dot(out) * (1.0 - min(max((distance - BODY) / (SIGHT - BODY), 0.0), 1.0))
        if inward > 0.0:
            heading += inward * (out + side * along)
        if distance < BODY:
            heading += (BODY - distance) / BODY * out
    me.position += heading.clamped(1.0) * PACE * world.dt


rng = np.random.default_rng(sim.seed)
spots = (np.stack(np.divmod(np.arange(SIDE * SIDE // 400), SIDE // 20), axis=1) + 0.5) * 20
radii = rng.uniform(2.0, 5.0, len(spots))
sim.geometry(discs=np.column_stack([spots + rng.uniform(-3.0, 3.0, spots.shape), radii]))
n, west = int(walkers), np.arange(int(walkers)) % 2 == 0
heights = rng.uniform(1, SIDE - 1, (2, n))
near, far = rng.uniform(0.2, 1.2, (2, n))
sim.add(
    Walker,
    position=np.stack([np.where(west, near, SIDE - near), heights[0]], axis=1),
    goal=np.stack([np.where(west, SIDE - far, far), heights[1]], axis=1),
)
sim.observe("walking", Walker, "count", where=lambda walker: not walker.arrived)
sim.until("walking == 0 and tick > 0")

if __name__ == "__main__":
    sim.run(ticks=4000)
