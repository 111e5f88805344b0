"""Where geometry is: the nearest point of it around a place, and whether it crosses a straight line.

Strict functions (no fastmath) that kernels and the interpreter call. Obstacles are numbered segments first, then discs
(2-D), or triangles (3-D), and filed by the cells of a uniform grid; `weaver.obstacles` makes the arrays:

* frame: float64, per axis (low, length, cells per unit of length, margin): places within the margin of a cell's edge
  may be filed on either side of it, so a walk along a line takes both.
* shape: int64, per axis (cells, whether the axis is periodic), then the number of segments.
* shapes: float64, 4 numbers per segment (its ends), then 3 per disc (centre and radius); 9 per triangle.
* start: int64 (cells + 1,), first entry of each cell, row-major with x fastest.
* item: int64 per entry: 1 << 36 times the image plus the obstacle; an image (i, j, k), in lengths of the box by which
  the obstacle is moved, is the number ((k + 128) * 256 + j + 128) * 256 + i + 128.

Beyond an end that is not periodic the last cell goes on for ever. What is found does not depend on the grid: the point
of least (squared distance, number of the obstacle) over all images. Of an obstacle half way round a periodic axis one
image is taken, the same one everywhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from weaver.settle import nearest_image, strict, wrapped


class Wall(NamedTuple):
    """What `world.wall` gives: the nearest point of the geometry, and how far it is; inf if nothing is near enough."""

    point: Any
    distance: float


TURN = 1 << 36
HALF = 128


@strict
def _segment_point(x, y, ax, ay, bx, by):  # type: ignore[no-untyped-def]
    """The point of a segment nearest to (x, y)."""
    ex, ey = bx - ax, by - ay
    length2 = ex * ex + ey * ey
    t = ((x - ax) * ex + (y - ay) * ey) / length2
    if not t > 0.0:  # a segment without length too
        return ax, ay
    if t >= 1.0:
        return bx, by
    return ax + t * ex, ay + t * ey


@strict
def _circle_point(x, y, cx, cy, r):  # type: ignore[no-untyped-def]
    """The point of a circle nearest to (x, y); of its centre, the one in the direction of x."""
    dx, dy = x - cx, y - cy
    d = np.sqrt(dx * dx + dy * dy)
    if d == 0.0:
        return cx + r, cy
    return cx + dx * (r / d), cy + dy * (r / d)


@strict
def _dot(ax, ay, az, bx, by, bz):  # type: ignore[no-untyped-def]
    return ax * bx + ay * by + az * bz


@strict
def _triangle_point(x, y, z, s, i, mx, my, mz):  # type: ignore[no-untyped-def]
    """The point of triangle s[i : i + 9], moved by (mx, my, mz), nearest to (x, y, z) (Ericson 2005, section 5.1.5)."""
    ax, ay, az = s[i] + mx, s[i + 1] + my, s[i + 2] + mz
    bx, by, bz = s[i + 3] + mx, s[i + 4] + my, s[i + 5] + mz
    cx, cy, cz = s[i + 6] + mx, s[i + 7] + my, s[i + 8] + mz
    abx, aby, abz, acx, acy, acz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
    d1 = _dot(abx, aby, abz, x - ax, y - ay, z - az)
    d2 = _dot(acx, acy, acz, x - ax, y - ay, z - az)
    if d1 <= 0.0 and d2 <= 0.0:
        return ax, ay, az
    d3 = _dot(abx, aby, abz, x - bx, y - by, z - bz)
    d4 = _dot(acx, acy, acz, x - bx, y - by, z - bz)
    if d3 >= 0.0 and d4 <= d3:
        return bx, by, bz
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        v = d1 / (d1 - d3)
        return ax + v * abx, ay + v * aby, az + v * abz
    d5 = _dot(abx, aby, abz, x - cx, y - cy, z - cz)
    d6 = _dot(acx, acy, acz, x - cx, y - cy, z - cz)
    if d6 >= 0.0 and d5 <= d6:
        return cx, cy, cz
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = d2 / (d2 - d6)
        return ax + w * acx, ay + w * acy, az + w * acz
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return bx + w * (cx - bx), by + w * (cy - by), bz + w * (cz - bz)
    scale = 1.0 / (va + vb + vc)
    v, w = vb * scale, vc * scale
    return ax + abx * v + acx * w, ay + aby * v + acy * w, az + abz * v + acz * w


@strict
def _side(ax, ay, bx, by, cx, cy):  # type: ignore[no-untyped-def]
    """Twice the signed area of a, b, c: on which side of a..b c lies."""
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


@strict
def _apart(a, b, c, d):  # type: ignore[no-untyped-def]
    """Whether the ranges a..b and c..d have nothing in common."""
    return max(a, b) < min(c, d) or max(c, d) < min(a, b)


@strict
def _crosses_segment(px, py, qx, qy, ax, ay, bx, by):  # type: ignore[no-untyped-def]
    """Whether p..q and a..b have a point in common; touching counts."""
    if _apart(px, qx, ax, bx) or _apart(py, qy, ay, by):
        return False
    d1, d2 = _side(px, py, qx, qy, ax, ay), _side(px, py, qx, qy, bx, by)
    if (d1 > 0.0 and d2 > 0.0) or (d1 < 0.0 and d2 < 0.0):
        return False
    d3, d4 = _side(ax, ay, bx, by, px, py), _side(ax, ay, bx, by, qx, qy)
    return not ((d3 > 0.0 and d4 > 0.0) or (d3 < 0.0 and d4 < 0.0))


@strict
def _crosses_circle(px, py, qx, qy, cx, cy, r):  # type: ignore[no-untyped-def]
    """Whether p..q has a point in common with a circle's line; one that lies inside has none."""
    nx, ny = _segment_point(cx, cy, px, py, qx, qy)
    near = (nx - cx) * (nx - cx) + (ny - cy) * (ny - cy)
    p2, q2 = (px - cx) * (px - cx) + (py - cy) * (py - cy), (qx - cx) * (qx - cx) + (qy - cy) * (qy - cy)
    return near <= r * r <= max(p2, q2)


