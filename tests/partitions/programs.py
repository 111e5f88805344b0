"""Programs written by hand: the kernels that a compiler would make, for the tests of the runtimes.

Birds drift and mingle, stones stand and pass on heat. The kernels keep, beside sums, a hash of the ids in the order
they were seen, so that a digest tells when a neighbour is missing, double, or out of turn.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from partitions.compiled import cpu_target, load_functions
from partitions.grid import Search, make_grid, make_space
from partitions.program import Act, Argument, Column, Drawn, Given, Phase, Program, TypeSpec

BIRD, STONE = 0, 1
_LOOK = '''
@njit(
    "void(uint64, uint64, int64, int64[::1], float64[::1], float64[::1], int64[::1],"
    "float64[::1], float64[::1], float64[::1], int64[::1], float64[::1], uint64[::1], int64[::1],"
    "float64[::1], float64[::1], float64[::1], int64[::1], float64[::1], uint64[::1], int64[::1],"
    "float64[::1], float64[::1], float64[::1], float64[::1], int64[::1])",
    cache=True, nogil=True, error_model="numpy")
def look_{me}{other}(first, last, tick, status, values, reals, integers, mx, my, mz, mids, mval, mstart, mgeo,
                     tx, ty, tz, tids, tval, tstart, tgeo, ex, ey, ez, new, seen):
    """val = 0.5 val + mean of the others' val; seen = hash of whom, in order, within reals[{other}]."""
    r2 = reals[{other}] * reals[{other}]
    for k in range(first, last):
        local = own_cell(np.int64(k), mgeo)
        for i in range(mstart[np.uintp(local)], mstart[np.uintp(local + 1)]):
            cx = cell_of(mx[i], ex) - tgeo[10] + tgeo[4]
            cy = cell_of(my[i], ey) - tgeo[11] + tgeo[5]
            cz = np.int64(0)
            if tgeo[0] == 3:
                cz = cell_of(mz[i], ez) - tgeo[12] + tgeo[6]
            n, total, code = 0, 0.0, np.int64(17)
            for z in range(cz - tgeo[6], cz + tgeo[6] + 1):
                for y in range(cy - tgeo[5], cy + tgeo[5] + 1):
                    line = (z * tgeo[2] + y) * tgeo[1] + cx
                    for j in range(tstart[np.uintp(line - tgeo[4])], tstart[np.uintp(line + tgeo[4] + 1)]):
                        dx, dy, dz = tx[j] - mx[i], ty[j] - my[i], 0.0
                        if tgeo[0] == 3:
                            dz = tz[j] - mz[i]
                        if dx * dx + dy * dy + dz * dz <= r2 and tids[j] != mids[i]:
                            n += 1
                            total += tval[j]
                            code = code * 1000003 + tids[j]
            new[i] = 0.5 * mval[i] + (total / n if n else 0.0)
            seen[i] = seen[i] * 31 + code + n
'''
SOURCE = (
    '''
import numpy as np
from numba import njit


@njit
def own_cell(k, geo):
    """Local cell of own cell k."""
    line, x = k // geo[7], k % geo[7]
    return ((line // geo[8] + geo[6]) * geo[2] + line % geo[8] + geo[5]) * geo[1] + x + geo[4]


@njit
def cell_of(p, edges):
    """Cell of a coordinate, by bisection: nothing shared with the code under test."""
    return min(max(np.searchsorted(edges, p, side="right") - 1, 0), len(edges) - 2)


@njit
def settled(p, axis, reals, integers):
    """On the lattice and inside the box."""
    low, high = reals[3 + 2 * axis], reals[4 + 2 * axis]
    p = np.rint(p / reals[2]) * reals[2]
    if integers[axis]:
        while p >= high:
            p -= high - low
        while p < low:
            p += high - low
        return p + 0.0
    return min(max(p, low), high) + 0.0


@njit
def scrambled(h):
    """Some hash of a number (splitmix64)."""
    h = np.uint64(h)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))
'''
    + "".join(_LOOK.format(me=a, other=b) for a, b in ((0, 0), (0, 1), (1, 0)))
    + '''

@njit("void(uint64, uint64, int64, int64[::1], float64[::1], float64[::1], int64[::1], uint64[::1], int64[::1],"
      "int64[::1], float64[::1])", cache=True, nogil=True)
