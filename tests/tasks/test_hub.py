"""Datasets of the Hub, read from local folders of the same form; nothing here goes to the network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import benchmark_trees as trees
from xstilts.errors import DataError
from xstilts.hashing import cache_dir
from xstilts.tasks.hub import EXPORTS, HubSource, HubTask, named
from xstilts.tasks.rows import RowRules

LABELS = ("no", "yes")


def records(prefix: str, count: int = 4) -> list[dict[str, Any]]:
    return [{"sentence": f"{prefix} {i}", "label": i % 3 - 1} for i in range(count)]


@pytest.fixture
def spec(tmp_path: Path) -> HubTask:
    splits = {"train": records("train"), "train2": records("more"), "validation": records("dev", 40)}
    folder = trees.write_dataset(
        tmp_path / "data", {"english": splits, "german": {"validation": records("de")}}
    )
    return HubTask(
        folder,
        {"en": "english", "de": "german"},
        {"train": "train+train2", "dev": "validation"},
        {"text": "sentence", "label": "label"},
        RowRules("classification", LABELS),
        clean=named("label", LABELS),
    )


def test_rows_of_a_configuration(spec: HubTask) -> None:
    source = HubSource(spec)
    assert [row["text"] for row in source.rows("dev", "de")] == ["de 1", "de 2"]
    assert [row["label"] for row in source.rows("dev", "de")] == ["no", "yes"]
    assert source.languages("dev") == ("de", "en")
    assert source.languages("test") == ()


def test_several_splits_are_one_training_set(spec: HubTask) -> None:
    assert [row["text"] for row in HubSource(spec).rows("train", "en")] == [
        "train 1",
        "train 2",
        "more 1",
        "more 2",
    ]
    assert HubSource(spec).languages("train") == ("en",)


def test_dev_rows_are_set_aside_from_the_only_split(spec: HubTask) -> None:
    carved = HubSource(replace(spec, splits={"test": "validation"}, carved=True))
    dev, test = carved.rows("dev", "en"), carved.rows("test", "en")
    assert {row["id"] for row in dev}.isdisjoint(row["id"] for row in test)
    assert len(dev) + len(test) == 26
    assert (carved.origin("dev"), carved.origin("test")) == ("dev", "test, 80% of its sources")
    assert carved.languages("dev") == ("de", "en")


def test_parquet_files_that_the_hub_makes_itself(tmp_path: Path, spec: HubTask) -> None:
    for split, count in (("train", 3), ("train2", 6)):
        path = tmp_path / f"exported/default/{split}/0000.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(records(split, count)), path)
    exported = replace(spec, repository=str(tmp_path / "exported"), configurations={"en": ""}, export=True)
    assert [row["text"] for row in HubSource(exported).rows("train", "en")] == [
        *("train 1", "train 2"),
        *("train2 1", "train2 2", "train2 4", "train2 5"),
    ]


def test_numbers_become_names_also_in_lists() -> None:
    clean = named("label", LABELS)
    assert clean({"label": [1, 0]}, "en") == {"label": ["yes", "no"]}
    assert clean({"label": 7}, "en") == {"label": 7}
    assert clean({"label": "yes"}, "en") == {"label": "yes"}
    assert clean({"label": -1}, "en") is clean({"other": 1}, "en") is None


def test_bad_records_are_counted(spec: HubTask) -> None:
    plain = replace(spec, clean=lambda record, language: record | {"label": "maybe"})
    with pytest.raises(DataError, match=r"4 problems\n.*german dev, line 1: label: unknown label 'maybe'"):
        HubSource(plain).rows("dev", "de")
    other = replace(spec, columns={"text": "text", "label": "label"})
    with pytest.raises(DataError, match="there is no column 'text'"):
        HubSource(other).rows("dev", "de")


def test_a_split_that_is_not_there(spec: HubTask) -> None:
    with pytest.raises(DataError, match="could not be read from the Hugging Face Hub"):
        HubSource(replace(spec, splits={"test": "nowhere"})).rows("test", "en")


class Asked:
    """Stands in for the Hub's client: every answer is another revision."""

    count = 0

    def dataset_info(self, repository: str, revision: str | None = None) -> Any:
        Asked.count += 1
        return type("Info", (), {"sha": f"{repository} {revision} {Asked.count}"})


def test_the_revision_is_resolved_once_and_kept(spec: HubTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", Asked)
    source = HubSource(replace(spec, repository="some/where"))
    first = source.fingerprint("dev", "de")
    assert source.fingerprint("dev", "de") == first
    assert "some/where None 1" in first
    recorded = json.loads((cache_dir() / "hub-revisions/some--where.json").read_text())
    assert recorded == {"repository": "some/where", "revision": "some/where None 1"}
    exported = HubSource(replace(spec, repository="an/other", export=True))
    assert f"an/other {EXPORTS}" in exported.revision()
    assert HubSource(replace(spec, repository="x/y", revision="abc")).revision() == "abc"


def test_what_people_read_of_a_repository(spec: HubTask) -> None:
    shown = HubSource(replace(spec, repository="x/y")).described
    assert shown == "x/y; configuration english, german; train = train+train2, dev = validation"
