from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from xstilts.errors import DataError
from xstilts.recipe import parse_recipe
from xstilts.tasks.base import SPLITS, Task
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import FilesSource, user_task


def write(base: Path, name: str, *lines: str) -> Path:
    path = base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


def reviews(base: Path, split: str, language: str, count: int) -> Path:
    rows = [json.dumps({"review": f"{language} {i}", "stars": i % 3 + 1}) for i in range(count)]
    return write(base, f"reviews/{split}-{language}.jsonl", *rows)


def reviews_task(base: Path, **settings: Any) -> Task:
    columns = {"text": "review", "label": "stars"}
    settings = {
        "type": "classification",
        "files": "reviews/{split}-{language}.jsonl",
        "columns": columns,
    } | settings
    return user_task("my/reviews", UserTask(**settings), base)


def retrieval(base: Path, **settings: Any) -> FilesSource:
    return FilesSource("my/pairs", UserTask(type="sentence-retrieval", **settings), base)


def fails(task: Task, split: str, language: str) -> str:
    """The message, and a check that `validate` and `rows` tell the same."""
    assert isinstance(task.source, FilesSource)
    problems = task.source.validate(split, language)
    with pytest.raises(DataError) as error:
        task.source.rows(split, language)
    for problem in problems[:5]:
        assert str(problem) in str(error.value)
    assert problems
    return str(error.value)


# --- the usual case


def test_reviews_in_three_languages(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 30)
    for code in ("en", "deu", "zh-CN", "old_copy"):
        reviews(tmp_path, "test", code, 6)
    task = reviews_task(tmp_path)
    assert task.languages == ("de", "en", "zh")
    assert task.labels == ("1", "2", "3")
    assert task.source.languages("train") == task.source.languages("dev") == ("en",)
    assert task.source.rows("test", "zh")[1] == {"id": "1", "source": "zh/1", "text": "zh-CN 1", "label": "2"}
    train, dev = task.source.rows("train", "en"), task.source.rows("dev", "en")
    assert len(train) + len(dev) == 30
    assert not {row["id"] for row in train} & {row["id"] for row in dev}
    assert task.source.validate("test", "de") == []  # type: ignore[attr-defined]


def test_dev_files_are_used_where_they_are(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 30)
    reviews(tmp_path, "dev", "en", 4)
    reviews(tmp_path, "test", "en", 3)
    source = reviews_task(tmp_path).source
    assert [len(source.rows(split, "en")) for split in SPLITS] == [30, 4, 3]


def test_declared_languages_come_in_order_and_choose_among_codes(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 9)
    for code in ("de", "deu", "sw", "fr"):
        reviews(tmp_path, "test", code, 3)
    task = reviews_task(tmp_path, languages=["swh", "deu"])
    assert task.languages == ("sw", "de")
    assert task.source.rows("test", "de")[0]["text"] == "deu 0"
    with pytest.raises(DataError, match=r"de and deu in file names are the same language \(de\)"):
        reviews_task(tmp_path)


def test_a_pattern_for_each_split_and_parallel_sources(tmp_path: Path) -> None:
    write(tmp_path, "english.csv", "label,text", "10,a", "9,b")
    write(tmp_path, "de/part1.tsv", "text\tlabel\tnr", "x\t9\tA", "y\t10\tB")
    write(tmp_path, "de/part2.tsv", "text\tlabel\tnr", "z\t9\tC")
    files = {"train": "english.csv", "test": "{language}/part*.tsv"}
    task = user_task(
        "my/x", UserTask(type="classification", files=files, parallel=True, columns={}), tmp_path
    )
    assert task.labels == ("9", "10")
    assert [(row["id"], row["source"]) for row in task.source.rows("test", "de")] == [
        ("0", "0"),
        ("1", "1"),
        ("2", "2"),
    ]


def test_pairs_are_read_without_being_named(tmp_path: Path) -> None:
    write(tmp_path, "test-en.tsv", "text\ttext_pair\tlabel", "a\tb\tyes")
    spec = UserTask(type="classification", files="{split}-{language}.tsv", labels=["yes", "no"])
    assert user_task("my/x", spec, tmp_path).source.rows("test", "en")[0]["text_pair"] == "b"


