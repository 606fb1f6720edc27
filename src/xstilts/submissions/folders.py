"""Folders of predictions: reading, checking and writing them as a whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.drafts import drafted
from xstilts.errors import DataError, UserError
from xstilts.languages import normalise
from xstilts.submissions.base import Content, some
from xstilts.submissions.layouts import SUBMISSIONS, Suite, TaskFiles, get_suite
from xstilts.tasks.readers import Problem, raise_problems

RECORD = "xstilts.json"
"""The file beside the tasks' folders that says where predictions come from; evaluators do not look at it."""

Place = tuple[str, str]
"""Task and language, as the suite's files name them."""

Done = Callable[[str], None]
"""Is told of each task that a step is done."""

Predictions = Mapping[Place, Any]
"""What `write_submission` takes, by task and language:

| task | predictions of one language |
|---|---|
| xnli, pawsx | labels in the order of the test file |
| udpos, panx | a list of tags for each sentence of the test file, in its order |
| tatoeba | for each line of the sorted English file the place, from 0, of the line that translates it |
| xcopa | the number of the choice, 0 or 1, in the order of the test file |
| bucc2018 | pairs (foreign id, English id) |
| xquad, mlqa, tydiqa | question id → answer text |
| mewslix, lareqa | query id → candidate ids, the best first |
"""


@dataclass(frozen=True)
class Folder:
    """What was read of a folder of predictions or labels, and what is wrong with it."""

    path: Path
    suite: Suite
    tasks: tuple[TaskFiles, ...]
    contents: dict[Place, Content] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def places(self) -> Iterator[tuple[TaskFiles, str]]:
        """The tasks and languages that the folder is about, whether they are there or not."""
        return ((task, language) for task in self.tasks for language in task.languages)


def read_folder(
    path: Path,
    suite: Suite,
    tasks: Sequence[str] | None = None,
    gold: bool = False,
    done: Done = lambda _: None,
) -> Folder:
    """Read the files of a suite, or of some of its tasks.

    Args:
        path: the folder, with a sub-folder a task.
        suite: whose layout it has.
        tasks: names; None = all.
        gold: whether it holds labels.
        done: is told each task that was read.

    Returns:
        The contents, and as problems every missing file and every line or id that does not fit.

    Raises:
        UserError: no folder, or one without any task.
        UnknownName: no such task.
    """
    wanted = [suite.task(name) for name in tasks] if tasks else suite.tasks
    chosen = tuple(task for task in suite.tasks if task in wanted)
    if not any((path / task.name).is_dir() for task in chosen):
        raise UserError(
            f"{path}: {'no folder of a task is in it' if path.is_dir() else 'no such folder'}. Expected "
            f"sub-folders of {suite.title}: {', '.join(task.name for task in chosen)}"
        )
    folder = Folder(path, suite, chosen)
    for task in chosen:
        _read_task(folder, task, gold)
        done(task.name)
    return folder


def _read_task(folder: Folder, task: TaskFiles, gold: bool) -> None:
    missing = [code for code in task.languages if not (folder.path / task.file(code)).is_file()]
    if missing:
        message = f"{len(missing)} of {len(task.languages)} files are missing: {_names(task, missing)}"
        folder.problems.append(Problem(str(folder.path / task.name), 0, message))
    read = task.format.read_gold if gold else task.format.read
    for code in task.languages:
        if code not in missing:
            path = folder.path / task.file(code)
            folder.contents[task.name, code] = read(path, folder.problems.append)


def _names(task: TaskFiles, codes: Sequence[str]) -> str:
    """The names of all files of some languages, in short: `test-{de,sw}.tsv`."""
    either = codes[0] if len(codes) == 1 else f"{{{','.join(codes)}}}"
    return task.file(either).rpartition("/")[2]


def match_labels(predictions: Folder, labels: Folder, may_miss: bool = False) -> list[Problem]:
    """Where predictions are not one for each item of the labels; `may_miss`: ids may be left out."""
    problems: list[Problem] = []
    for task, code in predictions.places:
        ours, theirs = (folder.contents.get((task.name, code)) for folder in (predictions, labels))
        if ours is not None and theirs is not None and ours.values and theirs.values:  # else reported already
            task.format.match(ours, theirs, problems.append, may_miss)
    return problems


def match_inputs(predictions: Folder, data: Path) -> tuple[list[Problem], list[Place]]:
    """Where predictions do not fit the test files below a download folder, and the files that were compared."""
    problems: list[Problem] = []
    compared = []
    for task, code in predictions.places:
        inputs = data / task.inputs.replace("{language}", code)
        ours = predictions.contents.get((task.name, code))
        if task.inputs and ours is not None and ours.values and inputs.is_file():
            task.format.match_inputs(ours, task.format.read_inputs(inputs, problems.append), problems.append)
            compared.append((task.name, code))
    return problems, compared


