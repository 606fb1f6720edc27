"""A metric is additive statistics of every item plus a closed form of their totals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import DataError

Array = NDArray[np.floating[Any]]
Statistics = Callable[[Sequence[Any], Sequence[Any], Sequence[str], str], Array]
Value = Callable[[Array], Array]
OWN_RULES = "xstilts-1"
"""The rules of a metric that no published script defines."""


@dataclass(frozen=True)
class Metric:
    """A score that can be resampled: its value depends on the items only through sums over them.

    `statistics(predictions, golds, labels, language)` gives float64 `[n_items, k]`, a row an item; `language` is
    the items' BCP-47 tag, for rules that depend on it. `value(totals)` maps sums over items, `[..., k]`, to scores
    `[...]` in 0..1; sums may be weighted, which is what makes the bootstrap of any metric one matrix product.
    `chance(n)` is the expected score of a uniform guess among `n` labels or choices, None where there is none.
    `rules` names the published script whose counting this is, or our own rules; `rules_version` is raised whenever
    the scores could change.

    Example:
        >>> from xstilts.metrics import get_metric
        >>> accuracy = get_metric("accuracy")
        >>> statistics = accuracy.statistics(["a", "b"], ["a", "a"], ["a", "b"], "en")
        >>> float(accuracy.value(statistics.sum(axis=0)))
        0.5
    """

    name: str
    label: str
    statistics: Statistics
    value: Value
    rules_version: int
    chance: Callable[[int], float] | None = None
    rules: str = OWN_RULES

    def score(
        self, predictions: Sequence[Any], golds: Sequence[Any], labels: Sequence[str] = (), language: str = ""
    ) -> float:
        """The score of all items together, in 0..1."""
        return float(self.value(self.statistics(predictions, golds, labels, language).sum(axis=0)))


def ratio(numerator: Array, denominator: Array) -> Array:
    """`numerator / denominator`, and 0 where the denominator is 0 (as scikit-learn and seqeval count it)."""
    return np.asarray(numerator / np.where(denominator == 0, 1, denominator) * (denominator != 0))


def same_length(predictions: Sequence[Any], golds: Sequence[Any], what: str = "items") -> None:
    """Raise DataError unless there is one prediction for every gold."""
    if len(predictions) != len(golds):
        raise DataError(
            f"{len(predictions)} predictions for {len(golds)} gold {what}. Expected one prediction for each: "
            "check the predictions with: xstilts validate PREDICTIONS"
        )
