"""One frame as a PNG."""

import subprocess
import sys

import numpy as np
import pytest

from partitions.frames import Frame
from tests.viewer.pictures import MISSING, at, bytes_of, framed, needs_open3d, pixels
from tests.viewer.pretend import world
from viewer import colour, png, render
from viewer.camera import Camera, CameraError
from viewer.child import spawn
from viewer.image import ImageError, default_size, write_image
from viewer.look import LookError

EMPTY = Frame(0, 0, (0.0, 0.0, 0.0), (400.0, 400.0, 0.0), ())


@needs_open3d
def test_a_map_shows_birds_where_they_are_in_the_colour_of_their_direction(tmp_path):
    meta = world()
    places, heading = [(100, 100), (300, 100), (300, 320)], [(1, 0), (0, 1), (-1, 0)]
    picture = pixels(write_image(tmp_path / "a.png", meta, framed(meta, places, heading=heading), (640, 640)))
    assert picture.shape == (640, 640, 3)
    wanted = bytes_of(*(colour.wheel(turn) for turn in (0, 0.25, 0.5)))
    assert np.abs(at(picture, meta, places) - wanted).max() < 8
    assert np.abs(at(picture, meta, [(170, 170), (330, 30)]) - bytes_of(colour.GROUND)).max() < 3


@needs_open3d
@pytest.mark.parametrize("camera", [
    Camera(-35, 31), pytest.param(Camera(120, 60, 1.7), marks=pytest.mark.slow),
    pytest.param(Camera(0, 0), marks=pytest.mark.slow), Camera(0, 90, flat=True),
])  # fmt: skip
def test_space_is_seen_where_the_projection_says(tmp_path, camera):
    meta = world(3)
    meta["types"][0]["view"] = {"model": "ball", "size": 24.0, "color": "#ff4000"}
    rng = np.random.default_rng(1)
    places = rng.uniform((130, 130, 60), (270, 270, 140), (12, 3))
    picture = pixels(write_image(tmp_path / "a.png", meta, framed(meta, places), (640, 400), camera=camera))
    seen = at(picture, meta, places, camera)
    # Red light on the ball, whatever its shade.
    assert (seen[:, 0] > 90).all() and (seen[:, 0] > 2 * seen[:, 2]).all()
    lit = picture[:, :, 0] > picture[:, :, 2] + 40
    assert lit.mean() < 0.2


@needs_open3d
def test_a_field_is_drawn_in_the_colours_of_the_map(tmp_path):
    meta = world()
    places = [(100, 200), (200, 100), (300, 200)]
    frame = framed(meta, places, colour="energy", energy=[1.0, 2.0, 3.0])
    picture = pixels(write_image(tmp_path / "a.png", meta, frame, (400, 400), "energy"))
    assert np.abs(at(picture, meta, places) - bytes_of(*(colour.ramp(t) for t in (0, 0.5, 1)))).max() < 8


@pytest.mark.slow
@needs_open3d
def test_an_enumeration_is_drawn_in_the_colours_of_its_labels(tmp_path):
    meta = world()
    meta["types"][0]["view"] = {"color_by": "mood"}
    meta["types"][0]["fields"][2]["labels"] = {"0": "calm", "1": "INFECTED"}
    places = [(100, 200), (200, 100)]
    picture = pixels(write_image(tmp_path / "a.png", meta, framed(meta, places, mood=[0, 1]), (400, 400)))
    wanted = bytes_of(colour.label_colour(0, "calm"), colour.label_colour(1, "infected"))
    assert np.abs(at(picture, meta, places) - wanted).max() < 8
    assert wanted[1, 0] > 2 * wanted[1, 2]  # the infected are red


@needs_open3d
def test_the_rows_of_a_layer_go_up(tmp_path):
    meta = world(grass=True)
    grass = np.zeros((4, 4))
    grass[0, 1], grass[3, 2] = 2.0, 1.0
    frame = framed(meta, np.zeros((0, 2)), grass=grass)
    picture = pixels(write_image(tmp_path / "a.png", meta, frame, (400, 400)))
    cells = [(150, 50), (250, 350), (50, 50), (150, 350)]
    seen = at(picture, meta, cells)
    shares = np.array([255, 128, 0, 0])
    ground = np.array(colour.GROUND)
    wanted = ground + 0.8 * (colour.table("moss faded")[shares] - ground)
    assert np.abs(seen - 255 * wanted).max() < 5
    # Cells have edges.
    assert np.abs(at(picture, meta, [(103, 50), (197, 3)]) - 255 * wanted[0]).max() < 5


