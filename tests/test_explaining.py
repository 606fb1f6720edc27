"""From a run to the features of its languages and what they explain of its gains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tiny_world import TASKS, Typed, tiny_recipe, write_mood
from xstilts.experiment import open_experiment, run_experiment
from xstilts.explained import print_explanations
from xstilts.explaining import explanation_table, pieces_per_word
from xstilts.results import Results

LANGUAGES = ("de", "fi", "fr", "hu", "id", "it", "ka", "nl", "sw", "tr", "yo")
"""Eleven beside English, of six families."""


class Letters:
    """A tokenizer whose pieces are letters."""

    def __call__(self, texts: list[str], add_special_tokens: bool) -> dict[str, list[list[str]]]:
        assert not add_special_tokens
        return {"input_ids": [[x for x in text if not x.isspace()] for text in texts]}


@pytest.mark.parametrize(
    ("text", "language", "pieces"),
    [("ab abcd", "en", 3.0), ("我们喜欢茶。", "zh", 2.0), ("123 4", "en", None), ("", "de", None)],
)
def test_pieces_per_word(text: str, language: str, pieces: float | None) -> None:
    assert pieces_per_word([text], language, Letters()) == pieces


def gain(language: str, estimate: float, **other: Any) -> dict[str, Any]:
    row = {"quantity": "gain", "arm": "odd", "reference": "none", "task": "t", "group": language}
    return row | {"condition": "clean", "metric": "accuracy", "postprocess": "", "estimate": estimate} | other


def verdict(**other: Any) -> dict[str, Any]:
    row = {"arm": "odd", "task": "t", "family": "trained", "metric": "accuracy", "postprocess": ""}
    return row | {"perturbed": False, "flags": ""} | other


def languages(**other: Any) -> list[dict[str, Any]]:
    return [
        {"task": "t", "language": f"l{i}", "script": ("Latn", "Cyrl")[i % 2], "family": f"f{i % 7}"}
        | {"distance": (i * 5 % 12) / 12, "pieces_per_word": 1 + (i * 7 % 12) / 12}
        | other
        for i in range(12)
    ]


def test_gains_over_the_baseline_in_single_languages_are_explained() -> None:
    gains = [gain(f"l{i}", 0.01 + 0.03 * (i % 2 == 0) + 0.001 * (i * 5 % 3)) for i in range(12)]
    noise = [gain("en", 0.9), gain("non-en", 0.9), gain("all", 0.9), gain("l1", 0.9, reference="odd~longer")]
    noise += [gain("l1", 0.9, condition="typos@2"), gain("l1", 0.9, metric="other")]
    found = explanation_table([*gains, *noise], [verdict()], languages())
    assert {(row["arm"], row["family"], row["condition"]) for row in found} == {("odd", "trained", "clean")}
    latin = next(row for row in found if (row["model"], row["feature"]) == ("alone", "latin"))
    assert latin["estimate"] == pytest.approx(0.03, abs=0.003)
    assert latin["p_holm"] < 0.01
    assert (latin["languages"], latin["left_out"]) == (12, 0)


def test_the_same_task_and_unknown_languages_are_left_out() -> None:
    gains = [gain(f"l{i}", 0.01) for i in range(12)]
    assert explanation_table(gains, [verdict(flags="ceiling,same-task")], languages()) == []
    known = [*languages()[:9], *languages(family=None)[9:]]
    (row,) = explanation_table(gains, [verdict()], known)
    assert (row["languages"], row["left_out"]) == (9, 3)
    assert row["note"].startswith("no conclusion: 9 languages beside English")


@pytest.fixture(scope="module")
def folder(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Iterator[Path]:
    """A finished run of one seed in twelve languages; their words are German."""
    base = tmp_path_factory.mktemp("many")
    for name in ("odd", "mood"):
        (base / name).mkdir()
        for file in (tiny_data / name).iterdir():
            (base / name / file.name).write_bytes(file.read_bytes())
    german = (base / "mood/test-de.tsv").read_text("utf-8")
    for language in LANGUAGES:
        (base / f"mood/test-{language}.tsv").write_text(german, "utf-8")
    write_mood(base, "test", "en", 24, 0)
    tasks = {name: TASKS[name] for name in ("my/mood", "my/odd")}
    recipe = tiny_recipe(tiny_encoder, languages="all", tasks=tasks, statistics={"draws": 100})
    out = base / "out"
    run_experiment(open_experiment(recipe, base, out / "store"), out)
    yield out


def test_a_run_writes_both_tables_and_the_command_tells_them(folder: Path, typed: Typed) -> None:
    results = Results.load(folder)
    rows = {row["language"]: row for row in results.languages}
    assert set(rows) == set(LANGUAGES)
    assert (rows["ka"]["script"], rows["ka"]["family"], rows["ka"]["distance"]) == ("Geor", "Kartvelian", 1.0)
    assert rows["de"]["distance"] < rows["fr"]["distance"] < 1 <= rows["sw"]["pieces_per_word"]
    assert {row["feature"] for row in results.explanations} >= {"latin", "distance", "pieces"}
    code, out, _ = typed("claims", folder)
    assert code == 0
    assert "What goes with larger gains, by language beside English" in out
    assert "11 languages of 6 families" in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = typed("claims", folder, "--json")
    assert json.loads(out)["explanations"] == results.explanations


def test_too_few_languages_are_said_to_be_too_few(run: Path) -> None:
    results = Results.load(run)
    assert results.languages == []
    assert {row["note"] for row in results.explanations} >= {
        "no conclusion: 1 language beside English, where 10 are the least"
    }
    console = Console(width=80, file=StringIO())
    print_explanations(results.explanations, 0.05, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "no conclusion: 1 language beside English" in " ".join(text.split())
    assert "Holm" not in text
