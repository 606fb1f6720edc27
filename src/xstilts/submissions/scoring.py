"""Scores of a folder of predictions, by language, task and group, averaged as the published evaluators do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.errors import UnknownName
from xstilts.languages import normalise
from xstilts.metrics import Metric, get_metric
from xstilts.submissions.base import Content
from xstilts.submissions.folders import Done, Folder, match_labels, read_folder
from xstilts.submissions.layouts import Suite, TaskFiles, get_suite
from xstilts.tasks.readers import raise_problems

RULES = ("official", "fixed")
MISSING = ("error", "zero")
DIGITS = 4


@dataclass(frozen=True)
class MetricScore:
    """One metric of a task: percent by language, and their mean; `rules` are those that the metric counts by."""

    metric: str
    rules: str
    languages: dict[str, float]

    @property
    def mean(self) -> float:
        """The unweighted mean over languages, English included."""
        return fmean(self.languages.values())


@dataclass(frozen=True)
class TaskScore:
    """A task's metrics: those whose mean is its score, and those beside them; `items` by language."""

    task: str
    group: str
    metrics: tuple[MetricScore, ...]
    beside: tuple[MetricScore, ...]
    items: dict[str, int]

    @property
    def score(self) -> float:
        """The mean of the metrics: for questions that of F1 and exact match."""
        return fmean(metric.mean for metric in self.metrics)


@dataclass(frozen=True)
class Scores:
    """What `score` found, in percent. `rules`: official or fixed. `notes`: what to know beside the numbers."""

    suite: Suite
    rules: str
    tasks: tuple[TaskScore, ...]
    notes: tuple[str, ...]

    @property
    def groups(self) -> dict[str, float]:
        """Means over the tasks of each group that is there with all its tasks."""
        found = {task.task: task.score for task in self.tasks}
        return {
            group: fmean(found[task.name] for task in tasks)
            for group, tasks in self.suite.groups.items()
            if all(task.name in found for task in tasks)
        }

    @property
    def overall(self) -> float | None:
        """The mean over all tasks of the suite, None where one is left out."""
        complete = len(self.tasks) == len(self.suite.tasks)
        return fmean(task.score for task in self.tasks) if complete else None

    def to_json(self) -> str:
        """Everything, percentages to four decimals; `all_task` is the overall score, as in the evaluator's output."""
        overall = {} if self.overall is None else {"all_task": round(self.overall, DIGITS)}
        content = {
            "suite": self.suite.name,
            "rules": self.rules,
            **overall,
            "groups": {name: round(value, DIGITS) for name, value in self.groups.items()},
            "tasks": {task.task: _task_json(task) for task in self.tasks},
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=1, ensure_ascii=False)


def score(
    predictions: Path | str,
    labels: Path | str,
    suite: str = "xtreme",
    rules: str = "official",
    tasks: Sequence[str] | None = None,
    missing: str = "error",
    done: Done = lambda _: None,
) -> Scores:
    """Score a folder of predictions against a folder of labels of the same layout.

    A task's score is its metric's unweighted mean over the languages, English included; for questions the mean of F1
    and exact match. Groups and the overall score are unweighted means over tasks, and are there if their tasks are.

    Args:
        predictions: folder with a sub-folder a task.
        labels: the same for labels; those of questions in SQuAD's JSON.
        suite: `xtreme` or `xtreme-r`.
        rules: `official`, or `fixed`: answers under our own rules (`qa_f1`, `qa_em`), POS by token accuracy.
        tasks: score only these.
        missing: `error`, or `zero`: a question or query without a prediction scores 0, as the published evaluator
            has it.
        done: is told each task three times: its predictions are read, its labels are read, it is scored.

    Raises:
        UserError: no such folder, suite, task or rules.
        DataError: files that are missing, or anything in them that does not fit; nothing is scored then.

    Example:
        >>> score("submission", "labels").overall  # doctest: +SKIP
        62.1732…
    """
    for value, known, what in ((rules, RULES, "rules"), (missing, MISSING, "way with missing ids:")):
        if value not in known:
            raise UnknownName(what, value, known)
    layout = get_suite(suite)
    ours = read_folder(Path(predictions), layout, tasks, done=done)
    theirs = read_folder(Path(labels), layout, tasks, gold=True, done=done)
    problems = [*theirs.problems, *ours.problems, *match_labels(ours, theirs, missing == "zero")]
    if problems:
        title = f"{predictions}: nothing is scored. Mend this, or name the tasks to score with --tasks"
        raise_problems(title, problems)
    scored = []
    for task in ours.tasks:
        scored.append(_score_task(task, ours, theirs, rules))
        done(task.name)
    return Scores(layout, rules, tuple(scored), _notes(layout, ours, theirs))


def _score_task(task: TaskFiles, ours: Folder, theirs: Folder, rules: str) -> TaskScore:
    fixed = rules == "fixed" and task.fixed
    names, beside = (task.fixed, task.beside) if fixed else (task.metrics, ())
    pairs = {
        code: (ours.contents[task.name, code], theirs.contents[task.name, code]) for code in task.languages
    }
    return TaskScore(
        task.name,
        task.group,
        tuple(_score_metric(get_metric(name), task, pairs) for name in names),
        tuple(_score_metric(get_metric(name), task, pairs) for name in beside),
        {code: len(gold.values) for code, (_, gold) in pairs.items()},
    )


def _score_metric(metric: Metric, task: TaskFiles, pairs: dict[str, tuple[Content, Content]]) -> MetricScore:
    values = {code: _value(metric, task, *pair, code) for code, pair in pairs.items()}
    return MetricScore(metric.name, metric.rules, values)


def _value(metric: Metric, task: TaskFiles, predicted: Content, gold: Content, code: str) -> float:
    """A metric of one language, in percent."""
    predictions, golds = task.format.aligned(predicted, gold)
    there = [place for place, prediction in enumerate(predictions) if prediction is not None]
    answered = [predictions[place] for place in there], [golds[place] for place in there]
    totals = metric.statistics(*answered, (), normalise(code)).sum(axis=0)
    if len(there) < len(
        golds
    ):  # only files of ids can miss some; all their metrics are means: (value, 1) an item
        totals[1] += len(golds) - len(there)
    return 100 * float(metric.value(totals))


def _notes(suite: Suite, ours: Folder, theirs: Folder) -> tuple[str, ...]:
    notes = [suite.note] if suite.note else []
    for (name, code), gold in theirs.contents.items():
        missing = len(gold.values.keys() - ours.contents[name, code].values.keys())
        if missing and suite.task(name).format.suffix == "json":
            notes.append(
                f"{name} {code}: {missing:,} of {len(gold.values):,} ids have no prediction and score 0"
            )
    return tuple(notes)


def _task_json(task: TaskScore) -> dict[str, Any]:
    shown = {"group": task.group, "score": round(task.score, DIGITS), "items": task.items}
    shown["metrics"] = {metric.metric: _metric_json(metric) for metric in task.metrics}
    if task.beside:
        shown["beside"] = {metric.metric: _metric_json(metric) for metric in task.beside}
    return shown


def _metric_json(metric: MetricScore) -> dict[str, Any]:
    languages = {code: round(value, DIGITS) for code, value in metric.languages.items()}
    return {"rules": metric.rules, "mean": round(metric.mean, DIGITS), "languages": languages}