@needs_open3d
def test_a_crowd_is_bright_where_it_is(tmp_path):
    meta = world()
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.normal((100, 300), 8, (3000, 2)), [(300, 100)]])
    picture = pixels(write_image(tmp_path / "a.png", meta, framed(meta, places, mode="density"), (400, 400)))
    there, one, nobody = at(picture, meta, [(100, 300), (300, 100), (220, 180)]).sum(axis=1)
    assert there > one + 100 > nobody + 120


@needs_open3d
def test_a_layer_in_space_is_cubes(tmp_path):
    meta = world(3, grass=True)
    meta["layers"][0]["shape"] = [2, 4, 4]
    values = np.zeros((2, 4, 4))
    values[1, 3, 0] = 1.0
    from partitions.frames import Block

    about = {"layer": 0, "field": "height", "low": [0, 0, 0], "high": [400, 400, 200], "range": [0.0, 1.0], "stride": 1}
    frame = Frame(0, 0, (0.0, 0.0, 0.0), (400.0, 400.0, 200.0), (Block("layer", about, {"values": values}),))
    picture = pixels(write_image(tmp_path / "a.png", meta, frame, (640, 400)))
    assert at(picture, meta, [(50, 350, 150)]).sum() > 300
    assert at(picture, meta, [(350, 50, 50)]).sum() < 90


@needs_open3d
def test_geometry_and_surfaces_are_drawn(tmp_path):
    meta = world(geometry=[[[100, 50], [100, 350]]])
    picture = pixels(write_image(tmp_path / "a.png", meta, EMPTY, (400, 400)))
    assert at(picture, meta, [(100, 200)]).min() > 150
    wall = [[[100, 100, 100], [300, 100, 100], [300, 300, 100]], [[100, 100, 100], [300, 300, 100], [100, 300, 100]]]
    meta = world(3, surfaces=wall)
    frame = Frame(0, 0, (0.0, 0.0, 0.0), (400.0, 400.0, 200.0), ())
    picture = pixels(write_image(tmp_path / "b.png", meta, frame, (640, 400)))
    assert at(picture, meta, [(200, 200, 100)]).min() > 60


@needs_open3d
def test_space_fits_into_the_picture(tmp_path):
    meta = world(3)
    rng = np.random.default_rng(0)
    places = rng.uniform((0, 0, 0), (400, 400, 200), (2000, 3))
    picture = pixels(write_image(tmp_path / "a.png", meta, framed(meta, places, heading=rng.normal(size=(2000, 3)))))
    assert picture.shape == (720, 1280, 3)
    lit = (picture.astype(int) - bytes_of(colour.GROUND)).max(axis=2) > 40
    assert 0.02 < lit.mean() < 0.6
    assert not lit[[0, -1]].any() and not lit[:, [0, -1]].any()
    rows = np.flatnonzero(lit.any(axis=1))
    assert rows[0] < 60 and rows[-1] > 660  # and fills it


@pytest.mark.slow
@needs_open3d
def test_a_legend_stands_below_a_map_and_hides_nothing_of_it(tmp_path):
    pytest.importorskip("PIL")
    meta = world()
    frame = framed(meta, [(5, 5), (395, 395)], colour="energy", energy=[0.0, 1.0])
    plain = pixels(write_image(tmp_path / "a.png", meta, frame, (400, 400), "energy"))
    assert (plain[0] == plain[-1]).all()
    picture = pixels(write_image(tmp_path / "b.png", meta, frame, (400, 440), "energy", legend=True))
    strip = picture[400:].astype(int)
    # Both ends of the map's bar are there.
    for end in (0.02, 0.98):
        assert (np.abs(strip - bytes_of(colour.ramp(end))).max(axis=2) < 12).any()


