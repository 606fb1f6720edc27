"""Bitext mining and answer retrieval from files to result tables, on the tiny encoder, as one types it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from tiny_world import tiny_recipe
from xstilts import predicting
from xstilts.cli import app
from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.errors import DataError, RecipeError
from xstilts.evaluating import evaluate
from xstilts.experiment import Experiment, open_experiment, run_experiment
from xstilts.exporting import export_hf, export_mteb, export_sentence_transformers
from xstilts.finished import FinishedRun
from xstilts.metrics.retrieval import mined_id
from xstilts.predicting import Job, TestSet, predict_sets
from xstilts.results import Results
from xstilts.task_types import retrieval_type
from xstilts.tasks.base import PackageSource, Row, Task

BITEXT = {
    "type": "bitext-mining",
    "files": {
        "text": "bitext/{language}-en.{split}.{language}",
        "target": "bitext/{language}-en.{split}.en",
        "gold": "bitext/{language}-en.{split}.gold",
    },
}
ASKED = {
    "type": "answer-retrieval",
    "files": "asked/{split}-{language}.jsonl",
    "columns": {"id": "id"},
    "parallel": True,
}
TASKS = {"my/bitext": BITEXT, "my/asked": ASKED, "my/taught": ASKED | {"options": {"trained": True}}}
PHASE = {"epochs": 30, "learning_rate": 2.0e-3, "batch_size": 8, "candidates": 2, "max_length": 32}


def write_bitext(folder: Path, split: str, language: str, count: int) -> None:
    """Sentences of which every second one has a translation; one sentence on each side occurs twice."""
    stem = folder / f"bitext/{language}-en.{split}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    start = {"dev": 0, "test": 100}[split]
    ours = [f"{language}-{n}\tdie suppe w{start + n} w{start + (7 * n) % 50}" for n in range(count)]
    theirs = [f"en-{n}\tthe soup w{start + n} w{start + (7 * n) % 50}" for n in range(0, count, 2)]
    theirs += [f"en-x{n}\tw{60 + n} was nasty" for n in range(count // 2)]
    ours.append(f"{language}-again\t" + ours[2].partition("\t")[2])
    theirs.append("en-again\t" + theirs[2].partition("\t")[2])
    gold = [f"{language}-{n}\ten-{n}" for n in range(0, count, 2)]
    for suffix, lines in ((language, ours), ("en", theirs), ("gold", gold)):
        stem.with_name(f"{stem.name}.{suffix}").write_text("\n".join(lines) + "\n", "utf-8")


def write_asked(folder: Path, split: str, language: str, count: int) -> None:
    """Questions about a number and sentences that hold another: what belongs together has to be learned."""
    words = {"en": ("the soup", "was great"), "de": ("die suppe", "war toll")}[language]
    rows = [
        {
            "id": f"q{n}",
            "text": f"{words[0]} w{n % 20}",
            "answer": f"w{20 + n % 20} {words[1]}",
            "context": f"w{20 + n % 20} {words[1]} . w99 {words[1]}",
        }
        for n in range(count)
    ]
    path = folder / f"asked/{split}-{language}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("retrieval-data")
    for split in ("dev", "test"):
        for language in ("de", "fr"):
            write_bitext(folder, split, language, 24)
        for language in ("en", "de"):
            write_asked(folder, split, language, 20)
    write_asked(folder, "train", "en", 40)
    return folder


def recipe_on(encoder: Path, *targets: str, **values: Any) -> Any:
    settings: dict[str, Any] = {
        "arms": {"none": {}, "taught": {"tasks": ["my/taught"]}},
        "targets": list(targets),
        "languages": "all",
        "conditions": ["clean", "typos@2"],
        "tasks": TASKS,
        "statistics": {"draws": 200},
        "training": {"intermediate": PHASE, "target": PHASE, "precision": "fp32", "threads": 1},
    }
    return tiny_recipe(encoder, **(settings | values))


def experiment_on(encoder: Path, data: Path, store: Path, *targets: str, **values: Any) -> Experiment:
    return open_experiment(recipe_on(encoder, *targets, **values), data, store)


@pytest.fixture(scope="module")
def run(tiny_encoder: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A run of all three tasks, started from the command line."""
    folder = tmp_path_factory.mktemp("retrieval-run")
    path = data / "recipe.yaml"
    recipe = recipe_on(tiny_encoder, *TASKS)
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), "utf-8")
    done = CliRunner().invoke(app, ["run", str(path), "--out", str(folder)])
    assert done.exit_code == 0, done.output
    return FinishedRun.open(folder)


