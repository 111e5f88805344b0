"""Wolves eat sheep, sheep eat grass, grass grows back: three populations that rise and fall after each other.

Source: Wilensky, NetLogo Wolf Sheep Predation (1997), with the rules and numbers of the comparison by the makers of
Agents.jl (Datseris et al., Simulation 100, 2022; ABMFrameworksComparison). Its small world is the default here; the
large one is `--set size=100 --set sheep=1000 --set wolves=500 --set regrowth=10 --set lambs=0.4 --set cubs=0.2`.

All animals act at once where the originals take them one by one: all walk; then each patch of grown grass is eaten by
one of the sheep on it; then wolves and sheep of one square pair off, and a wolf whose sheep was another's chooses
again, three times; then animals without energy die and others breed. A step over the edge leads back into the square.

What one sees: waves of sheep, followed by waves of wolves, over a lawn that is eaten and grows again.
"""

import weaver as wv

STEPS = tuple(wv.Vec2(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y)
GRASS_ENERGY, SHEEP_ENERGY = 5, 13  # what eating one gives


class Sheep(wv.Entity, view={"model": "disc", "size": 0.5, "color": "#f4f1de"}):
    """A sheep."""

    energy: float


class Wolf(wv.Entity, view={"model": "disc", "size": 0.7, "color": "#e5484d"}):
    """A wolf."""

    energy: float


class Grass(wv.Layer, resolution=1.0):
    """A square of the lawn; `wait` is how many ticks are left until it is grown."""

    wait: int


sim = wv.Simulation(wv.Box(1, 1), seed=1)
size = sim.parameter("size", 25, low=4)
sheep = sim.parameter("sheep", 60, low=0)
wolves = sim.parameter("wolves", 40, low=0)
regrowth = sim.parameter("regrowth", 20, low=1, unit="ticks")
lambs = sim.parameter("lambs", 0.2, low=0, high=1, help="chance of a lamb in a tick")
cubs = sim.parameter("cubs", 0.1, low=0, high=1, help="chance of a cub in a tick")
sim.box = wv.Box(int(size), int(size))
SIDE = int(size)


@sim.behavior(reach=1.5)
def walk(me: Sheep | Wolf, world: wv.World):
    """Go to one of the eight squares around."""
    me.position += world.choice(STEPS)
    me.energy -= 1


@sim.meeting(when=lambda sheep, grass: grass.wait == 0)
def graze(sheep: Sheep, grass: Grass, world: wv.World):
    """One of the sheep on a square eats its grass."""
    sheep.energy += GRASS_ENERGY
    grass.wait = regrowth


@sim.meeting(radius=0.5, rounds=3)
def hunt(wolf: Wolf, sheep: Sheep, world: wv.World):
    """A wolf eats a sheep of its square."""
    wolf.energy += SHEEP_ENERGY
    world.remove(sheep)


@sim.behavior
def breed(me: Sheep | Wolf, world: wv.World):
    """Die without energy, or share it with a child."""
    if me.energy < 0:
        world.remove(me)
    elif isinstance(me, Sheep) and world.random() < lambs:
        me.energy /= 2
        world.spawn(Sheep, energy=me.energy)
    elif isinstance(me, Wolf) and world.random() < cubs:
        me.energy /= 2
        world.spawn(Wolf, energy=me.energy)


@sim.behavior
def grow(grass: Grass, world: wv.World):
    """Grass is grown when its time has come."""
    grass.wait = max(grass.wait - 1, 0)


def square(rng):
    """The middle of any square."""
    return wv.Vec2(rng.integer(0, SIDE) + 0.5, rng.integer(0, SIDE) + 0.5)


sim.scatter(Sheep, int(sheep), position=square, energy=lambda rng: rng.integer(0, 2 * GRASS_ENERGY))
sim.scatter(Wolf, int(wolves), position=square, energy=lambda rng: rng.integer(0, 2 * SHEEP_ENERGY))
sim.layer(Grass, wait=lambda cell: cell.integer(0, 2) * cell.integer(1, regrowth + 1))
sim.observe("sheep_alive", Sheep, "count")
sim.observe("wolves_alive", Wolf, "count")
sim.observe("grown", Grass, "count", where=lambda grass: grass.wait == 0)

if __name__ == "__main__":
    sim.run(ticks=500)
