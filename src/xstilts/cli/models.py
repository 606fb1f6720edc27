"""Commands that test models as they are: evaluate, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xstilts.cli.options import (
    DataOption,
    JsonOption,
    LanguagesOption,
    LimitOption,
    TasksOption,
    console_for,
    split,
)


def evaluate(
    model: Annotated[
        str, typer.Argument(help="a Hugging Face id, a folder, or bundled/…", show_default=False)
    ],
    tasks: Annotated[
        str, typer.Option("--tasks", "-t", help="tasks or suites, comma-separated", show_default=False)
    ],
    languages: LanguagesOption = None,
    conditions: Annotated[str, typer.Option("--conditions", help="comma-separated: clean,typos@2")] = "clean",
    data: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="folder for predictions and results", show_default=False),
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test a model as it is: retrieval tasks with any encoder, others with a model that has their head."""
    from xstilts import evaluating

    evaluation = evaluating.evaluate(
        model,
        split(tasks),
        split(languages) or None,
        out,
        conditions=split(conditions),
        limit=limit,
        data=data,
    )
    if as_json:
        typer.echo(evaluation.to_json())
    else:
        evaluating.print_evaluation(evaluation, console_for())


def compare(
    a: Annotated[str, typer.Argument(help="a model, a folder of predictions, or a run", show_default=False)],
    b: Annotated[str, typer.Argument(help="what it is compared with", show_default=False)],
    tasks: TasksOption = None,
    languages: LanguagesOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two models, or two folders of predictions, on the same items by paired statistics."""
    from xstilts import comparing

    comparison = comparing.compare(
        a, b, tasks=split(tasks) or None, languages=split(languages) or None, data=data
    )
    if as_json:
        typer.echo(comparison.to_json())
    else:
        comparing.print_comparison(comparison, console_for())
