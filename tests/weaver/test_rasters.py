"""Initial values of layers: every form gives the same cells; what does not fit is named."""

import enum

import numpy as np
import pytest
from PIL import Image

import weaver as wv
from weaver.rasters import raster_shape, read_rasters


class Kind(enum.IntEnum):
    SAND = 1
    ROCK = 4


class Ground(wv.Layer, resolution=0.5):
    height: float
    soil: wv.uint8
    wet: bool
    kind: Kind
    flow: wv.Vec2f
    traces: wv.Array[float, 3]


BOX = wv.Box(2, 1.5)


def test_a_layer_has_the_cells_that_fit_its_box():
    assert raster_shape(Ground, BOX) == (4, 3)
    assert raster_shape(Ground, wv.Box(0.1 * 15, 2, 3.5)) == (3, 4, 7)


@pytest.mark.parametrize(
    ("box", "text"),
    [(wv.Box(2.2, 1.1), "resolution=0.55"), (wv.Box(3, 2.2), "resolution=0.2"), (wv.Box(0.2, 4), "resolution=0.2")],
)
def test_a_resolution_that_does_not_divide_is_an_error_that_names_the_nearest_that_does(box, text):
    with pytest.raises(wv.ModelError, match=f"(?s)Ground has a resolution of 0.5.*cut.*{text}"):
        read_rasters(Ground, box, {})


def test_constants_arrays_and_functions_are_taken():
    heights = np.arange(12).reshape(3, 4)
    made = read_rasters(
        Ground,
        BOX,
        dict(height=heights, soil=7, wet=heights > 3, kind=Kind.ROCK, flow=wv.Vec2f(1, 2), traces=np.ones((3, 4, 3))),
    )
    assert (made["height"].dtype, made["height"].tolist()) == (np.float64, heights.tolist())
    assert (made["soil"].shape, made["soil"].dtype, int(made["soil"])) == ((), np.uint8, 7)
    assert made["wet"].dtype == np.bool_ and int(made["kind"]) == 4
    assert (made["flow"].dtype, made["flow"].tolist(), made["traces"].shape) == (np.float32, [1.0, 2.0], (3, 4, 3))
    rule = lambda cell: cell.position.x  # noqa: E731
    assert read_rasters(Ground, BOX, dict(height=rule))["height"] is rule
    with pytest.raises(ValueError, match="read-only"):
        made["height"][0, 0] = 1.0


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (dict(height=np.zeros((4, 3))), r"shape \(4, 3\); the layer has \(3, 4\), \[y, x\].*transpose"),
        (dict(flow=np.zeros((3, 4))), r"shape \(3, 4\); the layer has \(3, 4, 2\)"),
        (dict(soil=256), "the value 256, which does not fit uint8"),
        (dict(soil=np.full((3, 4), 0.5)), "the value 0.5, which does not fit uint8"),
        (dict(kind=3), "the value 3.*kind is a Kind"),
        (dict(height=np.full((3, 4), "a")), "no numbers"),
        (dict(flow="flow.png"), "one value per cell"),
        (dict(height="missing.png"), "missing.png.*no picture can be read"),
    ],
)
def test_what_does_not_fit_is_an_error(fields, text):
    with pytest.raises(wv.ModelError, match=f"(?s){text}"):
        read_rasters(Ground, BOX, fields)


def test_a_picture_has_its_top_row_at_high_y(tmp_path):
    grey = np.array([[0, 51, 102, 153], [200, 201, 202, 203], [255, 0, 0, 128]], np.uint8)
    Image.fromarray(grey).save(tmp_path / "map.png")
    path = str(tmp_path / "map.png")
    made = read_rasters(Ground, BOX, dict(height=path, soil=path, wet=path))
    assert made["soil"].tolist() == grey[::-1].tolist()
    assert made["height"][2].tolist() == [0.0, 0.2, 0.4, 0.6]
    assert made["wet"][0].tolist() == [True, False, False, True]
    Image.fromarray(np.stack([grey, grey, np.zeros_like(grey)], axis=2)).save(path)
    assert read_rasters(Ground, BOX, dict(soil=path))["soil"][2].tolist() == [0, 34, 68, 102]
    with pytest.raises(wv.ModelError, match=r"(?s)4 x 3 pixels and the layer 4 x 4 cells"):
        read_rasters(Ground, wv.Box(2, 2), dict(soil=path))
