from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import UnknownName, UserError
from xstilts.perturbations import CLEAN, PERTURBATIONS, Condition, reported_apart

CONDITIONS = st.builds(
    Condition,
    st.sampled_from(
        sorted(name for name, each in PERTURBATIONS.items() if not each.role and not each.in_step)
    ),
    st.sampled_from(["", "context", "question", "caption"]),
    st.integers(1, 5),
)


@given(CONDITIONS)
def test_what_is_printed_is_parsed_back(condition: Condition) -> None:
    assert Condition.parse(str(condition)) == condition


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("casing", "casing@3"),
        ("ocr:context", "ocr:context@3"),
        (" typos@2 ", "typos@2"),
        ("ocr:context@4", "ocr:context@4"),
        ("clean", "clean"),
        ("omission@2", "omission:context@2"),
        ("omission:context@2", "omission:context@2"),
    ],
)
def test_canonical_spelling(given_text: str, canonical: str) -> None:
    assert str(Condition.parse(given_text)) == canonical


def test_an_unknown_perturbation_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'typos'.*xstilts ls perturbations"):
        Condition.parse("typo@2")


@pytest.mark.parametrize(
    "text", ["typos@0", "typos@6", "typos@-1", "typos@two", "typos@2.5", "typos@²", "typos@33"]
)
def test_a_severity_outside_one_to_five_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="from 1 to 5") as error:
        Condition.parse(text)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["", "@3", "typos@", "typos:", "typos:Role@3", "typos@3@4", "typos@3:context"]
)
def test_what_is_not_a_condition_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="Expected clean, or a perturbation"):
        Condition.parse(text)


@pytest.mark.parametrize("text", ["clean@2", "clean:context"])
def test_clean_takes_neither_role_nor_severity(text: str) -> None:
    with pytest.raises(UserError, match="clean takes neither"):
        Condition.parse(text)


def test_a_perturbation_of_one_column_refuses_others() -> None:
    with pytest.raises(UserError, match="acts on context, not on question"):
        Condition.parse("omission:question@2")


def test_what_decides_a_condition_enters_keys() -> None:
    assert Condition.parse("casing").identity("de") == {}
    assert CLEAN.identity("de") == {}
    assert Condition.parse("typos").identity("de") == {"perturbation_version": 2}
    german, french = (Condition.parse("code-switch").identity(language) for language in ("de", "fr"))
    assert german.keys() == {"perturbation_data"}
    assert german != french


def test_why_nothing_changes_is_said() -> None:
    def why(text: str, language: str, task_type: str, on_tokens: bool = False) -> str:
        return Condition.parse(text).idle(language, task_type, on_tokens)

    assert why("casing", "de", "classification") == ""
    assert why("casing", "zh", "classification") == "does not act on the script of"
    assert why("whitespace", "de", "tagging", on_tokens=True) == "leaves tokens as they are, in"
    assert why("code-switch", "got", "classification") == "has no lexicon for"
    assert why("code-switch", "en", "classification") == "has nothing to change in"
    assert why("omission", "de", "classification") == "is for span-qa only, and left out in"
    assert why("omission", "de", "span-qa") == ""
    assert CLEAN.idle("de", "span-qa") == ""


def test_noise_in_content_is_reported_apart() -> None:
    names = ["clean", "perturbed", "typos@2", "ocr:context@3", "omission:context@3", "no such thing"]
    assert [reported_apart(name) for name in names] == [False] * 4 + [True, False]


def test_a_condition_is_a_value() -> None:
    assert len({Condition("typos"), Condition.parse("typos@3"), CLEAN}) == 2
    with pytest.raises(FrozenInstanceError):
        Condition("typos").severity = 2  # type: ignore[misc]


def test_cells_in_which_nothing_changes_are_known() -> None:
    casing, diacritics = Condition("casing"), Condition("diacritics")
    assert [casing.acts_on(language) for language in ("en", "sr", "el", "ar", "hi", "ka", "zh")] == [
        True
    ] * 3 + [False] * 4
    assert [diacritics.acts_on(language) for language in ("fr", "ar", "ja", "en", "sw", "ko")] == [
        True
    ] * 3 + [False] * 3
    assert not CLEAN.acts_on("en")


def test_the_registry_documents_every_perturbation() -> None:
    for name, perturbation in PERTURBATIONS.items():
        assert perturbation.name == name
        assert perturbation.modality == "text"
        assert perturbation.summary and perturbation.unit and perturbation.source
        assert all(low < high for low, high in zip(perturbation.rates, perturbation.rates[1:], strict=False))
        assert min(perturbation.rates) > 0 and max(perturbation.rates) <= 1
