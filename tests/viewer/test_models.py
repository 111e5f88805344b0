"""What stands for an entity."""

import json
import struct

import numpy as np
import pytest

from tests.viewer.pictures import at, framed, needs_open3d, pixels
from tests.viewer.pretend import world
from viewer.camera import Camera
from viewer.image import write_image
from viewer.mesh import MeshError
from viewer.models import NAMES, built_in, load, normals
from viewer.open3d_loader import probe
from viewer.shapes import orientations, placed

needs_import = pytest.mark.skipif(probe("import") is not None, reason=str(probe("import")))
SOLID = ("cone", "arrow", "box", "car", "ball")


@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize("fine", [0, 1, 2])
def test_a_built_in_model_is_1_long_and_its_normals_have_length_1(name, fine):
    corners, made = built_in(name, fine)
    assert len(corners) % 3 == 0
    assert 0.85 < (corners.max(axis=0) - corners.min(axis=0)).max() <= 1.05
    assert np.allclose(np.linalg.norm(made, axis=1), 1)


@pytest.mark.parametrize("name", SOLID)
def test_a_solid_is_closed_and_looks_outwards(name):
    corners, made = built_in(name)
    a, b, c = corners.reshape(-1, 3, 3).transpose(1, 0, 2)
    across = np.cross(b - a, c - a)
    assert np.allclose(across.sum(axis=0), 0, atol=1e-9)  # of a closed surface
    assert (across * a).sum() > 0
    assert ((across[:, None] * made.reshape(-1, 3, 3)).sum(axis=2) > 0).all()


@pytest.mark.parametrize("name", ["cone", "arrow", "dart"])
def test_what_points_points_along_x(name):
    corners, _ = built_in(name)
    tip = corners[corners[:, 0].argmax()]
    assert tip[0] >= 0.5 and np.allclose(tip[1:], 0)


def test_faces_that_meet_at_a_right_angle_keep_their_edge():
    corners, _ = built_in("box")
    made = normals(corners)
    assert np.allclose(np.abs(made).max(axis=1), 1)


@pytest.mark.parametrize("ahead", [(1, 0, 0), (0, 3, 0), (-1, 1, 0.5), (0, 0, 1), (0, 0, -2), (0, 0, 0)])
def test_a_model_is_turned_and_not_mirrored(ahead):
    ahead = np.array([ahead], float)
    (axes,) = orientations(ahead)
    assert np.allclose(axes @ axes.T, np.eye(3)) and np.isclose(np.linalg.det(axes), 1)
    assert np.allclose(axes[0] * np.linalg.norm(ahead), ahead[0])
    assert axes[2, 2] >= 0  # its top is up
    mesh = placed(np.array([[1.0, 0, 0]]), None, np.array([[5.0, 6, 7]]), ahead, 2.0, np.ones((1, 3)))
    assert np.allclose(mesh.corners, np.array([[5, 6, 7]]) + 2 * axes[0])


def glb(path, triangles):
    """Write triangles (t, 3, 3) as the smallest GLB that holds them."""
    data = np.ascontiguousarray(triangles, "<f4").reshape(-1, 3)
    head = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {
                "bufferView": 0, "componentType": 5126, "count": len(data), "type": "VEC3",
                "min": data.min(axis=0).tolist(), "max": data.max(axis=0).tolist(),
            },
            {"bufferView": 1, "componentType": 5125, "count": len(data), "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": data.nbytes},
            {"buffer": 0, "byteOffset": data.nbytes, "byteLength": 4 * len(data)},
        ],
        "buffers": [{"byteLength": data.nbytes + 4 * len(data)}],
    }  # fmt: skip
    body = data.tobytes() + np.arange(len(data), dtype="<u4").tobytes()
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(body), 0x004E4942) + body
    path.write_bytes(struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks)
    return path


