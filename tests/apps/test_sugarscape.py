"""Sugarscape: the land carries about 224 foragers (Epstein and Axtell 1996)."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


def alive(seed: int, foragers: int) -> tuple[int, object]:
    app, sim = load_app("sugarscape", seed, {"foragers": foragers})
    with sim.start(partitions=2) as run:
        run.step(300)
        places = np.array(run.entities(app.Forager, fields=["position"])["position"].to_pylist())
        sugar, most = (np.asarray(run.layer(app.Land, field)) for field in ("sugar", "most"))
    assert len(np.unique(places, axis=0)) == len(places), "one on a site"
    assert (sugar <= most).all() and (sugar >= 0).all()
    return len(places), run


def test_the_land_carries_the_published_number():
    assert np.mean([alive(seed, 400)[0] for seed in (1, 2, 3)]) == pytest.approx(224, rel=0.08)


def test_more_foragers_do_not_live_on_more_land():
    assert alive(1, 800)[0] == pytest.approx(alive(1, 400)[0], rel=0.2)
