"""Writing on a picture what its colours mean, and its tick: below a map, for all of it is world, else upon it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewer.colour import GROUND, INK, table
from viewer.look import Key

Picture = NDArray[np.uint8]
Measured = list[tuple[Key, float]]


class Legend:
    """Writes the keys and a caption of pictures of one size.

    Raises:
        ImportError: there is no Pillow.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self._image, self._draw = Image, ImageDraw
        self._width = size[0]
        self.unit = max(10.0, min(size) / 54)
        self._font = ImageFont.load_default(self.unit)

    def strip(self, keys: Sequence[Key], caption: str) -> int:
        """Height of what must be added below a picture to write them."""
        return round((3.2 * len(self._rows(keys, caption)) + 0.6) * self.unit)

    def below(self, picture: Picture, keys: Sequence[Key], caption: str, height: int) -> Picture:
        """The picture with a strip of that height below, in which they stand."""
        strip = np.tile(np.rint(255 * np.array(GROUND)).astype(np.uint8), (height, picture.shape[1], 1))
        image = self._image.fromarray(strip)
        pen = self._draw.Draw(image)
        for number, row in enumerate(self._rows(keys, caption)):
            x, y = 0.9 * self.unit, (3.2 * number + 1.1) * self.unit
            for key, wide in row:
                self._key(pen, key, x, y, wide)
                x += wide + 2.2 * self.unit
        pen.text((self._width - 0.9 * self.unit, 1.1 * self.unit), caption, _rgb(INK), self._font, anchor="rm")
        return np.concatenate([picture, np.asarray(image)])

    def upon(self, picture: Picture, keys: Sequence[Key], caption: str) -> Picture:
        """The picture with the keys one above the other in its lower left corner, and the caption above left."""
        image = self._image.fromarray(picture)
        pen, unit = self._draw.Draw(image, "RGBA"), self.unit
        pen.text((unit, 1.4 * unit), caption, _rgb(INK), self._font, anchor="lm")
        y = picture.shape[0] - 3.2 * unit * len(keys)
        for key in keys:
            self._key(pen, key, unit, y, self._wide(key))
            y += 3.2 * unit
        return np.asarray(image)

    def _rows(self, keys: Sequence[Key], caption: str) -> list[Measured]:
        """The keys with their widths, as many in a row as there is room for."""
        rows: list[Measured] = [[]]
        room = self._width - self._text(caption) - 4 * self.unit
        for key in keys:
            wide = self._wide(key)
            if rows[-1] and wide > room:
                rows.append([])
                room = self._width - 2 * self.unit
            rows[-1].append((key, wide))
            room -= wide + 2.2 * self.unit
        return rows

    def _wide(self, key: Key) -> float:
        named = sum(self._text(name) + 2.4 * self.unit for name, _ in key.labels)
        ends = self._text(" ".join(_ends(key))) + 7 * self.unit
        return max(self._text(key.title), named if key.labels else ends)

    def _text(self, text: str) -> float:
        return float(self._font.getlength(text))

    def _key(self, pen: Any, key: Key, x: float, y: float, wide: float) -> None:
        unit = self.unit
        pen.text((x, y), key.title, _rgb(_quiet()), self._font, anchor="lm")
        y += 1.35 * unit if key.title else 0.0
        for name, colour in key.labels:
            pen.ellipse((x, y - 0.4 * unit, x + 0.8 * unit, y + 0.4 * unit), _rgb(colour))
            pen.text((x + 1.2 * unit, y), name, _rgb(INK), self._font, anchor="lm")
            x += self._text(name) + 2.4 * unit
        if not key.labels:
            low, high = _ends(key)
            pen.text((x, y), low, _rgb(INK), self._font, anchor="lm")
            left, right = x + self._text(low) + 0.5 * unit, x + wide - self._text(high) - 0.5 * unit
            _bar(pen, key.map, (left, y - 0.4 * unit, right, y + 0.4 * unit))
            pen.text((right + 0.5 * unit, y), high, _rgb(INK), self._font, anchor="lm")


def _bar(pen: Any, name: str, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    colours, n = table(name), round(right - left)
    for k in range(n):
        pen.line((left + k, top, left + k, bottom), _rgb(colours[min(255, 256 * k // n)]))


def _ends(key: Key) -> tuple[str, str]:
    if key.map == "wheel":
        return "0°", "360°"
    tiny = 1e-6 * abs(key.high)
    return _number(0.0 if abs(key.low) < tiny else key.low), _number(key.high)


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.1e}"


def _rgb(colour: Sequence[float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * float(v)) for v in colour)
    return red, green, blue


def _quiet() -> tuple[float, float, float]:
    red, green, blue = (g + 0.7 * (i - g) for i, g in zip(INK, GROUND, strict=True))
    return red, green, blue
