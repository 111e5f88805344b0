"""Who gets the page, a session, and a socket."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request
from websockets.sync.client import connect

from tests.viewer.pretend import watched, world
from viewer.access import Access, public_parts
from viewer.client import AccessError, Client

TOKENS = {"control": "the control token", "view": "the view token"}
PORT = 8123


def get(url, path, **headers):
    """Status, headers and body of one request to the hub at `url`."""
    link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        link.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = link.getresponse()
        return response.status, response.headers, response.read()
    finally:
        link.close()


def ask(access, path, host=f"127.0.0.1:{PORT}", **headers):
    """What an Access answers."""
    given = Headers([("Host", host), *((name.replace("_", "-"), value) for name, value in headers.items())])
    return access.answer(Request(path, given))


def cookie_of(access, token):
    return ask(access, "/session", X_Weaver_Token=token).headers["Set-Cookie"]


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
    token = hub.url.partition("token=")[2]
    status, headers, _ = get(hub.url, "/session", X_Weaver_Token=token)
    assert status == 200
    assert headers["Set-Cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert token not in headers["Set-Cookie"]


def test_the_token_is_never_taken_from_the_query(start):
    hub, _ = start(world())
    token = hub.url.partition("token=")[2]
    assert get(hub.url, f"/session?token={token}")[0] == 403
    assert get(hub.url, f"/ws?token={token}", Origin=hub.url.partition("/#")[0])[0] == 403


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
        assert '"you"' in link.recv(10)
        assert '"meta"' in link.recv(10)


def test_foreign_names_and_origins_get_403_and_only_the_page_is_served(start):
    hub, _ = start(world())
    token = hub.url.partition("token=")[2]
    assert get(hub.url, "/", Host="evil.example")[0] == 403
    assert get(hub.url, "/session", Origin="http://evil.example", X_Weaver_Token=token)[0] == 403
    for path in ("/../hub.py", "/%2e%2e/hub.py", "/hub.py", "/etc/passwd", "//", "/index.html/"):
        assert get(hub.url, path)[0] == 404
    status, headers, body = get(hub.url, "/")
    assert (status, body[:15]) == (200, b"<!doctype html>")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:")
    assert policy.endswith("frame-ancestors 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy


# Rights


def test_the_cookie_carries_the_right():
    access = Access(TOKENS, "127.0.0.1", PORT)
    cookies = {right: cookie_of(access, token).partition(";")[0] for right, token in TOKENS.items()}
    assert cookies["control"] != cookies["view"]
    for right, cookie in cookies.items():
        assert access.right(Request("/ws", Headers(Cookie=cookie))) == right
        assert access.right(Request("/ws", Headers(Cookie=f"a=b; {cookie}; c=d"))) == right
    assert access.right(Request("/ws", Headers(Cookie=f"weaver_{PORT}={TOKENS['control']}"))) is None
    assert access.right(Request("/ws", Headers(Cookie="weaver_8123"))) is None
    assert access.right(Request("/ws", Headers())) is None


def test_links_give_no_more_rights_than_their_holder_has(start):
    hub, _ = start(world())
    with Client(hub.url) as client, Client(hub.view_url) as guest:
        assert client.receive_texts("you") == {"control": True, "links": {"control": hub.url, "view": hub.view_url}}
        assert guest.receive_texts("you") == {"control": False, "links": {"view": hub.view_url}}


@pytest.mark.parametrize("op", ["play", "pause", "step", "rate", "set"])
def test_who_may_only_look_cannot_act(start, op):
    hub, _ = start(world())
    more = {"rate": {"hz": None}, "set": {"values": {"match": 1.0}}}.get(op, {})
    with Client(hub.view_url) as guest, Client(hub.url) as client:
        watched(hub)
        guest.ask({"op": op, **more})
        refused = guest.receive_texts("refused")
        assert refused["op"] == op
        assert "look only" in refused["reason"]
        # What comes after it through the same hub is there, and it is not.
        client.ask({"op": "step", "n": 77})
        taken = []
        while {"op": "step", "n": 77} not in taken:
            hub.command_event.wait(10)
            taken += hub.commands()
        assert [command for command in taken if command["op"] != "refresh"] == [{"op": "step", "n": 77}]


# Behind a proxy


@pytest.mark.parametrize("path", ["/city/", "/"])
@pytest.mark.parametrize("host", ["sim.example", "127.0.0.1:8123"])
def test_behind_a_proxy_the_public_name_is_ours(path, host):
    access = Access(TOKENS, "127.0.0.1", PORT, public_url="https://sim.example/city")
    # A proxy may pass the path on as it is or without its prefix, and may keep the name or not.
    page = ask(access, path, host=host)
    assert page.status_code == 200
    assert "wss://sim.example" in page.headers["Content-Security-Policy"]
    response = ask(
        access, f"{path}session", host=host, X_Weaver_Token=TOKENS["view"], Origin="https://sim.example"
    )  # fmt: skip
    assert response.status_code == 200
    assert response.headers["Set-Cookie"].endswith("; Path=/city/; HttpOnly; SameSite=Strict; Secure")
    cookie = response.headers["Set-Cookie"].partition(";")[0]
    assert ask(access, f"{path}ws", host=host, Origin="https://sim.example", Cookie=cookie) is None
    assert ask(access, f"{path}ws", host=host, Origin="https://evil.example", Cookie=cookie).status_code == 403
    assert ask(access, f"{path}ws", host=host, Origin="http://sim.example:81", Cookie=cookie).status_code == 403
    request = Request("/ws", Headers(Host=host))
    assert access.links(request, "control")["control"] == f"https://sim.example/city/#token={TOKENS['control']}"


def test_a_hub_tells_its_public_links(start):
    hub, _ = start(world(), public_url="https://sim.example/city/")
    assert hub.url.startswith("https://sim.example/city/#token=")
    assert hub.view_url.startswith("https://sim.example/city/#token=")


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://sim.example/city/", ("https", "sim.example", "/city/")),
        ("https://Sim.Example:443", ("https", "sim.example", "/")),
        ("http://sim.example:8080/a/b", ("http", "sim.example:8080", "/a/b/")),
        ("http://[::1]:80/", ("http", "[::1]", "/")),
    ],
)
def test_public_addresses_are_read_as_browsers_write_them(url, parts):
    assert public_parts(url) == parts


@pytest.mark.parametrize(
    "url", ["sim.example", "ftp://x/", "https://", "https://a/?b", "https://u:p@a/", "http://a:x/"]
)
def test_what_is_no_public_address_is_an_error(url):
    with pytest.raises(ValueError, match=r'(?s)allowed is the address of the page.*Write public_url="https'):
        public_parts(url)


def test_a_hub_on_all_addresses_goes_by_numbers_not_by_foreign_names():
    access = Access(TOKENS, "0.0.0.0", PORT)
    for host in ("10.1.2.3:8123", "[fe80::1]:8123", "localhost:8123", "localhost:9999"):
        assert ask(access, "/", host=host).status_code == 200
    for host in ("evil.example:8123", "10.1.2.3.evil.example", "", "[", "a b"):
        assert ask(access, "/", host=host).status_code == 403


# In notebooks


def test_only_an_embedded_page_may_be_framed_and_only_by_this_machine(start):
    hub, _ = start(world(), embed=True)
    _, headers, _ = get(hub.url, "/")
    assert "X-Frame-Options" not in headers
    assert headers["Content-Security-Policy"].endswith(
        "frame-ancestors http://localhost:* https://localhost:* http://127.0.0.1:* https://127.0.0.1:*"
    )


def socket_without_cookie(hub):
    base = urlsplit(hub.url).netloc
    return connect(f"ws://{base}/ws", origin=f"http://{base}", proxy=None)


@pytest.mark.parametrize("right", ["control", "view"])
def test_an_embedded_page_may_enter_by_its_first_message(start, right):
    hub, _ = start(world(), embed=True)
    token = (hub.url if right == "control" else hub.view_url).partition("token=")[2]
    with socket_without_cookie(hub) as link:
        link.send(f'{{"op": "enter", "token": "{token}"}}')
        assert f'"control": {"true" if right == "control" else "false"}' in link.recv(10)
        assert '"meta"' in link.recv(10)


@pytest.mark.parametrize(
    "first", ['{"op": "enter", "token": "wrong"}', '{"op": "ack"}', '{"op": "pause"}', "nonsense", b"\x00"]
)
def test_whatever_else_an_embedded_page_says_first_ends_its_socket(start, first):
    hub, _ = start(world(), embed=True)
    with socket_without_cookie(hub) as link:
        link.send(first)
        with pytest.raises(Exception, match="1008"):
            link.recv(10)
    assert hub.commands() == []


def test_without_embedding_nobody_enters_by_a_message(start):
    hub, _ = start(world())
    with pytest.raises(InvalidStatus, match="403"):
        socket_without_cookie(hub)
    with Client(hub.view_url) as guest:
        guest.receive_texts("meta")
        guest.interest()
        guest.ask({"op": "enter", "token": hub.url.partition("token=")[2]})
        with pytest.raises(Exception, match="1008"):
            guest.frame(10)


def test_no_secret_is_written_anywhere_outside(start, capfd):
    hub, _ = start(world(), embed=True)
    tokens = [link.partition("token=")[2] for link in (hub.url, hub.view_url)]
    for token in tokens:
        get(hub.url, "/session", X_Weaver_Token="wrong")
        get(hub.url, "/session", X_Weaver_Token=token, Origin="http://evil.example")
        get(hub.url, f"/ws?token={token}")
        with socket_without_cookie(hub) as link:
            link.send(f'{{"op": "enter", "token": "{token}", "more": 1}}')
            with pytest.raises(Exception, match="1008") as closed:
                link.recv(10)
            assert token not in str(closed.value)
    with Client(hub.url) as client:
        watched(hub)
        client._socket.send("nonsense")
    command = Path(f"/proc/{hub.pid}/cmdline").read_text()
    environment = Path(f"/proc/{hub.pid}/environ").read_text()
    hub.close()
    written = "".join(capfd.readouterr())
    for secret in (*tokens, hub.publish_secret.hex()):
        assert secret not in written
        assert secret not in command
        assert secret not in environment
