"""Where the time of a worker's ticks goes."""

from __future__ import annotations

from typing import Any


class Meter:
    """Adds up seconds until somebody takes them.

    Attributes:
        parts: partition -> seconds in its kernels.
        kernels: seconds while kernels ran, of all partitions side by side.
        exchange: seconds until the peers' batches had come.
        total: seconds of ticks.
        ticks: how many.
    """

    def __init__(self) -> None:
        """Nothing was done yet."""
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.parts: dict[int, float] = {}
        self.kernels = self.exchange = self.total = 0.0
        self.ticks = 0

    def take(self, rank: int, entities: dict[int, int]) -> dict[str, Any]:
        """What a block of kind "load" says, and begin again; `entities` by partition."""
        taken = {
            "partitions": [
                {"number": number, "worker": rank, "entities": n, "seconds": self.parts.get(number, 0.0)}
                for number, n in sorted(entities.items())
            ],
            "workers": [
                {
                    "worker": rank,
                    "ticks": self.ticks,
                    "seconds": {
                        "kernels": self.kernels,
                        "exchange": self.exchange,
                        "other": max(0.0, self.total - self.kernels - self.exchange),
                    },
                }
            ],
        }
        self.reset()
        return taken
