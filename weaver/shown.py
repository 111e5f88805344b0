"""Showing: what viewers, and the command, want of a run."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from partitions.program import Program
from partitions.runtime import Runtime
from weaver.entity import Layer
from weaver.samples import Samples
from weaver.simulation import Simulation

if TYPE_CHECKING:
    from partitions.frames import Frame
    from partitions.interest import Interest
    from viewer.hub import Hub
    from weaver.notebook import View


class Shown(ABC):
    """Part one: what a run provides. Part two: how it is shown."""

    # Part one

    simulation: Simulation
    _program: Program
    _runtime: Runtime
    _samples: Samples
    _values: dict[str, float]
    _fixed: dict[str, bool]
    _view: View | None = None
    turn: threading.RLock

    @abstractmethod
    def _alive(self, asked: str) -> None:
        """Refuse what cannot be asked of a run that was stopped, or has failed."""

    @abstractmethod
    def _standing(self) -> AbstractContextManager[None]:
        """Inside the block the run stands between two ticks."""

    # Part two

    def view(self, width: int = 960, height: int = 640, *, port: int = 0) -> View:
        """Show the run in a notebook, or to a browser at the returned object's `url`.

        The page plays, pauses and steps the run and sets its parameters; so may the program, `step` and `pause` end
        what the page plays. It shows the run until `stop`. Called again it gives the same view in another size.

        Args:
            width: of the frame in the notebook, in pixels.
            height: the same.
            port: where the page is served on this machine; 0 takes a free one.

        Returns:
            What a notebook displays as the page, with the attributes `url` and `view_url`, the links for those who may
            steer and for those who may only look.

        Raises:
            RunError: the page cannot be served, or the run was stopped.
        """
        from weaver.notebook import View, Watch

        self._alive("view()")
        watch = self._view.watch if self._view is not None else Watch(self, port)  # type: ignore[arg-type]
        self._view = View(watch, width, height, self)  # type: ignore[arg-type]
        return self._view

    def publish(self, hub: Hub) -> None:
        """Send frames to the viewers of a hub from now on; the run never waits for them."""
        with self._standing():
            self._runtime.publish(hub.publish_address, hub.publish_secret)

    def show(self) -> None:
        """Send the present state to the viewers, so that a run that stands shows its last tick."""
        with self._standing():
            self._runtime.show()

    def frame(self, interest: Interest) -> Frame:
        """The present state as those see it who have this interest."""
        from partitions.frames import merge

        with self._standing():
            return merge(self._runtime.portions(interest))

    def boxes(self) -> list[tuple[tuple[float, ...], tuple[float, ...], int]]:
        """(low corner, high corner, worker) of each partition, in the world's unit of length."""
        return self._runtime.part_boxes()

    def sampled(self, first: int) -> tuple[list[int], dict[str, list[Any]]]:
        """Ticks and values of the samples from number `first` on; of a run that moves, up to its last stand."""
        return self._samples.since(first)

    @property
    def driver_address(self) -> str:
        """Where workers reach a server of this process."""
        return self._runtime.driver_address

    @property
    def parameters(self) -> dict[str, float]:
        """The values that parameters have now, by name."""
        return dict(self._values)

    @property
    def fixed_parameters(self) -> tuple[str, ...]:
        """Those that cannot be set any more, because the app used them before the start."""
        return tuple(name for name, fixed in self._fixed.items() if fixed)

    def radii(self) -> dict[str, float]:
        """The largest radius at which some behavior looks for an entity type, 0 where none does, by its name."""
        return {spec.name: r for spec, r in zip(self._program.types, self._program.radii, strict=True)}

    def layer_shapes(self) -> dict[type[Layer], tuple[int, ...]]:
        """The shape of each layer's array, (ny, nx) or (nz, ny, nx)."""
        cells, kinds = self._program.grid.cells, self.simulation.kinds
        return {layer: cells[kinds.index(layer)].shape[::-1] for layer in self.simulation.layers}
