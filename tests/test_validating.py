"""`xstilts validate DATA`: what a folder of benchmark files holds, what is wrong with it, what is missing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import benchmark_trees as trees
import image_trees
from xstilts.cli import app
from xstilts.errors import UserError
from xstilts.tasks import Catalogue
from xstilts.tasks.files import FilesSource
from xstilts.validating import check_data, holds_data


def validated(folder: Path, *options: str, code: int = 0) -> str:
    environment = {"COLUMNS": "200", "XSTILTS_DATA": "", "HF_HUB_OFFLINE": "1"}
    result = CliRunner().invoke(app, ["validate", str(folder), *options], env=environment)
    assert result.exit_code == code, result.output
    return result.stdout


def answered(folder: Path, code: int = 0) -> Any:
    return json.loads(validated(folder, "--json", code=code))


def test_every_task_of_a_whole_folder_is_there(everything: Path) -> None:
    answer = answered(everything)
    assert answer["valid"]
    suites = Catalogue().suites
    names = {task.name for suite in ("stilts", "xtreme", "xtreme-r") for task in suites[suite]}
    assert answer["tasks"].keys() == names
    assert all(name.startswith(("iglue/", "captions/")) for name in answer["absent"])
    english = {name: answer["tasks"][name]["complete"] for name in names if name.startswith("stilts")}
    assert all(english.values()), english
    bucc = {one["split"]: one for one in answer["tasks"]["xtreme/bucc2018"]["splits"]}
    assert bucc["submission"]["rows"] == {"de": trees.ITEMS, "zh": trees.ITEMS}
    assert bucc["test"]["missing"] == ["fr", "ru"]
    text = validated(everything)
    assert "✓ every row that is there can be read" in text
    assert "xtreme/bucc2018 lacks dev in fr, ru; test in fr, ru" in text
    assert "comparable.limsi.fr" in text


def test_what_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    trees.write_xquad(tmp_path)
    text = validated(tmp_path)
    assert "xtreme/xquad lacks test in ar, el, es, hi, ru, th, tr, vi; train (SQuAD); dev (SQuAD)" in text
    assert "rajpurkar" in text
    assert "Not there: stilts/anli+, stilts/mnli" in text
    answer = answered(tmp_path)
    assert answer["tasks"].keys() == {"xtreme/xquad", "xtreme-r/xquad"}
    ways = answer["tasks"]["xtreme/xquad"]["get"]
    assert {"form": "squad-1.1", "files": ["squad/train-v1.1.json", "squad/dev-v1.1.json"]}.items() <= ways[
        1
    ].items()


def test_bad_rows_are_listed_once(tmp_path: Path) -> None:
    trees.write_xnli_tree(tmp_path)
    trees.write_treebanks(tmp_path)
    trees.put(tmp_path, "xnli/dev-de.tsv", ["one\ttwo\tmaybe", "one"])
    answer = answered(tmp_path, code=2)
    assert not answer["valid"]
    problems = [one for split in answer["tasks"]["xtreme/xnli"]["splits"] for one in split["problems"]]
    assert problems[0].startswith("xtreme/xnli, xtreme-download, dev, de: 2 problems")
    assert "dev-de.tsv, line 1: label (column 2): unknown label 'maybe'" in problems[0]
    assert "line 2: expected 3 columns" in problems[0]
    text = validated(tmp_path, code=2)
    assert text.count("unknown label 'maybe'") == 2  # the dev part and the test part are of one file
    assert "every row that is there can be read" not in text


def test_rows_are_read_once_for_both_suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.write_xnli_tree(tmp_path)
    read: list[tuple[str, str]] = []
    monkeypatch.setattr(
        FilesSource, "rows", lambda source, split, language: read.append((split, language)) or [{}]
    )
    told: list[str] = []
    check = check_data(tmp_path, told.append)
    assert [task.task.name for task in check.tasks] == [
        *("stilts/anli+", "stilts/mnli", "xtreme/xnli", "xtreme-r/xnli")
    ]
    assert "xtreme-r/xnli test de" in told
    assert read.count(("test", "de")) == 1


def test_a_folder_of_predictions_is_no_data(tmp_path: Path) -> None:
    trees.put(tmp_path, "xnli/test-de.tsv", ["neutral"] * 3)
    trees.put(tmp_path, "tatoeba/test-af.tsv", ["1"] * 3)
    assert not holds_data(tmp_path)
    assert "xnli" in validated(tmp_path, code=2)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        check_data(tmp_path / "nowhere")


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("XSTILTS_DATA"), reason="XSTILTS_DATA is not set")
def test_every_real_row_can_be_read() -> None:
    check = check_data(Path(os.environ["XSTILTS_DATA"]))
    assert check.problems == []
    assert len(check.tasks) == 27


def test_missing_images_are_listed_and_no_images_are_told(tmp_path: Path) -> None:
    image_trees.write_xflickrco(tmp_path / "iglue")
    answer = answered(tmp_path)
    told = answer["tasks"]["iglue/xflickrco"]["images"]
    assert not told["missing"]
    assert "no images below" in told["absent"] and "flickr30k/images/{image}" in told["absent"]
    assert "no images below" in validated(tmp_path)
    image_trees.put_images(tmp_path / "flickr30k/images", ["101.jpg"])
    answer = answered(tmp_path, code=2)
    assert not answer["valid"]
    assert "11 of 12 images are not in" in answer["tasks"]["iglue/xflickrco"]["images"]["missing"][-3]
    assert "✗ iglue/xflickrco, test, en: 11 of 12 images are not in" in validated(tmp_path, code=2)
