from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perturbation_corpus import CORPUS

from xstilts.perturbations import PERTURBATIONS
from xstilts.perturbations.base import _PLAIN, apply_edits, pick, stream, unspaced
from xstilts.perturbations.graphemes import split

STREAM = 0.3266391177917032


def test_pieces_stand_in_one_for_one() -> None:
    assert apply_edits(list("abcd"), [(0, ("b", "a")), (3, ("",))]) == ["b", "a", "c", ""]


@pytest.mark.parametrize(
    "clusters",
    [
        ["त्", " ", "य"],  # would become one conjunct
        ["🇩", "x", "🇪"],  # would become a flag
        ["ᄒ", "x", "ᅡ"],  # would become one syllable
        ["e", "x", "\u0301"],  # would become é
    ],
)
def test_clusters_that_would_melt_together_stay_apart(clusters: list[str]) -> None:
    assert apply_edits(clusters, [(1, ("",))]) == clusters
    assert apply_edits([*clusters, "y"], [(0, ("",)), (3, ("z",))])[-1] == "z"


def test_normal_text_stays_normal_and_other_text_may_change() -> None:
    assert apply_edits(["e"], [(0, ("e\u0301",))]) == ["e"]
    assert apply_edits(["e\u0301"], [(0, ("a\u0301",))]) == ["a\u0301"]


def test_what_is_taken_for_plain_never_melts_and_is_normal() -> None:
    """No mark, joiner or control, in any order: the short way in `apply_edits` decides as the long one."""
    plain = [c for c in map(chr, range(sys.maxunicode + 1)) if _PLAIN.fullmatch(c)]
    text = "".join(plain)
    backwards = "".join(other + c for c, other in zip(plain, reversed(plain), strict=True))
    assert len(plain) > 30_000
    for one in (text, text[::-1], backwards):
        assert len(split(one)) == len(one)
        assert unicodedata.is_normalized("NFC", one)
    assert not any(map(unicodedata.combining, text))


@given(
    st.sampled_from(sorted(CORPUS)),
    st.sampled_from(sorted(PERTURBATIONS)),
    st.integers(1, 5),
    st.text(max_size=4),
)
def test_edits_come_in_order_and_never_overlap(language: str, name: str, severity: int, key: str) -> None:
    perturbation = PERTURBATIONS[name]
    clusters = split(" ".join(CORPUS[language]))
    for rate in (perturbation.rate(severity), 0.9):
        done = 0
        for start, new in perturbation.fn(clusters, language, rate, stream(key, name, severity)):
            assert done <= start < start + len(new) <= len(clusters)
            done = start + len(new)


def test_the_stream_is_a_hash_of_its_key() -> None:
    def first(item_key: str, perturbation: str, severity: int) -> float:
        return stream(item_key, perturbation, severity).random()

    assert first("xnli/test/1", "typos", 2) == STREAM
    others = [("xnli/test/2", "typos", 2), ("xnli/test/1", "ocr", 2), ("xnli/test/1", "typos", 3)]
    assert len({first(*key) for key in others} | {STREAM}) == 4


def test_picks_are_even() -> None:
    rng = stream("a", "b", 1)
    found = [pick("abc", rng) for _ in range(3000)]
    assert all(found.count(option) == pytest.approx(1000, rel=0.1) for option in "abc")


def test_scripts_without_spaces() -> None:
    spaceless = [language for language in CORPUS if unspaced(language)]
    assert spaceless == ["th", "ja", "zh"]
