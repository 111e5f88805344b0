"""Wolves, sheep and grass in Mesa, with the rules and numbers that `apps/wolf_sheep.py` takes over.

    python wolf_sheep_mesa.py SIZE

All animals act one after the other in a random order, as in Mesa's own example.
"""

import sys

import mesa
from mesa.discrete_space import CellAgent, FixedAgent, OrthogonalMooreGrid
from served import serve

SIZE, REGROWTH, GRASS_ENERGY, SHEEP_ENERGY = int(sys.argv[1]), 10, 5, 13


class Animal(CellAgent):
    """Walks, eats, dies or has a child."""

    def __init__(self, model, energy, chance, cell):
        super().__init__(model)
        self.energy, self.chance, self.cell = energy, chance, cell

    def step(self):
        """One tick."""
        self.cell = self.cell.neighborhood.select_random_cell()
        self.energy -= 1
        self.feed()
        if self.energy < 0:
            self.remove()
        elif self.random.random() < self.chance:
            self.energy /= 2
            type(self)(self.model, self.energy, self.chance, self.cell)


class Sheep(Animal):
    """Eats grass."""

    def feed(self):
        """The grass of my square, if it is grown."""
        grass = next(a for a in self.cell.agents if isinstance(a, Grass))
        if grass.wait == 0:
            self.energy += GRASS_ENERGY
            grass.wait = REGROWTH


class Wolf(Animal):
    """Eats sheep."""

    def feed(self):
        """One sheep of my square."""
        sheep = [a for a in self.cell.agents if isinstance(a, Sheep)]
        if sheep:
            self.energy += SHEEP_ENERGY
            self.random.choice(sheep).remove()


class Grass(FixedAgent):
    """A square of the lawn."""

    def __init__(self, model, wait, cell):
        super().__init__(model)
        self.wait, self.cell = wait, cell

    def step(self):
        """Grow."""
        self.wait = max(self.wait - 1, 0)


model = mesa.Model(seed=1)
grid = OrthogonalMooreGrid((SIZE, SIZE), torus=True, capacity=None, random=model.random)
cells = list(grid.all_cells)
for kind, count, chance, gain in ((Sheep, SIZE**2 // 10, 0.4, GRASS_ENERGY), (Wolf, SIZE**2 // 20, 0.2, SHEEP_ENERGY)):
    for _ in range(count):
        kind(model, model.random.randrange(2 * gain), chance, model.random.choice(cells))
for cell in cells:
    Grass(model, model.random.choice((0, model.random.randrange(1, REGROWTH + 1))), cell)
done = 0


def tick():
    """One tick; how many animals acted."""
    animals = 0
    for kind in (Sheep, Wolf):
        agents = model.agents_by_type[kind]
        animals += len(agents)
        agents.shuffle_do("step")
    model.agents_by_type[Grass].do("step")
    return animals


serve(tick)
