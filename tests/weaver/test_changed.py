"""Changed apps: a snapshot of an earlier version is gone on from where that has a meaning, and refused where not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weaver as wv
from tests.weaver.generated import load

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
    me.position += wv.Vec2({step}, world.uniform(-0.5, 0.5))
{behaviors}
sim.scatter(Newt, 30, energy=lambda rng: rng.uniform(0.5, 1.5))
{sources}
"""
PLAIN: dict[str, Any] = dict(
    fields="", wets="", types="", resolution=2, box="12, 8", boundary="reflect", seed=3, dt=1.0, name="newts", parameters="",
    reach=1.5, step="world.uniform(-0.5, 0.5)", behaviors="", sources="",
)  # fmt: skip
NUMBER = itertools.count()
END = 9


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    folder = tmp_path_factory.mktemp("apps")
    return lambda **changes: load(APP.format(**{**PLAIN, **changes}), folder, f"newts_{next(NUMBER)}")


@pytest.fixture(scope="module")
def kept(app: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, str]:
    """A snapshot of tick 5, the newts in it, and the digest of the unchanged app at the end."""
    place = tmp_path_factory.mktemp("kept") / "one"
    module = app()
    with module.sim.start(partitions=2) as run:
        run.step(5)
        run.snapshot(place)
        newts = run.entities(module.Newt)
        run.step(END - 5)
        return place, newts, run.digest()


def test_the_same_app_from_another_file_is_the_same(app: Any, kept: Any) -> None:
    place, _, end = kept
    with app().sim.restore(place) as run:
        run.step(END - 5)
        assert run.digest() == end


def test_a_field_that_is_new_has_its_default(app: Any, kept: Any, caplog: pytest.LogCaptureFixture) -> None:
    place, newts, _ = kept
    module = app(
        fields="age: wv.int16 = 7\n    way: wv.Vec2 = wv.Vec2(1.0, -2.0)\n    few: wv.Array[float, 2]",
        wets="salt: float = 0.25",
    )
    with module.sim.restore(place, partitions=3) as run:
        table = run.entities(module.Newt)
        assert table.select(newts.column_names).equals(newts)
        assert set(table["age"].to_pylist()) == {7} and set(map(tuple, table["way"].to_pylist())) == {(1.0, -2.0)}
        assert set(map(tuple, table["few"].to_pylist())) == {(0.0, 0.0)}
        assert (run.layer(module.Soil, "salt") == 0.25).all() and (run.layer(module.Soil, "wet") == 0.5).all()
        again = place.with_name("with-age")
        run.snapshot(again) if not again.exists() else None
        run.step(2)
    assert not caplog.records

    module = app()  # and back: a field that is gone is dropped, with a warning
    with module.sim.restore(again) as run:
        assert run.entities(module.Newt).equals(newts)
        for name in ("Newt.age", "Newt.way", "Newt.few", "Soil.salt"):
            assert f"field {name} is gone; its values are dropped" in caplog.text


