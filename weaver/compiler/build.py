"""From a simulation to a program: plan the phases, make the grid, write the module, load the kernels."""

from __future__ import annotations

import hashlib
import math
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from partitions.compiled import cpu_target, load
from partitions.grid import Grid, Search, Space, make_grid, make_space, scan_width
from partitions.loops import compiled_ahead
from partitions.program import (
    Act,
    Column,
    Drawn,
    Inbox,
    MessageSpec,
    Observed,
    Phase,
    Program,
    SiteLattice,
    TypeSpec,
)  # fmt: skip
from weaver import cells as layer_cells
from weaver import settle
from weaver.compiler import footing, messages, seating
from weaver.compiler.constants import constant
from weaver.compiler.fingerprint import fingerprints
from weaver.compiler.kernel import (
    Lowered,
    Made,
    array_type,
    known_arrays,
    lower_behavior,
    write_kernel,
)
from weaver.compiler.meeting import lower_meeting, meeting_phase
from weaver.compiler.model import SCRATCH, STREAMS, TIE_ARRAYS, Model
from weaver.compiler.observing import shared_names, write_observation
from weaver.compiler.population import write_sources
from weaver.compiler.raster import diffusion_phase, write_fill
from weaver.compiler.readers import check_readers
from weaver.entity import Layer
from weaver.errors import ModelError
from weaver.lattice import make_lattice
from weaver.obstacles import NAMES, Obstacles
from weaver.simulation import Simulation
from weaver.turns import Behavior, Diffusion, Meeting, Turn

SIDE = (
    "arithmetic.py", "arithmetic_numba.py", "barrier.py", "cells.py", "vector.py", "vector_numba.py", "random.py",
    "settle.py", "pairs.py", "lattice_numba.py", "permutation.py", "trigonometry.py",
)  # fmt: skip
"""Modules of ours that generated ones compile in."""


def _functions(module: Any) -> tuple[str, ...]:
    """The functions that a module of ours defines for generated text."""
    return tuple(
        name
        for name, made in vars(module).items()
        if getattr(made, "__module__", "") == module.__name__ and not name.startswith("_")
    )


SETTLE, CELLS = _functions(settle), _functions(layer_cells)


@dataclass(frozen=True, eq=False)
class Plan:
    """A lowered simulation with its grid.

    Attributes:
        model: types, fields and searches.
        behaviors: per behavior, its lowered acts.
        reaches: per behavior, (largest move, largest distance of `at=`).
        space, grid: where it happens.
    """

    model: Model
    behaviors: list[tuple[Any, list[Lowered]]]
    reaches: list[tuple[float, float]]
    space: Space
    grid: Grid


