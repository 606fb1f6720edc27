"""Where the rows of a published task come from: layouts in order, the Hub, parts put together, tasks joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import benchmark_trees as trees
from xstilts.errors import DataError, RecipeError
from xstilts.tasks.base import Row, Source, Task
from xstilts.tasks.building import SUBMISSION, Unlabelled
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.published import (
    ConcatenatedSource,
    JoinedSource,
    Layout,
    PublishedSource,
    files_layout,
    joined_task,
)
from xstilts.tasks.readers import Record
from xstilts.tasks.reading import Reading
from xstilts.tasks.rows import BadRowError


@dataclass(frozen=True)
class Fixed:
    """A source of rows that are given: texts by (split, language)."""

    texts: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    repository: str = "some/repository"
    described: str = "some/repository"
    broken: bool = False

    def languages(self, split: str) -> tuple[str, ...]:
        return tuple(language for one, language in self.texts if one == split)

    def fingerprint(self, split: str, language: str) -> str:
        return f"{self.repository}/{split}/{language}"

    def rows(self, split: str, language: str) -> list[Row]:
        if self.broken:
            raise DataError("no network")
        return [{"id": text, "source": text, "text": text} for text in self.texts[split, language]]

    def origin(self, split: str) -> str:
        return split


def layout(name: str, **splits: str) -> Layout:
    """A layout with one text, its name, in the languages of each split."""
    texts = {(split, code): [name] for split, codes in splits.items() for code in codes.split()}
    return Layout(name, lambda folder: Fixed(texts), (f"{name}/*.tsv",), f"https://{name}", f"{name}'s test")


def published(*layouts: Layout, hub: Fixed | None = None, data: Path | None = Path()) -> PublishedSource:
    return PublishedSource("suite/task", layouts, data, hub)


def texts(source: Source, split: str, language: str = "en") -> list[str]:
    return [row["text"] for row in source.rows(split, language)]


# --- which place


def test_the_first_layout_with_a_split_serves_it() -> None:
    source = published(layout("a", train="en"), layout("b", train="en", test="de en", dev="en"))
    assert [texts(source, split) for split in ("dev", "test")] == [["b"], ["b"]]
    assert source.languages("test") == ("de", "en")


def test_training_rows_come_from_where_dev_rows_come_from() -> None:
    """The dev rows may have been set aside from the training rows."""
    whole, divided = layout("whole", train="en"), layout("divided", train="en", dev="en", test="de")
    assert texts(published(whole, divided), "train") == ["divided"]
    assert texts(published(whole, layout("other", dev="en", test="de")), "train") == ["whole"]


def test_dev_and_test_come_from_one_layout() -> None:
    source = published(layout("a", dev="en"), layout("b", dev="en", test="en"))
    assert texts(source, "dev") == ["b"]
    assert texts(published(layout("a", dev="en")), "dev") == ["a"]
    without = published(layout("a", dev="en"), layout("b", test="en"))
    with pytest.raises(DataError, match="no dev data"):
        without.rows("dev", "en")


def test_the_hub_serves_what_no_layout_has() -> None:
    hub = Fixed({("train", "en"): ["hub"], ("test", "en"): ["hub"]})
    source = published(layout("a", test="en"), hub=hub)
    assert (texts(source, "train"), texts(source, "test")) == (["hub"], ["a"])
    assert (source.origin("train"), source.origin("test")) == ("train", "a's test")
    assert source.found("train") is None
    assert texts(published(layout("a", test="en"), hub=hub, data=None), "test") == ["hub"]


def test_dev_never_comes_from_the_hub_beside_test_rows_of_files() -> None:
    source = published(layout("a", test="en"), hub=Fixed({("dev", "en"): ["hub"]}))
    with pytest.raises(DataError, match="no dev data"):
        source.languages("dev")


def test_what_is_missing_is_said_in_one_message() -> None:
    source = published(layout("a"), layout("b"), data=Path("somewhere"))
    with pytest.raises(DataError) as error:
        source.rows("test", "en")
    assert str(error.value).split("\n") == [
        "suite/task: no test data below somewhere. Any of these would do:",
        "  a: a/*.tsv  (https://a)",
        "  b: b/*.tsv  (https://b)",
    ]
    with pytest.raises(DataError, match=r"no data folder was given \(--data DIR or XSTILTS_DATA\)"):
        published(layout("a"), data=None).languages("test")


def test_where_the_hub_fails_the_layouts_are_named_too() -> None:
    source = published(layout("a"), hub=Fixed({("test", "en"): []}, broken=True))
    with pytest.raises(DataError, match=r"no network\nsuite/task: no test data[^|]*a/\*\.tsv"):
        source.rows("test", "en")


def test_a_split_that_a_task_does_not_have_is_empty() -> None:
    source = PublishedSource("suite/task", (layout("a", train="en"),), Path(), None, ("train",))
    assert source.languages("test") == ()


# --- files


def test_languages_that_are_not_there_are_no_error(tmp_path: Path) -> None:
    trees.put(tmp_path, "x/test-de.tsv", ["text\tlabel", "gut\t1"])
    spec = UserTask(
        type="classification",
        files={"test": "x/test-{language}.tsv"},
        languages=("de", "sw"),
        labels=("0", "1"),
    )
    source = published(files_layout("x", "there", spec), data=tmp_path)
    assert source.languages("test") == ("de",)


def cleaned(
    tmp_path: Path, clean: Callable[[Record, str], Record | None], beside: tuple[str, ...] = ()
) -> Source:
    trees.put(tmp_path, "x/test-de.tsv", ["text\tlabel", "gut\t1", "schlecht\t0"])
    spec = UserTask(type="classification", files={"test": "x/test-{language}.tsv"}, labels=("0", "1"))
    return published(
        files_layout("x", "there", spec, reading=lambda folder: Reading(clean=clean, beside=beside)),
        data=tmp_path,
    )


def test_records_are_changed_or_left_out_on_the_way(tmp_path: Path) -> None:
    source = cleaned(tmp_path, lambda one, code: one | {"text": code} if one["label"] == "1" else None)
    assert texts(source, "test", "de") == ["de"]


def test_a_bad_record_is_told_with_its_line(tmp_path: Path) -> None:
    def clean(record: Record, language: str) -> Record:
        raise BadRowError("no good")

    with pytest.raises(DataError, match=r"2 problems\n.*test-de\.tsv, line 2: no good"):
        cleaned(tmp_path, clean).rows("test", "de")


def test_files_that_are_looked_at_beside_enter_the_fingerprint(tmp_path: Path) -> None:
    def clean(record: Record, language: str) -> Record:
        return record

    other = trees.put(tmp_path, "other.tsv", ["one"])
    before = cleaned(tmp_path, clean, ("other.tsv",)).fingerprint("test", "de")
    other.write_text("two")
    assert cleaned(tmp_path, clean, ("other.tsv",)).fingerprint("test", "de") != before


def test_one_file_of_several_languages(tmp_path: Path) -> None:
    trees.put(tmp_path, "all.tsv", ["lg\ttext\tlabel", "deu\tgut\t1", "en\tgood\t1", "??\tx\t1"])
    settings = {
        "type": "classification",
        "files": {"test": "all.tsv"},
        "labels": ("0", "1"),
        "languages": ("de", "en", "sw"),
    }
    source = published(files_layout("x", "there", UserTask(**settings, language_column="lg")), data=tmp_path)
    assert texts(source, "test", "de") == ["gut"]
    assert texts(source, "test", "en") == ["good"]
    with pytest.raises(DataError, match="there are no rows"):
        source.rows("test", "sw")
    other = published(files_layout("x", "there", UserTask(**settings, language_column="lang")), data=tmp_path)
    with pytest.raises(
        DataError, match=r"there is no column 'lang', the language_column\. Columns: lg, text, label"
    ):
        other.rows("test", "de")


# --- rows for a submission


def test_rows_without_answers(tmp_path: Path) -> None:
    for code in ("de", "tl", "en"):
        trees.put(tmp_path, f"x/{code}.a", [f"{code} one", f"{code} two"])
        if code != "en":
            trees.put(tmp_path, f"x/{code}.b", ["other"])

    def build(first: Path, second: Path) -> list[Row]:
        return [{"text": first.read_text() + second.read_text()}]

    spec = Unlabelled(("x/{language}.a", "x/{language}.b"), ("de", "tl", "en"), build)
    layouts = (Layout("x", lambda folder: Fixed(), (), "", submission=spec.at),)
    source = PublishedSource("suite/task", layouts, tmp_path)
    assert source.languages(SUBMISSION) == ("de", "fil")
    assert source.rows(SUBMISSION, "fil") == [{"id": "0", "source": "0", "text": "tl one\ntl two\nother\n"}]
    before = source.fingerprint(SUBMISSION, "de")
    trees.put(tmp_path, "x/de.b", ["changed"])
    assert source.fingerprint(SUBMISSION, "de") != before


# --- several sources


def test_parts_are_put_together() -> None:
    parts = {
        "a": Fixed({("train", "en"): ["1", "2"]}),
        "b": Fixed({("train", "en"): ["1"], ("test", "en"): ["9"]}),
    }
    source = ConcatenatedSource(parts)
    assert [row["id"] for row in source.rows("train", "en")] == ["a/1", "a/2", "b/1"]
    assert [row["source"] for row in source.rows("train", "en")] == ["a/1", "a/2", "b/1"]
    assert source.languages("test") == ()


def test_a_part_that_is_missing_is_named() -> None:
    missing = PublishedSource("suite/task (SNLI)", (layout("snli"),), Path("data"))
    source = ConcatenatedSource({"a": Fixed({("train", "en"): ["1"]}), "snli": missing})
    with pytest.raises(DataError, match=r"suite/task \(SNLI\): no train data below data"):
        source.languages("train")


def test_training_rows_of_another_source() -> None:
    train, test = Fixed({("train", "en"): ["t"], ("dev", "en"): ["d"]}), Fixed({("test", "de"): ["x"]})
    source = JoinedSource(train, "en", test)
    assert [texts(source, *place) for place in (("train", "en"), ("dev", "en"), ("test", "de"))] == [
        ["t"],
        ["d"],
        ["x"],
    ]
    own = JoinedSource(train, "en", Fixed({("dev", "en"): ["own"], ("test", "de"): ["x"]}))
    assert texts(own, "dev", "en") == ["own"]


def simple(name: str, kind: str = "classification", labels: tuple[str, ...] = ("0", "1")) -> Task:
    return Task(name, kind, Fixed({("train", "en"): ["x"]}), ("en",), name, labels)


def test_tasks_are_joined_only_where_they_fit() -> None:
    joined = joined_task("my/task", simple("a"), simple("b", labels=("1", "0")))
    assert (joined.name, joined.labels, joined.summary) == ("my/task", ("0", "1"), "a; trained on b")
    with pytest.raises(RecipeError, match="a is a classification task, b a tagging task"):
        joined_task("my/task", simple("a"), simple("b", "tagging"))
    with pytest.raises(RecipeError, match="b has the label '2', a has 0, 1"):
        joined_task("my/task", simple("a"), simple("b", labels=("0", "2")))
