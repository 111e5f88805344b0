"""Cars on a ring, and in a city with lights: jams out of nothing (Nagel and Schreckenberg, J. Phys. I 2, 2221, 1992).

All at once, each car speeds up by one, up to 5 sites a tick; brakes to the gap before it; dawdles by chance; and moves.
That is how the original is updated too. With `--set dawdle=0` the flow on the ring is min(5 * density, 1 - density),
largest at a density of 1/6. `--set streets=8` makes a city of 8 one-way streets to the east and 8 to the north, with a
light at each crossing, green for one direction at a time (Chowdhury and Schadschneider, Phys. Rev. E 59, R1311, 1999).

What one sees: on the ring, jams that wander backwards; in the city, platoons and queues.
"""

import numpy as np

import weaver as wv

FASTEST = 5
SITES = wv.Sites(1.0)


class Car(wv.Entity, sites=SITES, view={"model": "car", "size": 0.9, "color_by": "speed"}):
    """A car; `heading` is (1, 0) or (0, 1)."""

    heading: wv.Vec2
    speed: int


sim = wv.Simulation(wv.Box(1, 1), seed=1)
length = sim.parameter("length", 1200, low=20)
streets = sim.parameter("streets", 0, low=0, help="0: one ring")
density = sim.parameter("density", 0.15, low=0, high=1)
dawdle = sim.parameter("dawdle", 0.3, low=0, high=1)
green = sim.parameter("green", 30, low=1, unit="ticks")
LENGTH, BLOCK = int(length), length // max(streets, 1)
CITY = streets > 0
sim.box = wv.Box(LENGTH, LENGTH, boundary="periodic") if CITY else wv.Box(LENGTH, 1, boundary=("periodic", "clamp"))


def to_light(me: Car, world: wv.World) -> float:
    """Free sites before the next crossing if its light is red for me, else more than I can go."""
    passed = me.heading.dot(me.position) - 0.5
    red = (world.tick // green) % 2 == (0 if me.heading.y > 0.0 else 1)
    return BLOCK - 1 - passed % BLOCK if CITY and red else FASTEST


@sim.behavior
def drive(me: Car, world: wv.World):
    """The four rules."""
    gap = to_light(me, world)
    for other in world.near(me, Car, radius=FASTEST + 1.0):
        offset = other.position - me.position
        if me.heading.dot(offset) > 0.0 and me.heading.cross(offset) == 0.0:
            gap = min(gap, offset.length() - 1)
    speed = min(me.speed + 1, FASTEST, int(gap))
    if speed > 0 and world.random() < dawdle:
        speed -= 1
    me.speed = speed
    me.position += speed * me.heading


along = np.array([k for k in range(LENGTH) if not CITY or k % BLOCK])  # no car starts on a crossing
lane, place = (a.ravel() for a in np.meshgrid(BLOCK * np.arange(max(streets, 1)), along))
east, north = np.stack([place, lane], axis=1), np.stack([lane, place], axis=1)
spots = np.concatenate([east, north]) if CITY else east
taken = np.sort(np.random.default_rng(sim.seed).permutation(len(spots))[: round(density * len(spots))])
headings = np.where((taken < len(east))[:, None], (1.0, 0.0), (0.0, 1.0))
sim.add(Car, position=spots[taken] + 0.5, heading=headings)
sim.observe("speed", Car, "speed", "mean")

if __name__ == "__main__":
    sim.run(ticks=1000)
