"""What the promise of the same bits costs: the flock of 200,000 birds with and without what it takes.

Without it, positions are not rounded to the lattice, whether somebody is within the radius is computed with the
freedoms of the rest, and the birds of a cell are left in the order in which they come. All else is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.flocking import flocking, side_for
from benchmarks.race import Goal, Result, of_run, race, rounds_and_ticks
from partitions import store
from partitions.compiled import load
from partitions.loops import loops
from weaver.compiler import build

FREE = """@njit(forceinline=True, **options_)
def within2(dx, dy, r2):
    return dx * dx + dy * dy <= r2


@njit(forceinline=True, **options_)
def settle_periodic(p, before, low, high, length, quantum, reach):
    far = abs(p - before) > reach
    p = p + length if p < low else p
    p = p - length if p >= high else p
    return p, 2 if far else 0


"""
ANY_ORDER = """
@njit("void(uint64, uint64, uint64[::1], int64[::1], uint32[::1], int64[::1], uint32[::1])", **_OPTIONS)
def settle(first, last, start, ids, order, new_ids, new_order):
    for i in range(start[first], start[last]):
        new_ids[i], new_order[i] = ids[i], order[i]
"""


@contextmanager
def without_promise() -> Iterator[None]:
    """Inside the block, what is compiled and what orders the rows keeps no promise."""

    def loaded(name: str, text: str, depends: Sequence[Path] = ()) -> ModuleType:
        at = text.index("ZERO_, ONE_")
        return load(name, text[:at] + FREE + text[at:], depends)

    path = Path(store.__file__).with_name("store_kernels.py")
    any_order = load("store_kernels", path.read_text(encoding="utf-8") + ANY_ORDER)

    def in_any_order(what: str, **constants: str) -> ModuleType:
        return any_order if what == "store" else loops(what, **constants)

    kept: list[Any] = [build.load, store.loops]  # type: ignore[attr-defined]
    build.load, store.loops = loaded, in_any_order  # type: ignore[attr-defined, assignment]
    try:
        yield
    finally:
        build.load, store.loops = kept  # type: ignore[attr-defined]


def measure(quick: bool) -> Iterator[Result]:
    """One size."""
    n = 2_000 if quick else 200_000
    rounds, ticks = rounds_and_ticks(quick, 20)
    result = Result(
        f"flocking, {n:,} birds", "ns per update", clock="processor", goals=[Goal("kept", "not kept", 1 / 1.1)]
    )
    with ExitStack() as stack:
        kept = stack.enter_context(flocking(n, side_for(n, 15.7)).start())
        with without_promise():
            free = of_run(stack.enter_context(flocking(n, side_for(n, 15.7)).start()))

        def advance(ticks: int) -> tuple[float, float]:
            with without_promise():
                return free(ticks)

        yield race(result, {"kept": of_run(kept), "not kept": advance}, updates=n, ticks=ticks, rounds=rounds)
