"""Mined pairs are those of the published rules, written out without blocks."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xstilts.metrics import get_metric
from xstilts.task_types import vectors
from xstilts.task_types.mining import Pairs, best_threshold, mine
from xstilts.task_types.vectors import Side

TABLES = st.tuples(
    *[
        st.integers(1, 14).flatmap(lambda n: arrays.arrays(np.int8, (n, 4), elements=st.integers(0, 4)))
        for _ in range(2)
    ]
)
"""Vectors of small whole numbers: their products are exact, and many are equal."""
SIZES = st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(0, 2**32 - 1))


def side(table: Any, unit: bool = True) -> Side:
    table = np.asarray(table, np.float32)
    return Side.of(table, np.arange(len(table)), unit=unit)


def by_the_rules(left: np.ndarray, right: np.ndarray, k: int, ratio: bool) -> list[tuple[int, int, float]]:
    """Margin, union of the best pairs of both directions, the best first, each sentence once: loops only."""
    similar = left.astype(np.float32) @ right.T.astype(np.float32)
    forward = [np.sort(row)[::-1][:k].mean() for row in similar]
    backward = [np.sort(column)[::-1][:k].mean() for column in similar.T]

    def score(i: int, j: int) -> float:
        around = (float(forward[i]) + float(backward[j])) / 2
        if ratio:
            return float(similar[i, j]) / around if around > 0 else -math.inf
        return float(similar[i, j])

    near_right = [sorted(range(len(right)), key=lambda j: (-similar[i, j], j))[:k] for i in range(len(left))]
    near_left = [sorted(range(len(left)), key=lambda i: (-similar[i, j], i))[:k] for j in range(len(right))]
    pairs = [(i, max(near_right[i], key=lambda j: score(i, j))) for i in range(len(left))]
    pairs += [(max(near_left[j], key=lambda i: score(i, j)), j) for j in range(len(right))]
    kept: list[tuple[int, int, float]] = []
    for i, j in sorted(pairs, key=lambda pair: -score(*pair)):
        if score(i, j) > 0 and all(i != one and j != other for one, other, _ in kept):
            kept.append((i, j, score(i, j)))
    return kept


@given(TABLES, st.integers(1, 16), st.booleans(), st.sampled_from([1, 3, 64]))
def test_mined_pairs_are_those_of_the_rules(tables: Any, k: int, ratio: bool, block: int) -> None:
    """With ties, duplicates and more neighbours than there are sentences among the cases."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "BLOCK", block)
        pairs = mine(*(side(table, unit=False) for table in tables), ratio, k)
    expected = by_the_rules(*tables, k, ratio)
    found = zip(pairs.left.tolist(), pairs.right.tolist(), pairs.scores.tolist(), strict=True)
    assert [*found] == expected


@given(SIZES)
def test_every_sentence_is_in_one_pair_at_most(sizes: tuple[int, int, int]) -> None:
    random = np.random.default_rng(sizes[2])
    pairs = mine(
        *(side(random.normal(size=(size, 3))) for size in sizes[:2])
    )  # negative similarities as well
    assert len(set(pairs.left.tolist())) == len(pairs.left) <= min(sizes[:2])
    assert len(set(pairs.right.tolist())) == len(pairs.right)
    assert (pairs.scores > 0).all() and (np.diff(pairs.scores) <= 0).all()
    assert np.isfinite(pairs.scores).all()


def test_a_hub_is_told_from_a_translation() -> None:
    """`left[0]` is nearest to the hub `right[0]`, which is near to everything; by the margin it finds its own."""
    left = np.array([[1.0, 0.30, 0.0], [1.0, -0.5, 0.5], [1.0, -0.5, -0.5]])
    right = np.array([[1.0, 0.0, 0.0], [0.9, 0.65, 0.0], [0.1, 0.0, 1.0]])
    by_cosine, by_margin = (mine(side(left), side(right), ratio, 2) for ratio in (False, True))
    partner = [dict(zip(p.left.tolist(), p.right.tolist(), strict=True))[0] for p in (by_cosine, by_margin)]
    assert partner == [0, 1]


def test_ties_go_to_the_first() -> None:
    same = np.ones((3, 2))
    pairs = mine(side(same), side(same[:2]))
    assert (pairs.left.tolist(), pairs.right.tolist()) == (
        [0],
        [0],
    )  # the best of all: nothing is left for others
    assert pairs.scores == pytest.approx([1])


def test_an_empty_side_has_no_pairs() -> None:
    empty = Side(np.ones((1, 2), np.float32), np.zeros(0, np.int64))
    for sides in ((empty, side(np.ones((2, 2)))), (side(np.ones((2, 2))), empty)):
        assert mine(*sides).scores.tolist() == []


