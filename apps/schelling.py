"""People who want but a few neighbours like themselves part into districts (Schelling, J. Math. Sociol. 1, 1971).

Rules and numbers of the comparison by the makers of Agents.jl (Datseris et al., Simulation 100, 2022;
ABMFrameworksComparison): a square with 1,000 people on 40 x 40 sites, happy for good once 3 of the 8 around are of the
own group. Its large world is `--set size=100 --set people=8000 --set wanted=8 --set sight=2.9`, 8 of 24.

All look at once, where the original takes them one by one: the unhappy each draw a site that was free before, and where
several have drawn one, one of them gets it and the others stay until the next tick.

What one sees: two colours, mixed at first, in districts after some ten ticks.
"""

import weaver as wv

GRID = wv.Sites(1.0)


class Person(wv.Entity, sites=GRID, view={"model": "box", "size": 0.9, "color_by": "group"}):
    """Someone of group 0 or 1."""

    group: int
    happy: bool


sim = wv.Simulation(wv.Box(1, 1), seed=1)
size = sim.parameter("size", 40, low=4)
people = sim.parameter("people", 1000, low=0)
wanted = sim.parameter("wanted", 3, low=0, high=24)
sight = sim.parameter("sight", 1.5, low=1, high=2.9, help="1.5: the 8 sites around, 2.9: the 24")
sim.box = wv.Box(int(size), int(size))


@sim.behavior(jumps=True)
def settle(me: Person, world: wv.World):
    """Be content with the place, or go to a free one anywhere."""
    if not me.happy:
        me.happy = world.count(me, Person, radius=sight, when=lambda other: other.group == me.group) >= wanted
        if not me.happy:
            world.jump_to_free(me)


for group in (0, 1):
    sim.scatter(Person, people // 2, group=group)
sim.observe("unhappy", Person, "count", where=lambda person: not person.happy)
sim.until("unhappy == 0")

if __name__ == "__main__":
    sim.run(ticks=1000)
