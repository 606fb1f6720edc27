"""A model tested as it is: retrieval with any encoder, other tasks with a model that has their head."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from xstilts import __version__, analysis
from xstilts.context import Context
from xstilts.encoders.base import find_encoder
from xstilts.errors import UserError
from xstilts.examining import Examiner, Options, Settings
from xstilts.languages import display_name, script
from xstilts.metrics import get_metric
from xstilts.perturbations import Condition
from xstilts.plan_retrieval import pool_languages
from xstilts.report.layers import compared_vectors
from xstilts.stage import joined_revision
from xstilts.store import Store
from xstilts.task_types import family_of, get_task_type, is_trained, metrics_of, search_words
from xstilts.tasks import Catalogue
from xstilts.tasks.base import CANDIDATES, Task

RECORD = "evaluation.json"
_PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "scipy", "pyarrow")
MODEL = "model"
"""The name of the only arm that an evaluation has."""


@dataclass(frozen=True)
class Evaluation:
    """What a model scored.

    `results`: a row a task, language, condition, metric and post-processing, with intervals over items. `means`: the
    same for `en`, `non-en` and `all` languages. `predictions`: a table a task. `record`: model, versions, settings,
    tasks; `skipped` in it says what was left out.
    """

    results: list[dict[str, Any]]
    means: list[dict[str, Any]]
    predictions: dict[str, pa.Table]
    record: dict[str, Any]

    def to_json(self) -> str:
        """Results, means and record, without the predictions."""
        answer = {"results": self.results, "means": self.means, **self.record}
        return json.dumps(answer, indent=1, ensure_ascii=False)

    def write(self, folder: Path) -> None:
        """Write predictions, results and, last, the record that says they are there."""
        for task, table in self.predictions.items():
            path = folder / "predictions" / f"{task}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path)
        pq.write_table(pa.Table.from_pylist(self.results), folder / "results.parquet")
        draft = folder / f".{RECORD}"
        draft.write_text(json.dumps(self.record, indent=1, ensure_ascii=False), "utf-8")
        draft.replace(folder / RECORD)


def evaluate(
    model: str,
    tasks: Sequence[str],
    languages: Sequence[str] | None = None,
    out: Path | None = None,
    data: Path | None = None,
    **options: Unpack[Options],
) -> Evaluation:
    """Test a model on tasks in many languages, without training anything.

    Args:
        model: a Hugging Face id, a folder, or `bundled/…`.
        tasks: names of tasks; or of suites: their retrieval tasks, and those that the model's head fits.
        languages: BCP-47 or ISO 639 codes; default: all that a task has.
        out: folder for `predictions/<suite>/<task>.parquet`, `results.parquet` and `evaluation.json`.
        data: folder with benchmark data; tasks whose data comes with packages do not need it.
        options: see `Settings`.

    Raises:
        UserError: no task or condition, an unknown name, a head that does not fit, or an `out` that holds something
            else.

    Example:
        >>> evaluate("bundled/multilingual-e5-small", ["pocket/messages"], ["de"]).means  # doctest: +SKIP
    """
    settings = Settings(**({"catalogue": Catalogue(data=data)} | options))
    _check_asked(tasks, settings)
    if out is not None:
        _check_out(out)
    encoder = find_encoder(model)
    settings = settings.fitted(encoder.positions)
    with tempfile.TemporaryDirectory(prefix="xstilts-") as scratch:
        context = Context(Store(scratch), settings.catalogue, encoder, settings.threads)
        examiner = Examiner(context, settings, languages)
        chosen = examiner.choose(tasks)
        predictions = {task.name: examiner.predict(task) for task in chosen}
    record = {
        "model": model,
        "xstilts": __version__,
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "encoder": encoder.identity,
        "settings": settings.record(),
        "data": str(data) if data else None,
        "tasks": {
            task.name: _card(task, predictions[task.name], settings.retrieval.pooling) for task in chosen
        },
        "skipped": list(dict.fromkeys(examiner.skipped)),
    }
    evaluation = weigh(predictions, record)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        evaluation.write(out)
    return evaluation


def cells(
    predictions: Mapping[str, pa.Table], record: Mapping[str, Any]
) -> Iterator[tuple[analysis.Cell, list[str]]]:
    """The scored cells of predictions, each with the ids of its items.

    Args:
        predictions: a table a task, as `predict_sets` makes them.
        record: the evaluation's record, which says what the tasks are.
    """
    for name, table in predictions.items():
        card = record["tasks"][name]
        groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for row in table.to_pylist():
            groups.setdefault((row["language"], row["condition"], row["postprocess"]), []).append(row)
        for (language, condition, postprocess), rows in groups.items():
            for metric in card["metrics"]:
                yield (
                    analysis.Cell(
                        arm=MODEL,
                        target=name,
                        task_type=card["type"],
                        family=card["family"],
                        language=language,
                        condition=condition,
                        seed=0,
                        metric=metric,
                        sources=[row["source"] for row in rows],
                        stats=_statistics(metric, rows, card["labels"]),
                        postprocess=postprocess,
                        chance=_chance(metric, card, len(rows)),
                    ),
                    [row["item"] for row in rows],
                )


def _statistics(metric: str, rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> NDArray[np.float64]:
    predicted, gold = ([json.loads(row[side]) for row in rows] for side in ("prediction", "gold"))
    language = rows[0]["language"]
    return np.asarray(get_metric(metric).statistics(predicted, gold, labels, language), np.float64)


def weigh(predictions: Mapping[str, pa.Table], record: Mapping[str, Any]) -> Evaluation:
    """Score predictions: values and means over languages, with intervals over items."""
    scored = [cell for cell, _ in cells(predictions, record)]
    answer = analysis.analyse(scored, analysis.Design(arms=(MODEL,), baseline=MODEL))
    layers = {
        (task, row["language"], row["postprocess"]): row["layer"]
        for task, table in predictions.items()
        for row in table.select(["language", "postprocess", "layer"]).to_pylist()
    }
    results = [_result(row, record, layers) for row in answer.results]
    means = [
        {name: row[name] for name in ("task", "group", "condition", "metric", "postprocess", "languages")}
        | {"value": row["estimate"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
        | {"n_sources": row["n_sources"]}
        for row in answer.gains
        if row["quantity"] == "score" and row["group"] in GROUPS
    ]
    return Evaluation(results, means, dict(predictions), dict(record))


def _result(row: Mapping[str, Any], record: Mapping[str, Any], layers: Mapping[Any, int]) -> dict[str, Any]:
    """A row of the results table: the columns of a run's, as far as they mean something here."""
    card = record["tasks"][row["task"]]
    layer = layers[row["task"], row["language"], row["postprocess"]]
    return {
        "encoder": record["model"],
        "suite": row["task"].partition("/")[0],
        "task": row["task"],
        "trained": card["family"] == "trained",
        "script": script(row["language"]),
        "severity": Condition.parse(row["condition"]).severity,
        "split": card["split"],
        **{name: value for name, value in row.items() if name not in {"arm", "seed", "task"}},
        "rules": get_metric(row["metric"]).rules,
        "layer": layer if card["direction"] else None,
        **{name: card[name] for name in ("pooling", "direction", "scoring")},
        "data_revision": card["data"][row["language"]],
    }


