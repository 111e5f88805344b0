"""Functions between ticks: Python on the driver that asks and commands the run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weaver.errors import RunError
from weaver.sources import Between

if TYPE_CHECKING:
    from weaver.run import Run


class Betweens:
    """Calls the functions of a run when their ticks have come, each once per tick, in the order declared.

    Args:
        run: what they get.
        functions: what is called.
    """

    def __init__(self, run: Run, functions: Sequence[Between]) -> None:
        self._run, self._functions = run, functions
        self._done = -1
        self._caller: int | None = None

    @property
    def calling(self) -> bool:
        """Whether this very thread is inside one of the functions."""
        return self._caller == threading.get_ident()

    def refuse(self, asked: str) -> None:
        """Refuse what cannot be asked within one of them.

        Raises:
            RunError: this thread is inside one.
        """
        if self.calling:
            raise RunError(
                f"{asked} was asked by a function that is called between ticks, before tick {self._done}.\n"
                f"The run goes on when it returns, and cannot before.\n"
                f"Return from it; to end the run, declare sim.until(...)."
            )

    def next(self, tick: int) -> int | None:
        """The tick after this one at which one of them is called; None if there are none."""
        return min((tick - tick % one.every + one.every for one in self._functions), default=None)

    def call(self, tick: int) -> None:
        """Call those whose turn it is before this tick, if that has not been done.

        Raises:
            RunError: one has failed; names it.
        """
        if tick == self._done:
            return
        self._done = tick
        for one in self._functions:
            if tick % one.every:
                continue
            self._caller = threading.get_ident()
            try:
                one.function(self._run)
            except Exception as cause:
                name = getattr(one.function, "__name__", repr(one.function))
                raise RunError(
                    f"{name!r}, which is called between ticks, failed before tick {tick}: {type(cause).__name__}: "
                    f"{cause}\n"
                    f"What it was to ask or to command is missing, so the run ends here.\n"
                    f"Correct {name!r}; its own error is kept as the cause of this one."
                ) from cause
            finally:
                self._caller = None