def test_a_type_that_is_new_begins_with_nobody_and_one_that_is_gone_is_dropped(
    app: Any, kept: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    place, newts, _ = kept
    module = app(types="\nclass Frog(wv.Entity):\n    leap: float = 2.0\n", sources="sim.scatter(Frog, 5)")
    with module.sim.restore(place) as run:
        assert run.counts() == {"Newt": newts.num_rows, "Frog": 0}
        assert "there was no entity Frog; it begins with nothing" in caplog.text
        run.add(module.Frog, position=[(1.0, 1.0)])
        run.snapshot(tmp_path / "frogs")
    with app().sim.restore(tmp_path / "frogs") as run:
        assert run.counts() == {"Newt": newts.num_rows}
        assert "entity Frog is gone; what there was of it is dropped" in caplog.text


CHANGED = [
    (dict(step="world.uniform(-0.4, 0.4)"), "behavior 'creep' has changed"),
    (
        dict(behaviors="\n@sim.behavior\ndef rest(me: Newt, world: wv.World):\n    me.energy -= 0.01\n"),
        "behavior 'rest' is new",
    ),
    (dict(reach=2.5), "behavior 'creep' has changed"),
    (dict(sources="sim.scatter(Newt, 3)"), "number of initial entities has changed"),
]


@pytest.mark.parametrize(("changes", "said"), CHANGED)
def test_changed_behaviors_need_a_word(
    app: Any, kept: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path, changes: Any, said: str
) -> None:
    place, newts, end = kept
    module = app(**changes)
    with pytest.raises(wv.RunError, match=f"is of another version of newts: .*{said}(.|\n)*--allow-changed"):
        module.sim.restore(place)
    with module.sim.restore(place, allow_changed=True, partitions=2) as run:
        assert said in caplog.text
        assert run.entities(module.Newt).equals(newts)
        run.step(END - 5)
        ids = run.entities(module.Newt)["id"].to_pylist()
        assert len(set(ids)) == len(ids)
        assert "sources" in changes or run.digest() != end
        run.snapshot(tmp_path / "new")
    with module.sim.restore(tmp_path / "new") as run:  # from now on it is its own version
        assert run.tick == END


@pytest.mark.parametrize("radii", [(1.5, 6.0), (6.0, 1.5)])
def test_births_have_new_ids_when_a_change_has_made_other_blocks(
    app: Any, tmp_path: Path, radii: tuple[float, float]
) -> None:
    """An id holds the number of a block; the same number must not be counted from 0 again."""
    before, after = app(reach=radii[0]), app(reach=radii[1])
    with before.sim.start() as run:
        run.step(9)
        run.snapshot(tmp_path / "a")
        born = run.stats()["births"]["Newt"]
        assert born > 5
    digests = set()
    for partitions in (1, 2):
        with after.sim.restore(tmp_path / "a", allow_changed=True, partitions=partitions) as run:
            run.step(9)
            assert run.stats()["births"]["Newt"] > born + 5
            ids = run.entities(after.Newt)["id"].to_numpy()
            assert len(np.unique(ids)) == len(ids)
            digests.add(run.digest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (dict(seed=4), "its seed is 3, the app's 4"),
        (dict(dt=0.5), r"its dt is 1.0, the app's 0.5"),
        (dict(box="12, 9"), r"its lengths of the box is \[12.0, 8.0\], the app's \[12.0, 9.0\]"),
        (dict(box="12, 8, origin=(1, 0)"), "its origin of the box"),
        (dict(boundary="periodic"), "its boundaries"),
        (dict(name="frogs"), "its app is 'newts', the app's 'frogs'"),
        (dict(resolution=1), r"holds layer Soil with \[6, 4\] cells; the app has \[12, 8\]"),
    ],
)  # fmt: skip
def test_another_world_is_refused_whatever_is_allowed(app: Any, kept: Any, changes: Any, said: str) -> None:
    for allowed in (False, True):
        with pytest.raises(wv.RunError, match=said):
            app(**changes).sim.restore(kept[0], allow_changed=allowed)


def test_a_field_of_another_type_is_refused(app: Any, kept: Any) -> None:
    place, _, _ = kept
    other = app(fields="age: float = 7.0")
    with app(fields="age: wv.int16 = 7").sim.restore(place) as run:
        run.snapshot(place.with_name("aged"))
    with pytest.raises(wv.RunError, match=r"Newt\.age was stored as <i2; the app declares <f8"):
        other.sim.restore(place.with_name("aged"), allow_changed=True)


def test_parameters_go_by_name(app: Any, tmp_path: Path) -> None:
    before = app(parameters='other = sim.parameter("other", 2, low=0, high=9)')
    with before.sim.start() as run:
        run.set(rate=0.7, other=5)
        run.step(1)
        run.snapshot(tmp_path / "a")
    after = app(parameters='more = sim.parameter("more", 3.0)\nother = sim.parameter("other", 2, low=0, high=9)')
    with after.sim.restore(tmp_path / "a", allow_changed=True) as run:
        assert run.parameters == {"rate": 0.7, "more": 3.0, "other": 5}
    with app().sim.restore(tmp_path / "a", allow_changed=True) as run:
        assert run.parameters == {"rate": 0.7}
