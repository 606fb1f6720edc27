from __future__ import annotations

import unicodedata

import regex
from perturbation_corpus import CORPUS

from xstilts.perturbations.graphemes import is_letter, split
from xstilts.perturbations.lookalikes import _GROUPS, SCRIPTS, confusions


def test_shapes_are_confused_within_scripts() -> None:
    table = confusions()
    assert "c" in table.variants("e")
    assert table.variants("m") == ("rn",)
    assert set(table.variants("ế")) == {"ê", "e"}
    assert "ת" in table.variants("ה")
    assert "भि" in table.variants("मि")
    assert "핸" not in table.variants("한") and "햔" in table.variants("한")
    assert "シ" in table.variants("ツ")
    assert "末" in table.variants("未")


def test_digits_are_never_misread() -> None:
    assert not any(confusions().variants(digit) for digit in "0123456789٠१๑")


def test_katakana_never_enters_chinese() -> None:
    assert "カ" not in confusions().variants("力")
    assert "力" in confusions().variants("カ")


def test_every_language_has_confusable_letters() -> None:
    assert {"Latn", "Cyrl", "Arab", "Hans", "Hant"} <= SCRIPTS
    for language, sentences in CORPUS.items():
        letters = [c for c in split("".join(sentences)) if is_letter(c)]
        share = sum(bool(confusions().variants(c)) for c in letters) / len(letters)
        assert share > 0.2, (language, share)
        assert all(unicodedata.is_normalized("NFC", v) for c in letters for v in confusions().variants(c))


def test_every_shape_stands_in_its_script() -> None:
    """A letter typed in the wrong script would never be found in a text."""
    for name, groups in _GROUPS.items():
        scripts = {"Kore": ["Hang"], "Jpan": ["Hira", "Kana"]}.get(name, [name])
        fits = "|".join(rf"\p{{Script_Extensions={each}}}" for each in scripts)
        for letter in "".join(groups.split()):
            assert regex.fullmatch(rf"{fits}|\p{{N}}|\|", letter), (name, letter)
