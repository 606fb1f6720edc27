"""Exports load with plain transformers, predict what the run predicted, and serve as encoders again."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from finished_runs import copy_of, experiment_on, predictions_of, with_dev
from xstilts.context import Context
from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.errors import UnknownName, UserError
from xstilts.evaluating import evaluate
from xstilts.executors import local
from xstilts.experiment import execute, open_experiment, run_experiment
from xstilts.exporting import PROVENANCE, export_hf, export_sentence_transformers
from xstilts.finished import FinishedRun, choose
from xstilts.model_card import _text, write_card
from xstilts.recipe import parse_recipe
from xstilts.report.words import verdict_word


def clean_items(opened: FinishedRun, arm: str, target: str, seed: int) -> list[tuple[dict[str, Any], Any]]:
    """The clean test rows of a target with what the run predicted for them."""
    experiment = opened.experiment
    context = Context(experiment.store, experiment.catalogue, experiment.encoder, 1)
    cells = [
        c for c in opened.plan.cells if (c.arm, c.target, c.seed, c.condition) == (arm, target, seed, "clean")
    ]
    pairs: list[tuple[dict[str, Any], Any]] = []
    for cell in {cell.language: cell for cell in cells}.values():
        (stage,) = cell.score.parents["prediction"]
        rows = {row["id"]: row for row in context.rows(stage.parents["data"][0])}
        found = predictions_of(stage, experiment)
        pairs += [(rows[one["item"]], json.loads(one["prediction"])) for one in found]
    return pairs


def classified(model: Any, tokenizer: Any, row: dict[str, Any]) -> Any:
    logits = model(**tokenizer(row["text"], return_tensors="pt")).logits[0]
    return model.config.id2label[int(logits.argmax())]


def chosen(model: Any, tokenizer: Any, row: dict[str, Any]) -> Any:
    texts = [row["text"]] * len(row["choices"])
    inputs = tokenizer(texts, row["choices"], padding=True, return_tensors="pt")
    return int(model(**{name: value[None] for name, value in inputs.items()}).logits[0].argmax())


def tagged(model: Any, tokenizer: Any, row: dict[str, Any]) -> Any:
    inputs = tokenizer([row["tokens"]], is_split_into_words=True, return_tensors="pt")
    words = inputs.word_ids(0)
    tags = model(**inputs).logits[0].argmax(-1)
    return [model.config.id2label[int(tags[words.index(number)])] for number in range(len(row["tokens"]))]


@pytest.mark.parametrize(
    ("target", "name", "predict"),
    [
        ("my/mood", "SequenceClassification", classified),
        ("my/odd", "MultipleChoice", chosen),
        ("my/tags", "TokenClassification", tagged),
    ],
)
def test_predicts_with_plain_transformers_what_the_run_predicted(
    opened: FinishedRun, tmp_path: Path, target: str, name: str, predict: Any
) -> None:
    told: list[str] = []
    out = export_hf(opened.folder, tmp_path / "out", "odd", target, 1, told.append)
    auto = getattr(transformers, f"AutoModelFor{name}")
    model, found = auto.from_pretrained(out, output_loading_info=True)
    assert not any(found[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    pairs = clean_items(opened, "odd", target, 1)
    with torch.inference_mode():
        assert [predict(model.eval(), tokenizer, row) for row, _ in pairs] == [answer for _, answer in pairs]
    assert len({str(answer) for _, answer in pairs}) > 1, "a constant prediction would prove nothing"
    config = json.loads((out / "config.json").read_text())
    assert config["architectures"] == [f"BertFor{name}"]
    assert config["vocab_size"] == len(tokenizer) and config["pad_token_id"] == tokenizer.pad_token_id
    labels = opened.experiment.catalogue.get(target).labels
    assert not labels or config["id2label"] == {str(n): label for n, label in enumerate(labels)}
    assert all("not kept" in line for line in told[1:]) and "arm odd, seed 1" in told[0]


def test_a_pruned_checkpoint_is_made_again_and_said_so(run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path / "run")
    stage = FinishedRun.open(copy).plan.finals["none", "my/mood", 0]
    store = FinishedRun.open(copy).experiment.store
    assert stage.weights is not None
    store.delete(stage.weights)
    told: list[str] = []
    for _ in range(2):
        export_hf(copy, tmp_path / "out", "none", "my/mood", 0, told.append)
    chosen = "arm none, seed 0, target my/mood"
    assert [line for line in told if "making it again" not in line] == [chosen, chosen]
    assert len(told) == 3 and "none seed 0: my/mood" in told[1]


def test_an_exported_encoder_holds_the_checkpoint_and_trains_on_as_the_arm_did(
    opened: FinishedRun, tiny_data: Path, tmp_path: Path
) -> None:
    out = export_hf(opened.folder, tmp_path / "encoder", "odd", "encoder", 0)
    _, found = transformers.AutoModel.from_pretrained(out, output_loading_info=True)
    assert not found["missing_keys"]
    experiment = opened.experiment
    stage = opened.plan.intermediates["odd", 0]
    assert stage.weights is not None
    checkpoint = Context(experiment.store, experiment.catalogue, experiment.encoder, 1).checkpoint(stage)
    base, before = load_encoder(find_encoder(str(out))), load_encoder(experiment.encoder)
    assert {name: value.tolist() for name, value in base.body.items()} == {
        name: value.tolist() for name, value in checkpoint.body.items()
    }
    assert checkpoint.rows is not None
    changed = np.isin(np.arange(len(base.embeddings)), checkpoint.rows.ids)
    assert torch.equal(base.embeddings[checkpoint.rows.ids], checkpoint.rows.values)
    assert torch.equal(base.embeddings[~changed], before.embeddings[~changed])
    assert not torch.equal(base.embeddings, before.embeddings)

    again = experiment_on(
        out, tiny_data, tmp_path / "store", "arms={none: {}}", targets=["my/mood"], seeds=[0]
    )
    plan = execute(again)
    values = {
        (cell.language, cell.condition): again.store.open(cell.score.address).info["value"]
        for cell in plan.cells
    }
    rows = opened.rows("results", arm="odd", task="my/mood", seed=0)
    assert values == {(row["language"], row["condition"]): row["value"] for row in rows}


def test_a_trained_export_serves_as_encoder_without_its_head(run: Path, tmp_path: Path) -> None:
    out = export_hf(run, tmp_path / "out", "none", "my/tags", 0)
    base = load_encoder(find_encoder(str(out)))
    state = transformers.AutoModelForTokenClassification.from_pretrained(out).state_dict()
    assert torch.equal(base.embeddings, state[f"bert.{base.embeddings_name}"])
    assert not any("classifier" in name for name in base.body)


def test_the_baseline_without_a_head_is_the_published_encoder(
    opened: FinishedRun, tiny_encoder: Path, tmp_path: Path
) -> None:
    out = export_hf(opened.folder, tmp_path / "out", "none", "encoder")
    ours, theirs = (
        transformers.AutoModel.from_pretrained(folder).state_dict() for folder in (out, tiny_encoder)
    )
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert json.loads((out / PROVENANCE).read_text())["stage_key"] is None


def test_best_is_chosen_on_dev_and_may_be_the_baseline(run: Path, tmp_path: Path) -> None:
    scores = {("odd", "my/mood"): [0.6, 0.8], ("none", "my/mood"): [0.5, 0.6]}
    better = FinishedRun.open(with_dev(run, tmp_path / "better", scores))
    choice = choose(better, "best", "my/mood", None)
    assert (choice.arm, choice.seed) == ("odd", 1)
    assert "best on dev: +15.0 points" in write_card(choice, "hf")
    worse = FinishedRun.open(with_dev(run, tmp_path / "worse", scores | {("none", "my/mood"): [0.8, 0.7]}))
    choice = choose(worse, "best", "my/mood", None)
    assert (choice.arm, choice.seed) == ("none", 0)
    assert "no arm was better than the baseline (the best of them: −5.0 points)" in write_card(choice, "hf")


def test_for_the_encoder_best_counts_all_targets(run: Path, tmp_path: Path) -> None:
    level = {
        (arm, task): [0.5, 0.5] for arm in ("odd", "none") for task in ("my/mood", "my/tags", "my/pairs")
    }
    scores = level | {("odd", "my/odd"): [0.4, 0.4], ("none", "my/odd"): [0.6, 0.6]}
    opened = FinishedRun.open(with_dev(run, tmp_path / "run", scores))
    assert choose(opened, "best", "encoder", None).arm == "none"
    mixed = scores | {("odd", "my/odd"): [0.6, 0.6], ("odd", "my/mood"): [0.6, 0.6]}
    opened = FinishedRun.open(with_dev(run, tmp_path / "mixed", mixed))
    assert choose(opened, "best", "encoder", None).arm == "odd"


def test_a_tie_on_dev_goes_to_the_baseline(run: Path, tmp_path: Path) -> None:
    scores = {(arm, "my/mood"): [0.4, 0.6] for arm in ("odd", "none")}
    tied = FinishedRun.open(with_dev(run, tmp_path / "run", scores))
    choice = choose(tied, "best", "my/mood", None)
    assert choice.arm == "none"
    assert "no arm was better than the baseline (the best of them: 0.0 points)" in write_card(choice, "hf")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "--target with one of: my/mood, my/tags, my/odd"),
        ({"target": "my/moods"}, "Did you mean 'my/mood'"),
        ({"target": "my/mood", "arm": "od"}, "Did you mean 'odd'"),
        ({"target": "my/mood", "seed": 7}, "the run has the seeds 0, 1"),
    ],
)
def test_unclear_wishes_are_answered_with_what_there_is(
    run: Path, tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        export_hf(run, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_only_an_earlier_export_is_replaced(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        export_hf(run, out, "none", "encoder")
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
    (out / "thesis.txt").unlink()
    export_sentence_transformers(run, out, "none", postprocess="center")
    (out / "thesis.txt").write_text("mine")
    export_hf(run, out, "none", "encoder")
    assert (out / "thesis.txt").read_text() == "mine"
    assert not (out / "modules.json").exists() and not list(out.glob("2_Router/**/*.safetensors"))
    assert (out / "model.safetensors").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "a draft was left behind"
    with pytest.raises(UserError, match="is a file"):
        export_hf(run, out / "thesis.txt", "none", "encoder")


@pytest.mark.parametrize("moves", [0, 1, 2, 4])
def test_an_export_that_was_cut_short_can_be_made_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """Whether it was the first one in its folder or replaced another: nothing of it is left over afterwards."""
    replace, left = Path.replace, [moves]

    def interrupted(self: Path, target: Path) -> Path:
        if target.is_relative_to(tmp_path / "out") and target.name != PROVENANCE:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        return replace(self, target)

    out = tmp_path / "out"
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", interrupted)
            left[0] = moves
            with pytest.raises(KeyboardInterrupt):
                export_sentence_transformers(run, out, "none")
        assert json.loads((out / PROVENANCE).read_text())["export"] == "not finished"
        export_hf(run, out, "none", "encoder")
        record = json.loads((out / PROVENANCE).read_text())
        found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
        assert record["export"] == "hf" and found == sorted(record["files"])


def test_files_outside_the_folder_are_not_deleted(run: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    out = export_hf(run, tmp_path / "out", "none", "encoder")
    record = json.loads((out / PROVENANCE).read_text())
    record["files"] += ["../precious", str(tmp_path / "precious")]
    (out / PROVENANCE).write_text(json.dumps(record))
    export_hf(run, out, "none", "encoder")
    assert (tmp_path / "precious").exists()


def test_what_has_changed_since_the_run_is_named(run: Path, tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run.json is missing"):
        export_hf(tmp_path, tmp_path / "out")
    elsewhere = tmp_path / "elsewhere"
    moved = copy_of(run, tmp_path / "b")
    recipe = (moved / "recipe.yaml").read_text()
    assert str(tiny_data.resolve()) in recipe, (
        "a finished run's recipe names its files wherever it is read from"
    )
    (moved / "recipe.yaml").write_text(recipe.replace(str(tiny_data.resolve()), str(elsewhere)))
    with pytest.raises(UserError, match=r"elsewhere"):
        FinishedRun.open(moved)
    shutil.copytree(tiny_data, elsewhere)
    with (elsewhere / "mood/test-de.tsv").open("a") as file:
        file.write("die suppe war gut\tgood\n")
    with pytest.raises(UserError, match=r"changed since: .*Run again: xstilts run"):
        FinishedRun.open(moved)


def test_the_precision_of_the_run_holds_on_any_machine(run: Path, tmp_path: Path) -> None:
    copy = copy_of(run, tmp_path / "run")
    recipe = (copy / "recipe.yaml").read_text().replace("precision: fp32", "precision: auto")
    (copy / "recipe.yaml").write_text(recipe)
    assert FinishedRun.open(copy).plan.precision == "fp32"


def test_the_card_says_what_it_is(opened: FinishedRun) -> None:
    card = write_card(choose(opened, "odd", "my/mood", 0), "hf")
    assert card.startswith("---\nlibrary_name: transformers\n") and "base_model" not in card
    assert "AutoModelForSequenceClassification.from_pretrained" in card
    for row in opened.rows("results", arm="odd", task="my/mood", seed=0):
        assert f"| {row['language']} | {row['condition']} | accuracy | {100 * row['value']:.1f} |" in card
    (verdict,) = (r for r in opened.rows("verdicts", arm="odd", task="my/mood") if not r["perturbed"])
    assert f"clean input: **{verdict_word(verdict)}**" in card
    assert "| my/odd | intermediate | not stated |" in card
    baseline = write_card(choose(opened, "none", "my/mood", 0), "hf")
    assert "Verdict" not in baseline and "intermediate |" not in baseline


def test_the_card_tells_nothing_of_this_machine(opened: FinishedRun, run: Path) -> None:
    card = write_card(choose(opened, "odd", "my/mood", 0), "hf")
    assert str(run.parent) not in card and "{'" not in card
    assert "the English training set of my/mood" in card and not re.search(r"[ (|]-[0-9]", card)
    bare = write_card(choose(opened, "none", "encoder", 0), "hf")
    local = Path(opened.recipe.encoder)
    assert local.is_absolute() and str(local) not in bare
    assert f"The encoder `{local.name}` as it was: no task was trained." in bare


def test_all_files_of_an_export_follow_the_umask(run: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        out = export_hf(run, tmp_path / "out", "odd", "my/mood", 0)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in out.rglob("*") if path.is_file()} == {0o640}


def test_the_cards_python_runs(run: Path, tmp_path: Path) -> None:
    for target in ("my/mood", "my/odd", "my/tags", "my/pairs"):
        out = export_hf(run, tmp_path / target, "odd", target, 0)
        code = (out / "README.md").read_text().split("```")[1].removeprefix("python\n")
        exec(code.replace("path/to/this/folder", str(out)), {})


BUNDLED = """
encoder: bundled/multilingual-e5-small@2
arms: {none: {}, replies: {tasks: [pocket/replies]}}
targets: [pocket/intents, pocket/messages]
languages: [en, de, zh]
seeds: [0]
limit: 20
controls: {of: none}
statistics: {draws: 200}
training:
  intermediate: {epochs: 1, learning_rate: 5.0e-5, batch_size: 16, examples: 32, candidates: 1, max_length: 32}
  target: {epochs: 6, learning_rate: 1.0e-3, batch_size: 16, examples: 200, candidates: 1, max_length: 32}
  threads: 1
  precision: fp32
