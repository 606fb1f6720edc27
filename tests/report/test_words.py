from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.report.evidence import Evidence, Interval
from xstilts.report.words import (
    changed_overall,
    condition_label,
    counted,
    listed,
    metric_label,
    overall,
    points,
    sentence,
    short,
    short_answer,
    span,
)
from xstilts.results import Results

Make = Callable[..., Results]


@given(st.floats(-1, 1))
def test_points_have_a_sign_one_decimal_and_a_true_minus(value: float) -> None:
    text = points(value)
    assert "-" not in text
    read = float(text.replace("−", "-"))
    assert abs(read - 100 * value) <= 0.05 + 1e-9
    assert (text == "0.0") if read == 0 else text[0] == ("+" if value > 0 else "−")


def test_numbers_that_are_not_there() -> None:
    assert points(None) == "–"
    assert span(None) == span(Interval(0.1, None, None)) == "–"
    assert span(Interval(-0.03, -0.0521, 0.0104)) == "−5.2 to +1.0"


def test_names() -> None:
    assert short("a/t", ["a/t", "b/u"]) == "t"
    assert short("a/t", ["a/t", "b/t"]) == "a/t"
    assert metric_label("macro_f1") == "Macro-F1"
    assert metric_label("my_metric") == "my_metric"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""
    assert counted(1, "seed") == "1 seed"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("clean", "clean"),
        ("perturbed", "all changed input together"),
        ("typos@2", "typos, severity 2 of 5"),
        ("ocr:context@4", "ocr in context, severity 4 of 5"),
        ("casing", "casing"),
    ],
)
def test_conditions(name: str, words: str) -> None:
    assert condition_label(name) == words


def _answers(results: Results, **rows: tuple[str, str]) -> tuple[str, str]:
    """The short answer and the count when each arm on the trained target has this (verdict, flags)."""
    verdicts = [
        {**row, "verdict": rows[row["arm"]][0], "flags": rows[row["arm"]][1]}
        for row in results.verdicts
        if row["family"] == "trained" and row["arm"] in rows
    ]
    evidence = Evidence(replace(results, verdicts=verdicts, run={}))
    return short_answer("trained", evidence), overall("trained", evidence)


@pytest.mark.parametrize(
    ("definitions", "replies", "answer"),
    [
        (("persists", ""), ("gains", ""), "Yes."),
        (("persists", ""), ("harms", ""), "Sometimes, and sometimes it harms."),
        (("persists", ""), ("undecided", ""), "Sometimes."),
        (("persists", "not-specific"), ("harms", ""), "There are gains, but not clearly through"),
        (("persists", "uncontrolled"), ("no gain", ""), "There are gains, but not clearly through"),
        (("fades", ""), ("fades", ""), "In English only."),
        (("fades", ""), ("undecided", ""), "Sometimes, but in English only."),
        (("fades", ""), ("harms", ""), "Sometimes, but in English only, and sometimes it harms."),
        (("fades", "uncontrolled"), ("undecided", ""), "There are gains, but not clearly through"),
        (("harms", ""), ("harms", ""), "No: it harms."),
        (("harms", ""), ("undecided", ""), "No gain is proven, and sometimes it harms."),
        (("no gain", ""), ("no gain", ""), "No."),
        (("no gain", ""), ("undecided", ""), "Not settled."),
        (("persists", "same-task"), ("no gain", ""), "No."),
        (("persists", "same-task"), ("persists", "same-task"), "Not answered."),
    ],
)
def test_short_answers(
    rich_run: Results, definitions: tuple[str, str], replies: tuple[str, str], answer: str
) -> None:
    short_one, _ = _answers(rich_run, definitions=definitions, replies=replies)
    assert short_one.startswith(answer)


def test_the_same_task_is_not_counted_but_said(rich_run: Results) -> None:
    _, text = _answers(rich_run, definitions=("persists", "same-task"), replies=("harms", ""))
    assert text.startswith("Verdicts on 1 pair of arm and target: harms 1 (replies on intents).")
    assert "are the same task: definitions on intents" in text


