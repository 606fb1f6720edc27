"""What of a test set is trained on: found by text, by id and as a translation, told and never an error."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import benchmark_trees as trees
from real_data import DATA, needs_data
from xstilts.cli import app
from xstilts.experiment import run_experiment
from xstilts.overlap import MEANING, Finder, Overlap, sentences
from xstilts.tasks.base import PackageSource, Row, Task
from xstilts.tasks.files import FilesSource


def task(name: str = "my/test", kind: str = "classification", parallel: bool = True) -> Task:
    source = PackageSource(lambda split, language: [], {}, (), 1)
    return Task(name, kind, source, ("en", "de"), name, parallel=parallel)


def row(text: str, source: str = "1", **more: Any) -> Row:
    return {"id": source, "source": source, "text": text} | more


def found(finder: Finder) -> list[tuple[str, int, int, int]]:
    return [(one.language, one.texts, one.ids, one.translations) for one in finder.found()]


def test_texts_are_compared_by_their_words() -> None:
    finder = Finder()
    finder.train("a", task(), [row("Where is it?"), row("other")])
    finder.test(task(), "en", [row("where is IT"), row("Where was it?", "2"), row("...", "3")])
    assert found(finder) == [("en", 1, 0, 0)]


def test_pairs_are_compared_as_pairs() -> None:
    finder = Finder()
    finder.train("a", task(), [row("one", text_pair="two")])
    finder.test(task(), "en", [row("one", text_pair="three"), row("one", "2", text_pair="Two.")])
    assert found(finder) == [("en", 1, 0, 0)]


def test_translations_of_a_known_item_are_known() -> None:
    finder = Finder()
    finder.train("a", task(), [row("where is it")])
    finder.test(task(), "en", [row("where is it", "7"), row("there", "8")])
    finder.test(task(), "de", [row("wo ist es", "7"), row("dort", "8")])
    assert found(finder) == [("en", 1, 0, 0), ("de", 0, 0, 1)]
    apart = Finder()
    apart.train("a", task(), [row("where is it")])
    apart.test(task(parallel=False), "en", [row("where is it", "7")])
    apart.test(task(parallel=False), "de", [row("wo ist es", "7")])
    assert found(apart) == [("en", 1, 0, 0)]


def test_rows_that_are_not_counted_tell_which_originals_are_known() -> None:
    finder = Finder()
    finder.train("a", task(), [row("where is it")])
    finder.test(task(), "en", [row("where is it", "7")], against=())
    finder.test(task(), "de", [row("wo ist es", "7")])
    assert found(finder) == [("de", 0, 0, 1)]


def test_ids_count_where_they_are_the_datas_own() -> None:
    finder = Finder()
    finder.train("a", task(), [row("x", "56beb4343aeaaa14008c925b"), row("y", "12"), row("z", "en/123456")])
    rows = [row("a", "56beb4343aeaaa14008c925b"), row("b", "12"), row("c", "en/123456")]
    finder.test(task(parallel=False), "de", rows)
    assert found(finder) == [("de", 0, 1, 0)]


@given(st.lists(st.text("ab ", max_size=4), max_size=12), st.lists(st.text("ab ", max_size=4), max_size=12))
def test_an_item_counts_if_and_only_if_its_words_are_there(trained: list[str], tested: list[str]) -> None:
    finder = Finder()
    finder.train("a", task(), [row(text, str(n)) for n, text in enumerate(trained)])
    finder.test(task(parallel=False), "en", [row(text, str(n)) for n, text in enumerate(tested)])
    known = {" ".join(text.split()) for text in trained} - {""}
    expected = sum(" ".join(text.split()) in known for text in tested)
    assert sum(one.items for one in finder.found()) == expected


def test_a_test_set_is_compared_with_the_training_sets_it_is_told() -> None:
    finder = Finder()
    for name in ("a", "b"):
        finder.train(name, task(), [row("where is it")])
    finder.test(task(), "en", [row("where is it")], against={"b"})
    assert [one.train for one in finder.found()] == ["b"]


def test_in_words() -> None:
    records = [
        Overlap("a", "b", code, items, 10, 1, 0, items - 1, [f"Who, {code}?"]).record()
        for code, items in zip(
            ["de", "en", "es", "fr", "it", "nl", "pt", "ru", "zh"], [2, 9, *[3] * 7], strict=True
        )
    ]
    (line,) = sentences(records)
    assert line == (
        "32 of 90 test items of b in 9 languages (en: 9, es: 3, fr: 3, it: 3, nl: 3, pt: 3, ru: 3, zh: 3 and 1 more) "
        "are known from the training set of a: 9 by text, 23 as translations, such as “Who, en?”"
    )
    assert sentences([]) == []


def test_training_sets_with_the_same_overlap_share_a_sentence() -> None:
    records = [Overlap(name, "b", "de", 3, 10, 3, 0, 0, ["Wer?"]).record() for name in ("x", "y")]
    records.append(Overlap("z", "b", "de", 4, 10, 4, 0, 0, ["Wer?"]).record())
    first, second = sentences(records)
    assert "known from the training sets of x, y: 3 by text" in first
    assert "known from the training set of z: 4 by text" in second


# --- through the command line


def recipe(folder: Path, encoder: Path | None = None, **values: Any) -> Path:
    phase = {"epochs": 1, "batch_size": 8, "candidates": 1, "max_length": 32}
    content = {
        "encoder": str(encoder),
        "arms": {"none": {}},
        "seeds": [0],
        "controls": {"of": "none"},
        "training": {"intermediate": phase, "target": phase, "precision": "fp32", "threads": 1},
    } | values
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def validated(path: Path, *options: str) -> Any:
    result = CliRunner().invoke(app, ["validate", str(path), *options, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["overlap"]


@pytest.fixture
def parallel(tmp_path: Path, tiny_encoder: Path) -> Path:
    """A recipe that trains on the English rows of what it tests in German, as PAWS-X's dev files invite to."""
    for code in ("en", "de"):
        rows = [(*pair, str(i % 2)) for i, pair in enumerate(trees.pairs(code, "dev", 40))]
        trees.put_quoted(tmp_path, f"dev-{code}.tsv", rows)
    spec = {
        "type": "classification",
        "files": {"train": "dev-en.tsv", "test": "dev-{language}.tsv"},
        "columns": {"text": 0, "text_pair": 1, "label": 2},
        "quoting": "csv",
        "parallel": True,
    }
    return recipe(tmp_path, tiny_encoder, targets=["my/pairs"], tasks={"my/pairs": spec}, languages=["de"])


