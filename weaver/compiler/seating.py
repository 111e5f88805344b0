"""Initial entities on sites: those that are added stand on the sites that hold them, scattered ones on free ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from partitions.program import Argument, Given
from weaver.permutation import taken_places
from weaver.sources import Added, Scatter
from weaver.standing import centres_of, refuse_crowd, refuse_more, sites_at

if TYPE_CHECKING:
    from weaver.compiler.model import Model


def lay(model: Model) -> None:
    """Put the edges and centres of the lattices where kernels find them; `model.laid` is there already."""
    for number, lattice in enumerate(model.laid):
        for a, centres, edges in zip(model.axes, lattice.centres, lattice.edges, strict=True):
            model.statics[f"sites{number}{a}_centres_"] = np.ascontiguousarray(centres.ravel())
            model.statics[f"sites{number}{a}_edges_"] = np.ascontiguousarray(edges)
        model.statics[f"sites{number}taken_"] = np.empty(0, np.int64)  # until it is known


def head(model: Model) -> list[str]:
    """Constants of the lattices."""
    return [
        f"sites{number}{a}_ = {n}"
        for number, lattice in enumerate(model.laid)
        for a, n in zip(model.axes, lattice.shape, strict=True)
    ]


RANKS = [
    "@kernel_('void(uint64[::1], int64, int64[::1], int64[::1], uint64[::1])')",
    "def ranks_(key, tick, site, id, out):",
    "    for k in range(np.uintp(len(site))):",
    "        out[k] = rank(key[k], tick, site[k], id[k])",
]
"""The kernel that ranks claims."""


def seat(model: Model, sources: list[Any]) -> None:
    """Move added entities to the centres of their sites.

    Raises:
        ModelError: two stand on one site, or there are too few sites.
    """
    seated = []
    for k, source in enumerate(sources):
        number = model.lattice(source.type)
        if number >= 0 and isinstance(source, Given):
            lattice, dim = model.laid[number], model.dim
            sites = sites_at(lattice, [c.astype(np.float64) for c in source.columns[:dim]])
            places = [
                c.astype(old.dtype) for c, old in zip(centres_of(lattice, sites), source.columns, strict=False)
            ]  # fmt: skip
            sources[k] = Given(source.type, source.ids, (*places, *source.columns[dim:]))
            seated.append((source.type, source.ids, sites))
    _check(model, seated)


def place_key(model: Model, number: int) -> np.uint64:
    """Key of the order in which the sites of a lattice are given to scattered entities."""
    return model.key(*_place_names(model, number))


def _place_names(model: Model, number: int) -> tuple[str, str]:
    return "|".join(model.name(t) for t in model.group(number)), "scatter.sites"


def _check(model: Model, seated: list[tuple[int, np.ndarray[Any, Any], np.ndarray[Any, Any]]]) -> None:
    """Check that everybody has a site, and note which sites scattered entities find taken.

    `seated` holds type, ids and sites of each `sim.add` on sites.
    """
    for number, lattice in enumerate(model.laid):
        group = model.group(number)
        count = sum(s.count for s in model.sim.sources if model.kinds.index(s.type) in group)
        refuse_more(", ".join(model.name(t) for t in group), count, lattice)
        mine = [one for one in seated if one[0] in group]
        sites = np.concatenate([np.empty(0, np.int64), *(s for _, _, s in mine)])
        ids = np.concatenate([np.empty(0, np.int64), *(i for _, i, _ in mine)])
        refuse_crowd(lattice, sites, ids, [model.name(t) for t, i, _ in mine for _ in range(len(i))])
        drawn = any(_draws(s) and model.kinds.index(s.type) in group for s in model.sim.sources)
        none = np.empty(0, np.int64)
        taken = taken_places(place_key(model, number), sites, lattice.n) if drawn else none
        model.statics[f"sites{number}taken_"] = taken


def _draws(source: Scatter | Added) -> bool:
    return isinstance(source, Scatter) and source.fields.get("position") is None


def seat_drawn(model: Model, type: int, scatter: Scatter) -> tuple[list[str], tuple[Argument, ...]]:
    """Text that finds the site of a scattered entity and moves it there, and the arrays that it takes."""
    number = model.lattice(type)
    lattice, t, lines = model.laid[number], model.name(type), []
    names = [f"sites{number}{a}_centres_" for a in model.axes]
    if _draws(scatter):
        names.append(f"sites{number}taken_")
        before = 0  # scattered on this lattice by earlier calls
        for source in model.sim.sources:
            if source is scatter:
                break
            if _draws(source) and model.lattice(model.kinds.index(source.type)) == number:
                before += source.count
        k = f"np.int64({before}) + np.int64(k_)"
        stream = model.stream(*_place_names(model, number))
        lines.append(f"site_ = drawn_site({stream}, {k}, {lattice.n}, {names[-1]})")
        for a in model.axes:
            lines += [f"cell{a}_ = site_ % sites{number}{a}_", f"site_ //= sites{number}{a}_"]
    else:
        names += [f"sites{number}{a}_edges_" for a in model.axes]
        lines += [
            f"cell{a}_ = cell_of(np.float64(settled{a}_), low_{a}_, {t}_per_{a}_, sites{number}{a}_edges_)"
            for a in model.axes
        ]
    for a, centres in zip(model.axes, lattice.centres, strict=True):
        row = f"celly_ % {len(centres)} * sites{number}{a}_ + " if len(centres) > 1 else ""
        lines.append(f"settled{a}_ = sites{number}{a}_centres_[np.uintp({row}cell{a}_)]")
    return lines, tuple(Argument("static", 0, name) for name in names)
