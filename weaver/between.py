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

    What was promised for a tick is done before it too, first of all.

    Args:
        run: what they get.
        functions: what is called.

    Attributes:
        done: the tick before which they were called last.
        silent: they are not called: what they did is known from the log.
    """

    def __init__(self, run: Run, functions: Sequence[Between]) -> None:
        self._run, self._functions = run, functions
        self.done, self.silent = -1, False
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
                f"{asked} was asked by a function that is called between ticks, before tick {self.done}.\n"
                f"The run goes on when it returns, and cannot before.\n"
                f"Return from it; to end the run, declare sim.until(...)."
            )

    def next(self, tick: int) -> int | None:
        """The tick after this one at which there is something to do; None if there is none."""
        if self.silent:
            return None
        called = [tick - tick % one.every + one.every for one in self._functions]
        return min([*called, *(at for at in self._run.promised_ticks() if at > tick)], default=None)

    def call(self, tick: int) -> None:
        """Do what is to be done before this tick, if that has not been done.

        Raises:
            RunError: a function has failed; names it.
        """
        if self.silent or tick == self.done:
            return
        self.done = tick
        due = [one for one in self._functions if tick % one.every == 0]
        if not due and tick not in self._run.promised_ticks():
            return
        self._caller = threading.get_ident()
        try:
            with self._run.grouped():
                self._run.keep_promises(tick)
                for one in due:
                    self._call(one, tick)
        finally:
            self._caller = None

    def _call(self, one: Between, tick: int) -> None:
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
