"""Conditions as viewers type them; Python's own eval, in this file only, says what they mean."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitions.interest import fields_in, matching
from viewer.expression import DEEPEST, LONGEST, ExpressionError, parse

FIELDS = [
    {"name": "energy", "kind": "float"},
    {"name": "age", "kind": "int"},
    {"name": "alive", "kind": "bool"},
    {"name": "velocity", "kind": "vector"},
    {"name": "mood", "kind": "enum", "labels": {"0": "calm", "1": "afraid"}},
    {"name": "role", "kind": "enum", "labels": {"0": "afraid", "3": "leader"}},
    {"name": "genes", "kind": "array", "size": 3},
]
ENERGY, AGE, ALIVE = (-1.5, 0.0, 2.0, 3.0), (0, 1, 7), (False, True)
ROWS = list(itertools.product(ENERGY, AGE, ALIVE, (0, 1)))


class Vector:
    """What eval sees of a vector."""

    def __init__(self, x, y, z=0.0):
        self.x, self.y, self.z = x, y, z


def by_eval(text, rows=ROWS):
    """What Python makes of it, row by row."""
    names = {"abs": abs, "length": lambda v: math.sqrt(v.x**2 + v.y**2 + v.z**2), "true": True, "false": False}
    names |= {"calm": 0, "leader": 3}
    return [
        bool(
            eval(
                text,
                {"__builtins__": {}},
                names
                | {"energy": e, "age": a, "alive": v, "mood": m, "velocity": Vector(e, a), "position": Vector(a, e)},
            )
        )
        for e, a, v, m in rows
    ]


def by_us(text, rows=ROWS):
    """What workers make of our tree."""
    e, a, v, m = (np.array(column) for column in zip(*rows, strict=True))
    columns = {
        "energy": [e],
        "age": [a],
        "alive": [v],
        "mood": [m],
        "velocity": [e, a, 0.0 * e],
        "position": [a, e, 0.0 * e],
    }
    tree = parse(text, FIELDS)
    assert fields_in(tree) <= columns.keys()
    return matching(tree, lambda name: columns[name], len(rows)).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "energy < 3",
        "energy<=2 and age>0",
        "energy < 0 or age == 7 and alive",
        "(energy < 0 or age == 7) and alive",
        "not alive",
        "not energy < 0 and alive",
        "not (energy < 0 and alive)",
        "not not alive",
        "0 < energy < 3",
        "0 <= age < 7 != energy",
        "1 < age > energy == energy",
        "-energy > 1",
        "- -energy > 1",
        "+energy != -1.5",
        "energy + 2 * age > 3",
        "(energy + 2) * age > 3",
        "energy - 1 - age < 0",
        "age % 3 == 1",
        "energy % 2 == 0.5",
        "-energy % 2 > .25",
        "8 / (age + 1) / 2 >= 0.5",
        "abs(energy) > 1",
        "abs(energy - age) <= 2.5e0",
        "length(velocity) > 3",
        "velocity.x < 0 and position.y < 0 and velocity.z == 0",
        "position . x == 1",
        "mood == calm or age == leader",
        "true",
        "false or alive",
        "alive == true",
        "alive != false",
        "alive + age > 1",
        "true and not false",
        "energy==2 or(age==7)",
        " \t energy < 3\n",
    ],
)
def test_a_condition_means_what_python_means_by_it(text):
    assert by_us(text) == by_eval(text.strip())


ATOMS = st.sampled_from(["energy", "age", "velocity.x", "0", "1", "2.5", "-1.5", "abs(energy)", "length(position)"])


def numbers(depth):
    if depth == 0:
        return ATOMS
    inner = numbers(depth - 1)
    return (
        ATOMS
        | st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | st.tuples(inner, st.sampled_from(["+", "-", " * "]), inner).map(lambda t: f"{t[0]}{t[1]}{t[2]}")
        | inner.map(lambda t: f"-{t}")
    )


COMPARED = st.tuples(numbers(2), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers(2)).map(" ".join)
CONDITIONS = st.recursive(
    COMPARED | st.sampled_from(["alive", "true", "false"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
        | inner.map(lambda t: f"not {t}")
        | inner.map(lambda t: f"({t})")
    ),
    max_leaves=8,
)


@given(CONDITIONS)
def test_any_condition_means_what_python_means_by_it(text):
    if len(text) <= LONGEST:
        assert by_us(text) == by_eval(text)


def test_members_of_enums_are_numbers_and_double_names_want_their_field():
    assert parse("mood == calm", FIELDS) == ["==", ["field", "mood"], ["number", 0.0]]
    assert parse("role == role.afraid", FIELDS) == ["==", ["field", "role"], ["number", 0.0]]
    assert parse("mood == mood.afraid", FIELDS) == ["==", ["field", "mood"], ["number", 1.0]]
    with pytest.raises(ExpressionError, match=r"several fields know 'afraid'; write field\.afraid"):
        parse("mood == afraid", FIELDS)


def test_nothing_is_no_condition():
    assert parse("", FIELDS) is None
    assert parse("  ", FIELDS) is None


def test_the_first_element_stands_for_an_array():
    assert parse("genes > 0", FIELDS) == [">", ["field", "genes"], ["number", 0.0]]


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("energy <", 9, "missing at the end"),
        ("energy", 1, "a condition is needed"),
        ("energy = 3", 8, "write == to compare"),
        ("energy < 3 & alive", 12, "write and"),
        ("speed > 3", 1, "no field 'speed'"),
        ("velocity > 3", 1, "write velocity.x or length"),
        ("velocity.w > 3", 10, "components x, y, z"),
        ("energy.x > 3", 8, "has no parts"),
        ("length(energy) > 3", 8, "takes a vector field"),
        ("(energy < 3", 12, "')' is missing"),
        ("energy < 3)", 11, "not expected"),
        ("energy < 3 4", 12, "not expected"),
        ("(energy < 3) + 1 > 0", 2, "a number is needed"),
        ("energy < 3 == alive == (age < 1)", 25, "a number is needed"),
        ("energy and alive", 1, "a condition is needed"),
        ("not energy", 5, "a condition is needed"),
        ("energy < not alive", 10, "missing before 'not'"),
        ("energy ** 2 < 3", 9, "missing before '*'"),
        ("energy < 1e999", 10, "too large"),
        ("'a' == energy", 1, "means nothing here"),
        ("energy[0] < 1", 7, "means nothing here"),
        ("mood.hungry == 1", 6, "mood is never 'hungry'"),
        ("__import__('os').system('true')", 12, "means nothing here"),
        ("energy < (lambda: 1)()", 17, "means nothing here"),
    ],
)
def test_an_error_says_what_and_where(text, column, says):
    with pytest.raises(ExpressionError) as error:
        parse(text, FIELDS)
    assert says in str(error.value)
    assert error.value.column == column
    assert str(error.value).endswith(f"(column {column})")


def test_in_two_dimensions_there_is_no_z():
    with pytest.raises(ExpressionError, match="components x, y "):
        parse("position.z > 0", FIELDS, dim=2)


def test_length_and_depth_are_bounded():
    parse("energy < 3".ljust(LONGEST), FIELDS)
    with pytest.raises(ExpressionError, match="at most 500 characters"):
        parse("energy < 3".ljust(LONGEST + 1), FIELDS)
    for text in (
        "(" * 60 + "energy" + ")" * 60 + " < 1",
        "not " * 60 + "alive",
        "-" * 60 + "1 < energy",
        "+".join(["1"] * 60) + " < 1",
    ):
        with pytest.raises(ExpressionError, match=f"more than {DEEPEST} deep"):
            parse(text, FIELDS)
    assert by_us(" or ".join(["age<1"] * 50)) == by_eval("age < 1")


@given(st.text(alphabet="energyalivmod.xabs()<>=!+-*/%01259 ntr&'\"\\[]{}é\n", max_size=80))
def test_no_text_makes_it_raise_anything_else(text):
    try:
        tree = parse(text, FIELDS)
    except ExpressionError as error:
        tree, column = None, error.column
    else:
        column = 1
    assert tree is None or isinstance(tree[0], str)
    assert 1 <= column <= len(text) + 1
