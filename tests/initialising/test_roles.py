from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.initialising.columns import Field, described, fields_of, same_columns
from xstilts.initialising.roles import Reading, guess_id, guess_roles, guess_tag_columns
from xstilts.tasks.columns import Column, pick

LONG = "She said that the soup was colder than the one of number {}"
SHORT = "It was cold, number {}"


def reading(
    records: list[dict[str, Any]], type: str | None = None, trained: bool = True, **fixed: Column
) -> Any:
    return guess_roles(fields_of(records), type, fixed, trained)


def columns(found: Reading | None) -> tuple[str, dict[str, Column]]:
    assert found is not None
    return found.type, {name: role.column for name, role in found.roles.items()}


def many(count: int = 30, **cells: Any) -> list[dict[str, Any]]:
    """Records; text with {} gets the number of the row, a list is gone through again and again."""

    def cell(value: Any, number: int) -> Any:
        if isinstance(value, list):
            return value[number * number % 7 % len(value)]
        return value.format(number) if isinstance(value, str) else value

    return [{name: cell(value, number) for name, value in cells.items()} for number in range(count)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"review": LONG, "stars": [1, 2, 3, 4, 5]}, {"text": "review", "label": "stars"}),
        ({"utt": LONG, "intent": ["on", "off"]}, {"text": "utt", "label": "intent"}),
        ({"what they said": LONG, "how": ["good", "bad"]}, {"text": "what they said", "label": "how"}),
        (
            {"label": ["yes", "no"], "sentence1": LONG, "sentence2": SHORT},
            {"text": "sentence1", "text_pair": "sentence2", "label": "label"},
        ),
        (
            {"prem": LONG, "hyp": SHORT, "label": ["e", "n", "c"], "annotated_label": ["e", "n", "c"]},
            {"text": "prem", "text_pair": "hyp", "label": "label"},
        ),
        (
            {
                "pair_ID": "{}",
                "sentence_A": LONG,
                "sentence_B": SHORT,
                "relatedness_score": [3.5, 4.1, 2.2],
                "entailment_judgment": ["NEUTRAL", "ENTAILMENT"],
            },
            {"text": "sentence_A", "text_pair": "sentence_B", "label": "entailment_judgment"},
        ),
        (
            {"Quality": ["1", "0"], "#1 ID": "12{}", "#1 String": LONG, "#2 String": SHORT},
            {"text": "#1 String", "text_pair": "#2 String", "label": "Quality"},
        ),
        (
            {"input": None, "gold_label": ["a", "b"], "question": LONG, "sentence": SHORT},
            {"text": "question", "text_pair": "sentence", "label": "gold_label"},
        ),
    ],
)
def test_classification_by_names_and_content(cells: dict[str, Any], expected: dict[str, str]) -> None:
    assert columns(reading(many(**cells))) == ("classification", expected)


def test_columns_without_names() -> None:
    records = [list(row.values()) for row in many(a=LONG, b=SHORT, c=["x", "y", "z"])]
    fields = fields_of(
        [{str(place): cell for place, cell in enumerate(row)} for row in records], by_position=True
    )
    found = guess_roles(fields, None, {})
    assert columns(found) == ("classification", {"text": 0, "text_pair": 1, "label": 2})
    first = [fields[2], fields[0], fields[1]]
    assert guess_roles(first, None, {}).roles["label"].column == 2  # type: ignore[union-attr]


def test_nested_columns() -> None:
    records = [
        {"input": row, "gold": {"label": label}}
        for row, label in zip(many(premise=LONG, hypothesis=SHORT), "ab" * 15, strict=True)
    ]
    expected = {"text": "input.premise", "text_pair": "input.hypothesis", "label": "gold.label"}
    assert columns(reading(records)) == ("classification", expected)


