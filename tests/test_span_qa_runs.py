"""Extractive question answering from the command line on: trained, perturbed, exported, evaluated, compared."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from tiny_world import TASKS, WORDS, tiny_recipe
from xstilts.context import Context
from xstilts.costs import estimate
from xstilts.errors import RecipeError, UserError
from xstilts.evaluating import evaluate
from xstilts.examining import Settings
from xstilts.experiment import Experiment, open_experiment, run_experiment
from xstilts.exporting import export_hf
from xstilts.finished import FinishedRun
from xstilts.showing import _line
from xstilts.tasks import Catalogue

LENGTH = 40
QUESTIONS: dict[str, Any] = {
    "my/good": {
        "type": "span-qa",
        "files": "qa/{split}-{language}.json",
        "parallel": True,
        "max_length": LENGTH,
        "metrics": ["squad_f1", "squad_em", "qa_f1", "mlqa_em"],
        "options": {"doc_stride": 8, "null_answers": True},
    }
}
CONDITIONS = ["clean", "typos@3", "typos:context@5"]


def write_questions(folder: Path, split: str, language: str, count: int) -> None:
    """What is good in a text of one to several windows; one in six has nothing good."""
    rng = random.Random(f"{split}/{language}")
    words, paragraphs = WORDS[language], []
    for number in range(count):
        context = [rng.choice([*words[""], f"w{rng.randrange(99)}"]) for _ in range(rng.randrange(5, 70))]
        answers = []
        if number % 6:
            good = rng.choice(words["good"])
            place = rng.randrange(len(context))
            context[place] = good
            answers = [{"text": good, "answer_start": len(" ".join([*context[:place], ""]))}]
        text = " ".join(context)
        asked = [{"id": f"{split}{number}", "question": f"{words[''][1]} {words[''][2]}", "answers": answers}]
        paragraphs.append({"context": text, "qas": asked})
    path = folder / f"qa/{split}-{language}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"version": "2.0", "data": [{"title": "", "paragraphs": paragraphs}]}), "utf-8"
    )


@pytest.fixture(scope="module")
def data(tiny_data: Path) -> Path:
    for split, language, count in (
        ("train", "en", 60),
        ("dev", "en", 18),
        ("test", "en", 18),
        ("test", "de", 18),
    ):
        write_questions(tiny_data, split, language, count)
    return tiny_data


def experiment(encoder: Path, data: Path, store: Path, *overrides: str, **values: Any) -> Experiment:
    learns = ("training.target.epochs=8", "training.target.learning_rate=5.0e-3")
    settings: dict[str, Any] = {"targets": ["my/good"], "tasks": TASKS | QUESTIONS, "conditions": CONDITIONS}
    settings |= {"statistics": {"draws": 200}} | values
    return open_experiment(tiny_recipe(encoder, *learns, *overrides, **settings), data, store)


@pytest.fixture(scope="module")
def run(tiny_encoder: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with QA as target and as intermediate task, and its controls."""
    folder = tmp_path_factory.mktemp("qa-run")
    arms = {"none": {}, "good": {"tasks": ["my/good"]}}
    values: dict[str, Any] = {"arms": arms, "controls": {"of": "good"}, "seeds": [0, 1]}
    run_experiment(experiment(tiny_encoder, data, folder / "store", **values), folder)
    return folder


@pytest.fixture(scope="module")
def opened(run: Path) -> FinishedRun:
    return FinishedRun.open(run)


def test_every_cell_is_scored(opened: FinishedRun) -> None:
    rows = opened.rows("results", task="my/good")
    assert {row["arm"] for row in rows} == {"none", "good", "good~longer", "good~shuffled"}
    assert {row["condition"] for row in rows} == {"clean", "typos@3", "typos:context@5"}
    rules = {"squad_f1": "squad-v1.1", "squad_em": "squad-v1.1", "qa_f1": "xstilts-1", "mlqa_em": "mlqa-v1"}
    assert {row["metric"]: row["rules"] for row in rows} == rules
    assert "Counted as mlqa-v1 does." in (opened.folder / "report.html").read_text("utf-8")
    assert {row["n"] for row in rows} == {18}
    english = [
        r["value"]
        for r in rows
        if (r["language"], r["condition"], r["metric"]) == ("en", "clean", "squad_f1")
    ]
    assert max(english) > 0.5  # it learns: one span among forty tokens is hardly guessed
    assert all(row["ci_low"] <= row["value"] <= row["ci_high"] for row in rows)


def predictions(opened: FinishedRun, condition: str, language: str = "en") -> list[dict[str, Any]]:
    """Rows of the first arm and seed, with the test rows that they are about."""
    ours = opened.experiment
    context = Context(ours.store, ours.catalogue, ours.encoder, 1)
    (stage,) = {
        cell.score.parents["prediction"][0].key: cell.score.parents["prediction"][0]
        for cell in opened.plan.cells
        if (cell.arm, cell.seed, cell.condition, cell.language) == ("none", 0, condition, language)
    }.values()
    rows = {row["id"]: row for row in context.rows(stage.parents["data"][0])}
    table = pq.read_table(ours.store.open(stage.address).path("predictions.parquet")).to_pylist()
    return [
        row
        | {
            "row": rows[row["item"]],
            "prediction": json.loads(row["prediction"]),
            "gold": json.loads(row["gold"]),
        }
        for row in table
    ]


