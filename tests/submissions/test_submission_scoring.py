"""Scores against the published figures, against other libraries, and by hand."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from seqeval.metrics import f1_score
from sklearn.metrics import accuracy_score

from submission_world import labels_of, predictions_of, write_labels
from xstilts.errors import DataError, UnknownName, UserError
from xstilts.submissions import TaskFiles, get_suite, score, write_submission

DATA = os.environ.get("XSTILTS_DATA")
MOCK = Path(DATA or ".") / "xtreme_mock"
mock = [
    pytest.mark.data,
    pytest.mark.skipif(not MOCK.is_dir(), reason="XSTILTS_DATA is not set to a folder with xtreme_mock"),
]


@pytest.fixture
def labels(xtreme_labels: Path) -> Path:
    return xtreme_labels


class TestMock:
    """The figures of the published evaluator on its own mock data, with seqeval 0.0.12."""

    pytestmark = mock

    def test_official_figures(self) -> None:
        scores = json.loads(score(MOCK / "predictions", MOCK / "labels").to_json())
        assert scores["all_task"] == 62.1732
        assert scores["groups"] == {
            "classification": 41.0476,
            "tagging": 63.8627,
            "qa": 80.3757,
            "retrieval": 54.3056,
        }
        means = {
            name: [metric["mean"] for metric in task["metrics"].values()]
            for name, task in scores["tasks"].items()
        }
        assert means == {
            "xnli": [30.6667],
            "pawsx": [51.4286],
            "udpos": [70.2175],
            "panx": [57.5079],
            "xquad": [79.9587, 77.2727],
            "mlqa": [81.7687, 57.1429],
            "tydiqa": [97.2222, 88.8889],
            "bucc2018": [55.0],
            "tatoeba": [53.6111],
        }

    def test_languages_differ_by_the_rule_of_chunks(self) -> None:
        (udpos,) = score(MOCK / "predictions", MOCK / "labels", tasks=["udpos"]).tasks
        (fixed,) = score(MOCK / "predictions", MOCK / "labels", tasks=["udpos"], rules="fixed").tasks
        assert udpos.metrics[0].languages["af"] == pytest.approx(88.37, abs=0.005)
        assert fixed.metrics[0].languages["af"] == pytest.approx(86.96, abs=0.005)
        assert (fixed.metrics[0].metric, fixed.beside) == ("token_accuracy", udpos.metrics)

    def test_mewslix(self) -> None:
        scores = score(MOCK / "predictions", MOCK / "labels", "xtreme-r", tasks=["mewslix"])
        assert scores.tasks[0].score == pytest.approx(14.3903, abs=5e-5)
        assert (scores.overall, scores.groups) == (None, {})
        assert "stops before its overall score" in scores.notes[0]


def reference(task: TaskFiles, code: str) -> list[float]:
    """The official metrics of one language's synthetic predictions, by other libraries or from the definition."""
    gold, predicted = labels_of(task, code), predictions_of(task, code)
    if task.metrics == ("accuracy",):
        return [accuracy_score(gold, predicted)]
    if task.group == "tagging":
        # today's seqeval finds old seqeval's chunks if the whole tag stands where it looks for the type
        sides = [
            [[t if t == "O" or t[1:2] == "-" else f"{t[0]}-{t}x" for t in tags] for tags in side]
            for side in (gold, predicted)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [f1_score(*sides)]
    if task.name == "bucc2018":
        right = len(set(gold) & set(predicted))
        precision, recall = right / len(set(predicted)), right / len(set(gold))
        return [2 * precision * recall / (precision + recall)]
    if task.metrics == ("map@20",):
        return [fmean(1 / (1 + predicted[key].index(gold[key][0])) for key in gold)]
    by_hand = {"the sun": (0.0, 0.0)} | {
        answer: (1.0, 1.0) for answers in gold.values() for answer in answers
    }
    return [
        fmean(values) for values in zip(*(by_hand.get(predicted[key], (None,)) for key in gold), strict=False)
    ]


@pytest.mark.parametrize("name", ["xtreme", "xtreme-r"])
def test_other_libraries_agree(name: str, tmp_path: Path) -> None:
    suite = get_suite(name)
    tasks = [task for task in suite.tasks if task.group != "qa"]
    given = {(t.name, code): predictions_of(t, code) for t in tasks for code in t.languages}
    write_submission(given, tmp_path / "ours", name, partial=True)
    scores = score(
        tmp_path / "ours", write_labels(suite, tmp_path / "gold"), name, tasks=[task.name for task in tasks]
    )
    for task, ours in zip(tasks, scores.tasks, strict=True):
        expected = {code: 100 * reference(task, code)[0] for code in task.languages}
        assert ours.metrics[0].languages == pytest.approx(expected)
        assert ours.score == pytest.approx(fmean(expected.values()))


def test_questions_are_the_mean_of_f1_and_exact_match(labels: Path, submission: Path) -> None:
    for code, answers in {
        "en": ["in 1969", "moon!", "Neil", "北京", ""],
        "zh": ["1969", "x", "x", "北京", "x"],
    }.items():
        path = submission / f"mlqa/test-{code}.json"
        path.write_text(json.dumps({f"{code}-q{number}": answer for number, answer in enumerate(answers)}))
    (mlqa,) = score(submission, labels, tasks=["mlqa"]).tasks
    f1, em = mlqa.metrics
    assert f1.languages["en"] == pytest.approx(100 * (1 + 1 + 1 + 0 + 0) / 5)
    assert em.languages["en"] == pytest.approx(60)
    assert f1.languages["zh"] == pytest.approx(100 * (2 / 3 + 0 + 0 + 2 / 3 + 0) / 5)  # a token a character
    assert em.languages["zh"] == 0
    assert mlqa.score == pytest.approx((f1.mean + em.mean) / 2)
    assert (f1.rules, em.rules) == ("mlqa-v1", "mlqa-v1")


def test_fixed_rules_count_chinese_by_character(labels: Path, submission: Path) -> None:
    path = submission / "xquad/test-zh.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"zh-q3": "北京"}))
    values = []
    for rules in ("official", "fixed"):
        (xquad,) = score(submission, labels, tasks=["xquad"], rules=rules).tasks
        values.append(xquad.metrics[0].languages["zh"])
    assert values[1] - values[0] == pytest.approx(100 / 5 * 2 / 3)


def test_groups_and_overall_are_there_if_all_their_tasks_are(labels: Path, submission: Path) -> None:
    scores = score(submission, labels)
    assert list(scores.groups) == ["classification", "tagging", "qa", "retrieval"]
    assert scores.overall == pytest.approx(fmean(task.score for task in scores.tasks))
    some = score(submission, labels, tasks=["xtreme/xnli", "pawsx", "udpos"])
    assert (list(some.groups), some.overall) == (["classification"], None)
    assert some.groups["classification"] == scores.groups["classification"]
    assert "all_task" not in json.loads(some.to_json())


def test_missing_ids_score_zero_only_where_that_is_asked_for(labels: Path, submission: Path) -> None:
    for code in get_suite("xtreme").task("xquad").languages:
        right = {
            key: answers[0] for key, answers in labels_of(get_suite("xtreme").task("xquad"), code).items()
        }
        (submission / f"xquad/test-{code}.json").write_text(json.dumps(right))
    right = json.loads((submission / "xquad/test-de.json").read_text())
    (submission / "xquad/test-de.json").write_text(json.dumps({"de-q0": right["de-q0"]}))
    with pytest.raises(
        DataError, match=r"nothing is scored.*no prediction for 4 of 5 ids of .*: de-q1, de-q2, de-q3, …"
    ):
        _flat(score, submission, labels, tasks=["xquad"])
    scores = score(submission, labels, tasks=["xquad"], missing="zero")
    assert [metric.languages["de"] for metric in scores.tasks[0].metrics] == [20, 20]
    assert scores.notes == ("xquad de: 4 of 5 ids have no prediction and score 0",)


def _flat(call: Any, *arguments: Any, **options: Any) -> None:
    """Call; an error's lines become one."""
    try:
        call(*arguments, **options)
    except DataError as error:
        raise DataError(str(error).replace("\n", " ")) from None


def test_nothing_is_scored_by_accident(labels: Path, submission: Path) -> None:
    (submission / "tatoeba/test-af.tsv").unlink()
    (submission / "tatoeba/test-zh.tsv").unlink()
    (submission / "xnli/test-de.tsv").write_text("neutral\n" * 4)
    with pytest.raises(DataError) as error:
        score(submission, labels)
    assert str(error.value).splitlines() == [
        f"{submission}: nothing is scored. Mend this, or name the tasks to score with --tasks: 2 problems",
        f"  {submission}/tatoeba: 2 of 36 files are missing: test-{{af,zh}}.tsv",
        f"  {submission}/xnli/test-de.tsv: 4 lines, expected 5 as in {labels}/xnli/test-de.tsv",
    ]
    assert score(submission, labels, tasks=["pawsx"]).tasks[0].task == "pawsx"


def test_labels_are_checked_too(labels: Path, submission: Path, tmp_path: Path) -> None:
    shutil.copytree(labels, tmp_path / "labels")
    (tmp_path / "labels/pawsx/test-en.tsv").write_text("0\n1\n\n1\n0\n")
    with pytest.raises(DataError, match=r"labels/pawsx/test-en.tsv, line 3: a blank line"):
        score(submission, tmp_path / "labels")


def test_names_that_do_not_exist(labels: Path, submission: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown suite 'xtrem'. Did you mean 'xtreme'"):
        score(submission, labels, "xtrem")
    with pytest.raises(UnknownName, match=r"unknown rules 'new'. Known: fixed, official"):
        score(submission, labels, rules="new")
    with pytest.raises(UnknownName, match=r"missing ids: 'skip'. Known: error, zero"):
        score(submission, labels, missing="skip")
    with pytest.raises(UnknownName, match="Did you mean 'udpos'"):
        score(submission, labels, tasks=["udps"])
    with pytest.raises(UserError, match=r"no such folder. Expected sub-folders of XTREME: xnli, pawsx"):
        score(submission / "x", labels)
    with pytest.raises(UserError, match="no folder of a task is in it"):
        score(submission / "xnli", labels)
