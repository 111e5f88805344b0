"""The colours of the page (page/colour.js), for pictures made in Python.

Everything is made in OKLCH, where equal steps look equal. Source: Ottosson 2020, "A perceptual color space for image
processing". Angles in degrees, lightness 0 to 1; results are sRGB, 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

TYPE_HUES = (235, 70, 155, 350, 110, 300, 195, 30)
GROUND = (0.039, 0.051, 0.075)
INK = (0.8, 0.86, 0.95)
_TO_CONE = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.291485548],
    ]
)
_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.707614701],
    ]
)


def oklch(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """One colour; what lies outside sRGB is brought in by lowering its chroma."""
    while True:
        angle, c = math.radians(hue), max(chroma, 0.0)
        cones = _TO_CONE @ np.array([lightness, c * math.cos(angle), c * math.sin(angle)])
        linear = _TO_LINEAR @ cones**3
        if chroma <= 0 or ((linear >= -1e-4) & (linear <= 1.0001)).all():
            red, green, blue = (_gamma(min(max(float(v), 0.0), 1.0)) for v in linear)
            return red, green, blue
        chroma -= 0.005


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def ramp(t: float) -> tuple[float, float, float]:
    """Colour of a field's value, 0 <= t <= 1: violet, blue, green, yellow with lightness rising evenly."""
    return oklch(0.42 + 0.52 * t, 0.15, 300 - 195 * t)


def wheel(t: float) -> tuple[float, float, float]:
    """Colour of a direction, t turns counter-clockwise from +x: all hues at one lightness."""
    return oklch(0.78, 0.15, 360 * t + 30)


def heat(t: float) -> tuple[float, float, float]:
    """Like glowing iron: wine red, red, orange, pale yellow."""
    return oklch(0.36 + 0.6 * t, 0.11 + 0.28 * t * (1 - t), 5 + 95 * t)


def moss(t: float) -> tuple[float, float, float]:
    """Dark teal to pale green."""
    return oklch(0.26 + 0.64 * t, 0.06 + 0.26 * t * (1 - t), 200 - 75 * t)


def grey(t: float) -> tuple[float, float, float]:
    """Without hue."""
    return oklch(0.36 + 0.62 * t, 0.0, 0.0)


MAPS: dict[str, Callable[[float], tuple[float, float, float]]] = {
    "ramp": ramp,
    "heat": heat,
    "moss": moss,
    "grey": grey,
    "wheel": wheel,
}
LEVELS = 256
FADED = 0.18
"""The share of a faded map's range over which it comes out of the ground."""


@cache
def table(name: str) -> NDArray[np.float64]:
    """The colours of a map, (256, 3); of "ramp faded" those of the ramp, whose lowest sink into the ground."""
    name, _, faded = name.partition(" ")
    steps = LEVELS if name == "wheel" else LEVELS - 1
    made = np.array([MAPS[name](k / steps) for k in range(LEVELS)])
    if faded:
        share = np.minimum(1.0, np.arange(LEVELS) / (FADED * LEVELS))[:, None]
        made = np.array(GROUND) + (0.12 + 0.88 * share) * (made - np.array(GROUND))
    made.flags.writeable = False
    return made


def crowd(rgb: tuple[float, float, float]) -> NDArray[np.float64]:
    """A map (256, 3) for how many there are: from the faintest of a colour's hue to the strongest."""
    linear = np.array([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb])
    _, a, b = np.linalg.solve(_TO_CONE, np.cbrt(np.linalg.solve(_TO_LINEAR, linear)))
    chroma, hue = math.hypot(a, b), math.degrees(math.atan2(b, a))
    shares = np.arange(LEVELS) / (LEVELS - 1)
    return np.array([oklch(0.34 + 0.63 * t, min(chroma, 0.15) * (1.25 - t * t), hue) for t in shares])