def test_validate_finds_parallel_rows(parallel: Path) -> None:
    (one,) = validated(parallel)
    assert (one["train"], one["test"], one["language"]) == ("my/pairs", "my/pairs", "de")
    assert one["texts"] == one["ids"] == 0
    assert 0 < one["translations"] == one["items"] <= one["of"] == 40
    said = CliRunner().invoke(app, ["validate", str(parallel)], env={"COLUMNS": "200"}).stdout
    assert "! overlap:" in said
    assert MEANING in said
    assert "✓ valid" in said


def test_every_split_is_read_once(parallel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = yaml.safe_load(parallel.read_text())
    values["arms"] = {"none": {}, "few": {"tasks": ["my/pairs"], "training": {"examples": 10}}}
    parallel.write_text(yaml.safe_dump(values, sort_keys=False))
    read: Counter[tuple[str, str]] = Counter()
    rows = FilesSource.rows

    def counted(self: FilesSource, split: str, language: str) -> list[Row]:
        read[split, language] += 1
        return rows(self, split, language)

    monkeypatch.setattr(FilesSource, "rows", counted)
    result = CliRunner().invoke(app, ["validate", str(parallel), "--json"], catch_exceptions=False)
    assert read == {("train", "en"): 1, ("dev", "en"): 1, ("test", "de"): 1, ("test", "en"): 1}
    rows_told = json.loads(result.stdout)["rows"]
    assert rows_told["my/pairs train"] + rows_told["my/pairs dev"] == rows_told["my/pairs test"] == 40


def test_a_run_says_so(parallel: Path, tmp_path: Path) -> None:
    from xstilts.experiment import open_experiment
    from xstilts.recipe import load_recipe

    experiment = open_experiment(load_recipe(parallel), tmp_path, tmp_path / "store")
    results = run_experiment(experiment, tmp_path / "run")
    (one,) = results.run["overlap"]
    assert one["translations"] == one["items"]
    report = (tmp_path / "run/report.html").read_text("utf-8")
    assert "Tested and trained on" in report
    assert "are known from the training set of my/pairs" in report
    assert MEANING in report


def test_examples_that_are_not_trained_on_are_no_overlap(parallel: Path) -> None:
    (every,) = validated(parallel)
    content = yaml.safe_load(parallel.read_text())
    content["training"]["target"]["examples"] = 5
    parallel.write_text(yaml.safe_dump(content))
    (few,) = validated(parallel)
    assert 0 < few["items"] <= 5 < every["items"]


def test_what_no_model_meets_is_no_overlap(parallel: Path) -> None:
    content = yaml.safe_load(parallel.read_text())
    same = content["tasks"]["my/pairs"]
    content["tasks"]["my/other"] = same
    content["tasks"]["my/apart"] = same | {"files": {"train": "apart.tsv", "test": "dev-{language}.tsv"}}
    rows = [(f"one {i}", f"two {i}", str(i % 2)) for i in range(40)]
    trees.put_quoted(parallel.parent, "apart.tsv", rows)
    content["targets"] = ["my/apart", "my/other"]
    parallel.write_text(yaml.safe_dump(content))
    assert [(one["train"], one["test"]) for one in validated(parallel)] == [("my/other", "my/other")]
    content["arms"]["first"] = {"tasks": ["my/other"]}
    parallel.write_text(yaml.safe_dump(content))
    found = {(one["train"], one["test"]) for one in validated(parallel)}
    assert found == {("my/other", "my/other"), ("my/other", "my/apart")}


def test_nothing_in_common_is_nothing_said(everything: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, tiny_encoder, targets=["xtreme/udpos"])
    assert validated(path, "--data", str(everything)) == []


# --- real files


@needs_data
@pytest.mark.data
def test_real_panx_sentences(tiny_encoder: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, tiny_encoder, targets=["xtreme/panx"], languages=["en"])
    (one,) = validated(path, "--data", str(DATA))
    assert (one["train"], one["test"], one["of"]) == ("xtreme/panx", "xtreme/panx", 8008)
    assert one["items"] == one["texts"] == 274


@needs_data
@pytest.mark.data
def test_real_squad_questions(tmp_path: Path) -> None:
    spec = {
        "type": "span-qa",
        "files": {"train": str(Path(str(DATA)) / "squad/dev.json")},
        "columns": {"id": "id"},
    }
    values = {"arms": {"none": {}, "squad": {"tasks": ["my/squad"]}}, "tasks": {"my/squad": spec}}
    values["encoder"] = "bundled/multilingual-e5-small@1"
    path = recipe(tmp_path, targets=["xtreme/xquad"], languages=["de"], **values)
    (one,) = validated(path, "--data", str(DATA))
    assert (one["train"], one["language"], one["of"]) == ("my/squad", "de", 952)
    assert one["ids"] + one["translations"] == one["items"]
    assert 350 < one["items"] <= 583
