"""pocket/definitions: counts, honest splits, choices that can be told apart, nothing unfit to show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from xstilts.tasks.base import SPLITS, Row
from xstilts.tasks.pocket.definitions import PACKAGES, VERSION, deal, definitions, digest

pytest.importorskip("WordNet", reason="needs nlptoolkit-wordnet: pip install 'xstilts[pocket]'")

Splits = dict[str, list[Row]]


@pytest.fixture(scope="module")
def splits() -> Splits:
    return {split: definitions(split, "en") for split in SPLITS}


def glosses(rows: list[Row]) -> set[str]:
    return {choice for row in rows for choice in row["choices"]}


def test_counts(splits: Splits) -> None:
    assert len(splits["train"]) > 19_000
    assert (len(splits["dev"]), len(splits["test"])) == (500, 1000)
    assert definitions("test", "de") == []
    assert PACKAGES == ("nlptoolkit-wordnet",) and VERSION >= 1


def test_rows_are_multiple_choice(splits: Splits) -> None:
    for row in (row for rows in splits.values() for row in rows):
        assert row.keys() == {"id", "source", "text", "choices", "label"}
        assert len(row["choices"]) == len(set(row["choices"])) == 4
        assert row["label"] in range(4)
        assert regex.fullmatch(r"[a-z ]{3,25} \((noun|verb)\)", row["text"])
        assert all(20 <= len(choice) <= 120 for choice in row["choices"])


def test_ids_are_unique(splits: Splits) -> None:
    ids = [row["id"] for rows in splits.values() for row in rows]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("one", "other"), [("train", "dev"), ("train", "test"), ("dev", "test")])
def test_splits_share_neither_synset_nor_gloss_nor_word(splits: Splits, one: str, other: str) -> None:
    a, b = splits[one], splits[other]
    assert not {row["source"] for row in a} & {row["source"] for row in b}
    assert not glosses(a) & glosses(b)
    if one == "train":
        words = [{row["text"].rpartition(" ")[0] for row in rows} for rows in (a, b)]
        assert not words[0] & words[1]


def test_test_items_are_independent(splits: Splits) -> None:
    shown = [choice for row in splits["test"] for choice in row["choices"]]
    assert len(shown) == len(set(shown)) == 4000


def test_right_answers_stand_anywhere(splits: Splits) -> None:
    for rows in splits.values():
        places = Counter(row["label"] for row in rows)
        assert all(abs(places[place] / len(rows) - 0.25) < 0.06 for place in range(4))


def test_length_does_not_give_the_answer_away(splits: Splits) -> None:
    for choose in (max, min):
        hits = sum(
            choose(range(4), key=lambda i: len(row["choices"][i])) == row["label"] for row in splits["test"]
        )
        assert hits / len(splits["test"]) < 0.32


def test_no_choice_contains_the_word(splits: Splits) -> None:
    for row in splits["train"] + splits["test"]:
        words = set(row["text"].rpartition(" ")[0].split())
        long = {word for word in words if len(word) > 4}
        assert not any(long & set(regex.findall("[a-z]+", choice)) for choice in row["choices"]), row


def test_a_word_has_one_right_definition_among_its_choices(splits: Splits) -> None:
    right: dict[str, set[str]] = {}
    for row in splits["train"]:
        right.setdefault(row["text"], set()).add(row["choices"][row["label"]])
    for row in splits["train"]:
        assert len(right[row["text"]] & set(row["choices"])) == 1, row


def test_nothing_unfit_to_show(splits: Splits) -> None:
    unfit = regex.compile(
        r"(?i)\b(slur|offensive|obscene|rape|murder|genitals?|vulva|prostitute|nazi|cocaine|suicide)\b"
    )
    shown = [row["text"] for rows in splits.values() for row in rows]
    assert not [
        text
        for text in [*shown, *(g for rows in splits.values() for g in glosses(rows))]
        if unfit.search(text)
    ]


def test_the_beginning_is_a_fair_sample(splits: Splits) -> None:
    def share_of_verbs(rows: list[Row]) -> float:
        return sum(str(row["text"]).endswith("(verb)") for row in rows) / len(rows)

    assert abs(share_of_verbs(splits["train"][:800]) - share_of_verbs(splits["train"][800:6000])) < 0.06


def test_rows_are_the_callers_own() -> None:
    definitions("dev", "en")[0]["text"] = "spoilt"
    assert definitions("dev", "en")[0]["text"] != "spoilt"


def test_another_process_builds_the_same() -> None:
    code = (
        "from xstilts.tasks.pocket.definitions import definitions, digest\n"
        "print(digest(*[repr(definitions(s, 'en')) for s in ('dev', 'test', 'train')]))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert run.stdout.strip() == digest(
        *[repr(definitions(split, "en")) for split in ("dev", "test", "train")]
    )


texts = st.lists(st.text(min_size=1, max_size=12), min_size=4, max_size=4, unique=True)


@given(st.text(max_size=8), texts)
def test_deal_keeps_all_choices_and_points_at_the_right_one(seed: str, choices: list[str]) -> None:
    dealt, label = deal(seed, choices[0], choices[1:])
    assert sorted(dealt) == sorted(choices)
    assert dealt[label] == choices[0]


@given(st.text(max_size=8), texts)
def test_deal_does_not_depend_on_the_order_of_the_wrong_ones(seed: str, choices: list[str]) -> None:
    assert deal(seed, choices[0], choices[1:]) == deal(seed, choices[0], choices[:0:-1])


def test_digest_separates_its_parts() -> None:
    assert digest("a", "b") != digest("ab")
    assert digest("a") == "ca978112ca1b"