def plan(sim: Simulation) -> Plan:
    """Lower every behavior and choose reaches, blocks and cells.

    Raises:
        BehaviorError, ModelError: the model cannot run.
    """
    model, behaviors = _lowered(sim)
    radii = [
        max((model.looks[n].radius for a in acts for n in a.lowering.looked), default=0.0) for _, acts in behaviors
    ]
    largest = max(radii, default=0.0)
    reaches = []
    for (behavior, acts), radius in zip(behaviors, radii, strict=True):
        if isinstance(behavior, Diffusion):
            reaches.append((0.0, 0.0))
            continue
        radius = max([radius, *(model.resolution(t) for act in acts for t, _ in act.lowering.cells)])
        radius = max([radius, *(footing.spacing(act.lowering) for act in acts)])
        looks = behavior.reach if behavior.reach is not None else radius or largest or math.inf
        reaches.append((math.inf if behavior.jumps else looks, looks))
    box = sim.box
    space = make_space(box.lengths, box.origin, box.boundaries, single=model.is_single())
    model.laid += [make_lattice(sites, box, space) for sites in model.lattices]
    seating.lay(model)
    footing.check_lattices(model, [(b.name, act.lowering) for b, acts in behaviors for act in acts])
    _check_radii(sim, model, behaviors, space)
    if sim.obstacles is not None:
        model.statics.update(zip(NAMES, Obstacles(sim.obstacles, space).arrays, strict=True))
    counts = [0] * len(model.kinds)
    for source in sim.sources:
        counts[model.kinds.index(source.type)] += source.count
    searches = []
    for type in range(len(model.kinds)):
        if model.is_layer(type):
            searches.append(_raster(model, space, type, behaviors, reaches))
            continue
        looked: list[float] = []
        rim = 0.0
        for (turn, acts), (_, reach) in zip(behaviors, reaches, strict=True):
            if isinstance(turn, Meeting) and model.kinds[type] is turn.first and issubclass(turn.second, Layer):
                looked.append(turn.second.__resolution__)  # each cell of the layer looks for those that stand on it
            for act in acts:
                for name in act.lowering.looked:
                    look = model.looks[name]
                    if look.type == type:
                        radius = max(look.radius, float(np.float32(look.radius))) if model.single(type) else look.radius
                        looked.append(radius)
                        rim = max(rim, radius + (reach if look.at else 0.0))
        radii_here = tuple(sorted(set(looked)))
        slices = _slices(model, type, radii_here, counts[type], [act for _, acts in behaviors for act in acts])
        searches.append(Search(radii_here, rim, counts[type], slices=slices))
    moves = [
        reach
        for (_, acts), (reach, _) in zip(behaviors, reaches, strict=True)
        if any(a.reaches for a in acts) and math.isfinite(reach)
    ]
    moves += [
        look_reach
        for (_, acts), (_, look_reach) in zip(behaviors, reaches, strict=True)
        if any(word == "deposit" for act in acts for _, word in act.lowering.cells)
    ]
    footing.widen(
        model, searches, [(a.lowering, r) for (_, acts), (_, r) in zip(behaviors, reaches, strict=True) for a in acts]
    )
    shortest = min(a.length for a in space.axes)
    grid = make_grid(space, searches, min(max(moves, default=0.0), shortest))
    return Plan(model, behaviors, reaches, space, grid)


CROWD = 6.0
"""Entities per cell from which on narrower cells pay: copying them to a strip costs more, looking at them less."""


def _slices(model: Model, type: int, radii: tuple[float, ...], count: int, acts: list[Lowered]) -> int:
    """Into how many cells along x to cut one that is as wide as the radius.

    What a strip holds is one range whatever the cells, so narrower ones only leave out who is too far. Other loops
    would get shorter ranges; types that any of them looks at stay whole.
    """
    start = f"{model.name(type)}_start_"
    for act in acts:
        looks = [name for name in act.lowering.looked if model.looks[name].type == type]
        if start in act.lowering.context or any(f"{name}first_" not in act.lowering.context for name in looks):
            return 1
    if len(radii) != 1:
        return 1
    return 2 if count * math.prod(min(1.0, radii[0] / length) for length in model.sim.box.lengths) >= CROWD else 1


def _lowered(sim: Simulation) -> tuple[Model, list[tuple[Any, list[Lowered]]]]:
    """Lower every behavior; again if types become of others, to which links then lead, that were not known before."""
    model = Model(sim)
    while True:
        for link in sim.links:
            model.topology(link)
        behaviors = [(turn, _acts(model, turn)) for turn in sim.behaviors]
        acts = [act for _, acts in behaviors for act in acts]
        turned = {(act.type, b.type) for act in acts for b in model.becomes if b.number in act.lowering.becomes}
        if turned <= model.turned or not any(act.lowering.ties for act in acts):
            return model, behaviors
        model = Model(sim, model.turned | turned, model.topologies)


def _acts(model: Model, turn: Turn) -> list[Lowered]:
    if isinstance(turn, Meeting):
        return [*lower_meeting(model, turn)]
    if isinstance(turn, Behavior):
        return [lower_behavior(model, turn, model.kinds.index(k)) for k in turn.types]
    return []


def _raster(
    model: Model,
    space: Space,
    type: int,
    turns: list[tuple[Any, list[Lowered]]],
    reaches: list[tuple[float, float]],
) -> Search:
    """The cells of a layer, and how far beyond a partition's own they are read."""
    from weaver.rasters import raster_shape  # which needs this package

    rim, border = 0.0, 0
    for (turn, acts), (_, reach) in zip(turns, reaches, strict=True):
        words = {word for act in acts for t, word in act.lowering.cells if t == type}
        if words & {"at", "gradient"}:
            rim = max(rim, reach + 2 * space.quantum)
        if words & {"around", "beside", "gradient"} or (isinstance(turn, Diffusion) and type == _index(model, turn)):
            border = 1
    kind = model.kinds[type]
    assert issubclass(kind, Layer)
    return Search(rim=rim, border=border, shape=raster_shape(kind, model.sim.box))


