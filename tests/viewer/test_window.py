"""The Open3D window, and what is said where there can be none."""

import math
import shutil
import struct
import subprocess

import numpy as np
import pytest

from tests.viewer.pretend import birds, until, world
from viewer import open3d_loader
from viewer.colour import wheel
from viewer.open3d_loader import Open3DMissing, load_open3d, probe
from viewer.window import Window, open_window


def test_without_a_display_the_page_is_offered(start, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    hub, _ = start(world())
    message = open_window(hub)
    assert isinstance(message, str)
    assert message.splitlines()[0].endswith("(DISPLAY and WAYLAND_DISPLAY are empty).")
    assert message.endswith(hub.url)


def screen(path):
    """Read a dump of X (XWD, 32 bits per pixel)."""
    data = path.read_bytes()
    head = struct.unpack_from(">25I", data)
    width, height, line, colours = head[4], head[5], head[12], head[19]
    rows = np.frombuffer(data, np.uint8, line * height, head[0] + 12 * colours).reshape(height, line // 4, 4)
    return rows[:, :width, 2::-1]


@pytest.fixture
def display(monkeypatch, tmp_path):
    """A screen in memory; gives what its pixels are, (900, 1400, 3) uint8."""
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb: apt-get install xvfb")
    missing = probe("import")
    if missing is not None:
        pytest.skip(missing)
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-fbdir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        monkeypatch.setenv("DISPLAY", ":" + server.stdout.readline().decode().strip())
        yield lambda: screen(tmp_path / "Xvfb_screen0")
        server.terminate()


def test_a_window_takes_frames_like_any_viewer_and_closes(start, display):
    hub, (publisher,) = start(world())
    window = open_window(hub)
    assert isinstance(window, Window), window
    until(lambda: {"op": "refresh"} in hub.commands(), 60)
    for tick, n in enumerate((3, 10_000, 1, 7)):
        turn = tick / 4
        around = [(math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn))] * n
        until(lambda: publisher.publish(tick, birds([(20.0, 30.0)] * n, around), force=True))  # noqa: B023
        wanted = np.rint(np.array(wheel(turn)) * 255)
        until(lambda: (np.abs(display() - wanted).max(axis=2) < 4).any(), 60)  # noqa: B023
    assert window.open
    window.close()
    assert window.process.returncode == 0
    until(lambda: hub.viewers == 0)


def test_a_window_ends_with_its_hub(start, display):
    hub, _ = start(world())
    window = open_window(hub)
    assert isinstance(window, Window), window
    assert hub.wait_first_client(60)
    hub.close()
    assert window.process.wait(60) == 0
    window.close()


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
