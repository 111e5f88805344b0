"""The hub: to everybody what they want to see, commands back, and nobody in the way of another."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from websockets.exceptions import ConnectionClosed

from partitions.frames import coordinates
from partitions.publisher import Publisher
from tests.viewer.pretend import birds, next_frame, until, watched, world
from viewer.client import Client
from viewer.hub import Hub, HubError
from viewer.triangles import decode_triangles, encode_triangles

ROOT = Path(__file__).resolve().parents[2]
CORNERS = [(1, 2), (300, 4), (399, 399), (40, 380)]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def points(frame):
    """Places, (n, 2), of the points of a frame."""
    return coordinates(frame, frame.find("points"))[:, :2]


def widths(publisher):
    """Of the areas that are wanted; None for the whole world."""
    return {interest.area[1][0] if interest.area else None for interest in publisher.interests}


def shown_again(hub, publisher, tick, source, client):
    """What a run that stands does: it publishes again whenever it is asked to."""
    seen = []

    def there():
        if {"op": "refresh"} in hub.commands():
            publisher.publish(tick, source, force=True)
        try:
            seen.append(client.frame(0.02))
        except TimeoutError:
            return False
        client.drawn()
        return True

    until(there)
    return seen[-1]


# Frames


def test_a_frame_holds_the_rows_of_all_workers(start):
    hub, publishers = start(world(workers=2))
    with Client(hub.url) as client:
        watched(hub)
        assert all(publisher.due(0) for publisher in publishers)
        publishers[0].publish(0, birds([(1, 2)], ids=[5]))
        publishers[1].publish(0, birds([(300, 4), (400, 400)], ids=[7, 3]))
        frame = next_frame(client, 0)
        assert_allclose(points(frame), [(1, 2), (300, 4), (400, 400)], atol=0.004)
        assert frame.find("points").arrays["ids"].tolist() == [5, 7, 3]
        assert (frame.part, frame.parts) == (0, 1)


def test_grids_histograms_and_loads_of_two_workers_add_up(start):
    hub, publishers = start(world(workers=2, grass=True))
    load = {"partitions": [], "workers": [{"worker": 0, "ticks": 1, "seconds": {}}]}
    with Client(hub.url) as client:
        client.interest(
            types={"Bird": {"show": True, "where": "energy < 9"}},
            layers={"Grass": "height"},
            histograms=[{"type": "Bird", "field": "energy", "bins": 5}],
            selected=[4],
            load=True,
        )
        watched(hub)
        halves = np.zeros((2, 4, 4))
        halves[0, :, :2], halves[1, :, 2:] = 1.0, 3.0
        sources = [
            birds([(10, 10)], energy=[0.1], ids=[4], load=load),
            birds([(300, 10), (310, 10), (320, 20)], energy=[0.3, 0.9, 10.0], ids=[8, 9, 10], load=load),
        ]
        for part, publisher in enumerate(publishers):
            whole = birds([(0, 0)], grass=halves[part])
            sources[part].layers = whole.layers
            own = slice(2 * part, 2 * part + 2)
            sources[part].pieces = lambda layer, names, whole=whole, own=own, part=part: [
                ([whole._layers[0][1][name][:, :, own] for name in names], (2 * part, 0, 0))
            ]
            publisher.publish(3, sources[part], force=True)
        frame = next_frame(client, 3)
        assert frame.find("points").about["in_area"] == 3
        assert frame.find("histogram").about["n"] == 3
        assert frame.find("histogram").arrays["counts"].sum() == 3
        assert frame.find("layer").about["range"] == [1.0, 3.0]
        assert frame.find("layer").arrays["values"][0, 0].tolist() == [0.0, 0.0, 1.0, 1.0]
        assert [row["id"] for row in frame.find("selected").about["rows"]] == [4]
        assert len(frame.find("load").about["workers"]) == 2


def test_ticks_that_lack_a_part_are_never_shown(start):
    hub, publishers = start(world(workers=2))
    with Client(hub.url) as client:
        watched(hub)
        publishers[0].publish(0, birds([(1, 2)]), force=True)
        for publisher in publishers:
            publisher.publish(1, birds([(1, 2)]), force=True)
        seen = [client.frame(20).tick]
        client.drawn()
        publishers[1].publish(0, birds([(1, 2)]), force=True)
        for publisher in publishers:
            publisher.publish(2, birds([(1, 2)]), force=True)
        until(lambda: seen.append(client.frame(20).tick) or client.drawn() or seen[-1] == 2)
        assert seen == [1, 2]


def test_three_viewers_each_get_what_they_want_to_see(start):
    hub, (publisher,) = start(world())
    source = birds(CORNERS, energy=[1, 2, 3, 4])
    with Client(hub.url) as near, Client(hub.url) as rich, Client(hub.view_url) as crowd:
        near.interest(area=[(0, 0, 0), (200, 200, 0)])
        rich.interest(types={"Bird": {"fields": ["energy"], "where": "energy > 1.5 and mood == calm"}})
        crowd.interest(types={"Bird": {"show": False}}, histograms=[{"type": "Bird", "field": "energy", "bins": 8}])
        until(lambda: len(publisher.interests) == 3)
        publisher.publish(1, source, force=True)
        first, second, third = (next_frame(client, 1) for client in (near, rich, crowd))
    assert_allclose(points(first), CORNERS[:1], atol=0.004)
    assert first.high == (200, 200, 0)
    assert second.find("points").arrays["column0"].tolist() == [2, 3, 4]
    assert third.find("points") is None
    assert third.find("density") is None
    assert third.find("histogram").about["n"] == 4


def test_equal_interests_are_asked_for_once(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as one, Client(hub.url) as two, Client(hub.url) as other:
        for client in (one, two):
            client.interest(area=[(0, 0, 0), (200, 200, 0)], hz=10.0 if client is one else None)
        other.interest(types={"Bird": {"fields": ["energy"]}})
        until(lambda: len(publisher.interests) == 2)
        publisher.publish(1, birds(CORNERS), force=True)
        assert next_frame(one, 1).interest == next_frame(two, 1).interest != next_frame(other, 1).interest


def test_beyond_eight_interests_the_longest_unchanged_share_the_whole_world(start):
    hub, (publisher,) = start(world())
    clients = []
    try:
        for k in range(12):
            clients.append(Client(hub.url))
            clients[k].interest(area=[(0, 0, 0), (100 + k, 100, 0)])
            until(lambda k=k: 100 + k in widths(publisher))
        assert widths(publisher) == {None, *range(105, 112)}
        assert len(publisher.interests) == 8
        publisher.publish(1, birds(CORNERS), force=True)
        assert len(points(next_frame(clients[0], 1))) == 4
        assert len(points(next_frame(clients[-1], 1))) == 1
        clients[0].interest(area=[(0, 0, 0), (50, 100, 0)])
        until(lambda: 50 in widths(publisher))
        assert widths(publisher) == {None, 50, *range(106, 112)}
        for client in clients[8:]:
            client.close()
        until(lambda: widths(publisher) == {50, *range(101, 108)})
    finally:
        for client in clients:
            client.close()


def test_a_changed_interest_of_a_run_that_stands_is_shown_at_once(start):
    hub, (publisher,) = start(world())
    source = birds(CORNERS, ids=[4, 1 << 62 | 5, 6, 7])
    with Client(hub.url) as client:
        client.interest()
        assert shown_again(hub, publisher, 9, source, client).find("selected") is None
        client.interest(selected=[1 << 62 | 5])
        frame = shown_again(hub, publisher, 9, source, client)
        # As text, because no number of JavaScript's is so large.
        assert frame.find("selected").about["rows"][0]["id"] == str(1 << 62 | 5)
        client.ask({"op": "interest", "selected": [str(1 << 62 | 5), 4]})
        client._asked += 1
        assert len(shown_again(hub, publisher, 9, source, client).find("selected").about["rows"]) == 2


def test_frames_of_the_interest_before_come_until_there_is_one_of_the_new(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub)
        client._asked = 0
        publisher.publish(1, birds(CORNERS), force=True)
        first = next_frame(client, 1)
        old = publisher.interests
        client.ask({"op": "interest", "area": [[0, 0, 0], [50, 50, 0]]})
        until(lambda: publisher.interests != old)
        publisher.interests = (*old, *publisher.interests)
        publisher.publish(2, birds(CORNERS), force=True)
        assert next_frame(client, 2).tick == 2
        publisher.interests = publisher.interests[-1:]
        publisher.publish(3, birds(CORNERS), force=True)
        assert next_frame(client, 3).interest > first.interest


def test_a_condition_that_does_not_parse_is_told_and_not_heeded(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        client.interest(types={"Bird": {"where": "energy <"}})
        told = client.receive_texts("invalid")
        assert "missing at the end" in told["where"]["Bird"]
        until(lambda: publisher.interests)
        assert publisher.interests[0].types[0].where is None
        client.news.pop("invalid")
        client.interest(types={"Bird": {"where": "energy < 1"}})
        assert client.receive_texts("invalid") == {"where": {}}


def test_the_range_of_a_histogram_follows_its_values(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        client.interest(histograms=[{"type": "Bird", "field": "energy", "bins": 10}])
        until(lambda: publisher.interests)
        publisher.publish(1, birds(CORNERS, energy=[20, 30, 40, 60]), force=True)
        until(lambda: publisher.interests[0].histograms[0].high > 60)
        publisher.publish(2, birds(CORNERS, energy=[20, 30, 40, 60]), force=True)
        block = next_frame(client, 2).find("histogram")
        assert block.arrays["counts"].sum() == 4
        assert block.about["low"] <= 20
        settled = publisher.interests[0].number
        for tick in range(3, 8):
            publisher.publish(tick, birds(CORNERS, energy=[21, 30, 40, 59]), force=True)
            next_frame(client, tick)
        assert publisher.interests[0].number == settled


# Budgets


def test_points_never_exceed_the_budget_and_come_back_when_they_fit(start):
    hub, (publisher,) = start(world())
    hub.status({"tick": 0, "entities": {"Bird": 1500}})
    with Client(hub.url) as client:
        client.interest(budget=1000)
        until(lambda: publisher.interests)
        assert publisher.interests[0].types[0].mode == "density"
        crowd = birds(np.random.default_rng(1).uniform(0, 400, (1500, 2)))
        frame = shown_again(hub, publisher, 1, crowd, client)
        assert frame.find("points") is None
        assert frame.find("density").arrays["counts"].sum() == 1500
        # They would fit, but not by enough to be sure.
        some = birds(np.random.default_rng(1).uniform(0, 400, (900, 2)))
        publisher.publish(2, some, force=True)
        assert next_frame(client, 2).find("points") is None
        few = birds(np.random.default_rng(1).uniform(0, 400, (700, 2)))
        publisher.publish(3, few, force=True)
        until(lambda: publisher.interests[0].types[0].mode == "points")
        publisher.publish(4, some, force=True)
        assert len(points(next_frame(client, 4))) == 900
        publisher.publish(5, crowd, force=True)  # born meanwhile: too many to be let through
        until(lambda: publisher.interests[0].types[0].mode == "density")
        publisher.publish(6, crowd, force=True)
        assert client.frame(20).tick == 6


def test_a_viewer_with_less_budget_is_spared_what_another_gets(start):
    hub, (publisher,) = start(world())
    crowd = birds(np.random.default_rng(1).uniform(0, 400, (1500, 2)))
    with Client(hub.url) as small, Client(hub.url) as large:
        small.interest(budget=1000)
        large.interest(budget=10_000)
        until(lambda: len(publisher.interests) == 1)
        publisher.publish(1, crowd, force=True)
        assert len(points(next_frame(large, 1))) == 1500
        until(lambda: len(publisher.interests) == 2)
        publisher.publish(2, crowd, force=True)
        assert small.frame(20).find("density").about["in_area"] == 1500
        assert len(points(next_frame(large, 2))) == 1500


def test_rare_types_stay_points_where_frequent_ones_become_a_grid(start):
    meta = world()
    meta["types"].append({"name": "Wolf", "fields": [], "heading": False, "radius": None, "view": {}})
    hub, (publisher,) = start(meta)
    hub.status({"tick": 0, "entities": {"Bird": 5000, "Wolf": 30}})
    with Client(hub.url) as client:
        client.interest(budget=1000)
        until(lambda: publisher.interests)
        assert [wanted.mode for wanted in publisher.interests[0].types] == ["density", "points"]


def test_a_viewer_gets_no_more_bytes_than_its_budget(start):
    hub, (publisher,) = start(world(), client_bytes_per_second=100_000)
    source = birds(np.zeros((2000, 2)))  # about 34 kB
    with Client(hub.url) as client:
        watched(hub)
        ticks = iter(range(10**9))
        came = []

        def enough():
            publisher.publish(next(ticks), source, force=True)
            try:
                came.append(client.frame(0.005).tick)
            except TimeoutError:
                return False
            client.drawn()
            return len(came) == 8

        began = time.monotonic()
        until(enough)
        seconds = time.monotonic() - began
    size = client.bytes / 8
    # The first and a burst are free; the rest wait for theirs.
    assert seconds >= (7 * size - 0.25 * 100_000) / 100_000 - 0.05
    assert came == sorted(came)


def test_all_viewers_together_get_no_more_bytes_than_the_total(start):
    hub, (publisher,) = start(world(), total_bytes_per_second=200_000)
    source = birds(np.zeros((2000, 2)))
    with Client(hub.url) as one, Client(hub.url) as two:
        watched(hub)
        began, came = time.monotonic(), {one: 0, two: 0}

        def enough():
            publisher.publish(sum(came.values()) + enough.tick, source, force=True)
            enough.tick += 1
            for client in came:
                try:
                    client.frame(0.003)
                except TimeoutError:
                    continue
                client.drawn()
                came[client] += 1
            return min(came.values()) >= 5

        enough.tick = 0
        until(enough)
        seconds = time.monotonic() - began
        total = one.bytes + two.bytes
    assert total <= 200_000 * (seconds + 0.25) + 2 * 40_000
    assert max(came.values()) <= 2 * min(came.values()) + 2  # they take turns


def test_a_viewer_gets_no_more_frames_than_it_asks_for(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as slow, Client(hub.url) as quick:
        slow.interest(hz=2.0)
        quick.interest(hz=120.0)
        until(lambda: len(publisher.interests) == 1)
        came = {slow: 0, quick: 0}

        def enough():
            publisher.publish(sum(came.values()) + enough.tick, birds(CORNERS), force=True)
            enough.tick += 1
            for client in came:
                try:
                    client.frame(0.005)
                except TimeoutError:
                    continue
                client.drawn()
                came[client] += 1
            return came[quick] >= 60

        enough.tick = 0
        began = time.monotonic()
        until(enough)
        assert came[slow] <= 2 * (time.monotonic() - began) + 2


def test_a_viewer_that_stalls_keeps_nobody_waiting(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as stalled, Client(hub.url) as client:
        watched(hub)
        for tick in range(20):
            publisher.publish(tick, birds(np.zeros((50_000, 2))), force=True)
            next_frame(client, tick)
        assert stalled.frame(20).tick <= 1  # the first, and none is piled up behind it
        stalled.drawn()
        assert stalled.frame(20).tick == 19


# The run's side


def test_commands_reach_the_run_in_order_and_status_the_viewers(start):
    hub, _ = start(world())
    with Client(hub.url) as client:
        watched(hub)
        assert hub.wait_first_client(10)
        asked = [
            {"op": "pause"},
            {"op": "step", "n": 2},
            {"op": "rate", "hz": 10.0},
            {"op": "rate", "hz": None},
            {"op": "set", "values": {"match": 0.5}},
            {"op": "play"},
        ]
        for command in asked:
            client.ask(command)
        taken = []
        until(lambda: taken.extend(hub.commands()) or len(taken) == len(asked))
        assert taken == asked
        hub.status({"tick": 3, "paused": True})
        assert client.receive_texts("status") == {"tick": 3, "paused": True}
        assert client.receive_texts("meta") == world()
        hub.partitions([])
        assert client.receive_texts("partitions") == []
        hub.refuse("set", "match is at most 1")
        assert client.receive_texts("refused") == {"op": "set", "reason": "match is at most 1"}


def test_a_recording_can_be_asked_to_go_to_a_tick(start):
    hub, _ = start(world(live=False, first=0, last=90))
    with Client(hub.url) as client:
        client.ask({"op": "seek", "tick": 40})
        taken = []
        until(lambda: taken.extend(hub.commands()) or {"op": "seek", "tick": 40} in taken)


def test_nobody_watching_costs_nothing_and_the_first_to_come_sees_the_last_stop(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub)
        assert publisher.every == 1
        assert client.news == {} or "meta" in client.news
    until(lambda: publisher.every == 0)
    assert not publisher.due(0)
    assert publisher.interests == ()
    with Client(hub.url) as client:
        assert shown_again(hub, publisher, 5, birds(CORNERS), client).tick == 5


def test_late_viewers_get_all_observations_and_early_ones_what_is_new(start):
    hub, _ = start(world())
    with Client(hub.url) as early:
        hub.samples(0, [0, 10], {"mean": [1.0, float("nan")], "pull": [[1.0, 2.0], [3.0, float("inf")]]})
        early.receive_texts("samples")
        assert early.samples["values"] == {"mean": [1.0, None], "pull": [[1.0, 2.0], [3.0, None]]}
        early.news.pop("samples")
        hub.samples(2, [20], {"mean": [5.0], "pull": [None]})
        assert early.receive_texts("samples") == {"from": 2, "ticks": [20], "values": {"mean": [5.0], "pull": [None]}}
        with Client(hub.url) as late:
            late.receive_texts("samples")
            assert late.samples == early.samples
            assert late.samples["ticks"] == [0, 10, 20]


def test_own_models_reach_every_viewer(start):
    corners = np.arange(9, dtype=np.float32).reshape(3, 3)
    hub, _ = start(world(models=["fish.glb"]), models={"fish.glb": (corners, -corners)})
    with Client(hub.url) as client:
        client.receive_texts("meta")
        while not client.models:
            client._heard(client._socket.recv(10))
        assert_array_equal(client.models["fish.glb"][0], corners)
        assert_array_equal(client.models["fish.glb"][1], -corners)
    assert decode_triangles(encode_triangles("fish.glb", corners, -corners))[0] == "fish.glb"


def test_a_worker_without_the_secret_is_refused(start):
    hub, (publisher,) = start(world())
    stranger = Publisher(hub.publish_address, b"guess", 0, 1)
    stranger._threads[0].join(20)
    assert "hung up" in stranger.lost
    stranger.close()
    with Client(hub.url) as client:
        watched(hub)
        publisher.publish(3, birds([(1, 2)]), force=True)
        assert next_frame(client, 3).tick == 3


# Ends


def test_close_ends_the_process_and_tells_the_run(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub)
        hub.close()
        assert not alive(hub.pid)
        assert not hub.wait_first_client(0)
        with pytest.raises(ConnectionClosed):
            client.frame(20)
    until(lambda: publisher.lost)
    assert not publisher.due(0)


def test_what_was_posted_before_close_still_arrives(start):
    hub, _ = start(world())
    with Client(hub.url) as client:
        client.receive_texts("meta")
        hub.status({"tick": 77, "running": False})
        hub.close()
        assert client.receive_texts("status")["tick"] == 77


def test_a_hub_that_is_killed_does_not_hurt_the_run(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub)
        os.kill(hub.pid, signal.SIGKILL)
        with pytest.raises(ConnectionClosed):
            client.frame(20)
    until(lambda: publisher.lost)
    hub.status({"tick": 1})
    hub.status({"tick": 2})
    assert not publisher.publish(2, birds([(1, 2)]), force=True)
    assert hub.commands() == []
    hub.close()


def test_the_hub_ends_quietly_with_the_process_that_started_it():
    code = (
        "import sys, json; from viewer.hub import Hub\n"
        "hub = Hub.start(json.loads(sys.argv[1])); print(hub.pid, hub.url, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, json.dumps(world())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT, text=True) as parent:
        pid, url = parent.stdout.readline().split()
        with Client(url) as client:
            client.receive_texts("meta")
            assert alive(int(pid))
            parent.kill()
            with pytest.raises(ConnectionClosed):
                client.frame(20)
        until(lambda: not alive(int(pid)))
        assert parent.stderr.read() == ""


def test_a_port_that_is_taken_is_an_error(start, capfd):
    hub, _ = start(world())
    with pytest.raises(HubError, match=r"(?s)A view on 127.0.0.1:\d+ was asked.*Nobody could watch.*port=0 takes one"):
        Hub.start(world(), port=urlsplit(hub.url).port)
    assert "address already in use" in capfd.readouterr().err


def test_the_hub_loads_no_3d_library_no_compiler_and_no_cluster():
    code = (
        "import sys, viewer.hub, viewer.server\n"
        "sys.exit(str({'ray', 'numba', 'open3d', 'pyarrow'} & sys.modules.keys()) if "
        "{'ray', 'numba', 'open3d', 'pyarrow'} & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
