"""User tasks over published benchmark files, in the formats that they are published in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from real_data import DATA, needs_data
from xstilts.tasks.base import Task
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import user_task

pytestmark = [pytest.mark.data, needs_data]


def real(**settings: Any) -> Task:
    return user_task("real/task", UserTask(**settings), Path(str(DATA)))


def test_xnli_dev_files() -> None:
    columns = {"text": 0, "text_pair": 1, "label": 2}
    labels = ("contradiction", "entailment", "neutral")
    task = real(
        type="classification",
        files={"test": "xnli/dev-{language}.tsv"},
        columns=columns,
        labels=labels,
        parallel=True,
    )
    assert len(task.languages) == 10
    golds = {code: [row["label"] for row in task.source.rows("test", code)] for code in ("en", "sw", "zh")}
    assert golds["en"] == golds["sw"] == golds["zh"]
    assert [golds["en"].count(label) for label in labels] == [830] * 3


def test_panx_files() -> None:
    task = real(type="tagging", files={"train": "panx/train-en.tsv", "test": "panx/dev-{language}.tsv"})
    assert len(task.languages) == 18
    assert task.labels == ("B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O")
    assert [len(task.source.rows("test", code)) for code in ("sw", "jv", "fil")] == [1000, 100, 1000]
    assert [len(task.source.rows(split, "en")) for split in ("train", "dev")] == [19_000, 1000]


def test_udpos_files() -> None:
    pattern = "udpos/UD_*-PUD/{language}_pud-ud-test.conllu"
    train = "udpos/UD_English-LinES/{language}_lines-ud-train.conllu"
    task = real(type="tagging", files={"train": train, "test": pattern}, parallel=True)
    assert len(task.labels) == 17
    assert {code: len(task.source.rows("test", code)) for code in task.languages} == dict.fromkeys(
        ("de", "en", "es", "fi", "fr", "ko", "pt", "ru", "zh"), 1000
    )


def test_tatoeba_pairs() -> None:
    files = {
        "text": "tatoeba/tatoeba.{language}-eng.{language}",
        "target": "tatoeba/tatoeba.{language}-eng.eng",
    }
    task = real(type="sentence-retrieval", files=files, languages=["de", "swh", "cmn"])
    assert [len(task.source.rows("test", code)) for code in task.languages] == [1000, 390, 1000]
    row = task.source.rows("test", "de")[0]
    assert row["text"] != row["target"]


def test_nested_json_quotes_and_gzip() -> None:
    columns = {"text": "question.stem", "choices": "question.choices.text", "label": "answerKey", "id": "id"}
    files = {"train": "commonsenseqa/train_rand_split.jsonl", "dev": "commonsenseqa/dev_rand_split.jsonl"}
    choices = real(type="multiple-choice", files=files, columns=columns).source.rows("dev", "en")
    assert len(choices) == 950
    pairs = {"text": "#1 String", "text_pair": "#2 String", "label": "Quality"}
    mrpc = {"train": "mrpc/msr-para-train.tsv", "test": "mrpc/msr-para-test.tsv"}
    assert len(real(type="classification", files=mrpc, columns=pairs).source.rows("test", "en")) == 1725
    raw = "multi30k/task1/raw/test_2016_flickr."
    captions = real(type="sentence-retrieval", files={"text": raw + "{language}.gz", "target": raw + "en.gz"})
    assert {code: len(captions.source.rows("test", code)) for code in captions.languages} == {
        "cs": 1000,
        "de": 1000,
        "fr": 1000,
    }


SPANS = {
    "xquad/xquad.{language}.json": (("ar", "de", "el", "en", "es", "ru", "tr", "vi", "zh"), [1190] * 9),
    "lareqa/xquad-r/{language}.json": (("de", "en", "es", "zh"), [1190] * 4),
    "mlqa/MLQA_V1/dev/dev-context-{language}-question-{language}.json": (
        ("de", "en", "es", "zh"),
        [512, 1148, 500, 504],
    ),
    "squad/dev.json": (("en",), [5169]),
}


@pytest.mark.parametrize("pattern", SPANS)
def test_answers_of_published_questions_are_where_they_are_said_to_be(pattern: str) -> None:
    task = real(type="span-qa", files={"test": pattern}, parallel=True)
    rows = {code: task.source.rows("test", code) for code in task.languages}
    assert (task.languages, [len(one) for one in rows.values()]) == SPANS[pattern]
    for row in (row for one in rows.values() for row in one):
        assert row["answers"] and row["id"] == row["qid"] == row["source"]


def test_tydiqa_questions() -> None:
    pattern = "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{language}.train.json"
    source = real(type="span-qa", files={"train": pattern}, repeated_ids=True).source
    assert [len(source.rows(split, "en")) for split in ("train", "dev")] == [3295, 401]
    assert len(source.rows("train", "sw")) + len(source.rows("dev", "sw")) == 2755
    rows = [row for split in ("train", "dev") for row in source.rows(split, "en")]
    assert (len({row["qid"] for row in rows}), len({row["id"] for row in rows})) == (89, 3696)
