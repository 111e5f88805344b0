"""A world with something of everything, and what a hub shows of it."""

import numpy as np

from partitions.frames import Block
from tests.viewer.page.stage import points, selected

RNG = np.random.default_rng(7)


def meadow(dim=2, **changes):
    return {
        "app": "meadow",
        "dim": dim,
        "low": [0, 0, 0],
        "high": [400, 300, 0 if dim == 2 else 200],
        "boundary": ["periodic", "reflect", "reflect"][:dim],
        "ticks": 5000,
        "dt": 0.1,
        "seed": 7,
        "workers": 2,
        "live": True,
        "types": [
            {
                "name": "Sheep",
                "fields": [
                    {"name": "velocity", "kind": "vector"},
                    {"name": "energy", "kind": "float"},
                    {"name": "mood", "kind": "enum", "labels": {"0": "calm", "1": "hungry", "2": "afraid"}},
                ],
                "heading": True,
                "radius": 30.0,
                "view": {"size": 6},
            },
            {"name": "Wolf", "fields": [{"name": "hunger", "kind": "float"}], "heading": False, "radius": 60.0, "view": {"color": "#ef6a5a", "size": 9}},
        ],
        "layers": [
            {"name": "Grass", "fields": [{"name": "height", "kind": "float"}, {"name": "water", "kind": "float"}], "shape": [1, 30, 40], "resolution": 10.0, "view": {"color_by": "height"}}
        ],
        "parameters": [
            {"name": "speed", "value": 4.0, "low": 0.0, "high": 10.0, "unit": "m/s", "help": "How fast a sheep walks.", "integer": False, "fixed": False},
            {"name": "rate", "value": 0.01, "low": 0.0001, "high": 10.0, "unit": "1/s", "help": "", "integer": False, "fixed": False},
            {"name": "radius", "value": 30.0, "low": 1.0, "high": 60.0, "unit": "m", "help": "", "integer": False, "fixed": True},
        ],
        "observations": [
            {"name": "sheep", "statistic": "count", "vector": False, "bins": None},
            {"name": "drift", "statistic": "mean", "vector": True, "bins": None},
            {"name": "energies", "statistic": "histogram", "vector": False, "bins": [0, 10, 5]},
        ],
        "partitions": [
            {"low": [200 * k, 150 * j, 0], "high": [200 * k + 200, 150 * j + 150, 0 if dim == 2 else 200], "worker": k, "number": 2 * j + k}
            for j in (0, 1)
            for k in (0, 1)
        ],
        "geometry": [],
        "surfaces": [],
        "models": [],
    } | changes  # fmt: skip


HERD = RNG.normal((150, 150), 45, (600, 2)) % (400, 300)
PACK = RNG.uniform((60, 40), (380, 260), (12, 2))


def scenery(meta, tick, chosen=(), **changes):
    """Blocks of one tick of the meadow; sheep have ids from 0, wolves from 1000."""
    turn = 0.03 * tick
    herd = (HERD - (150, 150)) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + (190, 150)
    herd = herd.clip(1, (399, 299))
    around = np.stack([150 - herd[:, 1], herd[:, 0] - 190], axis=1)
    energy = 5 + 4 * np.sin(np.arange(600) * 0.7 + 0.05 * tick)
    y, x = np.mgrid[0:30, 0:40]
    height = (0.5 + 0.3 * np.sin(x / 5) * np.cos(y / 4 + 0.02 * tick) + 0.2 * np.sin((x + y) / 9))[None]
    blocks = [
        points(meta, herd, heading=around, columns=changes.get("columns", {"energy": energy})),
        points(meta, PACK, ids=1000 + np.arange(12), type=1, columns=changes.get("wolves")),
        Block("layer", {"layer": 0, "field": "height", "low": meta["low"], "high": meta["high"], "range": [0.0, 8.0], "stride": 1}, {"values": height.clip(0, 1).astype("f2")}),
    ]  # fmt: skip
    rows = [
        (0, i, tick, {"position": [*map(float, herd[i])], "velocity": [float(v) for v in around[i] * 0.1], "energy": float(energy[i]), "mood": i % 3})
        for i in chosen if i < 1000
    ]  # fmt: skip
    return [*blocks, selected(*rows)] if rows else blocks
