"""Play: the buttons and keys reach the run; the time line goes back over what the page keeps, or through a recording."""

import pytest

from tests.viewer.page.meadow import meadow

RUNNING = {"tick": 1, "running": True, "paused": False, "rate": None, "ticks_per_second": 25.0}


def test_play_pause_step_and_rate_reach_the_run_by_mouse_and_keys(look):
    seen = look()
    seen.stage.tell(status=RUNNING)
    seen.wait_text("#state-text", "Running")
    seen.page.click("#play")
    seen.stage.heard("pause")
    seen.stage.tell(status={**RUNNING, "paused": True, "rate": 10})
    seen.wait_text("#state-text", "Paused")
    seen.wait("document.querySelector('#rates [data-hz=\"10\"]').getAttribute('aria-pressed') === 'true'")
    seen.page.keyboard.press(".")
    seen.stage.heard("step", n=1)
    seen.page.keyboard.press(" ")
    seen.stage.heard("play")
    seen.page.click("#rates [data-hz='30']")
    seen.stage.heard("rate", hz=30)
    seen.page.click("#rates [data-hz='']")
    seen.stage.heard("rate", hz=None)
    steps = len(seen.stage.ops("step"))
    seen.page.click("#step")
    seen.wait("true")
    assert seen.value("new Promise((done) => setTimeout(done, 50))") is None
    assert len(seen.stage.ops("step")) == steps + 1


def test_tick_speed_lag_and_state_are_told(look):
    seen = look()
    seen.scenery(3)
    seen.stage.tell(status={**RUNNING, "tick": 3})
    seen.wait_text("#speed", "25")
    assert seen.page.text_content("#tick") == "3"
    assert "5,000" in seen.page.text_content("#ticks")
    seen.wait("/^[1-9][0-9.]* (ms|s)$/.test(document.getElementById('lag').textContent)")
    first = seen.page.text_content("#lag")
    seen.wait(f"document.getElementById('lag').textContent !== '{first}'")  # nothing new came: the picture grows older
    seen.stage.tell(status={**RUNNING, "paused": True})
    seen.wait_text("#lag", "0 ms")
    seen.scenery(4)
    seen.scenery(5)
    seen.wait("+document.getElementById('frames').textContent > 0")
    seen.stage.tell(status={**RUNNING, "running": False})
    seen.wait_text("#state-text", "Finished")


def test_the_time_line_goes_back_while_the_run_goes_on_and_live_returns(look, shots):
    seen = look()
    for tick in range(10, 31):
        seen.scenery(tick)
    seen.slide("#time", 0.25)
    assert seen.value("S.tick") == 15
    acks = seen.stage.acks
    seen.stage.frame(31)
    seen.stage.frame(32)
    seen.wait("S.store.last === 32")
    assert seen.value("S.tick") == 15, "what comes must not move who looks back"
    seen.wait("document.getElementById('time').max === '32'")
    seen.wait_text("#past", "17 ticks back")
    assert seen.stage.acks >= acks + 1  # the hub goes on sending
    seen.page.screenshot(path=shots / "past.png")
    seen.page.click("#live")
    assert seen.value("[S.tick, S.timeline.live]") == [32, True]
    seen.frame(33)
    assert seen.value("S.tick") == 33


def test_arrows_go_frame_by_frame_and_escape_comes_back(look):
    seen = look()
    for tick in (10, 20, 30):
        seen.scenery(tick)
    seen.page.keyboard.press("ArrowLeft")
    seen.page.keyboard.press("ArrowLeft")
    assert seen.value("S.tick") == 10
    seen.page.keyboard.press("ArrowRight")
    assert seen.value("S.tick") == 20
    seen.page.keyboard.press("Escape")
    assert seen.value("[S.tick, S.timeline.live]") == [30, True]


@pytest.mark.slow
def test_the_page_keeps_frames_up_to_its_bytes_and_always_the_newest(look):
    seen = look()
    seen.value("S.store.most = 60000")
    for tick in range(1, 12):
        seen.scenery(tick)
    assert seen.value("S.store.bytes <= 60000 && S.store.last === 11 && S.store.first > 1")
    assert seen.value("S.store.frames.length") >= 2
    seen.value("S.store.most = 10")
    seen.scenery(12)
    assert seen.value("[S.store.frames.length, S.store.last]") == [1, 12]


def test_a_recording_is_its_time_line(look):
    seen = look(meadow(live=False, first=100, last=300))
    seen.scenery(100)
    seen.wait("document.getElementById('time').max === '300' && document.getElementById('time').min === '100'")
    assert seen.page.is_hidden("#live")
    seen.slide("#time", 0.5)
    seen.stage.heard("seek", tick=200)
    seen.scenery(200)
    assert seen.value("S.tick") == 200
    seen.scenery(150)  # wound back
    assert seen.value("S.tick") == 150
    seen.page.keyboard.press("ArrowLeft")
    seen.stage.heard("seek", tick=149)
    seen.tab("run")
    seen.wait_text("[data-parameter=speed] .why", "recording")
    assert seen.page.is_disabled("#parameter-0-slider")


@pytest.mark.slow
def test_who_may_only_watch_sees_why_the_controls_do_nothing(look, shots):
    seen = look(control=False)
    seen.scenery(1)
    seen.wait("document.getElementById('play').disabled")
    assert seen.page.is_visible("#watching")
    for place in ("#play", "#step", "#rates [data-hz='10']"):
        assert seen.page.is_disabled(place)
        assert "watch" in seen.page.get_attribute(place, "title")
    seen.page.keyboard.press(" ")
    seen.page.keyboard.press(".")
    seen.tab("run")
    seen.wait_text("[data-parameter=speed] .why", "watch")
    assert seen.page.is_disabled("#parameter-0") and seen.page.is_disabled("#parameter-0-slider")
    seen.page.screenshot(path=shots / "view-only.png")
    seen.page.click("#share")
    assert seen.page.is_hidden("#right-control")
    assert "token=view" in seen.page.input_value("#shared")
    assert {m["op"] for m in seen.stage.said} == {"interest"}


def test_keys_press_the_tools(look):
    seen = look()
    for key, tool in (("g", "grid"), ("t", "light"), ("v", "solid"), ("p", "partitions")):
        before = seen.page.get_attribute(f"#toggle-{tool}", "aria-pressed")
        seen.page.keyboard.press(key)
        assert seen.page.get_attribute(f"#toggle-{tool}", "aria-pressed") != before


def test_help_tells_of_the_keys_and_escape_closes_it(look, shots):
    seen = look()
    seen.page.keyboard.press("?")
    assert seen.page.is_visible("#helping")
    assert "Play or pause" in seen.page.text_content("#helping")
    seen.page.screenshot(path=shots / "help.png")
    seen.page.keyboard.press(" ")  # not for the run
    seen.page.keyboard.press("Escape")
    seen.wait("!document.getElementById('helping').open")
    assert {m["op"] for m in seen.stage.said} == {"interest"}


@pytest.mark.slow
def test_typing_is_no_command(look):
    seen = look()
    seen.page.click("#type-0-where")
    seen.page.keyboard.type("energy < .5 and g p")
    assert seen.page.input_value("#type-0-where") == "energy < .5 and g p"
    assert {m["op"] for m in seen.stage.said} == {"interest"}
