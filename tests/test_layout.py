"""The layout: imports point one way, each heavy library has one folder, files stay readable."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("apps", "weaver", "partitions", "viewer")
ALLOWED = {
    "apps": {"weaver"},
    "weaver": {"weaver", "partitions", "viewer"},
    "partitions": {"partitions"},
    "viewer": {
        "viewer",
        *(f"partitions.{name}" for name in ("frames", "glance", "interest", "portion", "publisher", "still")),
    },
}
OWNERS = {"ray": "partitions", "open3d": "viewer", "libusb_package": "viewer", "typer": "weaver", "rich": "weaver"}
LONGEST = 600


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """(module, line, at the top of the file) of every import, those for type checkers left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hints = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    unseen = {id(inner) for hint in hints for inner in ast.walk(hint)}
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield str(node.module), node.lineno, id(node) not in inside
            if node.module in FOLDERS:
                yield from ((f"{node.module}.{name.name}", node.lineno, id(node) not in inside) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from ((name.name, node.lineno, id(node) not in inside) for name in node.names)


def within(module: str, allowed: set[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in allowed)


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_point_one_way(folder: str):
    own = {"apps", *{p.stem for p in files("apps")}} if folder == "apps" else set()
    backward = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in files(folder)
        for module, line, _ in imports(path)
        if module.partition(".")[0] in FOLDERS
        and not within(module, ALLOWED[folder] | own)
        and not (folder == "viewer" and module == "partitions")
    ]
    assert backward == []


def test_weaver_reaches_for_the_viewer_only_inside_functions():
    early = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in files("weaver")
        for module, line, top in imports(path)
        if module.partition(".")[0] == "viewer" and top
    ]
    assert early == []


@pytest.mark.parametrize("library", OWNERS)
def test_a_heavy_library_has_one_folder(library: str):
    strangers = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for folder in FOLDERS
        if folder != OWNERS[library]
        for path in files(folder)
        for module, line, _ in imports(path)
        if module.partition(".")[0] == library
    ]
    assert strangers == []


def test_apps_use_public_names_only():
    private = []
    for path in files("apps"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and node.attr.startswith("_")
                and ast.unparse(node.value) in ("wv", "sim")
            ):
                private.append(f"{path.name}:{node.lineno} uses {ast.unparse(node)}")
    assert private == []


@pytest.mark.parametrize("folder", [*FOLDERS, "benchmarks", "tests"])
def test_files_are_short_enough_to_read(folder: str):
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files(folder)
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}


def test_files_are_named_by_nouns():
    banned = {"utils", "util", "helpers", "common", "manager", "misc"}
    named = [path.relative_to(ROOT) for folder in FOLDERS for path in files(folder)]
    assert [str(path) for path in named if banned & {part.removesuffix(".py") for part in path.parts}] == []


def test_tests_mirror_the_code():
    strangers = [
        folder.name for folder in (ROOT / "tests").iterdir() if folder.is_dir() and folder.name != "__pycache__"
    ]
    assert set(strangers) <= {*FOLDERS, "golden"}
