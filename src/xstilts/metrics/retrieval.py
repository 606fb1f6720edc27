"""Metrics of rankings and of mined pairs: average precision, reciprocal rank, F1 of bitext mining."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from xstilts.errors import DataError
from xstilts.metrics.base import Array, Metric, ratio, same_length
from xstilts.metrics.classification import share

DEPTH = 20
"""Ranks that XTREME-R looks at."""

Of = Callable[[Sequence[str], Collection[str], int], float]


def average_precision(ranking: Sequence[str], golds: Collection[str], depth: int = DEPTH) -> float:
    """AP@depth = (1 / min(R, depth)) · Σ P(i) over the ranks i ≤ depth that hold one of the R right answers.

    P(i) is the share of right answers among the first i. An answer that is named twice counts at its first
    place; the second place counts as wrong. Source: the function that XTREME-R's evaluator uses for LAReQA
    and Mewsli-X (Ruder et al. 2021, arXiv 2104.07412).

    Example:
        >>> average_precision(["a", "x", "b"], {"a", "b"})
        0.8333333333333333
    """
    ranks = _right_ranks(ranking, golds, depth)
    return sum(hits / rank for hits, rank in enumerate(ranks, 1)) / min(len(set(golds)), depth)


def reciprocal_rank(ranking: Sequence[str], golds: Collection[str], depth: int = DEPTH) -> float:
    """1 / rank of the first right answer, 0 where there is none among the first `depth`.

    Example:
        >>> reciprocal_rank(["x", "a"], {"a"})
        0.5
    """
    return next((1 / rank for rank in _right_ranks(ranking, golds, depth)), 0.0)


def _right_ranks(ranking: Sequence[str], golds: Collection[str], depth: int) -> list[int]:
    """Ranks, from 1, at which a right answer stands for the first time."""
    first = {answer: rank for rank, answer in reversed(list(enumerate(ranking[:depth], 1)))}
    return sorted(first[answer] for answer in set(golds) if answer in first)


def _of_ranking(of: Of) -> Callable[..., Array]:
    """Statistics (value, 1) of each query."""

    def statistics(predictions: Sequence[Any], golds: Sequence[Any], *_: Any) -> Array:
        same_length(predictions, golds, "queries")
        unanswered = sum(not gold for gold in golds)
        if unanswered:
            raise DataError(
                f"{unanswered:,} of {len(golds):,} queries have no right answer in gold. Expected at least one "
                "for each: leave such queries out"
            )
        values = [of(ranking, gold, DEPTH) for ranking, gold in zip(predictions, golds, strict=True)]
        return np.column_stack([np.array(values, dtype=np.float64), np.ones(len(values))])

    return statistics


def _bitext_statistics(predictions: Sequence[Any], golds: Sequence[Any], *_: Any) -> Array:
    """(mined and right, mined, gold) of each source sentence, given the mined set."""
    same_length(predictions, golds, "sentences")
    rows = np.zeros((len(golds), 3))
    for row, mined, gold in zip(rows, map(mined_id, predictions), golds, strict=True):
        row[:] = mined in gold, mined is not None, len(gold)
    return rows


def mined_id(prediction: Mapping[str, Any] | None) -> str | None:
    """The candidate that a sentence is paired with, None where it is left unpaired.

    Example:
        >>> mined_id({"id": "en-7", "score": 1.2}), mined_id({"id": None, "score": 0.9}), mined_id(None)
        ('en-7', None, None)
    """
    return None if prediction is None else prediction["id"]


def _f1(totals: Array) -> Array:
    """2·right / (mined + gold), the harmonic mean of precision and recall of the set of mined pairs.

    Source: the BUCC shared task (Zweigenbaum, Sharoff & Rapp 2018), as XTREME's evaluator computes it.
    """
    return ratio(2 * totals[..., 0], totals[..., 1] + totals[..., 2])


MAP = Metric(f"map@{DEPTH}", f"mAP@{DEPTH}", _of_ranking(average_precision), share, 1, rules="xtreme-r")
MRR = Metric(f"mrr@{DEPTH}", f"MRR@{DEPTH}", _of_ranking(reciprocal_rank), share, 1, rules="xtreme-r")
BITEXT_F1 = Metric("bitext_f1", "F1 of mined pairs", _bitext_statistics, _f1, 1, rules="bucc-2018")