def test_opposite_sentences_are_never_paired() -> None:
    """The mean similarity around them is negative: their ratio would be positive, and mean nothing."""
    pairs = mine(side([[1.0, 0.0]]), side([[-1.0, 0.1]]))
    assert isinstance(pairs, Pairs) and len(pairs.left) == 0


# --- thresholds

SCORED = st.lists(st.tuples(st.sampled_from([0.9, 1.0, 1.05, 1.1, 1.2, 1.3]), st.booleans()), max_size=15)


def f1(scored: list[tuple[float, bool]], threshold: float, golds: int) -> float:
    kept = [right for score, right in scored if score >= threshold]
    return 2 * sum(kept) / (len(kept) + golds) if kept or golds else 0.0


@given(SCORED, st.integers(0, 10))
def test_no_other_threshold_is_better(scored: list[tuple[float, bool]], missed: int) -> None:
    golds = sum(right for _, right in scored) + missed
    scores, right = np.array([s for s, _ in scored], float), np.array([r for _, r in scored], bool)
    threshold = best_threshold(scores, right, golds)
    every = [f1(scored, cut, golds) for cut in (*scores, math.inf)]
    assert f1(scored, threshold, golds) == pytest.approx(max(every)) or not right.any()
    if right.any():
        better = [cut for cut in scores if cut > threshold]
        assert all(
            f1(scored, cut, golds) < f1(scored, threshold, golds) for cut in better if cut != min(better)
        )
    else:
        assert threshold == 0


@pytest.mark.parametrize(
    ("scores", "right", "golds", "threshold"),
    [
        ([1.4, 1.2, 1.0], [True, True, False], 2, 1.1),  # halfway
        ([1.4, 1.2, 1.0], [True, True, True], 3, 1.0),  # all of them: there is no lower score
        ([1.0, 1.4, 1.2], [False, True, True], 2, 1.1),  # in any order
        ([1.4, 1.2, 1.2, 1.0], [True, True, False, False], 2, 1.1),  # equal scores stay together: 4/5
        ([1.4] + 4 * [1.2], [True, True, False, False, False], 2, 1.3),  # 4/7 < 2/3
        ([1.4, 1.2], [False, False], 3, 0.0),
        ([], [], 3, 0.0),
    ],
)
def test_thresholds_worked_by_hand(
    scores: list[float], right: list[bool], golds: int, threshold: float
) -> None:
    found = best_threshold(np.array(scores, float), np.array(right, bool), golds)
    assert found == pytest.approx(threshold)


def test_the_f1_that_a_threshold_was_chosen_for_is_the_metrics() -> None:
    scored = [(1.5, True), (1.4, False), (1.3, True), (1.1, False), (1.0, False)]
    golds = [["a"] if right else [] for _, right in scored]
    predictions = [{"id": "a" if right else "b", "score": score} for score, right in scored]
    threshold = best_threshold(np.array([s for s, _ in scored]), np.array([r for _, r in scored]), 2)
    kept = [one if one["score"] >= threshold else one | {"id": None} for one in predictions]
    assert get_metric("bitext_f1").score(kept, golds) == pytest.approx(f1(scored, threshold, 2)) == 0.8


@given(arrays.arrays(np.float32, (6, 3), elements=st.floats(0.125, 1, width=32)))
def test_half_precision_mines_as_single_precision_does(values: Any) -> None:
    halved = values.astype(np.float16)
    exact, half = (
        mine(Side.of(kind, np.arange(3)), Side.of(kind, np.arange(3, 6)))
        for kind in (halved.astype(np.float32), halved)
    )
    assert exact.left.tolist() == half.left.tolist() and exact.scores.tolist() == half.scores.tolist()


# --- memory


def memory_of_mining(left: int, right: int) -> float:
    """GB that mining allocates beside the vectors."""
    random = np.random.default_rng(0)
    table = random.normal(size=(left + right, 16)).astype(np.float16)
    sides = Side.of(table, np.arange(left)), Side.of(table, left + np.arange(right))
    tracemalloc.start()
    try:
        pairs = mine(*sides)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(pairs.left) <= min(left, right)
    return peak / 2**30


def test_memory_does_not_grow_with_the_number_of_pairs() -> None:
    """All similarities of the larger case would be 0.3 GB."""
    assert memory_of_mining(16_000, 5_000) < 0.2


@pytest.mark.slow
def test_half_a_million_sentences_are_mined_within_four_gigabytes() -> None:
    """500,000 × 20,000 vectors of width 384 in half precision, in a process of its own; `bench` has the numbers."""
    code = (
        "import json, sys; sys.path.insert(0, 'bench'); import mining;"
        "print(json.dumps(mining.measure(mining.Size(500_000, 20_000, 384, True))))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["memory_peak"] < 4
    assert record["found"] > 0.99
