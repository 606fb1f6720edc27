from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from xstilts.errors import DataError, RecipeError
from xstilts.recipe import parse_recipe
from xstilts.tasks.base import Row, Task
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import user_task
from xstilts.tasks.problems import Problem
from xstilts.tasks.readers import read
from xstilts.tasks.squad import SpanOptions, read_answers, read_squad

CONTEXT = "Köln lies on the Rhine. It has a million people; Köln is old."


def question(id: str, text: str = "Where does it lie?", *answers: Any, **more: Any) -> dict[str, Any]:
    given = answers or ({"text": "the Rhine", "answer_start": 13},)
    return {"id": id, "question": text, "answers": list(given), **more}


def nested(*questions: dict[str, Any], context: str = CONTEXT) -> dict[str, Any]:
    """A file of one paragraph, with what other benchmarks put into theirs beside."""
    paragraph = {
        "context": context,
        "qas": list(questions),
        "sentences": ["…"],
        "sentence_breaks": [[0, 23]],
    }
    return {"version": "1.1", "data": [{"title": "Köln", "paragraphs": [paragraph]}]}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def problems(path: Path) -> list[str]:
    found: list[Problem] = []
    list(read(path, "squad", report=found.append))
    return [str(problem) for problem in found]


# --- nested JSON


def test_questions_of_all_articles_and_paragraphs(tmp_path: Path) -> None:
    both = nested(question("1"), question("2", "Since when?", is_impossible=False))
    both["data"].append({"paragraphs": [{"context": "a", "qas": []}, {"context": "b c", "qas": []}]})
    both["data"][1]["paragraphs"][1]["qas"] = [
        question("3", "?", {"text": "c", "answer_start": 2}),
        {"id": "4", "question": "??", "is_impossible": True, "plausible_answers": [{"text": "b"}]},
    ]
    found = [record for _, record in read_squad(write(tmp_path / "x.json", both))]
    assert [record["id"] for record in found] == ["1", "2", "3", "4"]
    assert [record["context"] for record in found] == [CONTEXT, CONTEXT, "b c", "b c"]
    assert found[0]["answers"] == [{"text": "the Rhine", "answer_start": 13}]
    assert found[3]["answers"] == []
    packed = tmp_path / "x.json.gz"
    packed.write_bytes(gzip.compress((tmp_path / "x.json").read_bytes()))
    assert [record for _, record in read_squad(packed)] == found


@pytest.mark.parametrize("cut", [10, 80, 160, -1])
def test_a_file_that_was_cut_off(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "x.json", json.dumps(nested(question("1")), indent=1)[:cut])
    (problem,) = problems(path)
    assert problem.startswith(f"{path}, line ")
    assert "not JSON" in problem and "If the file was cut off, fetch it again" in problem
    with pytest.raises(DataError, match="not JSON"):
        list(read(path, "squad"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([question("1")], "the file has no list 'data'. Expected the nesting of SQuAD: data, paragraphs"),
        ({"data": [{"title": "x"}]}, "data[0] has no list 'paragraphs'"),
        ({"data": ["x"]}, "data[0]: expected an object, got 'x'"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, "data[0].paragraphs[0] has no text 'context'"),
        ({"data": [{"paragraphs": [{"context": "a"}]}]}, "data[0].paragraphs[0] has no list 'qas'"),
        (
            nested(question("1"), {"question": "?", "answers": []}),
            "data[0].paragraphs[0].qas[1] has no 'id'",
        ),
        (nested({"id": "1", "question": "?"}), "data[0].paragraphs[0].qas[0] has no 'answers'"),
    ],
)
def test_what_is_missing_is_named_by_its_place(tmp_path: Path, content: Any, expected: str) -> None:
    path = write(tmp_path / "x.json", content)
    (problem,) = problems(path)
    assert problem.startswith(f"{path}: {expected}")


# --- answers


@pytest.mark.parametrize(
    "value",
    [
        [{"text": "Köln", "answer_start": 0}, {"text": "Köln", "answer_start": 49}],
        [{"text": "Köln", "start": 0}, {"text": "Köln", "start": 49}],
        {"text": ["Köln", "Köln"], "answer_start": [0, 49]},
    ],
)
def test_forms_of_answers(value: Any) -> None:
    assert read_answers(value, CONTEXT) == [{"text": "Köln", "start": 0}, {"text": "Köln", "start": 49}]


