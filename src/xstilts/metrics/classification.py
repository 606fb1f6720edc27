"""Accuracy and macro-F1."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from xstilts.errors import DataError
from xstilts.metrics.base import Array, Metric, ratio, same_length

EXACT_MATCH = "exact-match"
"""An answer is right if it equals gold: the rule of every accuracy."""


def _uniform(choices: int) -> float:
    return 1 / choices


def _accuracy_statistics(predictions: Sequence[Any], golds: Sequence[Any], *_: Any) -> Array:
    """(correct, 1) of each item."""
    same_length(predictions, golds)
    correct = [prediction == gold for prediction, gold in zip(predictions, golds, strict=True)]
    return np.column_stack([np.array(correct, dtype=np.float64), np.ones(len(correct))])


def share(totals: Array) -> Array:
    """First total over the second: accuracy from (correct, 1), recall from (hit, 1), and the like."""
    return ratio(totals[..., 0], totals[..., 1])


def _f1_statistics(predictions: Sequence[Any], golds: Sequence[Any], labels: Sequence[str], _: str) -> Array:
    """(true positive, predicted, gold) of each class, side by side: `[n_items, 3 * classes]`."""
    same_length(predictions, golds)
    classes = list(labels) or sorted({*predictions, *golds}, key=str)
    index: dict[Hashable, int] = {label: position for position, label in enumerate(classes)}
    predicted, gold = _codes(predictions, index), _codes(golds, index)
    statistics = np.zeros((len(golds), len(classes), 3))
    rows = np.arange(len(golds))
    statistics[rows, predicted, 0] = predicted == gold
    statistics[rows, predicted, 1] = 1
    statistics[rows, gold, 2] = 1
    return statistics.reshape(len(golds), -1)


def _codes(values: Sequence[Any], index: dict[Hashable, int]) -> np.ndarray[Any, np.dtype[np.intp]]:
    unknown = {value for value in values if value not in index}
    if unknown:
        raise DataError(
            f"label {min(unknown, key=str)!r} is not a label of the task. Expected one of: "
            f"{', '.join(map(str, list(index)[:20]))}. Compare with: xstilts show TASK"
        )
    return np.array([index[value] for value in values], dtype=np.intp)


def _macro_f1(totals: Array) -> Array:
    """Mean of 2·tp / (predicted + gold) over the classes that occur in gold or prediction.

    The same as scikit-learn's `f1_score(average="macro", labels=None, zero_division=0)`.
    """
    by_class = totals.reshape(*totals.shape[:-1], -1, 3)
    size = by_class[..., 1] + by_class[..., 2]
    scores = ratio(2 * by_class[..., 0], size)
    return ratio(scores.sum(axis=-1), (size > 0).sum(axis=-1))


ACCURACY = Metric("accuracy", "Accuracy", _accuracy_statistics, share, 1, _uniform, EXACT_MATCH)
MACRO_F1 = Metric("macro_f1", "Macro-F1", _f1_statistics, _macro_f1, 1, _uniform, "scikit-learn")
