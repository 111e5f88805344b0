"""Forged logs: entries with right checksums that no run of the app can have written are refused, not given to kernels."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weaver as wv
from partitions.command import Command, Letter, Rows
from partitions.folder import Disk
from partitions.log import Entry, Input, Parameters, Promise, encode, read_log
from tests.weaver.pond import Call, Duck, pond

ONE = np.array([900_000])
DUCK = {
    "position.x": np.array([1.0]), "position.y": np.array([2.0]), "energy": np.array([1.5]), "heard": np.array([0]),
    "band": np.array([3], np.uint8),
}  # fmt: skip
FOOD = {"food": np.array([0.5])}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder as a kill at tick 3 leaves it: a snapshot of tick 0, and a command at each tick."""
    base = tmp_path_factory.mktemp("kept")
    with pond().start(snapshots=base / "run") as run:
        for _ in range(3):
            run.send(3, Call(0.25))
            run.step(1)
        shutil.copytree(base / "run", base / "copy")
    return base / "copy"


def forged(kept: Path, folder: Path, inputs: Sequence[Input], tick: int = 1, **driver: Any) -> Path:
    """The folder with a log of one entry, made by somebody who knows all checksums."""
    shutil.copytree(kept, folder)
    first = next(read_log(Disk(kept / "log")))
    for file in (folder / "log").iterdir():
        file.unlink()
    content = encode(Entry(0, tick, tuple(inputs), {**first.driver, **driver}))
    (folder / "log" / f"{0:016d}.wlog").write_bytes(content)
    return folder


def duck(**changes: Any) -> dict[str, np.ndarray]:
    return {**DUCK, **changes}


def command(**parts: Any) -> list[Input]:
    return [Command(**parts)]


GOOD: list[tuple[str, list[Input]]] = [
    ("insert", command(inserts=[Rows(0, ONE, DUCK)])),
    ("write", command(writes=[Rows(0, np.array([3]), {"energy": np.array([2.0])})])),
    ("remove", command(removals=np.array([3]))),
    ("letter", command(letters=[Letter(0, np.array([3]), FOOD, 1, 9)])),
    ("set", [Parameters(np.array([0.3]), np.array([], np.int64))]),
    ("promise", [Promise(0, 2, "add", "Duck", ONE, DUCK)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs"), GOOD)
def test_what_is_forged_here_is_good_but_for_its_faults(kept: Path, tmp_path: Path, name: str, inputs: Any) -> None:
    with pond().restore(forged(kept, tmp_path / "run", inputs, pending=[0])) as run:
        assert run.tick == 1
        run.step(2)
        living = run.entities(Duck)["id"].to_pylist()
        assert (900_000 in living) == (name in ("insert", "promise"))
        assert (3 in living) == (name != "remove")


BAD: list[tuple[str, list[Input]]] = [
    ("of the type number 1, ", command(inserts=[Rows(1, ONE, DUCK)])),
    ("of the type number -1, ", command(writes=[Rows(-1, ONE, DUCK)])),
    ("Duck lacks the column position.y", command(inserts=[Rows(0, ONE, {"position.x": DUCK["position.x"]})])),
    ("Duck.evil has 1 values", command(inserts=[Rows(0, ONE, duck(evil=np.array([1.0])))])),
    ("Duck.energy has 1 values of float32", command(inserts=[Rows(0, ONE, duck(energy=np.array([1.0], np.float32)))])),
    ("Duck.energy has 2 values", command(inserts=[Rows(0, ONE, duck(energy=np.array([1.0, 2.0])))])),
    ("Duck is at position.x = nan", command(inserts=[Rows(0, ONE, duck(**{"position.x": np.array([np.nan])}))])),
    ("the box goes from 0 to 12", command(writes=[Rows(0, np.array([3]), {"position.x": np.array([1e9])})])),
    ("in steps of", command(writes=[Rows(0, np.array([3]), {"position.x": np.array([1e-300])})])),
    ("its ids are not distinct", command(inserts=[Rows(0, np.array([-1]), DUCK)])),
    ("its ids are not distinct", command(removals=np.array([3, 3]))),
    ("its ids are not distinct", command(removals=np.array([3.0]))),  # type: ignore[arg-type]
    ("of the message number 1, ", command(letters=[Letter(1, ONE, FOOD, 1, 0)])),
    ("Call has the columns []", command(letters=[Letter(0, ONE, {}, 1, 0)])),
    ("letter 0 of tick -1", command(letters=[Letter(0, ONE, FOOD, -1, 0)])),
    ("letter 2147483648 of", command(letters=[Letter(0, ONE, FOOD, 1, 1 << 31)])),
    ("it sets 9 parameters", [Parameters(np.zeros(9), np.array([], np.int64))]),
    ("of int64, of", [Parameters(np.zeros(1, np.int64), np.array([], np.int64))]),  # type: ignore[arg-type]
    ("promise 0 is for tick 0", [Promise(0, 0, "remove", "", ONE, {})]),
    ("of the type 'Goose'", [Promise(0, 2, "add", "Goose", ONE, DUCK)]),
    ("Duck lacks the column", [Promise(0, 2, "add", "Duck", ONE, {})]),
    ("of the message 'Honk'", [Promise(0, 2, "send", "Honk", ONE, {})]),
    ("it promises to 'delete'", [Promise(0, 2, "delete", "", ONE, {})]),
    ("it sets a parameter to something else", [Promise(0, 2, "set", "", ONE[:0], {"loss": np.array([True])})]),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "inputs"), BAD)
def test_forged_entries_are_refused(kept: Path, tmp_path: Path, reason: str, inputs: Any) -> None:
    folder = forged(kept, tmp_path / "run", inputs)
    with pytest.raises(wv.RunError) as caught:
        pond().restore(folder)
    assert f"{folder}/log/entry 0 cannot be used: " in str(caught.value) and reason in str(caught.value)


def test_an_entry_before_the_snapshot_is_refused(kept: Path, tmp_path: Path) -> None:
    with pond().start() as run:
        run.step(4)
        run.snapshot(tmp_path / "later")
    folder = forged(kept, tmp_path / "run", [])
    for point in folder.glob("point-*"):
        shutil.rmtree(point)
    shutil.copytree(tmp_path / "later", folder / "point-0000000000004-0")
    with pytest.raises(wv.RunError, match="entry 0 cannot be used: it acts at tick 1; the run is at 4"):
        pond().restore(folder)


def test_what_the_driver_knew_is_checked_too(kept: Path, tmp_path: Path) -> None:
    for k, driver in enumerate(({"next": -5}, {"values": {"loss": "much"}}, {"pending": [None]})):
        folder = forged(kept, tmp_path / str(k), [], **driver)
        with pytest.raises(wv.RunError, match=r"log/(0{16}\.wlog|entry 0) cannot be used: "):
            pond().restore(folder)


def test_a_promise_of_a_parameter_that_there_is_not_is_left_out(
    kept: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As when the app has lost it since."""
    promise = Promise(0, 2, "set", "", ONE[:0], {"gain": np.array([1.0])})
    with pond().restore(forged(kept, tmp_path / "run", [promise], pending=[0])) as run:
        run.step(2)
        assert "at tick 2: gain was to be set; the simulation has loss" in caplog.text
        assert run.parameters == {"loss": 0.2}
