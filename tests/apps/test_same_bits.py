"""Every app gives the same bits whatever the partitions and threads, and on Ray."""

from __future__ import annotations

import pytest

from tests.apps.test_wolf_sheep import LARGE
from weaver.load import bundled_apps, load_app

SMALL = {
    "ants": ({}, 25),
    "bottleneck": ({}, 30),
    "circles": ({"count": 4000}, 5),
    "diffusion": ({}, 10),
    "dla": ({}, 60),
    "epidemic": ({"people": 8000}, 10),
    "flocking": ({}, 2),
    "forest_fire": ({"size": 200}, 30),
    "gas": ({"side": 120}, 15),
    "life": ({}, 20),
    "melt": ({"cells": 8}, 5),
    "pathfinding": ({"walkers": 400}, 20),
    "rumour": ({"people": 4000, "ties": 10, "pace": 0.5}, 20),
    "schelling": ({}, 6),
    "slime": ({"size": 128}, 10),
    "sugarscape": ({}, 10),
    "termites": ({}, 30),
    "traffic": ({"length": 160, "streets": 4, "density": 0.2}, 40),
    "vicsek": ({"side": 10}, 10),
    "wolf_sheep": (LARGE, 25),
    "zombies": ({"scale": 0.002}, 14),
}
"""App -> (parameters of a small world, that of its own tests where it can be, so that it is compiled once; ticks)."""


def test_every_app_is_tried():
    assert [name for name, _ in bundled_apps()] == sorted(SMALL)


def outcome(name: str, **options: int) -> tuple[str, dict[str, int]]:
    parameters, ticks = SMALL[name]
    _, sim = load_app(name, parameters=parameters)
    with sim.start(**options) as run:
        run.step(ticks)
        return run.digest(), run.counts()


@pytest.mark.parametrize("name", sorted(SMALL))
def test_partitions_and_threads_do_not_change_a_bit(name: str):
    alone = outcome(name)
    assert outcome(name, partitions=2) == alone
    assert outcome(name, partitions=5, threads=3) == alone
    assert outcome(name, partitions=9) == alone


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_workers_do_not_change_a_bit(name: str, ray_cluster: str):
    assert outcome(name, workers=2, partitions=5, cluster=ray_cluster) == outcome(name)