"""


@pytest.mark.slow
def test_a_bundled_encoder_from_run_to_export_and_back(tmp_path: Path) -> None:
    """The whole vocabulary of 250,000 pieces, real languages, the tokenizer as it was converted."""
    experiment = open_experiment(parse_recipe(BUNDLED), tmp_path, tmp_path / "run/store")
    results = run_experiment(experiment, tmp_path / "run")
    for target, out in (("pocket/intents", tmp_path / "head"), ("pocket/messages", tmp_path / "encoder")):
        export_hf(tmp_path / "run", out, "replies", target)
        evaluation = evaluate(
            str(out), [target], ["en", "de", "zh"], limit=20, max_length=32, threads=1, precision="fp32"
        )
        expected = [row for row in results.results if (row["arm"], row["task"]) == ("replies", target)]
        columns = ("language", "postprocess", "layer", "value")
        assert {tuple(row[c] for c in columns) for row in evaluation.results} == {
            tuple(row[c] for c in columns) for row in expected
        }
        (out / "model.safetensors").unlink()  # 400 MB


@given(st.text())
def test_what_others_wrote_cannot_leave_its_table_cell(text: str) -> None:
    escaped = _text(text)
    assert "\n" not in escaped
    bare = escaped.replace("\\\\", "")
    assert all(bare[place - 1] == "\\" for place, letter in enumerate(bare) if letter in "|<[")


def test_pending_is_empty_for_a_kept_intermediate(opened: FinishedRun) -> None:
    present = opened.experiment.store.addresses()
    assert not local.pending(opened.plan, present, list(opened.plan.intermediates.values())).stages
    with pytest.raises(UnknownName):
        opened.arm("nonesuch", ["my/mood"])


def test_an_export_tells_what_best_is(run: Path, tmp_path: Path) -> None:
    told: list[str] = []
    dev = {("odd", "my/mood"): [0.3, 0.3], ("none", "my/mood"): [0.5, 0.5]}
    export_hf(with_dev(run, tmp_path / "run", dev), tmp_path / "out", target="my/mood", tell=told.append)
    assert told[0].startswith("arm none, seed 0, target my/mood. On dev no arm was better than the baseline")
