"""The flocking app as a user of numpy writes it: neighbours by scipy's cKDTree, sums by np.bincount.

python flocking_numpy.py N SIDE RADIUS START
"""

import sys

import numpy as np
from scipy.spatial import cKDTree
from served import serve

n, side, radius = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
columns = np.fromfile(sys.argv[4], np.float64).reshape(4, n)
position, velocity = columns[:2].T.copy(), columns[2:].T.copy()


def total(rows, values):
    """(n, 2) sums of the values of each row."""
    return np.column_stack([np.bincount(rows, values[:, k], n) for k in (0, 1)])


def tick():
    """Everyone looks at once, then moves."""
    global position, velocity
    pairs = cKDTree(position, boxsize=side).query_pairs(radius, output_type="ndarray")
    me, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    offset = position[other] - position[me]
    offset -= side * np.rint(offset / side)
    close = np.square(offset).sum(axis=1) < 1.0
    count = np.bincount(me, minlength=n)
    pull = 0.03 * total(me, offset) - 0.015 * total(me[close], offset[close]) + 0.05 * total(me, velocity[other])
    velocity = velocity + pull / np.maximum(count, 1)[:, None]
    length = np.linalg.norm(velocity, axis=1, keepdims=True)
    velocity = np.divide(velocity, length, out=np.zeros_like(velocity), where=length > 0)
    position = (position + velocity) % side
    return len(me)


serve(tick)
