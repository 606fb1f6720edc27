"""Metrics of image-text retrieval: recall and mean reciprocal rank, one metric a direction.

A prediction holds the rank of the right image among all images (`image_rank`), and at the first caption of each image
the rank of the best of its captions among the captions of others (`caption_rank`, else null). So the items of the
direction text → image are captions, those of image → text are images, and all captions of an image count: as IGLUE
counts them (Bugliarello et al. 2022, arXiv 2201.11732). Of equals the right one comes last: whoever cannot tell two
images apart has not found either.
"""

from __future__ import annotations

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


def _recall(direction: str, depth: int) -> Metric:
    return Metric(
        f"{direction}_r@{depth}",
        f"{_LABELS[direction]} R@{depth}",
        _of_ranks(direction, lambda rank: float(rank <= depth)),
        share,
        1,
        chance=lambda candidates: min(1.0, depth / candidates),
    )


def _reciprocal(direction: str) -> Metric:
    return Metric(
        f"{direction}_mrr",
        f"{_LABELS[direction]} MRR",
        _of_ranks(direction, lambda rank: 1 / rank),
        share,
        1,
        chance=lambda candidates: sum(1 / rank for rank in range(1, candidates + 1)) / candidates,
    )


IMAGE_TEXT = (
    *(_recall(direction, depth) for depth in reversed(DEPTHS) for direction in _RANKS),
    *(_reciprocal(direction) for direction in _RANKS),
)
"""R@10, R@5, R@1 and mean reciprocal rank, each from text to image and back."""
