"""The examples that a run keeps: of items that truly differ, in words, as many as were asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finished_runs import experiment_on, predictions_of
from xstilts.differing import _alone, _drawn, _Found, _joined, differences
from xstilts.experiment import Experiment
from xstilts.finished import FinishedRun
from xstilts.plan import Plan
from xstilts.results import Results
from xstilts.task_types import get_task_type

Told = list[dict[str, Any]]


@pytest.fixture(scope="module")
def experiment(run: Path, tiny_encoder: Path, tiny_data: Path) -> Experiment:
    return experiment_on(tiny_encoder, tiny_data, run / "store", "report_examples=50")


@pytest.fixture(scope="module")
def plan(experiment: Experiment) -> Plan:
    return experiment.full_plan()


@pytest.fixture(scope="module")
def told(experiment: Experiment, plan: Plan) -> tuple[Told, Told]:
    return differences(experiment, plan)


def test_examples_are_the_items_on_which_answers_differ_in_being_right(
    told: tuple[Told, Told], experiment: Experiment, plan: Plan
) -> None:
    wanted: dict[tuple[str, str], str] = {}
    answers: dict[tuple[str, str, str], tuple[str, str]] = {}
    for cell in plan.cells:
        if (cell.target, cell.condition, cell.seed, cell.metric) == ("my/mood", "clean", 0, "accuracy"):
            for row in predictions_of(cell.score.parents["prediction"][0], experiment):
                answers[cell.arm, cell.language, row["item"]] = row["prediction"], row["gold"]
    for (arm, language, item), (answer, gold) in answers.items():
        base, _ = answers["none", language, item]
        if arm == "odd" and (answer == gold) != (base == gold):
            wanted[language, item] = "arm" if answer == gold else "baseline"
    found = {(row["language"], row["item"]): row["better"] for row in told[0] if row["task"] == "my/mood"}
    assert found == wanted


def test_counts_are_of_all_items(told: tuple[Told, Told]) -> None:
    examples, counts = told
    assert {(row["task"], row["arm"]) for row in counts} == {
        (target, "odd") for target in ("my/mood", "my/tags", "my/odd", "my/pairs")
    }
    for row in counts:
        mine = [one for one in examples if one["task"] == row["task"]]
        assert sum(one["better"] == "arm" for one in mine) == min(50, row["better"])
        assert sum(one["better"] == "baseline" for one in mine) == min(50, row["worse"])
        assert row["better"] + row["worse"] <= row["items"]
    json.dumps(counts)


def test_a_run_keeps_them_and_shows_them(run: Path) -> None:
    results = Results.load(run)
    assert results.run["differences"] and results.examples
    texts = next(iter(json.loads(results.examples[0]["texts"]).values()))
    report = (run / "report.html").read_text("utf-8")
    assert 'id="examples"' in report and texts.split()[-1] in report


def test_none_are_kept_where_none_are_wanted(run: Path, tiny_encoder: Path, tiny_data: Path) -> None:
    quiet = experiment_on(tiny_encoder, tiny_data, run / "store", "report_examples=0")
    assert differences(quiet, quiet.full_plan()) == ([], [])


def test_how_many_are_shown_changes_no_key(run: Path, experiment: Experiment, plan: Plan) -> None:
    before = FinishedRun.open(run).plan
    assert {stage.key for stage in plan.stages} == {stage.key for stage in before.stages}


def test_entities_where_there_are_none_count_as_errors() -> None:
    statistics = np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1]], float)  # found and right, predicted, gold
    assert _alone("entity_f1", statistics).tolist() == [1.0, 0.0, 1.0]


def test_languages_take_turns() -> None:
    found = [_Found(str(n), "de" if n < 5 else "sw", n, True) for n in range(8)]
    assert [one.language for one in _drawn(found, 4)] == ["de", "sw", "de", "sw"]
    assert [one.rank for one in _drawn(found, 4)] == ["0", "5", "1", "6"]


def test_words_and_longer_parts_are_joined() -> None:
    assert _joined(["one", "two"]) == "one two"
    assert _joined(["one two", "three"]) == "one two · three"


ROWS = {
    "a": {"id": "a", "text": "ein Satz", "target": "a sentence"},
    "b": {"id": "b", "text": "candidate b"},
}


@pytest.mark.parametrize(
    ("type", "answer", "row", "told"),
    [
        ("classification", "good", {}, "good"),
        ("multiple-choice", 1, {"choices": ["x", "y"]}, "y"),
        ("tagging", ["O", "B-A"], {"tokens": ["the", "cat"]}, "cat/B-A"),
        ("tagging", ["O", "O"], {"tokens": ["the", "cat"]}, ""),
        ("span-qa", ["Rome", "in Rome", "Rome"], {}, "Rome / in Rome"),
        ("span-qa", "", {}, ""),
        ("sentence-retrieval", "a", {}, "a sentence"),
        ("sentence-retrieval", "b", {}, "candidate b"),
        ("bitext-mining", {"id": "b", "score": 1.1}, {}, "candidate b"),
        ("bitext-mining", {"id": None, "score": 1.1}, {}, ""),
        ("bitext-mining", None, {}, ""),
        ("bitext-mining", ["b"], {}, "candidate b"),
        ("answer-retrieval", ["b", "a"], {}, "candidate b"),
        ("answer-retrieval", ["unknown"], {}, "unknown"),
    ],
)
def test_answers_in_words(type: str, answer: Any, row: dict[str, Any], told: str) -> None:
    assert get_task_type(type).told(answer, row, ROWS) == told
