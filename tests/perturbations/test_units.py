from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perturbation_corpus import CORPUS, PASSAGES

from xstilts.perturbations.graphemes import split
from xstilts.perturbations.units import sentence_spans, word_spans


def cut(text: str, language: str) -> list[str]:
    clusters = split(text)
    return ["".join(clusters[start:stop]) for start, stop in word_spans(clusters, language)]


def sentences(text: str, language: str) -> list[str]:
    clusters = split(text)
    return ["".join(clusters[start:stop]) for start, stop in sentence_spans(clusters, language)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "en",
            "“Don't”, she (Ann-Marie) said: 3.5 km, COVID-19 …",
            ["Don't", "she", "Ann-Marie", "said", "km"],
        ),
        ("ar", "ذهب الأطفال، ثم عادوا.", ["ذهب", "الأطفال", "ثم", "عادوا"]),
        ("hi", "यह किताब कितने की है?", ["यह", "किताब", "कितने", "की", "है"]),
        ("zh", "我的邻居种了iPhone，很多。", ["我的", "邻居", "种了", "iPhone", "很多"]),
        ("ja", "友達と新しいレストランで食べた。", ["友達と", "新しい", "レストランで", "食べた"]),
        ("th", "แม่ซื้อปลา", ["แม่ซื้", "อปลา"]),
        ("en", "🙂 !! 12", []),
    ],
)
def test_words(language: str, text: str, expected: list[str]) -> None:
    assert cut(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("en", "He came in 1910. It rained. Mr. Poe, i.e. J. Poe, left! Why? “No.” Then 3.5 km.", 5),
        ("de", "Am 3. Mai kam er an. Es regnete (sehr.) Dann z. B. nicht.", 3),
        ("hi", "वह आया। वह गया। ठीक है?", 3),
        ("ar", "جاء الولد. هل ذهب؟ نعم.", 3),
        ("zh", "他来了。“谁？”她走了！好", 4),
        ("el", "Τι είναι; Ένα βιβλίο.", 2),
        ("en", "One; two.", 1),
        ("en", "...", 1),
        ("en", "", 0),
    ],
)
def test_sentences(language: str, text: str, count: int) -> None:
    found = sentences(text, language)
    assert "".join(found) == text
    assert len(found) == count, found


@given(st.text(), st.sampled_from(sorted(CORPUS)))
def test_spans_come_in_order(text: str, language: str) -> None:
    clusters = split(text)
    assert "".join(sentences(text, language)) == text
    done = 0
    for start, stop in word_spans(clusters, language):
        assert done <= start < stop <= len(clusters)
        done = stop


def test_passages_are_cut_into_the_sentences_they_were_made_of() -> None:
    for language, passage in PASSAGES.items():
        if language != "th":
            assert len(sentences(passage, language)) == len(CORPUS[language]), language
