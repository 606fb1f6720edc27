"""What dev decides for a retrieval target: the layer that is read, and what a task type tunes beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from xstilts.metrics import get_metric
from xstilts.task_types import RetrievalType, metrics_of
from xstilts.tasks.base import Task


@dataclass(frozen=True)
class _Point:
    """One post-processing and layer on dev: the score and what was tuned, by language."""

    rule: str
    layer: int
    scores: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """The mean score; each language counts the same."""
        return mean(self.scores.values())


def choose_layers(task: Task, kind: RetrievalType, sweep: pa.Table, rules: Sequence[str]) -> dict[str, Any]:
    """For each post-processing the layer that is best on dev by the task's first metric; of equals the deepest.

    Args:
        task: what was swept.
        kind: its type.
        sweep: predictions on dev with every layer and post-processing.
        rules: the post-processings; verdicts judge the first.

    Returns:
        `layers` by post-processing; `settings` by post-processing and language, where the type tunes something;
        the `curve`, a point (`postprocess`, `layer`, `hit`: the mean score) for each layer; the `score` of the
        first post-processing's layer, by which the best arm is chosen.
    """
    points = _points(task, kind, sweep)
    best = {
        rule: max((point for point in points if point.rule == rule), key=lambda one: (one.mean, one.layer))
        for rule in rules
    }
    return {
        "layers": {rule: point.layer for rule, point in best.items()},
        "settings": {rule: dict(point.settings) for rule, point in best.items()} if kind.tunes else {},
        "curve": [
            {"postprocess": point.rule, "layer": point.layer, "hit": point.mean}
            for point in sorted(points, key=lambda one: (one.rule, one.layer))
        ],
        "score": best[rules[0]].mean,
    }


def _points(task: Task, kind: RetrievalType, sweep: pa.Table) -> list[_Point]:
    metric = get_metric(metrics_of(task)[0])
    found: dict[tuple[str, int], _Point] = {}
    for rule, layer, language in _groups(sweep):
        rows = sweep.filter(
            (pc.field("postprocess") == rule)
            & (pc.field("layer") == layer)
            & (pc.field("language") == language)
        )
        predictions, golds = (
            [json.loads(text) for text in rows[side].to_pylist()] for side in ("prediction", "gold")
        )
        setting = kind.tune(predictions, golds)
        point = found.setdefault((rule, layer), _Point(rule, layer))
        point.scores[language] = metric.score(kind.apply(predictions, setting), golds, task.labels)
        point.settings[language] = setting
    return list(found.values())


def _groups(sweep: pa.Table) -> list[tuple[str, int, str]]:
    groups = sweep.group_by(["postprocess", "layer", "language"]).aggregate([]).to_pylist()
    return sorted((row["postprocess"], row["layer"], row["language"]) for row in groups)
