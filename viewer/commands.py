"""What a viewer may say: one JSON object per message, checked before anything acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

LARGEST_MESSAGE = 64 * 1024
MOST_SELECTED = 200
CONTROL = frozenset({"play", "pause", "step", "rate", "set", "seek"})
"""What only those may do who hold the control token."""

Name = Annotated[str, Field(min_length=1, max_length=100)]
Coordinate = Annotated[float, Field(ge=-1e15, le=1e15)]
Corner = Annotated[list[Coordinate], Field(min_length=3, max_length=3)]
Id = Annotated[int, Field(ge=-(2**63), lt=2**63)] | Annotated[str, Field(pattern=r"^-?[0-9]{1,19}$")]
"""JavaScript's numbers end at 2**53: ids beyond come as text."""


class CommandError(ValueError):
    """A message that is none of these; it has no effect but the end of its connection."""


class _Message(BaseModel):
    """JSON as it is written: no other keys, no numbers in strings, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Ack(_Message):
    """The frame is drawn, another is welcome."""

    op: Literal["ack"]


class Enter(_Message):
    """The token, as the first message of a page that may keep no cookie."""

    op: Literal["enter"]
    token: Annotated[str, Field(max_length=200)]


class Shown(_Message):
    """What is wanted of one entity type: those that meet `where`, with these fields."""

    show: bool = True
    fields: Annotated[list[Name], Field(max_length=16)] = []
    where: Annotated[str, Field(max_length=1000)] = ""


class Histogram(_Message):
    """A histogram of a field; its range follows the values."""

    type: Name
    field: Name
    bins: Annotated[int, Field(ge=5, le=200)] = 40


class Interest(_Message):
    """What a viewer wants to see, the whole of it.

    Attributes:
        area: low and high corner, or None for all of the world.
        budget: most entities to be sent one by one; types that do not fit come as densities.
        hz: most frames per second; None: as the hub thinks fit.
        grid: cells on the longest side of a density grid or raster.
        types: by name; one that is absent is shown, without fields.
        layers: name -> field, or None for a layer that is not wanted; one that is absent shows its first field.
        selected: ids of entities whose every field is wanted.
        histograms: at most one of each field.
        load: whether to tell what the workers are busy with.
    """

    op: Literal["interest"]
    area: Annotated[list[Corner], Field(min_length=2, max_length=2)] | None = None
    budget: Annotated[int, Field(ge=1000, le=4_000_000)] = 200_000
    hz: Annotated[float, Field(ge=0.1, le=120)] | None = None
    grid: Annotated[int, Field(ge=16, le=512)] = 256
    types: Annotated[dict[Name, Shown], Field(max_length=200)] = {}
    layers: Annotated[dict[Name, Name | None], Field(max_length=200)] = {}
    selected: Annotated[list[Id], Field(max_length=MOST_SELECTED)] = []
    histograms: Annotated[list[Histogram], Field(max_length=8)] = []
    load: bool = False


class Play(_Message):
    """Go on."""

    op: Literal["play"]


class Pause(_Message):
    """Stand still."""

    op: Literal["pause"]


class Step(_Message):
    """Do some ticks, then stand still."""

    op: Literal["step"]
    n: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class Rate(_Message):
    """At most so many ticks per second; None: as fast as it goes."""

    op: Literal["rate"]
    hz: Annotated[float, Field(gt=0, le=1e6)] | None


class Set(_Message):
    """Give parameters of the model other values."""

    op: Literal["set"]
    values: Annotated[dict[Name, float], Field(min_length=1, max_length=200)]


class Seek(_Message):
    """Go to a tick of a recording."""

    op: Literal["seek"]
    tick: Annotated[int, Field(ge=0, lt=2**63)]


Command = Ack | Enter | Interest | Play | Pause | Step | Rate | Set | Seek
_COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="op")])


def parse(message: str | bytes, meta: Mapping[str, Any]) -> Command:
    """Read one message.

    Args:
        message: JSON text, of at most 64 KB.
        meta: the world's description; an interest must name types, fields and layers of it.

    Raises:
        CommandError: anything else.
    """
    if not isinstance(message, str) or len(message) > LARGEST_MESSAGE:
        raise CommandError("a command is a short text message")
    try:
        command = _COMMAND.validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise CommandError(f"{place}: {first['msg']}" if place else first["msg"]) from None
    except ValueError as error:  # text that is no Unicode, such as half a pair of surrogates
        raise CommandError("not JSON") from error
    if isinstance(command, Interest):
        _check(command, meta)
    if isinstance(command, Seek) and meta.get("live", True):
        raise CommandError("only a recording has other ticks to go to")
    return command


def _check(asked: Interest, meta: Mapping[str, Any]) -> None:
    types = {each["name"]: {field["name"] for field in each["fields"]} for each in meta["types"]}
    layers = {each["name"]: {field["name"] for field in each["fields"]} for each in meta.get("layers", ())}
    wanted = [(types, name, field) for name, shown in asked.types.items() for field in (None, *shown.fields)]
    wanted += [(layers, name, field) for name, field in asked.layers.items()]
    wanted += [(types, histogram.type, histogram.field) for histogram in asked.histograms]
    for known, name, field in wanted:
        if name not in known:
            raise CommandError(f"there is no {name[:40]!r}")
        if field is not None and field not in known[name]:
            raise CommandError(f"{name} has no {field[:40]!r}")
    if any(not -(2**63) <= int(each) < 2**63 for each in asked.selected):
        raise CommandError("no id is so large")
    if asked.area is not None and any(low > high for low, high in zip(*asked.area, strict=True)):
        raise CommandError("an area has its low corner first")
