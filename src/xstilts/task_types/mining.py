"""Bitext mining: pairs of sentences that are nearer to each other than to their other neighbours.

The rules are those of XTREME's BUCC script, which follows LASER: margin of Artetxe & Schwenk 2019 (ACL P19-1309),
section 3.1; the union of both directions' best pairs, the best first, each sentence once ("max" retrieval).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.task_types.vectors import Nearest, Places, Side, nearest_both_ways

NEIGHBOURS = 4
"""Neighbours in each direction that a pair is compared with, as in XTREME."""

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """One-to-one pairs, the best first: places on the left and on the right, and scores, all [n]."""

    left: Places
    right: Places
    scores: Scores


def mine(left: Side, right: Side, ratio: bool = True, neighbours: int = NEIGHBOURS) -> Pairs:
    """Pair the sentences of two sides.

    Args:
        left: vectors of distinct sentences.
        right: vectors of distinct sentences in the other language.
        ratio: score a pair by cos(x, y) / ((mean cosine of x to its nearest + mean of y to its nearest) / 2); else
            by cos(x, y). Where that mean is not positive, which it hardly ever is, the pair has no score.
        neighbours: how many nearest sentences are looked at, each way; all where there are fewer.

    Returns:
        At most as many pairs as the smaller side has sentences, all with a score above 0. Of pairs with equal
        scores those found from the left come first, in the order of the left side.
    """
    forward, backward = nearest_both_ways(left, right, neighbours)
    if not len(left) or not len(right):
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    best = [
        _best(near, _scores(near, own.means, other.means, ratio))
        for near, own, other in ((forward, forward, backward), (backward, backward, forward))
    ]
    return _one_to_one(
        np.concatenate([np.arange(len(left)), best[1][0]]),
        np.concatenate([best[0][0], np.arange(len(right))]),
        np.concatenate([best[0][1], best[1][1]]),
    )


def best_threshold(scores: Scores, right: NDArray[Any], golds: int) -> float:
    """The score from which on pairs are kept so that F1 is largest: halfway to the next lower score.

    Of equally good thresholds the highest is taken. Pairs with equal scores are kept or dropped together. Where no
    pair is right nothing can be learned, and the threshold is 0 as in XTREME's script.

    Args:
        scores: of the mined pairs.
        right: whether each of them is among the gold pairs.
        golds: number of gold pairs.

    Example:
        >>> best_threshold(np.array([1.4, 1.2, 1.0]), np.array([True, True, False]), 2)
        1.1
    """
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(right[order])
    if not len(scores) or not hits[-1]:
        return 0.0
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + golds)
    f1[:-1][scores[:-1] == scores[1:]] = -1
    cut = int(f1.argmax())
    return float(scores[cut] if cut + 1 == len(scores) else (scores[cut] + scores[cut + 1]) / 2)


def _scores(near: Nearest, own: NDArray[Any], other: NDArray[Any], ratio: bool) -> Scores:
    """Scores of each vector with its nearest ones, [n, k]."""
    similarities = near.similarities.astype(np.float64)
    if not ratio:
        return similarities
    around = (own.astype(np.float64)[:, None] + other.astype(np.float64)[near.places]) / 2
    scores = np.full_like(similarities, -np.inf)
    np.divide(similarities, around, out=scores, where=around > 0)
    return scores


def _best(near: Nearest, scores: Scores) -> tuple[Places, Scores]:
    """The best partner of each vector and its score."""
    rows, best = np.arange(len(scores)), scores.argmax(1)
    return near.places[rows, best], scores[rows, best]


def _one_to_one(left: Places, right: Places, scores: Scores) -> Pairs:
    """Take pairs from the best on, each sentence of either side once."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > 0]
    taken: list[int] = []
    seen_left, seen_right = set[int](), set[int]()
    for place, one, other in zip(order.tolist(), left[order].tolist(), right[order].tolist(), strict=True):
        if one not in seen_left and other not in seen_right:
            seen_left.add(one)
            seen_right.add(other)
            taken.append(place)
    return Pairs(left[taken], right[taken], scores[taken])
