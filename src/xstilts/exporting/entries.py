"""Which targets of a run a leaderboard has, and where the test files are that it wants predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xstilts.errors import DataError, UnknownName, UserError
from xstilts.finished import FinishedRun
from xstilts.languages import normalise
from xstilts.plan_retrieval import pool_languages
from xstilts.predicting import TestSet
from xstilts.recipe import JoinedTask
from xstilts.submissions import SUBMISSIONS, Suite, TaskFiles, get_suite
from xstilts.task_types import retrieval_type
from xstilts.tasks import Catalogue
from xstilts.tasks.base import CANDIDATES, Row, Task
from xstilts.tasks.building import SUBMISSION
from xstilts.tasks.whereabouts import languages_there, local
from xstilts.tasks.xtreme.common import DOWNLOAD

CLEAN = "clean"


@dataclass(frozen=True)
class AskedRows:
    """The rows of a task in some splits, one after another, with the candidates of the last of them.

    `languages` are those that there are.
    """

    task: Task
    splits: tuple[str, ...]
    languages: tuple[str, ...]

    def sets(self, languages: Sequence[str]) -> Iterator[TestSet]:
        """The rows of each language with their candidates.

        Raises:
            DataError: there are no rows in a language.
        """
        split = self.splits[-1]
        pools: dict[tuple[str, ...], list[Row]] = {}
        for language in languages:
            rows = [row for part in self.splits for row in self.task.source.rows(part, language)]
            if not rows:
                raise DataError(f"{self.task.name}: the test file in {language} is empty. Fetch it again")
            codes = pool_languages(self.task, split, [language])
            if codes not in pools:
                found = (self.task.source.rows(split + CANDIDATES, code) for code in codes)
                pools = {codes: [row for part in found for row in part]}
            yield TestSet(rows, language, CLEAN, pools[codes])


@dataclass(frozen=True)
class Entry:
    """A target of a run that a leaderboard has: its `task` of the benchmark, the files of that, the rows to predict.

    `folder` is the data folder of these rows. `dev` are the rows that thresholds are chosen on, for languages that the
    run did not test; None where a task has no threshold.
    """

    target: str
    task: str
    files: TaskFiles
    rows: AskedRows
    folder: Path | None
    dev: AskedRows | None

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the benchmark, in the order of its files."""
        return tuple(map(normalise, self.files.languages))

    @property
    def lacking(self) -> list[str]:
        """What is not there of the files that are needed, a line each."""
        missing = [code for code in self.files.languages if normalise(code) not in self.rows.languages]
        every = len(missing) == len(self.files.languages)
        which = "{language}" if every else f"{{{','.join(missing)}}}"
        where = self.files.inputs.replace("{language}", which) or f"in {', '.join(missing)}"
        share = "all" if every else f"{len(missing)} of"
        counted = f"{self.task}: {share} {len(self.files.languages)} test files: {where}"
        lines = [counted] if missing else []
        untuned = [code for code in self.languages if self.dev and code not in self.dev.languages]
        if untuned:
            lines.append(f"{self.task}: dev pairs in {', '.join(untuned)}, on which thresholds are chosen")
        return lines


def find_entries(run: FinishedRun, asked: str | None, data: Path | None) -> tuple[Suite, list[Entry]]:
    """The targets of a run that belong to a leaderboard, with the rows that it asks for.

    Args:
        run: a finished run.
        asked: targets, comma-separated; None for all that belong to one.
        data: folder where test files are looked for; then in the run's own data folder.

    Returns:
        The suite, and its targets.

    Raises:
        UserError: there is no such target, targets are of both suites or of one task, or test files are missing.
    """
    tasks = {name: _tested_on(run, name) for name in run.recipe.targets}
    there = {name: task for name, task in tasks.items() if _files_of(task)}
    if not there:
        raise UserError(
            f"{run.folder}: none of its targets is a task of a leaderboard; it has {', '.join(tasks)}. Expected "
            f"targets of {' or '.join(SUBMISSIONS)}: see xstilts ls tasks"
        )
    wanted = list(dict.fromkeys(part.strip() for part in asked.split(","))) if asked else list(there)
    for name in wanted:
        if name not in there:
            raise UnknownName("target of a leaderboard", name, there)
    suite = _suite(run, {name: there[name] for name in wanted})
    entries = [_entry(run, name, there[name], data) for name in wanted]
    _check_complete(suite, entries, [data, run.experiment.catalogue.data])
    return suite, entries