def predictions(run: FinishedRun, **wanted: Any) -> list[dict[str, Any]]:
    """The predicted rows of the cells that have these values, each cell's post-processing alone."""
    found = []
    for cell in run.plan.cells:
        if all(getattr(cell, name) == value for name, value in wanted.items()):
            (stage,) = cell.score.parents["prediction"]
            table = pq.read_table(run.experiment.store.open(stage.address).path("predictions.parquet"))
            rows = [row for row in table.to_pylist() if row["postprocess"] == cell.postprocess]
            found += [row | {side: json.loads(row[side]) for side in ("prediction", "gold")} for row in rows]
    return found


# --- bitext mining


def test_mined_pairs_are_above_the_threshold_of_dev(run: FinishedRun) -> None:
    (layer, *_) = [cell.layer for cell in run.plan.cells if cell.target == "my/bitext" and cell.arm == "none"]
    info = run.experiment.store.open(layer.address).info
    assert info["settings"].keys() == {"none", "center"}
    for language in ("de", "fr"):
        threshold = info["settings"]["none"][language]
        place = {"arm": "none", "condition": "clean", "postprocess": "none", "metric": "bitext_f1"}
        rows = predictions(run, target="my/bitext", language=language, **place)
        scored = [row["prediction"] for row in rows if row["prediction"] is not None]
        assert [one["id"] is not None for one in scored] == [one["score"] >= threshold for one in scored]
        names = [one["id"] for one in scored if one["id"] is not None]
        assert len(set(names)) == len(names) > 0
        assert all(name.startswith("en-") and name != "en-again" for name in names)


def test_the_curve_holds_the_f1_of_each_layer_at_its_own_threshold(run: FinishedRun) -> None:
    (layer, *_) = [cell.layer for cell in run.plan.cells if cell.target == "my/bitext" and cell.arm == "none"]
    facts = run.experiment.store.open(layer.address).info
    sweep = pq.read_table(
        run.experiment.store.open(layer.parent("sweep").address).path("predictions.parquet")
    )
    for point in facts["curve"]:
        values = []
        for language in ("de", "fr"):
            rows = [
                (json.loads(row["prediction"]), json.loads(row["gold"]))
                for row in sweep.to_pylist()
                if [row[name] for name in ("language", "layer", "postprocess")]
                == [language, point["layer"], point["postprocess"]]
            ]
            cuts = [one["score"] for one, _ in rows if one]
            values.append(max(_f1(rows, cut) for cut in cuts))
        assert point["hit"] == pytest.approx(np.mean(values))
    for rule, chosen in facts["layers"].items():
        points = {one["layer"]: one["hit"] for one in facts["curve"] if one["postprocess"] == rule}
        assert chosen == max(number for number, hit in points.items() if hit == max(points.values()))


def _f1(rows: list[tuple[Any, list[str]]], cut: float) -> float:
    mined = [(one["id"], gold) for one, gold in rows if one and one["score"] >= cut]
    right = sum(name in gold for name, gold in mined)
    return 2 * right / (len(mined) + sum(len(gold) for _, gold in rows))


