"""Conway's game of life, with Gosper's gun, which sends out a glider every 30 generations.

Source: Gardner, Scientific American 223 (4), 1970; the gun: Gosper 1970, in Berlekamp, Conway and Guy, Winning Ways,
ch. 25. Beyond the edges all is dead.

What one sees: two shuttles that bounce between blocks, and gliders that leave from between them, one after the other.
"""

import numpy as np

import weaver as wv

GUN = """
........................O...........
......................O.O...........
............OO......OO............OO
...........O...O....OO............OO
OO........O.....O...OO..............
OO........O...O.OO....O.O...........
..........O.....O.......O...........
...........O...O....................
............OO......................
"""


class Cell(wv.Layer, resolution=1.0):
    """A cell, alive or dead."""

    alive: bool


sim = wv.Simulation(wv.Box(1, 1))
size = sim.parameter("size", 200, low=40)
sim.box = wv.Box(int(size), int(size))


@sim.behavior
def evolve(cell: Cell, world: wv.World):
    """Three neighbours bring or keep alive, two keep alive."""
    n = sum(other.alive for other in world.around(cell))
    cell.alive = n == 3 or (n == 2 and cell.alive)


gun = np.array([[mark == "O" for mark in row] for row in GUN.split()])
start = np.zeros((int(size), int(size)), bool)
start[-2 : -2 - len(gun) : -1, 2 : 2 + gun.shape[1]] = gun  # the top row of the picture is the highest
sim.layer(Cell, alive=start)
sim.observe("alive", Cell, "alive", "sum")

if __name__ == "__main__":
    sim.run(ticks=300)
