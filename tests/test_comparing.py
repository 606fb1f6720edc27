"""Comparisons are paired by item, and leave nothing out in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from finished_runs import copy_of, with_dev
from tiny_world import Opener
from xstilts import analysis
from xstilts.cli import app
from xstilts.comparing import _align, compare, print_comparison
from xstilts.errors import DataError, UnknownName, UserError
from xstilts.evaluating import evaluate
from xstilts.experiment import open_experiment, run_experiment
from xstilts.exporting import export_hf
from xstilts.finished import FinishedRun
from xstilts.recipe import Retrieval
from xstilts.systems import Scored

QUICK = analysis.Settings(draws=200)


@pytest.fixture(scope="module")
def models(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Exports with the head of my/mood, by arm; seed 0."""
    folder = tmp_path_factory.mktemp("models")
    return {arm: export_hf(run, folder / arm, arm, "my/mood", 0) for arm in ("none", "odd")}


@pytest.fixture(scope="module")
def options(opened: FinishedRun) -> dict[str, Any]:
    catalogue = opened.experiment.catalogue
    return {"precision": "fp32", "threads": 1, "max_length": 32, "catalogue": catalogue}


def at(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (row,) = (row for row in rows if all(row[name] == value for name, value in wanted.items()))
    return row


def test_two_arms_differ_by_the_gain_of_the_run(opened: FinishedRun, run: Path) -> None:
    comparison = compare(f"{run}:none", f"{run}:odd", statistics=QUICK)
    assert not comparison.unpaired and not comparison.notes
    gains = opened.rows("gains_table", quantity="gain", arm="odd", reference="none")
    assert len(gains) == len(comparison.rows) > 20
    assert any(row["estimate"] for row in gains)
    for gain in gains:
        place = {name: gain[name] for name in ("task", "group", "condition", "metric", "postprocess")}
        row = at(comparison.rows, **place)
        assert row["difference"] == pytest.approx(gain["estimate"])
        if (
            gain["task"] != "my/pairs"
        ):  # where a run knows, and a comparison does not, that no seed touches the baseline
            assert row["over"] == gain["over"]
    assert {row["over"] for row in comparison.rows} == {"items", "seeds and items"}
    console = Console(width=120)
    with console.capture() as captured:
        print_comparison(comparison, console)
    text = captured.get()
    assert "those marked * are over items alone" in text
    assert len([line for line in text.splitlines() if "* " in line]) > 1
    narrow = Console(width=80)
    with narrow.capture() as captured:
        print_comparison(comparison, narrow)
    assert "…" not in captured.get(), "no number is cut where the terminal is narrow"


def test_a_and_b_are_mirrored(run: Path) -> None:
    one = compare(f"{run}:none", f"{run}:odd", ["my/mood"], statistics=QUICK)
    other = compare(f"{run}:odd", f"{run}:none", ["my/mood"], statistics=QUICK)
    for row, mirrored in zip(one.rows, other.rows, strict=True):
        assert (row["a"], row["b"]) == (mirrored["b"], mirrored["a"])
        assert row["ci_low"] == pytest.approx(-mirrored["ci_high"])


def test_a_run_without_an_arm_is_its_best_one(run: Path, tmp_path: Path) -> None:
    dev = {("odd", "my/mood"): [0.0, 0.0], ("none", "my/mood"): [0.5, 0.5]}
    worse = with_dev(run, tmp_path / "run", dev)
    assert {
        row["difference"] for row in compare(worse, f"{run}:none", ["my/mood"], statistics=QUICK).rows
    } == {0.0}


def test_models_folders_and_runs_compare_with_each_other(
    run: Path, models: dict[str, Path], options: dict[str, Any], tmp_path: Path
) -> None:
    """The same model three times: no difference; and the difference of two models, from models or from folders."""
    folders = {arm: tmp_path / arm for arm in models}
    for arm, model in models.items():
        evaluate(str(model), ["my/mood"], ["en", "de"], folders[arm], **options)
    against_run = compare(folders["odd"], f"{run}:odd", ["my/mood"], statistics=QUICK)
    clean = [row for row in against_run.rows if row["condition"] == "clean"]
    assert clean and all(row["a"] == row["b"] and row["over"] == "items" for row in clean)
    assert "A has 1 seed and B has 2 seeds: compared is seed 0 of A with seed 0 of B" in against_run.notes
    from_folders = compare(folders["none"], folders["odd"], statistics=QUICK)
    from_models = compare(
        models["none"], models["odd"], ["my/mood"], ["en", "de"], statistics=QUICK, **options
    )
    assert from_folders.rows == from_models.rows
    mixed = compare(folders["none"], models["odd"], ["my"], ["en", "de"], statistics=QUICK, **options)
    assert mixed.rows == from_folders.rows and not mixed.unpaired


def test_a_model_is_put_to_what_the_other_side_was_put_to(
    models: dict[str, Path], options: dict[str, Any], tmp_path: Path
) -> None:
    """Tasks, languages of each, conditions, limit, pooling: nothing is left over, and nothing evaluated for nothing."""
    asked: dict[str, Any] = {"conditions": ("clean", "typos@2"), "limit": 9, "retrieval": Retrieval(layer=1)}
    folder = tmp_path / "a"
    evaluate(str(models["none"]), ["my/mood", "my/pairs"], ["en", "de"], folder, **asked, **options)
    for a, b in ((folder, models["odd"]), (models["odd"], folder)):
        comparison = compare(a, b, statistics=QUICK, catalogue=options["catalogue"])
        assert not comparison.unpaired and not comparison.notes
        assert {row["task"] for row in comparison.rows} == {"my/mood", "my/pairs"}
        assert {row["condition"] for row in comparison.rows} >= {"clean", "typos@2"}
        assert {row["n_sources"] for row in comparison.rows} == {9}
    only = compare(folder, models["odd"], None, ["de"], QUICK, catalogue=options["catalogue"])
    assert {row["group"] for row in only.rows} <= {"de", "non-en", "all"} and not only.unpaired


def test_beside_a_run_a_model_is_put_to_the_targets_that_its_head_fits(
    run: Path, models: dict[str, Path]
) -> None:
    """The run brings its own tasks along."""
    comparison = compare(f"{run}:odd", models["odd"], statistics=QUICK)
    assert {row["task"] for row in comparison.rows} == {"my/mood", "my/pairs"}
    assert {row["task"] for row in comparison.unpaired} == {"my/tags", "my/odd"}
    clean = [row for row in comparison.rows if row["task"] == "my/mood"]
    assert clean and all(row["difference"] == 0 for row in clean)
    with pytest.raises(UserError, match="my/tags is a tagging task and needs a model with a head"):
        compare(f"{run}:odd", models["odd"], ["my/tags"])


def test_items_of_one_side_are_reported(
    models: dict[str, Path], options: dict[str, Any], tmp_path: Path
) -> None:
    """B lacks sources of both tasks and one language; A lacks nothing."""
    evaluate(str(models["none"]), ["my"], None, tmp_path / "a", **options)
    evaluate(str(models["odd"]), ["my"], ["en", "de"], tmp_path / "b", limit=9, **options)
    comparison = compare(tmp_path / "a", tmp_path / "b", statistics=QUICK)
    row = at(comparison.unpaired, task="my/mood", language="de")
    assert (row["only_a"], row["only_b"], row["common"]) == (15, 0, 9)
    row = at(comparison.unpaired, task="my/mood", language="fr")
    assert (row["only_a"], row["only_b"], row["common"]) == (24, 0, 0)
    assert row["examples"][0].startswith("my/mood/test/")
    assert at(comparison.rows, task="my/mood", group="de")["n_sources"] == 9
    assert "my/pairs German (de): the two sides chose among different candidates" in comparison.notes
    console = Console(width=120)
    with console.capture() as captured:
        print_comparison(comparison, console)
    assert "my/mood German (de): left out, as only one side has them: 15 items of A, 0 of B" in captured.get()
    assert "B − A" in captured.get() and "others, mean" in captured.get()
    told = json.loads(comparison.to_json())
    assert told["rows"] == comparison.rows and told["unpaired"] == comparison.unpaired


def test_other_data_is_noted(models: dict[str, Path], options: dict[str, Any], tmp_path: Path) -> None:
    evaluate(str(models["odd"]), ["my/mood"], ["de"], tmp_path / "a", **options)
    out = tmp_path / "b"
    evaluate(str(models["odd"]), ["my/mood"], ["de"], out, **options)
    record = json.loads((out / "evaluation.json").read_text())
    record["tasks"]["my/mood"]["data"]["de"] = "another"
    (out / "evaluation.json").write_text(json.dumps(record))
    notes = compare(tmp_path / "a", out, statistics=QUICK).notes
    assert notes == ["my/mood German (de): the two sides read different revisions of the data"]


def test_nothing_to_compare(
    run: Path, models: dict[str, Path], options: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="is a model: expected the tasks"):
        compare(models["odd"], models["none"])
    with pytest.raises(UserError, match=r"neither a model .* nor an evaluation .* nor a run"):
        compare(tmp_path, f"{run}:odd")
    with pytest.raises(UnknownName, match="Did you mean 'odd'"):
        compare(f"{run}:od", f"{run}:odd")
    with pytest.raises(UnknownName, match=r"'my/moods'\. Did you mean 'my/mood'"):
        compare(run, run, ["my/moods"])
    evaluate(str(models["odd"]), ["my/mood"], ["fr"], tmp_path / "fr", **options)
    with pytest.raises(DataError, match="no item in common"):
        compare(tmp_path / "fr", run)


def test_missing_predictions_are_named(
    models: dict[str, Path], options: dict[str, Any], tmp_path: Path
) -> None:
    evaluate(str(models["odd"]), ["my/mood"], ["de"], tmp_path / "a", **options)
    (tmp_path / "a/predictions/my/mood.parquet").unlink()
    with pytest.raises(UserError, match=r"predictions are missing: .*mood.parquet"):
        compare(tmp_path / "a", tmp_path / "a")


def test_a_moved_run_still_compares(run: Path, tmp_path: Path) -> None:
    moved = copy_of(run, tmp_path / "moved", store="nowhere")
    assert compare(f"{moved}:odd", f"{run}:odd", ["my/tags"], statistics=QUICK).rows


@pytest.fixture
def on_files(tiny: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a finished run and an evaluation, both of benchmark files in its folder `data`."""
    monkeypatch.delenv("XSTILTS_DATA", raising=False)
    (tmp_path / "data/tatoeba").mkdir(parents=True)
    for side, word in (("deu", "die"), ("eng", "the")):
        lines = [f"{word} w{i} w{i * 7 % 50}" for i in range(50)]
        (tmp_path / f"data/tatoeba/tatoeba.deu-eng.{side}").write_text("\n".join(lines) + "\n", "utf-8")
    recipe = tiny(arms={"none": {}}, languages=["de"], statistics={"draws": 200}).recipe
    recipe = recipe.model_copy(update={"targets": ("xtreme/tatoeba",), "tasks": {}})
    experiment = open_experiment(recipe, tmp_path, tmp_path / "run/store", tmp_path / "data")
    run_experiment(experiment, tmp_path / "run")
    given: dict[str, Any] = {"data": tmp_path / "data", "max_length": 32, "threads": 1}
    evaluate(recipe.encoder, ["xtreme/tatoeba"], ["de"], tmp_path / "evaluation", **given)
    return tmp_path


def compared(*arguments: str | Path) -> tuple[dict[str, Any], BaseException | None]:
    """What `xstilts compare` says, and what it raises."""
    result = CliRunner().invoke(app, ["compare", *map(str, arguments), "--json"])
    return (json.loads(result.stdout) if result.exit_code == 0 else {}), result.exception


@pytest.mark.parametrize("side", ["run:none", "evaluation"])
def test_a_model_reads_the_data_folder_that_the_other_side_recorded(
    on_files: Path, tiny_encoder: Path, side: str
) -> None:
    found, _ = compared(on_files / side, tiny_encoder)
    assert {(row["task"], row["group"]) for row in found["rows"]} >= {("xtreme/tatoeba", "de")}
    assert all(row["n_sources"] == found["rows"][0]["n_sources"] > 20 for row in found["rows"])
    assert found["unpaired"] == []


@pytest.mark.parametrize("side", ["run:none", "evaluation"])
def test_a_data_folder_that_moved_is_asked_for(on_files: Path, tiny_encoder: Path, side: str) -> None:
    before, _ = compared(on_files / side, tiny_encoder)
    (on_files / "data").rename(on_files / "moved")
    _, error = compared(on_files / side, tiny_encoder)
    assert isinstance(error, UserError)
    assert str(on_files / "data") in str(error) and "--data DIR" in str(error)
    after, _ = compared(on_files / side, tiny_encoder, "--data", on_files / "moved")
    assert after["rows"] == before["rows"]


def test_stored_predictions_need_no_data(on_files: Path) -> None:
    (on_files / "data").rename(on_files / "moved")
    found, _ = compared(on_files / "evaluation", on_files / "evaluation")
    assert all(row["difference"] == 0 for row in found["rows"]) and found["rows"]


def scored(items: list[str], language: str = "de") -> Scored:
    """A cell whose items are right if their hash is even, so that an item always has the same statistics."""
    right = [float(len(item) % 2) for item in items]
    cell = analysis.Cell(
        arm="x",
        target="t/t",
        task_type="classification",
        family="trained",
        language=language,
        condition="clean",
        seed=0,
        metric="accuracy",
        sources=[f"source-{item}" for item in items],
        stats=np.column_stack([right, np.ones(len(items))]),
    )
    return Scored(cell, tuple(items), "1")


names = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)


@settings(max_examples=60, deadline=None)
@given(names, names)
def test_alignment_keeps_each_items_own_statistics(ours: list[str], theirs: list[str]) -> None:
    pairs, unpaired, _ = _align([scored(ours)], [scored(theirs)])
    common = set(ours) & set(theirs)
    assert len(pairs) == bool(common)
    for a, b in pairs:
        assert a[0].items == b[0].items and set(a[0].items) == common
        np.testing.assert_array_equal(a[0].cell.stats, b[0].cell.stats)
        assert list(a[0].cell.sources) == [f"source-{item}" for item in a[0].items]
    counted = [(row["only_a"], row["only_b"], row["common"]) for row in unpaired]
    expected = (len(set(ours) - common), len(set(theirs) - common), len(common))
    assert counted == ([expected] if expected[0] or expected[1] else [])
