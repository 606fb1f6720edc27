"""What importing costs, and which room may know which."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import xstilts

ROOT = Path(xstilts.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

HEAVY = (
    "torch",
    "transformers",
    "scipy",
    "pyarrow",
    "sklearn",
    "matplotlib",
    "datasets",
    "pandas",
    "ray",
    "statsmodels",
    "qq",
)

LAYERS = (
    {"errors", "wording"},
    {"languages", "hashing", "saved", "drafts", "images", "growing"},
    {"families"},
    {"store", "metrics", "tasks"},
    {"perturbations"},
    {"stage", "recipe", "analysis", "encoders", "submissions"},
    {"task_types"},
    {"counting", "training", "plan_parts", "plan_retrieval", "plan_images", "layer_choice", "seeing"},
    {"plan_settings"},
    {"plan", "predicting"},
    {"room", "context"},
    {"stages", "costs", "best", "overlap", "claims", "racing"},
    {"executors", "answer", "layers", "differing", "report", "detectable"},
    {"explaining", "explained", "heats", "results"},
    {"experiment", "showing", "validating"},
    {"finished", "demo", "listing", "examining", "outlook"},
    {"model_card"},
    {"exporting", "evaluating", "console", "ledger"},
    {"systems"},
    {"comparing", "initialising"},
    {"cli", "api"},
)
"""A room may import from layers above it in this list, wherever in a module the import stands. A new one joins here."""


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else path.stem


def imports(path: Path) -> Iterator[str]:
    """Full names of all that a module imports at run time; imports for type checkers are left out."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_rooms(path: Path) -> set[str]:
    """Rooms of xstilts that a module uses."""
    names = (name.split(".") for name in imports(path))
    found = {name[1] for name in names if name[0] == "xstilts" and len(name) > 1}
    return found - {"__version__", room_of(path)}


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def loaded_after(code: str) -> set[str]:
    """Heavy packages in memory after a piece of code has run in a process of its own."""
    code = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout.splitlines()[-1])) & set(HEAVY)


def test_import_is_light() -> None:
    assert loaded_after("import xstilts") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_is_light(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["xstilts", *{arguments!r}]
from xstilts.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
    assert loaded_after(code) == set()


def test_light_is_told_from_heavy() -> None:
    assert loaded_after("import numpy, pyarrow") == {"pyarrow"}


def test_recipes_are_read_without_torch() -> None:
    assert loaded_after("import xstilts.recipe") == set()


def test_every_room_has_a_layer() -> None:
    known = set.union(*LAYERS)
    assert {room_of(path) for path in MODULES} - {"__init__"} <= known
    assert sum(map(len, LAYERS)) == len(known), "a room stands in two layers"


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p != ROOT / "__init__.py"], ids=lambda p: names([p])[0]
)
def test_dependencies_point_one_way(path: Path) -> None:
    room = room_of(path)
    depth = next(number for number, layer in enumerate(LAYERS) if room in layer)
    assert own_rooms(path) <= set().union(*LAYERS[:depth])


def test_the_order_of_a_loop_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "tasks").mkdir()
    module = tmp_path / "tasks" / "bad.py"
    module.write_text("def f():\n    from xstilts.encoders import base\n    import xstilts.cli\n")
    assert own_rooms(module) == {"encoders", "cli"}
    with pytest.raises(AssertionError):
        test_dependencies_point_one_way(module)


def test_task_types_know_encoders_by_their_heads_only() -> None:
    used = {
        name
        for path in MODULES
        if room_of(path) == "task_types"
        for name in imports(path)
        if name.startswith("xstilts.encoders")
    }
    assert used == {"xstilts.encoders.checkpoint.HeadSpec"}


@pytest.mark.parametrize("path", sorted((ROOT / "cli").glob("*.py")), ids=lambda p: names([p])[0])
def test_the_command_line_imports_nothing_heavy_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in top if isinstance(node, ast.ImportFrom)}
    ours = {name for name in modules if name.startswith("xstilts") and not name.startswith("xstilts.cli")}
    assert ours <= {"xstilts.errors"}
    assert not {name.partition(".")[0] for name in modules} & set(HEAVY)