def _card(task: Task, predictions: pa.Table, pooling: str) -> dict[str, Any]:
    """What must be known of a task to score its predictions later, and of its data to compare them."""
    languages = predictions["language"].unique().to_pylist()
    words = search_words(task)
    return {
        "type": task.type,
        "family": family_of(task),
        "labels": list(task.labels),
        "metrics": list(metrics_of(task)),
        "options": get_task_type(task.type).options(task) if is_trained(task) else None,
        **words,
        "pooling": ("mean" if is_trained(task) else pooling) if words["direction"] else None,
        "split": task.source.origin("test"),
        "data": {language: _revision(task, language) for language in languages},
    }


def _revision(task: Task, language: str) -> str:
    """The revision of the test rows of a language with their candidates, as a run records it."""
    source, pool = task.source, pool_languages(task, "test", [language])
    candidates = [source.fingerprint("test" + CANDIDATES, code) for code in pool]
    return joined_revision([source.fingerprint("test", language), *candidates])


def _chance(metric: str, card: Mapping[str, Any], items: int) -> float | None:
    """The score of a guesser: among the labels or choices, or among the candidates of a retrieval."""
    rule = get_metric(metric).chance
    options = card["options"] if card["family"] == "trained" else items
    return rule(options) if rule and options else None


def _check_asked(tasks: Sequence[str], settings: Settings) -> None:
    if not tasks:
        raise UserError(
            "no task was given. Expected names of tasks or suites, such as --tasks pocket/messages; "
            "see all: xstilts ls tasks"
        )
    if not settings.conditions:
        raise UserError("no condition was given. Expected such as --conditions clean,typos@2")