def test_scores_are_those_of_the_sets_of_pairs(run: FinishedRun) -> None:
    for row in run.rows("results", task="my/bitext"):
        place = {name: row[name] for name in ("arm", "language", "condition", "postprocess", "seed")}
        rows = predictions(run, target="my/bitext", **place)
        mined = {(one["item"], name) for one in rows if (name := mined_id(one["prediction"])) is not None}
        gold = {(one["item"], name) for one in rows for name in one["gold"]}
        assert row["value"] == pytest.approx(2 * len(mined & gold) / (len(mined) + len(gold)))
        assert row["metric"] == "bitext_f1" and row["n"] == 25
        assert (row["direction"], row["scoring"], row["pooling"]) == ("xx-en", "ratio-margin-k4", "mean")
        assert row["layer"] in (0, 1, 2)


def test_typos_change_the_sentences_and_no_candidate(run: FinishedRun) -> None:
    scores = {row["condition"]: row["value"] for row in run.rows("results", task="my/bitext", arm="none")}
    assert scores["typos@2"] < scores["clean"]
    stages = {
        cell.condition: cell.score.parents["prediction"][0]
        for cell in run.plan.cells
        if cell.language == "de"
    }
    assert stages["clean"].parents["pool"] == stages["typos@2"].parents["pool"]


def test_a_given_layer_still_gets_its_threshold_on_dev(
    tiny_encoder: Path, data: Path, tmp_path: Path
) -> None:
    values: dict[str, Any] = {"arms": {"none": {}}, "retrieval": {"layer": 1, "postprocess": ["none"]}}
    experiment = experiment_on(tiny_encoder, data, tmp_path / "store", "my/bitext", **values)
    results = run_experiment(experiment, tmp_path / "out")
    (curve,) = [row["curve"] for row in results.run["layers"]]
    assert [point["layer"] for point in curve] == [1]
    assert {row["layer"] for row in results.results} == {1}


def test_a_language_without_dev_data_has_no_threshold(tiny_encoder: Path, data: Path, tmp_path: Path) -> None:
    task = BITEXT | {"files": {"test": BITEXT["files"]}}
    experiment = experiment_on(tiny_encoder, data, tmp_path, "my/bitext", tasks=TASKS | {"my/bitext": task})
    with pytest.raises(
        RecipeError, match=r"my/bitext has no dev data in de, fr, on which .*`dev_from: test`"
    ):
        experiment.plan()


# --- answer retrieval


def test_answers_are_looked_for_in_all_languages(run: FinishedRun) -> None:
    place = {"arm": "none", "condition": "clean", "postprocess": "none", "metric": "map@20"}
    rows = predictions(run, target="my/asked", language="de", **place)
    assert all([name.partition("/")[0] for name in row["gold"]] == ["de", "en"] for row in rows)
    assert {name.partition("/")[0] for row in rows for name in row["prediction"]} == {"de", "en"}
    assert all(len(row["prediction"]) == len(set(row["prediction"])) == 20 for row in rows)
    (stage,) = {cell.score.parents["prediction"][0] for cell in run.plan.cells if cell.target == "my/asked"
                and (cell.language, cell.arm, cell.condition) == ("de", "none", "clean")}  # fmt: skip
    assert [pool.spec["language"] for pool in stage.parents["pool"]] == ["de", "en"]


def test_a_pool_is_that_of_the_task_whatever_is_tested(
    tiny_encoder: Path, data: Path, tmp_path: Path
) -> None:
    few = experiment_on(tiny_encoder, data, tmp_path, "my/asked", languages=["de"]).plan()
    every = experiment_on(tiny_encoder, data, tmp_path, "my/asked").plan()
    keys = [
        {stage.key for stage in plan.stages if stage.spec.get("language") == "en"} for plan in (few, every)
    ]
    assert keys[0] and keys[0] <= keys[1]
    sizes = [len(stage.parents["pool"]) for stage in few.stages if stage.kind == "predict"]
    assert set(sizes) == {2}


