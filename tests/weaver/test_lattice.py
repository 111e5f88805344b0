"""Lattices: sites fill the box, each cell holds the centre of its own site, neighbours are the nearest sites."""

import itertools
import math

import numpy as np
import pytest

import weaver as wv
from partitions.grid import make_space
from weaver.lattice import make_lattice, neighbours, offsets

HIGH = math.sqrt(3) / 2


def laid(sites, *lengths, boundary="periodic", origin=None):
    box = wv.Box(*lengths, boundary=boundary, origin=origin)
    space = make_space(box.lengths, box.origin, box.boundaries)
    return make_lattice(sites, box, space), space


def test_square_sites_are_the_cells_of_a_raster():
    lattice, _ = laid(wv.Sites(0.5), 2, 1, origin=(-1, 0))
    assert (lattice.shape, lattice.n) == ((4, 2), 8)
    assert [e.tolist() for e in lattice.edges] == [[-1.0, -0.5, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0]]
    assert lattice.centre((3, 1)) == (0.75, 0.75)
    assert lattice.number((3, 1)) == 7 and lattice.index(7) == (3, 1)


def test_a_row_of_sites_is_a_box_of_one_row():
    lattice, space = laid(wv.Sites(1.0), 5, 1, boundary=("periodic", "clamp"))
    assert [there for there, _ in neighbours(lattice, space, (0, 0))] == [(4, 0), (1, 0)]


@pytest.mark.parametrize("shape", ["square", "hex"])
def test_every_cell_holds_exactly_its_own_centre_and_all_lies_on_the_position_lattice(shape):
    high = HIGH if shape == "hex" else 1.0
    lattice, space = laid(wv.Sites(0.3, shape), 0.3 * 7, 0.3 * high * 6, origin=(0.1, -0.7))
    for index in itertools.product(*map(range, lattice.shape)):
        for a, (c, i) in enumerate(zip(lattice.centre(index), index, strict=True)):
            assert lattice.edges[a][i] < c < lattice.edges[a][i + 1]
            assert c / space.axes[a].quantum == round(c / space.axes[a].quantum)


def test_the_six_neighbours_of_a_hexagonal_site_are_the_nearest_and_all_one_spacing_away():
    lattice, space = laid(wv.Sites(1.0, "hex"), 6, 4 * HIGH)
    lengths = [axis.length for axis in space.axes]
    places = {i: np.array(lattice.centre(i)) for i in itertools.product(range(6), range(4))}
    for index, here in places.items():
        found = [there for there, _ in neighbours(lattice, space, index)]
        ways = {there: p - here - lengths * np.rint((p - here) / lengths) for there, p in places.items()}
        near = {there for there, way in ways.items() if 0 < np.hypot(*way) < 1.2}
        assert set(found) == near and len(found) == 6
        assert all(abs(np.hypot(*ways[there]) - 1.0) < 1e-12 for there in found)


def test_neighbours_come_row_by_row_and_none_lies_beyond_an_edge():
    lattice, space = laid(wv.Sites(1.0), 3, 3, boundary=("periodic", "reflect"))
    assert list(neighbours(lattice, space, (0, 0), 4)) == [((2, 0), (-1, 0)), ((1, 0), (0, 0)), ((0, 1), (0, 0))]
    assert [there for there, _ in neighbours(lattice, space, (1, 1))] == [
        (0, 0), (1, 0), (2, 0), (0, 1), (2, 1), (0, 2), (1, 2), (2, 2),
    ]  # fmt: skip
    cubic, _ = laid(wv.Sites(1.0), 4, 4, 4)
    assert len(offsets(cubic, 0)) == 26 and len(offsets(cubic, 0, 6)) == 6


@pytest.mark.parametrize(
    ("sites", "lengths", "text"),
    [
        (wv.Sites(0.7), (2, 2), r"2 long in x; it is a multiple of 0\.7.*2\.1 long, that is 3 \* 0\.7"),
        (wv.Sites(1.0, "hex"), (2, 2), r"2 long in y; it is a multiple of 0\.8660.*2 \* 1 \* math\.sqrt\(3\) / 2"),
        (wv.Sites(1.0, "hex"), (4, 3 * HIGH), r"3 rows.*even number.*4 \* 1 \* math"),
        (wv.Sites(1.0, "hex"), (4, 4, 4), "world of 3 axes"),
    ],
)
def test_a_box_that_the_sites_do_not_fill_is_an_error(sites, lengths, text):
    with pytest.raises(wv.ModelError, match=f"(?s){text}"):
        laid(sites, *lengths)


def test_a_neighbourhood_that_the_lattice_does_not_have_is_an_error():
    lattice, _ = laid(wv.Sites(1.0), 4, 4)
    with pytest.raises(wv.ModelError, match=r"(?s)6 neighbours.*8 or 4"):
        offsets(lattice, 0, 6)
