"""What viewers are told of a run: the world it lives in, and one tick as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weaver.entity import fields_of
from weaver.run import Run

if TYPE_CHECKING:
    from partitions.frames import Frame

HEADINGS = ("velocity", "heading")
"""A vector field of one of these names is drawn as a direction."""

Corner = tuple[float, float, float]


def world_meta(run: Run, ticks: int | None, walls: Sequence[Any] = ()) -> dict[str, Any]:
    """Describe the world for the views, as `viewer.hub.Hub.start` takes it.

    Args:
        run: the run to be shown.
        ticks: its last tick, or None.
        walls: segments ((x0, y0), (x1, y1)) to draw, in the world's unit of length.
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
        "walls": [[[float(c) for c in end] for end in wall] for wall in walls],
    }


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
