"""Progress without a terminal: a line on stderr every ten seconds, and never a word on stdout."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from weaver import progress


@dataclass
class Standing:
    """As much of a run as progress looks at."""

    tick: int = 0

    def counts(self) -> dict[str, int]:
        return {"Bird": 80_000, "Hawk": 12}


@pytest.mark.parametrize(("ticks", "end"), [(400, " of 400"), (None, "")])
def test_without_a_terminal_there_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ticks: int | None, end: str
) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    run = Standing()
    with progress.ProgressBar("flocking", ticks) as bar:
        for _ in range(125):  # 25 seconds, looked at five times each
            now[0] += 0.2
            run.tick += 2
            bar(run)  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 2
    first, second = (re.fullmatch(r"flocking: tick (\d+)(.*), 10 ticks/s, 80000 Bird, 12 Hawk", line) for line in lines)
    assert first and second
    assert (first[2], second[2]) == (end, end)
    assert int(second[1]) - int(first[1]) == pytest.approx(100, abs=2)
