"""`xstilts validate DATA`: which benchmark tasks a folder holds, whether every row can be read, what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer import echo

from xstilts.errors import DataError, UserError
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Task
from xstilts.tasks.building import SUBMISSION
from xstilts.tasks.published import Layout, published
from xstilts.tasks.whereabouts import Whereabouts, is_needed, local, whereabouts

Done = Callable[[str], None]
"""Is told each task, split and language whose rows were read."""


@dataclass(frozen=True)
class SplitCheck:
    """One split of a task: the rows of each language that is there, the languages that are not, what is wrong."""

    place: Whereabouts
    rows: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every language is there and every row can be read."""
        return self.place.layout is not None and not self.place.missing and not self.problems

    def record(self) -> dict[str, Any]:
        """What scripts read."""
        place = self.place
        return {
            "of": place.part,
            "split": place.split,
            "form": place.layout.name if place.layout else None,
            "rows": self.rows,
            "missing": list(place.missing),
            "reported": place.reported,
            "problems": self.problems,
        }


@dataclass(frozen=True)
class TaskCheck:
    """A task of which something is there."""

    task: Task
    splits: list[SplitCheck]
    gaps: list[str] = field(default_factory=list)

    @property
    def without_images(self) -> str:
        """What to say where a task needs images, and none are there."""
        return self.task.images.absent() if self.task.images is not None and not self.gaps else ""

    @property
    def needed(self) -> list[SplitCheck]:
        """The splits without which a task is not complete."""
        return [one for one in self.splits if is_needed(one.place.split)]

    @property
    def complete(self) -> bool:
        """Whether all that is needed is there and can be read."""
        return all(one.complete for one in self.needed) and not self.gaps and not self.without_images

    def images(self) -> dict[str, Any]:
        """What scripts read of images, where the task has such."""
        told = {"missing": self.gaps, "absent": self.without_images}
        return {"images": told} if self.task.images is not None else {}

    @property
    def sources(self) -> list[Layout]:
        """The forms that would serve what is missing."""
        lacking = {one.place.part for one in self.needed if not one.complete}
        return [
            layout for part in published(self.task.source) if part.task in lacking for layout in part.layouts
        ]


@dataclass(frozen=True)
class DataCheck:
    """What a data folder holds; `absent` are the tasks of which nothing is there."""

    folder: Path
    tasks: list[TaskCheck]
    absent: list[Task]

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong, once."""
        every = [problem for task in self.tasks for one in task.splits for problem in one.problems]
        return list(dict.fromkeys(every + [gap for task in self.tasks for gap in task.gaps]))

    def to_json(self) -> str:
        """All of it."""
        answer = {
            "folder": str(self.folder),
            "valid": not self.problems,
            "tasks": {
                check.task.name: {
                    "complete": check.complete,
                    "splits": [one.record() for one in check.splits],
                    **check.images(),
                    "get": _ways(check.sources),
                }
                for check in self.tasks
            },
            "absent": {
                task.name: _ways([form for part in published(task.source) for form in part.layouts])
                for task in self.absent
            },
        }
        return json.dumps(answer, ensure_ascii=False)


def _ways(layouts: list[Layout]) -> list[dict[str, Any]]:
    return [{"form": one.name, "files": list(one.files), "from": one.get} for one in layouts]


@dataclass(frozen=True)
class Against:
    """What a folder of predictions is held against: the tasks of a suite, labels, or a folder of benchmark files."""

    suite: str | None = None
    tasks: tuple[str, ...] = ()
    labels: Path | None = None
    data: Path | None = None


def validate_folder(folder: Path, against: Against, console: Console, bars: Console, as_json: bool) -> bool:
    """Check a folder of benchmark files, where it holds labelled ones; else one of predictions. True if it is valid.

    `bars` is where progress is shown.
    """
    from xstilts.submissions.printing import check_submission, print_check, progress

    is_data = against.suite is None and against.labels is None and holds_data(folder)
    with progress(None, bars) as done:
        if is_data:
            data = check_data(folder, done)
        else:
            wanted = list(against.tasks) or None
            checked = check_submission(folder, against.suite, wanted, against.labels, against.data, done)
    return print_data(data, console, as_json) if is_data else print_check(checked, console, as_json)


def holds_data(folder: Path) -> bool:
    """Whether a folder has labelled files of any benchmark task, so that it is data and no predictions."""
    return any(_is_there(task) for task in _benchmarks(folder))


def check_data(folder: Path, done: Done = lambda name: None) -> DataCheck:
    """Read every row of every benchmark task that a folder holds.

    Raises:
        UserError: there is no such folder.

    Example:
        >>> check_data(Path("download")).problems  # doctest: +SKIP
        []
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder. Expected one with benchmark files")
    tasks = _benchmarks(folder)
    there = [task for task in tasks if _is_there(task)]
    known: dict[str, tuple[int, str]] = {}
    splits: dict[str, list[SplitCheck]] = {task.name: [] for task in there}
    for task in there:
        for check in map(SplitCheck, whereabouts(task)):
            for language, (rows, problem) in _read(task, check.place, known):
                check.rows[language] = rows
                check.problems.extend([problem] if problem else [])
                done(f"{task.name} {check.place.split} {language}")
            splits[task.name].append(check)
    return DataCheck(
        folder,
        [TaskCheck(task, splits[task.name], list(_gaps(task, splits[task.name]))) for task in there],
        [task for task in tasks if task not in there],
    )


