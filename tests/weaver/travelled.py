"""A small app with births, deaths, messages, a layer, an observation, and a function between ticks."""

from pathlib import Path

from weaver.load import load_app

APP = '''"""Birds that hit each other."""

import weaver as wv


class Bird(wv.Entity):
    velocity: wv.Vec2
    energy: float = 1.0
    met: int = 0


class Hit(wv.Message):
    damage: float


class Grass(wv.Layer, resolution=10.0):
    height: float = 1.0


sim = wv.Simulation(wv.Box(40, 40), seed=3, strict=True)
push = sim.parameter("push", 0.1, low=0.0, high=1.0)
sim.scatter(Bird, 30, velocity=lambda rng: rng.unit2())
sim.observe("hungry", Bird, "count", where=lambda bird: bird.energy < 0.9)


@sim.behavior
def cohere(bird: Bird, world: wv.World):
    n, centre = 0, wv.Vec2()
    for other in world.near(bird, Bird, radius=5.0):
        centre += other.position - bird.position
        n += 1
    if n:
        bird.velocity += push * centre / n
    for hit in world.inbox(bird, Hit):
        bird.energy -= hit.damage
    if bird.energy < 0.5:
        world.remove(bird)
    if world.random() < 0.02:
        world.spawn(Bird, velocity=bird.velocity)


@sim.behavior
def move(bird: Bird, world: wv.World):
    bird.position += 0.1 * bird.velocity
    world.deposit(Grass, bird.position, height=-0.01)


@sim.behavior
def hit(bird: Bird, world: wv.World):
    other = world.nearest(bird, Bird, radius=5.0)
    if other is not None:
        world.send(other, Hit(damage=0.01 * world.random()))


@sim.between(every=7)
def feed(run):
    if run.tick:
        run.add(Bird, position=[(1.0, 2.0)], velocity=[(0.0, 1.0)])


if __name__ == "__main__":
    sim.run(ticks=20)
'''


def written(folder: Path) -> Path:
    """The app as a file."""
    path = folder / "flock.py"
    path.write_text(APP)
    return path


def loaded(folder: Path):
    """(module, simulation) of the app."""
    return load_app(written(folder))
