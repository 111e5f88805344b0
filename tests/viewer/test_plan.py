"""What workers are asked for, and how many entities are expected where."""

import numpy as np
import pytest

from partitions.frames import Block, Frame
from tests.viewer.pretend import world
from viewer.commands import Interest
from viewer.plan import MOST_INTERESTS, Plan

BUDGET = 1000


def asked(**changes):
    return Interest(op="interest", budget=BUDGET, **changes)


def box(side, at=0.0):
    return [[at, at, 0.0], [at + side, at + side, 0.0]]


def mode(wish):
    return wish.slot.spec["types"][0]["mode"]


def tell(plan, wish, n):
    """A frame comes that holds n entities; the plan is made anew if it has to."""
    kind = mode(wish)
    about = {"type": 0, "in_area": n} | ({"columns": []} if kind == "points" else {})
    frame = Frame(1, wish.slot.number, (0.0, 0.0, 0.0), (400.0, 400.0, 0.0), (Block(kind, about, {}),))
    wish.slot.take(frame, b"x")
    if plan.learn(wish.slot, frame):
        plan.arrange()


def test_before_anything_is_known_the_runs_counts_decide():
    for n, expected in ((BUDGET, "points"), (BUDGET + 1, "density")):
        plan = Plan(world())
        plan.counts["Bird"] = n
        wish = plan.add(asked())
        plan.arrange()
        assert mode(wish) == expected


def test_points_come_and_go_with_room_between():
    plan = Plan(world())
    wish = plan.add(asked())
    plan.arrange()
    seen = []
    for n in (900, 1000, 1001, 990, 810, 800, 900, 1000, 1200):
        tell(plan, wish, n)
        seen.append(mode(wish))
    assert seen == ["points"] * 2 + ["density"] * 3 + ["points"] * 3 + ["density"]


def test_a_view_that_moves_or_shrinks_expects_what_the_density_says():
    plan = Plan(world())
    plan.counts["Bird"] = 100_000
    wish = plan.add(asked())
    plan.arrange()
    tell(plan, wish, 100_000)
    assert mode(wish) == "density"
    plan.change(wish, asked(area=box(20.0)))  # a four-hundredth of the world
    plan.arrange()
    assert mode(wish) == "points"
    tell(plan, wish, 300)
    plan.change(wish, asked(area=box(20.0, at=10.0)))
    plan.arrange()
    assert mode(wish) == "points"
    plan.change(wish, asked(area=box(200.0)))  # too far out to guess
    plan.arrange()
    assert mode(wish) == "density"
    # Another condition: nothing is known of it.
    plan.change(wish, asked(area=box(20.0), types={"Bird": {"where": "energy < 1"}}))
    plan.arrange()
    assert mode(wish) == "density"


def test_an_area_is_cut_to_the_world_and_none_is_left_of_one_outside():
    plan = Plan(world())
    for area, expected in (
        ([[-50, -50, -9], [100, 500, 9]], ((0.0, 0.0, 0.0), (100.0, 400.0, 0.0))),
        ([[-50, -50, 0], [500, 500, 0]], None),
        ([[500, 0, 0], [600, 10, 0]], None),
        ([[5, 5, 0], [5, 5, 0]], None),
    ):
        wish = plan.add(asked(area=area))
        plan.arrange()
        assert wish.slot.spec["area"] == expected
        plan.remove(wish)


def test_hidden_types_and_layers_are_not_asked_for():
    plan = Plan(world(grass=True))
    wish = plan.add(asked(types={"Bird": {"show": False, "fields": ["energy"]}}, layers={"Grass": None}))
    plan.arrange()
    assert wish.slot.spec["types"] == [{"type": 0, "mode": "none", "fields": [], "where": None}]
    assert wish.slot.spec["layers"] == []
    plan.change(wish, asked(layers={"Grass": "kind"}))
    plan.arrange()
    assert wish.slot.spec["layers"] == [{"layer": 0, "field": "kind", "codes": True}]
    plan.change(wish, asked())
    plan.arrange()
    assert wish.slot.spec["layers"] == [{"layer": 0, "field": "height", "codes": False}]


def test_a_wish_that_comes_back_and_one_that_is_kept():
    plan = Plan(world())
    kept = plan.add(asked(grid=500), kept=True)
    wishes = [plan.add(asked(area=box(10.0 + k))) for k in range(20)]
    plan.arrange()
    assert len(plan.slots) == MOST_INTERESTS
    assert kept.slot.spec["grid"] == 500
    shared = wishes[0].slot
    assert shared.spec["area"] is None
    assert sum(wish.slot is shared for wish in wishes) == 20 - (MOST_INTERESTS - 2)
    number = plan.number
    assert not plan.arrange()
    assert plan.number == number
    for wish in wishes[:-1]:
        plan.remove(wish)
    assert plan.arrange()
    assert {slot.spec["grid"] for slot in plan.slots} == {500, 256}
    assert plan.slot(shared.number) is shared  # as long as somebody holds it
    del shared, wish, wishes
    assert [plan.slot(k) is not None for k in range(1, 9)].count(True) == 2


def histogram(low, high, seen_low, seen_high):
    about = {"type": 0, "field": "energy", "low": low, "high": high, "n": 5, "min": seen_low, "max": seen_high}
    return Block("histogram", about, {"counts": np.zeros(10, np.int64)})


@pytest.mark.parametrize(
    ("low", "high", "seen", "changes"),
    [
        (0.0, 1.0, (0.1, 0.9), False),
        (0.0, 1.0, (0.0, 1.0), False),
        (0.0, 1.0, (0.1, 1.1), True),
        (0.0, 1.0, (-0.1, 0.9), True),
        (0.0, 1.0, (0.4, 0.6), True),
        (0.0, 1.0, (0.5, 0.5), False),
        (0.0, 9.0, (0.5, 0.5), True),
        (0.0, 1.0, (None, None), False),
        (0.0, 1.0, (0.0, float("inf")), False),
    ],
)
def test_the_range_of_a_histogram_changes_only_when_it_must(low, high, seen, changes):
    plan = Plan(world())
    wish = plan.add(asked(histograms=[{"type": "Bird", "field": "energy", "bins": 10}]))
    plan.arrange()
    frame = Frame(1, wish.slot.number, (0.0,) * 3, (400.0, 400.0, 0.0), (histogram(low, high, *seen),))
    assert plan.learn(wish.slot, frame) == changes
    if changes:
        plan.arrange()
        (told,) = wish.slot.spec["histograms"]
        assert told["low"] < seen[0] <= seen[1] < told["high"]
        again = Frame(2, 1, (0.0,) * 3, (400.0, 400.0, 0.0), (histogram(told["low"], told["high"], *seen),))
        assert not plan.learn(wish.slot, again)
