"""`xstilts show` and `xstilts ls`, as people and scripts read them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import benchmark_trees as trees
from xstilts.cli import app
from xstilts.tasks import Catalogue
from xstilts.tasks.whereabouts import summary, whereabouts

NETWORK = {"HF_HUB_OFFLINE": "1", "COLUMNS": "200"}


def said(*arguments: str, data: Path | None = None) -> str:
    options = ["--data", str(data)] if data else []
    environment = NETWORK | ({} if data else {"XSTILTS_DATA": ""})
    result = CliRunner().invoke(app, [*arguments, *options], env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def answered(*arguments: str, data: Path | None = None) -> Any:
    return json.loads(said(*arguments, "--json", data=data))


BENCHMARK = [task.name for suite in ("stilts", "xtreme", "xtreme-r") for task in Catalogue().suites[suite]]


@pytest.mark.parametrize("name", BENCHMARK)
def test_without_data_a_task_says_where_to_get_it(name: str) -> None:
    shown = answered("show", name)
    assert shown["samples"] == []
    assert shown["layouts"]
    assert all(layout["files"] and layout["get"] for layout in shown["layouts"])
    assert shown["licence"]
    assert shown["url"].startswith("https://")
    assert {split["layout"] for split in shown["splits"]} == {None}
    text = said("show", name)
    assert "not there" in text
    assert "from https://" in text


def test_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    shown = answered("show", "xtreme/xnli", data=tmp_path)
    test = next(split for split in shown["splits"] if split["split"] == "test")
    assert test["layout"] == "xtreme-download"
    assert test["languages"] == ["de", "en", "sw"]
    assert "zh" in test["missing"]
    assert test["reported"] == "dev, 80% of its sources"
    assert set(test["rows"]) == {"de", "en", "sw"}
    assert {split["split"] for split in shown["splits"]} == {"train", "dev", "test", "submission"}
    assert {sample["language"] for sample in shown["samples"]} == {"de", "en"}
    text = said("show", "xtreme/xnli", "--languages", "sw", data=tmp_path)
    assert "xtreme-download: dev, 80% of its sources" in text
    assert "test sw (Swahili)" in text
    assert "test de" not in text


def test_bad_files_are_told_beside_what_is_good(tmp_path: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    trees.put(tmp_path, "xnli/dev-de.tsv", ["one\ttwo\tmaybe"])
    text = said("show", "xtreme/xnli", data=tmp_path)
    assert "unknown label 'maybe'" in text
    assert "test en (English)" in text


@pytest.mark.parametrize("name", BENCHMARK)
def test_every_task_shows_its_rows(name: str, everything: Path) -> None:
    shown = answered("show", name, data=everything)
    assert shown["samples"]
    assert not [sample for sample in shown["samples"] if sample["problem"]]
    assert said("show", name, data=everything)


def test_lists(tmp_path: Path, everything: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    found = {row["task"]: row["found"] for row in answered("ls", "tasks", data=tmp_path)}
    assert found["xtreme/xnli"] == "3 of 15"
    assert found["xtreme/bucc2018"] == "not found"
    assert found["xtreme/panx"] == "Hub"
    assert found["pocket/intents"] == "package"
    assert "3 of 15" in said("ls", "tasks", data=tmp_path)
    assert "give one with --data DIR or XSTILTS_DATA" in said("ls", "tasks")
    suites = {row["suite"]: row["tasks"] for row in answered("ls", "suites")}
    assert [len(suites[name]) for name in ("stilts", "xtreme", "xtreme-r")] == [9, 9, 12]
    assert "Hub" not in {row["found"] for row in answered("ls", "tasks", data=everything)}


def test_training_data_of_another_task_is_named(tmp_path: Path) -> None:
    trees.write_xquad(tmp_path)
    xquad = Catalogue(data=tmp_path).get("xtreme/xquad")
    missing = [(place.part, place.split) for place in whereabouts(xquad) if place.layout is None]
    assert missing == [("xtreme/xquad (SQuAD)", "train"), ("xtreme/xquad (SQuAD)", "dev")]
    assert summary(xquad) == "3 of 11"


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("XSTILTS_DATA"), reason="XSTILTS_DATA is not set")
def test_real_folder() -> None:
    found = {
        row["task"]: row["found"] for row in answered("ls", "tasks", data=Path(os.environ["XSTILTS_DATA"]))
    }
    assert found["xtreme/tatoeba"] == "all"
    assert found["xtreme/panx"] == "18 of 40"
    assert found["xtreme-r/lareqa"] == "4 of 11"
