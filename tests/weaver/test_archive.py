"""The archive: when snapshots are made by themselves, and which of them stay."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import weaver as wv
from tests.weaver.pond import pond
from weaver.archive import read_interval, read_policy, surplus

HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("text", "ticks", "seconds"),
    [(None, None, None), (1000, 1000, None), ("1000", 1000, None), (" 7 ", 7, None), ("30s", None, 30.0), ("5m", None, 300.0),
     ("2h", None, 7200.0), ("1d", None, DAY), ("1.5h", None, 5400.0)],
)  # fmt: skip
def test_intervals_are_ticks_or_times(text: Any, ticks: int | None, seconds: float | None) -> None:
    assert read_interval(text) == (ticks, seconds)


@pytest.mark.parametrize(
    "text", [0, -1, "0", "", "s", "0.5s", "-3m", "nans", "infd", "5 parsecs", "1e999h", True, 2.5, [], "٣"]
)
def test_other_intervals_are_refused(text: Any) -> None:
    if text == "٣":
        assert read_interval(text) == (3, None)  # a digit in another script is a digit
        return
    with pytest.raises(
        wv.ModelError, match=r"a snapshot every .* was asked for; allowed is a number of ticks, or a time"
    ):
        read_interval(text)


def test_policies_are_words_with_numbers() -> None:
    assert read_policy(None) is None
    assert read_policy("daily=7, weekly=4,last=2") == {"daily": 7, "weekly": 4, "last": 2}
    assert read_policy({"hourly": 24, "monthly": 12}) == {"hourly": 24, "monthly": 12}


@pytest.mark.parametrize(
    "text", ["", "daily", "daily=", "daily=0", "daily=-1", "daily=1.5", "yearly=3", "daily=7;weekly=4", {"last": 0}]
)
def test_other_policies_are_refused(text: Any) -> None:
    with pytest.raises(wv.ModelError, match="was asked for; allowed are last, hourly, daily, weekly, monthly"):
        read_policy(text)


def kept(written: dict[str, float], policy: str) -> set[str]:
    rules = read_policy(policy)
    assert rules is not None
    return set(written) - set(surplus(written, rules))


def test_the_last_ones_stay() -> None:
    written = {f"tick-{k:013d}": float(k) for k in range(5)}
    assert kept(written, "last=2") == {f"tick-{k:013d}" for k in (3, 4)}
    assert kept(written, "last=9") == set(written)
    assert kept({}, "last=2") == set()


def test_of_each_day_the_newest_stays() -> None:
    written = {f"{k:02d}": 10 * DAY + k * 6 * HOUR for k in range(12)}  # three days, four each
    assert kept(written, "daily=7") == {"03", "07", "11"}
    assert kept(written, "daily=2") == {"07", "11"}
    assert kept(written, "hourly=3") == {"09", "10", "11"}
    assert kept(written, "daily=2,last=2") == {"07", "10", "11"}


def test_weeks_and_months_are_those_of_the_calendar() -> None:
    january_31 = 30 * DAY  # of 1970, a Saturday
    written = {str(k): january_31 + k * DAY for k in range(4)}
    assert kept(written, "monthly=5") == {"0", "3"}
    assert kept(written, "weekly=5") == {"1", "3"}  # Sunday ends a week


def test_a_clock_that_was_set_back_removes_nothing_that_a_rule_keeps() -> None:
    written = {"1": 3 * DAY, "2": 1 * DAY, "3": 1 * DAY + HOUR}
    assert kept(written, "daily=2") == {"1", "3"}
    assert kept(written, "last=1") == {"3"}


# ---- In a run ----


def archive(folder: Path) -> list[int]:
    return [int(file.name[5:]) for file in sorted(folder.glob("tick-*")) if (file / "manifest.json").exists()]


def test_a_run_archives_at_the_ticks_that_it_was_told(tmp_path: Path) -> None:
    with pond().start(snapshots=tmp_path, snapshot_every=4) as run:
        run.step(9)
        run.step(4)
    assert archive(tmp_path) == [0, 4, 8, 12]  # with the first, all ticks can be had again
    for tick in (0, 4, 8, 12):
        with pond().restore(tmp_path / f"tick-{tick:013d}", partitions=2) as other, pond().start() as plain:
            plain.step(tick)
            assert other.digest() == plain.digest()


def test_a_run_keeps_what_the_rules_say(tmp_path: Path) -> None:
    with pond().start(snapshots=tmp_path, snapshot_every=3, keep="last=2") as run:
        run.step(14)
        end = run.digest()
    assert archive(tmp_path) == [9, 12]
    with pond().restore(tmp_path, snapshot_every=3, keep={"last": 1}) as run:
        assert (run.tick, run.digest()) == (14, end)
        run.step(2)
    assert archive(tmp_path) == [15]


def test_archiving_by_the_clock_makes_snapshots(tmp_path: Path) -> None:
    with pond().start(snapshots=tmp_path, snapshot_every="1h") as run:
        run.step(2)
        assert archive(tmp_path) == [0]
        run._surviving._archived_at -= 2 * HOUR
        run.step(2)
        run._surviving.settle()
        assert archive(tmp_path) == [0, 2]


def test_a_point_is_left_out_where_an_archived_snapshot_comes_as_soon(tmp_path: Path) -> None:
    with pond().start(snapshots=tmp_path, snapshot_every="10s") as run:
        surviving = run._surviving
        surviving.settle()
        for age, points in ((9.0, 0), (5.0, 1)):  # of the last archived one: the next is due in 1 s, and in 5 s
            surviving._archived_at = time.monotonic() - age
            surviving._points.hurry()
            run.step(1)
            surviving.settle()
            assert len(list(tmp_path.glob("point-*"))) == points
        assert archive(tmp_path) == [0]


def test_a_place_is_needed_for_an_archive() -> None:
    for options in ({"snapshot_every": 5}, {"keep": "last=2"}):
        with pytest.raises(wv.ModelError, match="was asked for without a place for snapshots"):
            pond().start(**options)
