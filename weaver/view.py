"""What viewers are told of a run: the world it lives in, and one tick as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weaver.entity import fields_of
from weaver.run import Run
from weaver.simulation import Simulation

if TYPE_CHECKING:
    from partitions.frames import Frame

HEADINGS = ("velocity", "heading")
"""A vector field of one of these names is drawn as a direction."""

MOST_LINES = 20_000
"""A view draws no more lines of the geometry than that."""

Corner = tuple[float, float, float]


def world_meta(run: Run, ticks: int | None) -> dict[str, Any]:
    """Describe the world for the views, as `viewer.hub.Hub.start` takes it.

    Args:
        run: the run to be shown.
        ticks: its last tick, or None.
    """
    simulation = run.simulation
    dim = simulation.box.dim
    low, high = _corners(run)
    types = []
    for kind in simulation.entity_types:
        fields = [f for f in fields_of(kind, dim).values() if f.name != "position"]
        types.append(
            {
                "name": kind.__name__,
                "fields": [{"name": f.name, "kind": "scalar" if f.vector is None else "vector"} for f in fields],
                "heading": any(f.name in HEADINGS and f.vector is not None for f in fields),
                "view": {},
            }
        )
    return {
        "app": simulation.name,
        "dim": dim,
        "low": low,
        "high": high,
        "boundary": list(simulation.box.boundaries),
        "types": types,
        "partitions": [
            {"low": _corner(part_low), "high": _corner(part_high), "worker": worker}
            for part_low, part_high, worker in run.boxes()
        ],
        "workers": run.workers,
        "ticks": ticks,
        "geometry": _outline(simulation),
    }


def _outline(simulation: Simulation) -> list[list[list[float]]]:
    """The geometry as straight lines, each two places; of a mesh of very many edges only every k-th."""
    if simulation.obstacles is None:
        return []
    lines = simulation.obstacles.outline()
    lines = lines[:: max(1, -(-len(lines) // MOST_LINES))]
    return lines.tolist()  # type: ignore[no-any-return]


def picture_frame(run: Run) -> Frame:
    """The present tick as a frame, with headings where a type has them."""
    from partitions.frames import Frame, quantise

    dim = run.simulation.box.dim
    low, high = _corners(run)
    types = []
    for index, kind in enumerate(run.simulation.entity_types):
        fields = fields_of(kind, dim)
        heading = next((n for n in HEADINGS if n in fields and fields[n].vector is not None), None)
        table = run.entities(kind, ["position", *([heading] if heading else [])])
        vectors = [
            table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(table.num_rows, -1).T
            for name in table.column_names[1:]
        ]
        ids = table["id"].to_numpy()
        types.append(quantise(index, low, high, vectors[0], ids, vectors[1] if heading else None))
    return Frame(run.tick, low, high, tuple(types))


def _corners(run: Run) -> tuple[Corner, Corner]:
    box = run.simulation.box
    return _corner(box.origin), _corner([o + length for o, length in zip(box.origin, box.lengths, strict=True)])


def _corner(place: Sequence[float]) -> Corner:
    x, y, z = (*map(float, place), 0.0)[:3]
    return x, y, z
