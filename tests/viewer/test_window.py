"""The Open3D window, and what is said where there can be none."""

import math
import shutil

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedOK

from tests.viewer.pictures import framed
from tests.viewer.pretend import birds, until, watched, world
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
    missing = probe("import")
    if missing is not None:
        pytest.skip(missing)
    screen = Screen(tmp_path)
    monkeypatch.setenv("DISPLAY", screen.name)
    yield screen
    screen.close()


@pytest.fixture(params=["gui", "legacy"])
def kind(request, display):
    """A kind of window that opens on the display."""
    missing = probe(request.param)
    if missing is not None:
        pytest.skip(missing)
    return request.param


def opened(hub, kind=None):
    window = open_window(hub, kind)
    assert isinstance(window, Window), window
    return window


def near(picture, colour, tolerance=4):
    """Rows and columns of the pixels of that colour, (n, 2)."""
    wanted = np.rint(np.array(colour) * 255)
    return np.argwhere(np.abs(picture - wanted).max(axis=2) < tolerance)


def test_a_window_takes_frames_like_any_viewer_and_closes(start, display, kind):
    hub, (publisher,) = start(world())
    window = opened(hub, kind)
    watched(hub)
    for tick, n in enumerate((3, 10_000, 1, 7)):
        turn = tick / 4
        around = [(math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn))] * n
        until(lambda: publisher.publish(tick, birds([(20.0, 30.0)] * n, around), force=True))  # noqa: B023
        until(lambda: len(near(display.pixels(), wheel(turn))), 60)  # noqa: B023
    assert window.open
    window.close()
    assert window.process.returncode == 0
    until(lambda: hub.viewers == 0)


def test_a_window_shows_layers_and_models_where_they_are(start, display, kind):
    meta = world(grass=True)
    meta["types"][0]["view"] = {"model": "car", "size": 60.0, "color": "#ff0000"}
    hub, (publisher,) = start(meta)
    window = opened(hub, kind)
    watched(hub)
    grass = np.zeros((4, 4))
    grass[0, 3] = 1.0  # low right
    until(lambda: publisher.publish(0, birds([(50.0, 350.0)], grass=grass), force=True))
    ground = np.array(GROUND)
    leaf = ground + 0.8 * (table("moss faded")[-1] - ground)
    until(lambda: len(near(display.pixels(), leaf)) > 1000, 60)
    picture = display.pixels().astype(int)
    (low, right), (high, left) = (
        near(picture, leaf).mean(axis=0),
        np.argwhere((picture[:, :, 0] > 120) & (picture[:, :, 1:].max(axis=2) < 30)).mean(axis=0),
    )
    assert low > high + 300 and right > left + 300
    window.close()


def test_a_click_shows_the_fields_of_an_entity_and_keys_act(start, display, kind):
    meta = world()
    meta["types"][0]["view"] = {"model": "disc", "size": 30.0}
    hub, (publisher,) = start(meta)
    window = opened(hub, kind)
    watched(hub)
    told = []

    def show():
        told.extend(hub.commands())
        publisher.publish(
            len(told), birds([(120.0, 300.0), (300.0, 90.0)], [(1, 0), (0, 1)], energy=[3, 4]), force=True
        )

    def seen(turn):
        show()
        return len(near(display.pixels(), wheel(turn))) > 100

    until(lambda: seen(0.25), 60)
    row, column = near(display.pixels(), wheel(0.25)).mean(axis=0)
    before = display.pixels()
    try:
        if kind == "legacy":
            display.click(*np.array((700, 100)))
            display.press("p")
        display.click(column, row)
    except OSError as error:
        window.close()
        pytest.skip(f"no XTest: {error}")
    # Its fields stand beside it, or in the panel.
    until(lambda: (show(), (np.abs(display.pixels().astype(int) - before).max(axis=2) > 60).sum() > 300)[1], 30)
    assert publisher_wants(publisher) == [1]
    display.press(" ")
    until(lambda: (show(), {"op": "pause"} in told)[1], 30)
    display.press(".")
    until(lambda: (show(), {"op": "step", "n": 1} in told)[1], 30)
    display.press("c")  # as declared, then by type
    until(lambda: (show(), len(near(display.pixels(), type_colour(0))) > 100)[1], 30)
    window.close()


def publisher_wants(publisher):
    """The ids whose fields are wanted."""
    return sorted({id for interest in publisher.interests for id in interest.selected})


def test_a_window_ends_with_its_hub(start, display):
    hub, _ = start(world())
    window = opened(hub)
    assert hub.wait_first_client(60)
    hub.close()
    assert window.process.wait(60) == 0
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
