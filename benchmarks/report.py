"""The report: docs/benchmarks.md and its plots, of what the measurements have left in benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.race import Result

DOCS = Path(__file__).resolve().parents[1] / "docs"
HEAD = """# Benchmarks

Written by `python -m benchmarks report`, of what `python -m benchmarks` measured: whole ticks, with sorting, boundaries
and exchange in the time. Every reference ran in the same invocation, in turns with Weaver, on the same core; a value is
the median over the rounds, ± half the distance between the quartiles, and a ratio the median over the rounds of what
both took in the same round. Less is better. "Processor" values are processor time of one thread, which other programs
on the machine disturb less than the clock on the wall. `python -m benchmarks NAME` repeats one measurement.

Goals are what we have set ourselves; where one is missed, it says so.
"""


def write(folder: Path, docs: Path = DOCS) -> None:
    """Make the page and the plots.

    Args:
        folder: where the results are.
        docs: where the page goes.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    lines = [HEAD]
    if found:
        lines += [f"Machine: {_machine(found[-1]['machine'])}.", ""]
    for data in found:
        lines += _section(data)
    (docs / "benchmarks.md").write_text("\n".join(lines), encoding="utf-8")
    _plot(found, docs)


def _machine(facts: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _section(data: dict[str, Any]) -> list[str]:
    title, *rest = data["about"].split("\n")
    lines = [
        f"## {data['name']}",
        "",
        " ".join([title, *(line.strip() or "\n\n" for line in rest)]).replace(" \n\n ", "\n\n"),
        "",
    ]
    if data["quick"]:
        lines += ["Measured with `--quick`: it shows that it works, not how fast.", ""]
    for one in data["results"]:
        lines += [*_table(Result.from_json(one)), ""]
    return lines


def _table(result: Result) -> list[str]:
    clock = "" if result.clock == "no" else f", {result.clock} time"
    lines = [f"| {result.title} | {result.unit}{clock} |", "|---|---|"]
    for name in result.values:
        lines.append(f"| {name} | {result.median(name):.4g} ± {100 * result.spread(name):.0f} % |")
    lines += [f"| {name} | skipped: {reason} |" for name, reason in result.skipped.items()]
    for goal in result.goals:
        value = result.reached(goal)
        if value is not None:
            mark = "reached" if result.met(goal) else "missed"
            if goal.against is not None:
                lines.append(
                    f"| {goal.of} against {goal.against} | **{value:.3g} ×** (goal {goal.limit:.3g}: {mark}) |"
                )
            else:
                lines.append(f"| {goal.of} | at most {goal.limit:.4g}: {mark} |")
    lines += [f"| {check} | {'yes' if held else 'NO'} |" for check, held in result.checks.items()]
    return [*lines, *(f"\n{note}" for note in result.notes)]


def _plot(found: list[dict[str, Any]], docs: Path) -> None:
    """How many times as fast as its reference each case is, and what an update costs by the number of entities."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ratios, sizes = [], []
    for data in found:
        for result in map(Result.from_json, data["results"]):
            for name in ("C++", "LAMMPS"):
                if name in result.values and "Weaver" in result.values:
                    pairs = zip(result.values["Weaver"], result.values[name], strict=True)
                    ratios.append((f"{result.title}\nbeside {name}", sorted(b / a for a, b in pairs)))
            if data["name"] == "scaling" and "by the number of birds" in result.title:
                sizes = [(int(n.replace(",", "")), result.median(n)) for n in result.values]
    figure, axes = plt.subplots(
        1, 1 + bool(sizes), figsize=(8 + 4 * bool(sizes), 0.5 * len(ratios) + 1.5), squeeze=False,
        width_ratios=(2, 1)[: 1 + bool(sizes)],
    )  # fmt: skip
    left = axes[0, 0]
    for k, (_, values) in enumerate(ratios):
        left.barh(k, values[len(values) // 2], color="#2a9d8f" if values[len(values) // 2] >= 1 else "#e9c46a")
        left.plot([values[0], values[-1]], [k, k], color="black", linewidth=1)
    left.axvline(1, color="black", linewidth=1, linestyle=":")
    left.set_yticks(range(len(ratios)), [title for title, _ in ratios], fontsize=8)
    left.invert_yaxis()
    left.set_xlabel("times as fast as the reference, one core")
    if sizes:
        right = axes[0, 1]
        right.semilogx(*zip(*sizes, strict=True), marker="o", color="#264653")
        right.set_ylim(0)
        right.set_xlabel("birds")
        right.set_ylabel("ns per update")
    figure.tight_layout()
    figure.savefig(docs / "benchmarks.png", dpi=110)
    plt.close(figure)
