"""Two ways to run a simulation, interpreted and compiled, and the entities that tests of meaning share."""

import numpy as np

import weaver as wv
from weaver.interpreter import Interpreter


class Interpreted:
    """A simulation in the interpreter."""

    def __init__(self, sim):
        self.run = Interpreter(sim)
        self.step, self.set, self.digest = self.run.step, self.run.set, self.run.digest
        self.stats, self.events, self.layer = self.run.stats, self.run.events, self.run.layer

    def observations(self):
        """Observation -> (tick, value) of each sample; vectors are lists."""
        return {
            name: [(tick, value if isinstance(value, (int, float)) else list(value)) for tick, value in samples]
            for name, samples in self.run.observations().items()
        }

    def of(self, kind):
        """Field name -> values by ascending id; vectors are rows."""
        fields = {}
        for name, column in self.run.rows(kind).items():
            fields.setdefault(name.split(".")[0], []).append(column)
        return {name: parts[0] if len(parts) == 1 else np.stack(parts, axis=1) for name, parts in fields.items()}

    def observed(self):
        """Name -> (tick, value) of every sample; a vector is a list."""
        return {
            name: [(tick, list(v) if isinstance(v, (wv.Vec2, wv.Vec3)) else v) for tick, v in samples]
            for name, samples in self.run.observations().items()
        }

    def close(self):
        """Nothing is left to end."""


class Compiled:
    """The same in three partitions of compiled kernels."""

    def __init__(self, sim):
        self.run = sim.start(partitions=3)
        self.step, self.set, self.digest = self.run.step, self.run.set, self.run.digest
        self.stats, self.layer = self.run.stats, self.run.layer

    def events(self, kind):
        """Events since the last call, in order."""
        return self.run.events(kind).to_pylist()

    def observations(self):
        """Observation -> (tick, value) of each sample; vectors are lists."""
        table = self.run.observations().to_pydict()
        ticks, _ = table.pop("tick"), table.pop("time")
        return {n: [(t, v) for t, v in zip(ticks, c, strict=True) if v is not None] for n, c in table.items()}

    def of(self, kind):
        """Field name -> values by ascending id; vectors are rows."""
        table = self.run.entities(kind)
        return {name: np.array(table[name].to_pylist()) for name in table.column_names}

    def observed(self):
        """Name -> (tick, value) of every sample; a vector is a list."""
        table = self.run.observations()
        return {
            name: [(row["tick"], row[name]) for row in table.to_pylist() if row[name] is not None]
            for name in table.column_names[2:]
        }

    def close(self):
        """End the run."""
        self.run.stop()


class Bird(wv.Entity):
    """The usual entity."""

    velocity: wv.Vec2
    energy: float
    mark: int
    seen: int


class Wolf(wv.Entity):
    """Another one."""

    mark: int
    seen: int
    energy: float


def world_of(lengths=(40, 40), boundary="periodic", **options):
    return wv.Simulation(wv.Box(*lengths, boundary=boundary), seed=7, **options)
