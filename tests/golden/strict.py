"""A small strict program whose digests are the same on any machine: it uses + - * / and square roots only.

Two types, two precisions, a periodic and a reflecting axis, every kind of search, narrow fields, `every`, and draws that
are integers, or integers divided by powers of two.
"""

from __future__ import annotations

import weaver as wv


class Mote(wv.Entity):
    velocity: wv.Vec2
    warmth: float = 1.0
    near: wv.uint8 = 0
    seen: int = 0


class Seed(wv.Entity):
    position: wv.Vec2f
    velocity: wv.Vec2f
    warmth: wv.float32 = 0.5
    seen: wv.int16 = 0


sim = wv.Simulation(
    wv.Box(30, 20, boundary=("periodic", "reflect"), origin=(-3.25, 100)), seed=11, dt=0.25, strict=True
)
pull = sim.parameter("pull", 0.125, low=0, high=1)


@sim.behavior
def crowd(me: Mote, world: wv.World) -> None:
    """Turn by the neighbours' motion, distance and warmth."""
    n, heading, away = 0, wv.Vec2(), wv.Vec2()
    for other in world.near(me, Mote, radius=2.5):
        offset = other.position - me.position
        n += 1
        heading += other.velocity
        away -= offset / (0.1 + offset.length2())
        me.warmth += 0.01 * (other.warmth - me.warmth)
        me.seen = me.seen * 31 + other.id
    me.near = n
    if n:
        me.velocity += (pull * heading + 0.3 * away) / n
    me.velocity = me.velocity.clamped(1.5)
    me.position += me.velocity * world.dt


@sim.behavior(every=2, at=1)
def settle(me: Seed, world: wv.World) -> None:
    """Follow the nearest mote, and be pushed at random."""
    best = world.nearest(me, Mote, radius=4.0, when=lambda mote: mote.near > 1)
    if best:
        me.velocity = wv.Vec2f(0.5 * world.offset(me, best).normalized())
        me.seen += best.id
    chosen = world.pick(me, Seed, radius=1.25)
    if chosen is not None:
        me.warmth = 0.5 * (me.warmth + chosen.warmth)
    me.velocity += wv.Vec2f(world.uniform(-0.25, 0.25), world.integer(-3, 4) / 8)
    me.position += me.velocity * world.dt


@sim.behavior(every=3)
def warm(me: Mote | Seed, world: wv.World) -> None:
    """Take warmth from both types, and count the seeds."""
    total = sum(other.warmth for other in world.near(me, Mote | Seed, radius=3.0))
    me.warmth = (me.warmth + total) / (1 + world.count(me, Mote | Seed, 3.0))


sim.scatter(Mote, 300, velocity=lambda rng: wv.Vec2(rng.uniform(-1, 1), rng.uniform(-1, 1)))
sim.scatter(Seed, 120, warmth=lambda rng: rng.random())
