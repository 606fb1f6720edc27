from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from xstilts.claims import Finding
from xstilts.report import write_html
from xstilts.report.claimed import ToDo, context, counts, figures, findings, notes, rows, to_do
from xstilts.report.evidence import Evidence
from xstilts.results import Results


def finding(results: Results, number: int) -> Finding:
    return next(one for one in findings(Evidence(results)) if one.claim.number == number)


def section(results: Results, folder: Path) -> str:
    text = write_html(results, folder / "r.html").read_text("utf-8")
    return text[text.index('<section id="claims"') : text.index('<section id="scores"')]


def test_every_claim_stands_in_the_report_with_its_verdict(judged_run: Results, tmp_path: Path) -> None:
    text = section(judged_run, tmp_path)
    found = {str(one.claim.number): one.outcome.verdict for one in judged_run.claims()}
    pairs = re.findall(r'<span class="chip [^"]*">([^<]*)</span> <b>(\d+) ·', text)
    assert {number: verdict for verdict, number in pairs} == found
    assert counts(judged_run.claims()) in text and "the number of claims is not corrected for" in text


def test_figures_stand_with_intervals_and_what_was_printed(judged_run: Results) -> None:
    first = figures(finding(judged_run, 1).outcome.parts)[0]
    assert first.name == "squad1: all targets" and first.printed == "+8.2" and " to " in first.span
    assert first.judgement == first.verdict


def test_an_arm_that_did_not_learn_contradicts_nothing(judged_run: Results) -> None:
    parts = {part.name: part for part in finding(judged_run, 1).outcome.parts}
    assert parts["hellaswag"].verdict == "not tested" and "did not learn" in parts["hellaswag"].note
    assert not any("hellaswag: all targets" in name for name in parts)
    third = finding(judged_run, 3)
    assert third.outcome.verdict == "supported"
    assert any("did not learn" in note and note.endswith("hellaswag.") for note in notes(third))
    learned = [row | {"values": [0.8] * 3} for row in judged_run.run["intermediates"]]
    every = replace(judged_run, run=judged_run.run | {"intermediates": learned})
    assert finding(every, 3).outcome.verdict != "supported"
    judged = {part.name: part.verdict for part in finding(every, 1).outcome.parts}
    assert judged["hellaswag: all targets"] == "contradicted"
    assert {one.claim.number for one in findings(Evidence(every))} == set(range(1, 15))


def test_what_to_run_fits_what_is_missing(judged_run: Results) -> None:
    two = to_do(finding(judged_run, 2))
    assert two is not None and two.recipe and "arms:" in two.text
    twelve = to_do(finding(judged_run, 12))
    assert twelve is not None and "image-text-retrieval" in twelve.text
    assert to_do(finding(judged_run, 3)) is None
    nothing = replace(judged_run, run=judged_run.run | {"best": {}})
    assert to_do(finding(nothing, 13)) == ToDo(
        "To test it:", "an arm that is better on dev than the baseline."
    )


def test_preconditions_stand_apart(judged_run: Results) -> None:
    told = context(judged_run.claims(), 95)
    assert [one["claim"].number for one in told["preconditions"]] == [7, 8, 9]
    assert len(told["claims"]) == 11
    assert {row["kind"] for row in rows(judged_run.claims())} == {"claim", "precondition"}


def test_without_a_recipe_there_are_no_claims(rich_run: Results, tmp_path: Path) -> None:
    assert findings(Evidence(rich_run)) == []
    assert 'id="claims"' not in write_html(rich_run, tmp_path / "r.html").read_text("utf-8")
