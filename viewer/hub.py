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
import math
import os
import secrets
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from viewer.access import public_parts
from viewer.child import end, spawn
from viewer.triangles import encode_triangles

START_SECONDS = 30.0
FLUSH_SECONDS, END_SECONDS = 0.4, 1.5
LONGEST_LINE = 1 << 26
NICENESS = 5
"""Where cores are scarce, the run goes before those who watch it."""
MOST_WAITING = 4096


class HubError(RuntimeError):
    """The hub's process did not start."""


class Hub:
    """Handle of the hub's process; make one with `Hub.start`.

    Attributes:
        url: the control link: address of the page, with the token in its fragment. Who has it may act on the run.
        view_url: the view-only link.
        publish_address: (host, port) for the workers' `Publisher`.
        publish_secret: bytes for the same.
        command_event: set when a command waits or the hub has ended; `commands` clears it.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        url: str,
        view_url: str,
        publish_address: tuple[str, int],
        publish_secret: bytes,
    ) -> None:
        """Use `Hub.start`."""
        self.url = url
        self.view_url = view_url
        self.publish_address = publish_address
        self.publish_secret = publish_secret
        self.command_event = threading.Event()
        self._process = process
        self._commands: deque[dict[str, Any]] = deque(maxlen=1024)
        self._viewers = 0
        self._somebody = threading.Event()
        self._outbox: dict[str, str] = {}
        self._lists: dict[str, deque[str]] = {
            "samples": deque(maxlen=MOST_WAITING),
            "refused": deque(maxlen=MOST_WAITING),
        }
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
        cls,
        meta: dict[str, Any],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        publish_host: str = "127.0.0.1",
        public_url: str | None = None,
        embed: bool = False,
        client_bytes_per_second: float | None = None,
        total_bytes_per_second: float | None = None,
        models: Mapping[str, tuple[NDArray[Any], NDArray[Any]]] | None = None,
        record: Path | str | None = None,
        record_every: int = 1,
    ) -> Hub:
        """Start the process and wait until it listens.

        Args:
            meta: the world's description, JSON-able; docs/viewer.md lists its keys. Metres. "workers" says how many
                publish.
            host: where the page is served; 127.0.0.1 is reachable from this machine only.
            port: 0 takes a free one.
            publish_host: where workers connect; the address of this node when they are on others.
            public_url: the address by which people reach the page if a proxy stands in front, with its path, such as
                "https://host/city/". With https, cookies are sent by https only.
            embed: pages of this machine (a notebook) may show the page in a frame.
            client_bytes_per_second: most bytes of frames that one viewer gets.
            total_bytes_per_second: most that all get.
            models: name -> (positions, normals), (t, 3) each, of models that `meta` names; see `viewer.triangles`.
            record: an empty folder (or one to be made) that frames are written to; see `viewer.recording`.
            record_every: ticks between two of these frames, at least.

        Raises:
            HubError: the process ended or said nothing for 30 seconds.
            ValueError: `public_url` is no address of a page.
        """
        public = None if public_url is None else public_parts(public_url)
        tokens = {right: secrets.token_urlsafe(32) for right in ("control", "view")}
        secret = secrets.token_bytes(32)
        packed = [encode_triangles(name, *arrays) for name, arrays in (models or {}).items()]
        process = spawn("viewer.hub")
        first = {
            "meta": meta,
            "tokens": tokens,
            "secret": secret.hex(),
            "host": host,
            "port": port,
            "publish_host": publish_host,
            "public_url": public_url,
            "embed": embed,
            "client_bytes_per_second": client_bytes_per_second,
            "total_bytes_per_second": total_bytes_per_second,
            "models": [len(each) for each in packed],
            "record": None if record is None else str(Path(record).absolute()),
            "record_every": record_every,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            process.stdin.write(b"".join([json.dumps(first).encode() + b"\n", *packed]))
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
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host
        base = f"http://{shown}:{ready['port']}/" if public is None else "{}://{}{}".format(*public)
        url, view_url = (f"{base}#token={tokens[right]}" for right in ("control", "view"))
        return cls(process, url, view_url, (publish_host, ready["publish_port"]), secret)

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
        {"op": "set", "values": {parameter: number}}, {"op": "seek", "tick": int} (where `meta` says that this is a
        recording), and {"op": "refresh"}: somebody wants to see something else; a run that stands still should let
        its workers `publish(..., force=True)` again, a running one may ignore it.
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
                None, "entities": {type: n}, "parameters": {name: value}}.
        """
        self._post("status", status)

    def partitions(self, partitions: Sequence[dict[str, Any]]) -> None:
        """Tell all viewers who owns what now; entries as in `meta`."""
        self._post("partitions", list(partitions))

    def samples(self, first: int, ticks: Sequence[int], values: Mapping[str, Sequence[Any]]) -> None:
        """Tell all viewers what has been observed; the hub keeps it for those who come later.

        Args:
            first: number of the first of these rows among all of the run. Rows that were told for the same or later
                ticks are replaced.
            ticks: of each row.
            values: observation -> per row a number, a list of numbers, or None; what is not finite becomes None.
        """
        plain = {name: [_plain(value) for value in column] for name, column in values.items()}
        self._append("samples", [int(first), [int(tick) for tick in ticks], plain])

    def refuse(self, op: str, reason: str) -> None:
        """Tell the viewers that the run has not done what one of them asked."""
        self._append("refused", {"op": op, "reason": reason})

    def wait_first_client(self, timeout: float | None = None) -> bool:
        """Wait until somebody watches; False when nobody came within `timeout` seconds or the hub ended."""
        self._somebody.wait(timeout)
        return self._viewers > 0

    def close(self) -> None:
        """End the process within 2 seconds; what was posted before still reaches the viewers."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._threads[1].join(FLUSH_SECONDS)
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
        text = json.dumps(value, allow_nan=False)  # here, so that what is no JSON is the caller's error
        with self._changed:
            self._outbox[key] = text
            self._changed.notify_all()

    def _append(self, key: str, value: Any) -> None:
        text = json.dumps(value, allow_nan=False)
        with self._changed:
            self._lists[key].append(text)
            self._changed.notify_all()

    def _take(self) -> dict[str, str]:
        """What waits to be said; called with the lock."""
        news, self._outbox = self._outbox, {}
        for key, waiting in self._lists.items():
            if waiting:
                news[key] = f"[{', '.join(waiting)}]"
                waiting.clear()
        return news

    def _speak(self) -> None:
        assert self._process.stdin is not None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._outbox or any(self._lists.values()) or self._closing)
                news = self._take()
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


def _plain(value: Any) -> Any:
    """A number or a list of numbers as JSON has them."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if not isinstance(value, float) or math.isfinite(value) else None


