"""The Open3D window, and what is said where there can be none."""

import contextlib
import math
import re
import shutil
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedOK

from tests.viewer.pictures import framed
from tests.viewer.pretend import InVain, Standing, birds, until, world
from tests.viewer.screen import Screen
from viewer import open3d_loader
from viewer.colour import GROUND, table, type_colour, wheel
from viewer.open3d_loader import Open3DMissing, load_open3d, probe
from viewer.stream import Stream
from viewer.window import Window, open_window


def test_without_a_display_the_page_is_offered(start, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    hub, _ = start(world())
    message = open_window(hub)
    assert isinstance(message, str)
    assert message.splitlines()[0].endswith("(DISPLAY and WAYLAND_DISPLAY are empty).")
    assert message.endswith(hub.url)


@pytest.fixture
def display(monkeypatch, tmp_path):
    """A screen in memory."""
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb: apt-get install xvfb")
    screen = Screen(tmp_path)
    monkeypatch.setenv("DISPLAY", screen.name)
    yield screen
    screen.close()


missing = cache(probe)


@pytest.fixture(params=[pytest.param("gui", marks=pytest.mark.slow), "legacy"])
def kind(request, display):
    """A kind of window that opens on the display."""
    if missing(request.param) is not None:
        pytest.skip(missing(request.param))
    return request.param


class Watched:
    """A run that stands still, and the window that shows it."""

    def __init__(self, hub, publisher, window, display):
        self.hub, self.window = hub, window
        self.run = Standing(hub, publisher)
        self._publisher, self._display = publisher, display

    @property
    def selected(self):
        """The ids whose fields are wanted."""
        return sorted({id for interest in self._publisher.interests for id in interest.selected})

    def until(self, claim, seconds=120.0):
        """Wait for what is to be seen or told; a window that has ended will not do it."""

        def come_true():
            assert self.window.open, f"the window has ended: {self.window.said}"
            self.run.serve()
            return claim()

        try:
            until(come_true, seconds)
        except InVain as error:
            error.add_note(f"the window has said: {self.window.said}")
            colours, counts = np.unique(self._display.pixels().reshape(-1, 3), axis=0, return_counts=True)
            most = counts.argsort()[::-1][:12]
            seen = ", ".join(f"{counts[k]} of {colours[k].tolist()}" for k in most)
            error.add_note(f"the most frequent of {len(counts)} colours on the screen: {seen}")
            error.add_note(f"what the workers were asked for: {self._publisher.interests}")
            raise

    def shows(self, colour, least=1):
        """Wait until so many pixels have that colour; their mean row and column."""
        self.until(lambda: len(near(self._display.pixels(), colour)) >= least)
        return near(self._display.pixels(), colour).mean(axis=0)

    def closes(self):
        """Ask the window to end, as `close` does, with time for a busy machine."""
        self.window.process.stdin.close()
        assert self.window.process.wait(60) == 0
        assert self.window.fault is None


@pytest.fixture
def watch(start, display):
    """Open windows; they end with the test, however it goes."""
    with contextlib.ExitStack() as closing:

        def begin(meta, kind=None):
            hub, (publisher,) = start(meta)
            window = open_window(hub, kind)
            if not isinstance(window, Window):
                assert kind is None, window
                pytest.skip(window)
            closing.callback(window.close)
            return Watched(hub, publisher, window, display)

        yield begin


def near(picture, colour, tolerance=4):
    """Rows and columns of the pixels of that colour, (n, 2)."""
    wanted = np.rint(np.array(colour) * 255)
    return np.argwhere(np.abs(picture - wanted).max(axis=2) < tolerance)


def test_a_window_takes_frames_like_any_viewer_and_closes(watch, kind):
    watched = watch(world(), kind)
    for tick, n in enumerate((3, 10_000, 1, 7)):
        turn = tick / 4
        around = [(math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn))] * n
        watched.run.show(tick, birds([(20.0, 30.0)] * n, around))
        watched.shows(wheel(turn))
    watched.closes()
    until(lambda: watched.hub.viewers == 0)


@pytest.mark.slow
def test_a_window_shows_layers_and_models_where_they_are(watch, display, kind):
    meta = world(grass=True)
    meta["types"][0]["view"] = {"model": "car", "size": 60.0, "color": "#ff0000"}
    watched = watch(meta, kind)
    grass = np.zeros((4, 4))
    grass[0, 3] = 1.0  # low right
    watched.run.show(0, birds([(50.0, 350.0)], grass=grass))
    ground = np.array(GROUND)
    leaf = ground + 0.8 * (table("moss faded")[-1] - ground)

    def seen():
        """Mean places of the leaf and of the car."""
        picture = display.pixels().astype(int)
        car = np.argwhere((picture[:, :, 0] > 120) & (picture[:, :, 1:].max(axis=2) < 30))
        green = near(picture, leaf)
        return (green.mean(axis=0), car.mean(axis=0)) if len(green) > 1000 and len(car) else None

    watched.until(seen)
    (low, right), (high, left) = seen()
    assert low > high + 300 and right > left + 300


