"""The command line: parses, calls, prints. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xstilts.errors import Interrupted, UserError, XstiltsError

if TYPE_CHECKING:
    from rich.console import Console

    from xstilts.experiment import Experiment

app = typer.Typer(
    name="xstilts",
    help="Does an English intermediate task help a multilingual encoder in every language? "
    "Train arms, predict zero-shot, compare by paired statistics, export the better checkpoint.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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


@app.command()
def init(  # noqa: PLR0913 - a parameter an option
    train: Annotated[
        str | None,
        typer.Option(
            "--train", help="English training file; sentence-retrieval has none", show_default=False
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", help="test files: 'test-{language}.tsv', or one by one", show_default=False),
    ] = None,
    more_tests: Annotated[
        list[str] | None,
        typer.Argument(metavar="", help="further test files", show_default=False, hidden=True),
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option(
            "--dev",
            help="English dev file; without one, a tenth of the training rows is set aside",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="the recipe to write")] = Path("recipe.yaml"),
    task_type: Annotated[
        str | None, typer.Option("--type", help="task type, if not to be guessed", show_default=False)
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="instead of a guess, a key of the task: columns.text=review; may be repeated",
            show_default=False,
        ),
    ] = None,
    encoder: Annotated[
        str, typer.Option("--encoder", help="a Hugging Face id, a folder, or bundled/…")
    ] = "bundled/multilingual-e5-small",
    intermediate: Annotated[
        str, typer.Option("--intermediate", help="English tasks to learn first, an arm each, comma-separated")
    ] = "pocket/definitions",
    data: DataOption = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite the recipe if there is one")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a recipe for your own files: guess what they hold, check every row, say what a run will cost."""
    from xstilts.initialising import Request
    from xstilts.initialising.showing import init_with_table

    tests = (*(test or ()), *(more_tests or ()))
    decided = (*(changes or ()), *([f"type={task_type}"] if task_type else []))
    request = Request(tests, train, dev, out, decided, encoder, tuple(_split(intermediate)), data)
    init_with_table(request, force, _console(as_json), as_json)


@app.command()
def run(
    recipe: RecipeArgument,
    out: OutOption = None,
    data: DataOption = None,
    store: StoreOption = None,
    limit: LimitOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a recipe: train, predict, compare; write tables and a report. What is done already is not done again."""
    from xstilts.console import run_with_progress

    folder = out or _run_folder(recipe)
    experiment = _open(recipe, folder, data, store, limit, overrides)
    run_with_progress(experiment, folder, _console(as_json), as_json)


@app.command()
def plan(
    recipe: RecipeArgument,
    out: OutOption = None,
    data: DataOption = None,
    store: StoreOption = None,
    limit: LimitOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the stages that a recipe needs, which are cached, and what the rest will cost."""
    from xstilts.console import print_plan

    print_plan(
        _open(recipe, out or _run_folder(recipe), data, store, limit, overrides), _console(as_json), as_json
    )


@app.command()
def demo(
    quick: Annotated[
        bool, typer.Option("--quick", help="fewer layers, languages and seeds: within three minutes")
    ] = False,
    out: OutOption = None,
    store: StoreOption = None,
) -> None:
    """Answer the question on real data that ordinary Python packages bring: no download, ten minutes on two cores."""
    from xstilts.console import run_with_progress
    from xstilts.demo import demo_recipe
    from xstilts.experiment import open_experiment

    folder = out or Path("runs") / ("demo-quick" if quick else "demo")
    experiment = open_experiment(demo_recipe(quick), Path.cwd(), store or folder / "store")
    run_with_progress(experiment, folder, _console(), as_json=False)


@app.command()
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
        _split(tasks),
        _split(languages) or None,
        out,
        conditions=_split(conditions),
        limit=limit,
        data=data,
    )
    if as_json:
        typer.echo(evaluation.to_json())
    else:
        evaluating.print_evaluation(evaluation, _console())