def test_a_withheld_answer_is_none() -> None:
    """As in the test files that XTREME's scripts leave behind."""
    assert read_answers([{"text": "", "answer_start": 0}], CONTEXT) == []
    assert read_answers({"text": [], "answer_start": []}, CONTEXT) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"text": "Köln", "answer_start": 1}], "number 1: 'Köln' should begin at character 1 of the context"),
        ([{"text": "Köln", "answer_start": 1}], "but 'öln ' is there. It stands at 0. Offsets count characters"),
        ([{"text": "Bonn", "answer_start": 3}], "It stands nowhere in it"),
        ([{"text": "Köln", "answer_start": -12}], "but '' is there"),
        ([{"text": "Köln", "answer_start": 900}], "(61 characters), but '' is there"),
        ([{"text": "Köln"}], "the start of 'Köln' is None, expected characters from 0"),
        ([{"text": "Köln", "start": "0"}], "the start of 'Köln' is '0'"),
        ([{"text": "Köln", "start": 0}, {"text": 4, "start": 0}], "number 2: its text is 4"),
        ([{"text": " ", "start": 4}], "number 1: its text is ' '"),
        ("Köln", "got 'Köln'. Expected [{"),
        (None, "got None"),
        (["Köln"], "got ['Köln']"),
        ({"text": ["Köln"], "answer_start": [0, 49]}, "with one start a text"),
        ({"text": "Köln", "answer_start": 0}, "with one start a text"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_answers(value: Any, expected: str) -> None:
    with pytest.raises(ValueError) as error:
        read_answers(value, CONTEXT)
    assert expected in str(error.value)


@given(st.text(min_size=1, max_size=40), st.data())
def test_any_slice_is_an_answer_at_its_place(context: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    text = context[start : data.draw(st.integers(start + 1, len(context)))]
    if text.strip():
        assert read_answers([{"text": text, "start": start}], context) == [{"text": text, "start": start}]


# --- tasks


def qa(base: Path, **settings: Any) -> Task:
    return user_task("my/qa", UserTask(**({"type": "span-qa", "files": "{language}.json"} | settings)), base)


def test_a_task_from_squad_files(tmp_path: Path) -> None:
    for language in ("en", "de"):
        write(tmp_path / f"{language}.json", nested(question("a1"), question("a2", "Wo?")))
    task = qa(tmp_path, parallel=True)
    assert task.languages == ("de", "en")
    assert dict(task.options) == {"max_length": 384}
    assert task.source.rows("test", "de")[1] == {
        "id": "a2",
        "source": "a2",
        "qid": "a2",
        "question": "Wo?",
        "context": CONTEXT,
        "answers": [{"text": "the Rhine", "start": 13}],
    }
    assert qa(tmp_path).source.rows("test", "de")[1]["source"] == "de/a2"
    assert task.max_length(128) == 384
    assert qa(tmp_path, max_length=224).max_length(128) == 224
    assert task.at_length(96).max_length(128) == 96


def test_flat_columns_as_on_the_hub(tmp_path: Path) -> None:
    answers = {"text": ["the Rhine"], "answer_start": [13]}
    record = {
        "id": "a1",
        "title": "Köln",
        "context": CONTEXT,
        "question": "Where does it lie?",
        "answers": answers,
    }
    pq.write_table(pa.Table.from_pylist([record]), tmp_path / "en.parquet")
    write(tmp_path / "jsonl/en.jsonl", json.dumps(record) + "\n")
    write(tmp_path / "json/en.json", nested(question("a1")))
    rows: list[Row] = qa(tmp_path / "json").source.rows("test", "en")
    assert qa(tmp_path, files="{language}.parquet").source.rows("test", "en") == rows
    assert qa(tmp_path, files="jsonl/{language}.jsonl").source.rows("test", "en") == rows
    declared = qa(tmp_path, files="json/*.json", format="squad").source.rows("test", "en")
    assert [one | {"source": 0} for one in declared] == [one | {"source": 0} for one in rows]
    columns = {"question": "q", "context": "data.text", "answers": "data.found"}
    other = {"q": "Where does it lie?", "data": {"text": CONTEXT, "found": [{"text": "Köln", "start": 49}]}}
    write(tmp_path / "other/en.jsonl", json.dumps(other) + "\n")
    (row,) = qa(tmp_path, files="other/{language}.jsonl", columns=columns).source.rows("test", "en")
    assert row["answers"] == [{"text": "Köln", "start": 49}] and "qid" not in row and row["id"] == "0"


def fails(task: Task) -> str:
    with pytest.raises(DataError) as error:
        task.source.rows("test", "en")
    return str(error.value)


def test_bad_questions_are_named_by_their_ids(tmp_path: Path) -> None:
    wrong = [question(f"b{n}", "?", {"text": "Rhine", "answer_start": n}) for n in range(8)]
    path = write(tmp_path / "en.json", nested(question("a1"), *wrong, question("c", " ")))
    message = fails(qa(tmp_path))
    assert "task my/qa, test, en: 9 problems" in message
    assert (
        f"{path}: id b0: answers: number 1: 'Rhine' should begin at character 0 of the context (61 characters), "
        "but 'Köln ' is there. It stands at 17." in message
    )
    assert "… and 4 more" in message
    write(path, nested(question("c", " ")))
    assert "id c: question: is empty. Expected text" in fails(qa(tmp_path))


def test_questions_without_an_answer(tmp_path: Path) -> None:
    none = question("b") | {"answers": []}
    write(tmp_path / "en.json", nested(question("a"), none))
    assert (
        "id b: answers: there is none. If questions may have no answer, say `options: {null_answers: true}`"
        in (fails(qa(tmp_path)))
    )
    allowed = qa(tmp_path, options={"null_answers": True})
    assert [len(row["answers"]) for row in allowed.source.rows("test", "en")] == [1, 0]
    assert dict(allowed.options) == {"max_length": 384, "null_answers": True}


def test_ids_that_repeat(tmp_path: Path) -> None:
    write(tmp_path / "en.json", nested(*(question(id, f"{n}?") for n, id in enumerate("0010"))))
    assert "id 0: the id '0' is also in en.json. If ids mean nothing, say `repeated_ids: true`" in fails(
        qa(tmp_path)
    )
    task = qa(tmp_path, repeated_ids=True)
    rows = task.source.rows("test", "en")
    assert [row["id"] for row in rows] == ["0", "0#2", "1", "0#3"]
    assert [row["qid"] for row in rows] == ["0", "0", "1", "0"]
    assert [row["source"] for row in rows] == ["en/0", "en/0#2", "en/1", "en/0#3"]
    assert task.source.fingerprint("test", "en") != qa(tmp_path).source.fingerprint("test", "en")


def test_dev_questions_share_no_context_with_training(tmp_path: Path) -> None:
    content = nested(question("x"))
    paragraphs = content["data"][0]["paragraphs"]
    paragraphs.clear()
    for number in range(60):
        context = f"{number}: {CONTEXT}"
        start = context.index("the Rhine")
        asked = [
            question(f"{number}-{n}", "?", {"text": "the Rhine", "answer_start": start}) for n in range(4)
        ]
        paragraphs.append({"context": context, "qas": asked})
    write(tmp_path / "train.json", content)
    source = qa(tmp_path, files={"train": "train.json"}).source
    train, dev = (source.rows(split, "en") for split in ("train", "dev"))
    assert len(train) + len(dev) == 240 and 8 <= len(dev) <= 60
    assert not {row["context"] for row in train} & {row["context"] for row in dev}


def test_the_same_dev_questions_in_every_language(tmp_path: Path) -> None:
    for language in ("en", "de"):
        content = nested(question("x"))
        content["data"][0]["paragraphs"] = [
            {
                "context": f"{language} {number}",
                "qas": [
                    question(f"{number}-{n}", "?", {"text": str(number), "answer_start": 3}) for n in range(3)
                ],
            }
            for number in range(40)
        ]
        write(tmp_path / f"{language}.json", content)
    source = qa(tmp_path, parallel=True, dev_from="test").source
    dev = [{row["id"] for row in source.rows("dev", language)} for language in ("en", "de")]
    assert dev[0] == dev[1] and 9 <= len(dev[0]) <= 45


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"null_answer": True}, "unknown option 'null_answer'. Did you mean 'null_answers'?"),
        ({"null_answers": "yes"}, "options.null_answers: expected a valid boolean, got 'yes'"),
        ({"doc_stride": -1}, "options.doc_stride: expected greater than or equal to 0, got -1"),
        ({"n_best": 0}, "options.n_best: expected greater than or equal to 1, got 0"),
    ],
)
def test_options_are_checked(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as error:
        UserTask(type="span-qa", files="{language}.json", options=options)
    assert expected in str(error.value)
    text = json.dumps(
        {
            "encoder": "x",
            "arms": {"none": {}},
            "targets": ["my/qa"],
            "tasks": {"my/qa": {"type": "span-qa", "files": "x", "options": options}},
        }
    )
    with pytest.raises(RecipeError) as told:
        parse_recipe(text)
    assert f"tasks.my/qa: {'options: ' * ('unknown' in expected)}{expected}" in str(told.value)


def test_other_types_have_no_options() -> None:
    with pytest.raises(ValidationError, match="options: unknown option 'n_best'"):
        UserTask(type="tagging", files="x", options={"n_best": 2})
    assert SpanOptions(null_threshold=1).null_threshold == 1.0
