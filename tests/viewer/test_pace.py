"""How often workers publish, and how many bytes leave."""

import pytest

from viewer.allowance import Allowance
from viewer.pace import SLOWEST, Pace


def run(pace, ticks_per_second, seconds=3.0, wanted=30.0, cost=0.0, start=0.0):
    """A run of constant speed that publishes as told; the frames that came per second in its second half."""
    frames, now, tick = [], start, 0
    beat = start
    while now < start + seconds:
        tick += 1
        now = start + tick / ticks_per_second
        if tick % pace.every == 0:
            pace.arrived(now, tick)
            pace.completed(0)
            frames.append(now)
        if now - beat > 0.1:
            beat = now
            pace.choose(now, wanted, cost)
    return sum(1 for t in frames if t > start + seconds / 2) / (seconds / 2)


def test_it_starts_with_every_tick():
    assert Pace().every == 1


@pytest.mark.parametrize("speed", [5, 29, 50, 100, 1000, 20000])
def test_about_thirty_frames_a_second_at_most(speed):
    frames = run(Pace(), speed)
    assert frames <= 37
    assert frames >= min(speed, 15) * 0.9


def test_a_viewer_may_ask_for_more():
    assert 45 <= run(Pace(), 1000, wanted=100.0) <= 121


def test_a_slow_viewer_gets_fewer():
    assert run(Pace(), 1000, wanted=5.0) <= 7


@pytest.mark.parametrize("cost", [0.0005, 0.002, 0.01])
def test_frames_take_about_three_hundredths_of_a_workers_time(cost):
    share = cost * run(Pace(), 1000, seconds=10.0, cost=cost)
    assert share <= 0.037
    assert share >= 0.013 or cost == 0.0005  # a power of two that is as large as it may be


def test_however_much_they_cost_some_frames_come():
    assert run(Pace(), 100, seconds=40.0, cost=5.0) >= SLOWEST * 0.5


def test_interests_of_one_tick_count_once():
    pace = Pace()
    for k in range(100):
        for _ in range(3):
            pace.arrived(0.01 * k, k)
    assert pace.rate(1.0) == pytest.approx(100, rel=0.05)


def test_a_run_that_slows_down_publishes_every_tick_again():
    pace = Pace()
    run(pace, 1000)
    assert pace.every > 16
    pace.choose(60.0, 30.0)
    assert pace.every == 1


def test_broken_frames_make_it_ask_for_less():
    pace = Pace()
    for k in range(10):
        pace.arrived(0.1 * k, k)
        pace.completed(3)
    pace.choose(1.0, 30.0)
    assert pace.every == 2


def test_an_allowance_keeps_its_rate_whatever_the_sizes():
    allowance, now, sent = Allowance(1000.0), 50.0, 0
    for size in (10, 5000, 300, 1, 700) * 20:
        now += allowance.wait(now)
        allowance.spend(now, size)
        sent += size
    assert (now - 50.0) == pytest.approx((sent - 700) / 1000, abs=0.3)


def test_an_allowance_that_was_not_used_is_lost_but_for_a_moment():
    allowance = Allowance(1000.0)
    allowance.spend(0.0, 1000)
    allowance.spend(100.0, 1000)
    assert 0.7 < allowance.wait(100.0) < 1.0
    assert Allowance(None).wait(0.0) == 0.0
