"""A world to look at and birds that only pretend to live in it."""

import threading
import time

import numpy as np

from partitions.still import Still

HIGH = (400.0, 400.0, 200.0)


def world(dim=2, workers=1, grass=False, **changes):
    """The world's description as a run gives it; `grass`: with a layer."""
    meta = {
        "app": "flocking",
        "dim": dim,
        "low": [0.0, 0.0, 0.0],
        "high": [400.0, 400.0, 0.0 if dim == 2 else 200.0],
        "boundary": ["periodic"] * dim,
        "ticks": None,
        "dt": 1.0,
        "seed": 7,
        "workers": workers,
        "live": True,
        "types": [
            {
                "name": "Bird",
                "fields": [
                    {"name": "velocity", "kind": "vector"},
                    {"name": "energy", "kind": "float"},
                    {"name": "mood", "kind": "enum", "labels": {"0": "calm", "1": "afraid"}},
                ],
                "heading": True,
                "radius": 5.0,
                "view": {},
            }
        ],
        "layers": [],
        "parameters": [],
        "observations": [],
        "partitions": [
            {"low": [200.0 * k, 0.0, 0.0], "high": [200.0 * k + 200.0, 400.0, 0.0], "worker": k % workers, "number": k}
            for k in (0, 1)
        ],
        "geometry": [],
        "surfaces": [],
        "models": [],
    }
    if grass:
        fields = [{"name": "height", "kind": "float"}, {"name": "kind", "kind": "enum", "labels": {"0": "a", "1": "b"}}]
        meta["layers"] = [
            {"name": "Grass", "fields": fields, "shape": [1, 4, 4], "resolution": 100.0, "view": {"color_by": "height"}}
        ]
    return meta | changes


def birds(places, heading=None, energy=None, mood=None, ids=None, grass=None, load=None):
    """What `Publisher.publish` takes, from (n, 2 or 3) places in metres; `grass`: (4, 4) heights, row 0 at low y."""
    places = np.array(places, float).reshape(len(places), -1 if len(places) else 2)
    n, dim = places.shape
    ahead = np.array(heading, float) if heading is not None else np.tile(np.eye(dim)[0], (n, 1))
    columns = {f"position.{axis}": places[:, k] for k, axis in enumerate("xyz"[:dim])}
    columns |= {f"velocity.{axis}": ahead[:, k] for k, axis in enumerate("xyz"[:dim])}
    columns["energy"] = np.zeros(n) if energy is None else np.array(energy, float)
    columns["mood"] = np.zeros(n, np.uint8) if mood is None else np.array(mood, np.uint8)
    numbers = np.arange(n) if ids is None else np.array(ids)
    high = (HIGH[0], HIGH[1], HIGH[2] if dim == 3 else 0.0)
    layers = []
    if grass is not None:
        heights = np.array(grass, float).reshape(1, 4, 4)
        layers = [(100.0, {"height": heights, "kind": (heights > 0).astype(np.uint8)})]
    source = Still(dim, (0.0, 0.0, 0.0), high, [(numbers.astype(np.int64), columns)], layers)
    if load is not None:
        source.load = lambda: load
    return source


class InVain(AssertionError):
    """What was waited for did not come true."""


def until(claim, seconds=20.0):
    """Wait for what another process or thread does; fails when it does not come true."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while True:
        began = time.monotonic()
        if claim():
            return
        asked = time.monotonic()
        if asked >= end:
            raise InVain("waited in vain")
        pause.wait(max(0.005, asked - began))  # a dear question leaves those it asks about half of the time


class Standing:
    """A run that stands still: it shows its tick again whenever somebody wants to see something else.

    Attributes:
        told: other commands that have come.
    """

    def __init__(self, hub, publisher):
        self.told = []
        self._hub, self._publisher = hub, publisher
        self._tick, self._source = 0, None

    def show(self, tick, source):
        """Stand at that tick from now on. Before anybody is known to watch, `serve` shows it."""
        self._tick, self._source = tick, source
        self._publisher.publish(tick, source, force=True)

    def serve(self):
        """Do what has been asked for."""
        for command in self._hub.commands():
            if command == {"op": "refresh"}:
                self._publisher.publish(self._tick, self._source, force=True)
            else:
                self.told.append(command)


def watched(hub):
    """All workers know what is wanted, and the run was asked to show it."""
    until(lambda: {"op": "refresh"} in hub.commands())


def next_frame(client, tick, seconds=20.0):
    """The frame of `tick`; older ones may come before."""
    while (frame := client.frame(seconds)).tick != tick:
        client.drawn()
    client.drawn()
    return frame
