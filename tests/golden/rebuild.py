"""Write the golden digests anew: `python -m tests.golden.rebuild`.

They change only in a commit that explains why: each change breaks everybody's stored results.
"""

from __future__ import annotations

import json
from pathlib import Path

from weaver.load import load_app

HERE = Path(__file__).resolve().parent
APP, DIGESTS = HERE / "strict.py", HERE / "strict.json"
TICKS = (0, 1, 2, 5, 20, 100)


def digests(partitions: int = 1, threads: int = 1) -> dict[str, str]:
    """Tick -> digest of the program at some ticks."""
    _, sim = load_app(APP)
    told = {}
    with sim.start(partitions=partitions, threads=threads) as run:
        for tick in TICKS:
            run.step(tick - run.tick)
            told[str(tick)] = run.digest()
    return told


if __name__ == "__main__":
    DIGESTS.write_text(json.dumps(digests(), indent=1) + "\n", encoding="utf-8")