def _index(model: Model, turn: Diffusion) -> int:
    return model.kinds.index(turn.layer)


def _check_radii(sim: Simulation, model: Model, behaviors: list[tuple[Any, list[Lowered]]], space: Space) -> None:
    for behavior, acts in behaviors:
        for act in acts:
            for name in act.lowering.looked:
                radius = model.looks[name].radius
                for a, axis in zip("xyz", space.axes, strict=False):
                    if axis.periodic and not radius < axis.length / 2:
                        raise ModelError(
                            f"behavior {behavior.name!r} looks {radius:g} away; allowed on the periodic axis {a} of "
                            f"length {axis.length:g} is less than half of it, {axis.length / 2:g}.\n"
                            f"Further away an entity would be seen twice, once from each side.\n"
                            f"Lower the radius, or make the box larger than {2 * radius:g}."
                        )


def compile(sim: Simulation) -> Program:
    """Compile a simulation to what a runtime executes.

    Raises:
        BehaviorError, ModelError: the model cannot run.
    """
    from numba.core.errors import NumbaError

    made = write(sim)
    try:
        with compiled_ahead(made.program):
            made.program.kernels()
    except NumbaError as cause:
        from weaver.compiler.blame import blame

        raise blame(made, cause) from cause
    return made.program


@dataclass(frozen=True, eq=False)
class Written:
    """A program with the text it was made of."""

    plan: Plan
    text: str
    program: Program


def write(sim: Simulation) -> Written:
    """Plan and write a simulation; nothing is compiled yet."""
    made = plan(sim)
    model = made.model
    phases: list[Phase] = []
    names: list[str] = []
    texts: list[list[str]] = []
    for (behavior, acts), (reach, look_reach) in zip(made.behaviors, made.reaches, strict=True):
        if isinstance(behavior, Diffusion):
            phase, name, lines = diffusion_phase(model, behavior)
            phases.append(phase)
            names.append(name)
            texts.append(lines)
            continue
        if isinstance(behavior, Meeting):
            step = partial(_phase, model, behavior, reach=reach, look_reach=look_reach)
            phase, written = meeting_phase(behavior, acts, step)
        else:
            phase, written = _phase(model, behavior, acts, reach, look_reach)
        phases.append(phase)
        for act, kernel in zip(acts, written, strict=True):
            ranks, lines = messages.rank_kernels(model, act.lowering.inboxes, act.type, behavior.name)
            texts += [act.lines, kernel.lines, lines]
            names += [kernel.name, *ranks.values()]
    sources, scatters = write_sources(made.model, made.space)
    fills = [write_fill(model, t) for t in range(len(model.kinds)) if model.is_layer(t)]
    watched = _observations(model)
    texts += [lines for _, lines in watched]
    names += [one.kernel for one, _ in watched]
    head, ranking = _head(made), [seating.RANKS] if model.laid else []
    text = "\n".join(
        [
            *head,
            *(line for lines in model.functions.values() for line in ["", "", *lines]),
            *(
                line
                for lines in [*texts, *(s.lines for s in scatters), *(lines for _, lines in fills), *ranking]
                for line in ["", "", *lines]
            ),
            "",
        ]
    )
    check_readers(model, phases)
    types = _types(model, phases)
    parameters = list(sim.parameters.values())
    rooms = {whole: sum(len(s) for w, s in model.observed.values() if w == whole) for whole in (False, True)}
    reals = np.array([p.value for p in parameters if not p.integer] + [0.0] * rooms[False], np.float64)
    integers = np.array([p.value for p in parameters if p.integer] + [0] * rooms[True], np.int64)
    names += [*(s.name for s in scatters), *(fill.kernel for fill, _ in fills)]
    cpu = cpu_target()
    steps = [step for phase in phases for step in (*phase.before, phase)]
    used = {a.name: None for step in steps for act in step.acts for a in act.arguments if a.kind == "static"}
    used.update({name: None for s in sources if isinstance(s, Drawn) for name in s.statics})
    names += ["ranks_"] if model.laid else []
    used.update({a.name: None for one, _ in watched for a in one.arguments if a.kind == "static"})
    used.update({f"{name}__{what}_": None for p in phases for name in p.ties for what in TIE_ARRAYS})
    used.update({name: None for fill, _ in fills for name in fill.statics})
    model.statics[STREAMS] = np.array([*model.streams.values()], np.uint64)
    statics = {name: model.statics[name] for name in used}
    # File and line where it is from decide nothing, so what is compiled is without them; lines stay where they are.
    bare = re.sub(r"^# .*:\d+$|  # \d+$", "", text, flags=re.MULTILINE)
    identity = _identity(sim, bare, types, made.grid, cpu, statics)
    program = Program(
        types=types,
        phases=tuple(phases),
        sources=tuple(sources),
        grid=made.grid,
        seed=sim.seed,
        reals=reals,
        integers=integers,
        kernels=partial(load_kernels, bare, tuple(names)),
        identity=identity,
        cpu=cpu,
        fills=tuple(fill for fill, _ in fills),
        statics=statics,
        messages=tuple(MessageSpec(m.__name__, messages.columns_of(m)) for m in model.messages),
        lattices=tuple(
            SiteLattice(tuple(model.group(k)), lattice.shape, lattice.centres) for k, lattice in enumerate(model.laid)
        ),
        events=tuple(MessageSpec(e.__name__, messages.columns_of(e)) for e in model.events),
        observations=tuple(one for one, _ in watched),
        until=tuple(sim.conditions),
        name=sim.name,
        turns=fingerprints(sim),
        dt=sim.dt,
        radii=_radii(made),
    )
    return Written(made, text, program)


