from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xstilts.report import write_html
from xstilts.report.evidence import Evidence
from xstilts.report.explanations import Model, Silence, context
from xstilts.results import Results

FEW = "no conclusion: 3 languages beside English, where 10 are the least"


def row(feature: str = "", **other: Any) -> dict[str, Any]:
    numbers = {"estimate": None, "ci_low": None, "ci_high": None, "p_holm": None}
    place = {"arm": "definitions", "family": "trained", "condition": "clean"}
    counts = {"languages": 15, "families": 9, "left_out": 0, "note": ""}
    return {"model": "together" if feature else "", "feature": feature} | numbers | place | counts | other


def effect(feature: str, estimate: float, **other: Any) -> dict[str, Any]:
    numbers = {"estimate": estimate, "ci_low": estimate - 0.01, "ci_high": estimate + 0.01, "p_holm": 0.5}
    return row(feature, **(numbers | other))


def told(results: Results, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return context(Evidence(replace(results, explanations=rows)))


def test_models_are_told_feature_by_feature(rich_run: Results) -> None:
    rows = [
        effect("latin", 0.02, p_holm=0.01),
        effect("distance", 0.0),
        effect("pieces", -0.01, model="alone"),
    ]
    ((family, models),) = told(rich_run, rows)["families"]
    (model,) = models
    assert family == "Targets trained on English labels"
    assert isinstance(model, Model) and model.counts == "15 languages of 9 families" and not model.changed
    assert [x and (x.clear, x.alone) for x in model.effects] == [(True, False), (False, False), (False, True)]


def test_too_few_languages_are_said_once_a_family(rich_run: Results) -> None:
    places = [(arm, condition) for arm in ("definitions", "replies") for condition in ("clean", "perturbed")]
    rows = [row(arm=arm, condition=condition, note=FEW) for arm, condition in places]
    assert told(rich_run, rows)["silences"] == [Silence("Targets trained on English labels", "", FEW)]
    rows[0] = effect("latin", 0.02)
    found = told(rich_run, [*rows[:2], row(arm="replies", condition="clean", family="retrieval", note=FEW)])
    assert [x.where for x in found["silences"]] == ["1 arm (definitions) on changed input", ""]


@pytest.mark.parametrize("rows", [[], [row(note=FEW)], [effect("latin", 0.02)]])
def test_the_section_says_plainly_what_it_can(
    rich_run: Results, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    text = write_html(replace(rich_run, explanations=rows), tmp_path / "r.html").read_text("utf-8")
    assert ('id="explanations"' in text) == bool(rows)
    if rows:
        assert (FEW in text) == (rows[0]["estimate"] is None)
        assert "no cause" in text
        assert ("<b>+2.0</b>" in text) is False  # not clear after correction