def test_the_family_follows_the_training(run: FinishedRun) -> None:
    families = {row["task"]: row["family"] for row in run.results.verdicts}
    assert families == {"my/bitext": "retrieval", "my/asked": "retrieval", "my/taught": "trained"}
    (taught, *_) = run.rows("results", task="my/taught")
    assert taught["trained"] and taught["train_examples"] == 40
    assert (taught["layer"], taught["pooling"], taught["scoring"]) == (2, "mean", "cosine")
    assert {row["postprocess"] for row in run.rows("results", task="my/taught")} == {""}
    assert {row["postprocess"] for row in run.rows("results", task="my/asked")} == {"none", "center"}
    assert run.targets(trained=True) == ("my/taught",)


def test_training_teaches_which_answer_belongs_to_a_question(run: FinishedRun) -> None:
    """In English it was trained to; asked without training, the words tell nothing."""

    def value(task: str, **place: str) -> float:
        rows = run.rows("results", task=task, arm="none", language="en", condition="clean", **place)
        return float(rows[0]["value"])

    assert value("my/taught") > 0.5 > value("my/asked", postprocess="none")
    (learned,) = [row for row in run.results.run["intermediates"] if row["arm"] == "taught"]
    assert learned["metric"] == "map@20" and learned["mean"] > 0.5


def test_an_export_of_a_trained_search_finds_what_the_run_found(run: FinishedRun, tmp_path: Path) -> None:
    model = export_hf(run.folder, tmp_path / "model", "none", "my/taught", 0)
    settings: dict[str, Any] = {"precision": "fp32", "threads": 1, "max_length": 32}
    tasks = {"catalogue": run.experiment.catalogue}
    evaluation = evaluate(str(model), ["my/taught"], None, tmp_path / "out", **settings, **tasks)
    columns = ("language", "metric", "postprocess", "value", "layer", "pooling", "scoring", "direction", "trained",
               "family", "data_revision")  # fmt: skip
    expected = run.rows("results", arm="none", task="my/taught", condition="clean")
    seen = sorted([str(row[name]) for name in columns] for row in evaluation.results)
    assert seen == sorted([str(row[name]) for name in columns] for row in expected)


def test_what_is_exported_says_how_it_was_trained(run: FinishedRun, tmp_path: Path) -> None:
    model = export_sentence_transformers(run.folder, tmp_path / "vectors", "none", 0, "my/taught")
    pooling = json.loads((model / "1_Pooling/config.json").read_text("utf-8"))
    assert pooling["pooling_mode_mean_tokens"]
    assert json.loads((model / "config.json").read_text("utf-8"))["num_hidden_layers"] == 2
    card = (model / "README.md").read_text("utf-8")
    assert "fine-tuned on the English training set of my/taught" in card and "Nothing was trained" not in card
    export_mteb(run.folder, tmp_path / "mteb", "none", 0)


@pytest.mark.parametrize("target", ["my/bitext", "my/asked"])
def test_an_evaluation_finds_what_the_baseline_of_a_run_found(
    run: FinishedRun, tiny_encoder: Path, tmp_path: Path, target: str
) -> None:
    settings: dict[str, Any] = {"precision": "fp32", "threads": 1, "max_length": 32}
    tasks = {"catalogue": run.experiment.catalogue, "conditions": ("clean", "typos@2")}
    evaluation = evaluate(str(tiny_encoder), [target], None, tmp_path / "out", **settings, **tasks)
    columns = ("language", "condition", "metric", "postprocess", "value", "layer", "scoring", "data_revision")
    expected = run.rows("results", arm="none", task=target)
    seen = sorted([str(row[name]) for name in columns] for row in evaluation.results)
    assert seen == sorted([str(row[name]) for name in columns] for row in expected)


