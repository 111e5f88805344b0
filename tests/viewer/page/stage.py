"""A hub that only pretends: it serves the page, sends what a test gives it, and keeps what the page says."""

from __future__ import annotations

import asyncio
import json
import threading
from urllib.parse import urlsplit

import numpy as np
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response

from partitions.frames import Block, Frame, encode
from tests.viewer.pretend import until
from viewer.access import KINDS, PAGE

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Stage:
    """One page's hub, in a thread of the test.

    Attributes:
        said: messages of the page, oldest first, acknowledgements left out.
        acks: how many frames it said to have drawn.
    """

    def __init__(self, meta, control=True, token="secret"):
        self.meta, self.control, self.token = meta, control, token
        self.said, self.acks, self.sockets = [], 0, set()
        self.cookie = True
        self.loop = asyncio.new_event_loop()
        self.ready, self.ended = threading.Event(), None
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._serve(),), daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/#token={self.token}"

    def close(self):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join()
        self.loop.close()

    def tell(self, **news):
        """Send texts, as {"status": ...}."""
        self.send(*(json.dumps({name: what}) for name, what in news.items()))

    def send(self, *messages):
        async def go():
            for socket in list(self.sockets):
                for message in messages:
                    await socket.send(message)

        asyncio.run_coroutine_threadsafe(go(), self.loop).result(10)

    def frame(self, tick, *blocks, low=None, high=None):
        """Send a frame."""
        low, high = low or self.meta["low"], high or self.meta["high"]
        self.send(encode(Frame(tick, 1, tuple(map(float, low)), tuple(map(float, high)), blocks)))

    def ops(self, op):
        return [message for message in self.said if message["op"] == op]

    def heard(self, op, **what):
        """Wait until the page says this."""
        found = []

        def there():
            found[:] = [m for m in self.ops(op) if all(m.get(key) == value for key, value in what.items())]
            return bool(found)

        until(there)
        return found[-1]

    @property
    def interest(self):
        return self.ops("interest")[-1]

    async def _serve(self):
        self.ended = asyncio.Event()
        async with serve(self._talk, "127.0.0.1", 0, process_request=self._answer, compression=None) as server:
            self.port = server.sockets[0].getsockname()[1]
            self.ready.set()
            await self.ended.wait()

    def _answer(self, connection, request):
        path = urlsplit(request.path).path
        if path == "/ws":
            return None
        if path == "/session":
            status = 200 if request.headers.get("X-Weaver-Token") == self.token else 403
            return Response(status, "", Headers([("Content-Length", "0"), ("Connection", "close")]), b"")
        file = PAGE / (path.strip("/") or "index.html")
        if not file.is_file():
            return Response(404, "", Headers([("Content-Length", "0"), ("Connection", "close")]), b"")
        body = file.read_bytes()
        return Response(
            200,
            "OK",
            Headers(
                [
                    ("Content-Type", KINDS[file.suffix]),
                    ("Content-Length", str(len(body))),
                    ("Connection", "close"),
                    ("Content-Security-Policy", POLICY.format(host=request.headers["Host"])),
                ]
            ),
            body,
        )

    async def _talk(self, socket):
        try:
            if self.cookie == "refuse enter":
                first = json.loads(await socket.recv())
                self.said.append(first)
                self.cookie = True
                if first["op"] == "enter":
                    await socket.close(1008)
                    return
            if not self.cookie:
                first = json.loads(await socket.recv())
                self.said.append(first)
                if first != {"op": "enter", "token": self.token}:
                    await socket.close(1008)
                    return
            links = {right: self.url.replace("secret", right) for right in ("view", "control")}
            if not self.control:
                del links["control"]
            await socket.send(json.dumps({"meta": self.meta}))
            await socket.send(json.dumps({"you": {"control": self.control, "links": links}}))
            self.sockets.add(socket)
            async for message in socket:
                said = json.loads(message)
                if said["op"] == "ack":
                    self.acks += 1
                else:
                    self.said.append(said)
        except ConnectionClosed:
            pass
        finally:
            self.sockets.discard(socket)


def places(rows, low, high):
    """Positions as a frame holds them."""
    rows = np.asarray(rows, float)
    full = np.zeros((len(rows), 3))
    full[:, : rows.shape[1]] = rows
    span = np.where(np.array(high, float) > low, np.array(high, float) - low, 1)
    return np.round((full - low) / span * 65535).clip(0, 65535).astype("u2")


def points(meta, rows, ids=None, heading=None, columns=None, type=0, in_area=None):
    """A block of points; columns: {field: values}."""
    n = len(rows)
    arrays = {
        "positions": places(rows, meta["low"], meta["high"]),
        "ids": np.asarray(np.arange(n) if ids is None else ids, "i8"),
    }
    if heading is not None:
        full = np.zeros((n, 3))
        full[:, : np.shape(heading)[1]] = heading
        full /= np.maximum(np.linalg.norm(full, axis=1, keepdims=True), 1e-12)
        arrays["heading"] = np.round(full * 127).astype("i1")
    about = []
    for k, (field, values) in enumerate((columns or {}).items()):
        arrays[f"column{k}"] = np.asarray(values, "f4")
        about.append({"field": field, "low": float(np.min(values)), "high": float(np.max(values))})
    return Block("points", {"type": type, "in_area": in_area or n, "columns": about}, arrays)


def selected(*rows):
    """Each row: (type, id, tick, {field: value})."""
    return Block(
        "selected", {"rows": [dict(zip(("type", "id", "tick", "fields"), row, strict=True)) for row in rows]}, {}
    )
