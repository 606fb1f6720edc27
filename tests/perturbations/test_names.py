from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from perturbation_corpus import NAMED

from xstilts.perturbations import PERTURBATIONS, SEVERITIES, Condition, perturb_text, perturb_with_offsets
from xstilts.perturbations.names import _ENGLISH, _GROUPS, LANGUAGES, exchanges, find_names

HARDEST = Condition("entity-swap", severity=5)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_pairs_change_places_as_often_as_documented(severity: int) -> None:
    rate = PERTURBATIONS["entity-swap"].rate(severity)
    found = [exchanges([list("abcdef"), list("uvwxy")], rate, Random(n)) for n in range(600)]
    assert all(one[one[code]] == code for one in found for code in one)
    assert sum(map(len, found)) / (600 * 10) == pytest.approx(rate, rel=0.06)
    assert all((code < "m") == (other < "m") for one in found for code, other in one.items())


def test_all_texts_of_an_item_change_in_step() -> None:
    question, context = (
        "Whom did Norway beat?",
        "Norwegians beat Kenya. Norway was glad, Kenya’s fans (in Kenya) were not.",
    )
    for item in map(str, range(40)):
        asked, told = (perturb_text(text, "en", HARDEST, item) for text in (question, context))
        country = asked.removeprefix("Whom did ").removesuffix(" beat?")
        loser = told.partition(" beat ")[2].partition(".")[0]
        assert told == (
            f"{find_adjective(country)}s beat {loser}. {country} was glad, {loser}’s fans (in {loser}) were not."
        )
        assert loser != "Kenya"  # of the nine countries of Norway’s group one stays


def find_adjective(country: str) -> str:
    names = find_names("en", None)
    assert names is not None
    return next(forms[1] for forms in names.forms.values() if forms[0] == country)


def test_an_answer_changes_with_its_name() -> None:
    text = "The final was lost by Hungary in 1954."
    start = text.index("Hungary")
    for item in map(str, range(20)):
        after, moved = perturb_with_offsets(text, "en", HARDEST, item, keep=[(start, start + 7)])
        left, right = moved.span(start, start + 7)
        assert after == f"The final was lost by {after[left:right]} in 1954."


def test_a_name_that_an_answer_cuts_stays() -> None:
    text = "Đội Na Uy thắng."
    start = text.index("Uy")
    for item in map(str, range(20)):
        after, moved = perturb_with_offsets(text, "vi", HARDEST, item, keep=[(start, start + 2)])
        assert after == text and moved.span(start, start + 2) == (start, start + 2)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Germanic tribes, hungary dogs, Norwayland"),
        ("ja", "ハイチュウとチリソースとケニアッタ"),
        ("zh", "沿海地区的土地"),
        ("th", "ปรัสเซีย"),
    ],
)
def test_parts_of_other_words_stay(language: str, text: str) -> None:
    assert {perturb_text(text, language, HARDEST, str(item)) for item in range(20)} == {text}


def test_every_country_has_its_names() -> None:
    codes = [code for group in _GROUPS for code in group]
    assert len(codes) == len(set(codes))
    assert set(_ENGLISH) <= set(codes)
    for language in LANGUAGES:
        names = find_names(language, None)
        assert names is not None and len(names.forms) >= 40
        assert len({len(forms) for code, forms in names.forms.items() if code in _GROUPS[0]}) == 1
        counted = Counter(form for forms in names.forms.values() for form in forms if form)
        assert max(counted.values()) == 1, language
        for group in _GROUPS:
            assert len({len(names.forms[code]) for code in group if code in names.forms}) <= 1


def test_languages_with_a_rule() -> None:
    acts_on = PERTURBATIONS["entity-swap"].acts_on
    assert [acts_on(code) for code in ("en", "en-GB", "zh", "zh-Hant", "zh-TW", "de", "ru")] == [
        True, True, True, False, False, False, False,
    ]  # fmt: skip
    assert set(NAMED) <= LANGUAGES
    first, second = (HARDEST.identity(code) for code in ("en", "id"))
    assert first.keys() == {"perturbation_data"} and first != second