def _observations(model: Model) -> list[tuple[Observed, list[str]]]:
    known, shared = known_arrays(model), shared_names(model)
    return [
        write_observation(model, one, one.name in shared, known, partial(array_type, model))
        for one in model.sim.observations
    ]


def load_kernels(text: str, names: tuple[str, ...]) -> Mapping[str, Callable[..., None]]:
    """Load the generated module in this process, compiling it if no process of this user has yet."""
    here = Path(__file__).parent.parent
    module = load("program", text, depends=[here / name for name in SIDE])
    return {name: getattr(module, name) for name in names}


def _phase(
    model: Model, behavior: Turn, acts: list[Lowered], reach: float, look_reach: float
) -> tuple[Phase, list[Made]]:
    reads: dict[int, dict[str, None]] = {}
    looks: dict[int, None] = {}
    for act in acts:
        for type, name in act.lowering.reads:
            for c in model.fields[type][name].columns:
                reads.setdefault(type, {}).setdefault(c)
        for type, word in act.lowering.cells:
            if word not in ("deposit", "whole"):
                looks.setdefault(type)
        for lattice, what in act.lowering.sites:
            looks.update(dict.fromkeys(model.group(lattice) if what == "seen" else ()))
        for type in act.lowering.looked.values():
            looks.setdefault(type)
            for c in model.fields[type]["position"].columns:
                reads.setdefault(type, {}).setdefault(c)
    done, written = [], []
    for act in acts:
        own = model.fields[act.type]
        claims = any(made.spec.kind == "claim" for made in act.lowering.outlets.values())
        written_fields = [f for f in act.lowering.written if f in own and not (f == "position" and claims)]
        columns = [c for f in written_fields for c in own[f].columns]
        buffered = tuple(c for c in columns if c in reads.get(act.type, {}))
        kernel = write_kernel(model, act, buffered, reach, look_reach)
        kills = act.moves and "absorb" in model.sim.box.boundaries
        kills = kills or bool(act.lowering.removes or act.lowering.becomes)
        outlets = tuple(footing.keyed(model, made.spec, behavior.name) for made in act.lowering.outlets.values())
        ranks, _ = messages.rank_kernels(model, act.lowering.inboxes, act.type, behavior.name)
        ranked = model.key(model.name(act.type), behavior.name)
        inboxes = tuple(Inbox(m, ranks.get(m, ""), ranked) for m in sorted(act.lowering.inboxes))
        done.append(
            Act(
                act.type,
                act.name,
                kernel.arguments,
                tuple(columns),
                buffered,
                act.moves or claims,
                kills,
                outlets,
                inboxes,
            )
        )
        written.append(kernel)
    others = {t: tuple(c for c in columns if not c.startswith("position.")) for t, columns in reads.items()}
    reaching = any(a.reaches for a in acts)
    whole = {(t, c): None for a in acts for t, n in a.lowering.wholes for c in model.fields[t][n].columns}
    copied = sorted({t for a in acts for t, word in a.lowering.cells if word == "whole"})
    wholes = {t: tuple(c for u, c in whole if u == t) for t in copied}
    phase = Phase(
        behavior.name,
        behavior.every,
        behavior.at,
        tuple(done),
        {t: c for t, c in others.items() if c},
        tuple(sorted(looks)),
        reach if reaching else 0.0,
        any(a.lowering.far or a.lowering.wholes or footing.jumps(a.lowering) for a in acts),
        *_tied(model, acts),
        wholes=wholes,
    )
    return phase, written


