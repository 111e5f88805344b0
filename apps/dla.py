"""Diffusion-limited aggregation: wanderers that stick to what they touch grow a tree of dimension 1.71.

Source: Witten and Sander, Phys. Rev. Lett. 47, 1400 (1981); the dimension off lattice, 1.711 +- 0.003: Tolman and
Meakin, Phys. Rev. A 40, 428 (1989). There one wanderer comes at a time; here all on the plane wander at once, few
enough for the tree to grow slower than they come. A step is as long as the way to the tree is free, which does not
change the chances of where a wanderer touches first (Muller, Ann. Math. Stat. 27, 1956).

What one sees: a seed, then branches whose tips shield the space between them.
"""

import weaver as wv

SIGHT = 8.0  # also the longest step


class Stuck(wv.Entity, view={"model": "disc", "size": 1.0, "color_by": "tick"}):
    """A part of the tree, of diameter 1; `tick` is when it came."""

    tick: int


class Wanderer(wv.Entity):
    """A particle on its way."""


sim = wv.Simulation(wv.Box(1, 1), seed=1)
size = sim.parameter("size", 400.0, low=20)
density = sim.parameter("density", 0.01, low=0, high=1, help="wanderers on a unit of area")
sim.box = wv.Box(float(size), float(size), boundary="periodic", origin=(-size / 2, -size / 2))


@sim.behavior(reach=SIGHT)
def wander(me: Wanderer, world: wv.World):
    """Stick to the tree where it is touched, or take a step."""
    tree = world.nearest(me, Stuck, radius=SIGHT)
    gap = world.offset(me, tree).length() if tree else SIGHT
    if gap <= 1.0:
        world.become(me, Stuck, tick=world.tick)
    else:
        me.position += max(gap - 1.0, 0.5) * world.unit2()


sim.add(Stuck, position=[[0.0, 0.0]])
sim.scatter(Wanderer, int(density * size * size))
sim.observe("stuck", Stuck, "count")
sim.observe("wanderers", Wanderer, "count")
sim.until("wanderers == 0")

if __name__ == "__main__":
    sim.run(ticks=20_000)
