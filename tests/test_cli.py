"""What one types and what comes back: exit codes and messages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tiny_world import Typed


@pytest.mark.parametrize("tasks", ["", ",", " , "])
def test_evaluating_on_no_task_is_an_error(typed: Typed, tiny_encoder: Path, tasks: str) -> None:
    code, _, told = typed("evaluate", tiny_encoder, "--tasks", tasks)
    assert code == 2
    assert "no task was given" in told and "xstilts ls tasks" in told


def test_evaluating_under_no_condition_is_an_error(typed: Typed, tiny_encoder: Path) -> None:
    code, _, told = typed("evaluate", tiny_encoder, "--tasks", "pocket/messages", "--conditions", "")
    assert code == 2
    assert "no condition was given" in told


def test_a_folder_is_no_recipe(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()
    code, _, told = typed("run", tmp_path)
    assert code == 2
    assert f"{tmp_path} is a folder. Expected a recipe, a YAML file; YAML files in it: " in told
    assert "mine.yaml" in told and "Errno" not in told


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_is_no_folder_of_a_run(typed: Typed, tmp_path: Path, below: str) -> None:
    file = tmp_path / "small.yaml"
    file.touch()
    code, _, told = typed("run", file, "--out", file / below)
    assert code == 2
    assert f"{file} is a file. Expected a folder for the run, such as --out runs/small" in told


# --- training sets that teach nothing


def one_label_recipe(folder: Path, encoder: Path, **task: Any) -> Path:
    """A recipe on a task whose training rows all have the label good."""
    rows = {"train": ["good"] * 40, "dev": ["good", "bad"] * 4, "test": ["good", "bad"] * 4}
    for split, labels in rows.items():
        lines = [f"the soup was w{number}\t{label}" for number, label in enumerate(labels)]
        (folder / f"{split}-en.tsv").write_text("\n".join(["text\tlabel", *lines, ""]), "utf-8")
    spec = {"type": "classification", "files": "{split}-{language}.tsv", **task}
    recipe = {
        "encoder": str(encoder),
        "arms": {"none": {}},
        "targets": ["my/one"],
        "training": {"target": {"max_length": 32}},
        "tasks": {"my/one": spec},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), "utf-8")
    return path


def test_a_label_of_one_row_is_noted(typed: Typed, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = one_label_recipe(tmp_path, tiny_encoder)
    train = tmp_path / "train-en.tsv"
    lines = train.read_text("utf-8").splitlines()
    bad = [line.replace("good", "bad") for line in lines[21:40]]
    train.write_text("\n".join([*lines[:21], *bad, "the soup\tgoood", ""]), "utf-8")
    code, out, _ = typed("validate", recipe)
    assert code == 0
    note = "my/one, train, en (train-en.tsv): the label 'goood' is in one row only. Is 'good' meant?"
    assert note in " ".join(out.split())
    options = (
        "--train",
        train,
        "--test",
        tmp_path / "test-{language}.tsv",
        "--out",
        tmp_path / "new.yaml",
        "--encoder",
        tiny_encoder,
    )
    (tmp_path / "test-de.tsv").write_text((tmp_path / "test-en.tsv").read_text("utf-8"), "utf-8")
    code, out, _ = typed("init", *options, "--out", tmp_path / "new.yaml")
    assert code == 0
    assert "the label 'goood' is in one row only. Is 'good' meant?" in " ".join(out.split())


@pytest.mark.parametrize("command", ["validate", "run"])
def test_a_training_set_of_one_label_is_an_error(
    typed: Typed, tiny_encoder: Path, tmp_path: Path, command: str
) -> None:
    recipe = one_label_recipe(tmp_path, tiny_encoder, labels=["good", "bad"])
    code, out, told = typed(command, recipe, *(["--out", tmp_path / "out"] if command == "run" else []))
    assert code == 2
    assert "my/one, train, en: all 40 rows have the label 'good'" in " ".join((out + told).split())


def test_a_task_of_one_label_is_an_error(typed: Typed, tiny_encoder: Path, tmp_path: Path) -> None:
    code, _, told = typed("validate", one_label_recipe(tmp_path, tiny_encoder, labels=["good"]))
    assert code == 2 and "labels: expected two or more, got good" in told


# --- report


@pytest.mark.parametrize(
    ("form", "name", "holds"),
    [
        ("html", "report.html", "<h1>"),
        ("markdown", "report.md", "## Gains"),
        ("latex", "report.tex", "toprule"),
    ],
)
def test_a_report_is_written_in_each_form(
    typed: Typed, run: Path, tmp_path: Path, form: str, name: str, holds: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("store", "report.*"))
    code, out, _ = typed("report", folder, "--format", form)
    assert (code, out.strip()) == (0, str(folder / name))
    assert holds in (folder / name).read_text("utf-8")


def test_a_report_without_examples_and_with_figures(typed: Typed, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("store", "report.*"))
    code, out, _ = typed("report", folder, "--no-examples", "--figures", tmp_path / "drawn")
    assert code == 0 and str(tmp_path / "drawn/overview.svg") in out.splitlines()
    assert 'id="examples"' not in (folder / "report.html").read_text("utf-8")
    assert (tmp_path / "drawn/gains-my-mood.pdf").is_file()


# --- files that were not written whole


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("name", ["run.json", "results.parquet", "verdicts.parquet", "examples.parquet"])
@pytest.mark.parametrize("command", ["report", "compare", "export"])
def test_a_cut_off_file_of_a_run_is_named(
    typed: Typed, run: Path, tmp_path: Path, name: str, command: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("store"))
    cut(folder / name)
    others = {"report": [], "compare": [folder], "export": [tmp_path / "out"]}
    code, _, told = typed(command, folder, *others[command])
    assert code == 2
    assert f"{folder / name} is damaged" in told
    assert f"xstilts run {folder / 'recipe.yaml'} --out {folder}" in told


@pytest.mark.parametrize("name", ["evaluation.json", "predictions/my/mood.parquet"])
def test_a_cut_off_file_of_an_evaluation_is_named(typed: Typed, tmp_path: Path, name: str) -> None:
    record = {"model": "xlm-roberta-base", "settings": {}, "tasks": {"my/mood": {}}}
    (tmp_path / "predictions/my").mkdir(parents=True)
    (tmp_path / "predictions/my/mood.parquet").write_bytes(b"PAR1 and no more than that")
    (tmp_path / "evaluation.json").write_text(json.dumps(record))
    cut(tmp_path / name)
    code, _, told = typed("compare", tmp_path, tmp_path)
    assert code == 2
    assert f"{tmp_path / name} is damaged" in told
    assert "xstilts evaluate" in told and f"--out {tmp_path}" in told


@pytest.mark.parametrize("text", ["[]", "{}", "nothing", ""])
def test_a_record_that_is_none_is_named(typed: Typed, tmp_path: Path, text: str) -> None:
    (tmp_path / "evaluation.json").write_text(text)
    code, _, told = typed("compare", tmp_path, tmp_path)
    assert code == 2
    assert "evaluation.json is damaged" in told
