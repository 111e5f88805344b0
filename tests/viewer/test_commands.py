"""What a viewer may ask."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.viewer.pretend import world
from viewer.commands import CommandError, parse

META = world()
GOOD = [
    {"op": "ack"},
    {"op": "pause"},
    {"op": "play"},
    {"op": "step", "n": 3},
    {"op": "rate", "hz": 10.0},
    {"op": "rate", "hz": None},
    {"op": "colour", "type": "Bird", "field": "energy"},
    {"op": "colour", "type": "Bird", "field": None},
]


@pytest.mark.parametrize("command", GOOD)
def test_commands_are_taken_as_they_are(command):
    assert parse(json.dumps(command), META) == command


def test_a_step_is_one_tick_unless_said_otherwise():
    assert parse('{"op": "step"}', META) == {"op": "step", "n": 1}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nonsense",
        "[" * 100_000,
        "null",
        "[]",
        "{}",
        b"\x00",
        '{"op": "stop"}',
        '{"op": ["pause"]}',
        '{"op": "pause", "n": 1}',
        '{"op": "step", "n": 0}',
        '{"op": "step", "n": true}',
        '{"op": "step", "n": 1e3}',
        '{"op": "step", "n": 1000000000}',
        '{"op": "rate"}',
        '{"op": "rate", "hz": 0}',
        '{"op": "rate", "hz": NaN}',
        '{"op": "rate", "hz": Infinity}',
        '{"op": "rate", "hz": "10"}',
        '{"op": "colour", "type": "Wolf", "field": null}',
        '{"op": "colour", "type": "Bird", "field": "__class__"}',
        '{"op": "colour", "type": "Bird", "field": ["energy"]}',
        '{"op": "colour", "type": {}, "field": null}',
    ],
)
def test_anything_else_is_refused(message):
    with pytest.raises(CommandError):
        parse(message, META)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_makes_it_raise_anything_else(value):
    for message in (json.dumps(value), json.dumps({"op": value}), json.dumps({"op": "rate", "hz": value})):
        try:
            parse(message, META)
        except CommandError:
            continue
