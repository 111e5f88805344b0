"""Interests survive the trip to the workers; conditions choose the right entities."""

import json

import numpy as np
import pytest

from partitions.interest import Histogram, Interest, Wanted, fields_in, matching

COLUMNS = {
    "energy": [np.array([1.0, 2.0, np.nan, 4.0])],
    "velocity": [np.array([3.0, 0, 0, -1]), np.array([4.0, 0, 0, 0])],
}


def met(tree):
    return matching(tree, COLUMNS.__getitem__, 4).tolist()


def test_an_interest_is_the_same_after_a_trip_through_json():
    interest = Interest(
        3,
        ((0.0, 1.0, 0.0), (5.0, 6.0, 0.0)),
        128,
        (Wanted(0, "points", ("energy",), ["<", ["field", "energy"], ["number", 3]]), Wanted(1, "density")),
        ((0, "grass", False), (1, "kind", True)),
        (5, -7),
        (Histogram(0, "energy", 10, 0.0, 2.5),),
        True,
    )
    assert Interest.read(json.loads(json.dumps(interest.tell()))) == interest
    assert Interest.read(json.loads(json.dumps(Interest(1).tell()))) == Interest(1)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (["<", ["field", "energy"], ["number", 3]], [True, True, False, False]),
        (["not", ["<", ["field", "energy"], ["number", 3]]], [False, False, True, True]),
        (["and", [">", ["field", "energy"], ["number", 1]], ["true"]], [False, True, False, True]),
        (["or", ["==", ["field", "energy"], ["number", 1]], ["false"]], [True, False, False, False]),
        ([">=", ["length", ["field", "velocity"]], ["number", 5]], [True, False, False, False]),
        (["==", ["abs", ["component", "velocity", 0]], ["number", 1]], [False, False, False, True]),
        (["!=", ["+", ["neg", ["field", "energy"]], ["number", 1]], ["number", 0]], [False, True, True, True]),
        ([">", ["/", ["number", 1], ["number", 0]], ["field", "energy"]], [True, True, False, True]),
        (["==", ["%", ["field", "energy"], ["number", 2]], ["number", 0]], [False, True, False, True]),
        (
            ["<=", ["*", ["number", 2], ["-", ["field", "energy"], ["number", 1]]], ["number", 2]],
            [True, True, False, False],
        ),
        (["true"], [True] * 4),
    ],
)
def test_a_condition_chooses(tree, expected):
    assert met(tree) == expected


@pytest.mark.parametrize(
    "tree", [["call", "os"], ["number", "1"], ["<", ["number", 1]], ["length", ["number", 1]], ["field"], []]
)
def test_what_is_no_condition_is_refused(tree):
    with pytest.raises(ValueError, match="no condition"):
        met(tree)


def test_the_fields_of_a_condition_are_found():
    assert fields_in(["and", ["<", ["component", "velocity", 0], ["field", "energy"]], ["true"]]) == {
        "velocity",
        "energy",
    }
    assert fields_in(None) == set()