def _tested_on(run: FinishedRun, name: str) -> str:
    """The task that a target is tested on: itself, or the one that the recipe joins with another's training rows."""
    spec = run.recipe.tasks.get(name)
    return _tested_on(run, spec.test) if isinstance(spec, JoinedTask) else name


def _files_of(task: str) -> TaskFiles | None:
    """The files of a benchmark task; None for any other task."""
    suite, _, name = task.partition("/")
    every = SUBMISSIONS[suite].tasks if suite in SUBMISSIONS else ()
    return next((files for files in every if files.name == name), None)


def _suite(run: FinishedRun, tasks: dict[str, str]) -> Suite:
    """The only suite of some targets, none of which is there twice."""
    suites = {task.partition("/")[0] for task in tasks.values()}
    same = [name for name, task in tasks.items() if [*tasks.values()].count(task) > 1]
    if len(suites) > 1 or same:
        what = (
            f"{' and '.join(same)} are tested on the same files" if same else "its targets are of two suites"
        )
        raise UserError(
            f"{run.folder}: {what}. A submission is to one suite, with one target a task. Type --target with those "
            f"that are meant, a comma between them: {', '.join(tasks)}"
        )
    return get_suite(*suites)


def _entry(run: FinishedRun, target: str, task: str, data: Path | None) -> Entry:
    """A target with the test files of its task: from where most of them are, first of all below `data`."""
    files = _files_of(task)
    assert files is not None
    own = run.experiment.catalogue.get(task)
    places = [(_test_rows(own, files), run.experiment.catalogue.data)]
    if data is not None:
        places.insert(0, (_test_rows(local(Catalogue(data=data).get(task)), files), data))
    rows, folder = max(places, key=lambda place: len(place[0].languages))
    kind = retrieval_type(own.type)
    dev = AskedRows(own, ("dev",), languages_there(own, "dev")) if kind is not None and kind.tunes else None
    return Entry(target, task, files, rows, folder, dev)


def _test_rows(task: Task, files: TaskFiles) -> AskedRows:
    """The rows that a leaderboard asks for: those without labels, or where they are published with labels, those.

    Where rows were set aside of the labelled ones for dev, both parts are asked for.
    """
    if files.inputs:
        return AskedRows(task, (SUBMISSION,), languages_there(task, SUBMISSION))
    languages = languages_there(task, "test")
    divided = bool(languages) and task.source.origin("test") != "test"
    return AskedRows(task, ("dev", "test") if divided else ("test",), languages)


def _check_complete(suite: Suite, entries: Sequence[Entry], folders: Sequence[Path | None]) -> None:
    """Refuse to begin where something is missing: a leaderboard takes all languages of a task."""
    missing = [line for entry in entries for line in entry.lacking]
    if not missing:
        return
    complete = [entry.target for entry in entries if not entry.lacking]
    task = next(entry.task for entry in entries if entry.lacking)
    looked = (
        ", ".join(dict.fromkeys(str(folder) for folder in folders if folder))
        or "no folder, as none was given"
    )
    rest = f"; or submit what is complete: --target {','.join(complete)}" if complete else ""
    lines = "\n".join(f"  {line}" for line in missing)
    raise UserError(
        f"test files of {suite.title} are missing, all of which are needed to predict them:\n{lines}\n"
        f"Looked below: {looked}. Expected what {DOWNLOAD} leaves (xstilts show {task} lists every form). Say where "
        f"it is: --data DIR{rest}"
    )
