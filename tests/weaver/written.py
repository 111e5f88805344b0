"""Programs that hypothesis writes: app files with random spaces, types, fields, radii, boundaries and behaviors.

They use only + - * / and square roots, so that IEEE 754 fixes every bit of a strict run.
"""

import importlib.util
import itertools
import linecache
import sys

from hypothesis import strategies as st

import weaver as wv

BOUNDARIES = ["periodic", "reflect", "clamp", "absorb", "strict"]
_numbers = itertools.count()

LOOKS = [
    """\
    total, pull = 0.0, Vec()
    for other in world.near(me, {kind}, radius={radius}):
        away = world.offset(me, other)
        pull += away * other.energy
        total += other.energy / (away.length() + 0.5)
        me.score += other.score
    me.energy = 0.5 * me.energy + 0.125 * total
    me.velocity += pull * 0.01
""",
    """\
    me.score += world.count(me, {kind}, {radius}, when=lambda o: o.energy > me.energy)
""",
    """\
    best = world.nearest(me, {kind}, radius={radius})
    if best:
        me.energy += best.energy * 0.5
        me.score = me.score * 3 + best.id
        me.velocity = (Vec(best.position) - Vec(me.position)).normalized()
""",
    """\
    chosen = world.pick(me, {kind}, radius={radius})
    if chosen is not None:
        me.energy = (me.energy + chosen.energy) * gain
        me.flag = not chosen.flag
""",
    """\
    first = -1
    for other in world.near(me, {kind}, radius={radius}):
        if other.flag:
            continue
        first = first * 5 + other.id
        if other.energy > 1.0:
            break
    else:
        first = first * 7 - 2
    me.score += first
""",
    """\
    place = Vec(me.position) + {unit} * {near}
    for other in world.near(me, {kind}, radius={radius}, at=place):
        me.score = me.score * 3 + other.id
        me.energy += (Vec(other.position) - place).length2() * 0.25
""",
    """\
    if any(o.energy < me.energy for o in world.near(me, {kind}, radius={radius})):
        me.energy -= sum(o.energy for o in world.near(me, {kind}, radius={radius})) / 8
    me.score += min((o.score for o in world.near(me, {kind}, radius={radius})), default=1)
""",
]
CHANGES = [
    """\
    me.energy = me.energy * gain + world.normal(0.0, 0.5) + world.time
    me.velocity = me.velocity * 0.5 + {unit} * world.uniform(0.0, 2.0)
""",
    """\
    me.flag = (me.energy > 0.5) != me.flag
    if me.flag:
        me.score //= 3
    else:
        me.score = me.score * 7 + world.integer(-5, 300)
""",
    """\
    me.energy = bounded(me.energy, world.choice((0.5, 1.5, 2.5)))
    inside = world.wrap(Vec(me.position) + me.velocity)
    me.score += int(inside.x * 4)
""",
]


@st.composite
def programs(draw: st.DrawFn) -> str:
    """The text of an app file with `sim` and `KINDS`."""
    dim = draw(st.sampled_from([2, 2, 3]))
    lengths = draw(st.lists(st.sampled_from([9, 12.5, 20, 33]), min_size=dim, max_size=dim))
    walls = draw(st.lists(st.sampled_from(BOUNDARIES), min_size=dim, max_size=dim))
    origin = draw(st.sampled_from([(0,) * dim, (-7.25, 4, 1000)[:dim]]))
    names = ["Ant", "Bee", "Cow"][: draw(st.integers(1, 3))]
    lines = ["import weaver as wv", f"from weaver import Vec{dim} as Vec", ""]
    for name in names:
        lines += ["", f"class {name}(wv.Entity):"]
        if draw(st.integers(0, 3)) == 0:
            lines.append(f"    position: wv.Vec{dim}f")
        lines += [
            f"    velocity: wv.Vec{dim}{draw(st.sampled_from(['', 'f']))}",
            f"    energy: {draw(st.sampled_from(['float', 'wv.float32']))} = 1.5",
            f"    score: {draw(st.sampled_from(['int', 'wv.int8', 'wv.uint16', 'wv.int32']))}",
            "    flag: bool",
            "",
        ]
    seed = draw(st.integers(0, 2**64 - 1))
    lines += [
        "",
        "def bounded(x, limit):",
        "    if x > limit:",
        "        return limit",
        "    return x if x > -limit else -limit",
        "",
        "",
        f"sim = wv.Simulation(wv.Box({str(lengths)[1:-1]}, boundary={tuple(walls)}, origin={origin}), seed={seed}, "
        "dt=0.25, strict=True)",
        'gain = sim.parameter("gain", 0.75, low=0, high=1)',
    ]
    largest = min([4.4, *(n / 2 - 0.1 for n, w in zip(lengths, walls, strict=True) if w == "periodic")])
    for k in range(draw(st.integers(1, 2))):
        lines += ["", "", *_behavior(draw, k, dim, names, largest)]
    for name in names:
        lines += ["", *_entities(draw, name, dim, lengths, origin)]
    return "\n".join([*lines, f"KINDS = ({', '.join(names)},)", ""])


def _behavior(draw: st.DrawFn, k: int, dim: int, names: list[str], largest: float) -> list[str]:
    some = st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).map(" | ".join)
    reach = draw(st.sampled_from([0.5, 2.0]))
    options = [f"reach={reach}"]
    if draw(st.booleans()):
        every = draw(st.integers(2, 3))
        options.append(f"every={every}, at={draw(st.integers(0, every - 1))}")
    jumps = draw(st.integers(0, 3)) == 0
    if jumps:
        options.append("jumps=True")
    text = [f"@sim.behavior({', '.join(options)})", f"def act{k}(me: {draw(some)}, world: wv.World):"]
    for part in draw(st.lists(st.sampled_from([*LOOKS, *LOOKS, *CHANGES]), min_size=1, max_size=2)):
        radius = draw(st.sampled_from([0.8, 2.0, 3.1, largest]).filter(lambda r: r <= largest))
        filled = part.format(kind=draw(some), radius=radius, unit=f"world.unit{dim}()", near=0.9 * reach)
        text += filled.rstrip("\n").split("\n")
    if draw(st.integers(0, 3)):
        step = f"world.unit{dim}() * 17.0" if jumps else f"me.velocity.clamped({0.9 * reach})"
        text.append(f"    me.position += {step}")
    return text


def _entities(draw: st.DrawFn, name: str, dim: int, lengths: list[float], origin: tuple[float, ...]) -> list[str]:
    corners = list(itertools.product(*[(o, o + n / 2, o + n) for o, n in zip(origin, lengths, strict=True)]))
    chosen = draw(st.lists(st.sampled_from(corners), max_size=4))
    lines = [
        f"sim.scatter({name}, {draw(st.sampled_from([0, 5, 40]))}, velocity=lambda rng: rng.unit{dim}(),",
        "            energy=lambda rng: rng.normal(1.0, 0.5), score=lambda rng: rng.integer(0, 9))",
    ]
    if chosen:  # on corners and seams, some on one spot
        lines.append(f"sim.add({name}, position={[list(c) for c in chosen]}, energy=0.25)")
    return lines


def load(text: str, folder: object) -> tuple[wv.Simulation, tuple[type[wv.Entity], ...]]:
    """Import an app file's text, so that its source can be found; its simulation and types."""
    name = f"generated{next(_numbers)}"
    path = f"{folder}/{name}.py"
    with open(path, "w") as file:
        file.write(text)
    linecache.checkcache(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module.sim, module.KINDS
