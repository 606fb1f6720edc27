from __future__ import annotations

import pytest
from perturbation_corpus import CORPUS, PASSAGES

from xstilts.perturbations import PERTURBATIONS, SEVERITIES, Condition, perturb_text, perturb_with_offsets
from xstilts.perturbations.graphemes import split
from xstilts.perturbations.units import sentence_spans

LANGUAGES = [language for language in CORPUS if language != "th"]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_sentences_are_left_out_as_often_as_documented(severity: int) -> None:
    text = " ".join(f"Number {'i' * n} is here." for n in range(1, 11))
    kept = 0
    for item in range(400):
        kept += perturb_text(text, "en", Condition("omission", severity=severity), str(item)).count("here.")
    assert 1 - kept / 4000 == pytest.approx(PERTURBATIONS["omission"].rate(severity), rel=0.1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_with_an_answer_stay(language: str) -> None:
    text = PASSAGES[language]
    clusters = split(text)
    for start, stop in sentence_spans(clusters, language):
        first, last = len("".join(clusters[:start])), len("".join(clusters[:stop]))
        sentence = text[first:last]
        for item in range(20):
            condition = Condition("omission", severity=5)
            after, moved = perturb_with_offsets(
                text, language, condition, str(item), keep=[(first + 1, first + 2)]
            )
            assert sentence.strip() in after
            assert after[moved(first) : moved(last)] == sentence


def test_what_stays_is_in_order() -> None:
    for item in range(50):
        after = perturb_text(
            "One here. Two there. Three!", "en", Condition("omission", severity=5), str(item)
        )
        assert after.strip() in {
            "One here. Two there. Three!", "One here. Two there.", "One here. Three!", "Two there. Three!",
            "One here.", "Two there.", "Three!",
        }  # fmt: skip


def test_a_text_of_one_sentence_stays() -> None:
    assert perturb_text(CORPUS["en"][0], "en", Condition("omission", severity=5), "a") == CORPUS["en"][0]
