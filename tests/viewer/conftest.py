"""A hub and its workers, closed when the test ends."""

import pytest

from partitions.publisher import Publisher
from viewer.hub import Hub


@pytest.fixture
def start():
    """Start hubs, and publishers for them; all are closed when the test ends."""
    made = []

    def begin(meta, **options):
        hub = Hub.start(meta, **options)
        made.append(hub)
        publishers = [
            Publisher(hub.publish_address, hub.publish_secret, k, meta["workers"]) for k in range(meta["workers"])
        ]
        made.extend(publishers)
        return hub, publishers

    yield begin
    for each in reversed(made):
        each.close()