@strict
def _crosses_triangle(px, py, pz, qx, qy, qz, s, i, mx, my, mz):  # type: ignore[no-untyped-def]
    """Whether p..q meets triangle s[i : i + 9], moved by (mx, my, mz) (Moller and Trumbore 1997).

    A line in its plane does not. Its edges are taken 1e-12 of it wider, so that nothing slips between two triangles.
    """
    ax, ay, az = s[i] + mx, s[i + 1] + my, s[i + 2] + mz
    ux, uy, uz = s[i + 3] + mx - ax, s[i + 4] + my - ay, s[i + 5] + mz - az
    vx, vy, vz = s[i + 6] + mx - ax, s[i + 7] + my - ay, s[i + 8] + mz - az
    dx, dy, dz = qx - px, qy - py, qz - pz
    hx, hy, hz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
    determinant = _dot(ux, uy, uz, hx, hy, hz)
    if determinant == 0.0:
        return False
    tx, ty, tz = px - ax, py - ay, pz - az
    u = _dot(tx, ty, tz, hx, hy, hz) / determinant
    if not (u >= -1e-12 and u <= 1.0 + 1e-12):
        return False
    kx, ky, kz = ty * uz - tz * uy, tz * ux - tx * uz, tx * uy - ty * ux
    v = _dot(dx, dy, dz, kx, ky, kz) / determinant
    if not (v >= -1e-12 and u + v <= 1.0 + 1e-12):
        return False
    t = _dot(vx, vy, vz, kx, ky, kz) / determinant
    return t >= 0.0 and t <= 1.0


@strict
def _cell(p, frame, shape, axis):  # type: ignore[no-untyped-def]
    """Cell of a coordinate; along a periodic axis cells count on beyond the box, else the end cells go on."""
    a, n = 4 * axis, shape[2 * axis]
    c = np.floor((p - frame[a]) * frame[a + 2])
    if shape[2 * axis + 1] == 0:
        c = min(max(c, 0.0), n - 1.0)
    return np.int64(c)


@strict
def _turns(c, shape, axis):  # type: ignore[no-untyped-def]
    """How many lengths of the box a cell that counts on lies beyond it, and the cell that it is an image of."""
    n = shape[2 * axis]
    turn = c // n
    return turn, c - turn * n


@strict
def _inside(p, frame, shape, axis):  # type: ignore[no-untyped-def]
    """The image of a coordinate in the box; without change where the axis is not periodic."""
    a = 4 * axis
    return wrapped(p, frame[a], frame[a] + frame[a + 1], frame[a + 1]) if shape[2 * axis + 1] != 0 else p


