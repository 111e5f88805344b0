"""One frame as a PNG, drawn by Open3D with no display."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from partitions.frames import Frame
from viewer.camera import Camera
from viewer.png import encode
from viewer.render import ImageError, Models, Renderer, default_size

__all__ = ["ImageError", "default_size", "write_image"]


def write_image(
    path: str | os.PathLike[str],
    meta: Mapping[str, Any],
    frame: Frame,
    size: tuple[int, int] | None = None,
    colour: str | None = None,
    *,
    camera: Camera | None = None,
    legend: bool = False,
    models: Models | None = None,
) -> Path:
    """Draw `frame` to a PNG file.

    Args:
        path: where to; its folder must exist.
        meta: the world description, see `viewer.hub.Hub.start`.
        frame: a merged frame.
        size: width and height in pixels, see `viewer.render.Renderer`; so are the others.
        colour: what to colour by.
        camera: from where.
        legend: whether to write what the colours mean.
        models: the types' own models.

    Returns:
        The path.

    Raises:
        ImageError: a library or driver is missing, or the file cannot be written.
        viewer.look.LookError: nobody has the field to colour by.
    """
    target = checked_target(path)
    with Renderer(meta, size, camera=camera, colour=colour, legend=legend, models=models) as renderer:
        picture = renderer.draw(frame)
    write_bytes(target, encode(picture))
    return target


def checked_target(path: str | os.PathLike[str]) -> Path:
    """The whole path of a picture.

    Raises:
        ImageError: its folder does not exist, or it is not named as a PNG.
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
    return target


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file aside, then give it its name: it is never seen half.

    Raises:
        ImageError: it cannot be written.
    """
    aside = target.with_name(f".{target.name}.part")
    try:
        try:
            aside.write_bytes(data)
            os.replace(aside, target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise ImageError(
            f"The picture {target} was asked for, and the file cannot be written: {error.strerror}.\n"
            "There is no picture.\n"
            "Name a file in a folder that you may write to."
        ) from error
