"""Seventy-five people leave a corridor by a door half a metre wide, as they did in a laboratory.

Model: the collision-free speed model of Tordeux, Chraibi and Seyfried (Traffic and Granular Flow '15, Springer 2016,
doi 10.1007/978-3-319-33482-0_29). Everyone turns away from those who are close, exponentially in the distance, then
walks ahead no faster than the gap to the next person in the way allows: speed = min(pace, (gap - body) / time gap).

Recording: University of Wuppertal, 2018, run 040 (doi 10.34735/ped.2018.1; paper doi 10.1098/rsif.2019.0871):
positions at 25 frames a second in a corridor 5.6 m wide before a door 0.5 m wide. The run starts from its first frame.

Parameters from the literature: body as in the paper; push of neighbours and of walls and their ranges as JuPedSim 1
sets them for this model; pace normal(1.34, 0.26) m/s (Weidmann, Transporttechnik der Fussgänger, ETH Zürich 1993).
Fitted to this recording: the time gap alone (the paper has 1 s). Added: a step that would end in a wall slides along
it. Below the barriers a hall that the laboratory did not have lets everyone wait where they can be seen.

Over seeds 1 to 24, which draw the paces: flow 1.149 per second on average (standard deviation 0.024, from 1.101 to
1.193; recorded 1.148), median headway 0.81 to 0.89 s (0.84), longest wait 3.6 s (2.5), everyone through. No two bodies
overlap by more than 4 % of a diameter, and no body enters a wall. Not fitted: 10 people stand within 1 m of the door
in the median (9 recorded). In the door they walk 0.8 m/s and keep a longer gap than the recorded, who walk 0.5 m/s.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

import weaver as wv

BODY = 0.3  # m, diameter of a body
TIME_GAP = 0.66  # s, time to the next person's body at the present speed; fitted
PUSH, PUSH_RANGE = 8.0, 0.1  # strength (the wish to go on has 1) and range in m of the turn away from others
WALL_PUSH, WALL_RANGE = 5.0, 0.02  # the same for walls
WALL_SIGHT = BODY / 2 + 20 * WALL_RANGE  # m; a wall that is farther away pushes by less than 1e-7
MEAN_PACE, SPREAD_PACE, LOW_PACE, HIGH_PACE = 1.34, 0.26, 0.5, 2.0  # m/s
SIGHT = BODY + TIME_GAP * HIGH_PACE  # m; whoever is farther away slows nobody, and pushes by less than 1e-4

DOOR = 0.1  # m; between -DOOR and DOOR the centre of a body passes the door without touching its posts
THROAT, EXIT = -0.15, -1.1  # m; the door is narrowest from y = THROAT to y = EXIT
HALL = -7.7  # m; people wait along y = HALL: nobody leaves the world, and the crowd there stays off the door
RECORDED_FLOW, RECORDED_HEADWAY = 1.148, 0.84  # 1/s between the first and the last of 75 crossings; s, median

TICKS = 4000  # 80 s; the recorded crowd needed 65 s
PEOPLE = 75
RECORDING = "bottleneck/040_c_56_h-.txt"

HALF = [(2.8, 6.7), (2.8, 0), (0.4, 0), (0.25, -0.15), (0.25, -1.1), (0.7, -1.1), (0.7, -0.3)]
HALF += [(3.05, -0.3), (3.05, 6.7)]
BARRIERS = [[(-x, y) for x, y in HALF], HALF]  # m, corners of the two, left and right of the door


class Pedestrian(wv.Entity, view={"model": "person", "size": 0.45, "color_by": "pace"}):
    """Someone in the crowd; the position is the centre of the body, in metres."""

    velocity: wv.Vec2  # m/s, of the last tick
    pace: float  # m/s, when nobody is in the way
    place: float  # m, x of the place in the hall where they will wait
    crossed: float = -1.0  # s, when they passed y = 0 in the door; -1 before that


sim = wv.Simulation(wv.Box(7, 16, origin=(-3.5, -8.0), boundary="clamp"), seed=1, dt=0.02)
sim.geometry(polygons=BARRIERS)


def goal(p: wv.Vec2, place: float) -> wv.Vec2:
    """Return where someone at `p` wants to go: into the door, straight through it, then to their place in the hall."""
    if p.y > EXIT:
        return wv.Vec2(min(max(p.x, -DOOR), DOOR), THROAT if p.y > 0.0 else p.y - 1.0)
    return wv.Vec2(place, HALL)


def wall_push(p: wv.Vec2, world: wv.World) -> wv.Vec2:
    """Return how someone at `p` turns away from the nearest wall."""
    point, distance = world.wall(p, WALL_SIGHT)
    return WALL_PUSH * math.exp((BODY / 2 - distance) / WALL_RANGE) * (p - point).normalized()


def beside_walls(p: wv.Vec2, step: wv.Vec2, world: wv.World) -> wv.Vec2:
    """Turn `step` so that a body at `p` ends no nearer to a wall than where it touches it, or than it is now."""
    room = min(BODY / 2, world.wall(p, BODY / 2).distance)
    for _ in range(3):  # in a corner it leaves one wall and then the other
        point, distance = world.wall(p + step, BODY / 2)
        if distance < room:
            step += (room - distance) * (p + step - point).normalized()
    return step


@sim.behavior
def choose_pace(me: Pedestrian, world: wv.World) -> None:
    """Draw each one's pace at the start."""
    if world.tick == 0:
        me.pace = min(max(world.normal(MEAN_PACE, SPREAD_PACE), LOW_PACE), HIGH_PACE)


