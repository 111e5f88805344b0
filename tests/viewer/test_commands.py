"""What a viewer may say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.viewer.pretend import world
from viewer.commands import CommandError, Interest, parse

META = world(grass=True)
GOOD = [
    {"op": "ack"},
    {"op": "pause"},
    {"op": "play"},
    {"op": "step", "n": 3},
    {"op": "rate", "hz": 10.0},
    {"op": "rate", "hz": None},
    {"op": "set", "values": {"match": 0.5, "pull": 2}},
    {"op": "enter", "token": "abc"},
]


@pytest.mark.parametrize("command", GOOD)
def test_commands_are_taken_as_they_are(command):
    assert parse(json.dumps(command), META).model_dump() == command


def test_a_step_is_one_tick_unless_said_otherwise():
    assert parse('{"op": "step"}', META).model_dump() == {"op": "step", "n": 1}


def test_an_interest_is_taken_as_it_is():
    asked = {
        "op": "interest",
        "area": [[0.0, 1.0, 0.0], [10.5, 20.0, 0.0]],
        "budget": 5000,
        "hz": 25.0,
        "grid": 128,
        "types": {"Bird": {"show": True, "fields": ["energy", "mood"], "where": "energy < 3"}},
        "layers": {"Grass": None},
        "selected": [1, 2, "4611686018427387909"],
        "histograms": [{"type": "Bird", "field": "energy", "bins": 50}],
        "load": True,
    }
    assert parse(json.dumps(asked), META).model_dump() == asked


def test_an_interest_is_all_of_the_world_unless_said_otherwise():
    assert parse('{"op": "interest"}', META) == Interest(op="interest")


def test_only_a_recording_has_other_ticks_to_go_to():
    assert parse('{"op": "seek", "tick": 7}', world(live=False)).tick == 7
    with pytest.raises(CommandError, match="only a recording"):
        parse('{"op": "seek", "tick": 7}', META)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nonsense",
        "[" * 60_000,
        '{"op": ' * 9_000,
        "null",
        "[]",
        "{}",
        b"\x00",
        b'{"op": "pause"}',
        '"\ud800"',
        '{"op": "stop"}',
        '{"op": ["pause"]}',
        '{"op": "pause", "n": 1}',
        '{"op": "pause"} {"op": "play"}',
        '{"op": "step", "n": 0}',
        '{"op": "step", "n": true}',
        '{"op": "step", "n": 1e3}',
        '{"op": "step", "n": 1000000000}',
        '{"op": "rate"}',
        '{"op": "rate", "hz": 0}',
        '{"op": "rate", "hz": NaN}',
        '{"op": "rate", "hz": Infinity}',
        '{"op": "rate", "hz": "10"}',
        '{"op": "set"}',
        '{"op": "set", "values": {}}',
        '{"op": "set", "values": {"match": "1"}}',
        '{"op": "set", "values": {"match": true}}',
        '{"op": "set", "values": {"match": NaN}}',
        '{"op": "set", "values": {"": 1}}',
        '{"op": "colour", "type": "Bird", "field": null}',
        '{"op": "interest", "area": [[0, 0, 0]]}',
        '{"op": "interest", "area": [[0, 0], [1, 1]]}',
        '{"op": "interest", "area": [[0, 0, 0], [1, 1, NaN]]}',
        '{"op": "interest", "area": [[0, 0, 0], [1, -1, 0]]}',
        '{"op": "interest", "budget": 10}',
        '{"op": "interest", "budget": 1e9}',
        '{"op": "interest", "hz": 0.01}',
        '{"op": "interest", "grid": 100000}',
        '{"op": "interest", "types": {"Wolf": {}}}',
        '{"op": "interest", "types": {"Bird": {"fields": ["__class__"]}}}',
        '{"op": "interest", "types": {"Bird": {"show": 1}}}',
        '{"op": "interest", "layers": {"Grass": "depth"}}',
        '{"op": "interest", "layers": {"Snow": null}}',
        '{"op": "interest", "selected": [1.5]}',
        '{"op": "interest", "selected": ["x"]}',
        '{"op": "interest", "selected": [99999999999999999999]}',
        '{"op": "interest", "selected": ["9999999999999999999"]}',
        json.dumps({"op": "interest", "selected": list(range(201))}),
        '{"op": "interest", "histograms": [{"type": "Bird", "field": "energy", "bins": 4}]}',
        '{"op": "interest", "histograms": [{"type": "Bird", "field": "size"}]}',
        '{"op": "interest", "load": "yes"}',
        '{"op": "interest", "more": 1}',
    ],
)
def test_anything_else_is_refused(message):
    with pytest.raises(CommandError):
        parse(message, META)


def test_what_was_said_is_not_repeated_in_the_refusal():
    with pytest.raises(CommandError) as refused:
        parse('{"op": "enter", "token": "sesame", "more": "sesame"}', META)
    assert "sesame" not in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


@given(JSON, st.sampled_from(["ack", "step", "rate", "set", "interest", "enter", "seek"]), st.text())
def test_no_json_makes_it_raise_anything_else(value, op, key):
    fields = ("n", "hz", "values", "area", "types", "token", "selected", "where")
    for message in (value, {"op": value}, {"op": op, key: value}, *({"op": op, name: value} for name in fields)):
        try:
            parse(json.dumps(message), META)
        except CommandError:
            continue
