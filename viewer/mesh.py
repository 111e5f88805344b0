"""Reads meshes by Open3D, in a process of its own: it would take 200 MB of the one that runs a simulation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewer.child import end, spawn
from viewer.open3d_loader import Open3DMissing, load_open3d

SECONDS = 120.0
SUFFIXES = (".obj", ".glb", ".stl")
MARK = b"weaver mesh: "


class MeshError(ValueError):
    """A mesh cannot be read; the message names the file and the reason."""


def read_mesh(path: Path) -> NDArray[np.float64]:
    """The triangles of an OBJ, GLB or STL file, (n, 3, 3), in the file's unit of length.

    Raises:
        MeshError: there is no such file, it is of another kind, or it holds no triangles.
    """
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        reason = "there is no such file" if path.suffix.lower() in SUFFIXES else "it is none of these by its name"
        raise _unreadable(path, reason)
    process = spawn("viewer.mesh", stderr=subprocess.DEVNULL)
    try:
        output, _ = process.communicate(os.fsencode(path.absolute()), timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise _unreadable(path, f"Open3D did not read it within {SECONDS:g} s") from None
    finally:
        end(process, 0.0)
    # Open3D writes to stdout too; ours is what follows the mark.
    _, mark, said = output.partition(MARK)
    if not mark or process.returncode != 0:
        raise _unreadable(path, said.decode(errors="replace") or f"Open3D's process ended with {process.returncode}")
    triangles = np.frombuffer(said, "<f8").reshape(-1, 3, 3).copy()
    if not len(triangles):
        raise _unreadable(path, "Open3D finds no triangles in it")
    if not np.isfinite(triangles).all():
        raise _unreadable(path, "some of its corners are no finite numbers")
    return triangles


def _unreadable(path: Path, reason: str) -> MeshError:
    return MeshError(
        f"the mesh {path} was asked for; a mesh is an OBJ, GLB or STL file of triangles.\n"
        f"It cannot be read: {reason}.\n"
        f"Name such a file, or give the corners themselves: sim.geometry(triangles=...)."
    )


def main() -> int:
    """The child of `read_mesh`."""
    path = os.fsdecode(sys.stdin.buffer.read())
    try:
        open3d = load_open3d()
    except Open3DMissing as error:
        sys.stdout.buffer.write(MARK + str(error).replace("\n", " ").encode())
        sys.stdout.flush()
        return 1
    mesh = open3d.io.read_triangle_mesh(path)
    corners = np.asarray(mesh.vertices, "<f8")[np.asarray(mesh.triangles).reshape(-1)]
    sys.stdout.flush()
    sys.stdout.buffer.write(MARK + np.ascontiguousarray(corners).tobytes())
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    code = main()
    os._exit(code)  # the 3D library's own clean-up may crash; all has been said