def test_columns_by_position_mean_no_header(tmp_path: Path) -> None:
    write(tmp_path, "test-en.tsv", "a\tyes", "b\tno")
    settings: dict[str, Any] = {
        "type": "classification",
        "files": "{split}-{language}.tsv",
        "labels": ["yes", "no"],
    }
    by_position = UserTask(**settings, columns={"text": 0, "label": 1})
    assert len(FilesSource("x", by_position, tmp_path).rows("test", "en")) == 2
    skipped = UserTask(**settings, columns={"text": 0, "label": 1}, header=True)
    assert [row["text"] for row in FilesSource("x", skipped, tmp_path).rows("test", "en")] == ["b"]


def test_english_only_intermediate_task(tmp_path: Path) -> None:
    write(tmp_path, "train.tsv", "text\tlabel", *(f"t{i}\t{'ab'[i % 2]}" for i in range(20)))
    task = user_task("my/i", UserTask(type="classification", files={"train": "train.tsv"}), tmp_path)
    assert (task.languages, task.labels) == ((), ("a", "b"))
    assert len(task.source.rows("train", "en")) + len(task.source.rows("dev", "en")) == 20


def test_tagging_files(tmp_path: Path) -> None:
    write(tmp_path, "train-en.tsv", "Rome\tB-LOC", ".\tO", "", "hm\tO")
    write(tmp_path, "test-sw.tsv", "", "", "sw:Roma\tB-LOC")
    task = user_task("my/ner", UserTask(type="tagging", files="{split}-{language}.tsv"), tmp_path)
    assert task.labels == ("B-LOC", "O")
    spec = UserTask(type="tagging", files="{split}-{language}.tsv", language_prefix=True)
    source = user_task("my/ner", spec, tmp_path).source
    assert source.rows("test", "sw") == [{"id": "0", "source": "sw/0", "tokens": ["Roma"], "tags": ["B-LOC"]}]


def test_aligned_line_files_and_a_side_shared_by_all(tmp_path: Path) -> None:
    write(tmp_path, "de-en.de", "eins", "zwei")
    write(tmp_path, "de-en.en", "one", "two")
    source = retrieval(tmp_path, files={"text": "{language}-en.{language}", "target": "{language}-en.en"})
    assert source.languages("test") == ("de",)
    assert source.rows("test", "de")[1] == {"id": "1", "source": "de/1", "text": "zwei", "target": "two"}
    for code in ("en", "fr", "sw"):
        write(tmp_path, f"all/{code}.txt", "x", "y")
    shared = retrieval(tmp_path, files={"text": "all/{language}.txt", "target": "all/en.txt"}, parallel=True)
    assert shared.languages("test") == ("fr", "sw")


def test_dev_from_test_takes_the_same_sources_in_every_language(tmp_path: Path) -> None:
    for code in ("de", "sw"):
        write(tmp_path, f"{code}.tsv", "text\ttarget", *(f"{code} {i}\ten {i}" for i in range(200)))
    source = retrieval(tmp_path, files="{language}.tsv", dev_from="test", parallel=True)
    assert source.languages("dev") == source.languages("test") == ("de", "sw")
    dev = [{row["source"] for row in source.rows("dev", code)} for code in ("de", "sw")]
    test = {row["source"] for row in source.rows("test", "de")}
    assert dev[0] == dev[1]
    assert dev[0] | test == {str(i) for i in range(200)}
    assert 20 < len(dev[0]) < 60


# --- fingerprints


def test_fingerprints_follow_content_and_settings_only(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 30)
    path = reviews(tmp_path, "test", "en", 6)
    source = reviews_task(tmp_path).source
    before = {split: source.fingerprint(split, "en") for split in SPLITS}
    assert len(set(before.values())) == 3
    os.utime(path, (1, 1))
    assert source.fingerprint("test", "en") == before["test"]
    for changed in ({"parallel": True}, {"columns": {"text": "stars", "label": "stars"}}, {"quoting": "csv"}):
        assert reviews_task(tmp_path, **changed).source.fingerprint("test", "en") != before["test"]
    assert reviews_task(tmp_path, notes="x").source.fingerprint("test", "en") == before["test"]
    reviews(tmp_path, "dev", "en", 3)
    again = reviews_task(tmp_path).source  # files are looked for once
    assert again.fingerprint("train", "en") != before["train"]  # nothing is set aside any more
    reviews(tmp_path, "test", "en", 7)
    assert source.fingerprint("test", "en") != before["test"]


