"""Viewing: what `weaver view` does with a link of a run, or with a recording."""

from __future__ import annotations

import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from weaver.errors import RunError
from weaver.load import UsageError
from weaver.serving import Serving, Views
from weaver.session import Signals


@dataclass
class Viewing:
    """One `weaver view`.

    Attributes:
        where: a link that a run has printed, or a folder that `--record-frames` has written.
        window: open a window in place of the browser.
        browser: open the browser.
        port: where a recording is served; 0 takes a free port.
        loop: play a recording again and again.
    """

    where: str
    window: bool = False
    browser: bool = True
    port: int = 0
    loop: bool = False

    def run(self) -> int:
        """Show it, until the window is closed or a signal comes; a browser that shows a link is left alone.

        Returns:
            The exit code.

        Raises:
            UsageError: there is no such recording, or it is no link.
            RunError: it cannot be shown.
        """
        if "://" in self.where:
            return self._link()
        return self._recording()

    def _link(self) -> int:
        parts = urlsplit(self.where)
        if parts.scheme not in ("http", "https") or not parts.netloc or "token=" not in parts.fragment:
            raise UsageError(
                f"{self.where} was to be viewed; a link is what a run prints, with everything behind '#'.\n"
                f"The page would let nobody in.\n"
                f'Copy the whole line behind "view:" and put it in quotes.'
            )
        if not self.window:
            if not (self.browser and webbrowser.open(self.where)):
                print(f"view: {self.where}", file=sys.stderr, flush=True)
            return 0
        from viewer.window import Link, open_window

        opened = open_window(Link(self.where))
        if isinstance(opened, str):
            raise RunError(opened)
        signals = Signals()
        with signals.caught():
            try:
                opened.process.wait()
                fault = opened.fault
            except KeyboardInterrupt:
                fault = None  # the window goes with the command
            finally:
                opened.close()
        if fault is not None:
            raise RunError(fault)
        return 0

    def _recording(self) -> int:
        from viewer.player import Player
        from viewer.recording import Recording, RecordingError

        try:
            recording = Recording(self.where)
            player = Player(recording, self.loop)
        except RecordingError as error:
            raise UsageError(str(error)) from error
        serving = Serving(Views.WINDOW if self.window else Views.PAGE, port=self.port)
        signals = Signals()
        with signals.caught(), serving.hub(player.meta, recording.models) as hub:
            signals.note()
            with serving.opened(hub, lambda text: print(text, file=sys.stderr, flush=True)) as window:
                if window is None and self.browser:
                    webbrowser.open(hub.url)
                try:
                    player.play(hub, lambda: signals.received is not None or (window is not None and not window.open))
                except RecordingError as error:
                    raise RunError(str(error)) from error
        return 0


def folder_of(text: str) -> Path:
    """A folder that a recording can be written to: empty, or not there yet.

    Raises:
        UsageError: there is something in it, or its parent does not exist.
    """
    path = Path(text)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(
            f"{text} was asked for; frames are recorded into an empty folder, or one that is not there yet.\n"
            f"They would be mixed up with what is there.\n"
            f"Choose another name, or empty it."
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(
            f"{text} was asked for; there is no folder {path.absolute().parent}.\n"
            f"The frames could not be written.\n"
            f"Make it, or choose another."
        )
    return path
