from __future__ import annotations

from typing import Any

import pytest
from own_files import label_of

from xstilts.initialising.contents import guess_parallel

MIXED = [label_of(number) for number in range(60)]


def table(values: list[Any], name: str = "label", ids: list[str] | None = None) -> list[dict[str, Any]]:
    ids = ids or [str(number) for number in range(len(values))]
    return [{"id": own, name: value} for own, value in zip(ids, values, strict=True)]


def test_translations_have_the_same_labels() -> None:
    assert guess_parallel({"de": table(MIXED), "sw": table(MIXED)}) == (True, "same label row by row")
    almost = ["good" if number == 7 else label for number, label in enumerate(MIXED)]
    assert guess_parallel({"de": table(MIXED), "sw": table(almost)})[0]


def test_the_same_english_on_every_row() -> None:
    english = [f"sentence {number}" for number in range(30)]
    assert guess_parallel({"de": table(english, "target"), "sw": table(english, "target")})[0]


def test_ids_that_are_no_numbers() -> None:
    ids = [f"n{number}" for number in range(5)]
    tags = [["O"], ["B"], ["O"], ["O"], ["O"]]
    assert guess_parallel({"de": table(tags, "tags", ids), "sw": table(tags, "tags", ids)})[0]
    assert not guess_parallel({"de": table(tags, "tags"), "sw": table(tags, "tags")})[0]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (MIXED, MIXED[1:], "other rows"),
        (MIXED, list(reversed(MIXED)), "differs by language"),
        (MIXED[:10], MIXED[:10], "too few rows"),
        (sorted(MIXED), sorted(MIXED), "sorted"),
        (["good"] * 60, ["good"] * 60, "sorted"),
    ],
)
def test_what_tells_nothing(first: list[str], second: list[str], why: str) -> None:
    parallel, reason = guess_parallel({"de": table(first), "sw": table(second)})
    assert parallel is False
    assert why in reason


def test_one_language_is_no_question() -> None:
    assert guess_parallel({"de": table(MIXED)}) == (None, "")
