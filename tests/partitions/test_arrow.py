"""Columns as Arrow arrays: the values that they had, of the type that they had, and no pandas for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from partitions.arrow import array_of, lists_of


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
)
@pytest.mark.parametrize("n", [0, 1, 8, 13])
def test_a_column_becomes_what_pyarrow_makes_of_it(dtype: str, n: int) -> None:
    values = (np.arange(2 * n) * 7 % 5 - (dtype[0] != "u")).astype(dtype)
    for column in (values[:n], values[::2]):  # one of them has gaps
        made = array_of(column)
        made.validate(full=True)
        assert made.equals(pa.array(column))


def test_columns_become_lists() -> None:
    columns = [np.array([1.5, np.nan]), np.array([2.5, 3.5]), np.array([np.inf, -0.0])]
    made = lists_of(columns)
    made.validate(full=True)
    assert str(made.to_pylist()) == "[[1.5, 2.5, inf], [nan, 3.5, -0.0]]"


KEPT = """
import sys, weaver as wv
class Dot(wv.Entity):
    speed: wv.Vec2
sim = wv.Simulation(wv.Box(9, 9, boundary="periodic"))
@sim.behavior
def drift(dot: Dot, world: wv.World):
    dot.position += 0.1 * dot.speed
sim.scatter(Dot, 20)
with sim.start(snapshots=sys.argv[1] + "/kept", record=sys.argv[1] + "/recorded") as run:
    run.step(3)
    print(len(run.entities(Dot)), len(run.digest()), "pandas" in sys.modules)
"""


def test_a_run_that_is_kept_recorded_and_asked_loads_no_pandas(tmp_path) -> None:
    file = tmp_path / "dots.py"
    file.write_text(KEPT, encoding="utf-8")
    command = [sys.executable, str(file), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout.split() == ["20", "32", "False"]
