"""Weaver: spatial simulations in plain Python, compiled, partitioned, and the same bits every time.

    import weaver as wv

The words are described in docs/language.md. Importing this module loads neither numba nor Ray nor a 3D library.
"""

from numpy import float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64

from weaver.entity import Entity, Layer
from weaver.errors import AppError, BehaviorError, ModelError, RecordError, RunError, WeaverError
from weaver.field import Array
from weaver.message import Event, Link, Message
from weaver.parameter import Parameter
from weaver.simulation import Simulation
from weaver.sites import Sites
from weaver.space import Box
from weaver.table import Table
from weaver.vector import Vec2, Vec2f, Vec3, Vec3f, polar
from weaver.world import World

__version__ = "0.1.0"

__all__ = [
    "AppError",
    "Array",
    "BehaviorError",
    "Box",
    "Entity",
    "Event",
    "Layer",
    "Link",
    "Message",
    "ModelError",
    "Parameter",
    "RecordError",
    "RunError",
    "Simulation",
    "Sites",
    "Table",
    "Vec2",
    "Vec2f",
    "Vec3",
    "Vec3f",
    "WeaverError",
    "World",
    "__version__",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "polar",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