@sim.behavior
def walk(me: Pedestrian, world: wv.World) -> None:
    """Turn away from neighbours and walls, then go as fast as the gap ahead allows (Tordeux et al. 2016)."""
    way = goal(me.position, me.place) - me.position
    heading = way.normalized()
    for other in world.near(me, Pedestrian, radius=SIGHT):
        offset = other.position - me.position
        heading -= PUSH * math.exp((BODY - offset.length()) / PUSH_RANGE) * offset.normalized()
    heading = (heading + wall_push(me.position, world)).normalized()

    gap = SIGHT
    for other in world.near(me, Pedestrian, radius=SIGHT):
        offset = other.position - me.position
        if heading.dot(offset) >= 0.0 and abs(heading.cross(offset)) <= BODY:
            gap = min(gap, offset.length())
    wanted = me.pace
    if me.position.y <= EXIT:  # in the hall: slower near the place, and rather wait than step back
        wanted = min(me.pace, way.length()) if heading.dot(way) > 0.0 else 0.0
    speed = min(wanted, max((gap - BODY) / TIME_GAP, 0.0))
    step = beside_walls(me.position, speed * world.dt * heading, world)

    before, after = me.position.y, me.position.y + step.y
    if me.crossed < 0.0 and before > 0.0 and after <= 0.0:
        me.crossed = world.time + world.dt * before / (before - after)
    me.velocity = step / world.dt
    me.position += step


def recording() -> Path | None:
    """Find the recording in the folder named by WEAVER_DATA, or in shared/data here or in a folder above; else None."""
    here = Path.cwd()
    folders = [folder / "shared" / "data" for folder in (here, *here.parents)]
    if "WEAVER_DATA" in os.environ:
        folders.insert(0, Path(os.environ["WEAVER_DATA"]))
    return next((folder / RECORDING for folder in folders if (folder / RECORDING).is_file()), None)


def recorded_start(path: Path) -> np.ndarray:
    """Read where everyone stands in frame 0, by their number: (75, 2) float64, metres.

    The columns of the file are number, frame, x, y, z; lines that begin with # are comments.
    """
    with path.open(encoding="utf-8") as lines:
        rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    first = sorted((int(number), float(x), float(y)) for number, frame, x, y, _ in rows if int(frame) == 0)
    return np.array(first)[:, 1:]


def synthetic_start() -> np.ndarray:
    """Place as many people as in the recording in front of the door: (75, 2) float64, metres.

    Rows of ten, 0.5 m apart and 0.45 m deep, every other row shifted by half a place; everyone stands up to 0.06 m off,
    drawn with numpy's default generator from seed 0. No two are nearer than 0.39 m and nobody touches a wall.
    """
    row, place = np.divmod(np.arange(PEOPLE), 10)
    spots = np.stack([0.5 * place - 2.375 + 0.25 * (row % 2), 0.6 + 0.45 * row], axis=1)
    return spots + np.random.default_rng(0).uniform(-0.06, 0.06, size=spots.shape)


found = recording()
positions = synthetic_start() if found is None else recorded_start(found)
golden = (math.sqrt(5.0) - 1.0) / 2.0  # spreads consecutive numbers evenly
sim.add(Pedestrian, position=positions, place=6.6 * (np.arange(len(positions)) * golden % 1.0) - 3.3)


def report(run: wv.Run) -> str:
    """Say how fast the crowd passed the door, beside the recorded crowd."""
    crossed = np.sort(np.asarray(run.entities(Pedestrian)["crossed"]))
    times = crossed[crossed >= 0.0]
    origin = "the recorded" if found else "a synthetic"
    said = f"door: {len(times)} of {len(crossed)} people crossed, from {origin} start"
    if len(times) < 2:
        return said
    headways = np.diff(times)
    return (
        f"{said}; flow {1 / headways.mean():.3f} per second (recorded {RECORDED_FLOW}), "
        f"median headway {np.median(headways):.2f} s (recorded {RECORDED_HEADWAY})"
    )


if __name__ == "__main__":
    print(report(sim.run(ticks=TICKS)))
