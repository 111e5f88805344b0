"""A world to look at and birds that only pretend to live in it."""

import threading
import time

import numpy as np


def world(dim=2, workers=1, **changes):
    meta = {
        "app": "flocking",
        "dim": dim,
        "low": [0, 0, 0],
        "high": [400, 400, 0 if dim == 2 else 200],
        "boundary": ["periodic"] * dim,
        "types": [
            {
                "name": "Bird",
                "fields": [{"name": "velocity", "kind": "vector"}, {"name": "energy", "kind": "scalar"}],
                "heading": True,
                "view": {},
            }
        ],
        "partitions": [{"low": [200 * k, 0, 0], "high": [200 * k + 200, 400, 0], "worker": k} for k in (0, 1)],
        "workers": workers,
        "ticks": None,
    }
    return meta | changes


def birds(places, heading=None, scalar=None):
    """What `Publisher.publish` takes, from (n, 2 or 3) places in metres."""
    columns = tuple(np.array(places, float).T)
    n = len(places)
    ahead = (
        tuple(np.array(heading, float).T)
        if heading is not None
        else tuple(np.eye(len(columns))[0][:, None] * np.ones(n))
    )
    return [(0, columns, np.arange(n), ahead, scalar)]


def until(claim, seconds=20.0):
    """Wait for what another process or thread does; fails when it does not come true."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not claim():
        assert time.monotonic() < end, "waited in vain"
        pause.wait(0.005)
