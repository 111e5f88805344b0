"""A renderer that stays open, and where its pictures go."""

import subprocess

import numpy as np
import pytest

from tests.viewer.pictures import at, bytes_of, framed, needs_open3d, pixels
from tests.viewer.pretend import world
from viewer import movie
from viewer.camera import Camera
from viewer.colour import ramp
from viewer.movie import ffmpeg, open_sink
from viewer.render import ImageError, Renderer

try:
    FFMPEG, WITHOUT = ffmpeg(), None
except ImageError as error:
    FFMPEG, WITHOUT = "", str(error)
needs_ffmpeg = pytest.mark.skipif(WITHOUT is not None, reason=str(WITHOUT))


def frames_of(path):
    """How many pictures a movie has, and their width and height, as ffmpeg decodes them."""
    command = [FFMPEG, "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-loglevel", "info", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    size = next(
        tuple(map(int, part.split()[0].split("x")))
        for line in done.stderr.decode().splitlines()
        if "Video: rawvideo" in line
        for part in line.split(", ")
        if part.split()[0].count("x") == 1 and part.split()[0].replace("x", "").isdigit()
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, size[1], size[0], 3)


@needs_open3d
def test_frames_of_any_number_of_birds_follow_each_other():
    meta = world()
    with Renderer(meta, (200, 200)) as renderer:
        for n in (3, 3000, 0, 1):
            places = np.tile([(100.0, 300.0)], (n, 1))
            picture = renderer.draw(framed(meta, places))
            assert (at(picture, meta, [(100, 300)]).max() > 100) == (n > 0)


@needs_open3d
def test_a_colour_keeps_its_meaning_from_frame_to_frame():
    meta = world()
    place = [(100, 100), (300, 300)]
    with Renderer(meta, (200, 200), colour="energy") as renderer:
        renderer.draw(framed(meta, place, colour="energy", energy=[0.0, 4.0]))
        picture = renderer.draw(framed(meta, place, colour="energy", energy=[2.0, 2.0]))
    assert np.abs(at(picture, meta, place) - bytes_of(ramp(0.5))).max() < 8


@needs_open3d
def test_the_camera_goes_around():
    meta = world(3)
    meta["types"][0]["view"] = {"model": "ball", "size": 60.0, "color": "#ffffff"}
    frame = framed(meta, [(380, 20, 100)])
    with Renderer(meta, (320, 200)) as renderer:
        one, two = renderer.draw(frame), renderer.draw(frame, 90.0)
    usual = Camera.usual(meta)
    assert at(one, meta, [(380, 20, 100)], usual).min() > 70
    assert at(two, meta, [(380, 20, 100)], usual).min() < 70
    assert at(two, meta, [(380, 20, 100)], usual.turned(90)).min() > 70


@pytest.mark.slow
@needs_open3d
def test_a_million_entities_are_drawn():
    meta = world(3)
    rng = np.random.default_rng(0)
    frame = framed(meta, rng.uniform((0, 0, 0), (400, 400, 200), (1_000_000, 3)))
    with Renderer(meta, (320, 200)) as renderer:
        assert renderer.draw(frame).max() > 100


def test_a_size_that_is_none_is_an_error():
    with pytest.raises(ImageError, match=r"(?s)of 5x5 was asked for; allowed are 16 to 8192.*--size 1280x720"):
        Renderer(world(), (5, 5))


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_movie_has_each_picture_once_in_order(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with open_sink(path, (65, 49), 25) as sink:
        for k in range(7):
            sink.add(np.full((49, 65, 3), 30 * k, np.uint8), k)
        assert not path.exists()
    shown = frames_of(path)
    assert shown.shape == (7, 50, 66, 3)  # to even sides
    assert np.abs(shown[:, 20, 20].mean(axis=1) - 30 * np.arange(7)).max() < 6
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@needs_ffmpeg
def test_a_movie_that_fails_half_way_leaves_nothing(tmp_path):
    (tmp_path / "a.mp4").write_text("the one before")

    def half():
        with open_sink(tmp_path / "a.mp4", (64, 48)) as sink:
            sink.add(np.zeros((48, 64, 3), np.uint8), 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["the one before"]


@needs_ffmpeg
def test_what_ffmpeg_says_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setitem(movie._CODECS, ".mp4", ["-c:v", "nosuchcodec"])

    def write():
        with open_sink(tmp_path / "a.mp4", (64, 48)) as sink:
            for _ in range(1000):
                sink.add(np.zeros((48, 64, 3), np.uint8), 0)

    with pytest.raises(ImageError, match=r"(?s)ffmpeg ended with .*: .*There is no movie.*Name a file"):
        write()
    assert not list(tmp_path.iterdir())


def test_a_folder_gets_one_picture_for_each(tmp_path):
    with open_sink(tmp_path / "frames", (8, 4)) as sink:
        for k in range(3):
            sink.add(np.full((4, 8, 3), k, np.uint8), 10 * k)
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == [f"frame-{k:06d}.png" for k in range(3)]


@needs_open3d
def test_a_still_is_the_last_picture(tmp_path):
    with open_sink(tmp_path / "a.png", (8, 4)) as sink:
        for k in range(3):
            sink.add(np.full((4, 8, 3), k, np.uint8), k)
    assert (pixels(tmp_path / "a.png") == 2).all()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none/a.mp4", r"folder .*none does not exist.*Make the folder"),
        ("a.gif", r"allowed are names that end in .mp4, .webm or .png, and folders.*--out a.mp4"),
        ("file", r"there is a file of that name.*would be lost.*Name another"),
    ],
)
def test_places_that_pictures_cannot_go_to(tmp_path, name, says):
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageError, match=f"(?s){says}"):
        open_sink(tmp_path / name, (8, 4))


def test_no_ffmpeg_is_an_error_with_what_would_bring_it(tmp_path, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(movie.shutil, "which", lambda _: None)
    monkeypatch.setattr(movie.importlib, "import_module", absent)
    with pytest.raises(ImageError, match=r"(?s)no ffmpeg.*not put together.*pip install imageio-ffmpeg"):
        open_sink(tmp_path / "a.mp4", (8, 4))
