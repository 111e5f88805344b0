"""The archive: how often snapshots are made, and which of them are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weaver.errors import ModelError

PERIODS: dict[str, Callable[[float], str]] = {
    "last": lambda seconds: repr(seconds),
    "hourly": lambda seconds: time.strftime("%Y-%m-%d %H", time.gmtime(seconds)),
    "daily": lambda seconds: time.strftime("%Y-%m-%d", time.gmtime(seconds)),
    "weekly": lambda seconds: time.strftime("%G week %V", time.gmtime(seconds)),
    "monthly": lambda seconds: time.strftime("%Y-%m", time.gmtime(seconds)),
}
"""What one of a kind is kept of: of each hour, day, week or month (UTC) the newest."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def read_interval(value: Any) -> tuple[int | None, float | None]:
    """`1000` is (1000, None), ticks; `"30s"`, `"5m"`, `"2h"`, `"1d"` are (None, seconds).

    Raises:
        ModelError: it is neither.
    """
    if value is None:
        return None, None
    text = str(value).strip()
    if text.isdecimal() and int(text) >= 1 and not isinstance(value, bool):
        return int(text), None
    try:
        seconds = float(text[:-1]) * _UNITS[text[-1:]]
    except (KeyError, ValueError):
        seconds = 0.0
    if not 1.0 <= seconds < float("inf"):
        raise ModelError(
            f"a snapshot every {value!r} was asked for; allowed is a number of ticks, or a time of at least a second "
            f"such as 30s, 5m, 2h or 1d.\n"
            f"It would not be known when to make one.\n"
            f"Write --snapshot-every 1000, or --snapshot-every 10m."
        )
    return None, seconds


def read_policy(value: str | Mapping[str, int] | None) -> dict[str, int] | None:
    """`"daily=7,weekly=4"`, or the same as a dict; None keeps all.

    Raises:
        ModelError: a word or a number is not allowed.
    """
    if value is None:
        return None
    given: Iterable[tuple[str, Any]]
    if isinstance(value, str):
        given = [(name.strip(), number) for name, _, number in (part.partition("=") for part in value.split(","))]
    else:
        given = value.items()
    policy = {}
    for name, number in given:
        if name not in PERIODS or not str(number).isdecimal() or int(number) < 1:
            raise ModelError(
                f"keep={value!r} was asked for; allowed are {', '.join(PERIODS)}, each with a number from 1.\n"
                f"Snapshots that are wanted could be removed.\n"
                f"Write --keep daily=7,weekly=4, or leave it out to keep all."
            )
        policy[name] = int(number)
    return policy


def surplus(written: Mapping[str, float], policy: Mapping[str, int]) -> list[str]:
    """The snapshots that no rule keeps.

    Args:
        written: name -> when it was written, seconds since 1970; names are in order of their ticks.
        policy: how many of each kind are kept.
    """
    kept = set()
    for kind, number in policy.items():
        seen: list[str] = []
        for name in sorted(written, reverse=True):
            period = name if kind == "last" else PERIODS[kind](written[name])
            if period not in seen:
                if len(seen) == number:
                    break
                seen.append(period)
                kept.add(name)
    return [name for name in sorted(written) if name not in kept]
