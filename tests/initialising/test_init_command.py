"""`xstilts init` as it is typed, and the recipe that it writes, run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from own_files import write_reviews, write_table

from real_data import DATA, needs_data
from tiny_world import Typed


@pytest.fixture
def typed(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs a command line in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(line: str, **names: object) -> tuple[int, str, str]:
        return typed(*shlex.split(line.format_map(names) if names else line))

    return run


INIT = "init --train train-en.tsv --test 'test-{language}.tsv'"


def test_from_files_to_an_answer(typed: Typed, tiny_encoder: Path) -> None:
    write_reviews(Path())
    code, out, _ = typed(f"{INIT} --encoder {tiny_encoder}")
    assert code == 0
    for part in (
        *(
            "classification",
            "line 1 has the name 'review'",
            "--set columns.text=…",
            "--dev FILE",
            "de (German)",
        ),
        *("The first row, as it is read:", "the soup was", "Wrote recipe.yaml: my/", "GB of memory"),
        *("xstilts run recipe.yaml --limit 20 --set 'seeds=[0]'", "Note: dev has "),
    ):
        assert part in out
    assert "{max_length: 64, epochs: 3" in Path("recipe.yaml").read_text()
    changes = (
        "seeds=[0]",
        "controls.of=none",
        "training.intermediate.examples=16",
        "training.precision=fp32",
    )
    small = " ".join(f"--set {change}" for change in changes)
    code, _, err = typed(f"run recipe.yaml --limit 6 {small} --out runs/try")
    assert code == 0, err
    results = pq.read_table("runs/try/results.parquet").to_pandas()
    assert set(results["language"]) == {"en", "de", "sw"}
    assert set(results["arm"]) == {"none", "definitions"}


def test_json_for_scripts(typed: Typed, tiny_encoder: Path) -> None:
    write_reviews(Path())
    code, out, _ = typed(
        f"{INIT} --json --encoder {tiny_encoder} --out made/mine.yaml --intermediate pocket/replies"
    )
    assert code == 0
    facts = json.loads(out)
    assert facts["recipe"] == "made/mine.yaml"
    assert facts["rows"]["test"] == {"de": 24, "en": 24, "sw": 24}
    assert {guess["what"] for guess in facts["guesses"]} >= {
        "type",
        "format",
        "header",
        "text",
        "label",
        "languages",
    }
    assert facts["commands"]["run"] == "xstilts run made/mine.yaml"
    assert facts["seconds"] > 0 and facts["stages"] > 10
    recipe = yaml.safe_load(Path("made/mine.yaml").read_text())
    assert list(recipe["arms"]) == ["none", "replies"]
    assert typed("validate made/mine.yaml")[0] == 0


def test_files_that_the_shell_found(typed: Typed, tiny_encoder: Path) -> None:
    write_reviews(Path())
    more = "test-de.tsv test-en.tsv test-sw.tsv"  # as the shell makes of test-*.tsv
    code, _, err = typed(f"init --train train-en.tsv --encoder {tiny_encoder} --test {more}")
    assert code == 0, err
    assert "test: test-{language}.tsv" in Path("recipe.yaml").read_text()


def test_a_recipe_is_not_lost(typed: Typed, tiny_encoder: Path) -> None:
    write_reviews(Path())
    Path("recipe.yaml").write_text("mine")
    code, _, err = typed(INIT)
    assert (code, Path("recipe.yaml").read_text()) == (2, "mine")
    assert "recipe.yaml is there already. Overwrite it with --force, or write another: --out FILE" in err
    assert typed(f"{INIT} --force --encoder {tiny_encoder}")[0] == 0
    assert Path("recipe.yaml").read_text() != "mine"
    assert "is a folder. Expected the path of a recipe" in typed(f"{INIT} --out .")[2]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--encoder bundled/none", "unknown encoder 'bundled/none'"),
        ("--intermediate pocket/messages", "pocket/messages has no train data"),
        ("--type nonsense", "unknown task type 'nonsense'"),
        ("--set 'columns.text=[stars, revue]'", "no column 'revue'. Did you mean 'review'"),
    ],
)
def test_nothing_is_written_where_something_is_wrong(typed: Typed, more: str, message: str) -> None:
    write_reviews(Path())
    code, out, err = typed(f"{INIT} {more}")
    assert code == 2
    assert message in err
    assert "Traceback" not in err + out
    assert not Path("recipe.yaml").exists()


def test_doubts_and_long_runs_are_pointed_out(typed: Typed) -> None:
    table = [
        ("said", "colour", "verdict"),
        *(
            (f"it was so {n} and more", "redblue"[n % 2 * 3 :][:4], "yn"[n * n // 3 % 2])
            for n in range(30_000)
        ),
    ]
    write_table(Path("train-en.tsv"), table)
    for language in ("en", "de"):
        write_table(Path(f"test-{language}.tsv"), table)
    code, out, _ = typed(f"{INIT}")
    assert code == 0
    assert "verdict (?)" in out and "(?) less certain" in out and "or colour" in out
    told = " ".join(out.split())
    assert "Cheaper: fewer `seeds`" in told and "`--encoder bundled/multilingual-e5-small@6`" in told


REAL: dict[str, tuple[str, dict[str, Any]]] = {
    "panx": (
        "--train {data}/panx/train-en.tsv --test '{data}/panx/dev-{language}.tsv'",
        {"type": "tagging", "languages": 18, "rows": 10_000},
    ),
    "pawsx": (
        "--train {data}/pawsx/dev-en.tsv --test '{data}/pawsx/dev-*.tsv'",
        {"type": "classification", "languages": 4, "rows": 2000, "parallel": True},
    ),
    "multi30k": (
        "--test '{data}/multi30k/task1/raw/test_2016_flickr.{language}.gz'",
        {"type": "sentence-retrieval", "languages": 3, "rows": None, "parallel": True},
    ),
    "xcopa": (
        "--train {data}/copa/train-en.jsonl --dev {data}/copa/val-en.jsonl "
        "--test '{data}/xcopa/data/{language}/test.{language}.jsonl'",
        {"type": "multiple-choice", "languages": 9, "rows": 500, "parallel": True},
    ),
    "udpos": (
        "--train {data}/udpos/UD_English-LinES/en_lines-ud-train.conllu "
        "--test '{data}/udpos/UD_*-PUD/{language}_pud-ud-test.conllu'",
        {"type": "tagging", "languages": 9, "rows": 1000, "parallel": True},
    ),
    "tatoeba": (
        "--test '{data}/tatoeba/tatoeba.{language}-eng.{language}' --test '{data}/tatoeba/tatoeba.{language}-eng.eng'",
        {"type": "sentence-retrieval", "languages": 81, "rows": None},
    ),
}


@pytest.mark.data
@needs_data
@pytest.mark.parametrize("name", REAL)
def test_published_files(typed: Typed, tiny_encoder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "data").symlink_to(Path(str(DATA)).resolve(), target_is_directory=True)
    line, expected = REAL[name]
    line = line.replace("{data}", "data")
    code, out, err = typed(f"init --json --encoder {tiny_encoder} {line}")
    assert code == 0, err
    facts = json.loads(out)
    (task,) = yaml.safe_load(Path("recipe.yaml").read_text())["tasks"].values()
    assert task["type"] == expected["type"]
    assert task.get("parallel", False) == expected.get("parallel", False)
    assert len(facts["rows"]["test"]) == expected["languages"]
    if expected["rows"]:
        assert max(facts["rows"]["test"].values()) == expected["rows"]


@pytest.mark.data
@needs_data
def test_what_does_not_go_together_says_how_it_might(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(Path(str(DATA)).resolve(), target_is_directory=True)
    code, _, err = typed("init --train data/taxinli/taxinli10k.tsv --test 'data/xnli/dev-{language}.tsv'")
    assert code == 2
    assert "awk -F'\\t' -v OFS='\\t' 'NR > 1 {print $1, $2, $3}' taxinli10k.tsv > train-en.tsv" in err
