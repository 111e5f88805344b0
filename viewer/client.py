"""The hub's stream for Python: what the page gets, without a browser."""

from __future__ import annotations

import contextlib
import http.client
import json
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from partitions.frames import Frame, decode
from viewer.access import TOKEN_HEADER


class AccessError(PermissionError):
    """The hub refused the token."""


class Client:
    """One viewer's connection.

    Attributes:
        news: the newest value of each kind of text: meta, fields, status, partitions.
    """

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        """Connect.

        Args:
            url: the whole link of the hub, with its fragment.
            timeout: seconds to wait for the hub.

        Raises:
            AccessError: the token is wrong or missing.
            OSError: nobody listens there.
        """
        self.news: dict[str, Any] = {}
        parts = urlsplit(url)
        token = parse_qs(parts.fragment).get("token", [""])[0]
        request = http.client.HTTPConnection(parts.netloc, timeout=timeout)
        try:
            request.request("GET", "/session", headers={TOKEN_HEADER: token})
            response = request.getresponse()
            cookie = response.getheader("Set-Cookie", "").partition(";")[0]
        finally:
            request.close()
        if response.status != 200:
            raise AccessError(
                f"A view of {parts.netloc} was asked for; the hub said {response.status}; allowed is its own link.\n"
                "Without a session no frame would ever come.\n"
                "Pass the whole link that the run printed, with everything after '#'."
            )
        self._open = contextlib.ExitStack()
        self._socket: ClientConnection = self._open.enter_context(
            connect(
                f"ws://{parts.netloc}/ws",
                origin=Origin(f"http://{parts.netloc}"),
                additional_headers={"Cookie": cookie},
                compression=None,
                max_size=None,
                open_timeout=timeout,
                close_timeout=1.0,
                proxy=None,
            )
        )

    def receive_texts(self, key: str, timeout: float = 10.0) -> Any:
        """Wait until there is news of that kind, and return it; texts come before frames."""
        while key not in self.news:
            self.news.update(json.loads(self._socket.recv(timeout)))
        return self.news[key]

    def frame(self, timeout: float | None = None) -> Frame:
        """Wait for the newest frame; texts that come before it go to `news`. The next one comes after `drawn`.

        Raises:
            TimeoutError: none came within `timeout` seconds.
            websockets.exceptions.ConnectionClosed: the hub has ended.
        """
        while True:
            message = self._socket.recv(timeout)
            if isinstance(message, bytes):
                return decode(message)
            self.news.update(json.loads(message))

    def drawn(self) -> None:
        """Say that the last frame is on screen and another is welcome."""
        self.ask({"op": "ack"})

    def ask(self, command: dict[str, Any]) -> None:
        """Send a command, see `viewer.commands.parse`."""
        self._socket.send(json.dumps(command))

    def close(self) -> None:
        """Leave."""
        self._open.close()

    def __enter__(self) -> Client:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
