"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from xstilts.experiment import Experiment

Options = TypeVar("Options")

RecipeArgument = Annotated[Path, typer.Argument(help="a recipe (YAML)", show_default=False)]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="folder of the run \\[default: runs/<name of the recipe>]", show_default=False
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="XSTILTS_DATA", help="folder with benchmark data", show_default=False),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="XSTILTS_STORE",
        help="where stages are kept: folder or fsspec URL \\[default: <out>/store]",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="change a key of the recipe: training.target.epochs=5; may be repeated",
        show_default=False,
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="test only so many sources a task", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON for scripts")]
TasksOption = Annotated[
    str | None, typer.Option("--tasks", "-t", help="tasks or suites, comma-separated", show_default=False)
]
ScoredTasksOption = Annotated[
    str | None,
    typer.Option("--tasks", "-t", help="only these tasks, comma-separated: xnli,udpos", show_default=False),
]
LanguagesOption = Annotated[
    str | None,
    typer.Option("--languages", "-l", help="languages, comma-separated \\[default: all]", show_default=False),
]


def open_recipe(
    recipe: Path,
    folder: Path,
    data: Path | None,
    store: str | None = None,
    limit: int | None = None,
    overrides: list[str] | None = None,
) -> Experiment:
    """Read a recipe with the changes of --limit and --set, and what it names; stages are kept below the folder.

    Raises:
        UserError: the recipe, or what it names, cannot be used.
    """
    from xstilts.experiment import open_experiment
    from xstilts.recipe import load_recipe

    changes = [*(overrides or []), *([f"limit={limit}"] if limit is not None else [])]
    loaded = load_recipe(recipe, tuple(changes))
    return open_experiment(loaded, recipe.parent, store or folder / "store", data)


def check_out(folder: Path) -> None:
    """Raise a `UserError` where a run's folder, or one above it, is a file."""
    from xstilts.errors import UserError

    file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
    if file is not None:
        raise UserError(
            f"--out {folder}: {file} is a file. Expected a folder for the run, such as --out {run_folder(file)}"
        )


def run_folder(recipe: Path) -> Path:
    """Where a recipe runs when --out does not say.

    Example:
        >>> run_folder(Path("recipes/pocket.yaml")).as_posix()
        'runs/pocket'
    """
    return Path("runs") / recipe.stem


def split(text: str | None) -> list[str]:
    """The values of an option that takes several, comma-separated.

    Example:
        >>> split("xnli, udpos,"), split(None)
        (['xnli', 'udpos'], [])
    """
    return [part.strip() for part in text.split(",") if part.strip()] if text else []


def console_for(as_json: bool = False, to_stderr: bool = False) -> Console:
    """Where people read: standard error when standard output carries JSON."""
    from rich.console import Console

    follows = os.environ.get("RANK", "0") != "0"  # of several processes that train together, one speaks
    return Console(stderr=as_json or to_stderr, quiet=follows)


def with_options(kind: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Decorates the work of a command, whose options are the fields of a dataclass with their defaults.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Named:
        ...     name: Annotated[str, typer.Option("--name")] = "you"
        >>> @with_options(Named)
        ... def greet(named: Named) -> None:
        ...     print(f"Hello, {named.name}")
        >>> greet(name="all")
        Hello, all
    """

    def decorate(work: Callable[[Options], None]) -> Callable[..., None]:
        def command(**values: Any) -> None:
            work(kind(**values))

        command.__name__, command.__doc__ = work.__name__, work.__doc__
        vars(command)["__signature__"] = inspect.signature(
            kind, eval_str=True
        )  # where typer looks for options
        return command

    return decorate
