"""Evaluating a model as it is gives what a run gave, and says what a model cannot do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from safetensors.torch import load_file, save_file

from finished_runs import predictions_of
from xstilts.errors import EncoderError, RecipeError, UnknownName, UserError
from xstilts.evaluating import RECORD, Evaluation, evaluate, print_evaluation
from xstilts.examining import Settings
from xstilts.exporting import export_hf
from xstilts.finished import FinishedRun
from xstilts.languages import display_name
from xstilts.recipe import Retrieval

Evaluate = Callable[..., Evaluation]


@pytest.fixture(scope="module")
def models(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Exports of arm odd, seed 0: by target, and the encoder."""
    folder = tmp_path_factory.mktemp("models")
    targets = ("my/mood", "my/tags", "my/odd", "encoder")
    return {name: export_hf(run, folder / name.replace("/", "-"), "odd", name, 0) for name in targets}


@pytest.fixture
def put(opened: FinishedRun) -> Evaluate:
    """`evaluate` with the settings and tasks of the run."""
    settings: dict[str, Any] = {
        "precision": "fp32",
        "threads": 1,
        "max_length": 32,
        "catalogue": opened.experiment.catalogue,
    }

    def call(model: Path, tasks: list[str], *arguments: Any, **options: Any) -> Evaluation:
        return evaluate(str(model), tasks, *arguments, **(settings | options))

    return call


@pytest.mark.parametrize("target", ["my/mood", "my/tags", "my/odd", "my/pairs"])
def test_an_export_scores_what_the_run_scored(
    opened: FinishedRun, models: dict[str, Path], put: Evaluate, target: str
) -> None:
    """For retrieval that covers the choice of the layer, too."""
    model = models.get(target, models["encoder"])
    evaluation = put(model, [target], ["en", "de"], conditions=("clean", "typos@2"))
    columns = ("language", "condition", "metric", "postprocess", "value", "ci_low", "ci_high", "n", "layer")
    expected = opened.rows("results", arm="odd", task=target, seed=0)
    seen = sorted([str(row[name]) for name in columns] for row in evaluation.results)
    # Intervals come from one bootstrap over all arms of a run, and of one model here: alike, not equal.
    exact = [place for place, name in enumerate(columns) if not name.startswith("ci_")]
    wanted = sorted([str(row[name]) for name in columns] for row in expected)
    assert [[row[p] for p in exact] for row in seen] == [[row[p] for p in exact] for row in wanted]
    for row in evaluation.results:
        assert row["ci_low"] is not None and row["ci_low"] <= row["value"] <= row["ci_high"]

    cells = [cell for cell in opened.plan.cells if (cell.arm, cell.target, cell.seed) == ("odd", target, 0)]
    stages = {cell.score.parents["prediction"][0].key: cell.score.parents["prediction"][0] for cell in cells}
    rows = [row for stage in stages.values() for row in predictions_of(stage, opened.experiment)]
    table = evaluation.predictions[target].to_pylist()
    assert sorted(map(str, table)) == sorted(map(str, rows))


def test_labels_may_stand_in_any_order(put: Evaluate, models: dict[str, Path], tmp_path: Path) -> None:
    """The same model with its outputs swapped, as another training might have had them."""
    swapped = tmp_path / "swapped"
    swapped.mkdir()
    for path in models["my/mood"].iterdir():
        (swapped / path.name).write_bytes(path.read_bytes())
    weights = load_file(swapped / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name].flip(0).contiguous()
    save_file(weights, swapped / "model.safetensors", {"format": "pt"})
    config = json.loads((swapped / "config.json").read_text())
    labels = list(config["id2label"].values())[::-1]
    config |= {"id2label": dict(enumerate(labels)), "label2id": {name: n for n, name in enumerate(labels)}}
    (swapped / "config.json").write_text(json.dumps(config))
    ours, theirs = (put(model, ["my/mood"]) for model in (models["my/mood"], swapped))
    assert ours.predictions["my/mood"].equals(theirs.predictions["my/mood"])
    assert len(set(ours.predictions["my/mood"]["prediction"].to_pylist())) > 1


def test_other_labels_are_named(put: Evaluate, models: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in models["my/mood"].iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    config = json.loads((other / "config.json").read_text())
    config |= {"id2label": {"0": "good", "1": "ugly"}, "label2id": {"good": 0, "ugly": 1}}
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        UserError, match=r"has good, ugly; the task has bad, good.*`xstilts run` trains a head"
    ):
        put(other, ["my/mood"])


@pytest.mark.parametrize(
    ("model", "task"), [("encoder", "my/mood"), ("my/mood", "my/tags"), ("my/tags", "my/odd")]
)
def test_a_model_without_the_head_is_refused(
    put: Evaluate, models: dict[str, Path], model: str, task: str
) -> None:
    with pytest.raises(UserError, match=r"needs a model with a head for it .*`xstilts run` trains a head"):
        put(models[model], [task])