CHOICES = {
    "copa": (
        {
            "premise": LONG,
            "choice1": SHORT,
            "choice2": SHORT,
            "question": ["cause", "effect"],
            "label": [0, 1],
            "idx": 7,
        },
        {"text": ("premise", "question"), "choices": ("choice1", "choice2"), "label": "label"},
        {},
    ),
    "siqa": (
        {
            "context": LONG,
            "question": SHORT,
            "answerA": SHORT,
            "answerB": SHORT,
            "answerC": SHORT,
            "correct": ["A", "C"],
        },
        {"text": ("context", "question"), "choices": ("answerA", "answerB", "answerC"), "label": "correct"},
        {},
    ),
    "letters": (
        {"question": LONG, "A": SHORT, "B": SHORT, "C": SHORT, "answer": ["A", "B", "C"]},
        {"text": "question", "choices": ("A", "B", "C"), "label": "answer"},
        {},
    ),
    "from one": (
        {"sentence": LONG, "option1": "x {}", "option2": "y {}", "answer": ["1", "2"]},
        {"text": "sentence", "choices": ("option1", "option2"), "label": "answer"},
        {"label_base": 1},
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_multiple_choice(name: str) -> None:
    cells, expected, settings = CHOICES[name]
    found = reading(many(**cells))
    assert columns(found) == ("multiple-choice", expected)
    assert {key: value for key, (value, _) in found.settings.items()} == settings


def test_choices_in_lists() -> None:
    choices = [{"label": "A", "text": "a shop"}, {"label": "B", "text": "a house"}]
    records = [{"answerKey": "B", "question": {"stem": LONG.format(n), "choices": choices}} for n in range(9)]
    expected = {"text": "question.stem", "choices": "question.choices.text", "label": "answerKey"}
    assert columns(reading(records)) == ("multiple-choice", expected)
    flat = [{"ctx": LONG.format(n), "endings": ["a", "b"], "label": n % 2} for n in range(9)]
    assert columns(reading(flat))[1] == {"text": "ctx", "choices": "endings", "label": "label"}


def test_tokens_and_tags() -> None:
    lists = [{"id": str(n), "tokens": ["a", "b"], "ner_tags": ["O", "B-X"]} for n in range(5)]
    assert columns(reading(lists)) == ("tagging", {"tokens": "tokens", "tags": "ner_tags"})
    spaced = many(words="switch on lamp {}", slots="O O B-X I-X")
    assert columns(reading(spaced)) == ("tagging", {"tokens": "words", "tags": "slots"})
    # one label a row beside its tokens is no tagging
    assert (
        reading([{"tokens": ["a", "b"], "label": "ab"[n % 2], "text": LONG} for n in range(9)]).type
        == "classification"
    )


def test_retrieval_needs_a_name_or_no_training() -> None:
    records = many(text=LONG, translation=SHORT)
    assert columns(reading(records)) == ("sentence-retrieval", {"text": "text", "target": "translation"})
    unnamed = many(satz=LONG, sentence=SHORT)
    assert reading(unnamed) is None
    found = reading(unnamed, trained=False)
    assert columns(found)[0] == "sentence-retrieval"
    assert reading(many(text=LONG, label=["a", "b"]), trained=False) is None


def test_the_user_has_the_last_word() -> None:
    cells = {"title": SHORT, "body": LONG, "stars": ["1", "2"], "mood": ["glad", "sad"]}
    found = reading(many(**cells), text=("title", "body"), label="mood")
    assert columns(found) == ("classification", {"text": ("title", "body"), "label": "mood"})
    assert {role.why for role in found.roles.values()} == {"as you say"}
    assert reading(many(**cells), "tagging") is None
    assert reading(many(**cells), "span-qa") is None


def test_what_is_doubtful_says_what_else_it_may_be() -> None:
    found = reading(many(colour=["red", "blue"], said=LONG, how=["good", "bad"]))
    assert found.roles["label"].column == "how"
    assert not found.roles["label"].sure
    assert "or colour" in found.roles["label"].why
    assert "title is left out" in reading(many(review=LONG, title=LONG, label=["a", "b"])).roles["text"].why


def test_nothing_fits() -> None:
    assert reading(many(a=LONG)) is None
    assert reading(many(stand=[1, 2], label=["a", "b"], none="")) is None
    assert reading(many(text=LONG, labels=[["a"], ["b", "c"]])) is None


def test_ids() -> None:
    assert guess_id(fields_of([{"idx": n, "text": "x"} for n in range(3)])) == "idx"
    assert guess_id(fields_of([{"idx": 0, "text": "x"} for n in range(3)])) is None


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ([["Anna", "went"], ["B-PER", "O"]], (0, 1)),
        ([["1", "2"], ["Anna", "went"], ["B-PER", "O"], ["-", "-"]], (1, 2)),
        ([["Anna", "went"], ["NNP", "VBD"], ["B-NP", "B-VP"], ["B-PER", "O"]], (0, 3)),
        ([["Anna", "went"], ["NOUN", "VERB"]], (0, 1)),
    ],
)
def test_tag_columns(record: list[list[str]], expected: tuple[int, int]) -> None:
    records = [{str(place): cells for place, cells in enumerate(record)}]
    found = guess_tag_columns(fields_of(records, by_position=True), {})
    assert (found.roles["tokens"].column, found.roles["tags"].column) == expected


def test_columns_in_words() -> None:
    fields = fields_of(many(review=LONG, stars=["1", "2"], number=list(range(30)), list=[["a"]], none=""))
    words = described(fields)
    for part in ("review (30 different texts of 5", "stars (1, 2)", "list (lists)", "none (empty)"):
        assert part in words
    assert same_columns({"a": {"b": 1}}, {"text": "a.b"}) and not same_columns({"a": 1}, {"text": ("a", "b")})


leaves = st.one_of(st.integers(), st.text(max_size=4), st.lists(st.text(max_size=3), max_size=3))
keys = st.text("abcd", min_size=1, max_size=3)
trees = st.dictionaries(
    keys, st.one_of(leaves, st.dictionaries(keys, leaves, min_size=1, max_size=3)), min_size=1
)


@given(st.lists(trees, min_size=1, max_size=4))
def test_every_path_leads_to_a_value(records: list[dict[str, Any]]) -> None:
    for field in fields_of(records):
        assert any(_reaches(record, field.column) for record in records)
        assert isinstance(field, Field) and len(field.values) == len(records)


def _reaches(record: dict[str, Any], column: int | str) -> bool:
    try:
        pick(record, column)
    except LookupError:
        return False
    return True