def _tied(model: Model, acts: list[Lowered]) -> tuple[tuple[str, ...], dict[int, tuple[str, ...]]]:
    """The links that a phase reads along, and the columns of each type at the other ends."""
    names: dict[str, None] = {}
    tied: dict[int, dict[str, None]] = {}
    for act in acts:
        for link in act.lowering.ties:
            names.setdefault(link.__name__)
            for t in model.tied_types(link, act.type):
                tied.setdefault(t, {})
        for t, f in act.lowering.tied:
            tied.setdefault(t, {}).update(dict.fromkeys(model.fields[t][f].columns))
    return tuple(names), {t: tuple(columns) for t, columns in tied.items()}


def _radii(made: Plan) -> tuple[float, ...]:
    """Per type, the largest radius at which a behavior looks for it, 0 where none does."""
    radii = [0.0] * len(made.model.kinds)
    for look in (made.model.looks[n] for _, acts in made.behaviors for a in acts for n in a.lowering.looked):
        radii[look.type] = max(radii[look.type], look.radius)
    return tuple(radii)


def _types(model: Model, phases: list[Phase]) -> tuple[TypeSpec, ...]:
    result = []
    phases = [step for phase in phases for step in (*phase.before, phase)]
    for t in range(len(model.kinds)):
        columns = tuple(Column(c, f.dtype) for f in model.fields[t].values() for c in f.columns)
        read = {c for p in phases for c in p.reads.get(t, ())}
        touched = {x.name for p in phases for a in p.acts for x in a.arguments if x.type == t and x.kind == "column"}
        scratch = tuple(Column(c, dtype) for c, dtype in SCRATCH.items() if c in touched)
        ghost = tuple(c.name for c in (*columns, *scratch) if c.name in read)
        searched = any(t in p.looks for p in phases)
        mortal = any(a.kills for p in phases for a in p.acts if a.type == t)
        made = TypeSpec(model.name(t), columns, ghost, searched, mortal, raster=model.is_layer(t), scratch=scratch)
        result.append(made)
    return tuple(result)


