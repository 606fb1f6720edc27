"""The benchmark suites from end to end: their recipes plan, validate and cost something; a small one runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.errors import RecipeError
from xstilts.results import Results

RECIPES = Path(__file__).parents[1] / "recipes"
SMALL = ("--set", "encoder=bundled/multilingual-e5-small@1")


def said(*arguments: str) -> Any:
    environment = {"HF_HUB_OFFLINE": "1"}
    result = CliRunner().invoke(app, [*arguments, "--json"], env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(("name", "arms"), [("xtreme", 3), ("stilts-paper", 11)])
def test_the_benchmark_recipes_say_what_they_cost(name: str, arms: int, everything: Path) -> None:
    path = RECIPES / f"{name}.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8"))
    assert len(recipe["arms"]) == arms
    assert len(recipe["targets"]) == 9
    plan = said("plan", str(path), "--data", str(everything), *SMALL)
    assert plan["seconds"] > 0
    assert plan["disk"] > 0
    labels = [stage["label"] for stage in plan["stages"]]
    for target in recipe["targets"]:
        assert any(label.startswith(f"predict none seed 0: {target}") for label in labels), target
    for arm in recipe["arms"]:
        assert arm == "none" or f"select {arm} seed 0: intermediate" in labels


def test_the_xtreme_recipe_validates(everything: Path) -> None:
    answer = said("validate", str(RECIPES / "xtreme.yaml"), "--data", str(everything), *SMALL)
    assert answer["valid"]
    assert answer["rows"]["xtreme/bucc2018 test-candidates"] == 72  # 48 in English, 24 mined along


def test_a_target_without_test_rows_is_an_error(everything: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    recipe = {"encoder": str(tiny_encoder), "arms": {"none": {}}, "targets": ["stilts/csqa"]}
    path.write_text(yaml.safe_dump(recipe | {"training": {"target": {"max_length": 48}}}), "utf-8")
    result = CliRunner().invoke(app, ["plan", str(path), "--data", str(everything)])
    assert isinstance(result.exception, RecipeError)
    assert "stilts/csqa has no test data. As an intermediate task it stands under arms" in str(
        result.exception
    )


def test_a_run_of_every_kind_of_task(everything: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    phase = {"epochs": 1, "batch_size": 8, "candidates": 1, "max_length": 48}
    targets = ["xtreme/xnli", "xtreme/udpos", "xtreme/xquad", "xtreme-r/xcopa"]
    searched = ["xtreme/tatoeba", "xtreme/bucc2018", "xtreme-r/lareqa", "xtreme-r/mewslix"]
    recipe = {
        "encoder": str(tiny_encoder),
        "arms": {"none": {}, "csqa": {"tasks": ["stilts/csqa"]}},
        "targets": [*targets, *searched],
        "seeds": [0],
        "controls": {"of": "none"},
        "training": {
            "intermediate": phase,
            "target": phase,
            "per_task": {"xtreme/xquad": {"max_length": 48}},
            "precision": "fp32",
            "threads": 1,
        },
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), "utf-8")
    said("run", str(path), "--data", str(everything), "--out", str(tmp_path / "run"))
    results = Results.load(tmp_path / "run")
    rows = {(row["task"], row["language"]): row for row in results.results}
    assert {task for task, _ in rows} == {*targets, *searched}
    assert rows["xtreme/xnli", "de"]["split"] == "dev, 80% of its sources"
    assert rows["xtreme/udpos", "de"]["metric"] in {"chunk_f1", "token_accuracy"}
    assert rows["xtreme-r/xcopa", "th"]["n"] == 12
    assert rows["xtreme/bucc2018", "zh"]["scoring"] == "ratio-margin-k4"
    assert rows["xtreme-r/mewslix", "ja"]["metric"].endswith("@20")
