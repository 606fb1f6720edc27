"""Labels of one training row alone are noted where they may be slips, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import FilesSource
from xstilts.tasks.rare_labels import rare_labels


def notes(folder: Path, given: list[str], **task: Any) -> list[str]:
    lines = [f"w{number}\t{label}" for number, label in enumerate(given)]
    (folder / "train-en.tsv").write_text("\n".join(["text\tlabel", *lines, ""]), "utf-8")
    spec = UserTask(type="classification", files="{split}-{language}.tsv", **task)
    return rare_labels(FilesSource("my/x", spec, folder), "en")


def test_a_slip_names_file_and_nearest_label(tmp_path: Path) -> None:
    assert notes(tmp_path, ["good", "bad"] * 30 + ["goood"]) == [
        "my/x, train, en (train-en.tsv): the label 'goood' is in one row only. Is 'good' meant?"
    ]


@pytest.mark.parametrize("labels", [["good", "bad"] * 2, ["good", "bad", "mixed"]])
def test_labels_that_recur_or_all_stand_alone_are_no_slips(tmp_path: Path, labels: list[str]) -> None:
    assert notes(tmp_path, labels) == []


def test_declared_labels_are_meant(tmp_path: Path) -> None:
    assert notes(tmp_path, ["good", "good", "bad"], labels=["good", "bad"]) == []


def test_many_are_counted(tmp_path: Path) -> None:
    found = notes(tmp_path, ["good"] * 9 + [f"{number}x" for number in range(7)])
    assert len(found) == 6
    assert found[-1] == "my/x: 2 more labels in one row only"