def _check_out(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file. Expected a folder, new or empty")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise UserError(
            f"--out {out} is not empty and holds no earlier evaluation ({RECORD}). Expected a new or empty folder"
        )


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print a table a task: means over languages, then every language; under it how retrieval was done."""
    for task in evaluation.predictions:
        rows = [row for row in evaluation.results if row["task"] == task]
        means = telling([row for row in evaluation.means if row["task"] == task])
        metrics = list(dict.fromkeys(row["metric"] for row in rows))
        columns = [name for name in _COLUMNS if _varies(name, rows, metrics)]
        alone = f", {get_metric(metrics[0]).label}" if len(metrics) == 1 else ""
        table = Table(title=f"{task}{alone}", title_justify="left", box=None, pad_edge=False)
        for name in columns:
            table.add_column(name, justify=_COLUMNS[name], no_wrap=name not in WORDS)
        layers = {row["postprocess"]: row["layer"] for row in rows}  # chosen on clean for all conditions
        for row in (row for row in means if row["languages"] > 1):
            named = group_name(row["group"], row["languages"])
            cells = _cells(named, row, layers[row["postprocess"]])
            table.add_row(*map(cells.__getitem__, columns), style="bold")
        for row in rows:
            cells = _cells(group_name(row["language"]), row, row["layer"])
            table.add_row(*map(cells.__getitem__, columns))
        console.print(table, highlight=False)
        for line in _readings(rows):
            console.print(line, style="dim", highlight=False)
        console.print()
    console.print("In percent; intervals are over items, at 95%.", style="dim", highlight=False)
    for line in evaluation.record["skipped"]:
        console.print(f"left out: {line}", style="dim", highlight=False, markup=False)


def _readings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the vectors of a task's retrieval were made and compared; nothing for other tasks."""
    ways = {(row["pooling"], row["direction"], row["scoring"]) for row in rows if row["pooling"]}
    return [f"Vectors: {compared_vectors(*way)}." for way in sorted(ways)]


def telling(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one task without those that say another one's number again.

    That is the mean over all languages where English is not among them, and the mean over the perturbed conditions
    where there is one.
    """
    conditions = {row["condition"] for row in rows} - {"clean", "perturbed"}
    both = {"en", "non-en"} <= {row["group"] for row in rows}
    return [
        row
        for row in rows
        if (row["group"] != "all" or both) and (row["condition"] != "perturbed" or len(conditions) > 1)
    ]


def _varies(column: str, rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> bool:
    """Whether a column of the printed table says anything: one metric is in the title, layers are retrieval's."""
    if column == "metric":
        return len(metrics) > 1
    return column not in {"vectors", "layer"} or any(row["layer"] is not None for row in rows)


def _cells(name: str, row: Mapping[str, Any], layer: int | None) -> dict[str, str]:
    return {
        "language": name,
        "condition": row["condition"],
        "metric": get_metric(row["metric"]).label,
        "vectors": {"none": "raw", "center": "centred"}.get(row["postprocess"], row["postprocess"]),
        "layer": "" if layer is None else str(layer),
        "score": f"{100 * row['value']:.1f}",
        "interval": interval_text(row, 0.0),
        "items": str(row.get("n", "")),
    }


def interval_text(row: Mapping[str, Any], least: float) -> str:
    """An interval in percent, no further than what is possible; a dash where it is unknown."""
    low, high = row["ci_low"], row["ci_high"]
    if low is None or high is None:
        return "—"
    return f"{100 * max(low, least):.1f} to {100 * min(high, 1.0):.1f}"


WORDS = ("language", "languages", "condition", "metric", "vectors")
"""Columns that may be broken into lines where a terminal is narrow; the others hold numbers."""

_COLUMNS: dict[str, Literal["left", "right"]] = {
    "language": "left",
    "condition": "left",
    "metric": "left",
    "vectors": "left",
    "layer": "right",
    "score": "right",
    "interval": "left",
    "items": "right",
}
GROUPS = {"en": "English", "non-en": "others, mean", "all": "all, mean"}


def group_name(group: str, languages: int = 0) -> str:
    """A row's languages as tables for people name them: by name and code, a mean with how many it is over.

    Example:
        >>> group_name("non-en", 3), group_name("de")
        ('others, mean (3)', 'German (de)')
    """
    return f"{GROUPS[group]} ({languages})" if languages else f"{display_name(group)} ({group})"
