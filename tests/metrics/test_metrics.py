from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score as seqeval_f1
from seqeval.metrics.sequence_labeling import get_entities
from sklearn.metrics import accuracy_score, f1_score

from xstilts.errors import DataError, UnknownName
from xstilts.metrics import METRICS, get_metric
from xstilts.metrics.tagging import chunks, entities

LABELS = ["a", "b", "c", "d"]
TAGS = [
    "O",
    "B-PER",
    "I-PER",
    "B-LOC",
    "I-LOC",
    "E-LOC",
    "S-PER",
    "B",
    "I",
    "PER",
    "LOC",
    "B-A-B",
    "I-A-B",
    "O-PER",
]
pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40)
sentences = st.lists(
    st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=9),
    min_size=1,
    max_size=6,
)


def split(rows: list) -> tuple[list, list]:
    return [a for a, _ in rows], [b for _, b in rows]


@given(pairs)
def test_accuracy_and_macro_f1_are_scikit_learns(rows: list) -> None:
    predictions, golds = split(rows)
    assert get_metric("accuracy").score(predictions, golds, LABELS) == pytest.approx(
        accuracy_score(golds, predictions)
    )
    macro = f1_score(golds, predictions, average="macro", zero_division=0)
    assert get_metric("macro_f1").score(predictions, golds, LABELS) == pytest.approx(macro)
    assert get_metric("macro_f1").score(predictions, golds) == pytest.approx(macro)


@settings(max_examples=400)
@given(st.lists(st.sampled_from(TAGS), min_size=1, max_size=14))
def test_entities_are_seqevals(tags: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert entities(tags) == get_entities(tags)


@settings(max_examples=300)
@given(sentences)
def test_entity_f1_is_seqevals(rows: list) -> None:
    predictions = [[a for a, _ in row] for row in rows]
    golds = [[b for _, b in row] for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = seqeval_f1(golds, predictions)
    assert get_metric("entity_f1").score(predictions, golds) == pytest.approx(expected)


UPOS = ["NOUN", "VERB", "SYM", "SCONJ", "INTJ", "X", "PUNCT", "O", "B-PER", "I-PER"]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(UPOS), min_size=1, max_size=14))
def test_chunks_are_those_of_old_seqeval(tags: list[str]) -> None:
    """Old seqeval's type, the whole tag or what follows its last hyphen, spelled so that today's finds it."""
    spelled = [tag if tag == "O" else f"{tag[0]}-{tag.split('-')[-1]}" for tag in tags]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert chunks(tags) == get_entities(spelled)


def test_a_tag_that_is_an_underscore_is_a_chunk() -> None:
    assert chunks(["ADJ", "_", "_", "O", "_"]) == [("ADJ", 0, 0), ("_", 1, 2), ("_", 4, 4)]


def test_chunk_f1_by_hand() -> None:
    gold, predicted = ["NOUN", "NOUN", "VERB", "SYM", "SYM"], ["NOUN", "ADJ", "VERB", "SYM", "SYM"]
    # gold: NOUN 0-1, VERB 2, SYM 3, SYM 4; predicted: NOUN 0, ADJ 1, VERB 2, SYM 3, SYM 4; three are right
    statistics = get_metric("chunk_f1").statistics([predicted], [gold], (), "en")
    assert statistics.tolist() == [[3, 5, 4]]
    assert get_metric("chunk_f1").score([predicted], [gold]) == pytest.approx(2 * 3 / 9)
    assert get_metric("token_accuracy").score([predicted], [gold]) == 0.8


def test_every_metric_names_its_rules() -> None:
    assert {name: get_metric(name).rules for name in ("entity_f1", "chunk_f1", "accuracy", "mlqa_em")} == {
        "entity_f1": "seqeval-1.2.2",
        "chunk_f1": "seqeval-0.0.12",
        "accuracy": "exact-match",
        "mlqa_em": "mlqa-v1",
    }
    assert all(metric.rules for metric in METRICS.values())


def test_token_accuracy_counts_tokens_not_sentences() -> None:
    assert get_metric("token_accuracy").score([["O"], ["O", "O", "O"]], [["B-X"], ["O", "O", "O"]]) == 0.75


@given(pairs, st.randoms(use_true_random=False))
def test_statistics_are_additive_and_blind_to_order(rows: list, random) -> None:
    shuffled = random.sample(rows, len(rows))
    for name in ("accuracy", "macro_f1"):
        metric = get_metric(name)
        one, other = (metric.statistics(*split(x), LABELS, "en") for x in (rows, shuffled))
        assert np.array_equal(one.sum(axis=0), other.sum(axis=0))
        assert one.dtype == np.float64
        parts = one[:3].sum(axis=0) + one[3:].sum(axis=0)
        assert metric.value(parts) == pytest.approx(metric.score(*split(rows), LABELS))


def test_value_takes_any_leading_shape_and_empty_totals() -> None:
    for metric in METRICS.values():
        width = {"entity_f1": 3, "chunk_f1": 3, "bitext_f1": 3, "bucc_f1": 3, "macro_f1": 12}.get(
            metric.name, 2
        )
        values = metric.value(np.zeros((5, 2, width)))
        assert values.shape == (5, 2)
        assert (values == 0).all()


def test_chance() -> None:
    assert get_metric("accuracy").chance(4) == 0.25
    assert get_metric("entity_f1").chance is None


def test_errors_say_what_to_do() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'accuracy'"):
        get_metric("acuracy")
    with pytest.raises(DataError, match="1 predictions for 2 gold"):
        get_metric("accuracy").score(["a"], ["a", "b"])
    with pytest.raises(DataError, match="tokens of one sentence"):
        get_metric("entity_f1").score([["O"]], [["O", "O"]])
    with pytest.raises(DataError, match="'z' is not a label"):
        get_metric("macro_f1").score(["z"], ["a"], LABELS)
    with pytest.raises(DataError, match="empty tag"):
        get_metric("entity_f1").score([[""]], [["O"]])
