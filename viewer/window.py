"""A window by Open3D, in a process of its own, fed by the hub like any page.

Tried in this order: the Filament window (a display and a Vulkan device), the OpenGL visualizer (a display only). Where
neither opens, `open_window` says why, and the page stays the view. Keys: space pauses and plays, "." makes one tick, C
colours by the next field, F shows the whole world, Q or Esc closes. A click on an entity shows its fields; in the
OpenGL window press P before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from typing import IO, Literal, Protocol

from viewer.child import end, spawn
from viewer.client import Client
from viewer.open3d_loader import probe
from viewer.stream import Stream

END_SECONDS = 2.0
MOST_SAID = 4000
Kind = Literal["gui", "legacy"]
KINDS: tuple[Kind, ...] = ("gui", "legacy")


class Linked(Protocol):
    """What has a link: a hub."""

    @property
    def url(self) -> str:
        """The whole link, with its fragment."""


@dataclass(frozen=True)
class Link:
    """The link of a hub elsewhere."""

    url: str


class Window:
    """Handle of the window's process.

    Attributes:
        kind: "gui" for the Filament window, "legacy" for the OpenGL one.
        process: the process; it ends when the window is closed.
    """

    def __init__(self, process: subprocess.Popen[bytes], kind: Kind, said: IO[bytes]) -> None:
        """Use `open_window`."""
        self.process = process
        self.kind = kind
        self._said = said

    @property
    def open(self) -> bool:
        """Whether the window is still there."""
        return self.process.poll() is None

    @property
    def said(self) -> str:
        """The end of what its process has written to stderr so far, until it is closed; "" afterwards.

        It is no news while all goes well, as renderers talk much.
        """
        if self._said.closed:
            return ""
        # By position: the process writes at the end through the same open file.
        handle = self._said.fileno()
        size = os.fstat(handle).st_size
        return os.pread(handle, MOST_SAID, max(0, size - MOST_SAID)).decode(errors="replace").strip()

    @property
    def fault(self) -> str | None:
        """Three sentences if the window ended without having been asked to, else None; ask before `close`."""
        code = self.process.poll()
        if not code:
            return None
        return (
            f"A window was to stay open until it is closed; its process ended with {code}.\n"
            f"Nothing is seen of the run there any more. {self.said}\n"
            "Open the page in a browser instead."
        )

    def close(self) -> None:
        """Close the window, within 2 seconds."""
        end(self.process, END_SECONDS)
        self._said.close()


def open_window(hub: Linked, kind: Kind | None = None) -> Window | str:
    """Open a window that shows what `hub` shows.

    Args:
        hub: a hub, or the Link of one.
        kind: which window; None: the better one that opens here.

    Returns:
        The window, or a message of three sentences that says why there is none and what would help.
    """
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return (
            "A window was asked for, and this machine has no display (DISPLAY and WAYLAND_DISPLAY are empty).\n"
            "There is no screen that it could open on.\n"
            f"Open the page in a browser instead: {hub.url}"
        )
    for choice in (kind,) if kind is not None else KINDS:
        missing = probe(choice)
        if missing is None:
            return _opened(hub.url, choice)
    return missing


def _opened(link: str, kind: Kind) -> Window:
    said = tempfile.TemporaryFile()  # noqa: SIM115
    process = spawn("viewer.window", [kind], stderr=said)
    assert process.stdin is not None
    # Not an argument: the list of processes is public, and the link holds the token.
    process.stdin.write(link.encode() + b"\n")
    process.stdin.flush()
    return Window(process, kind, said)


def main(kind: str) -> None:
    """The window's process: its first line of stdin is the link, the end of stdin closes it."""
    link = bytearray()
    while not link.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return
        link += byte
    code = 1
    try:
        stream = Stream(Client(link.decode().strip()))
        if kind == "gui":
            from viewer.window_gui import run_gui

            run_gui(stream)
        else:
            from viewer.window_legacy import run_legacy

            run_legacy(stream)
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        # Filament aborts when its objects are taken down in the wrong order; threads of ours may still wait.
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
