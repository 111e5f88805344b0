"""Changed apps: a snapshot of an earlier version is gone on from where that has a meaning, and refused where not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weaver as wv
from partitions.folder import Disk
from partitions.manifest import read_manifest
from partitions.resume import Resumption
from tests.weaver.generated import load
from weaver.changed import resumption
from weaver.compiler import write
from weaver.stored import Stored

APP = """
import weaver as wv

class Newt(wv.Entity):
    energy: float = 1.0
    {fields}

class Soil(wv.Layer, resolution={resolution}):
    wet: float = 0.5
    {wets}
{types}
sim = wv.Simulation(wv.Box({box}, boundary="{boundary}"), seed={seed}, dt={dt}, name="{name}")
rate = sim.parameter("rate", 0.1, low=0, high=1)
{parameters}

@sim.behavior(reach={reach})
def creep(me: Newt, world: wv.World):
    me.energy += rate * world.at(Soil, me.position).wet
    if me.energy > 1.5:
        me.energy -= 1.0
        world.spawn(Newt, energy=0.5)
    me.position += wv.Vec2(world.uniform(-{step}, {step}), world.uniform(-0.5, 0.5))
{behaviors}
sim.scatter(Newt, {number}, energy=lambda rng: rng.uniform(0.5, 1.5))
"""
PLAIN: dict[str, Any] = dict(
    fields="", wets="", types="", resolution=2, box="12, 8", boundary="reflect", seed=3, dt=1.0, name="newts", parameters="",
    reach=2.0, step=0.5, behaviors="", number=30,
)  # fmt: skip
GROWN: dict[str, Any] = dict(
    fields="age: wv.int16 = 7\n    way: wv.Vec2 = wv.Vec2(1.0, -2.0)\n    few: wv.Array[float, 2]",
    wets="salt: float = 0.25", types="\nclass Frog(wv.Entity):\n    leap: float = 2.0\n",
    behaviors="sim.scatter(Frog, 5)",
)  # fmt: skip
NUMBER = itertools.count()
AT, END = 5, 12

App = Callable[..., Any]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    folder = tmp_path_factory.mktemp("apps")
    return lambda **changes: load(APP.format(**{**PLAIN, **changes}), folder, f"newts_{next(NUMBER)}")


class Kept:
    """A snapshot, who was in it, and what came of them in the app as it was."""

    def __init__(self, app: App, folder: Path) -> None:
        module = app()
        self.place = folder / "one"
        with module.sim.start(partitions=2) as run:
            run.step(AT)
            run.set(rate=0.4)
            run.snapshot(self.place)
            self.newts, self.born = run.entities(module.Newt), run.stats()["births"]["Newt"]
            run.step(END - AT)
            self.end = run.digest()

    def resumed(self, module: Any, allow_changed: bool = False) -> Resumption:
        """What another version of the app goes on from; nothing is compiled."""
        folder = Disk(self.place)
        stored = Stored(folder.address, folder, read_manifest(folder))
        return resumption(module.sim, write(module.sim).program, stored, allow_changed)


@pytest.fixture(scope="module")
def kept(app: App, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(app, tmp_path_factory.mktemp("kept"))


def test_the_same_app_from_another_file_is_the_same(app: App, kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    with app().sim.restore(kept.place) as run:
        run.step(END - AT)
        assert run.digest() == kept.end
    assert not caplog.records


def test_what_is_new_has_its_defaults_and_what_is_gone_is_dropped(
    app: App, kept: Kept, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    module = app(**GROWN)
    with module.sim.restore(kept.place, partitions=3) as run:
        table = run.entities(module.Newt)
        assert table.select(kept.newts.column_names).equals(kept.newts)
        assert set(table["age"].to_pylist()) == {7}
        assert set(map(tuple, table["way"].to_pylist())) == {(1.0, -2.0)}
        assert set(map(tuple, table["few"].to_pylist())) == {(0.0, 0.0)}
        assert (run.layer(module.Soil, "salt") == 0.25).all() and (run.layer(module.Soil, "wet") == 0.5).all()
        assert [record.getMessage() for record in caplog.records] == [
            "newts: there was no entity Frog; it begins with nothing"
        ]
        assert run.counts() == {"Newt": kept.newts.num_rows, "Frog": 0}
        run.add(module.Frog, position=[(1.0, 1.0)])
        run.snapshot(tmp_path / "grown")

    back = app()
    with back.sim.restore(tmp_path / "grown") as run:
        assert run.entities(back.Newt).equals(kept.newts)
        run.step(END - AT)
        assert run.digest() == kept.end
    for said in (
        *(f"field {name} is gone; its values are dropped" for name in ("Newt.age", "Newt.way", "Newt.few", "Soil.salt")),
        "entity Frog is gone; what there was of it is dropped",
    ):  # fmt: skip
        assert said in caplog.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(step=0.4), "behavior 'creep' has changed"),
        (dict(reach=2.5), "behavior 'creep' has changed"),
        (dict(behaviors="\n@sim.behavior\ndef rest(me: Newt, world: wv.World):\n    me.energy -= 0.01\n"), "behavior 'rest' is new"),
        (dict(number=31), "number of initial entities has changed"),
    ],
)  # fmt: skip
def test_changed_behaviors_need_a_word(
    app: App, kept: Kept, caplog: pytest.LogCaptureFixture, changes: Any, said: str
) -> None:
    module = app(**changes)
    with pytest.raises(wv.RunError, match=rf"is of another version of newts: .*{said}(.|\n)*--allow-changed"):
        kept.resumed(module)
    assert kept.resumed(module, allow_changed=True).manifest.tick == AT
    assert said in caplog.text


def test_a_changed_app_goes_on_as_a_version_of_its_own(app: App, kept: Kept, tmp_path: Path) -> None:
    """A larger reach makes other blocks, and ids of births hold a block's number: none may come twice."""
    module, digests = app(reach=4.0, step=2.0), set()
    for partitions in (1, 2):
        with module.sim.restore(kept.place, allow_changed=True, partitions=partitions) as run:
            assert run.entities(module.Newt).equals(kept.newts)
            run.step(END - AT)
            assert run.stats()["births"]["Newt"] > kept.born + 10 > 15
            ids = run.entities(module.Newt)["id"].to_numpy()
            assert len(np.unique(ids)) == len(ids)
            digests.add(run.digest())
            place = run.snapshot(tmp_path / f"by-{partitions}")
    assert len(digests) == 1 and kept.end not in digests
    with module.sim.restore(place) as run:
        assert (run.tick, run.digest()) == (END, digests.pop())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(seed=4), "its seed is 3, the app's 4"),
        (dict(dt=0.5), r"its dt is 1\.0, the app's 0\.5"),
        (dict(box="12, 9"), r"its lengths of the box is \[12\.0, 8\.0\], the app's \[12\.0, 9\.0\]"),
        (dict(box="12, 8, origin=(1, 0)"), "its origin of the box"),
        (dict(boundary="periodic"), "its boundaries"),
        (dict(name="frogs"), "its app is 'newts', the app's 'frogs'"),
        (dict(resolution=1), r"holds layer Soil with \[6, 4\] cells; the app has \[12, 8\]"),
    ],
)  # fmt: skip
def test_another_world_is_refused_whatever_is_allowed(app: App, kept: Kept, changes: Any, said: str) -> None:
    for allowed in (False, True):
        with pytest.raises(wv.RunError, match=said):
            kept.resumed(app(**changes), allow_changed=allowed)


def test_a_field_of_another_type_is_refused(app: App, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "APP", APP.replace("energy: float = 1.0", "energy: wv.float32 = 1.0"))
    with pytest.raises(wv.RunError, match=r"Newt\.energy was stored as <f8; the app declares <f4"):
        kept.resumed(app(), allow_changed=True)


def test_parameters_go_by_name(app: App, kept: Kept) -> None:
    added = 'more = sim.parameter("more", 3.0)\nother = sim.parameter("other", 2)'
    resumed = kept.resumed(app(parameters=added), allow_changed=True)
    assert resumed.reals is not None and resumed.integers is not None
    assert (resumed.reals.tolist(), resumed.integers.tolist()) == ([0.4, 3.0], [2])
