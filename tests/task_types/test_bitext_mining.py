from __future__ import annotations

import numpy as np
import pytest

from xstilts.errors import DataError, RecipeError
from xstilts.metrics import get_metric
from xstilts.task_types import get_task_type, retrieval_type
from xstilts.task_types.bitext_mining import BitextMining
from xstilts.task_types.retrieval import Search
from xstilts.tasks.base import PackageSource, Task

MINING = BitextMining()
TASK = Task("my/bitext", "bitext-mining", PackageSource(lambda split, language: [], {}, (), 1), ("de",), "")
TABLE = np.eye(6, dtype=np.float32) + np.float32(0.1)


def search(queries: list[int], candidates: list[int], rule: str = "none") -> Search:
    names = [f"en-{place}" for place in range(len(candidates))]
    return Search(TABLE, np.array(queries), np.array(candidates), names, rule)


def test_pairs_are_told_by_the_ids_of_candidates() -> None:
    found = MINING.retrieve(search([0, 1, 2], [2, 3, 0]), TASK)
    assert [one and one["id"] for one in found] == ["en-2", "en-1", "en-0"]
    assert found[0]["score"] == pytest.approx(found[2]["score"], abs=1e-5)
    assert found[0]["score"] > 1 == found[1]["score"]  # no nearer than anything else is
    assert MINING.retrieve(search([0, 1], [0]), TASK)[1] is None  # more sentences than candidates


def test_a_sentence_that_occurs_twice_is_searched_once_and_never_paired() -> None:
    """As in XTREME's script, where such sentences have no id; their neighbours see them once."""
    found = MINING.retrieve(search([0, 1, 0, 2], [0, 1, 2, 2]), TASK)
    assert [one and one["id"] for one in found] == [None, "en-1", None, None]
    once = MINING.retrieve(search([0, 1, 2], [0, 1, 2]), TASK)
    assert found[1]["score"] == once[1]["score"]


def test_the_threshold_of_dev_is_applied() -> None:
    predictions = [{"id": "a", "score": 1.2}, {"id": "b", "score": 1.1}, {"id": "c", "score": 0.9}, None]
    golds = [["a"], ["b"], [], ["d"]]
    threshold = MINING.tune(predictions, golds)
    assert threshold == pytest.approx(1.0)
    kept = MINING.apply(predictions, threshold)
    assert kept == [*predictions[:2], {"id": None, "score": 0.9}, None]
    assert get_metric("bitext_f1").score(kept, golds) == pytest.approx(0.8)
    assert MINING.apply(kept, threshold) == kept
    assert MINING.tune([None, None], [[], []]) == 0.0


def test_scorings() -> None:
    by_cosine = Task(**vars(TASK) | {"options": {"scoring": "cosine"}})
    assert MINING.scoring(TASK) == "ratio-margin-k4"
    scores = [one["score"] for one in MINING.retrieve(search([0, 1], [0, 1]), by_cosine)]
    assert scores == pytest.approx([1, 1])
    with pytest.raises(
        RecipeError, match=r"my/bitext: scoring 'dot' does not fit .*: ratio-margin-k4, cosine"
    ):
        MINING.scoring(Task(**vars(TASK) | {"options": {"scoring": "dot"}}))


def test_candidates_have_ids_of_their_own() -> None:
    rows = [{"id": "en-1", "text": "a"}, {"id": "en-2", "text": "b"}]
    assert MINING.candidates([], rows) == {"en-1": ("a",), "en-2": ("b",)}
    with pytest.raises(DataError, match="candidate id 'en-2' occurs twice"):
        MINING.candidates([], [*rows, {"id": "en-2", "text": "c"}])


def test_only_the_other_language_is_perturbed() -> None:
    assert get_task_type("bitext-mining").texts == ("text",)
    assert retrieval_type("bitext-mining") is get_task_type("bitext-mining")


def test_the_rest_of_a_side_is_mined_along() -> None:
    pool = [{"id": "en-1", "source": "en-1", "text": "a"}]
    pool += [{"id": name, "source": name, "text": name, "side": "text"} for name in ("de-1", "de-2", "de-3")]
    rows = [{"id": "my/bitext/dev/de-2/de", "source": "de-2", "text": "de-2"}]
    assert MINING.beside(rows, pool) == [("de-1",), ("de-3",)]
    assert MINING.candidates(rows, pool) == {"en-1": ("a",)}


def test_a_threshold_of_a_part_holds_for_the_whole() -> None:
    """Scores of a part, mined with the rest, are those of the whole; mined alone they are higher."""
    random = np.random.default_rng(0)
    table = (random.normal(size=(120, 8)) + 2).astype(np.float32)
    names = [f"en-{place}" for place in range(60)]

    def scores(queries: range) -> list[float]:
        found = MINING.retrieve(Search(table, np.array(queries), np.arange(60, 120), names, "none"), TASK)
        return [one["score"] if one else 0.0 for one in found[:12]]

    whole, alone = scores(range(60)), scores(range(12))
    assert np.mean(alone) > np.mean([score for score in whole if score]) + 0.01