# A fish 4 long that looks along +z with its fin up along +y, as a GLB file should.
FISH = np.array(
    [
        [[0, 0, 2], [0.4, 0, -2], [-0.4, 0, -2]],
        [[0, 0, 2], [-0.4, 0, -2], [0, 1.0, -2]],
        [[0, 0, 2], [0, 1.0, -2], [0.4, 0, -2]],
    ],
    float,
)


@needs_import
def test_a_glb_is_turned_to_x_and_scaled(tmp_path):
    corners, made = load(glb(tmp_path / "fish.glb", FISH))
    assert corners.dtype == made.dtype == np.float32 and corners.shape == made.shape == (9, 3)
    assert np.allclose((corners.min(axis=0), corners.max(axis=0)), [[-0.5, -0.1, -0.125], [0.5, 0.1, 0.125]], atol=1e-6)
    tips = corners[corners[:, 0] > 0.49]
    assert np.allclose(tips[:, 2], -0.125)  # the nose is low, the fin is behind and up
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)


@needs_import
@pytest.mark.parametrize("suffix", [".obj", ".stl"])
def test_other_files_look_along_x(tmp_path, suffix):
    from viewer.open3d_loader import load_open3d

    open3d = load_open3d()
    path = tmp_path / f"wedge{suffix}"
    mesh = open3d.geometry.TriangleMesh()
    mesh.vertices = open3d.utility.Vector3dVector(np.array([[3.0, 0, 0], [1, 0.5, 0], [1, -0.5, 0]]))
    mesh.triangles = open3d.utility.Vector3iVector(np.array([[0, 1, 2]], np.int32))
    mesh.compute_triangle_normals()
    assert open3d.io.write_triangle_mesh(str(path), mesh)
    corners, _ = load(path)
    assert np.allclose(np.sort(corners[:, 0]), [-0.5, -0.5, 0.5], atol=1e-5)


def test_a_model_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(MeshError, match="no such file"):
        load(tmp_path / "none.glb")


@needs_open3d
@pytest.mark.parametrize("turn", [0.0, *(pytest.param(t, marks=pytest.mark.slow) for t in (0.25, 0.5)), 0.8])
def test_a_model_of_ones_own_stands_along_its_velocity(tmp_path, turn):
    meta = world(models=["fish.glb"])
    meta["types"][0]["view"] = {"model": "fish.glb", "size": 200.0, "color": "#ffffff"}
    angle = 2 * np.pi * turn
    ahead = np.array([np.cos(angle), np.sin(angle)])
    models = {"fish.glb": load(glb(tmp_path / "fish.glb", FISH))}
    frame = framed(meta, [(200, 200)], heading=[ahead])
    picture = pixels(write_image(tmp_path / "a.png", meta, frame, (400, 400), models=models))
    rows, columns = np.nonzero(picture.min(axis=2) > 100)
    away = np.stack([columns - 199.5, 199.5 - rows], axis=1)
    inside = np.abs(away).max(axis=1) < 180  # less the box of the world
    along = away[inside] @ ahead
    across = away[inside] @ np.array([-ahead[1], ahead[0]])
    assert 85 < along.max() < 103 and -103 < along.min() < -85
    # The nose is thin, the tail is not.
    assert np.abs(across[along > 80]).max() < 6 < np.abs(across[along < -80]).max() < 25


@needs_open3d
def test_a_cone_in_space_points_where_it_flies(tmp_path):
    meta = world(3)
    meta["types"][0]["view"] = {"model": "cone", "size": 160.0, "color": "#ffffff"}
    camera = Camera(0, 0)  # x to the right, z up
    frame = framed(meta, [(200, 200, 100)], heading=[(0, 0, 1)])
    picture = pixels(write_image(tmp_path / "a.png", meta, frame, (400, 400), camera=camera))
    tip, left, foot = at(picture, meta, [(200, 200, 185), (165, 200, 170), (170, 200, 45)], camera).min(axis=1)
    assert tip > 80 and foot > 80 and left < 40
