"""Metrics of image-text retrieval: recall and mean reciprocal rank, one metric a direction.

A prediction holds the rank of the right image among all images (`image_rank`), and at the first caption of each image
the rank of the best of its captions among the captions of others (`caption_rank`, else null). So the items of the
direction text → image are captions, those of image → text are images, and all captions of an image count: as IGLUE
counts them (Bugliarello et al. 2022, arXiv 2201.11732). Of equals the right one comes last: whoever cannot tell two
images apart has not found either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from xstilts.metrics.base import Array, Metric, same_length
from xstilts.metrics.classification import share

DEPTHS = (1, 5, 10)
_RANKS = {"t2i": "image_rank", "i2t": "caption_rank"}
_LABELS = {"t2i": "text→image", "i2t": "image→text"}

OfRank = Callable[[int], float]


def _of_ranks(direction: str, of: OfRank) -> Callable[..., Array]:
    """Statistics (value, 1) of each query; (0, 0) of a row that is none in this direction."""
    name = _RANKS[direction]

    def statistics(predictions: Sequence[Any], golds: Sequence[Any], *_: Any) -> Array:
        same_length(predictions, golds, "captions")
        return np.array([_counted(prediction, name, of) for prediction in predictions], np.float64)

    return statistics


def _counted(prediction: Mapping[str, Any], name: str, of: OfRank) -> tuple[float, float]:
    rank = prediction[name]
    return (0.0, 0.0) if rank is None else (of(rank), 1.0)


def guessed(metric: str, captions: Sequence[int]) -> float:
    """The expected score of who ranks candidates at random, by the number of captions that each image has.

    Of m right candidates among n the best has rank r with probability C(n - r, m - 1) / C(n, m).

    Example:
        >>> guessed("t2i_r@1", [5, 5]), guessed("i2t_r@1", [1, 3])
        (0.5, 0.5)
    """
    direction = metric.partition("_")[0]
    found, total = _BY_RANK[metric], sum(captions)
    if direction == "t2i":
        return _expected(found, 1, len(captions))
    return sum(many * _expected(found, own, total) for own, many in Counter(captions).items()) / len(captions)


def _expected(of: OfRank, own: int, total: int) -> float:
    """The mean of what a rank counts, over the ranks of the best of `own` among `total` in random order."""
    value, weight = 0.0, own / total
    for rank in range(1, total - own + 2):
        value += of(rank) * weight
        weight *= (total - rank - own + 1) / max(total - rank, 1)
    return value


def _within(depth: int) -> OfRank:
    return lambda rank: float(rank <= depth)


def _reciprocal(rank: int) -> float:
    return 1 / rank


_COUNTED = (
    *((f"r@{depth}", f"R@{depth}", _within(depth)) for depth in reversed(DEPTHS)),
    ("mrr", "MRR", _reciprocal),
)
_BY_RANK = {f"{direction}_{name}": of for direction in _RANKS for name, _, of in _COUNTED}

IMAGE_TEXT = tuple(
    Metric(f"{direction}_{name}", f"{_LABELS[direction]} {label}", _of_ranks(direction, of), share, 1)
    for name, label, of in _COUNTED
    for direction in _RANKS
)
"""R@10, R@5, R@1 and mean reciprocal rank, each from text to image and back."""
