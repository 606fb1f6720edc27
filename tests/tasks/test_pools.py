"""Rows that choose among candidates: bitexts in the form of BUCC, and questions with their answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from xstilts.errors import DataError
from xstilts.tasks.base import Task
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import user_task

SIDES = {"text": "{language}-en.{split}.{language}", "target": "{language}-en.{split}.en"}
BITEXT = {"type": "bitext-mining", "files": SIDES | {"gold": "{language}-en.{split}.gold"}}


def write(path: Path, *lines: str) -> None:
    path.write_text("".join(line + "\n" for line in lines), "utf-8")


def bitext(base: Path, split: str = "test", language: str = "de", count: int = 3, **changed: Any) -> Task:
    """Sentences d0, d1, … and e0, e1, …; every third pair belongs together."""
    stem = f"{language}-en.{split}"
    write(base / f"{stem}.{language}", *(f"{language}-{n}\tSatz  {n}" for n in range(count)))
    write(base / f"{stem}.en", *(f"en-{n}\tsentence {n}" for n in range(count + 1)))
    write(base / f"{stem}.gold", *(f"{language}-{n}\ten-{n + 1}" for n in range(0, count, 3)))
    return user_task("my/bitext", UserTask(**(BITEXT | changed)), base)


def test_a_bitext_is_rows_and_candidates(tmp_path: Path) -> None:
    source = bitext(tmp_path).source
    assert source.rows("test", "de") == [
        {"id": "de-0", "source": "de-0", "text": "Satz  0", "gold": ["en-1"]},
        {"id": "de-1", "source": "de-1", "text": "Satz  1", "gold": []},
        {"id": "de-2", "source": "de-2", "text": "Satz  2", "gold": []},
    ]
    *candidates, _, _, last = source.rows("test-candidates", "de")
    assert candidates[0] == {"id": "en-0", "source": "en-0", "text": "sentence 0"}
    assert [row["id"] for row in candidates] == ["en-0", "en-1", "en-2", "en-3"]
    assert last == {"id": "de-2", "source": "de-2", "text": "Satz  2", "side": "text"}  # to be mined along
    assert (source.languages("test-candidates"), source.languages("dev-candidates")) == (("de",), ())


def test_what_is_set_aside_for_dev_chooses_among_the_same_candidates(tmp_path: Path) -> None:
    source = bitext(tmp_path, count=40, dev_from="test").source
    dev, test = (source.rows(split, "de") for split in ("dev", "test"))
    assert dev and test and len(dev) + len(test) == 40
    assert source.rows("dev-candidates", "de") == source.rows("test-candidates", "de")
    assert len(source.rows("dev-candidates", "de")) == 41 + 40
    assert source.origin("test") == "test, 80% of its sources"


def test_fingerprints_follow_all_three_files(tmp_path: Path) -> None:
    task = bitext(tmp_path)
    splits = ("test", "test-candidates")
    seen = {task.source.fingerprint(split, "de") for split in splits}
    assert len(seen) == 2
    for suffix in ("de", "en", "gold"):
        path = tmp_path / f"de-en.test.{suffix}"
        path.write_text(path.read_text() + "\n", "utf-8")
        seen |= {task.source.fingerprint(split, "de") for split in splits}
    assert len(seen) == 8


@pytest.mark.parametrize(
    ("suffix", "line", "message"),
    [
        ("gold", "de-9\ten-1", "gold, line 2: there is no sentence 'de-9'"),
        ("gold", "de-1\ten-9", "gold, line 2: there is no sentence 'en-9'"),
        ("gold", "de-1 en-1", "gold, line 2: expected two ids and a tab between them, found 'de-1 en-1'"),
        ("de", "a sentence", "de, line 4: expected an id, a tab and a sentence, found 'a sentence'"),
        ("en", "en-1\tagain", "en, line 5: the id 'en-1' is there twice"),
        ("de", "de-1\tagain", "de, line 4: the id 'de-1' is there twice"),
        ("en", "\tno id", "en, line 5: expected an id, a tab and a sentence, found 'no id'"),
    ],
)
def test_what_is_wrong_with_a_bitext(tmp_path: Path, suffix: str, line: str, message: str) -> None:
    task = bitext(tmp_path)
    path = tmp_path / f"de-en.test.{suffix}"
    path.write_text(path.read_text() + line + "\n", "utf-8")
    with pytest.raises(DataError) as error:
        task.source.rows("test", "de")
    assert message in str(error.value)


def test_a_bitext_without_its_gold_is_not_there(tmp_path: Path) -> None:
    bitext(tmp_path)
    (tmp_path / "de-en.test.gold").unlink()
    with pytest.raises(DataError, match=r"my/bitext: 1 problem"):
        user_task("my/bitext", UserTask(**BITEXT, languages=["de"]), tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"files": "x.tsv"}, "bitext-mining expects a pattern for each of text, target, gold"),
        ({"files": SIDES}, "text and target are for sentence-retrieval, not bitext-mining"),
        ({"files": {"text": "a", "gold": "b"}}, "text and gold do not go together, not bitext-mining"),
        ({"options": {"trained": True}}, "options: unknown option 'trained'"),
        (
            {"options": {"scoring": "dot"}},
            r"options.scoring: expected 'ratio-margin-k4' or 'cosine', got 'dot'",
        ),
        ({"type": "sentence-retrieval"}, "text and target and gold are for bitext-mining"),
    ],
)
def test_declarations_that_cannot_be(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UserTask(**(BITEXT | changed))


# --- questions and answers


def questions(base: Path, split: str, language: str, count: int, **changed: Any) -> None:
    """Two questions share each answer."""
    lines = [
        json.dumps(
            {"id": f"q{n}", "text": f"{language}: what is {n}?", "answer": f"{language}: it is {n // 2}."}
        )
        for n in range(count)
    ]
    write(base / f"{split}-{language}.jsonl", *lines)


def answer_task(base: Path, **changed: Any) -> Task:
    columns = {"id": "id"}
    settings = {"type": "answer-retrieval", "files": "{split}-{language}.jsonl", "columns": columns}
    return user_task("my/answers", UserTask(**(settings | changed)), base)


def test_answers_of_all_questions_are_the_candidates(tmp_path: Path) -> None:
    questions(tmp_path, "test", "de", 4)
    source = answer_task(tmp_path).source
    rows, pool = source.rows("test", "de"), source.rows("test-candidates", "de")
    assert [row["text"] for row in pool] == ["de: it is 0.", "de: it is 1."]
    assert [row["gold"] for row in rows] == [
        [pool[0]["id"]],
        [pool[0]["id"]],
        [pool[1]["id"]],
        [pool[1]["id"]],
    ]
    assert pool[0]["id"].startswith("de/")


def test_answers_to_translations_of_a_question_are_answers_to_it(tmp_path: Path) -> None:
    for language, count in (("de", 4), ("en", 6)):
        questions(tmp_path, "test", language, count)
    task = answer_task(tmp_path, parallel=True, languages=["de", "en"])
    golds = {code: [row["gold"] for row in task.source.rows("test", code)] for code in ("de", "en")}
    assert [[name.partition("/")[0] for name in gold] for gold in golds["en"]] == [["en", "de"]] * 4 + [
        ["en"]
    ] * 2
    assert all(set(de) == set(en) for de, en in zip(golds["de"], golds["en"][:4], strict=True))
    assert all(gold[0].startswith("de/") for gold in golds["de"])  # the row's own comes first
    before = task.source.fingerprint("test", "de")
    questions(tmp_path, "test", "en", 5)
    assert answer_task(tmp_path, parallel=True).source.fingerprint("test", "de") != before
    alone = answer_task(tmp_path).source
    assert [len(row["gold"]) for row in alone.rows("test", "de")] == [1, 1, 1, 1]


def test_dev_questions_choose_among_all_answers_of_the_test_files(tmp_path: Path) -> None:
    questions(tmp_path, "test", "en", 60)
    source = answer_task(tmp_path, dev_from="test").source
    assert len(source.rows("dev", "en")) < 30
    assert len(source.rows("dev-candidates", "en")) == len(source.rows("test-candidates", "en")) == 30


def test_dev_questions_out_of_training_files_choose_among_their_own(tmp_path: Path) -> None:
    for split in ("train", "test"):
        questions(tmp_path, split, "en", 60)
    source = answer_task(tmp_path, options={"trained": True}).source
    dev, pool = source.rows("dev", "en"), source.rows("dev-candidates", "en")
    assert {row["id"] for row in pool} == {row["gold"][0] for row in dev} and len(pool) < 30


def test_a_sentence_with_its_paragraph_is_another_candidate(tmp_path: Path) -> None:
    lines = [
        {"text": "Who?", "answer": "He did.", "context": context} for context in ("A. He did.", "B. He did.")
    ]
    write(tmp_path / "test-en.jsonl", *map(json.dumps, lines))
    source = answer_task(tmp_path, columns={}).source
    pool = source.rows("test-candidates", "en")
    assert [row["context"] for row in pool] == ["A. He did.", "B. He did."]
    assert len({row["id"] for row in pool}) == 2


def test_options_are_those_of_the_declaration(tmp_path: Path) -> None:
    questions(tmp_path, "test", "en", 4)
    options = {"trained": True, "temperature": 0.01, "scoring": "dot"}
    task = answer_task(tmp_path, options=options, max_length=64)
    assert dict(task.options) == options | {"max_length": 64}
    with pytest.raises(ValidationError, match="temperature"):
        answer_task(tmp_path, options={"temperature": 0.0})
