"""Errors that an author meets: few kinds, one per thing that can be done about it; each is also a builtin."""

from __future__ import annotations


class WeaverError(Exception):
    """Base of Weaver's errors."""


class ModelError(WeaverError, ValueError):
    """The model as declared cannot run: a field, a parameter, a box, initial values."""


class BehaviorError(WeaverError, SyntaxError):
    """A behavior's source cannot be compiled; the message shows file, line, the source line and a caret.

    Attributes:
        path: file of the behavior.
        line: line number, from 1.
    """

    def __init__(self, message: str, path: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.path, self.line = path, line

    def __str__(self) -> str:
        """The message alone: SyntaxError would add its own idea of a place."""
        return str(self.args[0])


class RunError(WeaverError, RuntimeError):
    """A run failed: an entity broke a rule, or a worker was lost."""


class RecordError(RunError, OSError):
    """A recording cannot be written, joined or read; what was finished before stays valid."""


class AppError(WeaverError, ImportError):
    """An app file cannot be used: it is missing, holds no Simulation, or more than one."""
