"""The hub's stream for Python: what the page gets, without a browser."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from partitions.frames import Frame, decode
from viewer.access import TOKEN_HEADER
from viewer.triangles import MAGIC, Triangles, decode_triangles


class AccessError(PermissionError):
    """The hub refused the token."""


class Client:
    """One viewer's connection.

    Attributes:
        news: the newest value of each kind of text: meta, you, status, partitions, refused, invalid, interest.
        models: name -> (positions, normals) of own models.
        samples: {"ticks": [...], "values": {name: [...]}}: the observations so far.
        bytes: of frames that have come.
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
        self.models: dict[str, Triangles] = {}
        self.samples: dict[str, Any] = {"ticks": [], "values": {}}
        self.bytes = 0
        self._asked = 0
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        path = "/" + "".join(f"{name}/" for name in parts.path.split("/") if name)
        token = parse_qs(parts.fragment).get("token", [""])[0]
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        request = kind(parts.netloc, timeout=timeout)
        try:
            request.request("GET", f"{path}session", headers={TOKEN_HEADER: token})
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
                f"{'wss' if secure else 'ws'}://{parts.netloc}{path}ws",
                origin=Origin(f"{parts.scheme}://{parts.netloc}"),
                additional_headers={"Cookie": cookie},
                compression=None,
                max_size=None,
                open_timeout=timeout,
                close_timeout=1.0,
                proxy=None,
            )
        )

    def interest(
        self,
        *,
        area: Sequence[Sequence[float]] | None = None,
        budget: int = 200_000,
        hz: float | None = None,
        grid: int = 256,
        types: Mapping[str, Mapping[str, Any]] | None = None,
        layers: Mapping[str, str | None] | None = None,
        selected: Sequence[int] = (),
        histograms: Sequence[Mapping[str, Any]] = (),
        load: bool = False,
    ) -> None:
        """Say what to see from now on; `frame` then gives frames of that only. See `viewer.commands.Interest`."""
        self._asked += 1
        self.ask(
            {
                "op": "interest",
                "area": None if area is None else [list(map(float, corner)) for corner in area],
                "budget": budget,
                "hz": hz,
                "grid": grid,
                "types": {name: dict(shown) for name, shown in (types or {}).items()},
                "layers": dict(layers or {}),
                "selected": [int(id) for id in selected],
                "histograms": [dict(histogram) for histogram in histograms],
                "load": load,
            }
        )

    def receive_texts(self, key: str, timeout: float = 10.0) -> Any:
        """Wait until there is news of that kind, and return it.

        A frame that comes meanwhile is acknowledged and lost.
        """
        while key not in self.news:
            message = self._socket.recv(timeout)
            if not self._heard(message):
                self.drawn()
        return self.news[key]

    def frame(self, timeout: float | None = None) -> Frame:
        """Wait for the newest frame; texts that come before it go to `news`. The next one comes after `drawn`.

        Raises:
            TimeoutError: none came within `timeout` seconds.
            websockets.exceptions.ConnectionClosed: the hub has ended.
        """
        while True:
            message = self._socket.recv(timeout)
            if self._heard(message):
                continue
            assert isinstance(message, bytes)
            self.bytes += len(message)
            frame = decode(message)
            if not self._asked or self._answered(frame):
                return frame
            self.drawn()  # of what was wanted before

    def drawn(self) -> None:
        """Say that the last frame is on screen and another is welcome."""
        self.ask({"op": "ack"})

    def ask(self, command: Mapping[str, Any]) -> None:
        """Send a command, see `viewer.commands`."""
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

    def _answered(self, frame: Frame) -> bool:
        told = self.news.get("interest") or {}
        return bool(told.get("asked") == self._asked and told["number"] == frame.interest)

    def _heard(self, message: str | bytes) -> bool:
        """Take a text or a model; False for a frame."""
        if isinstance(message, bytes):
            if not message.startswith(MAGIC):
                return False
            name, positions, normals = decode_triangles(message)
            self.models[name] = (positions, normals)
            return True
        news = json.loads(message)
        if "samples" in news:
            self._add_samples(news["samples"])
        self.news.update(news)
        return True

    def _add_samples(self, told: Mapping[str, Any]) -> None:
        rows = told["from"]
        kept = {name: column[:rows] for name, column in self.samples["values"].items()}
        names = list(dict.fromkeys([*kept, *told["values"]]))
        absent = [None] * rows
        self.samples = {
            "ticks": self.samples["ticks"][:rows] + told["ticks"],
            "values": {
                name: kept.get(name, absent) + told["values"].get(name, [None] * len(told["ticks"])) for name in names
            },
        }
