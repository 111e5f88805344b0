"""What viewers are told of a run: the world it lives in, and one tick as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weaver.appearance import heading_of
from weaver.entity import fields_of
from weaver.errors import ModelError
from weaver.field import Field
from weaver.run import Run
from weaver.simulation import Simulation

if TYPE_CHECKING:
    from partitions.frames import Frame
    from partitions.interest import Interest

MOST_LINES = 20_000
"""A view draws no more lines of the geometry than that."""
MOST_TRIANGLES = 50_000
"""Nor more triangles: of a larger mesh the largest."""

GRID = 512
"""Texels on the longest side of a layer in a picture."""

Corner = tuple[float, float, float]
Model = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Positions and normals of triangles, (t, 3) float32 each."""


def world_meta(run: Run, ticks: int | None) -> dict[str, Any]:
    """Describe the world for the views, as `viewer.hub.Hub.start` takes it.

    Args:
        run: the run to be shown.
        ticks: its last tick, or None.
    """
    simulation = run.simulation
    box = simulation.box
    low, high = _corners(run)
    return {
        "app": simulation.name,
        "dim": box.dim,
        "low": low,
        "high": high,
        "boundary": list(box.boundaries),
        "ticks": ticks,
        "dt": simulation.dt,
        "seed": simulation.seed,
        "workers": run.workers,
        "live": True,
        "types": _types(run),
        "layers": _layers(run),
        "parameters": _parameters(run),
        "observations": [
            {
                "name": one.name,
                "statistic": one.statistic.how,
                "vector": one.statistic.vector,
                "bins": one.statistic.bins,
            }
            for one in run.observed
        ],
        "partitions": [
            {"low": _corner(part_low), "high": _corner(part_high), "worker": worker, "number": number}
            for number, (part_low, part_high, worker) in enumerate(run.boxes())
        ],
        "geometry": _outline(simulation),
        "surfaces": _surfaces(simulation),
        "models": list(_files(simulation)),
    }


def models_of(simulation: Simulation) -> dict[str, Model]:
    """The models of the types that have one of their own, by the names that `world_meta` gives them.

    Raises:
        ModelError: a file cannot be read.
    """
    files = _files(simulation)
    if not files:
        return {}
    from viewer.mesh import MeshError
    from viewer.models import load

    try:
        return {name: load(path) for name, path in files.items()}
    except MeshError as error:
        raise ModelError(str(error)) from error


def _types(run: Run) -> list[dict[str, Any]]:
    simulation, radii = run.simulation, run.radii()
    dim = simulation.box.dim
    names = {path: name for name, path in _files(simulation).items()}
    types = []
    for kind in simulation.entity_types:
        view = dict(kind.__view__)
        if isinstance(view.get("model"), Path):
            view["model"] = names[view["model"]]
        types.append(
            {
                "name": kind.__name__,
                "fields": [_field(f) for f in fields_of(kind, dim).values() if f.name != "position"],
                "heading": heading_of(kind, dim) is not None,
                "radius": radii[kind.__name__] or None,
                "view": view,
            }
        )
    return types


def _layers(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "name": layer.__name__,
            "fields": [_field(f) for f in layer.__fields__.values()],
            "shape": [1] * (3 - len(shape)) + list(shape),
            "resolution": layer.__resolution__,
            "view": dict(layer.__view__),
        }
        for layer, shape in run.layer_shapes().items()
    ]


def _field(field: Field) -> dict[str, Any]:
    """Name and kind of a field, with the names of an enum's values, and how many numbers an array or vector has."""
    told: dict[str, Any] = {"name": field.name, "kind": field.kind}
    if field.length:
        told |= {"kind": "array", "size": field.length}
    elif field.vector is not None:
        told |= {"size": len(field.columns)}
    elif field.enum is not None:
        told |= {"kind": "enum", "labels": {str(int(member)): member.name for member in field.enum}}
    return told


def _parameters(run: Run) -> list[dict[str, Any]]:
    values, fixed = run.parameters, run.fixed_parameters
    return [
        {
            "name": name,
            "value": values[name],
            "low": one.low,
            "high": one.high,
            "unit": one.unit,
            "help": one.help,
            "integer": one.integer,
            "fixed": name in fixed,
        }
        for name, one in run.simulation.parameters.items()
    ]


def _files(simulation: Simulation) -> dict[str, Path]:
    """Models that are files, by the names by which viewers know them; of two of one name, the second has a number."""
    found: dict[str, Path] = {}
    for kind in simulation.entity_types:
        path = kind.__view__.get("model")
        if isinstance(path, Path) and path not in found.values():
            same = sum(other.name == path.name for other in found.values())
            found[path.name if not same else f"{path.stem} {same + 1}{path.suffix}"] = path
    return found


def _outline(simulation: Simulation) -> list[list[list[float]]]:
    """The geometry as straight lines, each two places; of a mesh of very many edges only every k-th."""
    if simulation.obstacles is None:
        return []
    lines = simulation.obstacles.outline()
    lines = lines[:: max(1, -(-len(lines) // MOST_LINES))]
    flat = np.zeros((len(lines), 2, 3))
    flat[:, :, : lines.shape[2]] = lines
    return _told(simulation, flat)


def _surfaces(simulation: Simulation) -> list[list[list[float]]]:
    """The triangles of a mesh, each three places; of very many only the largest."""
    if simulation.obstacles is None or not len(simulation.obstacles.triangles):
        return []
    triangles = simulation.obstacles.triangles
    if len(triangles) > MOST_TRIANGLES:
        a, b, c = (triangles[:, k] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        triangles = triangles[np.sort(np.argsort(-area, kind="stable")[:MOST_TRIANGLES])]
    return _told(simulation, triangles)


def _told(simulation: Simulation, places: NDArray[np.float64]) -> list[list[list[float]]]:
    """Places with as many digits as a picture can show."""
    digits = 6 - int(np.floor(np.log10(max(simulation.box.lengths))))
    told: list[list[list[float]]] = np.round(places, digits).tolist()
    return told


def picture_frame(run: Run, interest: Interest | None = None) -> Frame:
    """The present tick of a run as a frame: what an interest asks for, by default all as a view shows it at first.

    Raises:
        RunError: the run was stopped, or has failed.
    """
    return run.frame(interest or whole_interest(world_meta(run, None)))


def whole_interest(meta: dict[str, Any]) -> Interest:
    """Everything, as a view shows it at first: entities with what they are coloured by, of layers the first field."""
    from partitions.interest import Interest, Wanted

    types = []
    for index, one in enumerate(meta["types"]):
        by = one["view"].get("color_by")
        fields = (by,) if by in [field["name"] for field in one["fields"]] else ()
        types.append(Wanted(index, "points", fields))
    layers = []
    for index, layer in enumerate(meta["layers"]):
        kinds = {field["name"]: field["kind"] for field in layer["fields"]}
        name = layer["view"].get("color_by") or next(iter(kinds))
        layers.append((index, name, kinds[name] == "enum"))
    return Interest(0, grid=GRID, types=tuple(types), layers=tuple(layers))


def _corners(run: Run) -> tuple[Corner, Corner]:
    box = run.simulation.box
    return _corner(box.origin), _corner([o + length for o, length in zip(box.origin, box.lengths, strict=True)])


def _corner(place: Sequence[float]) -> Corner:
    x, y, z = (*map(float, place), 0.0)[:3]
    return x, y, z
