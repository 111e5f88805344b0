"""Links in the interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from weaver.errors import ModelError
from weaver.message import Link
from weaver.played_rows import split
from weaver.sources import Ties


class Tie:
    """A link as a behavior sees it: its fields, to be read."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values


def _tie_class(kind: type[Link]) -> type[Tie]:
    def of(name: str) -> property:
        return property(lambda self: self._values[name])

    return type(kind.__name__, (Tie,), {"__slots__": (), **{name: of(name) for name in kind.__fields__}})


class Ring:
    """All links, by the id of who sees them.

    Raises:
        ModelError: an end of a link is nobody's id.
    """

    def __init__(self, ties: Sequence[Ties], kinds: Mapping[int, type]) -> None:
        self._found: dict[tuple[type[Link], int], list[tuple[int, int, Tie]]] = {}
        number = 0
        for tie in ties:
            made = _tie_class(tie.link)
            columns = {n: split(f, np.asarray(tie.fields[n])) for n, f in tie.link.__fields__.items()}
            for k, (a, b) in enumerate(zip(tie.a.tolist(), tie.b.tolist(), strict=True)):
                for end in (a, b):
                    if end not in kinds:
                        raise ModelError(
                            f"link({tie.link.__name__}, ...) ties entity {end}, and there is none of this id at the "
                            f"start.\n"
                            f"Nobody would be found at the other end.\n"
                            f"Give ids as sim.add was given them, or as they are counted, from 0 on."
                        )
                held = made({name: values[k] for name, values in columns.items()})
                self._found.setdefault((tie.link, a), []).append((b, number, held))
                if not tie.link.__directed__:
                    self._found.setdefault((tie.link, b), []).append((a, number, held))
                number += 1
        for entries in self._found.values():
            entries.sort(key=lambda entry: entry[:2])

    def of(self, id: int, kind: type[Link]) -> list[tuple[int, Tie]]:
        """(id of the other, link), by id, then in the order declared."""
        return [(other, tie) for other, _, tie in self._found.get((kind, id), ())]
