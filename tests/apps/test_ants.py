"""Ants: no piece of food is lost or doubled, and the nearest heap goes first."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


@pytest.fixture(scope="module")
def colony() -> tuple[np.ndarray, np.ndarray]:
    """Every 50 ticks: pieces of each heap (n, 3), and (on the ground, carried, brought home) (n, 3)."""
    app, sim = load_app("ants")
    y, x = np.mgrid[0:72, 0:72] + 0.5
    heaps, all_of_them = [], []
    with sim.start(partitions=2) as run:
        for _ in range(24):
            food, ants = np.asarray(run.layer(app.Ground, "food")), run.entities(app.Ant)
            heaps.append([food[np.hypot(x - heap.x, y - heap.y) < 6].sum() for heap in app.HEAPS])
            all_of_them.append([food.sum(), np.sum(ants["carries"].to_numpy()), np.sum(ants["trips"].to_numpy())])
            run.step(50)
    return np.array(heaps), np.array(all_of_them)


def test_no_piece_is_lost_or_doubled(colony):
    totals = colony[1].sum(axis=1)
    assert totals[0] > 200 and (totals == totals[0]).all()


def test_they_bring_all_of_it_home(colony):
    assert colony[1][-1, 2] > 0.9 * colony[1][0, 0]


def test_the_nearest_heap_goes_first(colony):
    # NetLogo's account of the model: "the food source closest to the nest is exploited first"
    half_gone = [int(np.argmax(heap < heap[0] / 2)) for heap in colony[0].T]
    assert half_gone == sorted(half_gone) and len(set(half_gone)) == 3
