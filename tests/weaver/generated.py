"""Programs made from a seed: app files of random fields, radii from small to large, boundaries, dimensions and moves."""

from __future__ import annotations

import importlib.util
import linecache
import random
import sys
from pathlib import Path
from types import ModuleType

LENGTHS = (2.5, 7.0, 12.5, 20.0, 33.3)
ORIGINS = (0.0, -3.25, 100.0)
BOUNDARIES = ("periodic", "reflect", "clamp", "absorb")
FIELDS = ("int", "float", "bool", "wv.int16", "wv.uint8", "wv.float32")
SHARES = (0.08, 0.25, 0.495)
"""Radii as shares of the shortest periodic axis; the last is just below half of it."""
RADII = (0.6, 3.0, 9.0)
"""Radii in a world without a periodic axis."""


def program(seed: int, strict: bool = False) -> str:
    """The text of an app file; the same for the same seed."""
    return _Writer(seed, strict).text()


def load(text: str, folder: Path, name: str) -> ModuleType:
    """Import the text as a module from a file, so that sources can be found."""
    path = folder / f"{name}.py"
    path.write_text(text)
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class _Writer:
    def __init__(self, seed: int, strict: bool) -> None:
        self.seed, self.strict, self.rng = seed, strict, random.Random(seed)
        rng = self.rng
        self.dim = rng.choice((2, 2, 2, 3))
        self.lengths = [rng.choice(LENGTHS) for _ in range(self.dim)]
        self.origin = [rng.choice(ORIGINS) for _ in range(self.dim)]
        self.boundaries = [rng.choice(BOUNDARIES) for _ in range(self.dim)]
        self.kinds = ["Ant", "Bee", "Cow"][: rng.randint(1, 3)]
        self.fields: dict[str, list[str]] = {}
        periodic = [n for n, b in zip(self.lengths, self.boundaries, strict=True) if b == "periodic"]
        self.radii = [s * min(periodic) for s in SHARES] if periodic else list(RADII)
        self.vision = rng.choice(self.radii)

    def text(self) -> str:
        lines = ['"""A generated program."""', "import weaver as wv", ""]
        for kind in self.kinds:
            lines += [*self.entity(kind), ""]
        place = (
            f"{', '.join(map(repr, self.lengths))}, boundary={tuple(self.boundaries)!r}, origin={tuple(self.origin)!r}"
        )
        lines += [
            f"sim = wv.Simulation(wv.Box({place}), seed={self.seed}, dt=0.5, strict={self.strict})",
            'gain = sim.parameter("gain", 0.3, low=0, high=1)',
            f'vision = sim.parameter("vision", {self.vision / 2!r}, low=0, high={self.vision!r})',
            "",
        ]
        for k in range(self.rng.randint(1, 3)):
            lines += [*self.behavior(f"b{k}"), ""]
        return "\n".join([*lines, *(self.scatter(kind) for kind in self.kinds), ""])

    def entity(self, kind: str) -> list[str]:
        rng, vector = self.rng, f"wv.Vec{self.dim}"
        lines = [f"class {kind}(wv.Entity):"]
        if rng.random() < 0.3:
            lines.append(f"    position: {vector}f")
        lines.append(f"    velocity: {vector}{rng.choice(('', 'f'))}")
        lines.append("    energy: float = 1.0")
        self.fields[kind] = [rng.choice(FIELDS) for _ in range(rng.randint(0, 3))]
        return lines + [f"    f{k}: {kind_of}" for k, kind_of in enumerate(self.fields[kind])]

    def some(self) -> list[str]:
        return sorted(self.rng.sample(self.kinds, self.rng.randint(1, len(self.kinds))))

    def radius(self) -> str:
        return self.rng.choice(["vision", *map(repr, self.radii)])

    def behavior(self, name: str) -> list[str]:
        rng, actors = self.rng, self.some()
        every = rng.choice((1, 1, 2, 3))
        jumps = rng.random() < 0.2
        lines = [
            f"@sim.behavior(every={every}, at={rng.randrange(every)}, {'jumps=True' if jumps else 'reach=3.0'})",
            f"def {name}(me: {' | '.join(actors)}, world: wv.World):",
            f"    total, push, n = 0.0, wv.Vec{self.dim}(), 0",
        ]
        for k, look in enumerate(rng.sample((self.loop, self.nearest, self.pick, self.reduction), rng.randint(0, 2))):
            lines += look(k, " | ".join(self.some()), self.radius())
        lines += [
            "    me.energy = 0.9 * me.energy + gain * total / (1 + n) + world.normal(0, 0.01)",
            "    if me.energy > 4:",
            "        me.energy = world.uniform(0, 2)",
        ]
        for k, kinds in enumerate(zip(*(self.fields[a] for a in actors), strict=False)):
            if all("int" in kind for kind in kinds):
                lines.append(f"    me.f{k} = me.f{k} + n")
            elif len(set(kinds)) == 1:
                lines.append(f"    me.f{k} = me.energy {'> 1' if kinds[0] == 'bool' else '* 0.5'}")
        if rng.random() < 0.8:
            lines.append("    me.velocity = (me.velocity + push * 0.05).clamped(2.0)")
            lines.append("    me.position += me.velocity * world.dt")
            if jumps:
                lines += ["    if world.random() < 0.1:", "        me.position += me.velocity * 7.5"]
        return lines

    def loop(self, k: int, kinds: str, radius: str) -> list[str]:
        shift = f"wv.Vec{self.dim}({', '.join(('0.5', '0.25', '-0.25')[: self.dim])})"
        at = f", at=me.position + {shift}" if self.rng.random() < 0.4 else ""
        lines = [
            f"    for other in world.near(me, {kinds}, radius={radius}{at}):",
            "        offset = world.offset(me, other)",
            "        n += 1",
            "        push -= offset * (other.energy + 0.1)",
            "        total += other.energy * offset.length2() + (other.id % 7)",
        ]
        if self.rng.random() < 0.6:
            lines += ["        if n > 20:", "            break", "    else:", "        total += 0.5"]
        return lines

    def nearest(self, k: int, kinds: str, radius: str) -> list[str]:
        return [
            f"    found{k} = world.nearest(me, {kinds}, radius={radius}, when=lambda o: o.energy > 0.3)",
            f"    if found{k}:",
            f"        push += world.offset(me, found{k}) * 0.1",
            f"        total += found{k}.energy + found{k}.id % 5",
        ]

    def pick(self, k: int, kinds: str, radius: str) -> list[str]:
        return [
            f"    some{k} = world.pick(me, {kinds}, {radius})",
            f"    if some{k} is not None:",
            f"        total += some{k}.energy * world.random()",
        ]

    def reduction(self, k: int, kinds: str, radius: str) -> list[str]:
        return [
            f"    n += world.count(me, {kinds}, {radius})",
            f"    total += sum(o.energy for o in world.near(me, {kinds}, {radius}) if o.energy > 0.5)",
            f"    total += max((o.energy for o in world.near(me, {kinds}, {radius})), default=0.0)",
        ]

    def scatter(self, kind: str) -> str:
        rng = self.rng
        rule = f"velocity=lambda rng: rng.unit{self.dim}() * 0.4, energy=lambda rng: rng.uniform(0, 2)"
        if rng.random() < 0.4:  # on a few places only: corners, seams, and many on one spot
            parts = [f"{o!r} + rng.integer(0, 5) * {n / 5!r}" for o, n in zip(self.origin, self.lengths, strict=True)]
            rule += f", position=lambda rng: wv.Vec{self.dim}({', '.join(parts)})"
        return f"sim.scatter({kind}, {rng.choice((0, 1, 30, 150))}, {rule})"
