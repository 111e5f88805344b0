"""Apps: find an app file, execute it, and hand back its Simulation."""

from __future__ import annotations

import ast
import importlib.util
import sys
import traceback
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weaver.errors import AppError, ModelError, WeaverError
from weaver.simulation import Simulation, settings

BUNDLED = Path(__file__).resolve().parent.parent / "apps"
"""The folder of the apps that come with Weaver, beside the package in a checkout and in an installation."""


class UsageError(AppError):
    """What was asked for does not exist: no such app, a file that is none, no such parameter, a value out of range."""


def load_app(
    app: str | Path,
    seed: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
) -> tuple[types.ModuleType, Simulation]:
    """Execute an app file, not as `__main__`, and return its module and the one Simulation it makes.

    Args:
        app: path of a .py file, of a folder with main.py, or the name of a bundled app.
        seed: acts in place of the file's own seed.
        parameters: values by name that act before the file's own, numbers or text.
        before: the same, of an earlier run; those of parameters that are no more are left out.

    Raises:
        UsageError: there is no such app, the simulation has no such parameter, or a value is out of its range.
        UsageError: the file holds no Simulation at module level, or more than one: it is no app.
        AppError: the file raises (kept as the cause).
    """
    path = find_app(app)
    wanted = dict(parameters or {})
    module = _execute(path, seed, {**(before or {}), **wanted})
    found = {id(value): name for name, value in vars(module).items() if isinstance(value, Simulation)}
    if not found:
        raise UsageError(
            f"{path.name} was loaded and made no Simulation; an app holds one at module level.\n"
            f"There is nothing to run.\n"
            f"Write sim = wv.Simulation(wv.Box(400, 400)) in the file, outside functions and `if __name__ ...`."
        )
    if len(found) > 1:
        raise UsageError(
            f"{path.name} makes {len(found)} Simulations: {', '.join(found.values())}; an app holds one.\n"
            f"Weaver would not know which to run.\n"
            f"Put each into its own file."
        )
    simulation: Simulation = getattr(module, next(iter(found.values())))
    simulation.name, simulation.file = app_name(path), str(path)
    for name in wanted:
        if name not in simulation.parameters:
            raise unknown_parameter(simulation, name)
    return module, simulation


def unknown_parameter(simulation: Simulation, name: str) -> UsageError:
    """The error for a parameter that a simulation does not have."""
    known = ", ".join(f"{p.name} ({p.value:g})" for p in simulation.parameters.values())
    return UsageError(
        f"parameter {name!r} was to be set; {simulation.name} has {known or 'no parameters'}.\n"
        f"The value would change nothing.\n"
        f"{'Choose one of these names' if known else 'Leave it out'}, "
        f"or declare sim.parameter({name!r}, ...) in the app."
    )


def app_name(path: Path) -> str:
    """'flocking' for flocking.py and for flocking/main.py."""
    return path.parent.name if path.name == "main.py" else path.stem


def find_app(app: str | Path) -> Path:
    """Find the file of an app: a path as written, else a bundled name.

    Raises:
        UsageError: there is none.
    """
    written = Path(app)
    candidates = [written, written / "main.py"]
    if str(app).isidentifier():
        candidates += [BUNDLED / f"{app}.py", BUNDLED / str(app) / "main.py"]
    for candidate in candidates:
        if candidate.is_file() and candidate.suffix == ".py":
            return candidate.resolve()
    names = ", ".join(name for name, _ in bundled_apps())
    raise UsageError(
        f"app {str(app)!r} was asked for; there is no such .py file, folder with main.py, or bundled app ({names}).\n"
        f"There is nothing to run.\n"
        f"Give the path from here ({Path.cwd()}), or a name that `weaver apps` lists."
    )


def bundled_apps() -> list[tuple[str, str]]:
    """Names and first docstring lines of the bundled apps, by name; the files are parsed, not executed."""
    files = [p for p in (*BUNDLED.glob("*.py"), *BUNDLED.glob("*/main.py")) if not p.name.startswith("_")]
    listed = []
    for path in sorted(files, key=app_name):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        listed.append((app_name(path), docstring.partition("\n")[0]))
    return listed


def default_ticks(module: types.ModuleType) -> int | None:
    """How many ticks the app runs by itself: what its own `sim.run(ticks=...)` or `run.step(...)` says.

    The call stands under `if __name__ == "__main__":`, which is not executed here, so its argument is read from the
    source: a whole number, or the name of one at module level. None if there is no such call.
    """
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    for statement in tree.body:
        if not (isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)):
            continue
        for node in ast.walk(statement):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in ("run", "step"):
                continue
            given = node.args[:1] + [k.value for k in node.keywords if k.arg == "ticks"]
            for argument in given:
                value = getattr(argument, "value", None)
                if isinstance(argument, ast.Name):
                    value = getattr(module, argument.id, None)
                if isinstance(value, int) and not isinstance(value, bool):
                    return value
    return None


def _execute(path: Path, seed: int | None, parameters: Mapping[str, Any]) -> types.ModuleType:
    name = f"weaver_app_{app_name(path)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # a .py file has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # An app may import the files beside it, as a script may. Bundled ones import none: pandas would find `bottleneck`
    # among them, and take it for the package of that name.
    if path.parent != BUNDLED and str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    token = settings.set({"seed": seed, "parameters": parameters})
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # A value from --set is checked where the file declares its parameter; it is the caller's mistake all the same.
        if isinstance(error, ModelError) and str(error).startswith(tuple(f"parameter {n}=" for n in parameters)):
            raise UsageError(str(error)) from error
        raise _raised(path, error) from error
    finally:
        settings.reset(token)
    return module


def _raised(path: Path, error: Exception) -> AppError:
    """The error for a file that raises: Weaver's own messages as they are, others with their place in the file."""
    line = getattr(error, "lineno", None)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(path):
            line = frame.lineno
    source = ""
    if line:
        text = path.read_text(encoding="utf-8", errors="replace").splitlines()
        source = f"\n    {text[line - 1].strip()}" if line <= len(text) else ""
    place = f"{path.name}, line {line or '?'}"
    if isinstance(error, WeaverError):
        return AppError(f"{place}:{source}\n{error}")
    return AppError(
        f"{place}, raised {type(error).__name__}: {error}{source}\n"
        f"The app ends before it has made its Simulation.\n"
        f"Correct the line; `python {path.name}` shows the whole traceback."
    )
