"""Who may see the page and talk to the hub: plain HTTP in front of the WebSocket.

The token stands in the fragment of the URL, which browsers never send. The page hands it over once, in a header of
`/session`, and gets a cookie that scripts cannot read and other sites cannot use. So neither access logs nor proxies
nor the browser's history hold a secret.
"""

from __future__ import annotations

import hmac
import http
import http.cookies
import secrets
from pathlib import Path

from websockets.datastructures import Headers
from websockets.exceptions import WebSocketException
from websockets.http11 import Request, Response

PAGE = Path(__file__).resolve().parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
TOKEN_HEADER = "X-Weaver-Token"


class Access:
    """Answers HTTP requests; lets through to the WebSocket only who holds a session.

    Attributes:
        token: what the URL's fragment must carry.
    """

    def __init__(self, token: str, host: str, port: int) -> None:
        """`host` and `port`: where the hub listens; requests that name another host are refused."""
        self.token = token
        self._session = secrets.token_urlsafe(32)
        # Cookies are shared by all ports of a host: two runs side by side need two names.
        self._cookie = f"weaver_{port}"
        self._hosts = (
            None if host in ("0.0.0.0", "::") else {f"{name}:{port}" for name in (host, "127.0.0.1", "localhost")}
        )
        self._files = {
            "/" + path.relative_to(PAGE).as_posix(): (KINDS[path.suffix], path.read_bytes())
            for path in sorted(PAGE.rglob("*"))
            if path.suffix in KINDS
        }
        self._files["/"] = self._files["/index.html"]

    def answer(self, request: Request) -> Response | None:
        """The response, or None for a WebSocket that may open."""
        try:
            host = request.headers.get("Host", "")
            origin = request.headers.get("Origin")
            token = request.headers.get(TOKEN_HEADER, "")
            cookies = request.headers.get_all("Cookie")
        except (WebSocketException, LookupError):  # a header that may stand once stands twice
            return self._response(http.HTTPStatus.BAD_REQUEST)
        path = request.path.partition("?")[0]
        # A foreign name in Host means that a hostile DNS entry points at us.
        if self._hosts is not None and host not in self._hosts:
            return self._response(http.HTTPStatus.FORBIDDEN, "This hub does not go by that name.\n")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return self._response(http.HTTPStatus.FORBIDDEN, "Other sites may not talk to this hub.\n")
        if path == "/session":
            if not _same(token, self.token):
                return self._response(http.HTTPStatus.FORBIDDEN, "Open the whole link that the run printed.\n")
            cookie = f"{self._cookie}={self._session}; Path=/; HttpOnly; SameSite=Strict"
            return self._response(http.HTTPStatus.OK, "ok\n", cookie=cookie)
        if path == "/ws":
            if origin is None or not any(self._admits(value) for value in cookies):
                return self._response(http.HTTPStatus.FORBIDDEN, "Open the whole link that the run printed.\n")
            return None
        if path in self._files:
            kind, body = self._files[path]
            return self._response(http.HTTPStatus.OK, body, kind=kind, host=host)
        return self._response(http.HTTPStatus.NOT_FOUND)

    def _admits(self, header: str) -> bool:
        try:
            morsel = http.cookies.SimpleCookie(header).get(self._cookie)
        except http.cookies.CookieError:
            return False
        return morsel is not None and _same(morsel.value, self._session)

    def _response(
        self,
        status: http.HTTPStatus,
        body: str | bytes | None = None,
        kind: str = "text/plain; charset=utf-8",
        cookie: str | None = None,
        host: str = "",
    ) -> Response:
        content = (status.phrase + "\n" if body is None else body) if not isinstance(body, bytes) else body
        data = content.encode() if isinstance(content, str) else content
        sockets = f"ws://{host} wss://{host}" if host else ""
        headers = Headers(
            [
                ("Content-Type", kind),
                ("Content-Length", str(len(data))),
                ("Connection", "close"),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "DENY"),
                ("Referrer-Policy", "no-referrer"),
                ("Cross-Origin-Opener-Policy", "same-origin"),
                ("Cross-Origin-Resource-Policy", "same-origin"),
                (
                    "Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                    f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                ),
            ]
        )
        if cookie:
            headers["Set-Cookie"] = cookie
        return Response(status.value, status.phrase, headers, data)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
