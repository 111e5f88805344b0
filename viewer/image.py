"""One frame as a PNG, drawn by Open3D with no display.

The drawing happens in a child process: whatever the graphics driver does to it, the run goes on. It renders at twice
the size and averages, which smooths all edges.
"""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from partitions.frames import Frame, decode, encode
from viewer.child import end, spawn
from viewer.colour import GROUND
from viewer.open3d_loader import NO_EGL, Open3DMissing, load_open3d
from viewer.shapes import Mesh, beams, entities

SECONDS = 300.0
FINER = 2
LONGEST_SIDE = 1280
FIELD_OF_VIEW = 40.0
AZIMUTH, ELEVATION = -0.6, 0.55
MARK = "image: "


class ImageError(RuntimeError):
    """The picture could not be drawn; the message says what is missing."""


def write_image(
    path: str | os.PathLike[str],
    meta: dict[str, Any],
    frame: Frame,
    size: tuple[int, int] | None = None,
    colour: str | None = None,
) -> Path:
    """Draw `frame` to a PNG file.

    Args:
        path: where to; its folder must exist.
        meta: the world description, see `viewer.hub.Hub.start`.
        frame: what `partitions.frames.decode`, `merge` or a Frame of `quantise`d rows gives.
        size: width and height in pixels; by default 1280 on the longer side, a map in its own proportions, else 16:9.
        colour: "type", "direction" or "field" (the scalar in the frame); None chooses.

    Returns:
        The path.

    Raises:
        ImageError: a library or driver is missing, or the folder cannot be written.
    """
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise ImageError(
            f"The picture {path} was asked for, and the folder {target.parent} does not exist.\n"
            "It could not be written after all the work.\n"
            "Make the folder first, or name another one."
        )
    if target.suffix.lower() != ".png":
        raise ImageError(
            f"The picture {path} was asked for; allowed is a name that ends with .png.\n"
            "Other formats are not written.\n"
            f"Use {Path(path).with_suffix('.png')}."
        )
    width, height = size or default_size(meta)
    head = json.dumps({"path": str(target), "meta": meta, "size": [width, height], "colour": colour}).encode()
    process = spawn("viewer.image", stderr=subprocess.DEVNULL)
    try:
        output, _ = process.communicate(struct.pack("<I", len(head)) + head + encode(frame), timeout=SECONDS)
    except subprocess.TimeoutExpired:
        output = b""
    finally:
        end(process, 0.0)
    # Open3D writes to stdout too; ours is what follows the mark.
    said = output.decode(errors="replace").partition(MARK)[2].strip()
    if process.returncode == 0 and said == "written":
        return target
    raise ImageError(
        said
        or f"The picture {path} was asked for; Open3D's process ended with {process.returncode} before.\n"
        "There is no picture.\n"
        "Run `apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri`, or lower the size."
    )


def default_size(meta: dict[str, Any]) -> tuple[int, int]:
    """Width and height in pixels that suit the world."""
    if meta["dim"] == 3:
        return LONGEST_SIDE, LONGEST_SIDE * 9 // 16
    wide, tall = (meta["high"][k] - meta["low"][k] for k in (0, 1))
    share = LONGEST_SIDE / max(wide, tall)
    return max(320, round(wide * share)), max(320, round(tall * share))


