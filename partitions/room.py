"""Room: places for the workers on the nodes of a Ray cluster."""

from __future__ import annotations

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from partitions.errors import RuntimeFault


class PlacementError(RuntimeFault, ValueError):
    """The Ray cluster has no room for the workers.

    Attributes:
        room: for how many it has.
    """

    room = 0


def make_room(workers: int, threads: int, timeout: float) -> PlacementGroup:
    """Reserve a place per worker, spread over the nodes."""
    sizes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    group = None
    if sum(size // threads for size in sizes) >= workers:
        group = placement_group([{"CPU": threads}] * workers, strategy="SPREAD")
        if group.wait(timeout):
            return group
        remove_placement_group(group)
    free = int(ray.available_resources().get("CPU", 0))
    error = PlacementError(
        f"{workers} workers with {threads} CPU each were asked for; the Ray cluster has {sum(sizes)} CPU on "
        f"{len(sizes)} node{'s' * (len(sizes) != 1)} ({' + '.join(map(str, sizes))}), {free} of them free.\n"
        f"The workers that find no room would never start, and the others would wait for them.\n"
        f"Use workers={min(workers, max(1, sum(size // threads for size in sizes)))}, or add nodes to the cluster."
    )
    error.room = sum(size // threads for size in sizes)
    raise error
