from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.tasks.base import Row
from xstilts.tasks.columns import absent_column, pick
from xstilts.tasks.dividing import carve_dev
from xstilts.tasks.rows import SHAPES, BadRowError, Cells, identity, plain


def build(type: str, values: dict[str, Any], labels: tuple[str, ...] = (), label_base: int = 0) -> Row:
    columns = {name: name for name in values}
    return SHAPES[type].build(Cells(values, columns, labels, label_base))


def complaint(type: str, values: dict[str, Any], labels: tuple[str, ...] = ()) -> str:
    with pytest.raises(BadRowError) as error:
        build(type, values, labels)
    return str(error.value)


def choice(label: Any, choices: list[str], label_base: int = 0) -> int:
    row = build("multiple-choice", {"text": "q", "choices": choices, "label": label}, label_base=label_base)
    return int(row["label"])


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.0, "4"), (4.5, "4.5"), (True, "true"), (3, "3"), (None, None), (float("nan"), None), ("", "")],
)
def test_cells_as_text(value: Any, text: str | None) -> None:
    assert plain(value) == text


def test_classification() -> None:
    assert build("classification", {"text": " a\u2028b ", "label": 2.0}) == {
        "text": " a\u2028b ",
        "label": "2",
    }
    pair = {"text": "a", "text_pair": "b", "label": " yes "}
    assert build("classification", pair, ("yes", "no")) == {**pair, "label": "yes"}
    assert build("classification", {"text": ["a", None, "b"], "label": "x"})["text"] == "a b"


def test_what_is_wrong_with_a_classified_row() -> None:
    labels = ("negative", "positive")
    good = {"text": "a", "label": "positive"}
    assert complaint("classification", good | {"label": None}, labels) == (
        "label: is missing. Expected one of: negative, positive"
    )
    assert complaint("classification", good | {"label": " "}) == "label: is missing. Expected a label"
    assert "unknown label 'postive'. Did you mean 'positive'?" in complaint(
        "classification", good | {"label": "postive"}, labels
    )
    assert complaint("classification", good | {"text": "\u3000 "}) == "text: is empty. Expected text"
    assert "text_pair: is empty" in complaint("classification", good | {"text_pair": None})
    assert "expected one label, got ['a']" in complaint("classification", good | {"label": ["a"]})
    assert "text: expected text, got {'en': 'a'}" in complaint("classification", good | {"text": {"en": "a"}})
    assert "half a surrogate pair" in complaint("classification", good | {"text": "a\ud83d"})


def test_the_files_own_name_of_a_column_is_told() -> None:
    cells = Cells({"text": ""}, {"text": "review"})
    with pytest.raises(BadRowError, match=r"text \(column 'review'\): is empty"):
        cells.text("text")


def test_choices_by_number_letter_and_text() -> None:
    animals = ["cat", "dog", "cow"]
    assert [choice(label, animals) for label in (0, "1", 2.0, "B", "c", "cow")] == [0, 1, 2, 1, 2, 2]
    assert [choice(label, animals, label_base=1) for label in (1, "3", "A")] == [0, 2, 0]
    assert choice("30", ["10", "20", "30"]) == 2


def test_empty_choices_at_the_end_are_left_out() -> None:
    values = {"text": "q", "choices": ["a", "b", "", None], "label": 1}
    assert build("multiple-choice", values)["choices"] == ["a", "b"]


def test_what_is_wrong_with_choices() -> None:
    good = {"text": "q", "choices": ["1", "2"], "label": 0}
    assert "label: '1' may mean more than one choice" in complaint("multiple-choice", good | {"label": "1"})
    out = complaint("multiple-choice", good | {"label": 2, "choices": ["a", "b"]})
    assert out.startswith("label: '2' is out of range. Expected 0 to 1, A to B, or the text of a choice.")
    assert "label_base: 1" in out
    assert "out of range" in complaint("multiple-choice", good | {"label": "E"})
    assert "choices: 1 given, expected at least 2" in complaint(
        "multiple-choice", good | {"choices": ["a", ""]}
    )
    assert "number 1 of 2 is empty" in complaint("multiple-choice", good | {"choices": ["", "a"]})
    assert "choices: expected a list, got None" in complaint("multiple-choice", good | {"choices": None})


@given(st.lists(st.text("abcdefgh", min_size=2), min_size=2, max_size=6, unique=True), st.data())
def test_all_ways_to_name_a_choice_agree(choices: list[str], data: st.DataObject) -> None:
    right = data.draw(st.integers(0, len(choices) - 1))
    assert (
        choice(right, choices) == choice("ABCDEF"[right], choices) == choice(choices[right], choices) == right
    )
    assert choice(right + 1, choices, label_base=1) == right


