"""Frames of pretended birds, and where their pixels are."""

import numpy as np
import pytest

from partitions.frames import merge
from partitions.portion import portion
from tests.viewer.pretend import birds
from viewer.camera import Camera
from viewer.look import Look
from viewer.open3d_loader import load_open3d, probe

MISSING = probe("legacy")
needs_open3d = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


def framed(meta, places, *, colour=None, tick=3, mode=None, **said):
    """The merged frame of `birds`, with what this colour needs."""
    interest = Look(meta, colour).interest()
    if mode is not None:
        interest = type(interest)(0, None, 64, tuple(type(w)(w.type, mode) for w in interest.types), interest.layers)
    return merge([portion(birds(places, **said), interest, tick)])


def pixels(path):
    return np.asarray(load_open3d().io.read_image(str(path)))


def at(picture, meta, places, camera=None):
    """The pixels, (n, 3), of (n, 2 or 3) places."""
    height, width, _ = picture.shape
    places = np.array([[*map(float, place), 0.0][:3] for place in places])
    seen, _ = (camera or Camera.usual(meta)).project(meta, (width, height), places)
    column, row = np.floor(seen).astype(int).T
    return picture[row, column].astype(int)


def bytes_of(*colours):
    return np.rint(np.array(colours) * 255)
