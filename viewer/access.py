"""Who may see the page and talk to the hub: plain HTTP in front of the WebSocket.

There are two tokens: with one a viewer may act on the run, with the other only look. A token stands in the fragment of
a link, which browsers never send. The page hands it over once, in a header of `/session`, and gets a cookie that
scripts cannot read and other sites cannot use; the cookie carries the right. So neither access logs nor proxies nor the
browser's history hold a secret.
"""

from __future__ import annotations

import hmac
import http
import http.cookies
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import WebSocketException
from websockets.http11 import Request, Response

PAGE = Path(__file__).resolve().parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
TOKEN_HEADER = "X-Weaver-Token"
FRAMES = "http://localhost:* https://localhost:* http://127.0.0.1:* https://127.0.0.1:*"
"""Pages that may show an embedded page: notebooks on this machine."""
REFUSED = "Open the whole link that the run printed.\n"

Right = Literal["control", "view"]


class Access:
    """Answers HTTP requests; lets through to the WebSocket only who holds a session.

    Attributes:
        tokens: right -> what the fragment of a link must carry.
        prefix: path of the page behind a proxy, "/" or "/city/".
        embed: pages of this machine may show ours in a frame, and a socket may open without a cookie.
    """

    def __init__(
        self,
        tokens: Mapping[Right, str],
        host: str,
        port: int,
        *,
        public_url: str | None = None,
        embed: bool = False,
    ) -> None:
        """Requests that name another host than these are refused.

        Args:
            tokens: right -> token.
            host: where the hub listens.
            port: the same.
            public_url: the address that people use, if a proxy stands in front; see `public_parts`.
            embed: see the class.
        """
        self.tokens = dict(tokens)
        self.embed = embed
        public = None if public_url is None else public_parts(public_url)
        self.prefix = "/" if public is None else public[2]
        self._public = None if public is None else f"{public[0]}://{public[1]}"
        self._secure = public is not None and public[0] == "https"
        self._sessions: dict[Right, str] = {right: secrets.token_urlsafe(32) for right in self.tokens}
        # Cookies are shared by all ports of a host: two runs side by side need two names.
        self._cookie = f"weaver_{port}"
        self._everywhere = host in ("0.0.0.0", "::", "")
        self._names = {host.strip("[]"), "127.0.0.1", "::1", "localhost", socket.gethostname()}
        self._files = {
            path.relative_to(PAGE).as_posix(): (KINDS[path.suffix], path.read_bytes())
            for path in sorted(PAGE.rglob("*"))
            if path.suffix in KINDS
        }
        self._files[""] = self._files["index.html"]

    def answer(self, request: Request) -> Response | None:
        """The response, or None for a WebSocket that may open."""
        try:
            host = request.headers.get("Host", "")
            origin = request.headers.get("Origin")
            token = request.headers.get(TOKEN_HEADER, "")
        except (WebSocketException, LookupError):  # a header that may stand once stands twice
            return self._response(http.HTTPStatus.BAD_REQUEST)
        # A foreign name in Host means that a hostile DNS entry points at us.
        if not self._known(host):
            text = "This hub does not go by that name; start the run with --public-url to give it one.\n"
            return self._response(http.HTTPStatus.FORBIDDEN, text)
        if origin is not None and origin not in (self._public, f"http://{host}", f"https://{host}"):
            return self._response(http.HTTPStatus.FORBIDDEN, "Other sites may not talk to this hub.\n")
        path = self._path(request.path)
        if path == "session":
            right = self.right_of(token)
            if right is None:
                return self._response(http.HTTPStatus.FORBIDDEN, REFUSED)
            cookie = f"{self._cookie}={self._sessions[right]}; Path={self.prefix}; HttpOnly; SameSite=Strict"
            return self._response(http.HTTPStatus.OK, "ok\n", cookie=cookie + ("; Secure" if self._secure else ""))
        if path == "ws":
            if origin is None or (self.right(request) is None and not self.embed):
                return self._response(http.HTTPStatus.FORBIDDEN, REFUSED)
            return None
        if path in self._files:
            kind, body = self._files[path]
            return self._response(http.HTTPStatus.OK, body, kind=kind, host=host)
        return self._response(http.HTTPStatus.NOT_FOUND)

    def right(self, request: Request) -> Right | None:
        """What the session cookie of a request allows; None without one of ours."""
        for header in request.headers.get_all("Cookie"):
            try:
                morsel = http.cookies.SimpleCookie(header).get(self._cookie)
            except http.cookies.CookieError:
                continue
            for right, session in self._sessions.items():
                if morsel is not None and _same(morsel.value, session):
                    return right
        return None

    def right_of(self, token: str) -> Right | None:
        """What a token allows."""
        return next((right for right, ours in self.tokens.items() if _same(token, ours)), None)

    def links(self, request: Request, right: Right) -> dict[Right, str]:
        """Links that a viewer may pass on: by the name by which it came, and with no more rights than its own."""
        base = f"http://{request.headers.get('Host', '')}" if self._public is None else self._public
        return {
            name: f"{base}{self.prefix}#token={token}"
            for name, token in self.tokens.items()
            if right == "control" or name == "view"
        }

    def _known(self, host: str) -> bool:
        if self._public is not None and host == self._public.partition("://")[2]:
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        # Whoever listens on all addresses is reached by any of them; a number is no name that DNS could turn on us.
        return self._everywhere and _is_address(name)

    def _path(self, path: str) -> str:
        """The path below the prefix, which a proxy may or may not have taken away."""
        path = path.partition("?")[0]
        if self.prefix != "/" and path.startswith(self.prefix):
            return path[len(self.prefix) :]
        return path[1:] if path.startswith("/") else "?"

    def _response(
        self,
        status: http.HTTPStatus,
        body: str | bytes | None = None,
        kind: str = "text/plain; charset=utf-8",
        cookie: str | None = None,
        host: str = "",
    ) -> Response:
        content = status.phrase + "\n" if body is None else body
        data = content.encode() if isinstance(content, str) else content
        names = {host, (self._public or "").partition("://")[2]} - {""} if host else set()
        sockets = " ".join(f"ws://{name} wss://{name}" for name in sorted(names))
        headers = Headers(
            [
                ("Content-Type", kind),
                ("Content-Length", str(len(data))),
                ("Connection", "close"),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cross-Origin-Opener-Policy", "same-origin"),
                ("Cross-Origin-Resource-Policy", "same-origin"),
                (
                    "Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
                    f"media-src 'self' blob:; connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; "
                    f"frame-ancestors {FRAMES if self.embed else chr(39) + 'none' + chr(39)}",
                ),
            ]
        )
        if not self.embed:
            headers["X-Frame-Options"] = "DENY"
        if cookie:
            headers["Set-Cookie"] = cookie
        return Response(status.value, status.phrase, headers, data)


def public_parts(url: str) -> tuple[str, str, str]:
    """Scheme, host and path (with a slash at both ends) of an address such as https://example.org/city/.

    Raises:
        ValueError: it is no such address.
    """
    try:
        parts = urlsplit(url)
        port, name = parts.port, parts.hostname
    except ValueError:
        parts, port, name = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not name or parts.query or parts.fragment or parts.username:
        raise ValueError(
            f"public_url={url!r} was given; allowed is the address of the page, http or https, without ? and #.\n"
            "Browsers would refuse to talk to a page that goes by another name than it knows.\n"
            'Write public_url="https://example.org/city/", as people will type it.'
        )
    # Browsers leave the usual port out.
    usual = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    host = f"[{name}]" if ":" in name else name
    return parts.scheme, host if usual else f"{host}:{port}", f"/{parts.path.strip('/')}/".replace("//", "/")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), right.encode())
