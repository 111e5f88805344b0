"""What the command says of wrong usage, in this process: one of its own takes two seconds to start."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaver.cli import main


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """Call the command, which must exit with 2 and print nothing on stdout; what it said on stderr."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.argv", ["weaver", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    out, said = capsys.readouterr()
    assert end.value.code == 2, out + said
    assert out == ""
    return said