@pytest.mark.slow
def test_a_click_shows_the_fields_of_an_entity_and_keys_act(watch, display, kind):
    meta = world()
    meta["types"][0]["view"] = {"model": "disc", "size": 30.0}
    watched = watch(meta, kind)
    told = watched.run.told
    watched.run.show(0, birds([(120.0, 300.0), (300.0, 90.0)], [(1, 0), (0, 1)], energy=[3, 4]))
    watched.shows(wheel(0.25), 100)
    before = display.pixels().astype(int)
    # A picture may be that of a window still being laid out: then the click goes astray, and is made again.
    for _ in range(10):
        row, column = watched.shows(wheel(0.25), 100)
        try:
            if kind == "legacy":
                display.click(700, 100)
                display.press("p")
            display.click(column, row)
        except OSError as error:
            pytest.skip(f"no XTest: {error}")
        with contextlib.suppress(InVain):
            watched.until(lambda: watched.selected == [1], 12)
            break
    # Its fields stand beside it, or in the panel.
    watched.until(lambda: (np.abs(display.pixels().astype(int) - before).max(axis=2) > 60).sum() > 300)
    assert watched.selected == [1]
    display.press(" ")
    watched.until(lambda: {"op": "pause"} in told)
    display.press(".")
    watched.until(lambda: {"op": "step", "n": 1} in told)
    display.press("c")  # as declared, then by type
    watched.shows(type_colour(0), 101)


@pytest.mark.slow
def test_a_window_ends_with_its_hub(watch):
    watched = watch(world())
    assert watched.hub.wait_first_client(60)
    watched.hub.close()
    assert watched.window.process.wait(60) == 0


def test_a_window_that_ends_by_itself_says_why(tmp_path):
    with open(tmp_path / "said", "w+b") as said:
        child = [sys.executable, "-c", "import sys; sys.exit('the screen is gone')"]
        pipe = subprocess.PIPE
        window = Window(subprocess.Popen(child, stdin=pipe, stdout=pipe, stderr=said), "gui", said)
        try:
            assert window.process.wait(60) == 1
            assert not window.open
            assert re.fullmatch(r"(?s).*ended with 1\.\n.*the screen is gone\n.*the page.*", window.fault)
        finally:
            window.close()


class Spoken:
    """A client that receives nothing."""

    def __init__(self, meta):
        self.news, self.models, self.said = {"meta": meta}, {}, []

    def receive_texts(self, key):
        return self.news[key]

    def interest(self, **said):
        self.said.append(said)

    def ask(self, command):
        self.said.append(command)

    def frame(self):
        raise ConnectionClosedOK(None, None)


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.setattr(Stream, "_watch_parent", lambda self: None)
    return lambda meta: Stream(Spoken(meta))


def test_of_those_under_the_pointer_the_one_in_front_is_picked(stream):
    meta = world(3)
    made = stream(meta)
    made._newest = framed(meta, [(200, 100, 100), (200, 300, 100), (320, 200, 100)], ids=[7, 8, 9])
    made.take()
    # From -y, x to the right and z up: w is the way from y = -500.
    matrix = np.array([[1, 0, 0, -200], [0, 0, 1, -100], [0, 0.1, 0, 0], [0, 1, 0, 500]], float)
    assert made.pick(matrix, (400, 300), 203, 148) == 7
    assert made.client.said[-1]["selected"] == [7]
    assert made.pick(matrix, (400, 300), 20, 20) is None
    assert made.client.said[-1]["selected"] == []
    away = 120 / 700 * 200
    assert made.pick(matrix, (400, 300), 200 + away, 150) == 9
    assert np.allclose(made.selected_place, (320, 200, 100), atol=0.01)


def test_what_is_coloured_by_goes_round(stream):
    made = stream(world())
    assert made.choices == ["as declared", "type", "direction", "velocity", "energy", "mood"]
    for index in range(1, 7):
        made.colour_by(made.chosen + 1)
        assert made.chosen == index % 6
    made.colour_by(4)
    assert made.client.said[-1]["types"] == {"Bird": {"show": True, "fields": ["energy"]}}


@pytest.mark.parametrize(
    ("said", "library", "package"),
    [
        ("libusb-1.0.so.0: cannot open shared object file", "libusb-1.0.so.0", "libusb-1.0-0"),
        ("libEGL.so.1: cannot open shared object file", "libEGL.so.1", "libegl1"),
        ("libX11.so.6: cannot open shared object file", "libX11.so.6", "libx11-6"),
    ],
)
def test_a_missing_system_library_is_named_with_its_package(monkeypatch, said, library, package):
    def broken(name):
        if name == "open3d":
            raise ImportError(said)
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(open3d_loader.importlib, "import_module", broken)
    monkeypatch.setattr(open3d_loader.ctypes, "CDLL", lambda *_, **__: None)
    with pytest.raises(
        Open3DMissing, match=rf"(?s){library} is missing.*Nothing.*apt-get install {package}.*use the page"
    ):
        load_open3d()


def test_a_missing_package_is_named(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(open3d_loader.importlib, "import_module", absent)
    with pytest.raises(Open3DMissing, match=r"(?s)package open3d is not installed.*pip install open3d"):
        load_open3d()
