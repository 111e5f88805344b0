"""One frame as a PNG."""

import subprocess
import sys

import numpy as np
import pytest

from partitions.frames import Frame, quantise
from tests.viewer.pretend import world
from viewer import colour, image
from viewer.child import spawn
from viewer.image import ImageError, default_size, write_image
from viewer.open3d_loader import load_open3d, probe

MISSING = probe("legacy")
needs_open3d = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


def frame(meta, places, heading=None, scalar=None):
    columns = tuple(np.array(places, float).T)
    ahead = None if heading is None else tuple(np.array(heading, float).T)
    low, high = tuple(map(float, meta["low"])), tuple(map(float, meta["high"]))
    return Frame(3, low, high, (quantise(0, low, high, columns, None, ahead, scalar),))


def pixels(path):
    return np.asarray(load_open3d().io.read_image(str(path)))


@needs_open3d
def test_a_map_shows_birds_where_they_are_in_the_colour_of_their_direction(tmp_path):
    meta = world()
    places, heading = [(100, 100), (300, 100), (300, 320)], [(1, 0), (0, 1), (-1, 0)]
    picture = pixels(write_image(tmp_path / "a.png", meta, frame(meta, places, heading), (640, 640)))
    assert picture.shape == (640, 640, 3)
    half = 1.03 * 200
    for (x, y), turn in zip(places, (0, 0.25, 0.5), strict=True):
        column, row = (int(320 + side * (v - 200) / half * 320) for side, v in ((1, x), (-1, y)))
        assert np.abs(picture[row, column] - np.array(colour.wheel(turn)) * 255).max() < 8
    empty = picture[320 - 60 : 320 - 40, 320 - 60 : 320 - 40]
    assert np.abs(empty - np.array(colour.GROUND) * 255).max() < 3


@needs_open3d
def test_a_field_is_drawn_in_the_colours_of_the_map(tmp_path):
    meta = world()
    scalar = np.array([1.0, 2.0, 3.0])
    places = [(100, 200), (200, 100), (300, 200)]
    picture = pixels(write_image(tmp_path / "a.png", meta, frame(meta, places, None, scalar), (400, 400)))
    for (x, y), t in zip(places, (0, 0.5, 1), strict=True):
        column, row = int(200 + (x - 200) / 1.03), int(200 - (y - 200) / 1.03)
        assert np.abs(picture[row, column] - np.array(colour.ramp(t)) * 255).max() < 8


@needs_open3d
def test_space_is_drawn_in_perspective_inside_the_picture(tmp_path):
    meta = world(3)
    rng = np.random.default_rng(0)
    places = rng.uniform((0, 0, 0), (400, 400, 200), (2000, 3))
    picture = pixels(write_image(tmp_path / "a.png", meta, frame(meta, places, rng.normal(size=(2000, 3)))))
    assert picture.shape == (720, 1280, 3)
    lit = (picture.astype(int) - np.rint(np.array(colour.GROUND) * 255)).max(axis=2) > 40
    assert 0.02 < lit.mean() < 0.6
    assert not lit[[0, -1]].any()
    assert not lit[:, [0, -1]].any()


@needs_open3d
def test_an_empty_world_is_a_picture_of_its_box(tmp_path):
    meta = world()
    path = write_image(tmp_path / "a.png", meta, Frame(0, (0.0, 0.0, 0.0), (400.0, 400.0, 0.0), ()), (200, 200))
    assert pixels(path).max() > 60


def test_the_picture_has_the_proportions_of_a_map():
    assert default_size(world(high=[400, 200, 0])) == (1280, 640)
    assert default_size(world(high=[200, 400, 0])) == (640, 1280)
    assert default_size(world(3)) == (1280, 720)


def test_a_folder_that_is_not_there_and_another_format_are_errors(tmp_path):
    meta = world()
    empty = frame(meta, np.zeros((0, 2)))
    with pytest.raises(ImageError, match=r"(?s)folder .*nowhere does not exist.*could not be written.*Make the folder"):
        write_image(tmp_path / "nowhere" / "a.png", meta, empty)
    with pytest.raises(ImageError, match=r"(?s)ends with .png.*not written.*Use .*a.png"):
        write_image(tmp_path / "a.jpg", meta, empty)


def test_a_driver_that_aborts_is_an_error_of_the_picture_only(tmp_path, monkeypatch):
    def aborting(module, arguments=(), *, stderr=None):
        command = [sys.executable, "-c", "import os, sys; sys.stdin.buffer.read(); os.abort()"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)

    monkeypatch.setattr(image, "spawn", aborting)
    meta = world()
    with pytest.raises(ImageError, match=r"(?s)process ended with -6.*no picture.*apt-get install libegl1"):
        write_image(tmp_path / "a.png", meta, frame(meta, [(1, 1)]))


def test_a_missing_driver_is_named(tmp_path, monkeypatch):
    """With Mesa's EGL hidden from the child, OpenGL gives no context."""

    def blind(module, arguments=(), *, stderr=None):
        monkeypatch.setenv("__EGL_VENDOR_LIBRARY_FILENAMES", str(tmp_path / "none.json"))
        monkeypatch.delenv("DISPLAY", raising=False)
        return spawn(module, arguments, stderr=stderr)

    if MISSING is None:
        monkeypatch.setattr(image, "spawn", blind)
    meta = world()
    with pytest.raises(ImageError, match=r"(?s)asked.*apt-get install lib|pip install"):
        write_image(tmp_path / "a.png", meta, frame(meta, [(1, 1)]))
    assert not (tmp_path / "a.png").exists()
