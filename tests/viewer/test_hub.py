"""The hub: frames to everybody, commands back, and nothing to strangers."""

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.testing import assert_allclose
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from partitions.frames import Publisher
from tests.viewer.pretend import birds, until, world
from viewer.client import AccessError, Client
from viewer.hub import Hub, HubError

ROOT = Path(__file__).resolve().parents[2]


def get(url, path, **headers):
    """Status, headers and body of one request to the hub at `url`."""
    link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        link.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = link.getresponse()
        return response.status, response.headers, response.read()
    finally:
        link.close()


def watched(hub, client):
    """All workers know that somebody watches."""
    until(lambda: {"op": "refresh"} in hub.commands())
    return client


def next_frame(client, tick):
    """The frame of `tick`; older ones may come before."""
    while (frame := client.frame(20)).tick != tick:
        client.drawn()
    client.drawn()
    return frame


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_a_frame_holds_the_rows_of_all_workers(start):
    hub, publishers = start(world(workers=2))
    with Client(hub.url) as client:
        watched(hub, client)
        assert all(publisher.due(0) for publisher in publishers)
        publishers[0].publish(0, birds([(1, 2)]))
        publishers[1].publish(0, birds([(300, 4), (400, 400)]))
        frame = next_frame(client, 0)
        assert_allclose(frame.coordinates(frame.types[0])[:, :2], [(1, 2), (300, 4), (400, 400)], atol=0.004)


def test_ticks_that_lack_a_part_are_never_shown(start):
    hub, publishers = start(world(workers=2))
    with Client(hub.url) as client:
        watched(hub, client)
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


def test_commands_reach_the_run_in_order_and_status_the_viewers(start):
    hub, _ = start(world())
    with Client(hub.url) as client:
        watched(hub, client)
        assert hub.wait_first_client(10)
        asked = [{"op": "pause"}, {"op": "step", "n": 2}, {"op": "rate", "hz": 10.0}, {"op": "play"}]
        for command in asked:
            client.ask(command)
        taken = []
        until(lambda: taken.extend(hub.commands()) or len(taken) == 4)
        assert taken == asked
        hub.status({"tick": 3, "paused": True})
        assert client.receive_texts("status") == {"tick": 3, "paused": True}
        assert client.receive_texts("meta") == world()
        hub.update_partitions([])
        assert client.receive_texts("partitions") == []


def test_a_chosen_field_reaches_the_workers_before_the_run_is_asked_to_show_it(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub, client)
        assert publisher.fields == {}
        client.ask({"op": "colour", "type": "Bird", "field": "energy"})
        watched(hub, client)
        assert publisher.fields == {"Bird": "energy"}
        publisher.publish(7, birds([(1, 2)], scalar=np.array([2.5])), force=True)
        assert next_frame(client, 7).types[0].scalar.tolist() == [2.5]


def test_a_type_may_begin_with_a_field(start):
    meta = world()
    meta["types"][0]["view"] = {"colour": "energy"}
    hub, (publisher,) = start(meta)
    with Client(hub.url) as client:
        watched(hub, client)
        assert publisher.fields == {"Bird": "energy"}


def test_nobody_watching_costs_nothing_and_the_first_to_come_sees_the_last_stop(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub, client)
        assert publisher.every == 1
    until(lambda: publisher.every == 0)
    assert not publisher.due(0)
    publisher.publish(5, birds([(1, 2)]), force=True)
    with Client(hub.url) as client:
        assert next_frame(client, 5).tick == 5


