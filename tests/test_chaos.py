"""Nothing is lost: runs with live commands whose workers, raylets and drivers are killed end like those of nobody's harm."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("ray")

from benchmarks import chaos

KILLS = 10


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("app", ["flocking", "wolf_sheep", "slime"])
def test_ten_kills_change_nothing(app: str) -> None:
    trial = chaos.Trial(app, workers=2, ticks=1500, rng=random.Random(11))
    result = trial.run(KILLS)
    assert result["same"], result
    assert result["left"] == {}
    assert sum(trial.kills.values()) >= 1
    assert int(str(result["commands"])) > 0
