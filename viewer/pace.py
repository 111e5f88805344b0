"""How often the workers should publish."""

from __future__ import annotations

import math
from collections import deque

TARGET = 30.0
"""Frames per second of a viewer that does not ask for another number."""
SHARE = 0.03
"""Viewing takes about this part of a worker's time, and not more."""
SLOWEST = 0.5
"""Frames per second that viewers get even where they cost more."""


class Pace:
    """Chooses `every`, a power of two, so that about as many frames per second come as viewers can use.

    All workers publish at the ticks that `every` divides; powers of two nest, so workers that hear of a change at
    different moments still meet at common ticks. Starts at 1.
    """

    def __init__(self) -> None:
        self.every = 1
        self._arrivals: deque[tuple[float, int]] = deque()
        self._whole = self._broken = 0

    def arrived(self, now: float, tick: int) -> None:
        """A part of worker 0 came; `now` in seconds."""
        if self._arrivals and tick == self._arrivals[-1][1]:
            return  # of another interest
        if self._arrivals and tick < self._arrivals[-1][1]:
            self._arrivals.clear()  # the run went back
        if len(self._arrivals) > 1 and now - self._arrivals[-2][0] < 0.01:
            self._arrivals.pop()  # a hundred a second tell enough
        self._arrivals.append((now, tick))
        while len(self._arrivals) > 2 and now - self._arrivals[0][0] > 1.0:
            self._arrivals.popleft()

    def completed(self, broken: int) -> None:
        """A frame is whole; `broken` older ones were given up because a part was missing."""
        self._whole += 1
        self._broken += broken

    def rate(self, now: float) -> float | None:
        """Ticks per second of the run, or None when too little came to tell."""
        if len(self._arrivals) < 2:
            return None
        (start, first), (end, last) = self._arrivals[0], self._arrivals[-1]
        if end - start < 0.1:
            return None
        measured = (last - first) / (end - start)
        # Nothing for a while: the run has slowed down or stands still.
        return min(measured, self.every / max(now - end, 1e-9))

    def choose(self, now: float, wanted: float, cost: float = 0.0) -> int:
        """The new `every`.

        Args:
            now: seconds.
            wanted: frames per second that the quickest viewer can use.
            cost: seconds that the busiest worker spends on the frames of one tick.
        """
        rate = self.rate(now)
        if rate is None:
            return self.every
        frames = max(wanted, SLOWEST)
        if cost > 0:
            frames = max(min(frames, SHARE / cost), SLOWEST)
        if self._broken > self._whole:
            # Workers drop parts at different ticks: they are asked for more than they can send.
            self.every *= 2
            self._arrivals.clear()
        elif rate > 1.2 * frames * self.every or 2 * rate < 0.9 * frames * self.every:
            self.every = 2 ** max(0, math.ceil(math.log2(max(rate, 1e-9) / frames)))
        self._whole = self._broken = 0
        return self.every
