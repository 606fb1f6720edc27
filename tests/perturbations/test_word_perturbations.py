from __future__ import annotations

import string
from collections import Counter

import pytest
from perturbation_corpus import CORPUS, PASSAGES

from xstilts.perturbations import PERTURBATIONS, SEVERITIES, Condition, perturb_text, perturb_tokens
from xstilts.perturbations.apply import perturb_clusters
from xstilts.perturbations.graphemes import split
from xstilts.perturbations.units import word_spans

SPACED = [language for language in CORPUS if language not in {"th", "ja", "zh"}]
ITEMS = 60


def words_of(text: str, language: str) -> list[str]:
    clusters = split(text)
    return ["".join(clusters[start:stop]) for start, stop in word_spans(clusters, language)]


def pieces_of(name: str, severity: int, language: str, item: int) -> tuple[list[str], list[str]]:
    clusters = split(PASSAGES[language])
    return clusters, perturb_clusters(
        clusters, language, Condition(name, severity=severity), f"{language}/{item}"
    )


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", ["word-drop", "word-shuffle"])
def test_words_change_as_often_as_documented(name: str, severity: int) -> None:
    hit = total = 0
    for language in SPACED:
        for item in range(ITEMS):
            before, after = pieces_of(name, severity, language, item)
            for start, stop in word_spans(before, language):
                total += 1
                hit += "".join(before[start:stop]) != "".join(after[start:stop])
    # Sentences end sooner than windows do, so fewer words move than in endless text.
    assert hit / total == pytest.approx(
        PERTURBATIONS[name].rate(severity), rel=0.2 if name == "word-shuffle" else 0.1
    )


@pytest.mark.parametrize("language", sorted(CORPUS))
def test_what_is_left_out_is_whole_words(language: str) -> None:
    for text in CORPUS[language]:
        for i in range(20):
            after = perturb_text(text, language, Condition("word-drop", severity=5), str(i))
            assert "  " not in after and after == after.strip()
            assert not Counter(split(after)) - Counter(split(text))
            if language in SPACED:
                assert not Counter(words_of(after, language)) - Counter(words_of(text, language))


@pytest.mark.parametrize("language", sorted(CORPUS))
def test_shuffled_text_has_the_same_letters(language: str) -> None:
    for i in range(20):
        text = PASSAGES[language]
        after = perturb_text(text, language, Condition("word-shuffle", severity=5), str(i))
        assert sorted(split(after)) == sorted(split(text))
        if language in SPACED:
            assert sorted(words_of(after, language)) == sorted(words_of(text, language))


def test_words_move_three_places_at_most_and_stay_in_their_sentence() -> None:
    text = " ".join(2 * letter for letter in string.ascii_lowercase[:21]) + ". "
    text += " ".join(3 * letter for letter in string.ascii_uppercase[:16]) + "."
    before = words_of(text, "en")
    for item in range(200):
        after = words_of(perturb_text(text, "en", Condition("word-shuffle", severity=5), str(item)), "en")
        assert all(abs(before.index(word) - place) <= 3 for place, word in enumerate(after))
        assert all(word.islower() == (place < 21) for place, word in enumerate(after))


def test_the_last_word_stays() -> None:
    found = {perturb_text("Yes or no!", "en", Condition("word-drop", severity=5), str(i)) for i in range(300)}
    assert "no!" in found and "Yes!" in found and "!" not in found


def test_numbers_and_marks_keep_their_places_when_words_move() -> None:
    for i in range(50):
        after = perturb_text(
            "In 1910, the water (3.5 m) rose.", "en", Condition("word-shuffle", severity=5), str(i)
        )
        assert [c for c in after if not c.isalpha() and c != " "] == list("1910,(3.5).")


@pytest.mark.parametrize("severity", SEVERITIES)
def test_known_words_are_switched_as_often_as_documented(severity: int) -> None:
    known = {"Montag": "Monday", "Deutschland": "Germany", "Italien": "Italy"}
    text = "Am Montag flogen wir von Deutschland nach Italien."
    hit = 0
    for i in range(400):
        after = perturb_text(text, "de", Condition("code-switch", severity=severity), str(i))
        hit += sum(english in after for english in known.values())
        assert not any(word in after and english in after for word, english in known.items())
    assert hit / 1200 == pytest.approx(PERTURBATIONS["code-switch"].rate(severity), rel=0.15)


def test_switched_tokens_stay_as_many() -> None:
    tokens = ["Am", "Montag", "flogen", "wir", "von", "Deutschland", "nach", "Italien", "."]
    after = perturb_tokens(tokens, "de", Condition("code-switch", severity=5), "a")
    assert after == ["Am", "Monday", "flogen", "wir", "von", "Germany", "nach", "Italy", "."]


def test_english_among_ideographs_is_set_apart() -> None:
    after = perturb_text("星期一德国法国比赛了。", "zh", Condition("code-switch", severity=5), "a")
    assert after == "Monday Germany France 比赛了。"
