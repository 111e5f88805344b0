"""Appearance: how an author wants an entity type or a layer to be drawn, `class Bird(wv.Entity, view={...})`."""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weaver.errors import ModelError
from weaver.field import Declared

MODELS = ("point", "disc", "cone", "arrow", "dart", "box", "person", "car", "ball")
"""Models that every view can draw."""
FORMATS = (".glb", ".obj", ".stl")
"""Endings of files that hold a model of one's own."""
HEADINGS = ("velocity", "heading")
"""A vector field of one of these names is drawn as a direction."""
DIRECTION = "direction"
"""What `color_by` says to colour by where an entity heads."""

_EXAMPLES = {
    "model": 'view={"model": "dart"}',
    "size": 'view={"size": 2.0}',
    "color": 'view={"color": "#4cc9f0"}',
    "color_by": 'view={"color_by": "energy"}',
}


def checked_view(cls: type[Declared], view: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """Check a `view` class argument.

    Args:
        cls: the class, whose fields are known already.
        view: what was written.
        keys: those that a class of this kind has.

    Returns:
        The same; a model that is a file is its Path.

    Raises:
        ModelError: it is no dict, or one of its values makes no sense.
    """
    if not isinstance(view, Mapping):
        raise ModelError(
            f"{cls.__name__} was declared with view={view!r}; a view is a dict with {', '.join(keys)}.\n"
            f"Nobody would know how to draw it.\n"
            f"Write {_EXAMPLES[keys[-1]]}."
        )
    checks = {"model": _model, "size": _size, "color": _color, "color_by": _color_by}
    made = {}
    for key, value in view.items():
        if key not in keys:
            close = difflib.get_close_matches(str(key).replace("colour", "color"), keys, 1, 0.5)
            raise ModelError(
                f"{cls.__name__} was declared with view={{{key!r}: {value!r}}}; a view holds {', '.join(keys)}.\n"
                f"This would change nothing.\n"
                f"Write {_EXAMPLES[close[0] if close else keys[-1]]}, or leave {key!r} out."
            )
        made[key] = checks[key](cls, value)
    return made


def heading_of(cls: type[Declared], components: int | None = None) -> str | None:
    """The field that says where an entity heads, if there is one (of so many components)."""
    for name in HEADINGS:
        field = cls.__fields__.get(name)
        if field is not None and field.vector is not None and components in (None, len(field.columns)):
            return name
    return None


def _model(cls: type[Declared], value: Any) -> str | Path:
    if value in MODELS:
        return str(value)
    path = Path(value) if isinstance(value, (str, Path)) else None
    if path is None or path.suffix.lower() not in FORMATS:
        close = difflib.get_close_matches(str(value), MODELS, 1, 0.5)
        raise ModelError(
            f"{cls.__name__} was declared with the model {value!r}; models are {', '.join(MODELS)}, and files that "
            f"end in {', '.join(FORMATS)}.\n"
            f"It would have no shape.\n"
            f'Write view={{"model": "{close[0] if close else "dart"}"}}, or name a file.'
        )
    folder = _folder(cls)
    found = folder / path
    if not found.is_file():
        raise ModelError(
            f"{cls.__name__} was declared with the model {str(value)!r}; there is no such file in {folder}.\n"
            f"It would have no shape.\n"
            f"Give the path from the folder of the file that declares {cls.__name__}, or one of {', '.join(MODELS)}."
        )
    return found.resolve()


def _folder(cls: type[Declared]) -> Path:
    """Where the file lies that declares a class; of a notebook, the working folder."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Path(file).resolve().parent if file else Path.cwd()


def _size(cls: type[Declared], value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value > 0):
        raise ModelError(
            f"{cls.__name__} was declared with the size {value!r}; a size is a positive length in the world's unit.\n"
            f"It could not be seen.\n"
            f"Write {_EXAMPLES['size']}."
        )
    return float(value)


def _color(cls: type[Declared], value: Any) -> str:
    if not (isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value)):
        raise ModelError(
            f'{cls.__name__} was declared with the color {value!r}; a color is written "#rrggbb", each part from 00 '
            f"to ff.\n"
            f"The views would not know it.\n"
            f"Write {_EXAMPLES['color']}."
        )
    return value.lower()


def _color_by(cls: type[Declared], value: Any) -> str:
    known = [name for name in cls.__fields__ if name != "position"]
    if heading_of(cls) is not None:
        known.append(DIRECTION)
    if value not in known:
        close = difflib.get_close_matches(str(value), known, 1, 0.5)
        why = f', for {DIRECTION!r} it has neither "velocity" nor "heading"' if value == DIRECTION else ""
        raise ModelError(
            f"{cls.__name__} was declared with color_by={value!r}; it has {', '.join(known) or 'no fields'}{why}.\n"
            f"All would have one color.\n"
            f'Write view={{"color_by": "{close[0] if close else (known or ["energy"])[0]}"}}, or declare the field.'
        )
    return str(value)