def test_fingerprint_tells_the_sides_of_a_pair_apart(tmp_path: Path) -> None:
    write(tmp_path, "de-en.de", "eins")
    write(tmp_path, "de-en.en", "one")
    sides = {"text": "{language}-en.{language}", "target": "{language}-en.en"}
    turned = {"text": sides["target"], "target": sides["text"]}
    prints = {retrieval(tmp_path, files=files).fingerprint("test", "de") for files in (sides, turned)}
    assert len(prints) == 2
    for name in ("de-en.de", "de-en.en"):
        write(tmp_path, name, "changed")
        prints.add(retrieval(tmp_path, files=sides).fingerprint("test", "de"))
    assert len(prints) == 4


# --- what is wrong with the rows


def test_bad_rows_are_named_by_file_and_line(tmp_path: Path) -> None:
    rows = ["text\tlabel", "good\tyes", "\tyes", "b\t", "c\tyess", "d", "e\tno\tno", "f\tno", "g\tmaybe"]
    path = write(tmp_path, "test-en.tsv", *rows)
    spec = UserTask(type="classification", files="{split}-{language}.tsv", labels=["yes", "no"])
    message = fails(user_task("my/x", spec, tmp_path), "test", "en")
    assert message.splitlines() == [
        "task my/x, test, en: 6 problems",
        f"  {path}, line 3: text: is empty. Expected text",
        f"  {path}, line 4: label: is missing. Expected one of: yes, no",
        f"  {path}, line 5: label: unknown label 'yess'. Did you mean 'yes'?",
        f"  {path}, line 6: expected 2 columns as in the first line, found 1",
        f"  {path}, line 7: expected 2 columns as in the first line, found 3",
        "… and 1 more".rjust(14),
    ]


def test_labels_of_the_training_file_bind_the_test_files(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 9)
    write(tmp_path, "reviews/test-de.jsonl", '{"review": "a", "stars": 5}', '{"stars": 1}')
    message = fails(reviews_task(tmp_path), "test", "de")
    assert "line 1: label (column 'stars'): unknown label '5'. Known: 1, 2, 3." in message


def test_wrong_column(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 9)
    write(tmp_path, "reviews/test-de.jsonl", *['{"reviews": "a", "stars": 1}'] * 9)
    message = fails(reviews_task(tmp_path), "test", "de")
    assert "1 problem\n" in message
    assert "line 1: there is no column 'review'. Did you mean 'reviews'? Columns: reviews, stars." in message


def test_duplicate_ids(tmp_path: Path) -> None:
    path = write(tmp_path, "test-en.tsv", "key\ttext\ttarget", "1\ta\tb", "2\ta\tb", "1\ta\tb")
    source = retrieval(tmp_path, files="{split}-{language}.tsv", columns={"id": "key"})
    assert [str(problem) for problem in source.validate("test", "en")] == [
        f"{path}, line 4: the id '1' is also in test-en.tsv, line 2. If ids mean nothing, say `repeated_ids: true`"
    ]


@pytest.mark.parametrize("lines", [[], ["text\ttarget"]])
def test_empty_split(tmp_path: Path, lines: list[str]) -> None:
    path = write(tmp_path, "test-en.tsv", *lines)
    (problem,) = retrieval(tmp_path, files="{split}-{language}.tsv").validate("test", "en")
    assert str(problem) == f"{path}: there are no rows. Expected at least one"


def test_not_utf8_is_found_by_validate(tmp_path: Path) -> None:
    path = write(tmp_path, "test-en.tsv", "text\ttarget", "a\tb")
    path.write_bytes(path.read_bytes() + "ä\tb\n".encode("latin-1"))
    (problem,) = retrieval(tmp_path, files="{split}-{language}.tsv").validate("test", "en")
    assert problem.line == 3
    assert "is not UTF-8" in problem.message


def test_too_few_rows_for_dev(tmp_path: Path) -> None:
    write(tmp_path, "train-en.tsv", "text\tlabel", "a\tx")
    spec = UserTask(type="classification", files="{split}-{language}.tsv")
    source = user_task("my/x", spec, tmp_path).source
    with pytest.raises(DataError, match="too few rows to set some aside for dev"):
        source.rows("dev", "en")


# --- what is wrong with the files


def test_a_language_without_a_test_file(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 9)
    reviews(tmp_path, "test", "de", 3)
    with pytest.raises(DataError) as error:
        reviews_task(tmp_path, languages=["de", "sw", "th"])
    folder = tmp_path / "reviews"
    assert str(error.value).splitlines() == [
        "task my/reviews: 2 problems",
        f"  {folder}/test-sw.jsonl: there is no test file for sw. Files there: test-de.jsonl.",
        f"  {folder}/test-th.jsonl: there is no test file for th. Files there: test-de.jsonl.",
    ]