def test_a_head_without_weights_is_refused(put: Evaluate, models: dict[str, Path], tmp_path: Path) -> None:
    """A configuration may promise a head that the file of weights does not have."""
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in models["my/mood"].iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    weights = load_file(broken / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("classifier")}
    save_file(kept, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match=r"weights of its head are missing: classifier.bias"):
        put(broken, ["my/mood"])


def test_a_suite_is_what_fits_of_it(put: Evaluate, models: dict[str, Path]) -> None:
    evaluation = put(models["my/mood"], ["my"], ["de"])
    assert list(evaluation.predictions) == ["my/mood", "my/pairs"]
    assert "my/odd, my/tags: the model has no head that fits" in evaluation.record["skipped"]
    encoder = put(models["encoder"], ["my", "my/pairs"], ["de"], retrieval=Retrieval(layer=1))
    assert list(encoder.predictions) == ["my/pairs"]
    assert {row["layer"] for row in encoder.results} == {1}


def test_unknown_names(put: Evaluate, models: dict[str, Path]) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'my/mood'"):
        put(models["my/mood"], ["my/moods"])
    with pytest.raises(UserError, match=r"my/mood has no test data in sw; it is there for de, en, fr"):
        put(models["my/mood"], ["my/mood"], ["sw"])
    with pytest.raises(RecipeError, match="no such role"):
        put(models["my/mood"], ["my/mood"], conditions=("typos:context@2",))
    with pytest.raises(UserError, match="neither a folder nor a Hugging Face id"):
        put(Path("no model?"), ["my/mood"])


def test_what_is_left_out_is_said(put: Evaluate, models: dict[str, Path]) -> None:
    evaluation = put(models["my/mood"], ["my/mood"], ["deu", "sw", "de"], limit=5)
    assert evaluation.record["skipped"] == ["my/mood: no test data in sw"]
    assert [(row["language"], row["n_sources"]) for row in evaluation.results] == [("de", 5)]


def test_files_are_written_and_say_all(put: Evaluate, models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluation = put(models["encoder"], ["my/pairs"], None, out)
    assert pq.read_table(out / "predictions/my/pairs.parquet").equals(evaluation.predictions["my/pairs"])
    assert pq.read_table(out / "results.parquet").to_pylist() == evaluation.results
    record = json.loads((out / RECORD).read_text())
    assert record["encoder"]["fingerprint"] and record["tasks"]["my/pairs"]["data"].keys() == {"de", "fr"}
    told = json.loads(evaluation.to_json())
    assert told["results"] == evaluation.results and told["model"] == str(models["encoder"])
    (mean,) = (
        r for r in told["means"] if (r["group"], r["postprocess"], r["condition"]) == ("all", "none", "clean")
    )
    values = [row["value"] for row in evaluation.results if row["postprocess"] == "none"]
    assert mean["value"] == pytest.approx(sum(values) / 2) and mean["languages"] == 2
    put(models["encoder"], ["my/pairs"], ["de"], out)  # an earlier evaluation may be replaced
    assert len(pq.read_table(out / "results.parquet")) == 2


def test_nothing_of_others_is_overwritten(put: Evaluate, models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        put(models["encoder"], ["my/pairs"], None, tmp_path)
    with pytest.raises(UserError, match="is a file"):
        put(models["encoder"], ["my/pairs"], None, tmp_path / "thesis.txt")


def test_the_mean_over_conditions_is_printed_for_retrieval(put: Evaluate, models: dict[str, Path]) -> None:
    console = Console(width=120)
    evaluation = put(
        models["encoder"], ["my/pairs"], ["de", "fr"], conditions=("clean", "typos@2", "whitespace")
    )
    with console.capture() as captured:
        print_evaluation(evaluation, console)
    assert any(line.split()[3:4] == ["perturbed"] for line in captured.get().splitlines())


def test_what_is_printed(put: Evaluate, models: dict[str, Path]) -> None:
    console = Console(width=120)
    evaluation = put(models["my/mood"], ["my/mood"], ["en", "de", "fr"], conditions=("clean", "typos@2"))
    with console.capture() as captured:
        print_evaluation(evaluation, console)
    text = captured.get()
    lines = [line.split()[:2] for line in text.splitlines()]
    assert ["others,", "mean"] in lines and ["all,", "mean"] in lines
    assert "perturbed" not in text, "with one perturbed condition their mean says nothing new"
    for row in evaluation.results:
        assert any(
            line.startswith(f"{display_name(row['language'])} ({row['language']})")
            and f" {100 * row['value']:.1f} " in line
            for line in text.splitlines()
        )


def test_options_and_settings_have_the_same_names() -> None:
    from dataclasses import fields

    from xstilts.examining import Options

    assert [one.name for one in fields(Settings)] == list(Options.__annotations__)
