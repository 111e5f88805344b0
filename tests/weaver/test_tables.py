"""Tables: whatever form the columns have, the same entities; whatever is wrong is named with its place."""

from __future__ import annotations

import enum
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weaver as wv
from weaver.tables import read_columns, read_links


class Mood(enum.IntEnum):
    CALM = 1
    WILD = 4


class Cow(wv.Entity):
    velocity: wv.Vec2
    weight: wv.float32 = 2.5
    legs: wv.uint8 = 4
    age: int
    sold: bool
    mood: Mood


PLACES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
SPEEDS = np.array([[0.5, -1.0], [0.0, 0.25], [2.0, 1.0]])
MOODS = np.array([4, 1, 4])


def arrow_vectors(rows: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 2)


def write_csv(path: Path, text: str) -> Path:
    file = path / "cows.csv"
    file.write_text(text, encoding="utf-8")
    return file


FORMS = {
    "arrays": dict(position=PLACES, velocity=SPEEDS, mood=MOODS),
    "lists": dict(position=PLACES.tolist(), velocity=[list(v) for v in SPEEDS], mood=["WILD", "CALM", "WILD"]),
    "vectors": dict(
        position=[wv.Vec2(*p) for p in PLACES], velocity=[wv.Vec2(*v) for v in SPEEDS], mood=[Mood(m) for m in MOODS]
    ),
    "components": dict(
        x=PLACES[:, 0], y=PLACES[:, 1], velocity_x=SPEEDS[:, 0], velocity_y=list(SPEEDS[:, 1]), mood=MOODS
    ),
    "pandas": pd.DataFrame(
        {"x": PLACES[:, 0], "y": PLACES[:, 1], "velocity.x": SPEEDS[:, 0], "velocity.y": SPEEDS[:, 1], "mood": MOODS}
    ),
    "arrow": pa.table(
        {"position": arrow_vectors(PLACES), "velocity": SPEEDS.tolist(), "mood": pa.array(["WILD", "CALM", "WILD"])}
    ),
    "categories": pa.table(
        {
            "position": arrow_vectors(PLACES),
            "velocity": arrow_vectors(SPEEDS),
            "mood": pa.array(["WILD", "CALM", "WILD"]).dictionary_encode(),
        }
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_table_gives_the_same_entities(form: str):
    count, columns = read_columns(Cow, 2, FORMS[form], {})
    assert count == 3
    np.testing.assert_array_equal(columns["position"], PLACES)
    np.testing.assert_array_equal(columns["velocity"], SPEEDS)
    np.testing.assert_array_equal(columns["mood"], MOODS)


def test_columns_have_the_storage_types_and_the_defaults_of_the_fields():
    _, columns = read_columns(Cow, 2, None, {"position": PLACES})
    assert list(columns) == ["position", "velocity", "weight", "legs", "age", "sold", "mood"]
    assert [columns[c].dtype.str for c in columns] == ["<f8", "<f8", "<f4", "|u1", "<i8", "|b1", "<i8"]
    assert columns["velocity"].shape == (3, 2)
    assert columns["weight"].tolist() == [2.5] * 3
    assert columns["legs"].tolist() == [4] * 3
    assert columns["mood"].tolist() == [Mood.CALM] * 3


def test_files_give_what_was_written(tmp_path: Path):
    pq.write_table(FORMS["arrow"], tmp_path / "cows.parquet")
    text = "id,x,y,velocity_x,velocity_y,mood,sold\n7,1,2,.5,-1,WILD,true\n\n8,3,4,0,0.25,1,0\n9,5,6,2,1,WILD,false\n"
    for file in (tmp_path / "cows.parquet", write_csv(tmp_path, text)):
        count, columns = read_columns(Cow, 2, str(file), {"age": 3})
        assert count == 3
        np.testing.assert_array_equal(columns["position"], PLACES)
        np.testing.assert_array_equal(columns["velocity"], SPEEDS)
        np.testing.assert_array_equal(columns["mood"], MOODS)
        assert columns["age"].tolist() == [3, 3, 3]
    assert columns["id"].tolist() == [7, 8, 9]
    assert columns["sold"].tolist() == [True, False, False]


def test_one_value_holds_for_all():
    fields = {"velocity": wv.Vec2(1, 2), "mood": Mood.WILD, "legs": 3}
    count, columns = read_columns(Cow, 2, {"position": PLACES}, fields)
    assert count == 3
    assert columns["velocity"].tolist() == [[1, 2]] * 3
    assert columns["mood"].tolist() == [4] * 3
    assert columns["legs"].tolist() == [3] * 3


def test_a_single_position_is_one_entity():
    count, columns = read_columns(Cow, 2, None, {"position": (1, 2)})
    assert (count, columns["position"].tolist()) == (1, [[1, 2]])


def test_no_rows_are_no_entities():
    assert read_columns(Cow, 2, None, {"position": []})[0] == 0
    assert read_columns(Cow, 2, pa.table(FORMS["arrow"]).slice(0, 0), {})[0] == 0


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=5))
def test_whole_numbers_arrive_whole_or_are_refused(ages: list[int]):
    places = np.zeros((len(ages), 2))
    if all(-(2**63) <= age < 2**63 for age in ages):
        assert read_columns(Cow, 2, None, {"position": places, "age": ages})[1]["age"].tolist() == ages
    else:
        with pytest.raises(wv.ModelError, match="age takes whole numbers"):
            read_columns(Cow, 2, None, {"position": places, "age": ages})


