from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import fmean

import pytest
from perturbation_corpus import CORPUS, texts_for

from xstilts.perturbations import PERTURBATIONS, SEVERITIES, Condition, perturb_text
from xstilts.perturbations.apply import perturb_clusters
from xstilts.perturbations.forms import twins
from xstilts.perturbations.graphemes import is_letter, is_separator, lower, split, strip_marks, upper, words
from xstilts.perturbations.lookalikes import confusions

ITEMS = 60
Case = Callable[[list[str], int, str], bool]


def outcomes(name: str, severity: int, language: str) -> list[tuple[list[str], list[str]]]:
    condition = Condition(name, severity=severity)
    return [
        (clusters, perturb_clusters(clusters, language, condition, f"{language}/{n}/{item}"))
        for n, clusters in enumerate(map(split, texts_for(name, language)))
        for item in range(ITEMS)
    ]


def share_changed(name: str, severity: int, language: str) -> float:
    pairs = outcomes(name, severity, language)
    return fmean(
        sum(a != b for a, b in zip(before, after, strict=True)) / len(before) for before, after in pairs
    )


@pytest.mark.parametrize("name", sorted(PERTURBATIONS))
def test_the_share_of_changed_characters_grows_with_severity(name: str) -> None:
    languages = [language for language in CORPUS if PERTURBATIONS[name].acts_on(language)]
    assert len(languages) >= {"width": 2, "entity-swap": 5}.get(name, 6)
    means = [fmean(share_changed(name, s, language) for language in languages) for s in SEVERITIES]
    assert all(low < high for low, high in pairwise((0.0, *means))), means


@pytest.mark.parametrize("language", sorted(CORPUS))
def test_it_grows_in_every_language(language: str) -> None:
    for name, perturbation in PERTURBATIONS.items():
        if perturbation.acts_on(language):
            mild, strong = (share_changed(name, s, language) for s in (1, 5))
            assert mild < strong, name


def rate_of(name: str, severity: int, counts: Case, changes: Case) -> float:
    hit = total = 0
    for language in CORPUS:
        if PERTURBATIONS[name].acts_on(language):
            for before, after in outcomes(name, severity, language):
                total += sum(counts(before, i, language) for i in range(len(before)))
                hit += sum(before[i] != after[i] and changes(before, i, language) for i in range(len(before)))
    return hit / total


@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize(
    ("name", "unit"),
    [
        (
            "diacritics",
            lambda clusters, i, _: is_letter(clusters[i]) and strip_marks(clusters[i]) != clusters[i],
        ),
        ("ocr", lambda clusters, i, _: bool(confusions().variants(clusters[i]))),
        ("homoglyphs", lambda clusters, i, _: clusters[i] in twins()),
        ("punctuation", lambda clusters, i, _: is_separator(clusters[i][0]) and not clusters[i].isspace()),
    ],
)
def test_rates_are_as_documented(name: str, severity: int, unit: Case) -> None:
    assert rate_of(name, severity, unit, unit) == pytest.approx(PERTURBATIONS[name].rate(severity), rel=0.15)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_slips_are_as_many_as_documented(severity: int) -> None:
    slips = letters = 0
    for language in CORPUS:
        for before, after in outcomes("typos", severity, language):
            letters += sum(map(is_letter, before))
            changed = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
            swaps = sum(
                after[i] == before[i + 1] and after[i + 1] == before[i] for i in changed if i + 1 in changed
            )
            slips += len(changed) - swaps
    # A swap uses up two letters, so high rates fall a little short.
    assert slips / letters == pytest.approx(PERTURBATIONS["typos"].rate(severity), rel=0.12)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_words_change_case_as_often_as_documented(severity: int) -> None:
    hit = total = 0
    for language in ("en", "de", "tr", "ru", "el", "vi"):
        for before, after in outcomes("casing", severity, language):
            for start, stop in words(before):
                total += 1
                hit += before[start:stop] != after[start:stop]
    assert hit / total == pytest.approx(PERTURBATIONS["casing"].rate(severity), rel=0.1)


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_spaces_are_lost_as_often_as_documented(severity: int) -> None:
    hit = total = 0
    for language in ("en", "de", "ru", "ar", "hi"):
        for before, after in outcomes("whitespace", severity, language):
            spaces = [i for i, cluster in enumerate(before) if cluster == " "]
            total += len(spaces)
            hit += sum(after[i] == "" for i in spaces)
    assert hit / total == pytest.approx(PERTURBATIONS["whitespace"].rate(severity), rel=0.15)


def test_case_changes_nothing_but_case() -> None:
    for language in ("en", "fr", "tr", "ru", "el"):
        for before, after in outcomes("casing", 5, language):
            assert lower("".join(after), language) == lower("".join(before), language)


def test_final_sigma_and_dotless_i_survive() -> None:
    found = {perturb_text("ΛΟΓΟΣ", "el", Condition("casing", severity=5), str(i)) for i in range(30)}
    assert "λογος" in found
    found = {perturb_text("ışık iki", "tr", Condition("casing", severity=5), str(i)) for i in range(60)}
    assert upper("ışık iki", "tr") == "IŞIK İKİ"
    assert any("IŞIK" in text for text in found) and any("İKİ" in text for text in found)


def test_numbers_stay() -> None:
    for name in PERTURBATIONS:
        for i in range(60):
            after = perturb_text(
                "Es kostet 3.5 oder 1,250 12 Euro.", "de", Condition(name, severity=5), str(i)
            )
            assert "3.5" in after
            assert "1,250 12" in after


def test_words_never_vanish_under_typos() -> None:
    for i in range(200):
        after = perturb_text("a be sea deep", "en", Condition("typos", severity=5), str(i))
        assert len(after.split()) == 4


def test_scripts_without_spaces_get_wrong_segmentation() -> None:
    found = [
        perturb_text(CORPUS["zh"][0], "zh", Condition("whitespace", severity=4), str(i)) for i in range(20)
    ]
    assert any(" " in text for text in found)
    assert all(text.replace(" ", "") == CORPUS["zh"][0] for text in found)


def test_marks_fit_the_script() -> None:
    found = "".join(
        perturb_text(CORPUS["zh"][0], "zh", Condition("punctuation", severity=5), str(i)) for i in range(99)
    )
    assert "、" in found and not set(found) & set(",.;")