def test_micro_batches_would_change_the_negatives(tiny_encoder: Path, data: Path, tmp_path: Path) -> None:
    training = {"intermediate": PHASE, "target": PHASE, "precision": "fp32", "threads": 1}
    values: dict[str, Any] = {"arms": {"none": {}}, "training": training | {"micro_batch": 4}}
    with pytest.raises(
        RecipeError, match=r"micro_batch: 4 would cut the batches of 8 in which my/taught tells"
    ):
        experiment_on(tiny_encoder, data, tmp_path, "my/taught", **values).plan()
    values["training"] = training | {"micro_batch": 8}
    assert experiment_on(tiny_encoder, data, tmp_path, "my/taught", **values).plan().cells


@pytest.mark.parametrize("selection", ["average", "target-dev"])
def test_checkpoints_of_a_search_are_scored_on_dev(
    tiny_encoder: Path, data: Path, tmp_path: Path, selection: str
) -> None:
    values: dict[str, Any] = {"arms": {"none": {}}, "selection": selection, "conditions": ["clean"]}
    experiment = experiment_on(tiny_encoder, data, tmp_path / "store", "my/taught", **values)
    results = run_experiment(experiment, tmp_path / "out")
    (dev,) = results.run["dev"]
    assert 0 < dev["mean"] <= 1


# --- what is embedded once


def test_the_report_tells_of_searches(run: FinishedRun) -> None:
    page = (run.folder / "report.html").read_text("utf-8")
    for words in ("F1 of mined pairs", "mAP@20", "ratio margin to the 4 nearest"):
        assert words in page, words
    assert Results.load(run.folder).run["layers"]


