"""Zombies: nobody is lost, the bitten turn after ten ticks, and no zombie bites in an empty square."""

from __future__ import annotations

import numpy as np
import pytest

from weaver.load import load_app


@pytest.fixture(scope="module")
def plague():
    """(app, humans and zombies after each tick, who was infected when)."""
    app, sim = load_app("zombies", parameters={"scale": 0.002})
    counts, left = [], []
    with sim.start(partitions=3) as run:
        for _ in range(40):
            counts.append((run.counts()["Human"], run.counts()["Zombie"]))
            humans = run.entities(app.Human, fields=["left"])
            left.append(dict(zip(humans["id"].to_pylist(), humans["left"].to_pylist(), strict=True)))
            run.step(1)
    return app, np.array(counts), left


def test_everyone_is_a_human_or_a_zombie(plague):
    assert (plague[1].sum(axis=1) == plague[1].sum(axis=1)[0]).all()


def test_the_first_turn_ten_ticks_after_they_were_bitten(plague):
    zombies = plague[1][:, 1]
    assert (zombies[:11] == zombies[0]).all(), "bitten in tick 0, zombies after tick 10"
    bitten = sum(left == 10 for left in plague[2][1].values())
    assert 0 < bitten <= zombies[0]
    assert zombies[11] == zombies[0] + bitten


def test_a_bite_leads_to_a_zombie_in_step_and_nothing_else_does(plague):
    for before, after in zip(plague[2], plague[2][1:], strict=False):
        for human, left in before.items():
            if left == 1:
                assert human not in after
            elif left > 1:
                assert after[human] == left - 1
            else:
                assert after[human] in (0, 10)


def test_the_plague_grows(plague):
    assert (np.diff(plague[1][:, 1]) >= 0).all()
    assert plague[1][-1, 1] > 3 * plague[1][0, 1]
