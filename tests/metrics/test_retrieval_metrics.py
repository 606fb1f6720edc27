from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from xstilts.errors import DataError
from xstilts.metrics import get_metric
from xstilts.metrics.retrieval import average_precision, mined_id, reciprocal_rank

RANKINGS = st.permutations([f"c{number}" for number in range(9)])
GOLDS = st.sets(st.sampled_from([f"c{number}" for number in range(12)]), min_size=1, max_size=6)


@given(RANKINGS, st.sets(st.sampled_from([f"c{number}" for number in range(9)]), min_size=1))
def test_average_precision_of_a_whole_ranking_is_scikit_learns(ranking: list[str], golds: set[str]) -> None:
    right = [candidate in golds for candidate in ranking]
    expected = average_precision_score(right, -np.arange(len(ranking)))
    assert average_precision(ranking, golds) == pytest.approx(expected)


@given(RANKINGS, GOLDS, st.integers(1, 12))
def test_average_precision_by_its_definition(ranking: list[str], golds: set[str], depth: int) -> None:
    total = 0.0
    for rank in range(1, min(depth, len(ranking)) + 1):
        if ranking[rank - 1] in golds:
            total += len(golds & set(ranking[:rank])) / rank
    assert average_precision(ranking, golds, depth) == pytest.approx(total / min(len(golds), depth))


@pytest.mark.parametrize(
    ("ranking", "golds", "value"),
    [
        (["a", "b"], ["a"], 1.0),
        (["x", "a"], ["a"], 0.5),
        (
            ["a", "a", "b"],
            ["a", "b"],
            (1 + 2 / 3) / 2,
        ),  # a name that is repeated takes a place and adds nothing
        (["x"] * 20 + ["a"], ["a"], 0.0),  # rank 21 is not looked at
        ([f"g{n}" for n in range(20)], [f"g{n}" for n in range(30)], 1.0),  # at most 20 of 30 can be there
        ([], ["a"], 0.0),
        (["a"], ["a", "a"], 1.0),
    ],
)
def test_average_precision_worked_by_hand(ranking: list[str], golds: list[str], value: float) -> None:
    assert average_precision(ranking, golds) == pytest.approx(value)


@given(RANKINGS, st.sampled_from(["c0", "c5", "c11"]))
def test_with_one_right_answer_both_metrics_agree(ranking: list[str], gold: str) -> None:
    assert average_precision(ranking, [gold], 5) == reciprocal_rank(ranking, [gold], 5)


def test_rankings_are_scored_as_means_over_queries() -> None:
    rankings, golds = [["a", "b"], ["x", "y", "c"]], [["a", "b"], ["c", "d"]]
    assert get_metric("map@20").score(rankings, golds) == pytest.approx((1 + 1 / 6) / 2)
    assert get_metric("mrr@20").score(rankings, golds) == pytest.approx((1 + 1 / 3) / 2)
    with pytest.raises(DataError, match="1 of 2 queries have no right answer"):
        get_metric("map@20").score(rankings, [["a"], []])
    with pytest.raises(DataError, match="1 predictions for 2 gold queries"):
        get_metric("mrr@20").score([["a"]], golds)


SENTENCES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from([None, "a", "b", "c"]).map(lambda name: {"id": name, "score": 1.0})),
        st.sampled_from([[], ["a"], ["b"]]),
    ),
    min_size=1,
    max_size=20,
)  # fmt: skip


@given(SENTENCES)
def test_mining_f1_is_that_of_the_sets_of_pairs(rows: list) -> None:
    predictions, golds = [mined for mined, _ in rows], [gold for _, gold in rows]
    mined = {(n, name) for n, one in enumerate(predictions) if (name := mined_id(one)) is not None}
    gold = {(n, name) for n, names in enumerate(golds) for name in names}
    both = sorted(mined | gold)
    expected = f1_score([p in gold for p in both], [p in mined for p in both], zero_division=0) if both else 0
    assert get_metric("bitext_f1").score(predictions, golds) == pytest.approx(expected)


def test_the_mock_predictions_of_xtreme_r_score_as_published() -> None:
    data = os.environ.get("XSTILTS_DATA")
    if not data or not Path(data, "xtreme_mock/labels/mewslix").is_dir():
        pytest.skip("needs XSTILTS_DATA with xtreme_mock")
    values = []
    for path in sorted(Path(data, "xtreme_mock/labels/mewslix").glob("*.json")):
        golds = json.loads(path.read_text("utf-8"))
        answers = json.loads(Path(data, "xtreme_mock/predictions/mewslix", path.name).read_text("utf-8"))
        rankings = [answers.get(query, []) for query in golds]
        values.append(get_metric("map@20").score(rankings, list(golds.values())))
    assert 100 * np.mean(values) == pytest.approx(14.3903, abs=5e-5)
