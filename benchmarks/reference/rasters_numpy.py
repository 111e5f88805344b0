"""Life, forest fire and diffusion as a user of numpy writes them: slices of an array with a rim.

python rasters_numpy.py life SIDE START | forest_fire SIDE START | diffusion SIDE RATE START
"""

import sys

import numpy as np
from served import serve

model, side, start = sys.argv[1], int(sys.argv[2]), sys.argv[-1]
kind = np.float32 if model == "diffusion" else np.uint8
old = np.zeros((side + 2, side + 2), kind)
old[1:-1, 1:-1] = np.fromfile(start, np.float64).reshape(side, side)
low, high = slice(None, -2), slice(2, None)
inner = slice(1, -1)


def life():
    """Three neighbours bring or keep alive, two keep alive."""
    here = old[inner, inner]
    n = sum(old[y, x] for y in (low, inner, high) for x in (low, inner, high) if (y, x) != (inner, inner))
    here[:] = (n == 3) | ((n == 2) & here)


def forest_fire():
    """Catch fire from a tree beside, and burn for a tick."""
    here, burning = old[inner, inner], old == 2
    beside = burning[low, inner] | burning[high, inner] | burning[inner, low] | burning[inner, high]
    here += (here == 2) | ((here == 1) & beside)


def diffusion():
    """Five points; the rim mirrors the edge."""
    old[0], old[-1] = old[1], old[-2]
    old[:, 0], old[:, -1] = old[:, 1], old[:, -2]
    here = old[inner, inner]
    around = old[low, inner] + old[high, inner] + old[inner, low] + old[inner, high]
    here += np.float32(float(sys.argv[3])) * (around - 4 * here)


serve({"life": life, "forest_fire": forest_fire, "diffusion": diffusion}[model])
