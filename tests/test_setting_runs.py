"""Few-shot and translate-test beside zero-shot: from a recipe to the tables, on tiny tasks."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tiny_world import TASKS, sentence, tiny_recipe, write_mood
from xstilts.cli import app
from xstilts.console import planned
from xstilts.errors import RecipeError
from xstilts.experiment import Experiment, open_experiment, run_experiment
from xstilts.overlap import find_overlap
from xstilts.results import Results
from xstilts.stage import Stage

SETTINGS = "settings=[zero-shot, few-shot@4, translate-test]"


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    """The tiny tasks, with German test rows in English beside them."""
    folder = tmp_path / "data"
    shutil.copytree(tiny_data, folder)
    head, *german = (folder / "mood/test-de.tsv").read_text("utf-8").splitlines()
    labels, rng = [row.split("\t")[1] for row in german], random.Random(7)
    lines = [head, *(f"{sentence('en', label, rng)}\t{label}" for label in labels)]
    (folder / "mood/translate-test-de.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture
def opened(tiny_encoder: Path, data: Path, tmp_path: Path) -> Any:
    def open_(*overrides: str, **values: Any) -> Experiment:
        return open_experiment(tiny_recipe(tiny_encoder, *overrides, **values), data, tmp_path / "store")

    return open_


def stages(experiment: Experiment, kind: str) -> list[Stage]:
    return [stage for stage in experiment.plan().stages if stage.kind == kind]


def test_settings_add_stages_and_change_no_key(opened: Any) -> None:
    before = {stage.key for stage in opened().plan().stages}
    plan = opened(SETTINGS).plan()
    assert before < {stage.key for stage in plan.stages}
    assert plan.cells == tuple(cell for cell in plan.cells if cell.setting == "zero-shot")
    found = {(cell.arm, cell.setting, cell.language) for cell in plan.beside}
    expected = {("none", "few-shot@4", "de"), ("none", "translate-test", "de")}
    assert found == expected | {("odd", setting, language) for _, setting, language in expected}


def test_few_shot_trains_on_from_the_english_model_once_for_each_arm_language_count_and_seed(
    opened: Any,
) -> None:
    experiment = opened("settings=[zero-shot, few-shot@2, few-shot@4]", "languages=[de, fr]", "seeds=[0, 1]")
    finals = experiment.plan().finals
    trains = [stage for stage in stages(experiment, "train") if stage.spec.get("continued")]
    assert len(trains) == 2 * 2 * 2 * 2
    labels = {stage.label for stage in trains}
    assert "train odd seed 1: my/mood few-shot@2 fr" in labels
    for stage in trains:
        arm, seed = stage.label.split()[1], stage.spec["seed"]
        (before,) = stage.parents["init"]
        assert before.key == finals[arm, "my/mood", seed].key
        (rows,), (dev,) = stage.parents["train"], stage.parents["dev"]
        assert (rows.spec["split"], rows.spec["shots"][1]) == ("dev", seed), "drawn by the seed"
        assert (dev.spec["split"], dev.spec["language"]) == ("dev", "en")
        assert stage.spec["phase"]["epochs"] == 20


def test_files_of_few_shot_rows_come_before_a_sample_of_dev(opened: Any, data: Path) -> None:
    write_mood(data, "few-shot@4", "de", 4, seed=3)
    (rows,) = {
        stage.parents["train"][0].key: stage.parents["train"][0]
        for stage in stages(opened("settings=[zero-shot, few-shot@4]"), "train")
        if stage.spec.get("continued")
    }.values()
    assert rows.spec["split"] == "few-shot@4"
    assert "shots" not in rows.spec


def test_few_shot_rows_are_counted_before_they_are_read(opened: Any) -> None:
    experiment = opened("settings=[zero-shot, few-shot@2, few-shot@4]")
    few = [stage for stage in stages(experiment, "prepare") if "shots" in stage.spec]
    rows = experiment.row_counts()
    assert sorted(map(rows.count, few)) == [2, 4]


def test_phase_of_few_shot_is_the_targets_but_for_what_it_says(opened: Any) -> None:
    experiment = opened(
        SETTINGS,
        "training.few_shot.learning_rate=[1e-4, 1e-5]",
        "training.per_task={my/mood: {batch_size: 2}}",
    )
    phases = [stage.spec["phase"] for stage in stages(experiment, "train") if stage.spec.get("continued")]
    assert {phase["learning_rate"] for phase in phases} == {1e-4, 1e-5}
    assert {(phase["epochs"], phase["batch_size"], phase["max_length"]) for phase in phases} == {(20, 2, 32)}


def test_an_oracle_on_dev_selects_few_shot_models_on_english_dev(opened: Any) -> None:
    found = {
        stage.spec["rule"]
        for stage in stages(opened(SETTINGS, "selection=target-dev"), "select")
        if stage.parents["train"][0].spec.get("continued")
    }
    assert found == {"english-dev"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("[zero-shot, few-shot]", "Did you mean 'few-shot@10'"),
        ("[zero-shot, few-shot@0]", "unknown setting 'few-shot@0'"),
        ("[few-shot@4]", "zero-shot is missing"),
        ("[zero-shot, translate-test, translate-test]", "holds a value twice"),
    ],
)
def test_what_is_no_setting_is_refused(opened: Any, settings: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        opened(f"settings={settings}")


def test_a_target_without_rows_is_left_out_and_said_so(opened: Any) -> None:
    experiment = opened(SETTINGS, "languages=[en, de, fr]", targets=["my/mood", "my/pairs"])
    skipped = experiment.plan().skipped
    assert "my/mood: translate-test in fr, as there are no rows for it" in skipped
    assert "my/pairs: few-shot@4, as it is not trained" in skipped
    with pytest.raises(RecipeError, match=r"no target is for it: my/pairs, as it is not trained"):
        opened("settings=[zero-shot, few-shot@4]", targets=["my/pairs"]).plan()


def test_no_rows_at_all_is_an_error_that_says_how_to_bring_them(opened: Any, data: Path) -> None:
    (data / "mood/translate-test-de.tsv").unlink()
    with pytest.raises(RecipeError, match=r"tasks\.my/mood\.files: .*translate-test: "):
        opened(SETTINGS).plan()


def test_a_pattern_for_a_setting_that_fits_no_file_is_an_error(opened: Any) -> None:
    files = {split: f"mood/{split}-{{language}}.tsv" for split in ("train", "dev", "test")}
    mood = {"type": "classification", "files": files | {"few-shot@4": "few/{language}.tsv"}}
    with pytest.raises(Exception, match=r"no few-shot@4 file fits this"):
        opened(tasks=TASKS | {"my/mood": mood})


def test_a_model_that_learns_nothing_from_few_rows_predicts_what_it_did(opened: Any, tmp_path: Path) -> None:
    """The head is kept: without that, a rate of nearly 0 would leave a random one."""
    experiment = opened(
        "settings=[zero-shot, few-shot@4]", "training.few_shot={learning_rate: 1e-12, epochs: 1}"
    )
    rows = run_experiment(experiment, tmp_path / "out").results
    values: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row["language"] == "de":
            values.setdefault((row["arm"], row["metric"]), {})[row["setting"]] = row["value"]
    assert values
    for found in values.values():
        assert found["few-shot@4"] == found["zero-shot"]


def test_few_shot_rows_are_a_training_set_of_their_own_where_overlap_is_looked_for(
    opened: Any, data: Path
) -> None:
    """The German test set itself as few-shot rows: known from these, and not from the English training."""
    shutil.copy(data / "mood/test-de.tsv", data / "mood/few-shot@24-de.tsv")
    experiment = opened("settings=[zero-shot, few-shot@24, translate-test]")
    plan = experiment.plan()

    def rows_of(stage: Stage) -> list[Any]:
        source = experiment.catalogue.get(stage.spec["task"]["name"]).source
        return source.rows(stage.spec["split"], stage.spec["language"])

    found = [one for one in find_overlap(plan, experiment.catalogue, rows_of) if one.language == "de"]
    assert [(one.train, one.test, one.items, one.of) for one in found] == [
        ("my/mood few-shot@24", "my/mood", 24, 24)
    ]


def test_a_plan_costs_what_few_shot_adds(opened: Any) -> None:
    costs = [planned(opened(*settings))[2] for settings in ([], [SETTINGS])]
    assert costs[1].seconds > costs[0].seconds
    rows = costs[1].disk - costs[0].disk
    kept = planned(opened(SETTINGS, "keep=all"))[2].disk - planned(opened("keep=all"))[2].disk
    assert 0 < rows < kept / 3, "few-shot checkpoints go once predictions are there, rows stay"


def test_more_rows_than_there_are_is_an_error_with_their_number(opened: Any, tmp_path: Path) -> None:
    with pytest.raises(
        Exception, match=r"my/mood, dev, de: few-shot@99 needs rows of 99 sources, and there are 16"
    ):
        run_experiment(opened("settings=[zero-shot, few-shot@99]"), tmp_path / "out")


def test_from_the_command_line_to_the_tables(opened: Any, data: Path, tmp_path: Path) -> None:
    recipe, out = data / "recipe.yaml", tmp_path / "out"
    recipe.write_text(opened(SETTINGS, "seeds=[0, 1]").recipe.to_yaml(), "utf-8")
    typed = ["--store", str(tmp_path / "store")]
    runner = CliRunner()
    planned = runner.invoke(app, ["plan", str(recipe), *typed])
    assert planned.exit_code == 0, planned.output
    assert "train odd seed 1: my/mood few-shot@4 in 1 language" in planned.output
    ran = runner.invoke(app, ["run", str(recipe), "--out", str(out), *typed])
    assert ran.exit_code == 0, ran.output
    results = Results.load(out)
    places = {(row["setting"], row["language"], row["split"], row["selection"]) for row in results.results}
    assert places == {
        ("zero-shot", "en", "test", "english-dev"),
        ("zero-shot", "de", "test", "english-dev"),
        ("few-shot@4", "de", "test", "english-dev"),
        ("translate-test", "de", "translate-test", "english-dev"),
    }
    examples = {row["setting"]: row["train_examples"] for row in results.results}
    assert examples["few-shot@4"] == 4
    gains = [row for row in results.gains_table if row["quantity"] == "gain" and row["group"] == "non-en"]
    assert {row["setting"] for row in gains} == {"zero-shot", "few-shot@4", "translate-test"}
    for row in gains:  # within a setting: the arm's mean in it minus the baseline's
        sides = {
            arm: [
                one["value"]
                for one in results.results
                if (one["arm"], one["setting"], one["language"]) == (arm, row["setting"], "de")
            ]
            for arm in ("none", "odd")
        }
        means = {arm: sum(values) / len(values) for arm, values in sides.items()}
        assert row["estimate"] == pytest.approx(means["odd"] - means["none"])
    assert results.run["few_shot"] == [
        {"task": "my/mood", "setting": "few-shot@4", "split": "dev", "drawn": True}
    ]
    compared = runner.invoke(app, ["compare", f"{out}:none", f"{out}:odd", "--json"])
    assert compared.exit_code == 0, compared.output
    comparison = json.loads(compared.output)
    assert [note for note in comparison["notes"] if note.startswith("setting: zero-shot.")] == [
        f"setting: zero-shot. What {out}:{arm} has in few-shot@4 and translate-test is not compared"
        for arm in ("none", "odd")
    ]
    assert "Zero-shot gains" in ran.output and "translate-test" in ran.output
    claimed = runner.invoke(app, ["claims", str(out)])
    assert claimed.exit_code == 0 and "Setting: zero-shot." in claimed.output
    alone = runner.invoke(
        app, ["run", str(recipe), "--out", str(tmp_path / "alone"), "--set", "settings=zero-shot", *typed]
    )
    assert alone.exit_code == 0, alone.output
    assert pq.read_table(tmp_path / "alone/verdicts.parquet") == pq.read_table(out / "verdicts.parquet")
    again = runner.invoke(app, ["plan", str(recipe), "--json", *typed])
    assert '"pending": 0,' in again.output, "few-shot checkpoints that were deleted are not made again"
