"""Schelling's districts in Mesa.

    python schelling_mesa.py SIZE WANTED SIGHT

All people act one after the other in a random order, as in Mesa's own example.
"""

import sys

import mesa
from mesa.discrete_space import CellAgent, OrthogonalMooreGrid
from served import serve

SIZE, WANTED, SIGHT = map(int, sys.argv[1:])


class Person(CellAgent):
    """Someone of group 0 or 1."""

    def __init__(self, model, group, cell):
        super().__init__(model)
        self.group, self.cell, self.happy = group, cell, False

    def step(self):
        """Be content with the place, or go to a free one anywhere."""
        if not self.happy:
            around = self.cell.get_neighborhood(radius=SIGHT).agents
            self.happy = sum(other.group == self.group for other in around) >= WANTED
            if not self.happy:
                self.cell = grid.select_random_empty_cell()


model = mesa.Model(seed=1)
grid = OrthogonalMooreGrid((SIZE, SIZE), torus=False, capacity=1, random=model.random)
for k, cell in enumerate(model.random.sample(list(grid.all_cells), SIZE**2 * 4 // 5)):
    Person(model, k % 2, cell)


def tick():
    """One tick; how many people there are."""
    model.agents.shuffle_do("step")
    return len(model.agents)


serve(tick)
