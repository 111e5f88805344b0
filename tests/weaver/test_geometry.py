"""Geometry: what is nearest, what is in the way, and what can be declared; compared with brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weaver as wv
from partitions.grid import make_space
from tests.weaver.players import Compiled, Interpreted
from weaver.errors import ModelError
from weaver.obstacles import Obstacles


class Walker(wv.Entity):
    """Someone who looks about."""

    point: wv.Vec2
    distance: float
    beyond: float
    seen: int


class Drone(wv.Entity):
    """The same in space, with positions in float32."""

    position: wv.Vec3f
    point: wv.Vec3
    distance: float
    seen: int


RIGHT = ((1, 0, 0), (0, 1, 0), (0, 0, 0))


def made(lengths, boundary, **shapes):
    """A simulation with geometry, and its obstacles."""
    sim = wv.Simulation(wv.Box(*lengths, boundary=boundary), seed=1)
    sim.geometry(**shapes)
    box = sim.box
    return sim.obstacles, Obstacles(sim.obstacles, make_space(box.lengths, box.origin, box.boundaries))


def images(lengths, boundary):
    """Moves by whole worlds along the periodic axes."""
    turns = [range(-3, 4) if b == "periodic" else (0,) for b in boundary]
    return [np.array(k) * lengths for k in itertools.product(*turns)]


def to_segment(p, a, b):
    length2 = (b - a) @ (b - a)
    share = np.clip((p - a) @ (b - a) / length2, 0, 1) if length2 else 0.0
    return float(np.linalg.norm(a + share * (b - a) - p))


def to_triangle(p, a, b, c):
    """Distance by projection: to the plane if that point is inside, else to the nearest side."""
    normal = np.cross(b - a, c - a)
    sides = min(to_segment(p, *ends) for ends in ((a, b), (b, c), (c, a)))
    size = normal @ normal
    if not size:
        return sides
    foot = p - (p - a) @ normal / size * normal
    inside = all(np.cross(v - u, foot - u) @ normal >= 0 for u, v in ((a, b), (b, c), (c, a)))
    return abs(float((p - a) @ normal)) / math.sqrt(size) if inside else sides


number = st.floats(-2, 14).map(lambda x: round(x, 2))
words = st.sampled_from(["periodic", "reflect"])
BOX2, BOX3 = np.array([10.0, 7.0]), np.array([9.0, 7.0, 8.0])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(*[number] * 4), min_size=1, max_size=6),
    st.lists(st.tuples(number, number, st.floats(0.1, 4)), max_size=4),
    st.tuples(words, words),
    st.tuples(number, number),
    st.tuples(number, number),
    st.floats(0.1, 6),
)
def test_in_the_plane_the_nearest_point_and_the_line_of_sight_are_those_of_brute_force(
    segments, discs, boundary, p, q, radius
):
    ends = np.array(segments).reshape(-1, 2, 2)
    _, seen = made(BOX2, boundary, segments=ends, discs=discs)
    moves, place = images(BOX2, boundary), np.array(p)
    distances = [to_segment(place, a + m, b + m) for m in moves for a, b in ends]
    distances += [abs(np.linalg.norm(place - c[:2] - m) - c[2]) for m in moves for c in np.array(discs).reshape(-1, 3)]
    point, distance = seen.wall(p, radius)
    least = min(distances)
    if abs(least - radius) > 1e-9:
        assert distance == (pytest.approx(least, abs=1e-9) if least < radius else math.inf)
    if distance < math.inf:
        assert np.linalg.norm(np.array(tuple(point)) - place) == pytest.approx(distance, abs=1e-9)
    else:
        assert tuple(point) == p

    way = np.array(q) - place
    way -= [
        length * np.rint(d / length) if b == "periodic" else 0 for d, length, b in zip(way, BOX2, boundary, strict=True)
    ]
    steps = place + np.linspace(0, 1, 400)[:, None] * way
    gaps = [[d for m in moves for d in (sides(steps, a + m, b + m),)] for a, b in ends]
    gaps += [[np.linalg.norm(steps - np.array(c[:2]) - m, axis=1) - c[2] for m in moves] for c in discs]
    crossings = [bool((np.sign(g[:-1]) != np.sign(g[1:])).any()) for gap in gaps[len(ends) :] for g in gap]
    crossings += [crosses(place, place + way, a + m, b + m) for m in moves for a, b in ends]
    doubtful = any(np.abs(g).min() < 1e-2 for gap in gaps[len(ends) :] for g in gap) and not any(crossings)
    if not doubtful:
        assert seen.clear(p, q) is not any(crossings)


def sides(places, a, b):
    """On which side of a line places are."""
    return (b - a)[0] * (places - a)[:, 1] - (b - a)[1] * (places - a)[:, 0]


def crosses(p, q, a, b):
    """Whether two segments share a point, in exact arithmetic on rounded input."""
    from fractions import Fraction

    p, q, a, b = ([Fraction(float(x)) for x in point] for point in (p, q, a, b))

    def side(u, v, w):
        d = (v[0] - u[0]) * (w[1] - u[1]) - (v[1] - u[1]) * (w[0] - u[0])
        return (d > 0) - (d < 0)

    apart = any(max(p[k], q[k]) < min(a[k], b[k]) or max(a[k], b[k]) < min(p[k], q[k]) for k in (0, 1))
    return not apart and side(p, q, a) * side(p, q, b) <= 0 and side(a, b, p) * side(a, b, q) <= 0


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(*[number] * 9), min_size=1, max_size=5),
    st.tuples(words, words, words),
    st.tuples(number, number, number),
    st.tuples(number, number, number),
    st.floats(0.1, 6),
)
def test_in_space_the_nearest_point_and_the_line_of_sight_are_those_of_brute_force(triangles, boundary, p, q, radius):
    corners = np.array(triangles).reshape(-1, 3, 3)
    _, seen = made(BOX3, boundary, triangles=corners)
    moves, place = images(BOX3, boundary), np.array(p)
    moves = [m for m in moves if (np.abs(m) <= 2 * BOX3).all()]
    least = min(to_triangle(place, *(t + m)) for m in moves for t in corners)
    point, distance = seen.wall(p, radius)
    if abs(least - radius) > 1e-6:
        assert distance == (pytest.approx(least, abs=1e-6) if least < radius else math.inf)
    if distance < math.inf:
        assert np.linalg.norm(np.array(tuple(point)) - place) == pytest.approx(distance, abs=1e-9)
    way = np.array(q) - place
    way -= [
        length * np.rint(d / length) if b == "periodic" else 0 for d, length, b in zip(way, BOX3, boundary, strict=True)
    ]
    hit = [meets(place, way, *(t + m)) for m in moves for t in corners]
    if None not in hit:
        assert seen.clear(p, q) is not any(hit)


def meets(p, way, a, b, c):
    """Whether p + t way (0 <= t <= 1) meets a triangle, by solving for it; None if that is a matter of rounding."""
    matrix = np.array([b - a, c - a, -way]).T
    if abs(np.linalg.det(matrix)) < 1e-6:
        return None
    u, v, t = np.linalg.solve(matrix, p - a)
    if min(abs(x) for x in (u, v, 1 - u - v, t, 1 - t)) < 1e-6:
        return None
    return bool(u > 0 and v > 0 and u + v < 1 and 0 < t < 1)


def test_hand_made_walls_are_seen_from_both_sides_and_over_the_seam():
    _, seen = made((10, 10), "periodic", segments=[((9, 0), (9, 10))], discs=[(4, 5, 2)])
    assert seen.wall((0.5, 5), 3) == (wv.Vec2(-1, 5), 1.5)
    assert seen.wall((9.5, 5), 3) == (wv.Vec2(9, 5), 0.5)
    assert seen.wall((4, 5), 3) == (wv.Vec2(6, 5), 2.0)
    assert seen.wall((4.5, 5), 3) == (wv.Vec2(6, 5), 1.5)
    assert seen.wall((7.5, 5), 1) == (wv.Vec2(7.5, 5), math.inf)
    assert seen.wall((math.nan, 5), 1)[1] == math.inf
    assert not seen.clear((0.5, 5), (8.5, 5))
    assert seen.clear((0.5, 5), (9.5, 9)) and not seen.clear((0.5, 5), (9, 9))
    assert seen.clear((3, 5), (5, 5))
    assert not seen.clear((3, 5), (7, 5))


def test_of_two_as_near_the_one_declared_first_is_taken_and_segments_come_before_discs():
    _, seen = made((10, 10), "clamp", discs=[(5, 5, 1)], segments=[((0, 2), (10, 2)), ((0, 4), (10, 4))])
    assert seen.wall((2, 3), 2) == (wv.Vec2(2, 2), 1.0)
    _, seen = made((10, 10), "clamp", discs=[(5, 5, 1)], segments=[((0, 2), (10, 2))])
    assert seen.wall((5, 3), 2) == (wv.Vec2(5, 2), 1.0)


def test_nothing_slips_between_the_sides_of_a_polygon_or_the_faces_of_a_mesh():
    corners = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 13)[:-1]]
    _, seen = made((9, 9), "clamp", polygons=[np.array(corners) + 4.5])
    assert not any(seen.clear((4.5, 4.5), (4.5 + 3 * x, 4.5 + 3 * y)) for x, y in corners)
    faces = [((0, 0, 2), (2, 0, 2), (2, 2, 2)), ((0, 0, 2), (2, 2, 2), (0, 2, 2))]
    _, seen = made((9, 9, 9), "clamp", triangles=faces)
    assert not any(seen.clear((x, x, 0.1), (x, x, 5)) for x in np.linspace(0.01, 1.99, 50))


def test_calls_add_up_and_the_arrays_are_read_only():
    sim = wv.Simulation(wv.Box(10, 10))
    sim.geometry(segments=[((0, 0), (1, 1))], discs=[(1, 1, 1)])
    sim.geometry(polygons=[[(0, 0), (4, 0), (4, 2)]])
    assert repr(sim.obstacles) == "<Geometry 4 segments, 1 discs, 0 triangles>"
    assert sim.obstacles.segments[3].tolist() == [[4, 2], [0, 0]]
    with pytest.raises(ValueError, match="read-only"):
        sim.obstacles.segments[0] = 1
    assert sim.obstacles.outline(sides=8).shape == (12, 2, 2)


def test_a_triangle_mesh_shows_each_edge_once():
    geometry, _ = made((9, 9, 9), "clamp", triangles=[RIGHT, ((1, 0, 0), (0, 1, 0), (1, 1, 0))])
    assert len(geometry.outline()) == 5


@pytest.mark.parametrize(
    ("lengths", "given", "message"),
    [
        ((9, 9), {"triangles": [RIGHT]}, "2-D world; triangles belong to a 3-D"),
        ((9, 9, 9), {"segments": [((0, 0), (1, 1))]}, r"3-D world; .*\n.*\n.*triangles="),
        ((9, 9, 9), {"polygons": [[(0, 0), (1, 1), (1, 0)]]}, "3-D world"),
        ((9, 9), {"segments": [(0, 0, 1, 1)]}, r"array \(1, 4\); it takes \(n, 2, 2\)"),
        ((9, 9), {"segments": [((0, 0), (1, math.nan))]}, "nan among its coordinates"),
        ((9, 9), {"polygons": [[(0, 0), (1, 1)]]}, "2 corners in number 0"),
        ((9, 9), {"discs": [(0, 0, -1)]}, "radius -1"),
        ((9, 9), {"discs": "round"}, "it takes numbers"),
        ((9, 9), {"mesh": "a.obj"}, "2-D world; mesh"),
        ((9, 9, 9), {"mesh": "nowhere.obj"}, "nowhere.obj .*\n.*no such file"),
        ((9, 9, 9), {"mesh": "a.ply"}, "none of these by its name"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(lengths, given, message):
    with pytest.raises(ModelError, match=message):
        wv.Simulation(wv.Box(*lengths)).geometry(**given)


@pytest.mark.slow
def test_meshes_are_read_from_files(tmp_path):
    pytest.importorskip("open3d")
    path = tmp_path / "roof.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 3\nf 2 4 3\n")
    sim = wv.Simulation(wv.Box(9, 9, 9))
    sim.geometry(mesh=path, triangles=[RIGHT])
    assert sorted(map(sorted, sim.obstacles.triangles[1:].tolist())) == [
        [[0, 0, 0], [0, 1, 0], [1, 0, 0]],
        [[0, 1, 0], [1, 0, 0], [1, 1, 0]],
    ]
    (tmp_path / "empty.stl").write_text("this is no mesh")
    with pytest.raises(ModelError, match="no triangles"):
        sim.geometry(mesh=str(tmp_path / "empty.stl"))


def plain():
    """A world with walls, whose people look at walls and at each other."""
    sim = wv.Simulation(wv.Box(40, 30, boundary=("periodic", "reflect")), seed=3, strict=True)
    sight = sim.parameter("sight", 6.0, high=9.0)
    sim.geometry(segments=[((38, 2), (42, 9)), ((1, 1), (5, 20))], discs=[(20, 20, 3)])
    sim.geometry(polygons=[[(10, 10), (14, 10), (14, 14)]])

    def beyond(p: wv.Vec2, world: wv.World):
        return min(world.wall(p + wv.Vec2(30, 0), 8.0).distance, 99.0)

    @sim.behavior(reach=3)
    def look(me: Walker, world: wv.World):
        me.point, me.distance = world.wall(me, sight)
        wall = world.wall(me.position, 6.0)
        me.beyond = beyond(me.position, world)
        if wall.distance < 6.0:
            me.position += 0.1 * (wall.point - me.position)
        me.seen = 0

    @sim.behavior
    def count(me: Walker, world: wv.World):
        for other in world.near(me, Walker, 3.0):
            if world.clear(me, other) and not world.clear(me, me.position + wv.Vec2(9, 0)):
                me.seen += 1

    sim.scatter(Walker, 150)
    return sim


def test_interpreted_and_compiled_runs_agree_and_partitions_do_not_change_a_bit():
    sim, digests = plain(), []
    for made in (Interpreted(sim), Compiled(sim)):
        made.step(2)
        made.set(sight=2.0)
        made.step(1)
        digests.append(made.digest())
        of = made.of(Walker)
        assert of["seen"].sum() > 20
        assert 0 < np.isfinite(of["distance"]).sum() < 150
        assert of["distance"][np.isfinite(of["distance"])].max() <= 2.0
        made.close()
    assert digests[0] == digests[1]


@pytest.mark.slow  # tables come to the workers by the same way
def test_workers_share_the_geometry(ray_cluster):
    sim = plain()
    assert sim.run(3, workers=2, partitions=3).digest() == sim.run(3).digest()


def test_in_space_both_modes_agree(play):
    sim = wv.Simulation(wv.Box(9, 9, 9, boundary=("periodic", "periodic", "reflect")), seed=3, strict=True)
    sim.geometry(triangles=4 * np.array([RIGHT]) + np.array([7, 2, 4.5]))

    @sim.behavior(reach=1)
    def look(me: Drone, world: wv.World):
        me.point, me.distance = world.wall(me.position, 4.0)
        me.seen = int(world.clear(me, me.position + wv.Vec3(0, 0, 4)))

    sim.scatter(Drone, 200)
    run = play(sim)
    of = run.of(Drone)
    _, seen = made((9, 9, 9), ("periodic", "periodic", "reflect"), triangles=sim.obstacles.triangles)
    for place, point, distance, clear in zip(of["position"], of["point"], of["distance"], of["seen"], strict=True):
        assert seen.wall(place, 4.0) == (wv.Vec3(*point), distance)
        assert clear == seen.clear(place, place + (0, 0, 4))
    assert 0 < of["seen"].sum() < 200


def test_without_geometry_the_words_about_it_are_refused():
    sim = wv.Simulation(wv.Box(9, 9))

    @sim.behavior(reach=1)
    def look(me: Walker, world: wv.World):
        me.distance = world.wall(me.position, 1.0).distance

    sim.scatter(Walker, 1)
    with pytest.raises(wv.BehaviorError, match=r"no geometry was declared\n(.*\n)+.*sim.geometry"):
        sim.start()
