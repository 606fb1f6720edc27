from __future__ import annotations

import unicodedata

import pytest
from perturbation_corpus import CORPUS

from xstilts.perturbations.graphemes import is_letter, split
from xstilts.perturbations.keyboards import neighbours


@pytest.mark.parametrize(
    ("language", "key", "near"),
    [
        ("en", "q", "wa"),
        ("en", "g", "tyfhvb"),
        ("en", "G", "TYFHVB"),
        ("de", "z", "tughu"),
        ("fr", "q", "azsw"),
        ("es", "ñ", "pl"),
        ("tr", "ı", "uojk"),
        ("tr", "i", "şğü"),
        ("ru", "а", "кевпсм"),
        ("uk", "і", "цуфвяч"),
        ("el", "α", "ςσζ"),
        ("ar", "ب", "فقيلرؤ"),
        ("fa", "گ", "جکچ"),
        ("he", "ש", "דז"),
        ("hi", "क", "रतगदस"),
        ("bn", "ক", "রতগদস"),
        ("th", "ด", "กเพะแอ"),
        ("ka", "ა", "ქწსზ"),
        ("hy", "ս", "բմգե"),
        ("mn", "ө", "бажэёс"),
        ("my", "မ", "နအ"),
        ("lo", "ກ", "ຫດພປແຳ"),
        ("ja", "き", "かくけこ"),
        ("ja", "ガ", "ギグゲゴ"),
    ],
)
def test_neighbours_are_near_in_the_layout(language: str, key: str, near: str) -> None:
    assert set(neighbours(language).variants(key)) == set(near)


def test_layouts_differ_by_language() -> None:
    assert "t" in neighbours("en").variants("y")
    assert "t" not in neighbours("de").variants("y")
    assert "x" in neighbours("de").variants("y")
    assert neighbours("de-AT").variants("y") == neighbours("de").variants("y")
    assert "ж" in neighbours("sr").variants("ћ")
    assert "đ" in neighbours("sr-Latn").variants("š")


def test_hangul_is_recomposed() -> None:
    found = neighbours("ko").variants("한")
    assert "간" not in found  # ㄱ is not beside ㅎ
    assert {"란", "헌", "항"} <= set(found)  # ㄹ is beside ㅎ, ㅓ beside ㅏ, ㅇ beside ㄴ


def test_marks_are_mistaken_for_marks() -> None:
    for language, sentences in CORPUS.items():
        for cluster in split(" ".join(sentences)):
            for variant in neighbours(language).variants(cluster):
                assert len(split(variant)) == 1
                assert is_letter(variant) == is_letter(cluster)
                assert unicodedata.is_normalized("NFC", variant)


def test_every_script_with_a_layout_is_covered() -> None:
    for language, sentences in CORPUS.items():
        letters = [c for c in split("".join(sentences)) if is_letter(c)]
        share = sum(bool(neighbours(language).variants(c)) for c in letters) / len(letters)
        assert share > (0.4 if language == "ja" else 0.6), (language, share)
