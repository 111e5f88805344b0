"""Who stands on which site: places to sites and back, and what cannot stand together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partitions.program import Program
from weaver.errors import ModelError
from weaver.lattice import Lattice

Places = Sequence[NDArray[np.float64]]


def sites_at(lattice: Lattice, places: Places) -> NDArray[np.int64]:
    """The numbers of the sites that hold places in the box: per axis (n,) coordinates -> (n,)."""
    number = np.zeros(len(places[0]), np.int64)
    for p, edges, n in reversed(list(zip(places, lattice.edges, lattice.shape, strict=True))):
        cell = np.clip(np.searchsorted(edges, p, "right") - 1, 0, n - 1)
        number = number * n + cell
    return number


def centres_of(lattice: Lattice, sites: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """The centres of sites: (n,) numbers -> per axis (n,) coordinates."""
    rest, index = sites, []
    for n in lattice.shape:
        rest, i = np.divmod(rest, n)
        index.append(i)
    return [c[index[1] % len(c), i] for c, i in zip(lattice.centres, index, strict=True)]


def lattice_of(program: Program, type: int) -> Lattice | None:
    """The lattice on which a type of a program stands."""
    for one in program.lattices:
        if type in one.types:
            return Lattice(one.shape, program.grid.cells[type].edges, one.centres, len(one.centres[0]) > 1)
    return None


def move_to_centres(lattice: Lattice, columns: dict[str, NDArray[Any]]) -> None:
    """Move positions, column by column, to the centres of the sites that hold them, in place."""
    names = [f"position.{a}" for a in "xyz"[: len(lattice.shape)]]
    sites = sites_at(lattice, [columns[name].astype(np.float64) for name in names])
    for name, centre in zip(names, centres_of(lattice, sites), strict=True):
        columns[name] = centre.astype(columns[name].dtype)


def refuse_crowd(lattice: Lattice, sites: NDArray[np.int64], ids: NDArray[np.int64], names: Sequence[str]) -> None:
    """Check that entities that are added stand on sites of their own.

    Args:
        lattice: the sites.
        sites: (n,) where each stands.
        ids: (n,) who it is.
        names: (n,) of what type.

    Raises:
        ModelError: two stand on one.
    """
    order = np.lexsort((ids, sites))
    twice = np.flatnonzero(np.diff(sites[order]) == 0)
    if len(twice):
        a, b = (int(order[twice[0] + k]) for k in (0, 1))
        place = lattice.centre(lattice.index(int(sites[a])))
        raise ModelError(crowd(f"{names[a]} {ids[a]}", f"{names[b]} {ids[b]}", place))


def crowd(one: str, other: str, place: Sequence[float]) -> str:
    """What is wrong when two stand on the site with this centre."""
    return (
        f"{one} and {other} stand on the site at ({', '.join(f'{c:g}' for c in place)}); on a site stands one entity.\n"
        f"An entity is moved to the centre of the site that holds its position, and there is room for one.\n"
        f"Give them positions on different sites; sim.scatter without a position finds free ones."
    )


def refuse_more(name: str, count: int, lattice: Lattice) -> None:
    """Check that there are sites for all.

    Raises:
        ModelError: there are more entities than sites.
    """
    if count > lattice.n:
        raise ModelError(
            f"{count} entities were asked for on a lattice of {' x '.join(map(str, lattice.shape))} sites ({name}); on "
            f"a site stands one entity, so {lattice.n} are allowed.\n"
            f"The others would have no place.\n"
            f"Ask for fewer, make the Box larger, or choose a smaller spacing."
        )
