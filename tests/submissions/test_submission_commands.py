"""`xstilts score` and `xstilts validate` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

from submission_world import all_predictions, write_labels
from tiny_world import Typed
from xstilts.submissions import get_suite, write_submission


def test_a_table_for_people(cli: Typed, submission: Path, xtreme_labels: Path) -> None:
    code, out, err = cli("score", submission, xtreme_labels)
    assert (code, err) == (0, "")
    assert out.startswith("XTREME, official rules, in percent")
    assert "udpos, Chunk F1\n" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["udpos", "Chunk", "F1", "seqeval-0.0.12", "33"] in [row[:5] for row in rows]
    assert ["mlqa", "mean", "of", "the", "two"] in [row[:5] for row in rows]
    assert [row[0] for row in rows[-5:-1]] == ["classification", "tagging", "qa", "retrieval"]
    assert rows[-1][:2] == ["all", "tasks"]


def test_json_for_scripts(cli: Typed, submission: Path, xtreme_labels: Path) -> None:
    code, out, _ = cli(
        "score", submission, xtreme_labels, "--rules", "fixed", "--tasks", "udpos,xquad", "--json"
    )
    scores = json.loads(out)
    assert (code, scores["suite"], scores["rules"], scores["groups"]) == (0, "xtreme", "fixed", {})
    assert scores["tasks"]["udpos"]["metrics"]["token_accuracy"]["rules"] == "exact-match"
    assert scores["tasks"]["udpos"]["beside"]["chunk_f1"]["rules"] == "seqeval-0.0.12"
    assert {metric["rules"] for metric in scores["tasks"]["xquad"]["metrics"].values()} == {"xstilts-1"}
    assert scores["tasks"]["xquad"]["items"]["de"] == 5


def test_what_is_wrong_ends_with_exit_code_2(cli: Typed, submission: Path, xtreme_labels: Path) -> None:
    (submission / "xquad/test-de.json").write_text('{"de-q0": "in')
    code, out, err = cli("score", submission, xtreme_labels)
    assert (code, out) == (2, "")
    assert "xquad/test-de.json, line 1: not JSON (Unterminated string" in err
    assert "Traceback" not in err


def test_a_submission_is_validated(cli: Typed, submission: Path, xtreme_labels: Path) -> None:
    code, out, _ = cli("validate", submission)
    assert code == 0
    assert "panx      40 of 40 files, 120 items" in out
    assert "lengths and ids were compared with nothing" in out
    code, out, _ = cli("validate", submission, "--labels", xtreme_labels)
    assert code == 0
    assert "valid; 162 files fit those in" in out


def test_all_problems_are_listed(cli: Typed, submission: Path, xtreme_labels: Path) -> None:
    (submission / "xnli/test-sw.tsv").write_text("yes\n" * 7)
    (submission / "bucc2018/test-zh.tsv").unlink()
    code, out, _ = cli("validate", submission, "--labels", xtreme_labels)
    assert code == 2
    assert f"{submission}/xnli/test-sw.tsv, line 5: unknown label 'yes'" in out
    assert f"{submission}/xnli/test-sw.tsv: … and 3 more" in out
    assert f"{submission}/bucc2018: 1 of 4 files are missing: test-zh.tsv" in out
    assert out.endswith("✗ 9 problems\n")
    code, out, _ = cli("validate", submission, "--labels", xtreme_labels, "--json")
    checked = json.loads(out)
    assert (code, checked["valid"], len(checked["problems"])) == (2, False, 9)
    assert checked["problems"][0]["line"] == 1


def test_the_suite_may_be_named(cli: Typed, submission: Path) -> None:
    code, out, _ = cli("validate", submission, "--suite", "xtreme-r")
    assert code == 2
    assert "lareqa    0 of 11 files" in out
    code, out, _ = cli("validate", submission, "--suite", "xtreme-r", "--tasks", "xnli")
    assert code == 0


def test_xtreme_r_says_what_its_overall_score_is(cli: Typed, tmp_path: Path) -> None:
    suite = get_suite("xtreme-r")
    write_submission(all_predictions(suite), tmp_path / "ours", "xtreme-r")
    code, out, _ = cli(
        "score", tmp_path / "ours", write_labels(suite, tmp_path / "gold"), "--suite", "xtreme-r"
    )
    assert code == 0
    assert "the overall score is the mean over the ten tasks" in " ".join(out.split())