@strict
def _moved(entry, turn, frame, axis):  # type: ignore[no-untyped-def]
    """By how much the obstacle of an entry is moved along an axis, seen from a cell that lies `turn` lengths beyond."""
    image = ((entry // TURN) >> (8 * axis) & 255) - HALF + turn
    return image * frame[4 * axis + 1]


@strict
def wall2(x, y, radius, frame, shape, shapes, start, item):  # type: ignore[no-untyped-def]
    """Nearest point of the geometry within `radius` of a place: (x, y, distance); none: the place and inf.

    The point is an image near the place; see the module for the arrays.
    """
    least, found, bx, by = np.inf, np.int64(-1), x, y
    if not (abs(x) < np.inf and abs(y) < np.inf and radius >= 0.0):
        return x, y, np.inf
    px, py, n_segments = _inside(x, frame, shape, 0), _inside(y, frame, shape, 1), shape[4]
    for cy in range(_cell(py - radius, frame, shape, 1), _cell(py + radius, frame, shape, 1) + 1):
        ty, iy = _turns(cy, shape, 1)
        for cx in range(_cell(px - radius, frame, shape, 0), _cell(px + radius, frame, shape, 0) + 1):
            tx, ix = _turns(cx, shape, 0)
            here = iy * shape[0] + ix
            for e in range(start[here], start[here + 1]):
                k = item[e] % TURN
                mx, my = _moved(item[e], tx, frame, 0), _moved(item[e], ty, frame, 1)
                if k < n_segments:
                    i = 4 * k
                    qx, qy = _segment_point(
                        px, py, shapes[i] + mx, shapes[i + 1] + my, shapes[i + 2] + mx, shapes[i + 3] + my
                    )
                else:
                    i = 3 * k + n_segments
                    qx, qy = _circle_point(px, py, shapes[i] + mx, shapes[i + 1] + my, shapes[i + 2])
                d2 = (qx - px) * (qx - px) + (qy - py) * (qy - py)
                if d2 <= radius * radius and (d2 < least or (d2 == least and k < found)):
                    least, found, bx, by = d2, k, qx, qy
    if found < 0:
        return x, y, np.inf
    return bx + (x - px), by + (y - py), np.sqrt(least)


@strict
def wall3(x, y, z, radius, frame, shape, shapes, start, item):  # type: ignore[no-untyped-def]
    """`wall2` in three dimensions: (x, y, z, distance)."""
    least, found, bx, by, bz = np.inf, np.int64(-1), x, y, z
    if not (abs(x) < np.inf and abs(y) < np.inf and abs(z) < np.inf and radius >= 0.0):
        return x, y, z, np.inf
    px, py, pz = _inside(x, frame, shape, 0), _inside(y, frame, shape, 1), _inside(z, frame, shape, 2)
    for cz in range(_cell(pz - radius, frame, shape, 2), _cell(pz + radius, frame, shape, 2) + 1):
        tz, iz = _turns(cz, shape, 2)
        for cy in range(_cell(py - radius, frame, shape, 1), _cell(py + radius, frame, shape, 1) + 1):
            ty, iy = _turns(cy, shape, 1)
            for cx in range(_cell(px - radius, frame, shape, 0), _cell(px + radius, frame, shape, 0) + 1):
                tx, ix = _turns(cx, shape, 0)
                here = (iz * shape[2] + iy) * shape[0] + ix
                for e in range(start[here], start[here + 1]):
                    k = item[e] % TURN
                    mx, my, mz = (
                        _moved(item[e], tx, frame, 0),
                        _moved(item[e], ty, frame, 1),
                        _moved(item[e], tz, frame, 2),
                    )
                    qx, qy, qz = _triangle_point(px, py, pz, shapes, 9 * k, mx, my, mz)
                    d2 = (qx - px) * (qx - px) + (qy - py) * (qy - py) + (qz - pz) * (qz - pz)
                    if d2 <= radius * radius and (d2 < least or (d2 == least and k < found)):
                        least, found, bx, by, bz = d2, k, qx, qy, qz
    if found < 0:
        return x, y, z, np.inf
    return bx + (x - px), by + (y - py), bz + (z - pz), np.sqrt(least)


@strict
def _part(p, q, c, t0, t1, frame, shape, axis):  # type: ignore[no-untyped-def]
    """The part t0..t1 of the line p + t (q - p) that can lie in cell c of an axis, the margin included.

    Args:
        p: where the line begins along the axis.
        q: where it ends.
        c: the cell.
        t0: the part so far.
        t1: its end.
        frame: see the module.
        shape: see the module.
        axis: number of the axis.
    """
    a = 4 * axis
    d = q - p
    if d == 0.0:
        return t0, t1
    width, margin = 1.0 / frame[a + 2], frame[a + 3]
    low = (frame[a] + c * width - margin - p) / d
    high = (frame[a] + (c + 1) * width + margin - p) / d
    if d < 0.0:
        low, high = high, low
    if shape[2 * axis + 1] == 0:  # the end cells have no end
        if c == 0 and d > 0.0:
            low = t0
        if c == 0 and d < 0.0:
            high = t1
        if c == shape[2 * axis] - 1 and d > 0.0:
            high = t1
        if c == shape[2 * axis] - 1 and d < 0.0:
            low = t0
    return max(t0, low), min(t1, high)


@strict
def _cells(p, q, t0, t1, frame, shape, axis):  # type: ignore[no-untyped-def]
    """First and last cell of the part t0..t1 of a line along an axis, the margin included."""
    a, b = p + t0 * (q - p), p + t1 * (q - p)
    margin = frame[4 * axis + 3]
    return _cell(min(a, b) - margin, frame, shape, axis), _cell(max(a, b) + margin, frame, shape, axis)


@strict
def _end(p, q, frame, shape, axis):  # type: ignore[no-untyped-def]
    """The end of a line from p in the box: the image of q nearest to p."""
    start = _inside(p, frame, shape, axis)
    d = nearest_image(q - p, frame[4 * axis + 1]) if shape[2 * axis + 1] != 0 else q - p
    return start, start + d


@strict
def clear2(ax, ay, bx, by, frame, shape, shapes, start, item):  # type: ignore[no-untyped-def]
    """Whether the straight line between two places, by the nearest image, meets no geometry; touching is meeting."""
    if not (abs(ax) < np.inf and abs(ay) < np.inf and abs(bx) < np.inf and abs(by) < np.inf):
        return False
    px, qx = _end(ax, bx, frame, shape, 0)
    py, qy = _end(ay, by, frame, shape, 1)
    n_segments = shape[4]
    first_y, last_y = _cells(py, qy, 0.0, 1.0, frame, shape, 1)
    for cy in range(first_y, last_y + 1):
        ty, iy = _turns(cy, shape, 1)
        t0, t1 = _part(py, qy, cy, 0.0, 1.0, frame, shape, 1)
        if t0 > t1:
            continue
        first_x, last_x = _cells(px, qx, t0, t1, frame, shape, 0)
        for cx in range(first_x, last_x + 1):
            tx, ix = _turns(cx, shape, 0)
            here = iy * shape[0] + ix
            for e in range(start[here], start[here + 1]):
                k = item[e] % TURN
                mx, my = _moved(item[e], tx, frame, 0), _moved(item[e], ty, frame, 1)
                if k < n_segments:
                    i = 4 * k
                    met = _crosses_segment(
                        px, py, qx, qy, shapes[i] + mx, shapes[i + 1] + my, shapes[i + 2] + mx, shapes[i + 3] + my
                    )
                else:
                    i = 3 * k + n_segments
                    met = _crosses_circle(px, py, qx, qy, shapes[i] + mx, shapes[i + 1] + my, shapes[i + 2])
                if met:
                    return False
    return True


@strict
def clear3(ax, ay, az, bx, by, bz, frame, shape, shapes, start, item):  # type: ignore[no-untyped-def]
    """`clear2` in three dimensions."""
    if not (abs(ax) < np.inf and abs(ay) < np.inf and abs(az) < np.inf):
        return False
    if not (abs(bx) < np.inf and abs(by) < np.inf and abs(bz) < np.inf):
        return False
    px, qx = _end(ax, bx, frame, shape, 0)
    py, qy = _end(ay, by, frame, shape, 1)
    pz, qz = _end(az, bz, frame, shape, 2)
    first_z, last_z = _cells(pz, qz, 0.0, 1.0, frame, shape, 2)
    for cz in range(first_z, last_z + 1):
        tz, iz = _turns(cz, shape, 2)
        z0, z1 = _part(pz, qz, cz, 0.0, 1.0, frame, shape, 2)
        if z0 > z1:
            continue
        first_y, last_y = _cells(py, qy, z0, z1, frame, shape, 1)
        for cy in range(first_y, last_y + 1):
            ty, iy = _turns(cy, shape, 1)
            t0, t1 = _part(py, qy, cy, z0, z1, frame, shape, 1)
            if t0 > t1:
                continue
            first_x, last_x = _cells(px, qx, t0, t1, frame, shape, 0)
            for cx in range(first_x, last_x + 1):
                tx, ix = _turns(cx, shape, 0)
                here = (iz * shape[2] + iy) * shape[0] + ix
                for e in range(start[here], start[here + 1]):
                    k = item[e] % TURN
                    mx, my, mz = (
                        _moved(item[e], tx, frame, 0),
                        _moved(item[e], ty, frame, 1),
                        _moved(item[e], tz, frame, 2),
                    )
                    if _crosses_triangle(px, py, pz, qx, qy, qz, shapes, 9 * k, mx, my, mz):
                        return False
    return True
