"""A run's predictions for the leaderboards of XTREME and XTREME-R, in the folder that these take."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.exporting.entries import AskedRows, Entry, find_entries
from xstilts.exporting.huggingface import Tell, load, origin
from xstilts.exporting.postprocessing import CENTER, RAW, rule_for
from xstilts.finished import BEST, Choice, FinishedRun, choose
from xstilts.plan import Cell
from xstilts.predicting import Job, TestSet, predict_sets
from xstilts.results import Results
from xstilts.submissions import Suite, TaskFiles, check_place, write_submission
from xstilts.task_types import retrieval_type

FORM = "xtreme"


def export_xtreme(
    run: Path | FinishedRun,
    out: Path,
    arm: str = BEST,
    seed: int | None = None,
    target: str | None = None,
    postprocess: str | None = None,
    data: Path | None = None,
    tell: Tell = lambda message: None,
) -> Path:
    """Predict the test files of XTREME or XTREME-R and write the folder that its leaderboard takes.

    Every target of the run that is tested on a task of the benchmark is predicted in all languages of the benchmark,
    whichever the run tested. What dev decided in the run holds here: checkpoint, layer and thresholds; in a language
    that the run did not mine, the threshold is chosen on its dev pairs. Tatoeba is searched from English, as the
    leaderboard has it. Nothing is scored, and the store keeps nothing of it. The folder is read back as
    `xstilts validate` does before it takes its place.

    Args:
        run: a finished run, or its folder.
        out: folder to write; new, empty, or an earlier submission, which is replaced.
        arm: an arm or control for all targets; `best` is for each target the arm that is best on dev.
        seed: default: for each target the seed with the best dev score.
        target: targets of the run, comma-separated; default: all that belong to the benchmark.
        postprocess: `none` or `center`; default: what the run's verdicts rest on, raw vectors where it has them.
        data: folder of XTREME's download script; the run's own data folder is looked at as well.
        tell: told in words what is predicted with which checkpoint, and what the leaderboard still lacks.

    Returns:
        The folder written.

    Raises:
        UserError: no finished run, no such arm, target or seed; targets of no benchmark or of both; test files that
            are missing; or `out` holds something else.

    Example:
        >>> export_xtreme(Path("runs/xtreme"), Path("submission"), data=Path("download"))  # doctest: +SKIP
        PosixPath('submission')
    """
    check_place(out)
    finished = run if isinstance(run, FinishedRun) else _opened(run, data)
    suite, entries = find_entries(finished, target, data)
    parts = [_part(entry, choose(finished, arm, entry.target, seed), postprocess) for entry in entries]
    whose = "the arm that is best on dev for each target" if arm == BEST else f"the arm {arm}"
    tell(f"{suite.title}, {len(entries)} of {len(suite.tasks)} tasks, by {whose}")
    predictions, origins = _all_predictions(parts, tell)
    record = {"export": FORM, "suite": suite.name, "targets": origins}
    folders = [entry.folder for entry in entries]
    folder = max(folders, key=folders.count)
    files = write_submission(predictions, out, suite.name, partial=True, data=folder, record=record)
    tell(f"{len(files)} of {_count(suite.tasks)} files are written; read back, they are valid")
    for line in _outlook(finished, suite, entries, out, data):
        tell(line)
    only = ",".join(entry.files.name for entry in entries)
    tell(f"To check them again: {_command('validate', out, data=folder)} --suite {suite.name} --tasks {only}")
    return out


def _opened(folder: Path, data: Path | None) -> FinishedRun:
    """A run with the data that it was run on; `data` stands for that only where it is no longer there."""
    known = Results.load(folder).run.get("data")
    return FinishedRun.open(folder, data if known and not Path(known).is_dir() else None)


@dataclass(frozen=True)
class _Part:
    """One target: the checkpoint that predicts it, and a cell of the run with the same.

    `rule` is the post-processing of vectors, empty where none are compared.
    """

    entry: Entry
    choice: Choice
    cell: Cell
    rule: str

    @property
    def layer(self) -> int | None:
        """The layer that dev chose; None where there is nothing to choose."""
        return self.choice.layers.get(self.rule)

    @property
    def words(self) -> str:
        """What is predicted how, for people."""
        vectors = {"": "", RAW: ", raw vectors", CENTER: ", centred vectors"}[self.rule]
        layer = "" if self.layer is None else f", layer {self.layer}"
        return (
            f"{self.entry.target}: {len(self.entry.languages)} languages, arm {self.choice.arm}, "
            f"seed {self.choice.seed}{layer}{vectors}"
        )

    def record(self, thresholds: Mapping[str, Any]) -> dict[str, Any]:
        """Where the predictions come from, as JSON; `thresholds` are by language, of tasks that have some."""
        rows = self.entry.rows
        prints = {code: rows.task.source.fingerprint(rows.splits[-1], code) for code in self.entry.languages}
        more = {"layer": self.layer, "postprocess": self.rule or None, "rows": prints}
        return origin(self.choice) | more | ({"thresholds": dict(thresholds)} if thresholds else {})

    def job(self, tell: Tell) -> Job:
        """What predicts as the run did."""
        run = self.choice.run
        base, checkpoint = load(self.choice, tell)
        (prediction,) = self.cell.score.parents["prediction"]
        spec = dict(prediction.spec) | ({"postprocess": [self.rule]} if self.rule else {})
        chosen = run.experiment.store.open(self.cell.layer.address).info if self.cell.layer else {}
        task = run.experiment.catalogue.get(self.choice.target)
        return Job(base, checkpoint, task, spec, chosen.get("layers", {}), chosen.get("settings", {}))


def _part(entry: Entry, choice: Choice, postprocess: str | None) -> _Part:
    place = choice.arm, choice.target, choice.seed
    cell = next(one for one in choice.run.plan.cells if (one.arm, one.target, one.seed) == place)
    rules = choice.run.recipe.retrieval.postprocess
    rule = rule_for(postprocess, rules)
    if rule not in rules:
        raise UserError(f"--postprocess {rule}: the run has {', '.join(rules)}")
    return _Part(entry, choice, cell, rule if cell.layer else "")


# --- predictions


def _all_predictions(parts: Sequence[_Part], tell: Tell) -> tuple[dict[tuple[str, str], Any], dict[str, Any]]:
    """The predictions of all targets by task and language, and where those of each task come from."""
    predictions: dict[tuple[str, str], Any] = {}
    origins: dict[str, Any] = {}
    for part in parts:
        tell(part.words)
        job = _tuned(part.job(tell), part.entry)
        predictions |= _predictions(part.entry, job)
        origins[part.entry.task] = part.record(job.settings.get(part.rule, {}))
    return predictions, origins


def _predictions(entry: Entry, job: Job) -> dict[tuple[str, str], Any]:
    """The predictions of all languages of a target, as its files hold them."""
    found = {}
    for one, predicted in _predicted(job, entry.rows, entry.languages):
        ids = [str(row.get("qid", row["id"])) for row in one.rows]
        found[entry.files.name, one.language] = entry.files.format.gathered(ids, predicted)
    return found


def _tuned(job: Job, entry: Entry) -> Job:
    """The same with what the run tuned on dev, done for the languages that it did not test."""
    kind = retrieval_type(job.task.type)
    if kind is None or entry.dev is None:
        return job
    (rule,) = job.spec["postprocess"]
    settings = dict(job.settings[rule])
    for one, predicted in _predicted(
        replace(job, settings={}), entry.dev, [code for code in entry.languages if code not in settings]
    ):
        settings[one.language] = kind.tune(predicted, [kind.answer(row) for row in one.rows])
    return replace(job, settings={rule: settings})


def _predicted(job: Job, rows: AskedRows, languages: Sequence[str]) -> Iterator[tuple[TestSet, list[Any]]]:
    """Test sets with their predictions: together where they share candidates, else one by one."""
    kind = retrieval_type(job.task.type)
    shared = kind is not None and (kind.pool == "all" or kind.own_candidates)
    for group in [languages] if shared else [[code] for code in languages]:
        sets = list(rows.sets(group))
        for one, table in zip(sets, predict_sets(job, sets, {}), strict=True):
            yield one, [json.loads(text) for text in table["prediction"].to_pylist()]


# --- what is still to be done


def _outlook(
    run: FinishedRun, suite: Suite, entries: Sequence[Entry], out: Path, data: Path | None
) -> Iterator[str]:
    """What the leaderboard still lacks, and what to type."""
    missing = [task for task in suite.tasks if task not in [entry.files for entry in entries]]
    if missing:
        names = ", ".join(f"{suite.name}/{task.name} ({len(task.languages)})" for task in missing)
        recipe = run.folder / "recipe.yaml"
        yield f"The leaderboard still lacks {len(missing)} tasks, {_count(missing)} files: {names}"
        yield f"Have them under targets: in {recipe}, then type:"
        yield f"  {_command('run', recipe, '--out', run.folder, data=run.experiment.catalogue.data)}"
        yield f"  {_command('export', run.folder, out, '--to', FORM, data=data)}"


def _command(*words: str | Path, data: Path | None) -> str:
    """A command with its data folder, as it is typed."""
    return shlex.join(["xstilts", *map(str, words), *(["--data", str(data)] if data else [])])


def _count(tasks: Sequence[TaskFiles]) -> int:
    return sum(len(task.languages) for task in tasks)
