"""When numba refuses generated text: the author's line, in the author's terms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from weaver.errors import BehaviorError

if TYPE_CHECKING:
    from weaver.compiler.build import Written


def blame(written: Written, cause: Exception) -> BehaviorError:
    """Turn numba's error into one that names the author's line; numba's text stays attached as the cause."""
    text = str(cause)
    lines = written.text.splitlines()
    places = [int(n) for n in re.findall(r"program\.py\D{1,12}(\d+)", text)]
    for place in reversed(places):
        if not 0 < place <= len(lines):
            continue
        match = re.search(r"  # (\d+)$", lines[place - 1])
        if match is None:
            continue
        number = int(match[1])
        path, source = _source(written, lines, place)
        line = source[number - 1].rstrip("\n") if source and number <= len(source) else lines[place - 1].strip()
        reasons = [r for r in text.splitlines() if re.search(r"No implementation|Cannot unify|Unknown attr|not", r)]
        reason = reasons[0] if reasons else ""
        return BehaviorError(
            f"{path}:{number}: this line does not fit together\n    {line.strip()}\n    ^\n"
            f"Its values have types that cannot be combined here ({reason.strip() or type(cause).__name__}).\n"
            f"Check which are numbers, vectors and entities; a variable keeps one type.",
            path,
            number,
        )
    return BehaviorError(
        f"the behaviors of {written.plan.model.sim.name} could not be compiled: {text.partition(chr(10))[0]}\n"
        f"The generated text is shown by `weaver explain`.\n"
        f"Check which values are numbers, vectors and entities; a variable keeps one type."
    )


def _source(written: Written, lines: list[str], place: int) -> tuple[str, list[str]]:
    for line in reversed(lines[:place]):
        match = re.match(r"# (.*):(\d+)$", line)
        if match:
            path = match[1]
            for _, acts in written.plan.behaviors:
                for act in acts:
                    if act.lowering.source.path == path:
                        return path, act.lowering.source.lines
            return path, []
    for _, acts in written.plan.behaviors:
        return acts[0].lowering.source.path, acts[0].lowering.source.lines
    return "", []
