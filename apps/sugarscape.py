"""Foragers on two hills of sugar: as many live as the land carries.

Source: Epstein and Axtell, Growing Artificial Societies, MIT Press 1996, ch. II, rules G1 and M: 400 foragers on a
torus of 50 x 50 sites see 1 to 6 sites far in four directions, go to the free site with the most sugar, the nearest of
equals, eat all of it, and burn 1 to 4 a tick. The book finds that about 224 survive. Here all look at once: of those
who go for one site one gets it, and the others choose once more. The hills are round terraces, close to the book's map.

What one sees: foragers who climb the hills and sit on their terraces.
"""

import math

import weaver as wv

SITES = wv.Sites(1.0)
SIDE, SIGHT = 50, 6
HILLS = (wv.Vec2(15, 35), wv.Vec2(39, 11))


class Forager(wv.Entity, sites=SITES, view={"model": "disc", "size": 0.7, "color": "#e5484d"}):
    """Someone who lives on sugar."""

    sugar: float
    sight: int
    burn: int


class Land(wv.Layer, resolution=1.0):
    """Sugar on a site, and how much grows there."""

    sugar: float
    most: float


sim = wv.Simulation(wv.Box(SIDE, SIDE, boundary="periodic"), seed=1)
foragers = sim.parameter("foragers", 400, low=0, high=2500)
growth = sim.parameter("growth", 1.0, low=0)


@sim.behavior
def grow(land: Land, world: wv.World):
    """Sugar grows back (rule G)."""
    land.sugar = min(land.sugar + growth, land.most)


def seek(me: Forager, world: wv.World):
    """Go for the best free site in sight (rule M)."""
    best, goal = world.at(Land, me.position).sugar, me.position
    first = world.integer(0, 4)
    for step in range(me.sight):
        for turn in range(4):
            place = me.position + (step + 1) * wv.Vec2(1, 0).rotated(math.pi / 2 * (first + turn))
            sugar = world.at(Land, place).sugar
            if sugar > best and world.free(place):
                best, goal = sugar, place
    me.position = goal


@sim.behavior(reach=SIGHT)
def move(me: Forager, world: wv.World):
    """All go at once."""
    seek(me, world)


@sim.behavior(reach=SIGHT)
def move_again(me: Forager, world: wv.World):
    """Those whose site another one got choose again."""
    if not world.moved(me):
        seek(me, world)


@sim.meeting
def eat(me: Forager, land: Land, world: wv.World):
    """Take all, burn some, and die of hunger."""
    me.sugar += land.sugar - me.burn
    land.sugar = 0.0
    if me.sugar < 0:
        world.remove(me)


def hill(cell):
    """The height of the land: four terraces."""
    return max(0.0, max((4.0 - (top - cell.position).length() // 6 for top in HILLS), default=0.0))


sim.layer(Land, most=hill, sugar=hill)
sim.scatter(
    Forager,
    int(foragers),
    sugar=lambda rng: rng.integer(5, 26),
    sight=lambda rng: rng.integer(1, SIGHT + 1),
    burn=lambda rng: rng.integer(1, 5),
)
sim.observe("alive", Forager, "count")

if __name__ == "__main__":
    sim.run(ticks=500)
