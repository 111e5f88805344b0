"""The hub: a process between the workers of a run and those who watch it.

hub = Hub.start(meta)
print(hub.url)                                  # workers: Publisher(hub.publish_address, hub.publish_secret, k, n)
hub.status({"tick": 12, "paused": False, ...})
for command in hub.commands(): ...
hub.close()
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from viewer.child import end, spawn

START_SECONDS = 30.0
END_SECONDS = 1.5
LONGEST_LINE = 1 << 26


class HubError(RuntimeError):
    """The hub's process did not start."""


class Hub:
    """Handle of the hub's process; make one with `Hub.start`.

    Attributes:
        url: address of the page, with the token in its fragment.
        publish_address: (host, port) for the workers' `Publisher`.
        publish_secret: bytes for the same.
        command_event: set when a command waits or the hub has ended; `commands` clears it.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        url: str,
        publish_address: tuple[str, int],
        publish_secret: bytes,
    ) -> None:
        """Use `Hub.start`."""
        self.url = url
        self.publish_address = publish_address
        self.publish_secret = publish_secret
        self.command_event = threading.Event()
        self._process = process
        self._commands: deque[dict[str, Any]] = deque(maxlen=1024)
        self._viewers = 0
        self._somebody = threading.Event()
        self._outbox: dict[str, str] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._listen, name="hub-listen", daemon=True),
            threading.Thread(target=self._speak, name="hub-speak", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def start(
        cls, meta: dict[str, Any], host: str = "127.0.0.1", port: int = 0, publish_host: str = "127.0.0.1"
    ) -> Hub:
        """Start the process and wait until it listens.

        Args:
            meta: the world description, JSON-able: {"app": str, "dim": 2 or 3, "low": [x, y, z], "high": [x, y, z],
                "boundary": [str per axis], "types": [{"name": str, "fields": [{"name": str, "kind": "scalar" or
                "vector"}], "heading": bool, "view": {}}], "partitions": [{"low": [..], "high": [..], "worker": k}],
                "workers": W, "ticks": total or None, "geometry": [[[x, y], [x, y]], ...] (optional lines, in
                3-D with z)}. Metres. A type's view may hold "color" ("#rrggbb"), "size" (metres), "colour" (a
                field to begin with) and "model": "point" (never an arrow or cone).
            host: where the page is served; 127.0.0.1 is reachable from this machine only.
            port: 0 takes a free one.
            publish_host: where workers connect; the address of this node when they are on others.

        Raises:
            HubError: the process ended or said nothing for 30 seconds.
        """
        token, secret = secrets.token_urlsafe(32), secrets.token_bytes(32)
        process = spawn("viewer.hub")
        first = {
            "meta": meta,
            "token": token,
            "secret": secret.hex(),
            "host": host,
            "port": port,
            "publish_host": publish_host,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            process.stdin.write(json.dumps(first).encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            watchdog.cancel()
        if not answer:
            end(process, END_SECONDS)
            raise HubError(
                f"A view on {host}:{port or 'any port'} was asked for; its process ended with {process.returncode}.\n"
                "Nobody could watch this run.\n"
                "Read its message above; choose a free port (port=0 takes one), or run without a view."
            )
        ready = json.loads(answer)["ready"]
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        url = f"http://{shown}:{ready['port']}/#token={token}"
        return cls(process, url, (publish_host, ready["publish_port"]), secret)

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return self._viewers

    @property
    def pid(self) -> int:
        """Process id of the hub."""
        return self._process.pid

    def commands(self) -> list[dict[str, Any]]:
        """Take what viewers have asked since the last call, oldest first.

        {"op": "pause"}, {"op": "play"}, {"op": "step", "n": int}, {"op": "rate", "hz": float or None (unlimited)},
        and {"op": "refresh"}: somebody began to watch or chose another field; a run that stands still should let its
        workers `publish(..., force=True)` again, a running one may ignore it.
        """
        self.command_event.clear()
        taken = []
        while self._commands:
            taken.append(self._commands.popleft())
        return taken

    def status(self, status: dict[str, Any]) -> None:
        """Tell all viewers how the run goes; never blocks, the newest wins.

        Args:
            status: any of {"tick": int, "running": bool, "paused": bool, "ticks_per_second": float, "rate": float or
                None, "entities": {type: n}, "lag": seconds}.
        """
        self._post("status", status)

    def update_partitions(self, partitions: Sequence[dict[str, Any]]) -> None:
        """Tell all viewers who owns what now; entries as in `meta`."""
        self._post("partitions", list(partitions))

    def wait_first_client(self, timeout: float | None = None) -> bool:
        """Wait until somebody watches; False when nobody came within `timeout` seconds or the hub ended."""
        self._somebody.wait(timeout)
        return self._viewers > 0

    def close(self) -> None:
        """End the process within 2 seconds; what was posted before still reaches the viewers."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._threads[1].join(0.4)
        if self._threads[1].is_alive():  # stuck in a write: the hub does not read any more
            self._process.kill()
        end(self._process, END_SECONDS)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Hub:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _post(self, key: str, value: Any) -> None:
        text = json.dumps(value)  # here, so that what is no JSON is the caller's error
        with self._changed:
            self._outbox[key] = text
            self._changed.notify_all()

    def _speak(self) -> None:
        assert self._process.stdin is not None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._outbox or self._closing)
                news, self._outbox = self._outbox, {}
                if not news:
                    return
            line = "{" + ", ".join(f'"{key}": {text}' for key, text in news.items()) + "}\n"
            try:
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()
            except BrokenPipeError:
                return  # the hub is gone: the run goes on unseen

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "command" in message:
                self._commands.append(message["command"])
                self.command_event.set()
            if "viewers" in message:
                self._viewers = message["viewers"]
                if self._viewers:
                    self._somebody.set()
        self._viewers = 0
        self._somebody.set()
        self.command_event.set()


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def _serve() -> None:
    from viewer.server import Server

    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = await lines.readline()
    if not first:
        return
    asked = json.loads(first)
    server = Server(asked["meta"], asked["token"], bytes.fromhex(asked["secret"]), _tell)

    async def follow() -> None:
        try:
            while line := await lines.readline():
                server.hear(json.loads(line))
        finally:
            server.stop()

    following = asyncio.create_task(follow())
    try:
        await server.run(asked["host"], asked["port"], asked["publish_host"])
    finally:
        following.cancel()


def main() -> int:
    """The hub's process: the first line of stdin says what to serve, the end of stdin ends it."""
    try:
        asyncio.run(_serve())
    except OSError as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
