from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.initialising.headers import guess_header
from xstilts.initialising.names import is_known, is_number, numbered, plain_name

words = st.sampled_from(
    ["lamp", "broke", "after", "nice", "soup", "chair", "we", "kept", "it", "blue", "tall"]
)
texts = st.lists(words, min_size=5, max_size=9).map(" ".join)
known = st.sampled_from(["text", "review", "sentence", "utterance", "premise", "Comment", "Question"])
labelled = st.sampled_from(["label", "stars", "intent", "category", "gold_label", "Class"])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Rows of a text and a label, which both recur in no order."""
    labels = draw(st.lists(words, min_size=2, max_size=4, unique=True))
    count = draw(st.integers(12, 40))
    return [[draw(texts), labels[draw(st.integers(0, len(labels) - 1))]] for _ in range(count)]


@given(tables(), known, labelled)
def test_names_above_a_table_are_found(rows: list[list[str]], text: str, label: str) -> None:
    header = guess_header([[text, label], *rows])
    assert header.there and header.sure


@given(tables())
def test_a_table_without_names_has_none(rows: list[list[str]]) -> None:
    rows = [*rows, list(rows[0])]  # the first label comes again
    assert not guess_header(rows).there


@given(st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=9))
def test_sentences_are_no_names(rows: list[list[str]]) -> None:
    assert not guess_header(rows).there


@pytest.mark.parametrize(
    ("rows", "there", "why"),
    [
        (
            [["was sagten sie", "wie gut"], ["ganz nett hier", "5"], ["na ja eher nicht", "2"]],
            True,
            "above numbers",
        ),
        ([["A", ""], ["x", "1"]], False, "empty cell"),
        ([["x", "x"], ["y", "z"]], False, "same cell twice"),
        ([["12", "Nice soup"], ["13", "Cold soup"]], False, "the number 12"),
        ([["text", "label"]], True, "the name 'text'"),
        # question is a name that columns have, and here a label
        (
            [["Where is it and who asks?", "question"], *[["He is here.", "question"], ["So", "no"]] * 6],
            False,
            "",
        ),
    ],
)
def test_what_tells(rows: list[list[str]], there: bool, why: str) -> None:
    header = guess_header(rows)
    assert header.there is there
    assert why in header.why


def test_doubt_is_said() -> None:
    rows = [["Kommentar", "Wertung"], ["nett", "gut"], ["öde", "mies"]]
    assert not guess_header(rows).sure


def test_names_as_columns_have_them() -> None:
    assert [plain_name(name) for name in ("Sentence_A", "#1 String", 3)] == ["sentencea", "1string", "3"]
    assert all(map(is_known, ["label", "sentence1", "answer_B", "gold_label", "sent_id", "Hypothesis"]))
    assert not any(map(is_known, ["lamp", "a", "7", ""]))
    assert [numbered(name) for name in ("ending0", "option_a", "C", "choices3", "text1", "12")] == [
        ("ending", "0"),
        ("option", "a"),
        ("", "c"),
        ("choices", "3"),
        None,
        None,
    ]
    assert [is_number(text) for text in ("4", "4.5", "-1e3", "four", "nan", "")] == [True] * 3 + [False] * 3
