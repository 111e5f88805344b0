"""What is shown of a part of the world: the right entities, counts, cells and rows, whoever owns them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import weaver as wv
from partitions.frames import coordinates, merge
from partitions.interest import Histogram, Interest, Wanted
from partitions.portion import grid_shape, portion
from partitions.still import Still


class Walker(wv.Entity):
    velocity: wv.Vec2 = wv.Vec2(1.0, 0.0)
    energy: float = 1.0
    kind: wv.int32 = 2


class Grass(wv.Layer, resolution=1.0):
    height: float = 0.0
    seen: bool = False


class Swimmer(wv.Entity):
    velocity: wv.Vec3f = wv.Vec3f(0.0, 0.0, 0.5)


class Water(wv.Layer, resolution=2.0):
    salt: wv.float32 = 0.0


def flat():
    sim = wv.Simulation(box=wv.Box(40.0, 24.0, origin=(-8.0, 3.0)), seed=3)
    sim.scatter(Walker, 500, energy=lambda rng: rng.uniform(0.0, 10.0))

    @sim.behavior
    def walk(me: Walker, world: wv.World):
        for other in world.near(me, Walker, radius=2.0):
            me.energy += 0.01 * other.energy
        me.position += me.velocity * world.dt

    sim.layer(
        Grass, height=np.arange(24 * 40, dtype=float).reshape(24, 40), seen=np.arange(960).reshape(24, 40) % 2 == 0
    )
    return sim


def deep():
    sim = wv.Simulation(box=wv.Box(16.0, 12.0, 8.0), seed=4)
    sim.scatter(Swimmer, 300)

    @sim.behavior
    def swim(me: Swimmer, world: wv.World):
        n = 0
        for _ in world.near(me, Swimmer, radius=1.0):
            n += 1
        me.velocity += wv.Vec3(0.01 * n, 0.0, 0.0)
        me.position += me.velocity * world.dt

    sim.layer(Water, salt=np.arange(4 * 6 * 8, dtype=float).reshape(4, 6, 8))
    return sim


def everything(area=None, **more):
    return Interest(
        1, area, types=(Wanted(0, "points", ("energy", "velocity", "kind"), more.pop("where", None)),), **more
    )


@pytest.fixture(params=[1, 4], ids=["one", "four"])
def walkers(request):
    with flat().start(partitions=request.param) as run:
        run.step(3)
        yield run, {name: np.array(run.entities(Walker)[name].to_pylist()) for name in ("id", "position", "energy")}


def chosen(frame):
    """The points block in order of the ids."""
    block = frame.find("points")
    order = np.argsort(block.arrays["ids"])
    return block, {name: values[order] for name, values in block.arrays.items()}, coordinates(frame, block)[order]


def test_points_are_all_entities_where_they_are(walkers):
    run, known = walkers
    frame = run.frame(everything())
    block, arrays, places = chosen(frame)
    assert (frame.low, frame.high) == ((-8.0, 3.0, 0.0), (32.0, 27.0, 0.0))
    assert_array_equal(arrays["ids"], known["id"])
    assert_allclose(places[:, :2], known["position"], atol=40 / 131070 + 1e-9)
    assert_array_equal(arrays["column0"], known["energy"].astype(np.float32))
    assert (arrays["column1"] == 1).all() and (arrays["column2"] == 2).all()
    assert (np.abs(arrays["heading"]) == [127, 0, 0]).all()
    energy = block.about["columns"][0]
    assert (energy["field"], energy["low"], energy["high"]) == ("energy", known["energy"].min(), known["energy"].max())


def test_an_area_and_a_condition_choose_exactly(walkers):
    run, known = walkers
    low, high = (-1.5, 4.25, 0.0), (20.0, 11.0, 0.0)
    inside = ((known["position"] >= low[:2]) & (known["position"] <= high[:2])).all(axis=1)
    frame = run.frame(everything((low, high)))
    _, arrays, places = chosen(frame)
    assert (frame.low, frame.high) == (low, high)
    assert_array_equal(arrays["ids"], known["id"][inside])
    assert_allclose(places[:, :2], known["position"][inside], atol=21.5 / 131070 + 1e-9)
    strong = run.frame(everything((low, high), where=[">", ["field", "energy"], ["number", 5.0]]))
    assert_array_equal(chosen(strong)[1]["ids"], known["id"][inside & (known["energy"] > 5)])


def test_an_area_beyond_the_world_is_cut_and_one_outside_is_all_of_it(walkers):
    run, _ = walkers
    cut = run.frame(everything(((-100.0, -100.0, 0.0), (5.0, 9.0, 0.0))))
    assert (cut.low, cut.high) == ((-8.0, 3.0, 0.0), (5.0, 9.0, 0.0))
    outside = run.frame(everything(((100.0, 0.0, 0.0), (110.0, 9.0, 0.0))))
    assert outside.low == (-8.0, 3.0, 0.0)


def test_a_density_counts_every_entity_in_its_cell(walkers):
    run, known = walkers
    frame = run.frame(Interest(1, grid=20, types=(Wanted(0, "density"),)))
    counts = frame.find("density").arrays["counts"]
    assert counts.shape == (1, 12, 20)
    expected, _, _ = np.histogram2d(known["position"][:, 1], known["position"][:, 0], (12, 20), ((3, 27), (-8, 32)))
    assert_array_equal(counts[0], expected)
    assert frame.find("density").about["in_area"] == 500


def test_a_histogram_counts_the_field(walkers):
    run, known = walkers
    frame = run.frame(Interest(1, types=(Wanted(0, "none"),), histograms=(Histogram(0, "energy", 7, 0.0, 12.0),)))
    block = frame.find("histogram")
    assert_array_equal(block.arrays["counts"], np.histogram(known["energy"], 7, (0, 12))[0])
    assert (block.about["n"], block.about["max"]) == (500, known["energy"].max())
    assert frame.find("points") is None


def test_selected_entities_come_with_every_field_wherever_they_are(walkers):
    run, known = walkers
    area = ((0.0, 4.0, 0.0), (1.0, 5.0, 0.0))
    rows = run.frame(Interest(1, area, selected=(7, 99, 123456))).find("selected").about["rows"]
    assert sorted(row["id"] for row in rows) == [7, 99]
    row = next(row for row in rows if row["id"] == 99)
    assert row["tick"] == 3
    assert row["fields"] == {
        "position": known["position"][99].tolist(), "velocity": [1.0, 0.0], "energy": known["energy"][99], "kind": 2,
    }  # fmt: skip


def test_the_load_tells_what_was_done_since_it_was_last_asked(walkers):
    run, _ = walkers
    load = run.frame(Interest(1, load=True)).find("load").about
    assert sum(row["entities"] for row in load["partitions"]) == 500
    assert load["workers"][0]["ticks"] == 3
    assert load["workers"][0]["seconds"]["kernels"] > 0
    assert all(row["seconds"] > 0 for row in load["partitions"])
    assert run.frame(Interest(2, load=True)).find("load").about["workers"][0]["ticks"] == 0


@pytest.mark.parametrize("partitions", [1, 3, 4])
@pytest.mark.parametrize("area", [None, ((-7.5, 5.0, 0.0), (9.25, 20.5, 0.0))])
@pytest.mark.parametrize("grid", [512, 9])
def test_a_texel_of_a_layer_is_the_mean_of_its_cells(partitions, area, grid):
    with flat().start(partitions=partitions) as run:
        block = run.frame(Interest(1, area, grid, layers=((0, "height", False),))).find("layer")
        full = run.layer(Grass, "height")
    stride, (low, high) = block.about["stride"], block.about["range"]
    assert stride == (1 if grid == 512 else 5 if area is None else 2)
    x0, y0 = round(block.about["low"][0] + 8), round(block.about["low"][1] - 3)
    assert x0 % stride == 0 and y0 % stride == 0
    values = low + block.arrays["values"][0].astype(float) * (high - low)
    for j, line in enumerate(values):
        for i, value in enumerate(line):
            cells = full[y0 + j * stride : y0 + (j + 1) * stride, x0 + i * stride : x0 + (i + 1) * stride]
            assert value == pytest.approx(cells.mean(), abs=1e-3 * (high - low))


@pytest.mark.parametrize("partitions", [1, 4])
def test_codes_and_truths_of_a_layer(partitions):
    with flat().start(partitions=partitions) as run:
        codes = run.frame(Interest(1, grid=20, layers=((0, "height", True),))).find("layer")
        seen = run.frame(Interest(1, grid=512, layers=((0, "seen", False),))).find("layer")
    assert codes.about["range"] is None and codes.arrays["values"].dtype == np.uint8
    assert_array_equal(codes.arrays["values"][0], np.minimum(np.arange(960).reshape(24, 40)[::2, ::2], 255))
    assert_array_equal(seen.arrays["values"][0], np.arange(960).reshape(24, 40) % 2 == 0)


@pytest.mark.parametrize("partitions", [1, 5])
def test_space_is_shown_as_well(partitions):
    with deep().start(partitions=partitions) as run:
        run.step(2)
        known = run.entities(Swimmer)
        frame = run.frame(
            Interest(1, ((2.0, 2.0, 2.0), (9.0, 9.0, 7.0)), types=(Wanted(0),), layers=((0, "salt", False),))
        )
        crowd = run.frame(Interest(1, grid=16, types=(Wanted(0, "density"),)))
    places = np.array(known["position"].to_pylist())
    inside = ((places >= 2) & (places <= [9, 9, 7])).all(axis=1)
    _, arrays, shown = chosen(frame)
    assert_array_equal(arrays["ids"], known["id"].to_numpy()[inside])
    assert_allclose(shown, places[inside], atol=1e-3)
    layer = frame.find("layer")
    assert (layer.about["low"], layer.about["high"]) == ([2, 2, 2], [10, 10, 8])
    salt = np.arange(192).reshape(4, 6, 8)[1:4, 1:5, 1:5]
    low, high = layer.about["range"]
    assert (low, high) == (salt.min(), salt.max())
    assert_allclose(low + layer.arrays["values"].astype(float) * (high - low), salt, atol=0.1)
    counts = crowd.find("density").arrays["counts"]
    assert counts.shape == (8, 12, 16) and counts.sum() == 300


@pytest.mark.parametrize(
    ("low", "high", "dim", "expected"),
    [
        ((0, 0, 0), (10, 5, 0), 2, (100, 50, 1)),
        ((0, 0, 0), (1, 1000, 0), 2, (1, 100, 1)),
        ((0, 0, 0), (8, 4, 2), 3, (64, 32, 16)),
    ],
)
def test_grids_have_square_cells_and_a_longest_side(low, high, dim, expected):
    assert grid_shape(low, high, dim, 100) == expected


def still(**columns):
    n = len(next(iter(columns.values())))
    return Still(2, (0.0, 0.0, 0.0), (10.0, 10.0, 0.0), [(np.arange(n), columns)])


def test_strays_go_to_the_edge_and_what_is_no_number_to_the_low_end():
    x = np.array([0.0, 10.0, 5.0, -9.0, 19.0, np.nan])
    source = still(**{"position.x": x, "position.y": np.full(6, 10.0)})
    stored = portion(source, Interest(1, types=(Wanted(0),)), 0).blocks[0].arrays["positions"]
    assert stored[:, 0].tolist() == [0, 65535, 32768, 0, 65535, 0]
    assert (stored[:, 1] == 65535).all() and (stored[:, 2] == 0).all()


def test_a_heading_is_a_unit_direction_and_what_stands_has_none():
    place = np.full(4, 5.0)
    ahead = {"velocity.x": np.array([3.0, 0.0, np.nan, 0.0]), "velocity.y": np.array([4.0, 0.0, 1.0, -1e-9])}
    source = still(**{"position.x": place, "position.y": place, **ahead})
    block = portion(source, Interest(1, types=(Wanted(0),)), 0).blocks[0]
    assert block.arrays["heading"].tolist() == [[76, 102, 0], [0, 0, 0], [0, 0, 0], [0, -127, 0]]


def test_numbers_that_json_has_not_are_told_as_text():
    source = still(**{"position.x": np.array([np.nan]), "position.y": np.array([np.inf])})
    frame = merge([portion(source, Interest(1, types=(Wanted(0, "none"),), selected=(0,)), 0)])
    assert frame.find("selected").about["rows"][0]["fields"] == {"position": ["nan", "inf"]}


def test_a_portion_shares_no_memory_with_its_source():
    columns = {"position.x": np.ones(3), "position.y": np.ones(3), "energy": np.ones(3, np.float32)}
    source = still(**columns)
    block = portion(source, Interest(1, types=(Wanted(0, "points", ("energy",)),)), 0).blocks[0]
    ids, _ = source.rows(0, None, ())
    assert not any(np.shares_memory(a, b) for a in block.arrays.values() for b in (ids, *columns.values()))
