"""Every format: what is read, and what is said of a file that is not as it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submission_world import squad
from xstilts.submissions.base import FileFormat
from xstilts.submissions.lines import Choices, Indices, Labels, Pairs, Tags
from xstilts.submissions.objects import Answers, Rankings
from xstilts.tasks.readers import Problem

LABELS = Labels(("contradiction", "entailment", "neutral"))
TAGS = Tags(("O", "B-PER", "I-PER"))


def problems_of(form: FileFormat, path: Path, text: str, gold: bool = False) -> list[str]:
    """What is wrong with a file, without its folder."""
    path.write_text(text, "utf-8")
    found: list[Any] = []
    (form.read_gold if gold else form.read)(path, found.append)
    return [str(problem).replace(f"{path.parent}/", "") for problem in found]


@pytest.mark.parametrize(
    ("form", "text", "values"),
    [
        (LABELS, "neutral\nentailment", ["neutral", "entailment"]),
        (LABELS, "neutral \r\nentailment\r\n", ["neutral", "entailment"]),
        (TAGS, "O\nB-PER\n\nO\n", [["O", "B-PER"], ["O"]]),
        (TAGS, "O\n\nO\n\n", [["O"], ["O"]]),
        (Indices(), "308\n0\n", [308, 0]),
        (Choices(2), '{"label": 1}\n{"label": 0, "idx": 7}\n', [1, 0]),
        (Pairs(), "de-1\ten-2\nde-1\ten-3\n", [["en-2", "en-3"]]),
        (Answers(), '{"q1": "", "q2": "two\\n words"}', ["", "two\n words"]),
        (Rankings(), '{"q1": ["Q2", "Q1"]}', [["Q2", "Q1"]]),
    ],
)
def test_what_is_read(form: FileFormat, text: str, values: list[Any], tmp_path: Path) -> None:
    path = tmp_path / f"test-de.{form.suffix}"
    assert problems_of(form, path, text) == []
    assert list(form.read(path, print).values.values()) == values


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        (LABELS, "neutral\nentailmant\n", "line 2: unknown label 'entailmant'. Did you mean 'entailment'?"),
        (LABELS, "neutral\n\nneutral\n", "line 2: a blank line. Expected one label a line"),
        (LABELS, "", "nothing to score in this file. Expected one label a line"),
        (LABELS, "2\n", "line 1: unknown label '2'. Expected one of: contradiction, entailment, neutral"),
        (TAGS, "O\n\n\nO\n", "line 3: a blank line with no sentence before it"),
        (TAGS, "\nO\n", "line 1: a blank line with no sentence before it"),
        (TAGS, "O\n\nO\nB-ORG\n", "line 4: unknown tag 'B-ORG'"),
        (TAGS, "O\t0.98\n", "line 1: unknown tag 'O\\t0.98'"),
        (Indices(), "1\n[308]\n", "line 2: '[308]' is not a number. Expected one whole number a line"),
        (Indices(), "-1\n", "line 1: '-1' is not a number"),
        (Choices(2), '{"label": 2}\n', "line 1: the label is 2. Expected 0 or 1"),
        (Choices(2), '{"label": true}\n', "line 1: the label is True"),
        (Choices(2), '{"lab', "line 1: not JSON"),
        (Pairs(), "en-1\tde-2\n", "line 1: 'en-1\\tde-2'. Expected two ids a line"),
        (Pairs(), "de-1 en-2\n", "line 1: 'de-1 en-2'. Expected two ids a line"),
        (Pairs(), "de-1\ten-2\nde-1\ten-2\n", "line 2: the pair de-1 en-2 stands here for the second time"),
        (Answers(), '{"q1": "a",\n "q2', "line 2: not JSON"),
        (Answers(), '{"q1": "a", "q1": "b"}', "the id q1 stands here twice"),
        (Answers(), '{"q1": 3}', "q1: expected a text as answer, found 3"),
        (Answers(), squad({"q1": ["a"]}), "questions in SQuAD's nesting, as labels are. Were the two"),
        (Answers(), "[]", "expected one object, {question id: answer}, found []"),
        (Answers(), "", "line 1: not JSON"),
        (Rankings(), '{"q1": "Q1"}', 'q1: expected a list of ids, found "Q1"'),
        (Rankings(), '{"q1": ["Q1", "Q1"]}', "q1: an id stands in the list twice"),
    ],
)
def test_what_is_wrong(form: FileFormat, text: str, message: str, tmp_path: Path) -> None:
    (problem,) = problems_of(form, tmp_path / f"test-de.{form.suffix}", text)
    assert problem.startswith(f"test-de.{form.suffix}")
    assert message in problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            squad({"q1": [""], "q2": ["a"]}),
            "1 question without an answer: q1. XTREME's download script takes",
        ),
        (squad({"q1": ["a"]})[:-9], "not JSON"),
        ('{"q1": "a"}', "answers by id, as predictions are. Were the two folders swapped?"),
        ('{"q1": ["a"]}', "not in SQuAD's nesting ('data')"),
        ('{"data": [{"paragraphs": [{"qas": [{"id": "q", "answers": 3}]}]}]}', "not in SQuAD's nesting"),
        ('{"data": []}', "not in SQuAD's nesting (no question)"),
    ],
)
def test_labels_of_questions(text: str, message: str, tmp_path: Path) -> None:
    assert message in problems_of(Answers(), tmp_path / "test-de.json", text, gold=True)[0]


def test_a_question_id_that_repeats_is_found(tmp_path: Path) -> None:
    twice = squad({"q1": ["a"]}).replace('"qas": [', '"qas": [{"id": "q1", "answers": []}, ')
    assert problems_of(Answers(), tmp_path / "t.json", twice, gold=True) == [
        "t.json: the question id q1 stands here twice"
    ]


def matched(form: FileFormat, predicted: str, gold: str, folder: Path, **options: bool) -> list[str]:
    paths = [folder / f"{side}.{form.suffix}" for side in ("ours", "gold")]
    for path, text in zip(paths, (predicted, gold), strict=True):
        path.write_text(text, "utf-8")
    found: list[Any] = []
    form.match(
        form.read(paths[0], found.append), form.read_gold(paths[1], found.append), found.append, **options
    )
    return [str(problem).replace(f"{folder}/", "") for problem in found]


def test_lengths_must_be_equal(tmp_path: Path) -> None:
    assert matched(LABELS, "neutral\n", "neutral\nneutral\n", tmp_path) == [
        "ours.tsv: 1 line, expected 2 as in gold.tsv"
    ]
    assert matched(LABELS, "neutral\n" * 3, "neutral\n" * 2, tmp_path) == [
        "ours.tsv, line 3: 3 lines, expected 2 as in gold.tsv. This line is one too many"
    ]


def test_sentences_must_have_equal_lengths(tmp_path: Path) -> None:
    assert matched(TAGS, "O\nO\n\nO\n", "O\nO\n\nO\n", tmp_path) == []
    assert matched(TAGS, "O\nO\n\nO\nO\n\nO\n", "O\nO\n\nO\n\nO\nO\n", tmp_path) == [
        "ours.tsv, line 4: sentence 2 has 2 tags, expected 1 as in gold.tsv, line 4; 2 sentences differ so"
    ]
    assert matched(TAGS, "O\nO\n\nO\n", "O\nO\n", tmp_path) == [
        "ours.tsv, line 4: 2 sentences, expected 1 as in gold.tsv. This line is one too many"
    ]


def test_ids_must_be_those_of_the_labels(tmp_path: Path) -> None:
    gold = squad({f"q{number}": ["a"] for number in range(6)})
    ours = '{"q0": "a", "q9": "b"}'
    missing = "ours.json: no prediction for 5 of 6 ids of gold.json: q1, q2, q3, …"
    unknown = "ours.json: 1 unknown id, not in gold.json: q9"
    assert matched(Answers(), ours, gold, tmp_path) == [missing, unknown]
    assert matched(Answers(), ours, gold, tmp_path, may_miss=True) == [unknown]


def test_any_sentence_may_be_mined(tmp_path: Path) -> None:
    assert matched(Pairs(), "de-7\ten-2\n", "de-1\ten-2\n", tmp_path) == []


def test_nothing_mined_is_an_answer_but_no_label(tmp_path: Path) -> None:
    problems: list[Problem] = []
    (tmp_path / "none.tsv").write_text("")
    assert Pairs().read(tmp_path / "none.tsv", problems.append).values == {} and not problems
    Pairs().read_gold(tmp_path / "none.tsv", problems.append)
    assert "nothing to score in this file" in problems[0].message


def test_bucc_pairs_are_compared_as_sets(tmp_path: Path) -> None:
    (tmp_path / "ours.tsv").write_text("de-1\ten-1\nde-1\ten-2\nde-3\ten-3\n")
    (tmp_path / "gold.tsv").write_text("de-2\ten-9\nde-1\ten-2\n")
    ours, gold = (Pairs().read(tmp_path / f"{side}.tsv", print) for side in ("ours", "gold"))
    assert Pairs().aligned(ours, gold) == ([{"en-1", "en-2"}, set(), {"en-3"}], [{"en-2"}, {"en-9"}, set()])


@given(st.lists(st.lists(st.sampled_from(TAGS.labels), min_size=1, max_size=4), min_size=1, max_size=5))
def test_tags_that_are_written_are_read(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("tags") / "test-de.tsv"
    path.write_text(TAGS.text(sentences), "utf-8")
    assert list(TAGS.read(path, print).values.values()) == sentences


@given(st.dictionaries(st.text(min_size=1), st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_answers_that_are_written_are_read(
    tmp_path_factory: pytest.TempPathFactory, answers: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("answers") / "test-de.json"
    path.write_bytes(Answers().text(answers).encode("utf-8", "surrogatepass"))
    if all(key.isprintable() for key in answers):
        assert Answers().read(path, print).values == answers