def test_nan_has_one_bit_pattern():
    other = np.array([0x7FF8000000000001], np.uint64).view(np.float64)
    _, columns = read_columns(Cow, 2, None, {"position": [[0, 0]], "velocity": [[other[0], 1.0]]})
    assert columns["velocity"].view(np.uint64)[0, 0] == np.array([np.nan]).view(np.uint64)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y\n1,2\n\n1,a\n", "cows.csv, row 4 (the header is row 1), column 'y': 'a' was given; position takes numbers."),
        ("x,y\n1,nan\n", "cows.csv, row 2 (the header is row 1), column 'y': nan was given; position takes finite"),
        ("x,y\n1,2\n3\n", "cows.csv: row 3 (the header is row 1) has 1 cells, too few; the header names 2 columns."),
        ("x,y\n1,2,3\n", "cows.csv: row 2 (the header is row 1) has 3 cells, too many"),
        ("x,y,legs\n1,2,3\n1,2,300\n", "row 3 (the header is row 1), column 'legs': 300 was given; legs takes whole numbers"),
        ("x,y,legs\n1,2,1.5\n", "row 2 (the header is row 1), column 'legs': 1.5 was given"),
        ("x,y,mood\n1,2,CALM\n1,2,SAD\n", "row 3 (the header is row 1), column 'mood': 'SAD' was given; mood takes Mood: CALM"),
        ("x,y,age\n1,2,\n", "row 2 (the header is row 1), column 'age' has no value"),
        ("x,y,sold\n1,2,maybe\n", "row 2 (the header is row 1), column 'sold': 'maybe' was given; sold takes true or false"),
        ("x,y,hight\n1,2,3\n", "cows.csv, column 'hight' has no field to go to: Cow has no field 'hight'"),
        ("x,y,id\n1,2,3\n1,2,3\n", "row 3 (the header is row 1), column 'id': 3 was given, which row 2"),
        ("x,y,id\n1,2,-1\n", "row 2 (the header is row 1), column 'id': -1 was given; ids are whole numbers from 0"),
        ("x,x\n1,2\n", "cows.csv, row 1: the header ['x', 'x'] was found; it names every column once."),
        ("x,age\n1,2\n", "column 'x' is a component of Cow.position, given with x."),
        ("age\n1\n", "was given age, and no position"),
    ],
)  # fmt: skip
def test_a_bad_csv_is_named_by_row_and_column(tmp_path: Path, text: str, said: str):
    with pytest.raises(wv.ModelError) as error:
        read_columns(Cow, 2, write_csv(tmp_path, text), {})
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) >= 3


