"""The published figures, read from the package's own `published.yaml`, and means over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from xstilts.claims.base import Source

Scores = dict[str, float]
"""Task of XTREME → points of 0..100; F1 and exact match as their mean."""


@dataclass(frozen=True)
class Published:
    """The figures of Phang et al. (2020) as they are printed, in points of 0..100. They have no intervals.

    Example:
        >>> figures = Published.load()
        >>> squad = figures.dev("plain")["squad1"]
        >>> round(figures.average(squad), 2), round(figures.trained(squad), 2)
        (8.27, 1.11)
    """

    figures: Mapping[str, Any]

    @classmethod
    def load(cls) -> Published:
        """Read the file of the package."""
        return cls(yaml.safe_load(Path(__file__).with_name("published.yaml").read_text("utf-8")))

    @cached_property
    def retrieval_tasks(self) -> tuple[str, ...]:
        """The tasks without training data."""
        return tuple(self.figures["retrieval"])

    def dev(self, table: str) -> dict[str, Scores]:
        """Differences from the baseline on dev by intermediate task: `plain`, or with `mlm`."""
        return {arm: self._scores(values) for arm, values in self.figures["dev"][table].items()}

    def scores(self, system: str) -> Scores:
        """XTREME scores of a system, without the tasks that are not printed."""
        return self._scores(self.figures["scores"][system]["values"])

    @property
    def headline(self) -> Mapping[str, Any]:
        """The figures of the final version's abstract."""
        found: Mapping[str, Any] = self.figures["headline"]
        return found

    def source(self, *place: str) -> Source:
        """Where a table was printed: `source("dev")`, `source("scores", "xlmr-hu")`."""
        found: Any = self.figures
        for name in place:
            found = found[name]
        return Source(self.figures["papers"][found["paper"]], found["where"])

    def average(self, scores: Mapping[str, float], tasks: Collection[str] | None = None) -> float:
        """The mean over the tasks that are there, or over some of them."""
        return mean(value for task, value in scores.items() if tasks is None or task in tasks)

    def trained(self, scores: Mapping[str, float]) -> float:
        """The mean over the tasks with training data."""
        return self.average(scores, [task for task in scores if task not in self.retrieval_tasks])

    def retrieval(self, scores: Mapping[str, float]) -> float:
        """The mean over the tasks without."""
        return self.average(scores, self.retrieval_tasks)

    def _scores(self, values: list[float | None]) -> Scores:
        found: dict[str, list[float]] = {}
        for task, value in zip(self.figures["columns"], values, strict=True):
            if value is not None:
                found.setdefault(task, []).append(value)
        return {task: mean(both) for task, both in found.items()}


def minus(one: Mapping[str, float], other: Mapping[str, float]) -> Scores:
    """Differences of two systems on the tasks that both have."""
    return {task: value - other[task] for task, value in one.items() if task in other}