@needs_open3d
def test_an_empty_world_is_a_picture_of_its_box(tmp_path):
    path = write_image(tmp_path / "a.png", world(), EMPTY, (200, 200))
    assert pixels(path).max() > 60


@needs_open3d
def test_who_calculated_whom_is_not_seen(tmp_path):
    meta = world()
    rng = np.random.default_rng(2)
    places, heading = rng.uniform(0, 400, (500, 2)), rng.normal(size=(500, 2))
    order = rng.permutation(500)
    one = write_image(tmp_path / "a.png", meta, framed(meta, places, heading=heading), (300, 300))
    other = framed(meta, places[order], heading=heading[order], ids=order)
    two = write_image(tmp_path / "b.png", meta, other, (300, 300))
    assert one.read_bytes() == two.read_bytes()


def test_the_picture_has_the_proportions_of_a_map():
    assert default_size(world(high=[400, 200, 0])) == (1280, 640)
    assert default_size(world(high=[200, 400, 0])) == (640, 1280)
    assert default_size(world(3)) == (1280, 720)


def test_a_png_is_what_was_encoded(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (37, 23, 3), np.uint8)
    picture[10:20] = 7
    (tmp_path / "a.png").write_bytes(png.encode(picture))
    with pillow.open(tmp_path / "a.png") as image:
        assert (np.asarray(image) == picture).all()


def test_a_folder_that_is_not_there_and_another_format_are_errors(tmp_path):
    with pytest.raises(ImageError, match=r"(?s)folder .*nowhere does not exist.*could not be written.*Make the folder"):
        write_image(tmp_path / "nowhere" / "a.png", world(), EMPTY)
    with pytest.raises(ImageError, match=r"(?s)ends with .png.*not written.*Use .*a.png"):
        write_image(tmp_path / "a.jpg", world(), EMPTY)


def test_a_field_that_nobody_has_is_an_error_with_the_nearest(tmp_path):
    with pytest.raises(
        LookError, match=r"(?s)'enery'.*can be coloured by type, direction, .*one colour.*--colour energy"
    ):
        write_image(tmp_path / "a.png", world(), EMPTY, colour="enery")


@pytest.mark.parametrize("text", ["", "1", "a,b,c", "0,91,1", "0,0,0", "1,2,3,4", "nan,0,1"])
def test_a_camera_that_cannot_be_is_an_error(text):
    with pytest.raises(CameraError, match=r'(?s)allowed is "top".*from where to look.*Write --camera'):
        Camera.parse(text)


def test_cameras_are_read():
    assert Camera.parse("30,45") == Camera(30, 45)
    assert Camera.parse("30,45,2") == Camera(30, 45, 2)
    assert Camera.parse("top") == Camera(0, 90, flat=True)


def test_a_driver_that_aborts_is_an_error_of_the_picture_only(tmp_path, monkeypatch):
    def aborting(module, arguments=(), *, stderr=None):
        command = [sys.executable, "-c", "import os, sys; sys.stdin.buffer.read(64); os.abort()"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)

    monkeypatch.setattr(render, "spawn", aborting)
    meta = world()
    with pytest.raises(ImageError, match=r"(?s)process ended with -6.*no picture.*apt-get install libegl1"):
        write_image(tmp_path / "a.png", meta, framed(meta, [(1, 1)]))


def test_a_missing_driver_is_named(tmp_path, monkeypatch):
    """With Mesa's EGL hidden from the child, OpenGL gives no context."""

    def blind(module, arguments=(), *, stderr=None):
        monkeypatch.setenv("__EGL_VENDOR_LIBRARY_FILENAMES", str(tmp_path / "none.json"))
        monkeypatch.delenv("DISPLAY", raising=False)
        return spawn(module, arguments, stderr=stderr)

    if MISSING is None:
        monkeypatch.setattr(render, "spawn", blind)
    meta = world()
    with pytest.raises(ImageError, match=r"(?s)asked.*apt-get install lib|pip install"):
        write_image(tmp_path / "a.png", meta, framed(meta, [(1, 1)]))
    assert not (tmp_path / "a.png").exists()