@pytest.mark.parametrize(
    ("table", "fields", "said"),
    [
        (None, dict(position=PLACES, weight=[1.0, 1e300, 1.0]), "row 1 (counted from 0), column 'weight': 1e+300"),
        (None, dict(position=PLACES, age=[1, None, 2]), "row 1 (counted from 0), column 'age' has no value"),
        (None, dict(position=PLACES, age=[1, 2]), "columns of different lengths: position has 3, age has 2"),
        (None, dict(position=PLACES, velocity=[1.0, 2.0, 3.0]), "velocity takes (n, 2)"),
        (None, dict(position=np.zeros((3, 3))), "position takes (n, 2)"),
        (None, dict(position=PLACES, age=np.ones((3, 2))), "age takes (n,)"),
        (dict(position=PLACES), dict(position=PLACES), "was given twice"),
        (pa.table({"position": [[1.0, 2.0], [1.0]]}), {}, "row 1 (counted from 0), column 'position' has 1 values"),
        (pa.table({"position": [[1.0, 2.0], None]}), {}, "row 1 (counted from 0), column 'position' has no value"),
        (pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]}), {}, "column 'y': 'a' was given"),
        ("cows.csv", {}, "which is not a file"),
        ("cows.xls", {}, "which ends in '.xls'"),
        (3, {}, "add(..., int) was asked for"),
    ],
)  # fmt: skip
def test_bad_columns_are_named(table: object, fields: dict, said: str):
    with pytest.raises(wv.ModelError) as error:
        read_columns(Cow, 2, table, fields)
    assert said in str(error.value)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path):
    file = tmp_path / "cows.parquet"
    file.write_bytes(b"no")
    with pytest.raises(wv.ModelError, match="was to be read as Parquet"):
        read_columns(Cow, 2, file, {})


def test_three_axes_take_z():
    count, columns = read_columns(wv.Entity, 3, {"x": [1], "y": [2], "z": [3]}, {})
    assert (count, columns["position"].tolist()) == (1, [[1, 2, 3]])


# ---- Links ----


class Knows(wv.Link):
    trust: wv.float32 = 0.5
    way: wv.Vec2


def test_links_take_arrays_single_values_and_defaults():
    ties = read_links(Knows, 3, [1, 2], {"way": wv.Vec2(1, 2)})
    assert (ties.link, ties.a.tolist(), ties.b.tolist()) == (Knows, [3, 3], [1, 2])
    assert (ties.fields["trust"].dtype, ties.fields["trust"].tolist()) == (np.float32, [0.5, 0.5])
    assert ties.fields["way"].tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert len(read_links(Knows, [], [], {}).a) == 0


@pytest.mark.parametrize(
    ("a", "b", "fields", "text"),
    [
        ([1, 2], [3, 4, 5], {}, "different lengths: a has 2, b has 3"),
        ([1, 2], [3, 2], {}, r"row 1 \(counted from 0\), column 'b': entity 2 would be tied to itself"),
        ([1, -2], [3, 2], {}, "row 1 .*column 'a': -2 was given; ids are whole numbers"),
        ([1.5], [2], {}, "column 'a': 1.5 was given"),
        ([1], [2], {"trusts": 1.0}, "Knows has no field 'trusts'.*Write 'trust'"),
        ([1], [2], {"trust": [1.0, 2.0]}, "a has 1, b has 1, trust has 2"),
    ],
)
def test_links_that_cannot_be_are_errors(a, b, fields, text):
    with pytest.raises(wv.ModelError, match=f"(?s){text}"):
        read_links(Knows, a, b, fields)
