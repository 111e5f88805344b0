"""How many bytes may leave in a second."""

from __future__ import annotations

BURST_SECONDS = 0.25


class Allowance:
    """A bucket that fills at `rate` bytes per second and may be overdrawn by one message.

    Times are seconds of any clock that does not go back.
    """

    def __init__(self, rate: float | None) -> None:
        """`rate`: bytes per second; None: no limit."""
        self.rate = rate
        self._free_at = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until a message may leave, 0 if at once."""
        return max(0.0, self._free_at - now)

    def spend(self, now: float, size: int) -> None:
        """A message of `size` bytes leaves."""
        if self.rate is not None:
            self._free_at = max(self._free_at, now - BURST_SECONDS) + size / self.rate
