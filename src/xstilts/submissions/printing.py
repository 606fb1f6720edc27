"""What people see of scores and checks of a folder of predictions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from typer import echo

from xstilts.metrics import get_metric
from xstilts.submissions.folders import (
    Done,
    Folder,
    Place,
    guess_suite,
    match_inputs,
    match_labels,
    read_folder,
)
from xstilts.submissions.layouts import get_suite
from xstilts.submissions.scoring import MetricScore, Scores, TaskScore
from xstilts.tasks.readers import Problem

SHOWN = 5
"""Problems of one file that are printed before the rest is counted."""


@contextmanager
def progress(steps: int | None, console: Console) -> Iterator[Done]:
    """A bar over so many steps, gone when they are done; yields what is told of each. None: nobody knows how many."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("read", total=steps)
        yield lambda name: bars.update(bar, advance=1, description=name)


def print_scores(scores: Scores, console: Console) -> None:
    """Print the scores by language, then a table of tasks, groups and the overall score."""
    console.print(f"[bold]{scores.suite.title}, {scores.rules} rules[/], in percent", highlight=False)
    for task in scores.tasks:
        for metric in (*task.metrics, *task.beside):
            console.print(f"\n{task.task}, {get_metric(metric.metric).label}", highlight=False, markup=False)
            console.print(Padding(_by_language(metric), (0, 0, 0, 2)), highlight=False)
    console.print()
    console.print(_tasks(scores), highlight=False)
    console.print()
    console.print(_means(scores), highlight=False)
    if scores.overall is None:
        console.print("No overall score: not all tasks are scored.", style="dim", highlight=False)
    for note in scores.notes:
        console.print(f"! {note}", style="yellow", highlight=False, markup=False)


def _by_language(metric: MetricScore) -> Text:
    """Codes and values, each pair kept on one line."""
    values = (f"{code:>2}\u00a0{value:<5.1f}" for code, value in metric.languages.items())
    return Text("  ".join(value.replace(" ", "\u00a0") for value in values))


def _tasks(scores: Scores) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "metric", "rules"):
        table.add_column(name, no_wrap=True)
    table.add_column("languages", justify="right", no_wrap=True)
    table.add_column("mean", justify="right", no_wrap=True)
    for task in scores.tasks:
        for row in _rows(task):
            table.add_row(*row)
    return table


def _rows(task: TaskScore) -> list[tuple[str, ...]]:
    rows = [_row(task.task, metric) for metric in task.metrics]
    if len(task.metrics) > 1:
        rows.append((task.task, "mean of the two", "", "", f"{task.score:.2f}"))
    return [*rows, *(_row(task.task, metric, ", beside the mean") for metric in task.beside)]


def _row(task: str, metric: MetricScore, suffix: str = "") -> tuple[str, ...]:
    label = get_metric(metric.metric).label + suffix
    return task, label, metric.rules, str(len(metric.languages)), f"{metric.mean:.2f}"


def _means(scores: Scores) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for group, value in scores.groups.items():
        tasks = ", ".join(task.name for task in scores.suite.groups[group])
        table.add_row(group, f"{value:.2f}", f"[dim]{tasks}[/]")
    if scores.overall is not None:
        table.add_row("[bold]all tasks[/]", f"[bold]{scores.overall:.2f}[/]", "")
    return table


@dataclass(frozen=True)
class Checked:
    """What a check of a folder found; `compared` are the files that were held against others, and `against` which."""

    folder: Folder
    problems: tuple[Problem, ...]
    compared: tuple[Place, ...]
    against: str = ""

    def to_json(self) -> str:
        """Everything, with all problems."""
        content = {
            "valid": not self.problems,
            "suite": self.folder.suite.name,
            "files": {f"{name}/{code}": len(c.values) for (name, code), c in self.folder.contents.items()},
            "compared": [f"{name}/{code}" for name, code in self.compared],
            "problems": [vars(problem) for problem in self.problems],
        }
        return json.dumps(content, ensure_ascii=False)


def check_submission(
    path: Path,
    suite: str | None = None,
    tasks: Sequence[str] | None = None,
    labels: Path | None = None,
    data: Path | None = None,
    done: Done = lambda _: None,
) -> Checked:
    """Check a folder of predictions: files, labels, ids, and, where there is something to hold it against, lengths.

    Args:
        path: the folder.
        suite: whose layout; None = guessed from the tasks that are there.
        tasks: check only these.
        labels: a folder of labels, or
        data: the folder of XTREME's download script, whose test files have no labels.
        done: is told each task whose predictions, or labels, were read.
    """
    folder = read_folder(path, get_suite(suite) if suite else guess_suite(path), tasks, done=done)
    problems = list(folder.problems)
    if labels is not None:
        gold = read_folder(labels, folder.suite, tasks, gold=True, done=done)
        more = [*gold.problems, *match_labels(folder, gold)]
        compared, against = [place for place in folder.contents if place in gold.contents], str(labels)
    else:
        more, compared = match_inputs(folder, data) if data is not None else ([], [])
        against = str(data)
    return Checked(folder, (*problems, *more), tuple(compared), against if compared else "")


def print_check(checked: Checked, console: Console, as_json: bool) -> bool:
    """Print what a check found: a line a task, then the problems. True if there is none."""
    folder = checked.folder
    if as_json:
        echo(checked.to_json())
        return not checked.problems
    console.print(f"{folder.suite.title}: {escape(str(folder.path))}", highlight=False)
    for task in folder.tasks:
        sizes = [len(content.values) for (name, _), content in folder.contents.items() if name == task.name]
        held = sum(name == task.name for name, _ in checked.compared)
        with_what = f"{held} compared" if checked.against else ""
        there = f"{len(sizes)} of {len(task.languages)} files, {sum(sizes):,} items"
        console.print(f"  {task.name:9} {there:32} {with_what}", highlight=False)
    shown: Counter[str] = Counter()
    for problem in checked.problems:
        shown[problem.file] += 1
        if shown[problem.file] <= SHOWN:
            console.print(f"[red]✗[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
    for file, count in shown.items():
        if count > SHOWN:
            console.print(
                f"[red]✗[/] {escape(file)}: … and {count - SHOWN:,} more", highlight=False, soft_wrap=True
            )
    console.print(_verdict(checked), highlight=False, soft_wrap=True)
    return not checked.problems


def _verdict(checked: Checked) -> str:
    if checked.problems:
        return f"[red]✗[/] {len(checked.problems):,} problem{'s' * (len(checked.problems) > 1)}"
    if checked.against:
        return f"[green]✓[/] valid; {len(checked.compared)} files fit those in {escape(checked.against)}"
    return (
        "[green]✓[/] files and labels are valid; their lengths and ids were compared with nothing. "
        "Give --labels DIR, or --data with the folder of XTREME's download script"
    )
