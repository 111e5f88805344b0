"""Heat spreads from a point: a mass of 1 in one cell becomes a Gaussian.

The explicit five-point scheme, of second order in space; with rate * dt / h^2 = 1/6 the first error of time cancels
that of space (Crank, The Mathematics of Diffusion, ch. 8), here it is 1/5. Exact: exp(-r^2 / (4 D t)) / (4 pi D t).
`--set fine=2` has cells half as wide and four ticks for one.

What one sees: a peak that sinks and widens.
"""

import math

import numpy as np

import weaver as wv

RATE, SIDE = 1.0, 32
sim = wv.Simulation(wv.Box(1, 1))
fine = sim.parameter("fine", 1, low=1, high=32, help="cells per unit of length")
CELLS, WIDTH = SIDE * fine + 1, 1 / fine  # an odd number: one cell is in the middle
sim.box = wv.Box(CELLS * WIDTH, CELLS * WIDTH)
sim.dt = 0.2 * WIDTH**2 / RATE


class Heat(wv.Layer, resolution=WIDTH):
    """Heat per area."""

    level: float


sim.diffuse(Heat, "level", RATE)
start = np.zeros((CELLS, CELLS))
start[CELLS // 2, CELLS // 2] = 1 / WIDTH**2
sim.layer(Heat, level=start)
sim.observe("level", Heat, "level", "sum")
sim.observe("peak", Heat, "level", "max")


def exact(time: float) -> np.ndarray:
    """The Gaussian at the centres of the cells, [y, x]."""
    x = (np.arange(CELLS) - CELLS // 2) * WIDTH
    spread = 4 * RATE * time
    return np.exp(-(x**2 + x[:, None] ** 2) / spread) / (math.pi * spread)


if __name__ == "__main__":
    sim.run(ticks=50)
