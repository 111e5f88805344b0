"""Writing on a picture: what its colours mean, and its tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewer.colour import GROUND, INK, table
from viewer.look import Key

Picture = NDArray[np.uint8]


def write_legend(picture: Picture, keys: Sequence[Key], caption: str | None = None) -> Picture:
    """Draw the keys into the lower left corner and a caption into the upper left one.

    Raises:
        ImportError: there is no Pillow.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = picture.shape[:2]
    unit = max(10.0, min(width, height) / 48)
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image, "RGBA")
    font = ImageFont.load_default(unit)
    if caption:
        _panel(pen, (0.6 * unit, 0.6 * unit, 1.6 * unit + pen.textlength(caption, font), 2.2 * unit), unit)
        pen.text((1.1 * unit, 1.4 * unit), caption, _rgb(INK), font, anchor="lm")
    bottom = height - 0.6 * unit
    for key in reversed(keys):
        rows = len(key.labels) + bool(key.title) if key.labels else 3
        tall = (1.35 * rows + 0.7) * unit
        ends = [_number(key.low), _number(key.high)]
        longest = max([pen.textlength(text, font) for text in (key.title, *(name for name, _ in key.labels))])
        wide = max(longest + (2.6 if key.labels else 1.0) * unit, 0 if key.labels else 11 * unit)
        left, top = 0.6 * unit, bottom - tall
        _panel(pen, (left, top, left + wide, bottom), unit)
        x, y = left + 0.5 * unit, top + 1.0 * unit
        if key.title:
            pen.text((x, y), key.title, _rgb(INK), font, anchor="lm")
            y += 1.35 * unit
        for name, colour in key.labels:
            pen.ellipse((x, y - 0.4 * unit, x + 0.8 * unit, y + 0.4 * unit), _rgb(colour))
            pen.text((x + 1.4 * unit, y), name, _rgb(INK), font, anchor="lm")
            y += 1.35 * unit
        if not key.labels:
            _bar(pen, key.map, (x, y - 0.4 * unit, left + wide - 0.5 * unit, y + 0.4 * unit))
            y += 1.35 * unit
            if key.map == "wheel":
                ends = ["0°", "360°"]
            pen.text((x, y), ends[0], _rgb(INK), font, anchor="lm")
            pen.text((left + wide - 0.5 * unit, y), ends[1], _rgb(INK), font, anchor="rm")
        bottom = top - 0.4 * unit
    return np.asarray(image)


def _bar(pen: Any, name: str, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    colours, n = table(name), round(right - left)
    for k in range(n):
        pen.line((left + k, top, left + k, bottom), _rgb(colours[min(255, 256 * k // n)]))


def _panel(pen: Any, box: tuple[float, float, float, float], unit: float) -> None:
    pen.rounded_rectangle(box, 0.4 * unit, (*_rgb(GROUND), 205))


def _rgb(colour: Sequence[float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * float(v)) for v in colour)
    return red, green, blue


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1e4 and (value == 0 or abs(value) >= 1e-3) else f"{value:.1e}"
