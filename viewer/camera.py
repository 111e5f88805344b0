"""Where a picture is taken from, and where in it each place of the world is seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIELD_OF_VIEW = 40.0
LEAST_ZOOM, MOST_ZOOM = 0.2, 40.0
Floats = NDArray[np.float64]


class CameraError(ValueError):
    """A camera that cannot be; the message says what can."""


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the middle of the world.

    Attributes:
        azimuth: degrees; 0 looks along +y, 90 along -x.
        elevation: degrees above the ground, -90 to 90.
        zoom: 1 shows all of the world.
        flat: from above and without perspective, as a map.
    """

    azimuth: float = -35.0
    elevation: float = 31.0
    zoom: float = 1.0
    flat: bool = False

    @classmethod
    def usual(cls, meta: Mapping[str, Any]) -> Camera:
        """A map of what has two dimensions, a view from aside of what has three."""
        return cls(0.0, 90.0, flat=True) if meta["dim"] == 2 else cls()

    @classmethod
    def parse(cls, text: str) -> Camera:
        """Read "top" or "azimuth,elevation,zoom" (the last may be left out).

        Raises:
            CameraError: it is neither, or out of range.
        """
        if text.strip() == "top":
            return cls(0.0, 90.0, flat=True)
        if text.strip().startswith("top,"):
            return cls(0.0, 90.0, cls.parse("0,90," + text.partition(",")[2]).zoom, flat=True)
        try:
            azimuth, elevation, zoom = ([float(part) for part in text.split(",")] + [1.0])[:3]
            if not 1 <= text.count(",") <= 2 or not -90 <= elevation <= 90 or not math.isfinite(azimuth):
                raise ValueError
            if not LEAST_ZOOM <= zoom <= MOST_ZOOM:
                raise ValueError
        except ValueError:
            raise CameraError(
                f'the camera {text!r} was asked for; allowed is "top", or azimuth,elevation,zoom with elevations from '
                f"-90 to 90 degrees and zooms from {LEAST_ZOOM:g} to {MOST_ZOOM:g}.\n"
                f"It is not known from where to look.\n"
                f'Write --camera="-35,31,1", or --camera top.'
            ) from None
        return cls(azimuth, elevation, zoom)

    def turned(self, degrees: float) -> Camera:
        """The same, so far around the world."""
        return Camera(self.azimuth + degrees, self.elevation, self.zoom, self.flat)

    @property
    def back(self) -> Floats:
        """Unit vector from the world to the camera."""
        a, e = math.radians(self.azimuth), math.radians(self.elevation)
        return np.array([math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)])

    @property
    def up(self) -> Floats:
        """Unit vector that points up in the picture."""
        a, e = math.radians(self.azimuth), math.radians(self.elevation)
        return np.array([-math.sin(a) * math.sin(e), math.cos(a) * math.sin(e), math.cos(e)])

    @property
    def right(self) -> Floats:
        """Unit vector that points right in the picture."""
        return np.cross(self.up, self.back)

    def half_height(self, meta: Mapping[str, Any], aspect: float) -> float:
        """Metres from the middle of a picture to its upper edge, at the distance of what it looks at."""
        return self._framed(meta, aspect)[1]

    def target(self, meta: Mapping[str, Any], aspect: float) -> Floats:
        """What is in the middle of the picture: a map's centre; in space as much is seen on either side of it."""
        return self._framed(meta, aspect)[0]

    def _framed(self, meta: Mapping[str, Any], aspect: float) -> tuple[Floats, float]:
        low, high = np.array(meta["low"], float), np.array(meta["high"], float)
        size, centre = high - low, (low + high) / 2
        if self.flat:
            return centre, float(1.03 * max(size[1], size[0] / aspect) / 2 / self.zoom)
        corners = np.array(np.meshgrid(*[[-0.5, 0.5]] * 3)).reshape(3, -1).T * size
        across, along, ahead = corners @ self.right, corners @ self.up, corners @ self.back
        # A corner `ahead` of the centre is seen larger: half is the least h with |along - shift| <= h - ahead tan for
        # all, and the shift is what makes it least.
        near = ahead * math.tan(math.radians(FIELD_OF_VIEW / 2))
        up, down = (along + near).max(), (near - along).max()
        right, left = (across / aspect + near).max(), (near - across / aspect).max()
        half = 1.06 * max(up + down, right + left) / 2
        middle = centre + (up - down) / 2 * self.up + (right - left) / 2 * aspect * self.right
        return middle, float(half / self.zoom)

    def project(self, meta: Mapping[str, Any], size: tuple[int, int], places: Floats) -> tuple[Floats, Floats]:
        """Pixels (n, 2), column and row, of (n, 3) places; and (n,) metres by which each is behind the centre."""
        width, height = size
        middle, half = self._framed(meta, width / height)
        away = np.asarray(places, float) - middle
        behind = -(away @ self.back)
        scale = np.full(len(away), half)
        if not self.flat:
            scale = half + behind * math.tan(math.radians(FIELD_OF_VIEW / 2))
        column = width / 2 + (away @ self.right) / scale * (height / 2)
        row = height / 2 - (away @ self.up) / scale * (height / 2)
        return np.stack([column, row], axis=1), behind

    def aim(self, control: Any, meta: Mapping[str, Any], aspect: float, extent: float) -> None:
        """Point the view control of Open3D's visualizer, which counts its zoom in `extent`, its longest side."""
        if self.flat:
            control.change_field_of_view(-100)  # the least, 5 degrees, means orthographic
        else:
            control.change_field_of_view((FIELD_OF_VIEW - control.get_field_of_view()) / 5)
        control.set_lookat(self.target(meta, aspect))
        control.set_front(self.back)
        control.set_up(self.up)
        control.set_zoom(self.half_height(meta, aspect) / extent)