_TASKS = {task.name for suite in SUBMISSIONS.values() for task in suite.tasks}


def looks_like_submission(path: Path) -> bool:
    """Whether a folder holds predictions: sub-folders of tasks with nothing in them but `test-…` files.

    A folder of benchmark data has training or dev files beside its test files.
    """
    found = [folder for name in _TASKS if (folder := path / name).is_dir()]
    files = [file.name for folder in found for file in folder.iterdir() if not file.name.startswith(".")]
    return bool(files) and all(name.startswith("test-") for name in files)


def guess_suite(path: Path) -> Suite:
    """The suite of whose tasks a folder holds the largest share; XTREME where that is undecided."""

    def share(suite: Suite) -> float:
        return sum((path / task.name).is_dir() for task in suite.tasks) / len(suite.tasks)

    return max(SUBMISSIONS.values(), key=share)


def write_submission(
    predictions: Predictions,
    out: Path,
    suite: str = "xtreme",
    partial: bool = False,
    data: Path | None = None,
    record: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write a folder that the leaderboard's evaluator reads, checked before it is there.

    Args:
        predictions: see `Predictions`; tasks with or without the suite before their name, languages as any code.
        out: the folder, new or empty, or an earlier submission.
        suite: `xtreme` or `xtreme-r`.
        partial: whether tasks may be left out; a task that is there needs all its languages all the same.
        data: the folder of XTREME's download script; predictions must fit the test files that are there.
        record: where the predictions come from; kept as JSON in `xstilts.json`, beside the folders of the tasks.

    Returns:
        The files of predictions that were written: 162 for all of XTREME, 203 for XTREME-R.

    Raises:
        UnknownName: a task or language that the suite does not have.
        DataError: predictions that are missing, or that a file must not hold.
        UserError: `out` has other files in it.

    Example:
        >>> write_submission({("xnli", "de"): ["neutral", …], …}, Path("submission"))  # doctest: +SKIP
        [PosixPath('submission/xnli/test-ar.tsv'), …]
    """
    layout = get_suite(suite)
    given = _by_place(predictions, layout)
    tasks = [task for task in layout.tasks if not partial or any(name == task.name for name, _ in given)]
    missing = [place for task in tasks for place in _places(task) if place not in given]
    if missing:
        raise DataError(
            f"{len(missing)} of {sum(len(task.languages) for task in tasks)} files have no predictions: "
            f"{some([f'{name} {code}' for name, code in missing])}. Expected every language of every task"
        )
    with _writing(out) as draft:
        for task in tasks:
            (draft / task.name).mkdir()
            for name, code in _places(task):
                (draft / task.file(code)).write_text(task.format.text(given[name, code]), "utf-8")
        if record is not None:
            (draft / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False), "utf-8")
        written = read_folder(draft, layout, [task.name for task in tasks])
        problems = [*written.problems, *(match_inputs(written, data)[0] if data else ())]
        if problems:
            raise_problems(
                f"{out}: nothing is written", [_moved(problem, draft, out) for problem in problems]
            )
    return [out / task.file(code) for task in tasks for code in task.languages]


def _places(task: TaskFiles) -> Iterable[Place]:
    return ((task.name, code) for code in task.languages)


def _by_place(predictions: Predictions, suite: Suite) -> dict[Place, Any]:
    """The predictions under the suite's own names of tasks and languages."""
    found: dict[Place, Any] = {}
    for (name, language), values in predictions.items():
        task = suite.task(name)
        codes = {normalise(code): code for code in task.languages}
        tag = normalise(language)
        if tag not in codes:
            raise DataError(
                f"{task.name} has no file in {language!r}. Expected one of: {', '.join(task.languages)}"
            )
        if (task.name, codes[tag]) in found:
            raise DataError(f"{task.name} has predictions in {codes[tag]} twice. Expected them once")
        found[task.name, codes[tag]] = values
    return found


def _moved(problem: Problem, draft: Path, out: Path) -> Problem:
    """A problem of the draft, named after the file it would have become."""
    return Problem(problem.file.replace(str(draft), str(out)), problem.line, problem.message)


def check_place(out: Path) -> None:
    """Refuse to write over anything but an earlier submission.

    Raises:
        UserError: `out` is a file, or a folder with other files in it.
    """
    inside = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if out.is_file() or (inside and not (inside <= _TASKS | {RECORD} and looks_like_submission(out))):
        raise UserError(
            f"{out} is there and is not just an earlier submission. Expected a new or empty folder: give another name"
        )


@contextmanager
def _writing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its place once all is written."""
    check_place(out)
    with drafted(out) as draft:
        yield draft
        shutil.rmtree(out, ignore_errors=True)
        draft.replace(out)
