"""Serving: how a run, or a recording of one, is shown to people."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaver.errors import RunError
from weaver.run import Run
from weaver.view import models_of, world_meta

if TYPE_CHECKING:
    from viewer.hub import Hub
    from viewer.window import Window

MEGABYTE = 1e6


class Views(enum.StrEnum):
    """How a run is shown."""

    NONE = "none"
    PAGE = "page"
    WINDOW = "window"


@dataclass(frozen=True)
class Serving:
    """What is asked for.

    Attributes:
        view: a page, a window, or nothing.
        host: address that the page listens on; 127.0.0.1 is this machine alone.
        port: 0 takes a free one.
        public_url: by which people reach the page through a proxy.
        bandwidth: bytes per second for all viewers together.
        record: folder to write frames to.
        every: ticks between two of them, at least.
    """

    view: Views = Views.NONE
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str | None = None
    bandwidth: float | None = None
    record: Path | None = None
    every: int = 1

    def hub(self, meta: dict[str, Any], models: Mapping[str, Any], publish_host: str = "127.0.0.1") -> Hub:
        """Start to serve.

        Raises:
            RunError: the address cannot be had, or the folder not be written.
        """
        from viewer.hub import Hub, HubError

        try:
            return Hub.start(
                meta, host=self.host, port=self.port, publish_host=publish_host, public_url=self.public_url,
                total_bytes_per_second=self.bandwidth, models=dict(models), record=self.record,
                record_every=self.every,
            )  # fmt: skip
        except HubError as error:
            raise RunError(str(error)) from error

    @contextmanager
    def shown(
        self, run: Run, ticks: int | None, note: Callable[[str], object]
    ) -> Iterator[tuple[Hub | None, Window | None]]:
        """Open the view that was asked for, and say where it is."""
        if self.view is Views.NONE and self.record is None:
            yield None, None
            return
        with self.hub(world_meta(run, ticks), models_of(run.simulation), run.driver_address) as hub:
            run.publish(hub)
            with self.opened(hub, note) as window:
                yield hub, window
        if self.record is not None:
            note(f"recording: {self.record}")

    @contextmanager
    def opened(self, hub: Hub, note: Callable[[str], object]) -> Iterator[Window | None]:
        """Say where the page is, or open the window."""
        window = None
        if self.view is Views.WINDOW:
            from viewer.window import open_window

            opened = open_window(hub)
            if isinstance(opened, str):
                note(opened)
            else:
                window = opened
        if self.view is not Views.NONE and window is None:
            note(f"view: {hub.url}")
            note(f"to look only: {hub.view_url}")
        try:
            yield window
        finally:
            if window is not None:
                fault = window.fault
                window.close()
                if fault is not None:
                    note(fault)
