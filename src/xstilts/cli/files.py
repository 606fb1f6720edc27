"""Commands that check or score the user's files: score, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xstilts.cli.options import (
    DataOption,
    JsonOption,
    ScoredTasksOption,
    SetOption,
    console_for,
    open_recipe,
    run_folder,
    split,
)
from xstilts.errors import UserError


def score(
    predictions: Annotated[Path, typer.Argument(help="folder with a sub-folder a task", show_default=False)],
    labels: Annotated[Path, typer.Argument(help="the same for labels", show_default=False)],
    suite: Annotated[str, typer.Option("--suite", help="xtreme or xtreme-r")] = "xtreme",
    rules: Annotated[
        str,
        typer.Option("--rules", help="official, or fixed: answers in every script, POS by token accuracy"),
    ] = "official",
    tasks: ScoredTasksOption = None,
    missing: Annotated[
        str, typer.Option("--missing", help="ids without a prediction: error, or zero")
    ] = "error",
    as_json: JsonOption = False,
) -> None:
    """Score a folder of predictions by the published evaluator's rules, averaged as it does."""
    from xstilts import submissions
    from xstilts.submissions.printing import print_scores, progress

    wanted = split(tasks)
    steps = 3 * len(wanted or submissions.get_suite(suite).tasks)
    with progress(steps, console_for(to_stderr=True)) as done:
        scores = submissions.score(predictions, labels, suite, rules, wanted or None, missing, done)
    if as_json:
        typer.echo(scores.to_json())
    else:
        print_scores(scores, console_for())


def validate(
    what: Annotated[
        Path,
        typer.Argument(
            help="a recipe, a folder of benchmark files, or predictions for a leaderboard", show_default=False
        ),
    ],
    data: DataOption = None,
    overrides: SetOption = None,
    suite: Annotated[
        str | None,
        typer.Option("--suite", help="of predictions: xtreme or xtreme-r [default: by its tasks]"),
    ] = None,
    tasks: ScoredTasksOption = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="of predictions: labels that they must fit", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a recipe and every row of the data it names; a folder of benchmark files; or one of predictions."""
    console = console_for(as_json)
    if what.is_dir():
        from xstilts.validating import Against, validate_folder

        against = Against(suite, tuple(split(tasks)), labels, data)
        valid = validate_folder(what, against, console, console_for(to_stderr=True), as_json)
    else:
        from xstilts.console import print_validation

        valid = print_validation(
            open_recipe(what, run_folder(what), data, overrides=overrides), console, as_json
        )
    if not valid:
        raise typer.Exit(UserError.exit_code)