EXPECTED = {
    "empty none free dead ground road": (0.27, 0.02, 260.0),
    "green tree grown alive grass healthy forest": (0.68, 0.15, 148.0),
    "burning fire hot": (0.78, 0.19, 55.0),
    "burnt burned ash removed": (0.42, 0.035, 50.0),
    "infected infectious sick ill zombie": (0.68, 0.2, 27.0),
    "susceptible ignorant unaware": (0.66, 0.05, 250.0),
    "exposed latent": (0.84, 0.15, 90.0),
    "recovered immune": (0.74, 0.12, 195.0),
    "spreader": (0.8, 0.17, 65.0),
    "stifler": (0.6, 0.13, 300.0),
    "water sea": (0.6, 0.13, 240.0),
    "wall rock": (0.5, 0.01, 260.0),
}
"""Lightness, chroma and hue of what some words make people expect."""


def label_colour(code: int, name: str = "") -> tuple[float, float, float]:
    """Colour of a value of an enumeration: what its name makes one expect, else hues far apart for neighbours."""
    for words, lch in EXPECTED.items():
        if name.lower() in words.split():
            return oklch(*lch)
    return oklch(0.76, 0.14, 250 + 137.508 * code)


def type_colour(index: int) -> tuple[float, float, float]:
    """Colour of an entity type."""
    return oklch(0.78, 0.15, TYPE_HUES[index % len(TYPE_HUES)])


def worker_colour(worker: int) -> tuple[float, float, float]:
    """Colour of a worker; neighbours in number are far apart in hue."""
    return oklch(0.72, 0.13, 210 + 137.508 * worker)


def parse(text: str) -> tuple[float, float, float]:
    """Colour of "#rrggbb".

    Raises:
        ValueError: it is not of that form.
    """
    if len(text) != 7 or text[0] != "#":
        raise ValueError(
            f"the colour {text!r} was given; allowed is '#rrggbb' in hexadecimal digits.\n"
            "No colour can be made of it.\n"
            "Write for example '#3fb6e8'."
        )
    return int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255


def by_direction(heading: NDArray[np.int8]) -> NDArray[np.float64]:
    """Colours of (n, 3) directions, (n, 3); what climbs is paler, what dives darker, what stands is grey."""
    unit = heading / 127.0
    turn = np.arctan2(unit[:, 1], unit[:, 0]) / (2 * np.pi) % 1.0
    colours: NDArray[np.float64] = table("wheel")[np.minimum((turn * LEVELS).astype(np.int64), LEVELS - 1)]
    if unit[:, 2].any():
        climb = unit[:, 2:]
        colours = colours + 0.35 * np.maximum(climb, 0) * (1 - colours)
        colours = colours * (1 + 0.35 * np.minimum(climb, 0))
    colours[~heading.any(axis=1)] = 0.5
    return colours


def by_scalar(scalar: NDArray[np.float32], low: float, high: float, name: str = "ramp") -> NDArray[np.float64]:
    """Colours of (n,) values over [low, high], (n, 3), by a map; NaN is grey."""
    known = ~np.isnan(scalar)
    share = np.clip((np.where(known, scalar, low).astype(np.float64) - low) / ((high - low) or 1.0), 0, 1)
    colours: NDArray[np.float64] = table(name)[np.rint(share * (LEVELS - 1)).astype(np.int64)]
    colours[~known] = 0.5
    return colours


def by_label(
    codes: NDArray[np.float32] | NDArray[np.uint8], names: Mapping[int, str] | None = None
) -> NDArray[np.float64]:
    """Colours of (...) codes of an enumeration, (..., 3), whose names may tell colours; NaN is grey."""
    known, place = np.unique(codes, return_inverse=True)
    names = names or {}
    colours = np.array(
        [label_colour(int(code), names.get(int(code), "")) if code == code else (0.5, 0.5, 0.5) for code in known]
    ).reshape(-1, 3)
    return colours[place.reshape(codes.shape)]
