"""Measure how fast Weaver is: `python -m benchmarks [NAME…] [--quick]`, `python -m benchmarks report`.

Every measurement runs its references in the same invocation, in turns, on the same cores; what it finds goes to
benchmarks/results/NAME.json, of which `report` makes docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

from benchmarks.machine import machine

CASES = (
    "flocking", "melt", "circles", "life", "forest_fire", "diffusion", "wolf_sheep", "schelling", "zombies", "threads",
    "promise", "exchange", "snapshots", "memory", "first_tick", "scaling",
)  # fmt: skip
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> None:
    """Run measurements by name, or write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}, or report; all by default")
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works, not how fast")
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help=f"results go there (default {RESULTS})")
    chosen = parser.parse_args(arguments)
    unknown = sorted({*chosen.names} - {*CASES, "report"})
    if unknown:
        parser.error(f"no measurement is called {unknown[0]}; there are {', '.join(CASES)}, and report")
    folder = chosen.out or RESULTS
    if chosen.quick and chosen.out is None:
        folder = None  # not to be taken for figures
    facts = machine()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    for name in chosen.names or CASES:
        if name == "report":
            from benchmarks.report import write

            write(folder or RESULTS)
            continue
        module = importlib.import_module(f"benchmarks.{name}")
        results = []
        for result in module.measure(chosen.quick):
            print(result, flush=True)
            results.append(result.as_json())
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            about = (module.__doc__ or "").strip()
            data = {"name": name, "about": about, "quick": chosen.quick, "machine": facts, "results": results}
            (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
