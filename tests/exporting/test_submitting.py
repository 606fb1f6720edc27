"""Submissions to the leaderboards: every file is there, valid, and holds what the run predicted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaderboard_world import ITEMS, MORE, SCORED, TARGETS, codes, contents, leaderboard_run, provenance
from tiny_world import Typed
from xstilts.errors import UnknownName, UserError
from xstilts.exporting import export_xtreme
from xstilts.exporting.entries import find_entries
from xstilts.finished import FinishedRun
from xstilts.metrics import get_metric

XTREME = ",".join(TARGETS)


@pytest.fixture(scope="session")
def world(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, `labels` and a `run`."""
    return leaderboard_run(tiny_encoder, tmp_path_factory.mktemp("leaderboard"))


@pytest.fixture(scope="session")
def finished(world: Path) -> FinishedRun:
    return FinishedRun.open(world / "run")


@pytest.fixture
def cli(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs a command without a data folder, its lines not broken."""
    monkeypatch.delenv("XSTILTS_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "1000")
    return typed


@pytest.fixture(scope="session")
def told() -> list[str]:
    return []


@pytest.fixture(scope="session")
def submission(world: Path, told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the arm csqa predicts for XTREME."""
    out = tmp_path_factory.mktemp("submission") / "xtreme"
    return export_xtreme(world / "run", out, "csqa", target=XTREME, tell=told.append)


def scored(cli: Typed, folder: Path, labels: Path, *more: str) -> dict[str, Any]:
    code, out, err = cli("score", folder, labels, *more, "--json")
    assert code == 0, err
    tasks: dict[str, Any] = json.loads(out)["tasks"]
    return tasks


def test_all_files_of_the_tasks_are_there_and_valid(cli: Typed, world: Path, submission: Path) -> None:
    code, out, _ = cli(
        "validate", submission, "--suite", "xtreme", "--tasks", SCORED, "--data", world / "data"
    )
    assert code == 0, out
    assert "valid; 96 files fit those in" in out
    assert "panx      40 of 40 files, 360 items" in out
    assert sorted(entry.name for entry in submission.iterdir() if entry.is_dir()) == sorted(SCORED.split(","))


def test_scores_are_those_of_the_run_where_the_rows_are_the_same(
    cli: Typed, world: Path, finished: FinishedRun, submission: Path
) -> None:
    tasks = scored(cli, submission, world / "labels", "--tasks", SCORED)
    compared = 0
    for target, task, names in (
        ("my/paraphrases", "pawsx", {"accuracy": "accuracy"}),
        ("xtreme/panx", "panx", {"entity_f1": "entity_f1"}),
        ("xtreme/tydiqa", "tydiqa", {"squad_f1": "squad_f1", "squad_em": "squad_em"}),
        ("xtreme/bucc2018", "bucc2018", {"bitext_f1": "bucc_f1"}),
    ):
        for row in finished.rows("results", task=target, arm="csqa", condition="clean"):
            if row["postprocess"] != "center":
                value = tasks[task]["metrics"][names[row["metric"]]]["languages"][file_code(row["language"])]
                assert value == pytest.approx(100 * row["value"], abs=1e-4), (target, row["language"])
                compared += 1
    assert compared == 2 + 3 + 2 * 1 + 1


def file_code(language: str) -> str:
    return "tl" if language == "fil" else language


def test_tatoeba_is_searched_from_english(cli: Typed, world: Path, submission: Path) -> None:
    """The words of a pair are the same, so that nearly all are found; in the run's direction few would be right."""
    task = scored(cli, submission, world / "labels", "--tasks", "tatoeba")["tatoeba"]
    assert len(task["metrics"]["accuracy"]["languages"]) == 36
    assert task["score"] > 80
    numbers = [int(line) for line in (submission / "tatoeba/test-tl.tsv").read_text().split()]
    assert len(numbers) == ITEMS and numbers != sorted(numbers)


def test_thresholds_of_languages_that_the_run_did_not_mine_are_chosen_on_their_dev_pairs(
    cli: Typed, world: Path, submission: Path
) -> None:
    languages = scored(cli, submission, world / "labels", "--tasks", "bucc2018")["bucc2018"]["metrics"][
        "bucc_f1"
    ]
    assert set(languages["languages"]) == {"de", "fr", "ru", "zh"}
    assert min(languages["languages"].values()) > 50
    for code in codes("bucc2018"):
        pairs = (submission / f"bucc2018/test-{code}.tsv").read_text().splitlines()
        assert 0 < len(pairs) < 2 * ITEMS and all(pair.startswith(f"{code}-") for pair in pairs)
    kept = provenance(submission)["targets"]
    assert set(kept["xtreme/bucc2018"]["thresholds"]) == {"de", "fr", "ru", "zh"}
    assert "thresholds" not in kept["xtreme/tatoeba"]


def test_tags_stand_in_the_sentences_of_the_test_file(submission: Path, world: Path) -> None:
    tokens = (world / "data/panx/test-ur.tsv").read_text().split("\n\n")
    tags = (submission / "panx/test-ur.tsv").read_text().split("\n\n")
    counts = [[len(block.split()) for block in side if block.strip()] for side in (tokens, tags)]
    assert counts[0] == counts[1] and max(counts[0]) == 80


def test_questions_are_answered_by_the_ids_of_the_file(submission: Path) -> None:
    answers = json.loads((submission / "tydiqa/test-sw.json").read_text("utf-8"))
    assert list(answers) == [f"sw-{i}" for i in range(12)]


def test_what_is_told_and_kept(told: list[str], submission: Path, finished: FinishedRun) -> None:
    assert told[0] == "XTREME, 5 of 9 tasks, by the arm csqa"
    (layer,) = {
        row["layer"]
        for row in finished.rows("results", task="xtreme/tatoeba", arm="csqa", postprocess="none")
    }
    assert f"xtreme/tatoeba: 36 languages, arm csqa, seed 0, layer {layer}, raw vectors" in told
    assert "my/paraphrases: 7 languages, arm csqa, seed 0" in told
    assert "96 of 162 files are written; read back, they are valid" in told
    assert told[-5] == (
        "The leaderboard still lacks 4 tasks, 66 files: xtreme/xnli (15), xtreme/udpos (33), xtreme/xquad (11), "
        "xtreme/mlqa (7)"
    )
    run, data = finished.folder, finished.experiment.catalogue.data
    assert told[-4] == f"Have them under targets: in {run}/recipe.yaml, then type:"
    assert told[-3] == f"  xstilts run {run}/recipe.yaml --out {run} --data {data}"
    assert told[-2] == f"  xstilts export {run} {submission} --to xtreme"
    check = f"xstilts validate {submission} --data {data} --suite xtreme --tasks {SCORED}"
    assert told[-1] == f"To check them again: {check}"
    record = provenance(submission)
    assert (record["export"], record["suite"], len(record["targets"])) == ("xtreme", "xtreme", 5)
    kept = record["targets"]["xtreme/pawsx"]
    assert (kept["arm"], kept["target"], kept["layer"]) == ("csqa", "my/paraphrases", None)
    assert kept["stage_key"] == finished.plan.finals["csqa", "my/paraphrases", 0].key
    assert record["targets"]["xtreme/tatoeba"]["postprocess"] == "none"


def test_each_target_has_its_own_best_arm(
    cli: Typed, world: Path, finished: FinishedRun, tmp_path: Path
) -> None:
    targets = ("my/paraphrases", "xtreme/bucc2018")
    code, out, err = cli(
        "export", world / "run", tmp_path / "out", "--to", "xtreme", "--target", ",".join(targets)
    )
    assert (code, out) == (0, f"{tmp_path}/out\n"), err
    assert "XTREME, 2 of 9 tasks, by the arm that is best on dev for each target" in err
    kept = provenance(tmp_path / "out")["targets"]
    found = [kept[name]["arm"] for name in ("xtreme/pawsx", "xtreme/bucc2018")]
    assert found == [finished.arm("best", (target,)) for target in targets]


def test_vectors_may_be_centred(finished: FinishedRun, tmp_path: Path, submission: Path) -> None:
    out = export_xtreme(finished, tmp_path / "out", "csqa", target="xtreme/tatoeba", postprocess="center")
    (layer,) = {
        row["layer"]
        for row in finished.rows("results", task="xtreme/tatoeba", arm="csqa", postprocess="center")
    }
    kept = provenance(out)["targets"]["xtreme/tatoeba"]
    assert (kept["postprocess"], kept["layer"]) == ("center", layer)
    with pytest.raises(UserError, match="--postprocess whiten: the run has none, center"):
        export_xtreme(finished, tmp_path / "out", target="xtreme/tatoeba", postprocess="whiten")


def test_the_other_suite_and_test_sets_that_have_labels(cli: Typed, world: Path, tmp_path: Path) -> None:
    arguments = ("export", world / "run", tmp_path / "out", "--to", "xtreme", "--arm", "none")
    code, _, err = cli(*arguments, "--target", ",".join(MORE))
    assert code == 0, err
    assert "XTREME-R, 2 of 10 tasks" in err
    code, out, _ = cli("validate", tmp_path / "out", "--suite", "xtreme-r", "--tasks", "xcopa,lareqa")
    assert code == 0, out
    task = scored(cli, tmp_path / "out", world / "labels", "--suite", "xtreme-r", "--tasks", "xcopa")["xcopa"]
    (row,) = FinishedRun.open(world / "run").rows("results", task="xtreme-r/xcopa", arm="none", language="et")
    assert task["metrics"]["accuracy"]["languages"]["et"] == pytest.approx(100 * row["value"], abs=1e-4)
    rankings = json.loads((tmp_path / "out/lareqa/test-zh.json").read_text("utf-8"))
    assert set(rankings) == {f"q{i}" for i in range(12)}  # also those that the run chose its layer on
    assert {len(ranking) for ranking in rankings.values()} == {20}
    assert len({name.partition("/")[0] for ranking in rankings.values() for name in ranking}) > 3


def test_a_pruned_checkpoint_is_made_again(
    world: Path, finished: FinishedRun, submission: Path, tmp_path: Path
) -> None:
    stage = finished.plan.finals["csqa", "my/paraphrases", 0]
    assert stage.weights is not None
    finished.experiment.store.delete(stage.weights)
    told: list[str] = []
    out = export_xtreme(world / "run", tmp_path / "out", "csqa", target="my/paraphrases", tell=told.append)
    assert any("making it again" in line for line in told)
    again, before = (dict(contents(folder / "pawsx")) for folder in (out, submission))
    assert again == before


def test_an_earlier_submission_is_replaced_and_nothing_else(finished: FinishedRun, tmp_path: Path) -> None:
    for target in ("xtreme/tatoeba", "my/paraphrases"):
        out = export_xtreme(finished, tmp_path / "out", "none", target=target)
    assert sorted(entry.name for entry in out.iterdir()) == ["pawsx", "xstilts.json"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not just an earlier submission"):
        export_xtreme(finished, out, "none", target="xtreme/tatoeba")


# --- what cannot be submitted


def test_missing_test_files_are_listed_before_anything_is_predicted(
    cli: Typed, world: Path, tmp_path: Path
) -> None:
    data = world / "data"
    hidden = [
        data / f"{name}" for name in ("panx/test-ur.tsv", "panx/test-tl.tsv", "bucc2018/ru-en.dev.gold")
    ]
    for path in hidden:
        path.rename(path.with_suffix(".away"))
    try:
        code, out, err = cli("export", world / "run", tmp_path / "out", "--to", "xtreme", "--target", XTREME)
    finally:
        for path in hidden:
            path.with_suffix(".away").rename(path)
    assert (code, out) == (2, "")
    assert "  xtreme/panx: 2 of 40 test files: panx/test-{tl,ur}.tsv\n" in err
    assert "  xtreme/bucc2018: dev pairs in ru, on which thresholds are chosen\n" in err
    assert f"Looked below: {data}." in err
    assert (
        "Say where it is: --data DIR; or submit what is complete: --target my/paraphrases,xtreme/tydiqa,xtreme/tatoeba"
        in err
    )
    assert not (tmp_path / "out").exists()


def test_test_files_may_lie_in_another_folder_than_the_runs_data(
    cli: Typed, world: Path, submission: Path, tmp_path: Path
) -> None:
    (tmp_path / "download").mkdir()
    (world / "data/pawsx").rename(tmp_path / "download/pawsx")
    arguments = ("export", world / "run", tmp_path / "out", "--to", "xtreme", "--arm", "csqa")
    arguments += ("--target", "my/paraphrases")
    try:
        code, _, err = cli(*arguments)
        assert code == 2 and "xtreme/pawsx: all 7 test files: pawsx/test-{language}.tsv" in err
        code, _, err = cli(*arguments, "--data", tmp_path / "download")
    finally:
        (tmp_path / "download/pawsx").rename(world / "data/pawsx")
    assert code == 0, err
    assert dict(contents(tmp_path / "out/pawsx")) == dict(contents(submission / "pawsx"))


def test_a_data_folder_that_has_moved_is_asked_for(cli: Typed, world: Path, tmp_path: Path) -> None:
    (world / "data").rename(world / "moved")
    arguments = ("export", world / "run", tmp_path / "out", "--to", "xtreme", "--target", "my/paraphrases")
    try:
        code, _, err = cli(*arguments)
        assert code == 2 and "is not there. Say where it is now: --data DIR" in err
        code, _, err = cli(*arguments, "--data", world / "moved")
    finally:
        (world / "moved").rename(world / "data")
    assert code == 0, err


def with_targets(run: FinishedRun, *targets: str) -> FinishedRun:
    recipe = run.recipe.model_copy(update={"targets": targets})
    return replace(run, experiment=replace(run.experiment, recipe=recipe))


def test_targets_of_two_suites_or_of_one_task(finished: FinishedRun, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"its targets are of two suites.*--target with those that are meant"):
        export_xtreme(finished, tmp_path / "out")
    twice = with_targets(finished, "my/paraphrases", "xtreme/pawsx", "xtreme/panx")
    with pytest.raises(UserError, match=r"my/paraphrases and xtreme/pawsx are tested on the same files"):
        find_entries(twice, None, None)
    suite, entries = find_entries(twice, "xtreme/pawsx, xtreme/panx", None)
    assert (suite.name, [entry.task for entry in entries]) == ("xtreme", ["xtreme/pawsx", "xtreme/panx"])
    with pytest.raises(UnknownName, match=r"unknown target of a leaderboard 'xtreme/xnli'"):
        find_entries(finished, "xtreme/xnli", None)


def test_targets_of_no_leaderboard(finished: FinishedRun, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="none of its targets is a task of a leaderboard; it has my/mood, stilts/csqa"
    ):
        export_xtreme(with_targets(finished, "my/mood", "stilts/csqa"), tmp_path / "out")


def test_the_metric_of_the_run_is_that_of_the_leaderboard() -> None:
    ours, theirs = get_metric("bitext_f1"), get_metric("bucc_f1")
    predicted: list[Any] = [{"id": "en-1", "score": 1.0}, None, {"id": "en-3", "score": 1.0}]
    gold = [["en-1"], ["en-2"], ["en-4"]]
    sets: list[Any] = [{"en-1"}, set(), {"en-3"}]
    assert ours.score(predicted, gold, (), "de") == theirs.score(sets, [set(one) for one in gold], (), "de")