def test_a_viewer_that_stalls_keeps_nobody_waiting(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as stalled, Client(hub.url) as client:
        watched(hub, client)
        for tick in range(20):
            publisher.publish(tick, birds(np.zeros((50_000, 2))), force=True)
            next_frame(client, tick)
        assert stalled.frame(20).tick <= 1  # the first, and none is piled up behind it
        stalled.drawn()
        assert stalled.frame(20).tick == 19


@pytest.mark.parametrize("token", ["", "wrong", "ü"])
def test_a_wrong_token_gets_403(start, token):
    hub, _ = start(world())
    status, headers, _ = get(hub.url, "/session", X_Weaver_Token=token.encode())
    assert status == 403
    assert "Set-Cookie" not in headers
    with pytest.raises(AccessError, match=r"(?s)said 403.*no frame would ever come.*whole link"):
        Client(hub.url.partition("#")[0] + "#token=wrong")


def test_the_session_cookie_is_closed_to_scripts_and_other_sites(start):
    hub, _ = start(world())
    status, headers, _ = get(hub.url, "/session", X_Weaver_Token=hub.url.partition("token=")[2])
    assert status == 200
    assert headers["Set-Cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert hub.url.partition("token=")[2] not in headers["Set-Cookie"]


def test_the_socket_wants_the_cookie_and_our_own_origin(start):
    hub, _ = start(world())
    base = urlsplit(hub.url).netloc
    cookie = get(hub.url, "/session", X_Weaver_Token=hub.url.partition("token=")[2])[1]["Set-Cookie"].partition(";")[0]
    for headers in (
        {"Origin": f"http://{base}"},
        {"Origin": f"http://{base}", "Cookie": cookie[:-1]},
        {"Cookie": cookie},
        {"Cookie": cookie, "Origin": "http://evil.example"},
        {"Cookie": cookie, "Origin": "null"},
        {"Cookie": cookie, "Origin": f"http://{base}.evil.example"},
    ):
        with (
            pytest.raises(InvalidStatus, match="403"),
            connect(f"ws://{base}/ws", additional_headers=headers, proxy=None),
        ):
            pass
    with connect(
        f"ws://{base}/ws", additional_headers={"Cookie": cookie, "Origin": f"http://{base}"}, proxy=None
    ) as link:
        assert "meta" in link.recv(10)


def test_foreign_names_and_origins_get_403_and_only_the_page_is_served(start):
    hub, _ = start(world())
    assert get(hub.url, "/", Host="evil.example")[0] == 403
    assert (
        get(hub.url, "/session", Origin="http://evil.example", X_Weaver_Token=hub.url.partition("token=")[2])[0] == 403
    )
    for path in ("/../hub.py", "/%2e%2e/hub.py", "/hub.py", "/etc/passwd", "//", "/index.html/"):
        assert get(hub.url, path)[0] == 404
    status, headers, body = get(hub.url, "/")
    assert (status, body[:15]) == (200, b"<!doctype html>")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy


@pytest.mark.parametrize("message", ["nonsense", b"\x00\x01", '{"op": "stop"}', '{"op":"step","n":-1}', "x" * 70_000])
def test_a_malformed_message_ends_its_connection_and_nothing_else(start, message):
    hub, (publisher,) = start(world())
    with Client(hub.url) as bad, Client(hub.url) as good:
        watched(hub, good)
        bad._socket.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            bad.frame(20)
        assert closed.value.rcvd.code in (1008, 1009)
        until(lambda: hub.viewers == 1)
        assert hub.commands() == []
        publisher.publish(3, birds([(1, 2)]), force=True)
        assert next_frame(good, 3).tick == 3


def test_a_worker_without_the_secret_is_refused(start):
    hub, (publisher,) = start(world())
    stranger = Publisher(hub.publish_address, b"guess", 0, 1)
    stranger._threads[0].join(20)
    assert "hung up" in stranger.lost
    stranger.close()
    with Client(hub.url) as client:
        watched(hub, client)
        publisher.publish(3, birds([(1, 2)]), force=True)
        assert next_frame(client, 3).tick == 3


def test_no_secret_is_written_anywhere_outside(start, capfd):
    hub, _ = start(world())
    token = hub.url.partition("token=")[2]
    get(hub.url, "/session", X_Weaver_Token="wrong")
    get(hub.url, "/session", X_Weaver_Token=token, Origin="http://evil.example")
    with Client(hub.url) as client:
        watched(hub, client)
    command = Path(f"/proc/{hub.pid}/cmdline").read_text()
    hub.close()
    written = "".join(capfd.readouterr())
    assert token not in written
    assert hub.publish_secret.hex() not in written
    assert token not in command


def test_close_ends_the_process_and_tells_the_run(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub, client)
        hub.close()
        assert not alive(hub.pid)
        assert not hub.wait_first_client(0)
        with pytest.raises(ConnectionClosed):
            client.frame(20)
    until(lambda: publisher.lost)
    assert not publisher.due(0)


def test_a_hub_that_is_killed_does_not_hurt_the_run(start):
    hub, (publisher,) = start(world())
    with Client(hub.url) as client:
        watched(hub, client)
        os.kill(hub.pid, signal.SIGKILL)
        with pytest.raises(ConnectionClosed):
            client.frame(20)
    until(lambda: publisher.lost)
    hub.status({"tick": 1})
    hub.status({"tick": 2})
    assert not publisher.publish(2, birds([(1, 2)]), force=True)
    assert hub.commands() == []
    hub.close()


def test_the_hub_ends_with_the_process_that_started_it():
    code = (
        "import sys, json; from viewer.hub import Hub\n"
        "hub = Hub.start(json.loads(sys.argv[1])); print(hub.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, json.dumps(world())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    until(lambda: not alive(pid))


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