def _gaps(task: Task, splits: list[SplitCheck]) -> Iterator[str]:
    """What is said of missing images of every split and language, where there are images at all."""
    if task.images is None:
        return
    try:
        if not task.images.absent():
            for one in splits:
                for language in (code for code, count in one.rows.items() if count):
                    yield from filter(None, [task.images.gaps(one.place.split, language)])
    except DataError as error:
        yield str(error)


def _benchmarks(folder: Path) -> list[Task]:
    return [local(task) for task in Catalogue(data=folder).all().values() if published(task.source)]


def _is_there(task: Task) -> bool:
    """Whether labelled rows of a task's own are there."""
    places = [place for place in whereabouts(task) if place.part == task.name or _is_part(task, place)]
    return any(place.layout is not None and place.split != SUBMISSION for place in places)


def _is_part(task: Task, place: Whereabouts) -> bool:
    """Whether a split is one of a task that is put together of several."""
    return all(part.task != task.name for part in published(task.source))


def _read(
    task: Task, place: Whereabouts, known: dict[str, tuple[int, str]]
) -> Iterator[tuple[str, tuple[int, str]]]:
    """Rows and problems of each language; what two suites share is read once. `known` is by fingerprint."""
    source = next(part for part in published(task.source) if part.task == place.part)
    for language in place.languages:
        key = source.fingerprint(place.split, language)
        if key not in known:
            try:
                known[key] = len(source.rows(place.split, language)), ""
            except DataError as error:
                known[key] = 0, str(error)
        yield language, known[key]


def print_data(check: DataCheck, console: Console, as_json: bool) -> bool:
    """Print what a data folder holds, what is wrong and what is missing. True if nothing is wrong."""
    if as_json:
        echo(check.to_json())
        return not check.problems
    table = Table("", "task", "split", "languages", "rows", "form", box=None, pad_edge=False)
    for task in check.tasks:
        for number, one in enumerate(task.splits):
            table.add_row(*_row(task, one, number == 0))
    console.print(table)
    for problem in check.problems:
        console.print(f"\n[red]✗[/] {escape(problem)}", highlight=False, soft_wrap=True)
    for task in check.tasks:
        if lacking := [one.place for one in task.needed if one.place.missing]:
            _print_missing(task, lacking, console)
        if task.without_images:
            console.print(f"\n{escape(task.without_images)}", highlight=False, soft_wrap=True)
    if check.absent:
        names = ", ".join(task.name for task in check.absent)
        console.print(f"\nNot there: {names}. `xstilts show TASK` says where to get one.", soft_wrap=True)
    if not check.problems:
        told = f"\n[green]✓[/] every row that is there can be read, below {escape(str(check.folder))}"
        console.print(told, highlight=False, soft_wrap=True)
    return not check.problems


def _row(task: TaskCheck, one: SplitCheck, first: bool) -> list[str]:
    place = one.place
    mark = "[red]✗[/]" if one.problems else "[green]✓[/]" if one.complete else "[yellow]·[/]"
    counts = sorted({count for count in one.rows.values() if count})
    rows = "" if not counts else f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    languages = f"{len(place.languages)} of {len(place.languages) + len(place.missing)}"
    form = escape(place.layout.name) if place.layout else "[yellow]not there[/]"
    return [mark, escape(task.task.name) if first else "", escape(_split(task, place)), languages, rows, form]


def _split(task: TaskCheck, place: Whereabouts) -> str:
    """A split's name, with the part of the task that it is of: `train (SQuAD)`."""
    if place.part == task.task.name:
        return place.split
    _, bracket, part = place.part.rstrip(")").partition(" (")
    return f"{place.split} ({part if bracket else place.part})"


def _print_missing(task: TaskCheck, lacking: list[Whereabouts], console: Console) -> None:
    told = [
        f"{_split(task, place)}{' in ' + ', '.join(place.missing) if place.layout else ''}"
        for place in lacking
    ]
    console.print(f"\n[bold]{escape(task.task.name)}[/] lacks {escape('; '.join(told))}", highlight=False)
    for get in dict.fromkeys(layout.get for layout in task.sources):
        console.print(f"  [dim]from {escape(get)}[/]", highlight=False, soft_wrap=True)
