from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.recipe import Recipe
from xstilts.report.evidence import OTHERS, Evidence, Interval, Learned
from xstilts.report.html import write_html
from xstilts.report.markdown import write_markdown
from xstilts.results import Results

Make = Callable[..., Results]


@pytest.mark.parametrize(
    ("low", "high", "sign"), [(0.1, 0.3, 1), (-0.3, -0.1, -1), (-0.1, 0.1, 0), (None, None, 0), (0.0, 0.2, 0)]
)
def test_sign_of_an_interval(low: float | None, high: float | None, sign: int) -> None:
    assert Interval(0.0, low, high).sign == sign


@pytest.mark.parametrize(
    ("values", "chance", "runs"),
    [((0.5, 0.6), 0.25, 2), ((0.26, 0.6), 0.25, 1), ((0.3, 0.3), 0.25, 0), ((0.9,), None, None)],
)
def test_learned(values: tuple[float, ...], chance: float | None, runs: int | None) -> None:
    assert Learned("a", "t", "accuracy", values, chance, None, None).runs == runs


def test_arms_controls_targets_in_order(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    assert evidence.arms == ("definitions", "replies")
    with_controls = ["definitions", "definitions~longer", "definitions~shuffled", "replies"]
    assert evidence.all_arms() == evidence.all_arms("trained") == with_controls
    assert evidence.all_arms("retrieval") == ["definitions", "definitions~shuffled", "replies"]
    assert evidence.families == ("trained", "retrieval")
    assert evidence.groups("pocket/messages") == [OTHERS]
    assert evidence.languages("pocket/intents") == ["en", "zh", "de", "sw"]
    assert evidence.conditions == ["casing@3", "typos@2"]


def test_gains_are_those_that_the_verdicts_rest_on(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    row = evidence.verdict("definitions", "pocket/messages")
    raw = evidence.gain("definitions", "pocket/messages", OTHERS)
    centred = evidence.gain("definitions", "pocket/messages", OTHERS, postprocess="center")
    assert row is not None and raw is not None and centred is not None
    assert raw.value == row["non_english"]
    assert centred.value < 0.01 < raw.value
    assert evidence.gain("definitions", "pocket/messages", "en") is None


def test_scores_are_means_over_seeds(make: Make, tmp_path: Path) -> None:
    three = Evidence(make(tmp_path, {"x/t": {"a": {"en": 0.02}}}))
    score = three.scores["x/t", "accuracy", ""]["none", "en"]
    values = [row["value"] for row in three.results.results if row["arm"] == "none"]
    assert score.mean == pytest.approx(sum(values) / 3)
    assert score.sd is not None
    one = Evidence(make(tmp_path, {"x/t": {"a": {"en": 0.02}}}, seeds=1))
    assert one.scores["x/t", "accuracy", ""]["none", "en"].sd is None


def test_level_and_smallest_gain_are_those_of_the_analysis(rich_run: Results) -> None:
    """The recipe beside the tables may have been edited since."""
    assert (Evidence(rich_run).delta, Evidence(rich_run).level) == (0.01, 95)
    run = rich_run.run | {"statistics": {"alpha": 0.1, "delta": 0.02, "draws": 100}}
    evidence = Evidence(replace(rich_run, run=run))
    assert (evidence.delta, evidence.level) == (0.02, 90)


def test_the_order_of_targets_is_that_of_the_recipe_beside_the_tables(
    rich_run: Results, tmp_path: Path
) -> None:
    recipe = Recipe.model_validate(
        {
            "encoder": "e",
            "arms": {"none": {}},
            "targets": ["pocket/messages", "pocket/intents"],
        }
    )
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml(), "utf-8")
    evidence = Evidence(replace(rich_run, folder=tmp_path))
    assert evidence.targets() == ("pocket/messages", "pocket/intents")


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        (["clean"], []),
        (["clean", "typos@2"], ["typos@2"]),
        (["clean", "casing@3", "typos@2"], ["casing@3", "typos@2", "perturbed"]),
        (["clean", "omission:context@3", "typos@2"], ["omission:context@3", "typos@2"]),
    ],
)
def test_a_mean_over_conditions_is_told_where_it_has_several(
    tmp_path: Path, make: Make, conditions: list[str], told: list[str]
) -> None:
    results = make(tmp_path, {"my/task": {"nli": {"en": 0.05, "de": 0.04}}}, conditions=conditions)
    assert Evidence(results).told_conditions("nli", "my/task") == told
    for write in (write_html, write_markdown):
        text = write(results, tmp_path / "report").read_text("utf-8")
        assert ("all changed input together</th>" in text or "all changed input together |" in text) == (
            "perturbed" in told
        )
    apart = "omission in context, severity 3 of 5" in write_html(results, tmp_path / "r").read_text("utf-8")
    assert apart == ("omission:context@3" in conditions)
