from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.perturbations.graphemes import (
    Substitutions,
    jamo,
    lower,
    split,
    strip_marks,
    syllable,
    upper,
    words,
)


@given(st.text())
def test_clusters_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text


@given(st.integers(0xAC00, 0xD7A3).map(chr))
def test_hangul_letters_make_their_syllable_again(character: str) -> None:
    assert syllable(jamo(character)) == character


def test_letters_agree_with_canonical_decomposition() -> None:
    assert [len(jamo(c)) for c in "한가"] == [len(unicodedata.normalize("NFD", c)) for c in "한가"] == [3, 2]


@pytest.mark.parametrize("letters", [("ㅎ",), ("ㅏ", "ㅎ"), ("ㅎ", "ㅎ"), ("ㄳ", "ㅏ"), ("ㅎ", "ㅏ", "ㄸ")])
def test_letters_that_make_no_syllable_make_nothing(letters: tuple[str, ...]) -> None:
    assert syllable(letters) == ""


def test_words_are_runs_of_letters() -> None:
    clusters = split("Ça va, कि 3x?")
    assert ["".join(clusters[start:stop]) for start, stop in words(clusters)] == ["Ça", "va", "कि", "x"]


def test_turkish_has_its_own_case() -> None:
    assert (upper("ışik", "tr"), lower("IŞİK", "tr-Latn")) == ("IŞİK", "ışik")
    assert (upper("hi", "en"), lower("HI", "trv")) == ("HI", "hi")


@pytest.mark.parametrize(
    ("cluster", "bare"),
    [
        ("é", "e"),
        ("ế", "e"),
        ("Ё", "Е"),
        ("ά", "α"),
        ("أ", "ا"),
        ("कि", "क"),
        ("ที่", "ท"),
        ("パ", "ハ"),
        ("한", "한"),
        ("क्ष", "क्ष"),
    ],
)
def test_marks_are_stripped(cluster: str, bare: str) -> None:
    assert strip_marks(cluster) == bare


def test_a_cluster_is_varied_and_stays_one() -> None:
    mistaken = Substitutions({"क": ["र", "क"], "्": ["े"], "ㅎ": ["ㅗ", "ㅇ"], "m": ["rn"]})
    assert mistaken.variants("कि") == ("रि",)
    assert mistaken.variants("क्ष") == ("र्ष",)  # a vowel sign for the virama would make two clusters of it
    assert mistaken.variants("한") == ("안",)  # a vowel cannot lead
    assert mistaken.variants("m") == ("rn",)
    assert mistaken.variants("x") == ()