def test_predictions_are_slices_and_golds_are_texts(opened: FinishedRun) -> None:
    clean = predictions(opened, "clean")
    for one in clean:
        assert one["prediction"] in one["row"]["context"]
        assert one["gold"] == [answer["text"] for answer in one["row"]["answers"]]
    assert {bool(one["prediction"]) for one in clean} == {True, False}  # some are left unanswered


def test_golds_of_a_changed_context_are_what_became_of_them(opened: FinishedRun) -> None:
    clean, changed = predictions(opened, "clean"), predictions(opened, "typos:context@5")
    asked = predictions(opened, "typos@3")
    assert [one["gold"] for one in asked] == [one["gold"] for one in clean]
    assert [len(one["gold"]) for one in changed] == [len(one["gold"]) for one in clean]
    assert any(one["gold"] != two["gold"] for one, two in zip(changed, clean, strict=True))
    assert all(one["gold"] != [""] for one in changed)


def answered(model: Any, tokenizer: Any, question: str, context: str) -> str:
    """A prediction by plain loops over transformers' own windows."""
    encoded = tokenizer(
        question, context, truncation="only_second", max_length=LENGTH, stride=8, padding=True,
        return_overflowing_tokens=True, return_offsets_mapping=True, return_tensors="pt",
    )  # fmt: skip
    offsets, _ = encoded.pop("offset_mapping"), encoded.pop("overflow_to_sample_mapping")
    with torch.inference_mode():
        output = model(**encoded)
    found, nulls = [], []
    for window in range(len(offsets)):
        start, end = output.start_logits[window].numpy(), output.end_logits[window].numpy()
        nulls.append(start[0] + end[0])
        inside = [place for place, owner in enumerate(encoded.sequence_ids(window)) if owner == 1]
        starts = sorted(inside, key=lambda place: -start[place])[:20]
        ends = sorted(inside, key=lambda place: -end[place])[:20]
        for first in starts:
            for last in ends:
                if first <= last < first + 30:
                    text = context[offsets[window][first][0] : offsets[window][last][1]]
                    found.append((start[first] + end[last], text))
    score, text = max(found, key=lambda one: one[0])
    return "" if min(nulls) > score else text