def _head(made: Plan) -> list[str]:
    model, sim = made.model, made.model.sim
    flags = "False" if sim.strict else "{'reassoc', 'nsz', 'contract', 'arcp'}"
    lines = [
        '"""Kernels, written by Weaver. Comments at line ends are line numbers of the source."""',
        "",
        "import math",
        "",
        "import numpy as np",
        "from numba import njit",
        "",
        "from weaver.arithmetic_numba import ceiling, floor, floor_divide, power, reciprocal, round_even, shift_left",
        "from weaver.arithmetic_numba import shift_right, truncate",
        f"from weaver.cells import ({', '.join(CELLS)})",
        "from weaver.lattice_numba import nearest_step, site_coordinate",
        "from weaver.pairs import beats, pair_rank",
        "from weaver.permutation import drawn_site",
        "from weaver.random import exponential, fold, integer, normal, rank, uniform, uniform_between, unit2, unit3",
        "from weaver.barrier import Wall, clear2, clear3, wall2, wall3",
        f"from weaver.settle import ({', '.join(SETTLE)})",
        "from weaver.sift import sift3",
        "from weaver.trigonometry import cosine, sine",
        "from weaver.vector import Vec2, Vec2f, Vec3, Vec3f, polar",
        "from weaver.vector_numba import threshold",
        "",
        f"options_ = dict(fastmath={flags}, error_model='numpy', nogil=True, no_cfunc_wrapper=True)",
        "inside_ = dict(no_cpython_wrapper=True)  # only kernels call it, so the door from Python need not be compiled",
        "helper_ = njit(**inside_, **options_)",
        "inner_ = njit(forceinline=True, _nrt=False, **inside_, **options_)",
        "strict_ = {**options_, 'fastmath': False}",
        "",
        "",
        "def kernel_(signature):",
        "    return njit(signature, cache=True, **options_)",
        "",
        "",
        "def strict_kernel_(signature):",
        "    return njit(signature, cache=True, **strict_)",
        "",
        "",
        "both_ = njit(**inside_, **strict_)  # what both sides of a meeting compute",
        "both_inner_ = njit(forceinline=True, _nrt=False, **inside_, **strict_)",
        "",
        "",
        "@helper_",
        "def unit2_vector(parts):",
        "    return Vec2(parts[0], parts[1])",
        "",
        "",
        "@helper_",
        "def unit3_vector(parts):",
        "    return Vec3(parts[0], parts[1], parts[2])",
        "",
        "",
        "ZERO_, ONE_, TWO_, THREE_ = np.uintp(0), np.uintp(1), np.uintp(2), np.uintp(3)",
        "X_, Y_, Z_ = np.int64(0), np.int64(1), np.int64(2)  # a plain 0 has a type of its own in numba",
        "LANES8_, LAST8_, LANES16_, LAST16_ = np.uintp(8), np.uintp(7), np.uintp(16), np.uintp(15)",
        f"quantum8_, quantum4_ = {made.space.quantum!r}, {made.space.quantum32!r}",
    ]
    lines += seating.head(model)
    sizes = ", ".join(constant(a.length) for a in made.space.axes)
    lines.append(f"size_ = Vec{model.dim}({sizes})")
    for a, axis in zip(model.axes, made.space.axes, strict=True):
        lines.append(
            f"low_{a}_, high_{a}_, length_{a}_ = {constant(axis.low)}, {constant(axis.high)}, {constant(axis.length)}"
        )
        lines.append(f"edge_{a}_ = {axis.quantum!r}")
    for t, cells in enumerate(made.grid.cells):
        for a, axis, n in zip(model.axes, made.space.axes, cells.shape, strict=True):
            lines.append(f"{model.name(t)}_per_{a}_ = {constant(n / axis.length)}")
            if model.is_layer(t):
                lines.append(f"{model.name(t)}_cells_{a}_ = {n}")
    for name, look in model.looks.items():
        single = model.single(look.type)
        radius = max(look.radius, float(np.float32(look.radius))) if single else look.radius
        for a, axis, edges in zip(model.axes, made.space.axes, made.grid.cells[look.type].edges, strict=True):
            lines.append(f"{name}k{a}_ = np.uintp({scan_width(edges, radius, axis.periodic)})")
        lines.append(f"{name}r2_ = {constant(look.radius * look.radius)}")
        r = f"np.float32({float(np.float32(look.radius))!r})"
        lines.append(f"{name}r2f_ = {r} * {r}")
    return lines


def _identity(
    sim: Simulation, text: str, types: tuple[TypeSpec, ...], grid: Grid, cpu: tuple[str, str],
    statics: Mapping[str, np.ndarray[Any, Any]],
) -> str:  # fmt: skip
    import llvmlite
    import numba

    here = Path(__file__).parent.parent
    parts: list[Any] = [
        sim.name,
        text,
        types,
        grid.blocks,
        [(c.shape, c.rim) for c in grid.cells],
        sim.seed,
        sim.dt,
        cpu,
    ]
    parts += [platform.machine(), np.__version__, numba.__version__, llvmlite.__version__]
    parts += [hashlib.sha256((here / name).read_bytes()).hexdigest() for name in SIDE]
    parts += [[(p.name, p.value) for p in sim.parameters.values()]]
    parts += [(name, a.dtype.str, hashlib.sha256(a.data).hexdigest()) for name, a in statics.items()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