def test_tagging() -> None:
    row = {"tokens": ["Rome", "?"], "tags": ["B-LOC", "O"]}
    assert build("tagging", row, ("O", "B-LOC")) == row
    assert build("tagging", {"tokens": "Rome ?", "tags": "B-LOC O"}) == row


def test_what_is_wrong_with_tags() -> None:
    good = {"tokens": ["Rome", "?"], "tags": ["B-LOC", "O"]}
    assert "tags: 1 for 2 tokens. Expected one tag a token" in complaint("tagging", good | {"tags": ["O"]})
    assert "tokens: number 2 is empty" in complaint("tagging", good | {"tokens": ["a", " "]})
    assert "token 2 ('?') has none" in complaint("tagging", good | {"tags": ["O", None]})
    assert "token 1 ('Rome'): unknown tag 'B-LOC'. Did you mean 'B-LOCATION'" in complaint(
        "tagging", good, ("B-LOCATION", "O")
    )
    assert "tokens: is empty" in complaint("tagging", {"tokens": [], "tags": []})


def test_identity() -> None:
    assert identity(Cells({}, {}), 7, "de", parallel=True) == {"id": "7", "source": "7"}
    assert identity(Cells({}, {}), 7, "de", parallel=False) == {"id": "7", "source": "de/7"}
    own = Cells({"id": 3.0, "source": "s"}, {"id": "idx", "source": "source"})
    assert identity(own, 7, "de", parallel=False) == {"id": "3", "source": "s"}
    with pytest.raises(BadRowError, match=r"id \(column 'idx'\): is empty"):
        identity(Cells({"id": ""}, {"id": "idx"}), 7, "de", parallel=False)


def test_pick() -> None:
    record = {"a.b": 1, "a": {"b": 2, "c": [{"d": 3}, {"d": 4}]}, "e": "text"}
    assert pick(record, "a.b") == 1
    assert pick(record, "a.c.d") == [3, 4]
    assert pick(record, 2) == "text"
    assert pick(record, ("e", "a.b")) == ["text", 1]
    for column in ("x", "a.x", "e.t", 3):
        with pytest.raises(LookupError):
            pick(record, column)


def test_absent_columns() -> None:
    record = {"review": "x", "stars": 1}
    assert absent_column(record, {"text": "review", "label": 1}) is None
    assert absent_column(record, {"text": "reviews"}) == (
        "there is no column 'reviews'. Did you mean 'review'? Columns: review, stars. "
        "Say which one it is: `columns: {text: review}`"
    )
    named = str(absent_column({"text": "x", "label": 1}, {"label": "wholly-other"}))
    assert named.endswith("`columns: {label: label}`")  # that of the same name, where nothing is like it
    assert "no column 5 (for label). The 2 columns are numbered from 0" in str(
        absent_column(record, {"label": 5})
    )
    assert "no column 'b'" in str(absent_column(record, {"choices": ("stars", "b")}))


# --- dev rows


def rows_of(sources: list[str]) -> list[Row]:
    return [{"id": str(i), "source": source} for i, source in enumerate(sources)]


@given(st.lists(st.text(max_size=3), max_size=60), st.floats(0, 1), st.integers(1, 20))
def test_carving_divides_by_source_and_keeps_order(sources: list[str], share: float, at_most: int) -> None:
    rows = rows_of(sources)
    rest, dev = carve_dev(rows, share, at_most)
    assert not {row["source"] for row in rest} & {row["source"] for row in dev}
    assert sorted(rest + dev, key=lambda row: int(row["id"])) == rows
    assert [int(row["id"]) for row in dev] == sorted(int(row["id"]) for row in dev)
    assert bool(dev) == (len(set(sources)) > 1)
    assert len(dev) <= at_most or len({row["source"] for row in dev}) == 1
    assert rest or not rows


@given(st.permutations([str(i) for i in range(80)]))
def test_carving_does_not_depend_on_order(sources: list[str]) -> None:
    _, dev = carve_dev(rows_of(sources))
    _, usual = carve_dev(rows_of([str(i) for i in range(80)]))
    assert {row["source"] for row in dev} == {row["source"] for row in usual}


def test_carving_share_and_cap() -> None:
    rows = rows_of([str(i) for i in range(20_000)])
    assert len(carve_dev(rows)[1]) == 1000
    assert 900 < len(carve_dev(rows[:10_000], at_most=10_000)[1]) < 1100
    part = {row["source"] for row in carve_dev(rows[:5000], 0.2, 5000)[1]}
    whole = {row["source"] for row in carve_dev(rows, 0.2, 20_000)[1]}
    assert part == {source for source in whole if int(source) < 5000}