def test_an_export_predicts_what_the_run_predicted(opened: FinishedRun, run: Path, tmp_path: Path) -> None:
    folder = export_hf(run, tmp_path / "model", "none", "my/good", 0)
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.config.id2label == {0: "start", 1: "end"}
    rows = [*predictions(opened, "clean"), *predictions(opened, "clean", "de")]
    expected = [answered(model, tokenizer, one["row"]["question"], one["row"]["context"]) for one in rows]
    assert [one["prediction"] for one in rows] == expected
    card = (folder / "README.md").read_text("utf-8")
    assert f'truncation="only_second", max_length={LENGTH}' in card
    assert f"| max length | {LENGTH} |" in card
    code = card.split("```python")[1].split("```")[0].replace("path/to/this/folder", str(folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in "your context"


def test_an_export_evaluates_to_what_the_run_scored(opened: FinishedRun, run: Path, tmp_path: Path) -> None:
    folder = export_hf(run, tmp_path / "model", "good", "my/good", 1)
    settings: dict[str, Any] = {"precision": "fp32", "threads": 1, "catalogue": opened.experiment.catalogue}
    evaluation = evaluate(str(folder), ["my/good"], conditions=CONDITIONS, **settings)
    columns = ("language", "condition", "metric", "value", "n")
    expected = opened.rows("results", arm="good", task="my/good", seed=1)
    assert sorted([str(row[name]) for name in columns] for row in evaluation.results) == sorted(
        [str(row[name]) for name in columns] for row in expected
    )
    assert evaluation.record["settings"]["max_length"] == 64  # the model takes no more


def test_lengths_of_an_evaluation(opened: FinishedRun) -> None:
    """What is asked for, else the task's own; never more than the model takes."""
    catalogue = opened.experiment.catalogue

    def length(asked: int | None, positions: int | None, task: str = "my/good") -> int:
        settings = Settings(max_length=asked, catalogue=catalogue).fitted(positions)
        assert settings.max_length is not None
        return settings.catalogue.get(task).max_length(settings.max_length)

    assert [length(None, None), length(None, 64), length(24, 64), length(90, 64)] == [LENGTH, LENGTH, 24, 64]
    assert [length(None, 32), length(None, None, "my/mood"), length(None, 64, "my/mood")] == [32, 128, 64]


# --- lengths


def test_an_input_longer_than_the_encoder_takes_is_refused(
    tiny_encoder: Path, data: Path, tmp_path: Path
) -> None:
    tasks = {"my/good": {name: value for name, value in QUESTIONS["my/good"].items() if name != "max_length"}}
    with pytest.raises(RecipeError) as error:
        experiment(tiny_encoder, data, tmp_path, tasks=TASKS | tasks).plan()
    assert str(error.value) == (
        "max_length: 384 for my/good, but the encoder takes at most 64 tokens. "
        "Set training.per_task.my/good.max_length"
    )
    shorter = "training.per_task={my/good: {max_length: 48}}"
    found = experiment(tiny_encoder, data, tmp_path, shorter, tasks=TASKS | tasks)
    assert found.catalogue.get("my/good").max_length(128) == 48
    (stage,) = {cell.score.parents["prediction"][0] for cell in found.plan().cells[:1]}
    assert stage.spec["task"]["options"]["max_length"] == 48


def test_only_a_length_of_its_own_is_replaced() -> None:
    catalogue = Catalogue(lengths={"pocket/intents": 16, "my/unknown": 9})
    assert "max_length" not in catalogue.get("pocket/intents").options


# --- costs and lists


def test_costs_count_windows(tiny_encoder: Path, data: Path, tmp_path: Path) -> None:
    found = experiment(tiny_encoder, data, tmp_path)
    plan = found.plan()

    def cost(*overrides: str) -> Any:
        other = experiment(tiny_encoder, data, tmp_path, *overrides)
        return estimate(other.plan(), other.plan().stages, other.encoder, other.row_counts())

    whole = estimate(plan, plan.stages, found.encoder, found.row_counts())
    assert cost("training.target.batch_size=32").memory > whole.memory
    assert cost("training.micro_batch=1").memory < whole.memory
    assert cost("training.per_task.my/good.max_length=20").seconds > whole.seconds  # windows overlap more


def test_a_question_is_shown_with_its_place() -> None:
    row = {
        "question": "Wo?",
        "context": "x" * 100 + " in Köln\nam Rhein",
        "answers": [{"text": "Köln", "start": 104}, {"text": "Köln", "start": 104}],
    }
    assert _line(row) == f"Wo?  →  Köln\n      …{'x' * 76} in [Köln] am Rhein"
    assert _line(row | {"answers": []}).startswith("Wo?  →  (no answer)\n      xxx")


# --- from the command line


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xstilts.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_from_the_command_line(tiny_encoder: Path, data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tiny_encoder, arms={"none": {}}, targets=["my/good"], tasks=QUESTIONS)
    path = tmp_path / "qa.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json")), "utf-8")
    ran = cli("run", str(path), "--out", str(tmp_path / "out"), "--data", str(data), "--limit", "5")
    assert ran.returncode == 0, ran.stderr
    exported = cli(
        "export", str(tmp_path / "out"), str(tmp_path / "model")
    )  # finds the data where the run did
    assert exported.returncode == 0, exported.stderr
    written = yaml.safe_load((tmp_path / "out" / "recipe.yaml").read_text("utf-8"))
    assert written["tasks"]["my/good"]["files"] == str(data / "qa/{split}-{language}.json")
    results = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert {row["n"] for row in results} == {5}
    assert {row["task_type"] for row in results} == {"span-qa"}
    values = np.array([row["value"] for row in results])
    assert ((values >= 0) & (values <= 1)).all()


def test_bad_files_are_the_users_mistake(tiny_encoder: Path, tmp_path: Path) -> None:
    write_questions(tmp_path, "train", "en", 12)
    write_questions(tmp_path, "test", "de", 12)
    path = tmp_path / "qa/test-de.json"
    content = json.loads(path.read_text("utf-8"))
    question = content["data"][0]["paragraphs"][1]["qas"][0]
    question["answers"][0]["answer_start"] += 1
    path.write_text(json.dumps(content), "utf-8")
    recipe = tiny_recipe(
        tiny_encoder, arms={"none": {}}, targets=["my/good"], languages=["de"], tasks=QUESTIONS
    )
    (tmp_path / "qa.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")), "utf-8")
    checked = cli("validate", str(tmp_path / "qa.yaml"))
    assert checked.returncode == 2
    told = " ".join((checked.stdout + checked.stderr).split())
    assert f"id {question['id']}: answers: number 1: " in told and "Traceback" not in told
    path.write_text(path.read_text("utf-8")[:-50], "utf-8")
    checked = cli("validate", str(tmp_path / "qa.yaml"))
    assert checked.returncode == 2 and "If the file was cut off" in " ".join(
        (checked.stdout + checked.stderr).split()
    )


def test_a_data_folder_that_is_gone_is_named(tiny_encoder: Path, data: Path, tmp_path: Path) -> None:
    beside, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(data / "qa", beside / "qa")
    recipe = tiny_recipe(tiny_encoder, arms={"none": {}}, targets=["my/good"], tasks=QUESTIONS, limit=3)
    run_experiment(open_experiment(recipe, tmp_path, out / "store", beside), out)
    assert FinishedRun.open(out).experiment.catalogue.data == beside
    beside.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=f"the data folder of the run, {beside}, is not there"):
        FinishedRun.open(out)
