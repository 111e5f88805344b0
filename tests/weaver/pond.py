"""Ducks that drift and multiply: the least world with births, deaths, letters and samples. It is an app, too."""

from __future__ import annotations

import weaver as wv


class Duck(wv.Entity):
    energy: float = 2.0
    heard: int
    band: wv.uint8


class Call(wv.Message):
    food: float


def pond() -> wv.Simulation:
    """A pond of 60 ducks; what feeds them comes from outside as well."""
    sim = wv.Simulation(wv.Box(12, 8, boundary="reflect"), seed=5, name="pond")
    loss = sim.parameter("loss", 0.2, low=0, high=1)

    @sim.behavior(every=3, at=2)
    def listen(me: Duck, world: wv.World):
        for call in world.inbox(me, Call):
            me.energy += call.food
            me.heard += 1

    @sim.behavior(reach=1.0)
    def drift(me: Duck, world: wv.World):
        me.energy += world.uniform(-loss, 0.25)
        if me.energy > 2.5:
            me.energy *= 0.5
            world.spawn(Duck, energy=me.energy)
        if me.energy < 0.3:
            world.remove(me)
        me.position += wv.Vec2(world.uniform(-0.7, 0.7), world.uniform(-0.7, 0.7))

    sim.scatter(Duck, 60, energy=lambda rng: rng.uniform(0.5, 2.5))
    sim.observe("ducks", Duck, "count")
    return sim


sim = pond()

if __name__ == "__main__":
    sim.run(ticks=40)
