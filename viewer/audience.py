"""Those who watch: what each has been sent, and when it may be sent more."""

from __future__ import annotations

import asyncio
from collections import deque

from viewer.allowance import Allowance
from viewer.commands import Interest
from viewer.pace import TARGET
from viewer.plan import Slot, Wish

KEPT_SLOTS = 6
"""Interests of a viewer whose frames are still welcome until one of a later interest has come."""


class Seat:
    """Somebody who takes frames: one at a time, the newest, within a rate and a budget of bytes.

    Attributes:
        wake: set when there may be something new for it.
        wish: what it wants; None until it has said so.
        asked: how often it has said.
        hz: frames per second that it wants at most.
        allowance: bytes that it may get.
        seconds: from a frame's leaving to its acknowledgement, smoothed.
    """

    def __init__(self, bytes_per_second: float | None = None) -> None:
        self.wake = asyncio.Event()
        self.wish: Wish | None = None
        self.asked = 0
        self.hz: float | None = None
        self.allowance = Allowance(bytes_per_second)
        self.seconds = 0.0
        self._slots: deque[tuple[Slot, int]] = deque(maxlen=KEPT_SLOTS)  # and the edition that it has had
        self._waiting_since: float | None = None
        self._next = float("-inf")

    def follow(self, anew: bool) -> None:
        """Take notice of the slot that answers the wish now; `anew`: what came of it before does not count.

        A viewer lets go frames that come between its word and our answer, though they may be of the slot that stays.
        """
        slot = self.wish.slot if self.wish is not None else None
        if slot is not None and (anew or not self._slots or self._slots[-1][0] is not slot):
            self._slots.append((slot, 0))
        self.wake.set()

    def offer(self) -> Slot | None:
        """The slot with a frame that it has not had, of its latest interest that has any; None while it draws."""
        if self.wish is None or self._waiting_since is not None:
            return None
        for slot, had in reversed(self._slots):
            if slot.edition > had and slot.points <= self.wish.asked.budget:
                return slot
            if had:
                return None
        return None

    def pause(self, now: float) -> float:
        """Seconds until the next frame may leave."""
        return max(self._next - now, self.allowance.wait(now))

    def take(self, slot: Slot, now: float) -> bytes:
        """The frame that leaves now; what it wanted before that slot is forgotten."""
        self._slots = deque(
            ((each, slot.edition if each is slot else had) for each, had in self._after(slot)), maxlen=KEPT_SLOTS
        )
        self._waiting_since = now
        self._next = now + 1.0 / (self.hz or 1000.0) - 0.002
        self.allowance.spend(now, len(slot.newest))
        return slot.newest

    def _after(self, slot: Slot) -> list[tuple[Slot, int]]:
        places = [k for k, (each, _) in enumerate(self._slots) if each is slot]
        return list(self._slots)[places[-1] :]

    def acknowledge(self, now: float) -> None:
        """It drew the frame it was sent."""
        if self._waiting_since is not None:
            # A page in the background answers when it is looked at again: that says nothing about its speed.
            self.seconds += 0.3 * (min(now - self._waiting_since, 1.0) - self.seconds)
            self._waiting_since = None
        self.wake.set()

    def capacity(self, now: float) -> float:
        """Frames per second that it can use."""
        if self.wish is None:
            return 0.0
        waiting = 0.0 if self._waiting_since is None else now - self._waiting_since
        return min(self.hz or TARGET, 1.0 / max(self.seconds, waiting, 1e-3))

    def ask(self, asked: Interest) -> None:
        """Note a wish's rate."""
        self.asked += 1
        self.hz = asked.hz


class Viewer(Seat):
    """One WebSocket.

    Attributes:
        control: whether it may act on the run.
        sent: text -> edition that it has been sent.
        outbox: texts for it alone.
        answered: what it was told about the number of its interest.
        samples: (edition, rows) of the observations that it has.
    """

    def __init__(self, bytes_per_second: float | None) -> None:
        super().__init__(bytes_per_second)
        self.control = False
        self.sent: dict[str, int] = {}
        self.outbox: deque[str] = deque(maxlen=64)
        self.answered: dict[str, int] = {}
        self.samples = (0, 0)
