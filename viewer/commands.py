"""What a viewer may ask: one JSON object per message, checked before anything acts on it."""

from __future__ import annotations

import json
import math
from typing import Any

MOST_STEPS = 1_000_000
FASTEST = 1e6


class CommandError(ValueError):
    """A message that is no command; it has no effect but the end of its connection."""


def parse(message: str | bytes, meta: dict[str, Any]) -> dict[str, Any]:
    """Read one message.

    Args:
        message: JSON text.
        meta: the world description; `colour` must name a type and a field of it.

    Returns:
        One of {"op": "ack"}, {"op": "pause"}, {"op": "play"}, {"op": "step", "n": int},
        {"op": "rate", "hz": float, or None for as fast as possible},
        {"op": "colour", "type": str, "field": str or None}.

    Raises:
        CommandError: anything else.
    """
    try:
        asked = json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError) as error:
        raise CommandError(f"not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise CommandError("a command is a JSON object in a text message")
    op = asked.pop("op", None)
    if op in ("ack", "pause", "play") and not asked:
        return {"op": op}
    if op == "step" and asked.keys() <= {"n"}:
        n = asked.get("n", 1)
        if type(n) is int and 1 <= n <= MOST_STEPS:
            return {"op": op, "n": n}
    if op == "rate" and asked.keys() == {"hz"}:
        hz = asked["hz"]
        if hz is None or (type(hz) in (int, float) and math.isfinite(hz) and 0 < hz <= FASTEST):
            return {"op": op, "hz": None if hz is None else float(hz)}
    if op == "colour" and asked.keys() == {"type", "field"}:
        for entity_type in meta["types"]:
            if entity_type["name"] == asked["type"]:
                names = [field["name"] for field in entity_type["fields"]]
                if asked["field"] is None or asked["field"] in names:
                    return {"op": op, **asked}
    raise CommandError(f"unknown command or value out of range: {str(op)[:40]!r}")
