"""Notebooks: a run shown in a cell, steered by the page and by the program at the same time."""

from __future__ import annotations

import html
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaver.drive import LOOK_SECONDS, Driver
from weaver.errors import RunError, WeaverError
from weaver.view import models_of, picture_frame, world_meta

if TYPE_CHECKING:
    from weaver.run import Run

BUSY = "The program moves the run itself at this moment. The page would come in between. Try again when it is done."


class Watch:
    """Keeps a run on show, and lets the viewers move it from a thread of its own, until `close`.

    The program and the viewers take turns: `Run` has a lock, and whoever moves the run last decides. What the program
    asks between two ticks does not end what the page plays; `step`, `pause` and `resume` do.

    Attributes:
        hub: who serves the page.
        error: what ended a run that the page had moved.
    """

    def __init__(self, run: Run, port: int) -> None:
        """Serve the page; the run stands until somebody moves it.

        Raises:
            RunError: the page cannot be served.
            ModelError: a model cannot be read.
        """
        from viewer.hub import Hub, HubError

        try:
            self.hub = Hub.start(
                world_meta(run, None), port=port, publish_host=run.driver_address, embed=True,
                models=models_of(run.simulation),
            )  # fmt: skip
        except HubError as error:
            raise RunError(str(error)) from error
        self.error: WeaverError | None = None
        self._run, self._driver = run, Driver(run, None, self.hub, paused=True)
        self._closing = threading.Event()
        run.publish(self.hub)
        self._thread = threading.Thread(target=self._serve, name="view", daemon=True)
        self._thread.start()

    def rest(self) -> bool:
        """Play no more; whether the page has moved the run since it was last asked. Its own thread goes on."""
        if threading.current_thread() is self._thread:
            return False
        moved, self._driver.moved, self._driver.paused = self._driver.moved, False, True
        return moved

    def close(self) -> None:
        """End the page."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._driver.wake.set()
        self._thread.join()
        self.hub.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            for command in self._driver.commands():
                if self._mine(LOOK_SECONDS):
                    try:
                        self._guarded(command)
                    finally:
                        self._run.turn.release()
                elif command["op"] != "refresh":
                    self.hub.refuse(command["op"], BUSY)
            if self._mine(0.0):
                try:
                    self._guarded(None)
                finally:
                    self._run.turn.release()
            else:
                self._driver.tell()
            self._driver.wake.wait(LOOK_SECONDS)

    def _mine(self, seconds: float) -> bool:
        return self._run.turn.acquire(timeout=seconds)

    def _guarded(self, command: dict[str, Any] | None) -> None:
        """Obey, or have a look; a run that fails meanwhile is told to the viewers, and to the program when it asks."""
        op = "play" if command is None else command["op"]
        try:
            if self.error is not None:
                if command is not None and op != "refresh":
                    self.hub.refuse(op, str(self.error))
                self._driver.tell(paused=True)
            elif command is not None:
                self._driver.obey(command)
            elif self._driver.look():  # a condition of `until` holds
                self._driver.paused = True
                self._driver.tell()
        except WeaverError as error:
            self.error, self._driver.paused = error, True
            self.hub.refuse(op, str(error))


class View:
    """A run on show; a notebook displays it as the page.

    Attributes:
        url: link for those who may steer.
        view_url: link for those who may only look.
        watch: what keeps it on show.
    """

    def __init__(self, watch: Watch, width: int, height: int, run: Run) -> None:
        """Show what a watch serves in a frame of so many pixels."""
        self.watch, self.url, self.view_url = watch, watch.hub.url, watch.hub.view_url
        self._width, self._height, self._run = width, height, run

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The page in a frame, and a still for where there is no page, if one can be drawn."""
        link = html.escape(f"{self.url}&embed", quote=True)
        frame = (
            f'<iframe src="{link}" width="{self._width}" height="{self._height}" style="border: 0" '
            f'allow="fullscreen; clipboard-write"></iframe>'
        )
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": frame}
        still = self._still()
        if still is not None:
            bundle["image/png"] = still
        return bundle

    def _still(self) -> bytes | None:
        """The present tick as a PNG; None where there is nothing to draw it with."""
        from viewer.image import ImageError, write_image

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "still.png"
            try:
                meta, frame = world_meta(self._run, None), picture_frame(self._run)
                write_image(path, meta, frame, (self._width, self._height), models=models_of(self._run.simulation))
            except (ImageError, WeaverError):
                return None
            return path.read_bytes()

    def __repr__(self) -> str:
        return f"<View of {self._run.simulation.name}: {self.url}>"
