from __future__ import annotations

import pytest
from perturbation_corpus import CLAIMS

from xstilts.perturbations import PERTURBATIONS, SEVERITIES, Condition, perturb_text
from xstilts.perturbations.negation import RULES

HARDEST = Condition("negation", severity=5)


@pytest.mark.parametrize(
    ("language", "text", "denied"),
    [
        ("en", "The old bridge is closed.", "The old bridge is not closed."),
        ("en", "Maria can swim", "Maria cannot swim"),
        ("es", "Puede nadar en el río.", "No puede nadar en el río."),
        ("es", "El puente está cerrado.", "El puente no está cerrado."),
        ("fr", "C’est une maison rouge.", "Ce n'est pas une maison rouge."),
        ("fr", "Ils peuvent partir.", "Ils ne peuvent pas partir."),
        ("fr", "L'eau est froide.", "L'eau n'est pas froide."),
        ("ru", "Мой сосед был врачом.", "Мой сосед не был врачом."),
        ("vi", "Anh ấy là bác sĩ.", "Anh ấy không phải là bác sĩ."),
        ("zh", "他是医生。", "他不是医生。"),
    ],
)
def test_claims_are_denied(language: str, text: str, denied: str) -> None:
    assert perturb_text(text, language, HARDEST, "a") == denied


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The bridge is not closed."),  # denied already
        ("en", "Some bridges are closed."),  # a quantifier
        ("en", "A man is asleep."),  # not: no man is asleep
        ("en", "There is a bridge."),
        ("en", "The bridge is closed and the road is open."),  # two verbs
        ("en", "He said he was ill."),  # a clause within another
        ("en", "Is the bridge closed?"),
        ("en", "When it rains, it is wet."),
        ("en", "It isn't closed."),
        ("en", "The bridge closed."),  # no verb of the rule
        ("en", "They should be here."),
        ("es", "Todos los puentes están cerrados."),
        ("es", "Dijo que está cerrado."),
        ("fr", "Le pont n'est plus ouvert."),
        ("fr", "Un pont est fermé."),
        ("ru", "Он никогда не был врачом."),
        ("vi", "Anh ấy không phải là bác sĩ."),
        ("zh", "他不是医生。"),
        ("zh", "但是他们走了。"),
        ("zh", "他说他是医生。"),
        ("zh", "他是昨天来的。"),
        ("zh", "他是不是医生"),
        ("en", ""),
        ("en", "?!"),
        ("zh", "。"),
    ],
)
def test_what_the_rule_does_not_take_stays(language: str, text: str) -> None:
    assert perturb_text(text, language, HARDEST, "a") == text


@pytest.mark.parametrize("severity", SEVERITIES)
def test_claims_are_denied_as_often_as_documented(severity: int) -> None:
    condition = Condition("negation", severity=severity)
    cases = [
        (language, text, f"{text}/{n}") for language in RULES for text in CLAIMS[language] for n in range(200)
    ]
    denied = sum(perturb_text(text, language, condition, key) != text for language, text, key in cases)
    assert denied / len(cases) == pytest.approx(PERTURBATIONS["negation"].rate(severity), rel=0.1)


def test_what_is_denied_is_taken_by_no_rule_again() -> None:
    for language, claims in CLAIMS.items():
        for text in claims:
            denied = perturb_text(text, language, HARDEST, "a")
            assert denied != text and perturb_text(denied, language, HARDEST, "b") == denied


def test_labels_change_with_claims() -> None:
    labels = ("entailment", "neutral", "contradiction", "other")
    assert [HARDEST.relabelled(label) for label in labels] == [
        "contradiction",
        "neutral",
        "entailment",
        "other",
    ]
    assert [Condition("typos").relabelled(label) for label in labels] == list(labels)


def test_it_is_for_claims_about_a_premise() -> None:
    labels = ("contradiction", "entailment", "neutral")
    assert HARDEST.idle("en", "classification", labels=labels) == ""
    assert HARDEST.idle("de", "classification", labels=labels) == "has no rule for"
    assert HARDEST.idle("zh-Hant", "classification", labels=labels) == "has no rule for"
    assert HARDEST.idle("en", "span-qa", labels=()) == "is for classification only, and left out in"
    assert HARDEST.idle("en", "classification", labels=("good", "bad")) == (
        "is for the labels entailment, neutral, contradiction only, and left out in"
    )
