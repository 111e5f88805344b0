"""Sugarscape: the land carries about 224 foragers (Epstein and Axtell 1996)."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


@pytest.fixture(scope="module")
def survivors() -> list[tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]]:
    """For each of three seeds: the foragers after 300 ticks, the sugar and the most of each site."""
    found = []
    for seed in (1, 2, 3):
        app, sim = load_app("sugarscape", seed)
        with sim.start(partitions=2) as run:
            run.step(300)
            table = run.entities(app.Forager)
            fields = {name: np.array(table[name].to_pylist()) for name in ("position", "sight", "burn")}
            found.append((fields, *(np.asarray(run.layer(app.Land, field)) for field in ("sugar", "most"))))
    return found


@pytest.mark.slow
def test_the_land_carries_the_published_number(survivors):
    assert np.mean([len(fields["burn"]) for fields, _, _ in survivors]) == pytest.approx(224, rel=0.08)


def test_those_survive_who_see_far_and_burn_little(survivors):
    # the book's first account of selection without sex; both are uniform at the start, means 3.5 and 2.5
    assert np.mean(np.concatenate([fields["sight"] for fields, _, _ in survivors])) > 3.7
    assert np.mean(np.concatenate([fields["burn"] for fields, _, _ in survivors])) < 2.0


def test_one_stands_on_a_site_and_no_site_holds_more_than_grows_there(survivors):
    for fields, sugar, most in survivors:
        assert len(np.unique(fields["position"], axis=0)) == len(fields["position"])
        assert (sugar <= most).all() and (sugar >= 0).all()