def heat(first, last, tick, status, values, reals, integers, start, geo, ids, val):
    """Stones warm up, in place, without moving."""
    for k in range(first, last):
        local = own_cell(np.int64(k), geo)
        for i in range(start[np.uintp(local)], start[np.uintp(local + 1)]):
            val[i] += 1.0 / (1 + ids[i] % 13)


@njit("void(uint64, uint64, int64, int64[::1], float64[::1], float64[::1], int64[::1], uint64[::1], int64[::1],"
      "int64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], uint8[::1])",
      cache=True, nogil=True)
def move(first, last, tick, status, values, reals, integers, start, geo, ids, x, y, z, vx, vy, vz, dead):
    """Drift; some die (integers[3] > 0), some break a rule (in tick integers[4], ids % integers[5] == 3)."""
    for k in range(first, last):
        local = own_cell(np.int64(k), geo)
        for i in range(start[np.uintp(local)], start[np.uintp(local + 1)]):
            x[i] = settled(x[i] + vx[i], 0, reals, integers)
            y[i] = settled(y[i] + vy[i], 1, reals, integers)
            if geo[0] == 3:
                z[i] = settled(z[i] + vz[i], 2, reals, integers)
            if integers[3] > 0 and (ids[i] * 7 + tick) % integers[3] == 0:
                dead[i] = 1
            if tick == integers[4] and ids[i] % integers[5] == 3 and ids[i] < status[1]:
                status[0], status[1], values[0] = 2, ids[i], x[i]


@njit("void(uint64, uint64, int64, int64[::1], float64[::1], float64[::1], int64[::1], uint64[::1], int64[::1],"
      "int64[::1], float64[::1], float64[::1], float64[::1])", cache=True, nogil=True)
def jump(first, last, tick, status, values, reals, integers, start, geo, ids, x, y, z):
    """Every third one lands anywhere, corners of the box included."""
    for k in range(first, last):
        local = own_cell(np.int64(k), geo)
        for i in range(start[np.uintp(local)], start[np.uintp(local + 1)]):
            if (ids[i] + tick) % 3 == 0:
                h = scrambled(ids[i] * 1000 + tick)
                for axis in range(geo[0]):
                    u = np.float64((h >> np.uint64(16 * axis)) & np.uint64(255)) / 255.0
                    p = settled(reals[3 + 2 * axis] + u * (reals[4 + 2 * axis] - reals[3 + 2 * axis]), axis, reals,
                                integers)
                    if axis == 0:
                        x[i] = p
                    elif axis == 1:
                        y[i] = p
                    else:
                        z[i] = p


@njit(["void(uint64, uint64, int64[::1], float64[::1], float64[::1], int64[::1], int64[::1]," + "float64[::1]," * n + "float64[::1], int64[::1])"
       for n in (2,)], cache=True, nogil=True)
def draw(first, last, status, values, reals, integers, ids, x, y, val, seen):
    """Stones in the unit square, ids from 5000 on."""
    for k in range(first, last):
        i = np.uintp(k - first)
        h = scrambled(np.int64(k))
        x[i] = np.float64(h & np.uint64(1023)) / 1024.0
        y[i] = np.float64((h >> np.uint64(10)) & np.uint64(1023)) / 1024.0
        val[i], seen[i], ids[i] = 1.0, 0, 5000 + np.int64(k)
