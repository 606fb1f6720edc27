"""All files of a suite: written, checked, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from submission_world import ITEMS, all_predictions, labels_of, squad, write_labels
from xstilts.errors import DataError, UnknownName, UserError
from xstilts.submissions import get_suite, guess_suite, looks_like_submission, score, write_submission
from xstilts.submissions.folders import match_inputs, read_folder

XTREME, XTREME_R = get_suite("xtreme"), get_suite("xtreme-r")


@pytest.mark.parametrize(("suite", "count"), [(XTREME, 162), (XTREME_R, 203)])
def test_all_files_are_written_read_and_scored(suite: Any, count: int, tmp_path: Path) -> None:
    written = write_submission(all_predictions(suite), tmp_path / "out", suite.name)
    assert len(written) == count
    assert sorted(written) == sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert not any(entry.name.startswith(".out") for entry in tmp_path.iterdir())
    assert read_folder(tmp_path / "out", suite).problems == []
    assert looks_like_submission(tmp_path / "out")
    assert guess_suite(tmp_path / "out") == suite
    labels = write_labels(suite, tmp_path / "labels")
    scores = score(tmp_path / "out", labels, suite.name)
    assert 0 < scores.overall < 100
    right = {
        (task.name, code): {k: v[0] for k, v in gold.items()} if task.group == "qa" else gold
        for task in suite.tasks
        for code in task.languages
        for gold in [labels_of(task, code)]
    }
    write_submission(right, tmp_path / "right", suite.name)
    assert score(tmp_path / "right", labels, suite.name).overall == 100
    assert score(tmp_path / "right", labels, suite.name, "fixed").overall == 100


def test_the_published_number_of_files_and_languages() -> None:
    sizes = {task.name: len(task.languages) for task in XTREME.tasks}
    assert sizes == {
        "xnli": 15,
        "pawsx": 7,
        "udpos": 33,
        "panx": 40,
        "xquad": 11,
        "mlqa": 7,
        "tydiqa": 9,
        "bucc2018": 4,
        "tatoeba": 36,
    }
    more = {task.name: len(task.languages) for task in XTREME_R.tasks}
    assert (more["udpos"], more["panx"], more["tatoeba"], more["xquad"]) == (38, 48, 41, 12)
    assert [task.name for task in XTREME_R.groups["retrieval"]] == ["tatoeba", "mewslix", "lareqa"]
    for suite in (XTREME, XTREME_R):
        assert all(len(set(task.languages)) == len(task.languages) for task in suite.tasks)


def test_names_and_codes_as_elsewhere_in_xstilts(tmp_path: Path) -> None:
    pairs = [("fil", "tl"), ("zh-Hans", "zh"), ("deu", "de")]
    codes = dict(zip((ours for _, ours in pairs), (given for given, _ in pairs), strict=True))
    given = {
        (f"xtreme/{name}", codes.get(code, code)): values
        for (name, code), values in all_predictions(XTREME).items()
        if name == "tatoeba"
    }
    written = write_submission(given, tmp_path / "out", partial=True)
    assert len(written) == 36
    assert (tmp_path / "out/tatoeba/test-tl.tsv").read_text().count("\n") == ITEMS


def test_what_is_missing_is_listed(tmp_path: Path) -> None:
    given = all_predictions(XTREME)
    del given["xnli", "sw"], given["mlqa", "hi"]
    with pytest.raises(DataError, match="2 of 162 files have no predictions: xnli sw, mlqa hi"):
        write_submission(given, tmp_path / "out")
    with pytest.raises(DataError, match="1 of 15 files have no predictions: xnli sw"):
        write_submission({p: v for p, v in given.items() if p[0] == "xnli"}, tmp_path / "out", partial=True)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_that_would_not_be_read(tmp_path: Path) -> None:
    given = all_predictions(XTREME) | {("xnli", "sw"): ["neutral", "maybe", "neutral"], ("panx", "de"): []}
    with pytest.raises(DataError) as error:
        write_submission(given, tmp_path / "out")
    assert "nothing is written" in str(error.value)
    assert f"{tmp_path}/out/xnli/test-sw.tsv, line 2: unknown label 'maybe'" in str(error.value)
    assert f"{tmp_path}/out/panx/test-de.tsv: nothing to score" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_unknown_tasks_and_languages(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown task of xtreme 'xcopa'\."):
        write_submission({("xcopa", "et"): [0]}, tmp_path / "out")
    with pytest.raises(DataError, match="xnli has no file in 'fi'"):
        write_submission({("xnli", "fi"): ["neutral"]}, tmp_path / "out")
    with pytest.raises(DataError, match="xnli has predictions in zh twice"):
        write_submission({("xnli", "zh"): ["neutral"], ("xtreme/xnli", "zho"): []}, tmp_path / "out")


def test_an_earlier_submission_is_replaced_and_nothing_else(submission: Path) -> None:
    write_submission(
        {("bucc2018", c): [(f"{c}-1", "en-1")] for c in ("de", "fr", "ru", "zh")}, submission, partial=True
    )
    assert sorted(entry.name for entry in submission.iterdir()) == ["bucc2018"]
    (submission / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not just an earlier submission"):
        write_submission(all_predictions(XTREME), submission)
    assert (submission / "notes.txt").read_text() == "mine"


def test_a_folder_of_data_is_no_submission(tmp_path: Path) -> None:
    for name in ("train-en.tsv", "dev-de.tsv", "test-de.tsv"):
        (tmp_path / "xnli").mkdir(exist_ok=True)
        (tmp_path / "xnli" / name).write_text("a\tb\n")
    assert not looks_like_submission(tmp_path)
    assert not looks_like_submission(tmp_path / "xnli")


def test_test_files_without_labels_are_what_predictions_must_fit(tmp_path: Path) -> None:
    """The tree that XTREME's download script leaves, two languages of each kind of file."""
    files = {
        "xnli/test-de.tsv": "a\tb\n" * ITEMS,
        "panx/test-de.tsv": "\n".join(["Anna\n" * 3, "ja\tO\n", "#\n" * 4]),
        "xquad/xquad.de.json": squad({f"de-q{number}": [""] for number in range(5)}),
        "mlqa/MLQA_V1/test/test-context-de-question-de.json": squad({"other": [""]}),
        "bucc2018/de-en.test.de": "".join(f"de-{number}\tSatz\n" for number in (0, 1, 2)),
        "tatoeba/de-en.en": "sentence\n" * 4,
    }
    for name, text in files.items():
        (tmp_path / "download" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "download" / name).write_text(text)
    given = all_predictions(XTREME) | {("tatoeba", "de"): [3, 2, 1, 4]}
    write_submission(given, tmp_path / "out")
    problems, compared = match_inputs(read_folder(tmp_path / "out", XTREME), tmp_path / "download")
    assert compared == [(name, "de") for name in ("xnli", "panx", "xquad", "mlqa", "bucc2018", "tatoeba")]
    said = [f"{Path(problem.file).parent.name} {problem.line}: {problem.message}" for problem in problems]
    assert [line.partition("/")[0] for line in said] == [
        "mlqa 0: no prediction for 1 of 1 ids of ",
        "mlqa 0: 5 unknown ids, not in ",
        "bucc2018 5: 1 unknown id, not in ",
        "tatoeba 4: 4 is behind the last line. Expected 0 to 3",
    ]
    with pytest.raises(DataError, match="nothing is written: 4 problems"):
        write_submission(given, tmp_path / "other", data=tmp_path / "download")


def test_the_files_are_as_the_leaderboard_has_them(submission: Path) -> None:
    tags = (submission / "udpos/test-af.tsv").read_text().split("\n")
    assert [line for line in tags if not line] == ["", "", ""]  # two between sentences, the end
    assert (submission / "bucc2018/test-de.tsv").read_text().startswith("de-0\ten-100\n")
    assert set(json.loads((submission / "tydiqa/test-sw.json").read_text())) == {f"sw-q{n}" for n in range(5)}
