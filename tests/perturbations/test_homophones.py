from __future__ import annotations

from perturbation_corpus import CORPUS

from xstilts.perturbations.graphemes import is_letter
from xstilts.perturbations.homophones import homophones
from xstilts.perturbations.keyboards import neighbours


def test_sounds_are_those_of_the_dictionary() -> None:
    same = homophones(traditional=False)
    for one, others in {
        "他": "她它",
        "做": "作坐座",
        "是": "事市十时",
        "的": "得德",
        "女": "",
        "绿": "律率",
    }.items():
        assert set(others) <= set(same[one]), one
    assert not set(same["女"]) & set("努怒奴")  # nü is not nu
    assert not set(same["略"]) & set("乱卵")  # lüe is not luan
    assert same["了"] == ("勒", "乐")
    assert same["这"] and "着" not in same["了"]


def test_all_common_characters_have_a_sound() -> None:
    assert len(homophones(traditional=False)) == 3755
    text = "".join(CORPUS["zh"])
    letters = [c for c in text if is_letter(c)]
    assert sum(c in homophones(traditional=False) for c in letters) / len(letters) > 0.97


def test_traditional_text_gets_its_own_characters() -> None:
    found = neighbours("zh-Hant")
    assert "她" in found.variants("他")
    assert not set(found.variants("是")) & set("时师")  # simplified
    assert found.variants("國") == ()
    assert neighbours("ja").variants("他") == ()