@app.command()
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
        a, b, tasks=_split(tasks) or None, languages=_split(languages) or None, data=data
    )
    if as_json:
        typer.echo(comparison.to_json())
    else:
        comparing.print_comparison(comparison, _console())


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="folder of a run", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="html, markdown or latex")] = "html",
) -> None:
    """Write the report of a run again, as HTML, Markdown or LaTeX."""
    from xstilts import report as reports
    from xstilts.errors import UnknownName
    from xstilts.experiment import Results

    writers: dict[str, tuple[Any, str]] = {
        "html": (reports.write_html, "report.html"),
        "markdown": (reports.write_markdown, "report.md"),
        "latex": (reports.write_latex, "report.tex"),
    }
    if form not in writers:
        raise UnknownName("report format", form, writers)
    write, name = writers[form]
    typer.echo(write(Results.load(folder), folder / name))


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="folder of a run", show_default=False)],
    out: Annotated[Path, typer.Argument(help="folder to write", show_default=False)],
    arm: Annotated[str, typer.Option("--arm", help="an arm, or best: the one chosen on dev")] = "best",
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="a target; encoder: without a head; for xtreme also several, comma-separated",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="\\[default: the best on dev]", show_default=False)
    ] = None,
    to: Annotated[str, typer.Option("--to", help="hf, sentence-transformers, mteb or xtreme")] = "hf",
    postprocess: Annotated[
        str | None,
        typer.Option(
            "--postprocess",
            help="none or center: the sentence vectors [default: what the verdicts rest on]",
            show_default=False,
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Write a checkpoint of a run as an ordinary model folder, its results for mteb, or a submission to XTREME."""
    from xstilts import exporting
    from xstilts.errors import UnknownName
    from xstilts.finished import FinishedRun

    tell = _console(to_stderr=True).print
    if to not in exporting.FORMS:
        raise UnknownName("export format", to, exporting.FORMS)
    if postprocess and to == "hf":
        raise UserError(
            "--postprocess is for sentence vectors: add --to sentence-transformers, or leave it out"
        )
    if to == "xtreme":
        typer.echo(exporting.export_xtreme(folder, out, arm, seed, target, postprocess, data, tell))
        return
    run = FinishedRun.open(folder, data)
    if to == "hf":
        written = exporting.export_hf(run, out, arm, target, seed, tell=tell)
    elif to == "mteb":
        written = exporting.export_mteb(run, out, arm, seed, target, postprocess, tell=tell)
    else:
        written = exporting.export_sentence_transformers(run, out, arm, seed, target, postprocess, tell)
    typer.echo(written)


@app.command()
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

    wanted = _split(tasks)
    steps = 3 * len(wanted or submissions.get_suite(suite).tasks)
    with progress(steps, _console(to_stderr=True)) as done:
        scores = submissions.score(predictions, labels, suite, rules, wanted or None, missing, done)
    if as_json:
        typer.echo(scores.to_json())
    else:
        print_scores(scores, _console())


@app.command()
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
    console = _console(as_json)
    if what.is_dir():
        from xstilts.validating import Against, validate_folder

        against = Against(suite, tuple(_split(tasks)), labels, data)
        valid = validate_folder(what, against, console, _console(to_stderr=True), as_json)
    else:
        from xstilts.console import print_validation

        valid = print_validation(
            _open(what, _run_folder(what), data, None, None, overrides), console, as_json
        )
    if not valid:
        raise typer.Exit(UserError.exit_code)


@app.command()
def ls(
    what: Annotated[str, typer.Argument(help="tasks, encoders, perturbations or suites", show_default=False)],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what there is."""
    from xstilts.listing import list_names

    list_names(what, data, _console(as_json), as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="a task or a perturbation", show_default=False)],
    languages: LanguagesOption = None,
    samples: Annotated[int, typer.Option("--samples", "-n", min=1, help="rows a language")] = 3,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a task with rows, where its files come from and what is there; or a perturbation before and after."""
    from xstilts.listing import show_name

    show_name(name, _split(languages), samples, data, _console(as_json), as_json)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False,
) -> None:
    if version:
        from xstilts import __version__

        typer.echo(f"xstilts {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point: the user's mistakes end with a message and exit code 2, ours with a traceback and 1."""
    from rich.markup import escape

    try:
        app()
    except (XstiltsError, OSError) as error:
        code = error.exit_code if isinstance(error, XstiltsError) else UserError.exit_code
        prefix = "" if isinstance(error, Interrupted) else "[bold red]Error:[/] "
        _console(to_stderr=True).print(f"{prefix}{escape(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(code)


def _open(
    recipe: Path,
    folder: Path,
    data: Path | None,
    store: str | None,
    limit: int | None,
    overrides: list[str] | None,
) -> Experiment:
    from xstilts.experiment import open_experiment
    from xstilts.recipe import load_recipe

    changes = [*(overrides or []), *([f"limit={limit}"] if limit is not None else [])]
    loaded = load_recipe(recipe, tuple(changes))
    return open_experiment(loaded, recipe.parent, store or folder / "store", data)


def _run_folder(recipe: Path) -> Path:
    return Path("runs") / recipe.stem


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()] if text else []


def _console(as_json: bool = False, to_stderr: bool = False) -> Console:
    """Where people read: standard error when standard output carries JSON."""
    from rich.console import Console

    return Console(stderr=as_json or to_stderr)


if __name__ == "__main__":
    main()
