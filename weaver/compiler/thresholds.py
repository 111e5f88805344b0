"""Exact thresholds: `v.length() < c` as a comparison of squares, which needs no root and never differs from it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def squared_threshold(c: float, operator: str, single: bool = False) -> float:
    """The t for which `sqrt(x) operator c` equals `x operator t` for every x >= 0 of the precision.

    Rounded roots never decrease, so for < and >= it is the least x whose root reaches c, for <= and > the largest
    whose root does not exceed it.

    Args:
        c: positive and finite.
        operator: "<", "<=", ">" or ">=".
        single: x and its root are float32.
    """
    real: Any = np.float32 if single else np.float64
    x = real(c * c)

    def reaches(value: Any) -> bool:
        root = float(np.sqrt(value))
        return root >= c if operator in ("<", ">=") else root > c

    up, down = real(np.inf), real(0.0)
    while reaches(x) and x > 0:
        x = np.nextafter(x, down)
    while not reaches(x) and not math.isinf(x):
        x = np.nextafter(x, up)
    return float(x if operator in ("<", ">=") else np.nextafter(x, down))
