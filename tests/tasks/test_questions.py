"""The benchmarks' questions and corpora to search, from small folders in their published forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shipped_tasks import hub_rows, rows, task

import benchmark_trees as trees
from real_data import DATA, needs_data
from xstilts.errors import DataError
from xstilts.tasks.base import CANDIDATES, Row, Task
from xstilts.tasks.building import SUBMISSION
from xstilts.tasks.published import JoinedSource, PublishedSource

ITEMS = trees.ITEMS


def ids(found: Task, split: str, language: str = "en") -> set[str]:
    return {row["id"] for row in rows(found, split, language)}


# --- SQuAD


def test_squad(tmp_path: Path) -> None:
    trees.write_squad(tmp_path)
    one, two = task("stilts/squad1", tmp_path), task("stilts/squad2", tmp_path)
    assert [len(rows(one, split)) for split in ("train", "dev")] == [ITEMS, ITEMS]
    assert rows(one, "train")[3]["answers"] == [{"text": "answer3", "start": 29}]
    assert [bool(row["answers"]) for row in rows(two, "dev")[:3]] == [False, True, False]
    assert one.source.languages("test") == ()


def test_questions_that_are_xquads_are_left_out_of_a_part_of_squad(tmp_path: Path) -> None:
    trees.put_squad(tmp_path, "squad/dev.json", trees.questions("en"))
    squad = task("stilts/squad1", tmp_path)
    assert ids(squad, "train") | ids(squad, "dev") == {f"q{i}" for i in range(ITEMS)}
    before = squad.source.fingerprint("train", "en")
    trees.put(tmp_path, "squad/xquad_overlap_ids.txt", ["q3", "q4"])
    squad = task("stilts/squad1", tmp_path)
    assert {f"q{i}" for i in range(ITEMS)} - (ids(squad, "train") | ids(squad, "dev")) == {"q3", "q4"}
    assert squad.source.fingerprint("train", "en") != before


def test_squad_on_the_hub(tmp_path: Path) -> None:
    records = [
        {
            "id": "a",
            "context": "Made in Paris",
            "question": "Where?",
            "answers": {"text": [], "answer_start": []},
        }
    ]
    records += [records[0] | {"id": "b", "answers": {"text": ["Paris"], "answer_start": [8]}}]
    folder = trees.write_dataset(tmp_path, {"squad_v2": {"validation": records}})
    found = hub_rows("stilts/squad2", folder, "dev", "en")
    assert [row["answers"] for row in found] == [[], [{"text": "Paris", "start": 8}]]


# --- XQuAD, MLQA, TyDiQA


def test_xquad_is_trained_on_squad(tmp_path: Path) -> None:
    trees.write_squad(tmp_path)
    trees.write_xquad(tmp_path)
    xquad = task("xtreme/xquad", tmp_path)
    assert {name.partition("-")[0] for name in ids(xquad, "train")} == {"train"}
    assert (
        ids(xquad, "dev", "de")
        == ids(xquad, "dev", "en")
        == {f"q{i}" for i in range(ITEMS)} - ids(xquad, "test")
    )
    assert xquad.source.origin("test") == "test, 80% of its sources"
    assert xquad.source.languages("test") == ("de", "en", "zh")


def test_emptied_files_serve_a_submission_only(tmp_path: Path) -> None:
    trees.write_xquad(tmp_path, labelled=False)
    xquad = task("xtreme/xquad", tmp_path)
    source = xquad.source.test if isinstance(xquad.source, JoinedSource) else None
    assert isinstance(source, PublishedSource)
    assert source.found("test") is None
    assert xquad.source.languages(SUBMISSION) == ("de", "en", "zh")
    asked = rows(xquad, SUBMISSION, "zh")
    assert [row["qid"] for row in asked] == [f"q{i}" for i in range(ITEMS)]
    assert {str(row["answers"]) for row in asked} == {"[]"}


@pytest.mark.parametrize(("labelled", "reported"), [(True, "test"), (False, "dev, 80% of its sources")])
def test_mlqa(labelled: bool, reported: str, tmp_path: Path) -> None:
    trees.write_mlqa(tmp_path, labelled=labelled)
    mlqa = task("xtreme/mlqa", tmp_path)
    assert mlqa.source.origin("test") == reported
    assert {name.partition("-")[0] for name in ids(mlqa, "test", "zh")} == {"test" if labelled else "dev"}
    assert ids(mlqa, "test", "zh").isdisjoint(ids(mlqa, "dev", "zh"))
    assert len(rows(mlqa, SUBMISSION, "de")) == ITEMS


def test_tydiqas_ids_repeat(tmp_path: Path) -> None:
    trees.write_tydiqa(tmp_path, labelled=True)
    tydiqa = task("xtreme/tydiqa", tmp_path)
    every = rows(tydiqa, "train") + rows(tydiqa, "dev")
    assert len({row["id"] for row in every}) == ITEMS
    assert {row["qid"] for row in every} == {f"{i}" for i in range(ITEMS // 2)}
    assert tydiqa.source.languages("test") == ("en", "fi", "sw")
    assert tydiqa.source.origin("test") == "test"


def test_tydiqas_training_files_alone(tmp_path: Path) -> None:
    """Languages other than English are tested on theirs; what English selects on is not trained on."""
    trees.write_tydiqa(tmp_path, labelled=False)
    tydiqa = task("xtreme/tydiqa", tmp_path)
    assert tydiqa.source.languages("test") == ("fi", "sw")
    assert tydiqa.source.origin("test") == "train, of languages that are not trained on"
    assert ids(tydiqa, "train").isdisjoint(ids(tydiqa, "dev"))
    assert len(rows(tydiqa, SUBMISSION, "sw")) == ITEMS


def test_tydiqa_as_it_was_published(tmp_path: Path) -> None:
    trees.write_tydiqa_original(tmp_path)
    tydiqa = task("xtreme/tydiqa", tmp_path)
    assert {name.rpartition("-")[0] for name in ids(tydiqa, "test", "sw")} == {"swahili-dev"}
    assert {name.partition("-")[0] for name in ids(tydiqa, "train")} == {"english"}
    assert len(rows(tydiqa, "test", "fi")) == ITEMS


def test_questions_on_the_hub(tmp_path: Path) -> None:
    answers = {"text": ["Paris"], "answer_start": [8]}
    records = [
        {"id": f"{name}-{i}", "context": "Made in Paris", "question": "?", "answers": answers}
        for name in ("swahili", "telugu")
        for i in range(ITEMS)
    ]
    folder = trees.write_dataset(tmp_path / "t", {"tydiqa": {"validation": records}})
    both = hub_rows("xtreme/tydiqa", folder, "test", "sw"), hub_rows("xtreme/tydiqa", folder, "dev", "sw")
    assert {row["id"].partition("-")[0] for part in both for row in part} == {"swahili"}
    folder = trees.write_dataset(tmp_path / "m", {"MLQA.de.de": {"test": records[:2]}})
    assert len(hub_rows("xtreme/mlqa", folder, "test", "de")) == 2
    folder = trees.write_dataset(tmp_path / "x", {"xquad.de": {"validation": records[:5]}})
    assert hub_rows("xtreme/xquad", folder, "test", "de")[0]["answers"] == [{"text": "Paris", "start": 8}]


# --- bad files


def broken(folder: Path, change: Any) -> str:
    """What is said of an XQuAD file after a change to its text."""
    path = folder / "xquad/xquad.de.json"
    trees.write_xquad(folder)
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    with pytest.raises(DataError) as error:
        rows(task("xtreme/xquad", folder), "test", "de")
    return str(error.value)


def test_truncated_json(tmp_path: Path) -> None:
    message = broken(tmp_path, lambda text: text[: len(text) // 2])
    assert "xquad.de.json, line 1: not JSON" in message
    assert "If the file was cut off, fetch it again" in message


def test_answers_outside_the_context(tmp_path: Path) -> None:
    message = broken(tmp_path, lambda text: text.replace('"answer_start": 29', '"answer_start": 2900', 1))
    assert "id q0: answers: number 1: 'answer0' should begin at character 2900" in message
    assert "It stands at 29" in message


def test_ids_that_are_there_twice(tmp_path: Path) -> None:
    message = broken(tmp_path, lambda text: text.replace('"q1"', '"q0"', 1))
    assert "id q0: the id 'q0' is also in xquad.de.json" in message


# --- BUCC


def candidates(bucc: Task, split: str, language: str) -> list[Row]:
    """The English sentences; the other ones of the pool are mined along."""
    return [row for row in rows(bucc, split + CANDIDATES, language) if "side" not in row]


def test_bucc_as_xtremes_script_leaves_it(tmp_path: Path) -> None:
    trees.write_bucc_tree(tmp_path)
    bucc = task("xtreme/bucc2018", tmp_path)
    parts = rows(bucc, "dev", "zh"), rows(bucc, "test", "zh")
    assert sum(map(len, parts)) == ITEMS
    gold = {row["id"]: row["gold"] for part in parts for row in part}
    assert gold["zh-000000003"] == ["en-000000006"]
    assert gold["zh-000000001"] == []
    pools = [rows(bucc, split + CANDIDATES, "zh") for split in ("dev", "test")]
    assert pools[0] == pools[1]
    assert len(candidates(bucc, "test", "zh")) == 2 * ITEMS
    assert [row["id"] for row in pools[0] if "side" in row] == [f"zh-{n:09}" for n in range(ITEMS)]
    assert bucc.source.origin("test") == "dev, 80% of its sources"
    assert bucc.source.languages("train") == ()


def test_bucc_submission(tmp_path: Path) -> None:
    trees.write_bucc_tree(tmp_path)
    bucc = task("xtreme/bucc2018", tmp_path)
    assert bucc.source.languages(SUBMISSION) == ("de", "zh")
    assert [row["gold"] for row in rows(bucc, SUBMISSION, "de")] == [[]] * ITEMS
    assert rows(bucc, SUBMISSION + CANDIDATES, "de")[0]["id"] == "en-000000000"


@pytest.mark.parametrize("stems", [("dev", "test"), ("XX-en/XX-en.sample", "XX-en/XX-en.training")])
def test_bucc_with_all_of_its_gold(stems: tuple[str, str], tmp_path: Path) -> None:
    trees.write_bucc(tmp_path, stems)
    bucc = task("xtreme/bucc2018", tmp_path)
    assert bucc.source.origin("test") == "test"
    assert [len(rows(bucc, split, "de")) for split in ("dev", "test")] == [ITEMS, ITEMS]
    assert len(candidates(bucc, "test", "de")) == 2 * ITEMS


@pytest.mark.parametrize(
    ("file", "lines", "message"),
    [
        ("gold", ["de-000000000\ten-999"], r"gold, line 1: there is no sentence 'en-999'"),
        ("gold", ["de-000000000 en-000000001"], "gold, line 1: expected two ids and a tab"),
        (
            "de",
            ["de-000000000\ta", "de-000000000\tb"],
            r"dev\.de, line 2: the id 'de-000000000' is there twice",
        ),
        ("en", ["no tab"], r"dev\.en, line 1: expected an id, a tab and a sentence"),
    ],
)
def test_bad_bucc_files(file: str, lines: list[str], message: str, tmp_path: Path) -> None:
    trees.write_bucc(tmp_path)
    trees.put(tmp_path, f"bucc2018/de-en.dev.{file}", lines)
    with pytest.raises(DataError, match=message):
        rows(task("xtreme/bucc2018", tmp_path), "test", "de")


def test_without_gold_there_is_nothing_to_score(tmp_path: Path) -> None:
    trees.write_bucc(tmp_path, gold=False)
    with pytest.raises(DataError, match=r"xtreme/bucc2018: no test data[^|]*de|gold"):
        rows(task("xtreme/bucc2018", tmp_path), "test", "de")


# --- LAReQA and Mewsli-X


def test_lareqa_looks_among_the_sentences_of_all_languages(tmp_path: Path) -> None:
    trees.write_lareqa(tmp_path)
    lareqa = task("xtreme-r/lareqa", tmp_path)
    row = rows(lareqa, "test", "de")[0]
    number = row["id"].removeprefix("q")
    assert row["gold"] == [f"{code}/{number}/1" for code in ("de", "en", "zh")]
    assert row["answer"] == f"Then de answer{number} came."
    pool = [
        one
        for code in lareqa.source.languages("test" + CANDIDATES)
        for one in rows(lareqa, "test" + CANDIDATES, code)
    ]
    assert len({one["id"] for one in pool}) == 3 * 2 * ITEMS
    assert {one["context"] for one in pool if one["id"] == f"de/{number}/0"} == {row["context"]}
    assert ids(lareqa, "dev", "zh").isdisjoint(ids(lareqa, "test", "zh"))
    before = lareqa.source.fingerprint("test", "de")
    trees.write_lareqa(tmp_path, ("es",))
    assert task("xtreme-r/lareqa", tmp_path).source.fingerprint("test", "de") != before


def test_xquad_in_the_place_of_xquad_r(tmp_path: Path) -> None:
    trees.write_lareqa(tmp_path, ("en",))
    paragraphs = trees.questions("de", count=1)
    del paragraphs[0]["sentences"]
    trees.put_squad(tmp_path, "lareqa/xquad-r/de.json", paragraphs)
    with pytest.raises(DataError, match=r"has no 'sentences'.*Expected XQuAD-R's files, not XQuAD's"):
        rows(task("xtreme-r/lareqa", tmp_path), "test", "de")


def test_an_answer_in_no_sentence(tmp_path: Path) -> None:
    paragraphs = trees.questions("de", count=2)
    paragraphs[1]["qas"][0]["answers"] = [{"answer_start": 999, "text": "x"}]
    trees.put_squad(tmp_path, "lareqa/xquad-r/de.json", paragraphs)
    with pytest.raises(DataError, match=r"id q1: its answer begins at 999, in no sentence"):
        rows(task("xtreme-r/lareqa", tmp_path), "test", "de")


def test_mewsli_x(tmp_path: Path) -> None:
    trees.write_mewslix(tmp_path)
    mewslix = task("xtreme-r/mewslix", tmp_path)
    row = rows(mewslix, "test", "ja")[2]
    assert row["text"] == "Then ja { city2 } woke."
    assert (row["id"], row["gold"]) == ("test-ja-2", ["Q2"])
    (pool,) = mewslix.source.languages("test" + CANDIDATES)
    assert len(rows(mewslix, "test" + CANDIDATES, pool)) == 2 * ITEMS


def test_mewsli_x_without_its_articles(tmp_path: Path) -> None:
    trees.write_mewslix(tmp_path, ("en",))
    path = tmp_path / "mewslix/wikinews_mentions-test.jsonl"
    path.write_text(path.read_text().replace("First {here}. Then en city0 woke. Last.", ""))
    with pytest.raises(DataError, match=r"line 1: .*Its articles have no text yet: run get-mewsli-x\.sh"):
        rows(task("xtreme-r/mewslix", tmp_path), "test", "en")


# --- real files


@needs_data
@pytest.mark.data
def test_real_questions() -> None:
    data = Path(str(DATA))
    squad = task("stilts/squad1", data)
    assert len(rows(squad, "train")) + len(rows(squad, "dev")) == 5169 - 583
    xquad = task("xtreme/xquad", data)
    assert {code: len(rows(xquad, "test", code)) for code in ("ar", "zh")} == {"ar": 952, "zh": 952}
    assert not ids(xquad, "train") & (ids(xquad, "test") | ids(xquad, "dev"))
    mlqa = task("xtreme/mlqa", data)
    assert [len(rows(mlqa, split, "de")) for split in ("dev", "test")] == [101, 411]
    tydiqa = task("xtreme/tydiqa", data)
    assert len(rows(tydiqa, "train")) + len(rows(tydiqa, "dev")) == 3696
    assert len(rows(tydiqa, "test", "sw")) == 2755


@needs_data
@pytest.mark.data
def test_real_corpora() -> None:
    data = Path(str(DATA))
    bucc = task("xtreme/bucc2018", data)
    parts = [*rows(bucc, "dev", "zh"), *rows(bucc, "test", "zh")]
    assert (len(parts), sum(len(row["gold"]) for row in parts)) == (8624, 257)
    assert len(candidates(bucc, "test", "zh")) == 13589
    lareqa = task("xtreme-r/lareqa", data)
    assert {len(row["gold"]) for row in rows(lareqa, "test", "es")} == {4}