def test_every_text_is_embedded_once(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xstilts.tasks.base import PackageSource, Task
    from xstilts.training import inference

    base = load_encoder(find_encoder(str(tiny_encoder)))
    task = Task(
        "my/b", "bitext-mining", PackageSource(lambda split, language: [], {}, (), 1), ("de", "fr"), ""
    )
    counts = []
    embed = inference.embed

    def counted(model: Any, sequences: Any, *rest: Any, **named: Any) -> Any:
        counts.append(len(sequences))
        return embed(model, sequences, *rest, **named)

    monkeypatch.setattr(inference, "embed", counted)
    texts = ["die suppe w1", "die suppe w2", "die suppe w1"]
    rows = [{"id": str(n), "source": str(n), "text": text, "gold": []} for n, text in enumerate(texts)]
    pool = [{"id": f"en-{n}", "source": "s", "text": f"the soup w{n % 2}"} for n in range(4)]
    sets = [predicting.TestSet(rows, language, "clean", pool) for language in ("de", "fr")]
    spec = {"precision": "fp32", "max_length": 32, "postprocess": ["none"]}
    job = Job(base, Checkpoint.published(base), task, spec, {"none": 2})
    alone = [predict_sets(job, [one], {})[0] for one in sets]
    assert counts == [4, 4]  # two of each side
    together = predict_sets(job, sets, {})
    assert [table.to_pylist() for table in together] == [table.to_pylist() for table in alone]
    with pytest.raises(DataError, match="occurs twice"):
        predict_sets(job, [predicting.TestSet(rows, "de", "clean", [*pool, pool[0]])], {})


def test_what_a_checkpoint_has_embedded_serves_its_next_test_sets(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xstilts.tasks.base import PackageSource, Task
    from xstilts.training import inference

    base = load_encoder(find_encoder(str(tiny_encoder)))
    source = PackageSource(lambda split, language: [], {}, (), 1)
    task = Task("my/pairs", "sentence-retrieval", source, ("de", "fr"), "")
    asked: list[int] = []
    embed = inference.embed
    monkeypatch.setattr(
        inference,
        "embed",
        lambda model, some, *rest, **named: asked.append(len(some)) or embed(model, some, *rest, **named),
    )

    def rows(start: int) -> list[Row]:
        numbers = range(start, start + 6)
        return [{"id": f"{n}", "source": f"{n}", "text": f"die w{n}", "target": f"the w{n}"} for n in numbers]

    spec = {"precision": "fp32", "max_length": 16, "postprocess": ["none"]}
    sweep = Job(base, Checkpoint.published(base), task, spec | {"sweep": "sweep"}, {}, name="one")
    chosen = replace(sweep, spec=spec, layers={"none": 1})
    dev, test = predicting.TestSet(rows(0), "de", "clean"), predicting.TestSet(rows(3), "fr", "clean")
    afresh = [
        predict_sets(replace(sweep, name=""), [dev], {}),
        predict_sets(replace(chosen, name=""), [test], {}),
    ]
    asked.clear()
    cache: dict[str, Any] = {}
    shared = [predict_sets(sweep, [dev], cache), predict_sets(chosen, [test], cache)]
    assert asked == [12, 6]  # of the second set's twelve texts half were there
    assert shared == afresh
    trained = replace(
        chosen.checkpoint, body={name: 2 * value for name, value in chosen.checkpoint.body.items()}
    )
    predict_sets(replace(chosen, checkpoint=trained, name="other"), [test], cache)
    assert asked == [12, 6, 12]  # another checkpoint embeds everything itself


def test_passes_and_half_precision_find_the_same(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xstilts.tasks.base import PackageSource, Task

    base = load_encoder(find_encoder(str(tiny_encoder)))
    task = Task("my/b", "bitext-mining", PackageSource(lambda split, language: [], {}, (), 1), ("de",), "")
    rows = [{"id": str(n), "source": str(n), "text": f"die suppe w{n}", "gold": []} for n in range(12)]
    pool = [{"id": f"en-{n}", "source": "s", "text": f"the soup w{n}"} for n in range(12)]
    spec = {"precision": "fp32", "max_length": 32, "postprocess": ["none", "center"], "sweep": "sweep"}
    job = Job(base, Checkpoint.published(base), task, spec, {})
    one = predicting.TestSet(rows, "de", "clean", pool)
    (whole,) = predict_sets(job, [one], {})
    monkeypatch.setattr(predicting, "PASS", 1)  # a pass for each layer
    assert predict_sets(job, [one], {})[0].equals(whole)
    monkeypatch.setattr(predicting, "MANY", 10)
    (half,) = predict_sets(job, [one], {})
    scores = [[json.loads(text)["score"] for text in table["prediction"].to_pylist() if json.loads(text)]
              for table in (whole, half)]  # fmt: skip
    assert np.allclose(*scores, atol=5e-3)


def test_a_prefix_is_as_good_as_typed(tiny_encoder: Path) -> None:
    base, kind = load_encoder(find_encoder(str(tiny_encoder))), retrieval_type("sentence-retrieval")
    assert kind is not None
    rows = [{"id": str(n), "source": str(n), "text": f"w{n}", "target": f"w{(n + 1) % 5}"} for n in range(5)]
    typed = [row | {"text": "the " + row["text"], "target": "was " + row["target"]} for row in rows]
    source = PackageSource(lambda split, language: rows, {}, (), 1)
    task = Task("my/pairs", kind.name, source, ("de",), "", options={"max_length": 16})
    spec = {"max_length": 16, "precision": "fp32"}

    def read(rows: list[Row], own: str = "", **more: Any) -> list[list[list[int]]]:
        """Token ids of queries and of candidates."""
        asked = replace(task, options={**task.options, "prefix": own} if own else task.options)
        job = Job(base, Checkpoint.published(base), asked, spec | more, {})
        found = predicting._material(job, kind, [TestSet(rows, "de", "clean")])
        ids = [found.vocabulary.ids[sequence].tolist() for sequence in found.sequences]
        queries, candidates, _ = found.places[0]
        return [[ids[place] for place in side] for side in (queries, candidates)]

    assert read(rows, prefix={"query": "the ", "document": "was "}) == read(typed)
    assert read(rows, own="the ") == read(rows, prefix={"query": "the ", "document": "the "})
    assert read(rows, own="the ", prefix={"query": "", "document": ""}) == read(rows) != read(typed)
