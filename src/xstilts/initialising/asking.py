"""What one asks of `xstilts init`, and the keys of the task that shall not be guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import UnknownName, UserError
from xstilts.initialising.writing import to_flow
from xstilts.recipe import BASELINE, Recipe, parse_recipe, set_key
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.rows import SHAPES

ENCODER = "bundled/multilingual-e5-small"
INTERMEDIATE = ("pocket/definitions",)


@dataclass(frozen=True)
class Request:
    """What one types: files, and whatever shall not be guessed.

    `tests` are patterns or files, as `--test` takes them. `changes` are keys of the task as `--set` takes them:
    `columns.text=review`, `header=false`. `out` is the path of the recipe; the paths in it start from its folder.
    `data` is the folder with benchmark data, for intermediate tasks that need it.
    """

    tests: tuple[str, ...]
    train: str | None = None
    dev: str | None = None
    out: Path = Path("recipe.yaml")
    changes: tuple[str, ...] = ()
    encoder: str = ENCODER
    intermediate: tuple[str, ...] = INTERMEDIATE
    data: Path | None = None


def task_of(keys: Mapping[str, Any]) -> UserTask:
    """A task from its keys, checked as in a recipe.

    Raises:
        RecipeError: a key or value that a task does not have.
    """
    recipe = {"encoder": "any", "arms": {BASELINE: {}}, "targets": ["task"], "tasks": {"task": dict(keys)}}
    task = parse_recipe(to_flow(recipe), "the task").tasks["task"]
    if not isinstance(task, UserTask):
        raise UserError(f"the task: expected the keys of files and columns, got {', '.join(keys)}")
    return task


def decided(changes: tuple[str, ...]) -> dict[str, Any]:
    """The keys of the task that the user decides; `columns` is always among them.

    Raises:
        UserError: no key of a task, or a value that it does not take.

    Example:
        >>> decided(("columns.text=review", "header=false"))
        {'columns': {'text': 'review'}, 'header': False}
    """
    values: dict[str, Any] = {}
    for change in changes:
        _check_key(change)
        set_key(values, change)
    for name in ("languages", "labels"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    kind = values.get("type", "classification")
    if kind not in SHAPES:
        raise UnknownName("task type", str(kind), SHAPES)
    columns = values.setdefault("columns", {})
    if not isinstance(columns, dict):
        raise UserError(
            f"--set columns={columns}: expected the name of a column, such as columns.text=review"
        )
    known = SHAPES[kind].columns if "type" in values else [one for x in SHAPES.values() for one in x.columns]
    for name in columns:
        if name not in known:
            raise UnknownName("column of a task", name, set(known))
    values["columns"] = {name: tuple(one) if isinstance(one, list) else one for name, one in columns.items()}
    others = {key: value for key, value in values.items() if key not in {"columns", "labels"}}
    sides = SHAPES[kind].sides
    files = (
        dict.fromkeys(sides, "{language}") if "gold" in sides else "{language}"
    )  # more than columns of one file
    task_of({"type": kind, "files": files, **others})
    return values


def _check_key(change: str) -> None:
    key = change.partition("=")[0].strip().partition(".")[0]
    if key == "files":
        raise UserError(f"--set {change}: files are named by --train, --dev and --test")
    if key in Recipe.model_fields and key not in UserTask.model_fields:
        raise UserError(
            f"--set {change}: {key} is a key of the recipe, not of the task. Change it in the recipe, or give the same "
            "to `xstilts run`"
        )
    if key not in UserTask.model_fields:
        raise UnknownName("key of a task", key, UserTask.model_fields)
