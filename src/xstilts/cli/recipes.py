"""Commands that write a recipe or carry one out: init, run, plan, demo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xstilts.cli.options import (
    DataOption,
    JsonOption,
    LimitOption,
    OutOption,
    RecipeArgument,
    SetOption,
    StoreOption,
    check_out,
    console_for,
    open_recipe,
    run_folder,
    split,
    with_options,
)

if TYPE_CHECKING:
    from rich.console import Console

    from xstilts.experiment import Experiment
    from xstilts.initialising import Request


@dataclass(frozen=True)
class Files:
    """What `init` is told: the user's files, and whatever shall not be guessed."""

    train: Annotated[
        str | None,
        typer.Option(
            "--train",
            help="English training file; sentence-retrieval and bitext-mining have none",
            show_default=False,
        ),
    ] = None
    test: Annotated[
        list[str] | None,
        typer.Option("--test", help="test files: 'test-{language}.tsv', or one by one", show_default=False),
    ] = None
    more_tests: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEST_FILE", help="further test files", show_default=False, hidden=True),
    ] = None
    dev: Annotated[
        str | None,
        typer.Option(
            "--dev",
            help="English dev file; without one, a tenth of the training rows is set aside",
            show_default=False,
        ),
    ] = None
    out: Annotated[Path, typer.Option("--out", "-o", help="the recipe to write")] = Path("recipe.yaml")
    task_type: Annotated[
        str | None,
        typer.Option(
            "--type",
            help="instead of the guess: classification, multiple-choice, tagging, span-qa, sentence-retrieval, "
            "bitext-mining or answer-retrieval",
            show_default=False,
        ),
    ] = None
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="instead of a guess, a key of the task: columns.text=review; may be repeated",
            show_default=False,
        ),
    ] = None
    encoder: Annotated[str, typer.Option("--encoder", help="a Hugging Face id, a folder, or bundled/…")] = (
        "bundled/multilingual-e5-small"
    )
    intermediate: Annotated[
        str, typer.Option("--intermediate", help="English tasks to learn first, an arm each, comma-separated")
    ] = "pocket/definitions"
    data: DataOption = None
    force: Annotated[bool, typer.Option("--force", help="overwrite the recipe if there is one")] = False
    as_json: JsonOption = False

    def request(self) -> Request:
        """The same as the drafting of a recipe takes it."""
        from xstilts.initialising import Request

        tests = (*(self.test or ()), *(self.more_tests or ()))
        decided = (*(self.changes or ()), *([f"type={self.task_type}"] if self.task_type else []))
        arms = tuple(split(self.intermediate))
        return Request(tests, self.train, self.dev, self.out, decided, self.encoder, arms, self.data)


@with_options(Files)
def init(files: Files) -> None:
    """Write a recipe for your own files: guess what they hold, check every row, say what a run will cost."""
    from xstilts.initialising.showing import init_with_table

    init_with_table(files.request(), files.force, console_for(files.as_json), files.as_json)


Work = Callable[["Experiment", Path, "Console", bool], None]
"""What a command does with an opened recipe, given the run's folder, the console and whether JSON is asked for."""


def with_recipe(work: Work) -> Callable[..., None]:
    """A command that opens a recipe for its work: the options of all such commands are these."""

    def command(
        recipe: RecipeArgument,
        out: OutOption = None,
        data: DataOption = None,
        store: StoreOption = None,
        limit: LimitOption = None,
        overrides: SetOption = None,
        as_json: JsonOption = False,
    ) -> None:
        folder = out or run_folder(recipe)
        check_out(folder)
        experiment = open_recipe(recipe, folder, data, store, limit, overrides)
        work(experiment, folder, console_for(as_json), as_json)

    # Not functools.wraps: its __wrapped__ would show typer the parameters of the work.
    command.__name__, command.__doc__ = work.__name__, work.__doc__
    return command


@with_recipe
def run(experiment: Experiment, folder: Path, console: Console, as_json: bool) -> None:
    """Run a recipe: train, predict, compare; write tables and a report. What is done already is not done again."""
    from xstilts.console import run_with_progress

    run_with_progress(experiment, folder, console, as_json)


@with_recipe
def plan(experiment: Experiment, folder: Path, console: Console, as_json: bool) -> None:
    """Show the stages that a recipe needs, which are cached, what the rest will cost, and what gain it could find."""
    from xstilts.console import print_plan

    print_plan(experiment, folder, console, as_json)


def demo(
    quick: Annotated[
        bool, typer.Option("--quick", help="fewer layers, languages and seeds: within three minutes")
    ] = False,
    images: Annotated[
        bool, typer.Option("--images", help="emoji drawings to be found by their names as well")
    ] = False,
    out: OutOption = None,
    store: StoreOption = None,
) -> None:
    """Answer the question on real data that ordinary Python packages bring: no download, ten minutes on two cores."""
    from xstilts.console import run_with_progress
    from xstilts.demo import demo_recipe
    from xstilts.experiment import open_experiment

    folder = out or Path("runs") / ("demo" + "-quick" * quick + "-images" * images)
    check_out(folder)
    experiment = open_experiment(demo_recipe(quick, images), Path.cwd(), store or folder / "store")
    run_with_progress(experiment, folder, console_for(), as_json=False)
