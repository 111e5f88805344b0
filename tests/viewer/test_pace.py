"""How often workers publish."""

import pytest

from viewer.pace import Pace


def run(pace, ticks_per_second, seconds=3.0, wanted=60.0, start=0.0):
    """A run of constant speed that publishes as told; the frames that came per second in the last one."""
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
            pace.choose(now, wanted)
    return sum(1 for t in frames if t > start + seconds - 1)


def test_it_starts_with_every_tick():
    assert Pace().every == 1


@pytest.mark.parametrize("speed", [5, 29, 50, 100, 1000, 20000])
def test_about_thirty_frames_a_second_at_most(speed):
    frames = run(Pace(), speed)
    assert frames <= 37
    assert frames >= min(speed, 15) * 0.9


def test_a_slow_viewer_gets_fewer():
    assert run(Pace(), 1000, wanted=5.0) <= 7


def test_a_run_that_slows_down_publishes_every_tick_again():
    pace = Pace()
    run(pace, 1000)
    assert pace.every > 16
    pace.choose(60.0, 60.0)
    assert pace.every == 1


def test_broken_frames_make_it_ask_for_less():
    pace = Pace()
    for k in range(10):
        pace.arrived(0.1 * k, k)
        pace.completed(3)
    pace.choose(1.0, 60.0)
    assert pace.every == 2
