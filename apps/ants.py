"""Ants bring home food along trails of scent that no ant knows as a whole.

Source: Wilensky, NetLogo Ants (1997), after Resnick, Turtles, Termites and Traffic Jams (1994). An ant that seeks goes
about, uphill where it smells scent; one that has found food carries it straight home and leaves scent. All act at once:
of the ants on a square with food one lifts a piece in a tick. Scent spreads to the four squares beside, not to eight.

What one sees: three heaps around the nest; trails form to them, the nearest first, and fade when a heap is gone.
"""

import math

import weaver as wv

NEST, NEST_RADIUS, HEAP_RADIUS = wv.Vec2(36, 36), 5.0, 5.0
HEAPS = (wv.Vec2(57, 36), wv.Vec2(15, 15), wv.Vec2(8, 64))  # 21, 30 and 40 away
LOOKS = (math.pi / 4, -math.pi / 4)


class Ant(wv.Entity, view={"model": "dart", "size": 1.0, "color_by": "carries"}):
    """An ant; its velocity has length 1."""

    velocity: wv.Vec2
    carries: bool
    trips: int


class Ground(wv.Layer, resolution=1.0, view={"color_by": "scent"}):
    """A square of ground: pieces of food, and scent."""

    food: int
    scent: float


sim = wv.Simulation(wv.Box(72, 72), seed=1)
ants = sim.parameter("ants", 125, low=0)


@sim.behavior(reach=2.0)
def walk(ant: Ant, world: wv.World):
    """Bring food home, or seek it along the scent, wavering."""
    if ant.carries and world.offset(ant, NEST).length() < NEST_RADIUS:
        ant.carries = False
        ant.trips += 1
        ant.velocity = -ant.velocity
    elif ant.carries:
        world.deposit(Ground, ant.position, scent=60.0)
        ant.velocity = world.offset(ant, NEST).normalized()
    else:
        best, way = world.at(Ground, ant.position + ant.velocity).scent, ant.velocity
        if 0.05 <= world.at(Ground, ant.position).scent < 2:
            for angle in LOOKS:
                turned = ant.velocity.rotated(angle)
                scent = world.at(Ground, ant.position + turned).scent
                if scent > best:
                    best, way = scent, turned
        ant.velocity = way
    ant.velocity = ant.velocity.rotated(world.uniform(-0.7, 0.7))
    ant.position += ant.velocity


@sim.meeting(when=lambda ant, ground: not ant.carries and ground.food > 0)
def lift(ant: Ant, ground: Ground, world: wv.World):
    """One ant takes a piece from its square, and turns."""
    ant.carries = True
    ant.velocity = -ant.velocity
    ground.food -= 1


def pieces(cell):
    """One or two pieces on each square of a heap."""
    heaped = any((heap - cell.position).length() < HEAP_RADIUS for heap in HEAPS)
    return cell.integer(1, 3) if heaped else 0


sim.diffuse(Ground, "scent", 0.1, decay=0.1)
sim.layer(Ground, food=pieces)
sim.scatter(Ant, int(ants), position=NEST, velocity=lambda rng: rng.unit2())
sim.observe("food", Ground, "food", "sum")
sim.observe("carried", Ant, "carries", "sum")
sim.observe("brought", Ant, "trips", "sum")
sim.until("food == 0")

if __name__ == "__main__":
    sim.run(ticks=2000)