'''
)
"""Text of the kernels."""


def _columns(dim: int) -> list[str]:
    return [f"position.{a}" for a in "xyz"[:dim]]


def _three(names: list[str]) -> list[str]:
    return [*names, names[1]][:3]


def _look(dim: int, me: int, other: int, buffered: bool) -> Act:
    position = _three(_columns(dim))
    arguments = [Argument("column", me, n) for n in position]
    arguments += [Argument("ids", me), Argument("column", me, "val"), Argument("start", me), Argument("geometry", me)]
    arguments += [Argument("column", other, n) for n in position]
    arguments += [Argument("ids", other), Argument("column", other, "val"), Argument("start", other)]
    arguments += [Argument("geometry", other), *(Argument("edges", other, str(a)) for a in [*range(dim), 0][:3])]
    arguments += [Argument("out", me, "val"), Argument("out", me, "seen")]
    names = ("val",) if buffered else ()
    return Act(me, f"look_{me}{other}", tuple(arguments), ("val", "seen"), names, False, False)


def mingling(
    lengths: tuple[float, ...],
    boundaries: tuple[str, ...],
    n: int = 200,
    radii: tuple[float, float] = (1.0, 2.0),
    speed: float = 0.5,
    seed: int = 0,
    jumps: bool = False,
    deaths: int = 0,
    fault: tuple[int, int] = (-1, 1),
    where: str = "anywhere",
    stones: int = 40,
    drawn: int = 0,
    every: int = 1,
) -> Program:
    """Birds and stones.

    Args:
        lengths: of the box; its low corner is at 0.
        boundaries: "periodic" or "clamp", per axis.
        n: birds.
        radii: at which birds and stones are looked for.
        speed: largest move per axis and tick.
        seed: of places and velocities.
        jumps: add a phase in which birds land anywhere.
        deaths: 0, or about one bird in `deaths` dies per tick.
        fault: tick in which birds whose id is 3 modulo the second number break a rule.
        where: "anywhere", "corners" (of blocks and of the box) or "together" (in one place).
        stones: given ones.
        drawn: stones that the workers draw (in two dimensions).
        every: birds look for birds only in every such tick.
    """
    dim, rng = len(lengths), np.random.default_rng(seed)
    space = make_space(lengths, (0.0,) * dim, boundaries)
    searches = [Search((radii[0],), radii[0], n), Search((radii[1],), radii[1], stones)]
    grid = make_grid(space, searches, speed)
    position = _columns(dim)
    velocity = [f"velocity.{a}" for a in "xyz"[:dim]]
    bird = TypeSpec(
        "Bird",
        (*(Column(c, "<f8") for c in [*position, *velocity, "val"]), Column("seen", "<i8")),
        ("val",),
        True,
        deaths > 0,
    )
    stone = TypeSpec(
        "Stone", tuple(Column(c, "<f8") for c in [*position, "val"]) + (Column("seen", "<i8"),), ("val",), True, False
    )
    cells = [Argument("start", 0), Argument("geometry", 0), Argument("ids", 0)]
    place = [Argument("out", 0, c) for c in _three(position)]
    drift = [Argument("column", 0, c) for c in _three(velocity)]
    gone = Argument("dead", 0)
    warm = [Argument("start", 1), Argument("geometry", 1), Argument("ids", 1), Argument("out", 1, "val")]
    moving = Act(0, "move", (*cells, *place, *drift, gone), tuple(position), (), True, deaths > 0)
    phases = [
        Phase("mingle", every, 0, (_look(dim, 0, 0, True),), {0: ("val",)}, (0,), 0.0),
        Phase("heat", 1, 0, (Act(1, "heat", tuple(warm), ("val",), (), False, False),), {}, (), 0.0),
        Phase(
            "pass on", 1, 0, (_look(dim, 0, 1, True), _look(dim, 1, 0, True)), {0: ("val",), 1: ("val",)}, (0, 1), 0.0
        ),
        Phase("move", 1, 0, (moving,), {}, (), speed),
    ]
    if jumps:
        phases.append(
            Phase("jump", 1, 0, (Act(0, "jump", (*cells, *place), tuple(position), (), True, False),), {}, (), np.inf)
        )
    q = space.quantum

    def places(count: int) -> list[np.ndarray]:
        if where == "corners":
            return [rng.choice(e, count) if a.periodic is False else rng.choice(e[:-1], count) for a, e in
                    zip(space.axes, grid.block_edges, strict=True)]  # fmt: skip
        if where == "together":
            return [np.full(count, e[0] + (e[1] - e[0]) / 2) for e in grid.cells[0].edges]
        return [np.rint(rng.uniform(a.low, a.high - q, count) / q) * q for a in space.axes]

    ids = rng.permutation(n).astype(np.int64)
    speeds = [rng.uniform(-speed, speed, n) for _ in range(dim)]
    birds = Given(0, ids, (*places(n), *speeds, rng.uniform(0, 1, n), np.zeros(n, np.int64)))
    rocks = Given(
        1,
        np.arange(1000000, 1000000 + stones),
        (*places(stones), rng.uniform(0, 1, stones), np.zeros(stones, np.int64)),
    )
    reals = [radii[0], radii[1], q, *(v for a in space.axes for v in (a.low, a.high))]
    integers = [*(int(a.periodic) for a in space.axes), *[0] * (3 - dim), deaths, *fault]
    sources = (birds, rocks, Drawn(1, drawn, 5000, "draw")) if drawn else (birds, rocks)
    return Program(
        (bird, stone), tuple(phases), sources, grid, seed, np.array(reals), np.array(integers, np.int64),
        partial(load_functions, "mingling", SOURCE), "mingling", cpu_target(),
    )  # fmt: skip