def test_no_files_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no test file for en. The folder .*reviews does not exist"):
        reviews_task(tmp_path)
    write(tmp_path, "reviews/tset-en.jsonl", "{}")
    with pytest.raises(DataError, match=r"Nothing there fits; .*reviews has: tset-en.jsonl"):
        reviews_task(tmp_path)


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_mistyped_pattern_of_a_split(tmp_path: Path, split: str) -> None:
    for one in ("train", "dev", "test"):
        reviews(tmp_path, one, "en", 9)
    files = {one: f"reviews/{one}-{{language}}.jsonl" for one in ("train", "dev", "test")}
    mistyped = f"reviews/x{split}-{{language}}.jsonl"
    with pytest.raises(DataError) as error:
        reviews_task(tmp_path, files=files | {split: mistyped})
    title, problem = str(error.value).splitlines()
    assert title == "task my/reviews: 1 problem"
    assert problem.startswith(f"  {tmp_path / mistyped}: no {split} file fits this. Nothing there fits; ")
    assert f"reviews has: {split}-en.jsonl, " in problem


def test_a_wrong_column_of_the_training_file_is_the_headline(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 9)
    reviews(tmp_path, "test", "de", 3)
    with pytest.raises(DataError) as error:
        reviews_task(tmp_path, columns={"text": "reviw", "label": "stars"})
    title, problem = str(error.value).splitlines()
    assert title == "task my/reviews, train, en: 1 problem"
    assert "there is no column 'reviw'. Did you mean 'review'?" in problem


def test_fingerprint_and_rows_of_what_is_not_there(tmp_path: Path) -> None:
    reviews(tmp_path, "train", "en", 9)
    reviews(tmp_path, "test", "de", 3)
    task = reviews_task(tmp_path)
    with pytest.raises(DataError, match=r"no train file for de\. Files there: train-en\.jsonl"):
        task.source.fingerprint("train", "de")
    assert "there is no test file for sw" in fails(task, "test", "sw")


def test_labels_unknown_without_training_rows(tmp_path: Path) -> None:
    reviews(tmp_path, "test", "de", 3)
    with pytest.raises(DataError, match=r"needs `labels: \[…\]`(.|\n)*there is no train file for en"):
        reviews_task(tmp_path)


# --- what is wrong with the declaration


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"type": "clasification"}, "unknown task type 'clasification'. Did you mean 'classification'?"),
        ({"format": "jsonlines"}, "unknown format 'jsonlines'. Did you mean 'jsonl'?"),
        ({"columns": {"txt": "a"}}, "unknown column of classification 'txt'. Did you mean 'text'?"),
        ({"files": "{split}-{lang}.tsv"}, "unknown placeholder 'lang'. Did you mean 'language'?"),
        ({"files": {"val": "a.tsv"}}, "expected the keys train, dev, test or text, target; got val"),
        (
            {"files": {"text": "a", "target": "b"}},
            "text and target are for sentence-retrieval, not classification",
        ),
        ({"languages": ["de", "klingonish"]}, "'klingonish' is not a"),
        ({"type": "tagging", "columns": {}, "quoting": "all"}, "Input should be 'none' or 'csv'"),
        ({"type": "multiple-choice", "columns": {}, "labels": ["A"]}, "labels: multiple-choice has none"),
        ({"colums": {}}, "Extra inputs are not permitted"),
    ],
)
def test_declarations_that_cannot_be(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        UserTask.model_validate({"type": "classification", "files": "{split}-{language}.tsv"} | changed)
    assert message in str(error.value)


def test_aligned_files_take_no_wildcards() -> None:
    with pytest.raises(ValidationError, match="leave out"):
        UserTask(type="sentence-retrieval", files={"text": "*.{language}", "target": "en"})


def test_declared_in_a_recipe_and_written_back() -> None:
    text = """
    {encoder: x, arms: {none: {}}, targets: [my/r], tasks: {my/r: {type: multiple-choice, languages: [en, no],
     files: "{split}-{language}.jsonl", columns: {text: 0, choices: [a, b], label: "1"}, label_base: 1}}}
    """
    recipe = parse_recipe(text)
    task = recipe.tasks["my/r"]
    assert task.columns == {"text": 0, "choices": ("a", "b"), "label": "1"}
    assert task.languages == ("en", "no")
    assert parse_recipe(recipe.to_yaml()) == recipe
