"""Commands that say what there is by name: ls, show."""

from __future__ import annotations

from typing import Annotated

import typer

from xstilts.cli.options import DataOption, JsonOption, LanguagesOption, console_for, split


def ls(
    what: Annotated[str, typer.Argument(help="tasks, encoders, perturbations or suites", show_default=False)],
    suite: Annotated[
        str | None, typer.Option("--suite", help="only the tasks of this suite", show_default=False)
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what there is."""
    from xstilts.listing import list_names

    list_names(what, data, console_for(as_json), as_json, suite)


def show(
    name: Annotated[str, typer.Argument(help="a task or a perturbation", show_default=False)],
    languages: LanguagesOption = None,
    samples: Annotated[int, typer.Option("--samples", "-n", min=1, help="rows a language")] = 3,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a task with rows, where its files come from and what is there; or a perturbation before and after."""
    from xstilts.listing import show_name

    show_name(name, split(languages), samples, data, console_for(as_json), as_json)