def test_families_are_never_put_together(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    assert "messages" not in overall("trained", evidence)
    assert "intents" not in overall("retrieval", evidence)


def test_an_arm_that_did_not_learn_says_nothing(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    row = evidence.verdict("replies", "pocket/intents")
    assert row is not None and row["verdict"] == "harms"
    assert "did not learn its own task" in sentence(row, evidence)
    assert "Not counted: replies, which did not learn" in overall("trained", evidence)
    assert short_answer("trained", evidence) == "Yes."


def _sentence(results: Results, **changes: object) -> str:
    row = {**results.verdicts[0], "flags": "", "seeds": 3, **changes}
    return sentence(row, Evidence(replace(results, verdicts=[row], run={})))


def test_why_undecided(rich_run: Results) -> None:
    flat = {"verdict": "undecided", "mdg": 0.031, "english": 0.0, "english_low": -0.01, "english_high": 0.01}
    above = {"non_english": 0.02, "non_english_low": 0.01, "non_english_high": 0.03}
    below = {"non_english": -0.02, "non_english_low": -0.03, "non_english_high": -0.01}
    level = {"non_english": 0.0, "non_english_low": -0.01, "non_english_high": 0.01}
    assert "gain of about 3.1 points" in _sentence(rich_run, **flat, **level)
    assert "Not all parts" in _sentence(rich_run, **flat, **above)
    assert "number of comparisons" in _sentence(rich_run, **flat, **below)
    assert "1 seed allows no verdict" in _sentence(
        rich_run, **flat, **level, **{"flags": "one-run", "seeds": 1}
    )


def test_a_loss_and_a_gain_in_words(rich_run: Results) -> None:
    text = _sentence(
        rich_run,
        verdict="harms",
        non_english=-0.031,
        non_english_low=-0.052,
        non_english_high=-0.01,
        english=0.004,
        english_low=-0.01,
        english_high=0.018,
        languages=8,
    )
    assert text == (
        "Training on definitions first costs 3.1 points on intents on average over the 8 other languages "
        "(95% interval −5.2 to −1.0) and makes no clear difference in English (+0.4; −1.0 to +1.8): harms."
    )


def test_what_is_left_out_of_a_perturbed_verdict_is_said(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    row = dict(evidence.verdicts("trained", perturbed=True)[0])
    assert "Left out" not in sentence(row | {"left_out": 0}, evidence)
    told = sentence(row | {"left_out": 2}, evidence)
    assert told.endswith(
        "Left out: 2 pairs of language and condition where arm or baseline scores above 95 or no better than guessing."
    )
    assert "Left out" not in sentence({**row, "left_out": 6, "flags": "immovable"}, evidence)


UP = {"non_english": 0.02, "non_english_low": 0.01, "non_english_high": 0.03}
UP_IN_ENGLISH = {"english": 0.04, "english_low": 0.03, "english_high": 0.05}


@pytest.mark.parametrize(
    ("verdict", "others", "english"),
    [
        ("persists", "adds 2.0 points", "adds 4.0 points in English"),
        ("undecided", "seems to add 2.0 points", "seems to add 4.0 points in English"),
        ("fades", "gives no gain that matters", "adds 4.0 points in English"),
        ("spreads", "adds 2.0 points", "gives no gain that matters in English"),
        ("no gain", "makes no difference that matters", "makes no difference that matters in English"),
    ],
)
def test_no_sentence_says_more_than_its_verdict(
    rich_run: Results, verdict: str, others: str, english: str
) -> None:
    """The same clear intervals are told as what the verdict stands for, and as seeming where it does not."""
    text = _sentence(rich_run, verdict=verdict, languages=8, **UP, **UP_IN_ENGLISH)
    assert f"Training on definitions first {others} on intents" in text
    assert f" and {english} (" in text


def test_a_gain_beside_a_loss_only_seems_so(rich_run: Results) -> None:
    loss = {"non_english": -0.02, "non_english_low": -0.03, "non_english_high": -0.01}
    text = _sentence(rich_run, verdict="harms", **loss, **UP_IN_ENGLISH)
    assert "first costs 2.0 points" in text and "seems to add 4.0 points in English" in text


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("not-specific", "does not hold against the controls of definitions"),
        ("uncontrolled", "No control was run for definitions"),
        ("isotropy", "gone where sentence vectors are centred"),
        ("english-loss", "English clearly loses"),
        ("same-task", "this is no transfer"),
    ],
)
def test_what_takes_a_gain_back_is_in_the_sentence(rich_run: Results, flag: str, told: str) -> None:
    assert told in _sentence(rich_run, verdict="persists", **UP, **UP_IN_ENGLISH, flags=flag)
    assert told not in _sentence(rich_run, verdict="persists", **UP, **UP_IN_ENGLISH)


def test_changed_input_is_counted_apart(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    assert changed_overall("trained", evidence) == "With changed input: persists 1 (definitions on intents)."
    clean = [row for row in rich_run.verdicts if not row["perturbed"]]
    assert changed_overall("trained", Evidence(replace(rich_run, verdicts=clean))) == ""
