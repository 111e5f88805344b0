"""Loads Open3D where it can be loaded, and says what is missing where it cannot.

Never call this in a process that runs a simulation: Open3D takes 200 MB, and its renderer ends the process where there
is no Vulkan device. `probe` therefore tries in a process of its own.
"""

from __future__ import annotations

import ctypes
import importlib
import re
import subprocess
import sys
from typing import Any, Literal

from viewer.child import end, spawn

PROBE_SECONDS = 60.0
PACKAGES = {
    "libusb-1.0.so": "libusb-1.0-0",
    "libEGL.so": "libegl1",
    "libGL.so": "libgl1",
    "libGLX": "libgl1",
    "libOpenGL": "libopengl0",
    "libX11.so": "libx11-6",
    "libudev.so": "libudev1",
    "libidn2.so": "libidn2-0",
    "libstdc++.so": "libstdc++6",
    "libgomp.so": "libgomp1",
    "libvulkan.so": "libvulkan1",
    "libXrandr": "libxrandr2",
}


class Open3DMissing(ImportError):
    """Open3D, or a system library that it needs, is not there; the message names it."""


def load_open3d() -> Any:
    """The module `open3d`, quiet.

    Its wheel wants the system's libusb though nothing here reads a camera. Where that is missing, the library that the
    PyPI package libusb-package carries has the same soname and is loaded first.

    Raises:
        Open3DMissing: with the library and the Debian package that brings it.
    """
    try:
        ctypes.CDLL("libusb-1.0.so.0", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        _preload_libusb()
    try:
        open3d = importlib.import_module("open3d")
    except ModuleNotFoundError as error:
        raise Open3DMissing(
            f"A picture or a window by Open3D was asked for, and the Python package {error.name} is not installed.\n"
            "Nothing could be drawn outside the browser page.\n"
            "Run `pip install open3d libusb-package`, or use the page."
        ) from error
    except ImportError as error:
        raise Open3DMissing(_explain(str(error))) from error
    open3d.utility.set_verbosity_level(open3d.utility.VerbosityLevel.Error)
    return open3d


def _preload_libusb() -> None:
    try:
        package = importlib.import_module("libusb_package")
    except ModuleNotFoundError:
        return  # the import of open3d will name the library
    path = package.get_library_path()
    if path is not None:
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def _explain(message: str) -> str:
    match = re.search(r"(lib[\w.+-]+\.so[.\d]*)", message)
    library = match.group(1) if match else "a system library"
    package = next((name for stem, name in PACKAGES.items() if library.startswith(stem)), None)
    remedy = f"Run `apt-get install {package}`" if package else f"Install the package that brings it ({message})"
    if package == "libusb-1.0-0":
        remedy += " or `pip install libusb-package`"
    return (
        f"A picture or a window by Open3D was asked for, and {library} is missing on this machine.\n"
        "Nothing could be drawn outside the browser page.\n"
        f"{remedy}, or use the page."
    )


def probe(kind: Literal["import", "legacy", "gui"]) -> str | None:
    """Try in a child process; None when it works, else what is missing and the remedy.

    Args:
        kind: "import": the module alone; "legacy": the OpenGL visualizer (with EGL where there is no display);
            "gui": the Filament renderer, which needs a Vulkan device.
    """
    process = spawn("viewer.open3d_loader", [kind], stderr=subprocess.DEVNULL)
    try:
        output, _ = process.communicate(timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        output = b""
    finally:
        end(process, 0.0)
    if process.returncode == 0:
        return None
    said = output.decode(errors="replace").partition(MARK)[2].strip()
    return said or {"gui": NO_VULKAN}.get(kind, NO_EGL)


MARK = "missing: "
NO_EGL = (
    "A picture by Open3D was asked for, and OpenGL gives no context on this machine, with or without a display.\n"
    "Nothing could be drawn outside the browser page.\n"
    "Run `apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri`, or use the page."
)
NO_VULKAN = (
    "A window by Open3D was asked for, and there is no Vulkan device on this machine.\n"
    "Open3D's renderer would end its process.\n"
    "Run `apt-get install libvulkan1 mesa-vulkan-drivers`, or use the page."
)


def main(kind: str) -> int:
    """The child of `probe`: 0 when it works."""
    try:
        open3d = load_open3d()
    except Open3DMissing as error:
        print(MARK + str(error))
        return 1
    if kind == "legacy":
        return 0 if open3d.visualization.Visualizer().create_window("probe", 64, 64, visible=False) else 1
    if kind == "gui":
        open3d.visualization.rendering.OffscreenRenderer(64, 64).render_to_image()
    return 0


if __name__ == "__main__":
    import os

    code = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(code)  # Filament aborts when its objects are taken down in the wrong order