def _tell(message: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The run is gone, and the end of our stdin will say so; until then there is nobody to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


async def _serve() -> None:
    from viewer.recording import Recorder
    from viewer.server import Server
    from viewer.triangles import decode_triangles

    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = await lines.readline()
    if not first:
        return
    asked = json.loads(first)
    models = [await lines.readexactly(size) for size in asked["models"]]
    recorder = None
    if asked["record"] is not None:
        shapes = {name: (corners, normals) for name, corners, normals in map(decode_triangles, models)}
        recorder = Recorder(asked["record"], asked["meta"], shapes, asked["record_every"])
    server = Server(
        asked["meta"],
        bytes.fromhex(asked["secret"]),
        _tell,
        models=models,
        recorder=recorder,
        client_bytes_per_second=asked["client_bytes_per_second"],
        total_bytes_per_second=asked["total_bytes_per_second"],
    )

    async def follow() -> None:
        try:
            while line := await lines.readline():
                server.hear(json.loads(line))
        finally:
            server.stop()

    following = asyncio.create_task(follow())
    try:
        await server.run(
            asked["tokens"],
            asked["host"],
            asked["port"],
            asked["publish_host"],
            asked["public_url"],
            asked["embed"],
        )
    finally:
        following.cancel()
        (failed,) = await asyncio.gather(following, return_exceptions=True)
    if isinstance(failed, Exception):
        raise failed


def main() -> int:
    """The hub's process: the first line of stdin says what to serve, the end of stdin ends it."""
    from viewer.recording import RecordingError

    os.nice(NICENESS)
    try:
        asyncio.run(_serve())
    except (OSError, RecordingError) as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
