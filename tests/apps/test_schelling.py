"""People part into districts: mild wishes, strong segregation (Schelling 1971)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from weaver.load import load_app

LARGE = {"size": 100, "people": 8000, "wanted": 8, "sight": 2.9}


def like_neighbours(app, run, size: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """(groups as (y, x) array, -1 where nobody stands; of each person how many of the own group are around)."""
    people = run.entities(app.Person)
    x, y = np.floor(np.array(people["position"].to_pylist())).astype(int).T
    board = np.full((size, size), -1)
    board[y, x] = np.asarray(people["group"])
    assert (board >= 0).sum() == len(people), "one on a site"
    square = np.ones((2 * reach + 1, 2 * reach + 1))
    square[reach, reach] = 0
    like = [ndimage.convolve((board == group).astype(float), square, mode="constant") for group in (0, 1)]
    around = like[0] + like[1]
    own = np.where(board == 0, like[0], like[1])
    return board, np.stack([own, around])[:, board >= 0]


@pytest.mark.parametrize(
    ("parameters", "size", "reach", "wanted", "apart"), [({}, 40, 1, 3, 0.65), (LARGE, 100, 2, 8, 0.58)]
)
def test_all_become_happy_and_live_apart(parameters, size: int, reach: int, wanted: int, apart: float):
    app, sim = load_app("schelling", parameters=parameters)
    with sim.start(partitions=3) as run:
        board, (own, around) = like_neighbours(app, run, size, reach)
        mixed = own.sum() / around.sum()
        run.step(300)
        after, (own, around) = like_neighbours(app, run, size, reach)
        people = run.entities(app.Person)
    assert all(people["happy"].to_pylist())
    assert mixed == pytest.approx(0.5, abs=0.03)
    assert own.sum() / around.sum() > apart, "asking for 3 of 8 or 8 of 24, they come to live among more"
    assert np.mean(own >= wanted) > 0.85, "some neighbours have left since"
    assert [(board == g).sum() for g in (-1, 0, 1)] == [(after == g).sum() for g in (-1, 0, 1)]
    assert run.tick < 300, "it ends by itself"
