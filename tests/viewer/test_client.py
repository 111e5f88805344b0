"""The hub's stream for Python."""

import pytest
from websockets.exceptions import ConnectionClosed

from tests.viewer.pretend import birds, next_frame, until, watched, world
from viewer.client import AccessError, Client

PLACES = [(10, 10), (300, 300)]


def test_frames_are_of_the_last_interest_only(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub)
        publisher.publish(1, birds(PLACES), force=True)
        assert next_frame(client, 1).find("points").about["in_area"] == 2
        first = publisher.interests
        client.interest(area=[(0, 0, 0), (50, 50, 0)])
        until(lambda: publisher.interests != first)
        wanted = publisher.interests
        publisher.interests = (*first, *wanted)
        publisher.publish(2, birds(PLACES), force=True)
        publisher.publish(3, birds(PLACES), force=True)
        assert next_frame(client, 3).find("points").about["in_area"] == 1


def test_one_who_says_late_that_the_same_is_wanted_gets_the_frame_of_a_standing_run(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub)  # it has said nothing yet, and gets the whole world
        publisher.publish(1, birds(PLACES), force=True)
        while client._heard(client._socket.recv(20)):
            pass
        client.drawn()
        client.interest()
        assert next_frame(client, 1).find("points").about["in_area"] == 2


def test_texts_are_kept_by_kind_and_the_newest_wins(start):
    hub, _ = start(world())
    with Client(hub.url) as client:
        assert client.receive_texts("meta") == world()
        hub.status({"tick": 1})
        client.receive_texts("status")
        hub.status({"tick": 2})
        hub.partitions([{"number": 0}])
        assert client.receive_texts("partitions") == [{"number": 0}]
        while client.news["status"] != {"tick": 2}:
            client._heard(client._socket.recv(10))


def test_no_frame_in_time_is_an_error(start):
    hub, _ = start(world())
    with Client(hub.url) as client, pytest.raises(TimeoutError):
        client.frame(0.01)


def test_observations_that_grow_too_many_are_thinned_and_stay_in_step(start):
    hub, _ = start(world())
    with Client(hub.url) as client:
        client.receive_texts("meta")
        for first in range(0, 10_000, 500):
            ticks = list(range(first, first + 500))
            hub.samples(first, ticks, {"mean": [2.0 * tick for tick in ticks]})
        while not client.samples["ticks"] or client.samples["ticks"][-1] < 9990:
            client._heard(client._socket.recv(10))
        ticks = client.samples["ticks"]
        assert 2000 <= len(ticks) <= 4000
        assert ticks == list(range(0, 10_000, 4))
        assert client.samples["values"]["mean"] == [2.0 * tick for tick in ticks]


def test_rows_of_ticks_that_are_told_again_replace_the_old_ones(start):
    hub, _ = start(world())
    with Client(hub.url) as client:
        hub.samples(0, [0, 1, 2, 3], {"mean": [0.0, 1.0, 2.0, 3.0]})
        hub.samples(2, [2, 3], {"mean": [20.0, 30.0], "new": [1, 2]})
        while "new" not in client.samples["values"]:
            client._heard(client._socket.recv(10))
        assert client.samples == {
            "ticks": [0, 1, 2, 3],
            "values": {"mean": [0.0, 1.0, 20.0, 30.0], "new": [None, None, 1, 2]},
        }


def test_a_link_without_its_token_is_refused(start):
    hub, _ = start(world())
    with pytest.raises(AccessError, match="everything after '#'"):
        Client(hub.url.partition("#")[0])


def test_nobody_there_is_an_error(start):
    hub, _ = start(world())
    hub.close()
    with pytest.raises(OSError, match="refused"):
        Client(hub.url)


def test_a_viewer_may_come_back(start):
    hub, (publisher,) = start(world())
    for tick in range(3):
        with Client(hub.url) as client:
            client.interest()
            until(lambda: publisher.interests)
            publisher.publish(tick, birds(PLACES), force=True)
            assert next_frame(client, tick).tick == tick
        until(lambda: not publisher.interests)
    hub.close()
    with pytest.raises((ConnectionClosed, OSError)):
        client.frame(1)
