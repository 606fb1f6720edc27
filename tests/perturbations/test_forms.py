from __future__ import annotations

import unicodedata

import pytest
from perturbation_corpus import CORPUS

from xstilts.perturbations import Condition, perturb_text
from xstilts.perturbations.forms import other_width, twins
from xstilts.perturbations.graphemes import split


@pytest.mark.parametrize(
    ("letter", "found"),
    [
        ("a", ("а", "α")[:1]),
        ("o", ("о", "ο")),
        ("х", ("x",)),
        ("ك", ("ک",)),
        ("आ", ("अा",)),
        ("แ", ("เเ",)),
        ("カ", ("力",)),
        ("力", ("⼒",)),
        ("日", ("⽇",)),
        ("的", ()),
        ("7", ()),
    ],
)
def test_twins(letter: str, found: tuple[str, ...]) -> None:
    assert twins().get(letter, ()) == found


def test_twins_are_other_characters_and_normal() -> None:
    letters = {c for sentences in CORPUS.values() for s in sentences for c in split(s)}
    variants = [(c, v) for c in letters for v in twins().get(c, ())]
    assert len(variants) > 100
    assert all(c != v and unicodedata.is_normalized("NFC", v) for c, v in variants)


def test_letters_with_marks_stay() -> None:
    """A Kannada letter takes no Telugu sign."""
    after = perturb_text("కలి లల", "te", Condition("homoglyphs", severity=5), "a")
    assert after.startswith("కలి ") and after != "కలి లల"


@pytest.mark.parametrize(
    "text", ["A", "z", "0", "~", "，", "ア", "ガ", "パ", "ー", "。", "「", "ｶ", "ｶﾞ", "｡"]
)
def test_width_goes_there_and_back(text: str) -> None:
    other = other_width(text)
    assert other != text
    assert other_width(other) == text
    assert unicodedata.normalize("NFKC", other) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize("text", ["あ", "漢", "é", " ", "\u3000", "한", "🙂", "ば"])
def test_what_has_one_width(text: str) -> None:
    assert other_width(text) == ""


def test_runs_change_width_together() -> None:
    found = {
        perturb_text("東京TOKYOで2024年、レストラン", "ja", Condition("width", severity=3), str(i))
        for i in range(99)
    }
    assert any("ＴＯＫＹＯ" in text for text in found) and any("ﾚｽﾄﾗﾝ" in text for text in found)
    assert not any("ＴO" in text or "TＯ" in text or "２0" in text for text in found)
    assert len({unicodedata.normalize("NFKC", text) for text in found}) == 1