def draw(
    meta: dict[str, Any], frame: Frame, size: tuple[int, int], colour: str | None = None
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw in this process, (height, width, 3) uint8.

    Raises:
        Open3DMissing: Open3D cannot be loaded.
        ImageError: OpenGL gives no context.
    """
    open3d = load_open3d()
    width, height = size
    window = open3d.visualization.Visualizer()
    # False, not an exception, is how it says that there is no EGL.
    if not window.create_window("weaver", width * FINER, height * FINER, visible=False):
        raise ImageError(NO_EGL)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    pixel = 2 * half_height(meta, width / height) / height
    for mesh in (beams(meta, pixel), _hazy(meta, entities(meta, frame, colour))):
        if len(mesh):
            window.add_geometry(geometry(open3d, mesh))
            low, high = np.minimum(low, mesh.corners.min(axis=0)), np.maximum(high, mesh.corners.max(axis=0))
    option = window.get_render_option()
    option.background_color = np.array(GROUND)
    option.light_on = False
    option.mesh_show_back_face = True
    aim(window.get_view_control(), meta, width / height, float((high - low).max()))
    window.poll_events()
    window.update_renderer()
    fine = np.asarray(window.capture_screen_float_buffer(True), np.float64)[: height * FINER, : width * FINER]
    # Averages of light, not of its square root, keep thin bright things bright.
    light = (fine**2).reshape(height, FINER, width, FINER, 3).mean(axis=(1, 3))
    picture: np.ndarray[Any, np.dtype[np.uint8]] = np.rint(255 * np.sqrt(light)).astype(np.uint8)
    return picture


def _hazy(meta: dict[str, Any], mesh: Mesh) -> Mesh:
    """What is far fades a little into the ground; a map has no far."""
    if meta["dim"] == 2:
        return mesh
    low, high = np.array(meta["low"], float), np.array(meta["high"], float)
    reach = float(np.linalg.norm(high - low)) / 2
    depth = (mesh.corners - (low + high) / 2) @ -_back()
    share = 0.6 * np.clip((depth + 0.6 * reach) / (1.9 * reach), 0, 1)[:, None]
    return Mesh(mesh.corners, mesh.colours + share * (np.array(GROUND) - mesh.colours))


def _back() -> np.ndarray[Any, np.dtype[np.float64]]:
    """From the world to the camera, in space."""
    level = math.cos(ELEVATION)
    return np.array([math.sin(AZIMUTH) * level, -math.cos(AZIMUTH) * level, math.sin(ELEVATION)])


def geometry(open3d: Any, mesh: Mesh) -> Any:
    """Open3D's triangle mesh of ours."""
    made = open3d.geometry.TriangleMesh()
    made.vertices = open3d.utility.Vector3dVector(mesh.corners)
    made.vertex_colors = open3d.utility.Vector3dVector(mesh.colours)
    made.triangles = open3d.utility.Vector3iVector(np.arange(3 * len(mesh), dtype=np.int32).reshape(-1, 3))
    return made


def half_height(meta: dict[str, Any], aspect: float) -> float:
    """Metres from the middle of a picture to its upper edge, at the distance of the world's centre."""
    size = [float(high - low) for low, high in zip(meta["low"], meta["high"], strict=True)]
    if meta["dim"] == 2:
        return 1.03 * max(size[1], size[0] / aspect) / 2
    across, along = math.hypot(*size) / 2, math.hypot(size[0], size[1]) / 2
    return 1.08 * max(across / aspect, size[2] / 2 * math.cos(ELEVATION) + 0.75 * along)


def aim(control: Any, meta: dict[str, Any], aspect: float, extent: float) -> None:
    """Point the camera of Open3D's visualizer at the world.

    `extent` is the longest side of all that was added, in which it counts its zoom.
    """
    if meta["dim"] == 2:
        control.change_field_of_view(-100)  # the least, 5 degrees, means orthographic
        back, up = [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]
    else:
        control.change_field_of_view((FIELD_OF_VIEW - control.get_field_of_view()) / 5)
        back = [*_back()]
        steep, level = math.sin(ELEVATION), math.cos(ELEVATION)
        up = [-math.sin(AZIMUTH) * steep, math.cos(AZIMUTH) * steep, level]
    control.set_lookat([(low + high) / 2 for low, high in zip(meta["low"], meta["high"], strict=True)])
    control.set_front(back)
    control.set_up(up)
    control.set_zoom(half_height(meta, aspect) / extent)


def main() -> int:
    """The child of `write_image`."""
    data = sys.stdin.buffer.read()
    (length,) = struct.unpack_from("<I", data)
    asked = json.loads(data[4 : 4 + length])
    try:
        picture = draw(asked["meta"], decode(data[4 + length :]), tuple(asked["size"]), asked["colour"])
        open3d = load_open3d()
        if not open3d.io.write_image(asked["path"], open3d.geometry.Image(np.ascontiguousarray(picture))):
            raise ImageError(
                f"The picture {asked['path']} was asked for, and the file cannot be written.\n"
                "There is no picture.\n"
                "Name a file in a folder that you may write to."
            )
    except (ImageError, Open3DMissing) as error:
        print(MARK + str(error), flush=True)
        return 1
    print(MARK + "written", flush=True)
    return 0


if __name__ == "__main__":
    code = main()
    os._exit(code)  # the driver's own clean-up may crash; the file is complete
