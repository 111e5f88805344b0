"""Programs made from a seed that use every word of the language; `generated` knows only those about neighbours.

They hold numbers in bounds, so that nothing becomes nan by accident, and populations between caps, by counting
neighbours and by observations. All but `math.sin` and `math.exp` is + - * / and square roots; strict programs leave
these two out, so that the interpreter gives the same bits.
"""

from __future__ import annotations

import math
import random

FREE, RAW = ("Ant", "Bee", "Cow"), ("x", "y", "z")
BOUNDARIES = ("periodic", "periodic", "reflect", "clamp", "absorb")


def composition(seed: int, strict: bool = True, backward: bool = False) -> str:
    """The text of an app file; the same for the same seed. Rows are added in another order if `backward`."""
    return _Composer(seed, strict, backward).text()


class _Composer:
    def __init__(self, seed: int, strict: bool, backward: bool) -> None:
        self.seed, self.strict, self.backward, self.rng = seed, strict, backward, random.Random(f"composed {seed}")
        rng = self.rng
        self.dim = rng.choice((2, 2, 2, 3))
        self.hex = self.dim == 2 and rng.random() < 0.2
        lengths = (8, 12, 16, 24) if self.dim == 2 else (4, 8, 12)
        self.lengths: list[float] = [rng.choice(lengths) for _ in range(self.dim)]
        if self.hex:
            self.lengths[1] = rng.choice((8, 12, 20)) * math.sqrt(3) / 2
        self.boundaries = [rng.choice(BOUNDARIES) for _ in range(self.dim)]
        if rng.random() < 0.02:
            self.boundaries[0] = "strict"
        self.origin = rng.choice(((0,) * self.dim, (-8, 4, 1000)[: self.dim]))
        self.free = list(FREE[: rng.choice((1, 1, 2))])
        self.settled = ["Moss", "Fern"][: rng.choice((0, 0, 1, 2))]
        if self.hex and not self.settled:
            self.settled = ["Moss"]
        self.kinds = self.free + self.settled
        self.spacing = 1.0 if self.hex else rng.choice((0.5, 1.0, 2.0) if self.dim == 2 else (1.0, 2.0))
        self.layers = [] if self.hex else ["Soil", "Air"][: rng.choice((0, 0, 1, 2))]
        self.links, self.walls, self.table = (rng.random() < 0.35 for _ in range(3))
        self.radii = [r for r in (0.7, 1.5, 2.5) if r < min(self.lengths) / 2 - 0.1]
        self.readers: dict[str, list[str]] = {m: self.some() for m in rng.choice(((), ("Hit",), ("Hit", "Note")))}
        self.count, self.limit = 0, 1.9

    # ---- The file ----

    def text(self) -> str:
        rng = self.rng
        box = f"{', '.join(map(repr, self.lengths))}, boundary={tuple(self.boundaries)!r}, origin={self.origin!r}"
        lines = ['"""A generated program."""', "import math", "import numpy as np", "import weaver as wv"]
        lines += [f"from weaver import Vec{self.dim} as Vec", ""]
        if self.settled:
            lines += [f"GRID = wv.Sites({self.spacing}, {'hex' if self.hex else 'square'!r})", ""]
        for kind in self.kinds:
            lines += [*self.entity(kind), ""]
        for layer in self.layers:
            lines += [*self.layer(layer), ""]
        lines += [
            *("class Hit(wv.Message):", "    amount: wv.float32 = 0.5", "    code: int", "    way: Vec", ""),
            *("class Note(wv.Message):", "    code: wv.int16", ""),
            *("class Crash(wv.Event):", "    speed: float", "    where: Vec", "    code: int", ""),
            *("class Knows(wv.Link):", "    trust: float", "    mark: wv.uint8", ""),
            *("class Follows(wv.Link, directed=True):", "    trust: wv.float32", ""),
            *("def bounded(x):", "    if x > -50.0 and x < 50.0:", "        return x", "    return 1.0", ""),
            *("def mixed(code, k):", "    return (code * 31 + k) % 1000003", ""),
            f"sim = wv.Simulation(wv.Box({box}), seed={self.seed}, dt=0.25, strict={self.strict})",
            'gain = sim.parameter("gain", 0.5, low=0, high=1)',
            f'vision = sim.parameter("vision", {self.radii[-1] / 2!r}, low=0.01, high={self.radii[-1]!r})',
        ]
        if self.table:
            lines.append(
                'roads = sim.table("roads", {"speed": np.arange(50) / 8, "next": np.arange(50, dtype=np.int16) * 7 % 50})'
            )
        for kind in self.kinds:
            lines.append(f'sim.observe("n_{kind}", {kind}, "count")')
        lines += [*self.observations(), "", ""]
        turns = [self.reader(m) for m in self.readers]
        turns += [self.behavior() for _ in range(rng.randint(1, 2))]
        if self.settled:
            turns.append(self.walker())
        turns += [self.meeting() for _ in range(rng.randint(0, 1))]
        if self.layers:
            turns += [self.cell_behavior() for _ in range(rng.randint(0, 1))]
            turns += [self.cell_meeting() for _ in range(rng.randint(0, 1))]
            if rng.random() < 0.6:
                resolution = self.resolution[self.layers[0]]
                rate = 0.9 * resolution**2 / (2 * self.dim) / 0.25
                turns.append([f'sim.diffuse({self.layers[0]}, "level", {rate!r}, decay={rng.choice((0.0, 0.1))})'])
        rng.shuffle(turns)
        for turn in turns:
            lines += [*turn, "", ""]
        return "\n".join([*lines, *self.start(), f"KINDS = ({', '.join(self.kinds)},)", ""])

    def entity(self, kind: str) -> list[str]:
        rng = self.rng
        head = f"class {kind}(wv.Entity{', sites=GRID' if kind in self.settled else ''}):"
        lines = [head]
        if rng.random() < 0.25:
            lines.append(f"    position: wv.Vec{self.dim}f")
        lines += [
            f"    velocity: wv.Vec{self.dim}{rng.choice(('', 'f'))}",
            f"    energy: {rng.choice(('float', 'float', 'wv.float32'))} = 1.0",
            f"    code: {rng.choice(('int', 'int', 'wv.int32'))} = 3",
            "    friend: int = -1",
            "    flag: bool",
            f"    few: wv.Array[{rng.choice(('float', 'wv.int16'))}, 3] = (1, 2, 3)",
        ]
        return lines

    def layer(self, name: str) -> list[str]:
        if name == "Soil":
            self.resolution = {"Soil": self.rng.choice((0.5, 1.0, 2.0) if self.dim == 2 else (1.0, 2.0)), "Air": 2.0}
        options = f"resolution={self.resolution[name]}" + (", everywhere=True" if name == "Air" else "")
        return [
            f"class {name}(wv.Layer, {options}):",
            f"    level: {self.rng.choice(('float', 'float', 'wv.float32'))} = 1.0",
            "    mark: int",
            "    flow: Vec",
        ]

    def observations(self) -> list[str]:
        kind, lines = self.rng.choice(self.kinds), []
        lines.append(f'sim.observe("mean", {kind}, "energy", "mean", where=lambda one: one.code % 3 != 1)')
        lines.append(f'sim.observe("drift", {kind}, "velocity", "sum")')
        how = self.rng.choice(('"var"', '"min"', '"max"', '"histogram", bins=(-2.0, 4.0, 5)'))
        lines.append(f'sim.observe("spread", {kind}, lambda one: one.energy * 0.5 + one.code, {how}, every=2)')
        if self.layers:
            lines.append(f'sim.observe("soil", {self.layers[0]}, "level", "sum")')
        if self.rng.random() < 0.2:
            lines.append(f'sim.until("n_{kind} < 3 or tick >= 5")')
        return lines

    def start(self) -> list[str]:
        rng, lines = self.rng, [f"rng = np.random.default_rng({self.seed})"]
        low, size = list(self.origin), list(self.lengths)
        lines.append(f"order = slice(None, None, {-1 if self.backward else 1})")
        lines.append("ids = rng.choice(100_000, 400, replace=False)")
        lines.append("used = 0")
        n_sites = math.prod(size) / (self.spacing**self.dim) / (math.sqrt(3) / 2 if self.hex else 1)
        for kind in self.kinds:
            n = rng.choice((20, 40, 60)) if kind == self.free[0] else rng.choice((0, 1, 20, 40))
            if kind in self.settled:
                n = min(rng.choice((5, 20, 60)), int(n_sites / 4))
                lines.append(
                    f"sim.scatter({kind}, {n}, energy=lambda rng: rng.uniform(0.0, 2.0), code=lambda rng: rng.integer(0, 100))"
                )
                continue
            lines.append(f"k, used = ids[used : used + {n}], used + {n}")
            where = f"rng.uniform(0, 1, ({n}, {self.dim})) * {size} + {low}"
            if rng.random() < 0.3:  # on corners and seams, many on one spot
                where = f"rng.integers(0, 4, ({n}, {self.dim})) / 4 * {size} + {low}"
            lines.append(f"p, v = {where}, rng.normal(0, 0.3, ({n}, {self.dim}))")
            lines.append(f"e, c = rng.uniform(0, 2, {n}), rng.integers(0, 100, {n})")
            lines.append(
                f"sim.add({kind}, position=p[order], velocity=v[order], energy=e[order], code=c[order], id=k[order])"
            )
        lines.append("ids = ids[:used]")
        if self.links:
            lines += [
                "if used > 5:",
                "    a, b = rng.choice(ids, 60), rng.choice(ids, 60)",
                "    a, b = a[a != b], b[a != b]",
                "    sim.link(Knows, a, b, trust=rng.uniform(0, 1, len(a)), mark=rng.integers(0, 200, len(a)))",
                "    sim.link(Follows, b[::2], a[::2], trust=0.25)",
            ]
        for layer in self.layers:
            lines.append(
                f"sim.layer({layer}, level=lambda c: c.uniform(0.0, 2.0), mark=lambda c: c.index[0] * 7 + c.index[1])"
            )
        if self.walls and self.dim == 2:
            (x, y), (w, h) = low, size
            lines.append(
                f"sim.geometry(segments=[(({x + 0.2 * w}, {y + 0.1 * h}), ({x + 0.7 * w}, {y + 0.8 * h}))], "
                f"discs=[({x + 0.5 * w}, {y + 0.5 * h}, {0.15 * min(w, h)})])"
            )
        elif self.walls:
            corner = [
                tuple(o + f * s for o, s, f in zip(low, size, fs, strict=True))
                for fs in ((0.1, 0.2, 0.3), (0.9, 0.3, 0.6), (0.4, 0.8, 0.5))
            ]
            lines.append(f"sim.geometry(triangles=[{tuple(corner)!r}])")
        return lines

    # ---- Parts ----

    def some(self, of: list[str] | None = None) -> list[str]:
        kinds = self.kinds if of is None else of
        return sorted(self.rng.sample(kinds, min(self.rng.choice((1, 1, 1, 2)), len(kinds))), key=kinds.index)

    def union(self, of: list[str] | None = None) -> str:
        return " | ".join(self.some(of))

    def radius(self) -> str:
        return self.rng.choice(["vision", *map(repr, self.radii)])

    def name(self, word: str) -> str:
        self.count += 1
        return f"{word}{self.count}"

    def step(self, size: float) -> str:
        """A vector of components up to `size`, or less where the reach is the default one."""
        size = min(size, self.limit)
        return f"Vec({', '.join(f'world.uniform(-{size}, {size})' for _ in range(self.dim))})"

    def turn(self, word: str, me: str, options: str = "", jumps: bool = False) -> list[str]:
        every = self.rng.choice((1, 1, 1, 2, 3))
        self.limit = 0.4 if jumps or word == "meeting" else 1.9
        reach = "jumps=True" if jumps else f"reach={self.reach!r}"
        return [
            f"@sim.{word}({options}every={every}, at={self.rng.randrange(every)}, {reach})",
            f"def {self.name(word[0])}({me}, world: wv.World):",
            "    total, push, n = 0.0, Vec(), 0",
        ]

    @property
    def reach(self) -> float:
        return max(2.0, self.spacing, *(getattr(self, "resolution", {"": 0.0}).values())) * 1.0

    def looks(self, k: int, me: str, kinds: list[str], number: int) -> list[str]:
        """Parts that look around from `me`, an entity or a cell (kinds is empty then)."""
        entity = bool(kinds)
        options = [self.near, self.nearest, self.pick, self.reduce]
        if self.layers:
            options += [self.cells, self.cells, self.slope]
        if self.settled and entity and set(kinds) <= set(self.settled):
            options += [self.sites, self.sites, self.sites]
        if self.settled:
            options.append(self.vacant)
        if self.links and entity:
            options += [self.tied, self.tied]
        if self.walls:
            options.append(self.wall)
        if self.table:
            options.append(self.row)
        options.append(self.sampled)
        if entity:
            options.append(self.array)
        lines = []
        for j, look in enumerate(self.rng.sample(options, min(number, len(options)))):
            lines += [line.replace("ME", me) for line in look(10 * k + j, self.union(), self.radius())]
        return lines

    def near(self, k: int, kinds: str, r: str) -> list[str]:
        place = f", at=ME.position + {self.step(0.9)}" if self.rng.random() < 0.3 else ""
        lines = [
            f"    for other in world.near(ME, {kinds}, radius={r}{place}):",
            "        away = world.offset(ME, other)",
            "        n += 1",
            "        push -= away * (other.energy + 0.1)",
            "        total += other.energy / (away.length() + 0.5) + other.id % 7",
        ]
        if self.rng.random() < 0.5:
            lines += ["        if n > 8:", "            break", "    else:", "        total += 0.5"]
        if self.readers and self.rng.random() < 0.5:
            lines += [
                f"    for other in world.near(ME, {kinds}, radius={r}):",
                "        if other.flag:",
                "            continue",
                f"        world.send(other, {self.message('other')})",
                "        break" if self.rng.random() < 0.7 else "        n += 1",
            ]
        return lines

    def message(self, to: str) -> str:
        if self.rng.choice(list(self.readers)) == "Hit":
            return f"Hit(amount=bounded(total), code=n + {to}.code, way=push)"
        return f"Note({to}.code + n * 1000)"

    def nearest(self, k: int, kinds: str, r: str) -> list[str]:
        lines = [
            f"    found{k} = world.nearest(ME, {kinds}, radius={r}, when=lambda o: o.energy > 0.3)",
            f"    if found{k}:",
            f"        push += world.offset(ME, found{k}) * 0.1",
            f"        total += found{k}.energy",
            f"        n += found{k}.id % 5",
        ]
        if self.readers:
            lines.append(f"        world.send(found{k}, {self.message(f'found{k}')})")
        return lines

    def pick(self, k: int, kinds: str, r: str) -> list[str]:
        lines = [
            f"    some{k} = world.pick(ME, {kinds}, {r})",
            f"    if some{k} is not None:",
            f"        total += some{k}.energy * world.random()",
        ]
        if self.readers:
            lines += [
                f"        if not some{k}.flag:",
                f"            world.send(some{k}.id, {self.message(f'some{k}')})",
            ]
        return lines

    def reduce(self, k: int, kinds: str, r: str) -> list[str]:
        return [
            f"    n += world.count(ME, {kinds}, {r})",
            f"    total += sum(o.energy for o in world.near(ME, {kinds}, {r}) if o.energy > 0.5)",
            f"    total += max((o.energy for o in world.near(ME, {kinds}, {r})), default=0.0)",
            f"    if any(o.flag for o in world.near(ME, {kinds}, {r})):",
            "        n += 3",
        ]

    def cells(self, k: int, kinds: str, r: str) -> list[str]:
        layer, word = self.rng.choice(self.layers), self.rng.choice(("around", "beside"))
        lines = [
            f"    cell{k} = world.at({layer}, ME.position + {self.step(0.9)})",
            f"    total += cell{k}.level + cell{k}.index[0]",
            f"    n += cell{k}.mark + cell{k}.id % 11",
            f"    push += world.offset(ME.position, cell{k}.position) * 0.1 + cell{k}.flow * 0.01",
            f"    for other in world.{word}(cell{k}):",
            "        total = total * 0.5 + other.level",
            "        n = n * 3 + other.id",
        ]
        if self.rng.random() < 0.5:
            lines += ["        if total > 3.0:", "            break", "    else:", "        n += 1"]
        return lines

    def slope(self, k: int, kinds: str, r: str) -> list[str]:
        layer = self.rng.choice(self.layers)
        return [f'    push += world.gradient({layer}, ME.position, "level") * 0.2']

    def sites(self, k: int, kinds: str, r: str) -> list[str]:
        number = (
            ""
            if self.hex
            else self.rng.choice((", 4", ", 8", ""))
            if self.dim == 2
            else self.rng.choice((", 6", ", 26"))
        )
        lines = [
            f"    for other in world.neighbors(ME, {self.union(self.settled)}{number}):",
            "        n += 1 + other.id % 3",
            "        total += other.energy",
            f"    for place in world.free_sites(ME, {self.radii[-1]!r}):",
            "        push += (place - ME.position) * 0.1",
            "        n += 1",
        ]
        if self.rng.random() < 0.5:
            lines += ["        if n > 12:", "            break"]
        return lines + ["    if world.moved(ME):", "        total += 0.75"]

    def vacant(self, k: int, kinds: str, r: str) -> list[str]:
        return [f"    if world.free(ME.position + {self.step(0.9)}):", "        n += 5"]

    def tied(self, k: int, kinds: str, r: str) -> list[str]:
        link = self.rng.choice(("Knows", "Follows"))
        lines = [
            f"    for other, link in world.links(ME, {link}):",
            "        total = total * 0.5 + link.trust * other.energy",
            "        push += world.offset(ME, other) * 0.01",
            "        n = n * 3 + other.code % 100",
        ]
        if self.readers and self.rng.random() < 0.5:
            lines += ["        if other.flag:", f"            world.send(other, {self.message('other')})"]
        return lines

    def wall(self, k: int, kinds: str, r: str) -> list[str]:
        return [
            f"    hit{k} = world.wall(ME.position, 1.5)",
            f"    if hit{k}.distance < 1.5:",
            f"        push += (ME.position - hit{k}.point) * 0.2",
            f"        total += hit{k}.distance",
            f"    if not world.clear(ME.position, ME.position + {self.step(3.0)}):",
            "        n += 2",
        ]

    def row(self, k: int, kinds: str, r: str) -> list[str]:
        return [
            f"    total += roads.speed[abs(n) % len(roads)] + roads.speed[-{self.rng.randint(1, 50)}]",
            "    n = roads.next[abs(n) % 50] + 1",
        ]

    def sampled(self, k: int, kinds: str, r: str) -> list[str]:
        lines = ['    total += bounded(world.observed("mean"))', '    push += world.observed("drift") * 0.001']
        if self.layers:
            lines.append('    total += bounded(world.observed("soil") * 0.001)')
        return lines

    def array(self, k: int, kinds: str, r: str) -> list[str]:
        return [
            "    ME.few[n % 3] = bounded(total) + 1",
            "    total += sum(ME.few[i] for i in (0, 1, -1))",
        ]

    def numbers(self, me: str) -> list[str]:
        """Writes of the fields."""
        lines = [
            f"    {me}.energy = bounded(0.5 * {me}.energy + gain * total / (1 + n * n) + world.normal(0.0, 0.1))",
            f"    {me}.code = mixed({me}.code, n)",
            f"    {me}.flag = {me}.energy > 1.5",
        ]
        if not self.strict and self.rng.random() < 0.7:
            lines.append(f"    {me}.energy += math.sin(total) * math.exp(-abs({me}.energy))")
        return lines

    def act_spawn(self, me: str, kinds: list[str]) -> list[str]:
        kind, rng = self.rng.choice(self.kinds), self.rng
        crowd = f"{me}.id % 3 == 0" if rng.random() < 0.3 else "world.random() < 0.3"
        where = rng.choice(("", f"{me}.position, ", f"{me}.position + {self.step(1.4)}, "))
        values = rng.choice(
            (f"energy={me}.energy * 0.5, code={me}.code + n", "velocity=push.clamped(0.5)", "flag=True")
        )
        return [
            f'    if world.observed("n_{kind}") < {rng.choice((60, 100))} and {crowd}:',
            f"        world.spawn({kind}, {where}{values})",
        ] + (["        if n % 2:", f"            world.spawn({kind}, code=n)"] if rng.random() < 0.4 else [])

    def act_remove(self, me: str, kinds: list[str]) -> list[str]:
        guard = " and ".join(f'world.observed("n_{kind}") > 6' for kind in kinds)
        return [f"    if {guard} and world.random() < 0.15:", f"        world.remove({me})"]

    def act_become(self, me: str, kinds: list[str]) -> list[str]:
        others = [k for k in (self.free if set(kinds) <= set(self.free) else self.settled) if k not in kinds]
        if not others:
            return []
        to = self.rng.choice(others)
        values = self.rng.choice(("", ", code=n + 7", f", energy={me}.energy + 1, velocity=push.clamped(0.3)"))
        return ["    if world.random() < 0.1:", f"        world.become({me}, {to}{values})"]

    def act_deposit(self, me: str, kinds: list[str]) -> list[str]:
        if not self.layers:
            return []
        layer = self.rng.choice(self.layers)
        place = self.rng.choice((f"{me}.position", f"{me}.position + {self.step(1.4)}"))
        amount = self.rng.choice(("level=0.1 * bounded(total)", "level=0.3, mark=n", "flow=push.clamped(1.0)"))
        return [f"    world.deposit({layer}, {place}, {amount})"] * self.rng.choice((1, 1, 2))

    def act_emit(self, me: str, kinds: list[str]) -> list[str]:
        return [
            "    if n % 4 == 0:",
            f"        world.emit(Crash(speed=push.length(), where={me}.position, code={me}.code))",
        ]

    def act_write_home(self, me: str, kinds: list[str]) -> list[str]:
        """A message by id to one whom I remember, alive or dead."""
        if "Hit" not in self.readers:
            return []
        return [
            f"    if {me}.friend >= 0 and n % 2 == 0:",
            f"        world.send({me}.friend, Hit(code={me}.code))",
            f"    remembered = world.pick({me}, {self.union()}, radius={self.radii[-1]!r})",
            "    if remembered:",
            f"        {me}.friend = remembered.id",
        ]

    # ---- Turns ----

    def behavior(self) -> list[str]:
        rng = self.rng
        settled = bool(self.settled) and rng.random() < 0.35
        kinds = self.some(self.settled if settled else self.free if rng.random() < 0.8 else None)
        mixed = bool(set(kinds) & set(self.free)) and bool(set(kinds) & set(self.settled))
        jumps = rng.random() < 0.15
        lines = self.turn("behavior", f"me: {' | '.join(kinds)}", jumps=jumps)
        lines += self.looks(1, "me", kinds, rng.randint(1, 2))
        acts = [self.act_spawn, self.act_spawn, self.act_remove, self.act_emit, self.act_deposit, self.act_write_home]
        becomes = not mixed and rng.random() < 0.3
        for act in rng.sample(acts, rng.randint(1, 3)):
            lines += act("me", kinds)
        if becomes:
            lines += self.act_become("me", kinds)
        lines += self.numbers("me")
        if rng.random() < 0.85 and not (becomes and set(kinds) & set(self.settled)):
            lines.append("    me.velocity = (me.velocity + push * 0.05).clamped(2.0)")
            lines.append("    me.position += me.velocity * world.dt")
            if jumps:
                lines += ["    if world.random() < 0.1:", "        me.position += me.velocity * 7.5"]
        return lines

    def walker(self) -> list[str]:
        """Entities on sites go to others."""
        rng = self.rng
        kinds = self.some(self.settled)
        jump = rng.random() < 0.35
        lines = self.turn("behavior", f"me: {' | '.join(kinds)}")
        lines += self.looks(1, "me", kinds, 1)
        if jump:
            return [*lines, "    if world.random() < 0.3:", "        world.jump_to_free(me)", *self.numbers("me")]
        return [
            *lines,
            *self.numbers("me"),
            "    if world.moved(me):",
            "        me.code += 1",
            f"    me.position += {self.step(min(1.9, 1.5 * self.spacing))}",
        ]

    def reader(self, message: str) -> list[str]:
        lines = self.turn("behavior", f"me: {' | '.join(self.readers[message])}")
        order = ', order="random"' if self.rng.random() < 0.4 else ""
        lines += [
            f"    for m in world.inbox(me, {message}{order}):",
            "        n = n * 7 + m.code + m.sender % 13",
        ]
        if message == "Hit":
            lines += ["        total = total * 0.5 + m.amount", "        push += m.way"]
        if self.rng.random() < 0.3:
            lines += ["        if total > 20.0 or n > 100000:", "            break"]
        if self.rng.random() < 0.3:
            lines += self.act_spawn("me", self.readers[message])
        return [*lines, *self.numbers("me")]

    def meeting(self) -> list[str]:
        rng = self.rng
        a, b = rng.choice(self.kinds), rng.choice(self.kinds)
        when = rng.choice(
            ("", "when=lambda a, b: a.code % 3 != b.code % 2, ", "when=lambda a, b: a.energy < b.energy, ")
        )
        by = rng.choice(
            ("", "by=lambda a, b: (b.position - a.position).length2(), ", "by=lambda a, b: a.code % 5 - b.energy, ")
        )
        options = f"radius={rng.choice(self.radii)!r}, {when}{by}rounds={rng.choice((1, 1, 2, 3))}, "
        lines = self.turn("meeting", f"a: {a}, b: {b}", options)
        lines += [
            "    total += a.energy * b.energy + world.random()",
            "    push += world.offset(a, b)",
            "    n += a.code % 7 + b.id % 3",
            "    a.energy, b.energy = bounded(0.5 * b.energy + gain), bounded(0.5 * a.energy + push.length() * 0.1)",
            "    a.velocity = (a.velocity + push * 0.1).clamped(1.0)",
            "    a.code, b.code = mixed(a.code, b.code), mixed(b.code, n)",
        ]
        for act in rng.sample((self.act_spawn, self.act_emit, self.act_deposit), rng.randint(0, 2)):
            lines += act("a", [a])
        if rng.random() < 0.4:
            lines += [f'    if world.observed("n_{b}") > 6:', "        world.remove(b)"]
        if self.readers and rng.random() < 0.5:
            lines.append(f"    world.send(b, {self.message('b')})")
        if rng.random() < 0.5:
            lines.append(f"    {rng.choice('ab')}.position += push * 0.3")
        return lines

    def cell_meeting(self) -> list[str]:
        rng = self.rng
        a, layer = rng.choice(self.kinds), self.layers[0]
        when = rng.choice(("", "when=lambda a, cell: cell.level > 0.5, "))
        by = rng.choice(("", "by=lambda a, cell: a.energy, "))
        lines = self.turn("meeting", f"a: {a}, cell: {layer}", f"{when}{by}")
        lines += [
            "    total += cell.level",
            "    n += cell.mark",
            "    a.energy, cell.level = bounded(a.energy + 0.5 * cell.level), bounded(0.5 * cell.level + world.random())",
            "    cell.mark, a.code = cell.mark + 1, mixed(a.code, cell.id)",
            "    cell.flow = cell.flow * 0.5 + world.offset(cell.position, a.position)",
        ]
        for act in rng.sample((self.act_spawn, self.act_emit, self.act_deposit), rng.randint(0, 2)):
            lines += act("a", [a])
        return lines

    def cell_behavior(self) -> list[str]:
        rng = self.rng
        layer = self.layers[0]
        lines = self.turn("behavior", f"me: {layer}")
        lines += self.looks(1, "me", [], rng.randint(1, 2))
        lines += [
            f"    for other in world.{rng.choice(('around', 'beside'))}(me):",
            "        total += other.level - me.level",
            "        n += other.mark % 5",
            "    me.level = bounded(me.level + 0.02 * total + 0.1 * world.normal(0.0, 1.0))",
            "    me.mark = mixed(me.mark, n)",
            "    me.flow = (me.flow + push * 0.1).clamped(2.0)",
        ]
        kind = rng.choice(self.kinds)
        if rng.random() < 0.5:
            lines += [
                f'    if world.observed("n_{kind}") < 80 and world.random() < 0.05:',
                f"        world.spawn({kind}, code=n, energy=me.level)",
            ]
        if rng.random() < 0.5:
            lines += ["    if n % 5 == 0:", *("    " + x for x in self.act_deposit("me", []))]
        if rng.random() < 0.5:
            lines += ["    if me.level > 3.5:", "        world.emit(Crash(speed=total, where=me.position, code=me.id))"]
        return lines
