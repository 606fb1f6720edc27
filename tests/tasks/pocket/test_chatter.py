"""pocket/replies and pocket/topics: counts, honest splits, the right language, nothing unfit to show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
import regex

from xstilts.languages import normalise, script
from xstilts.tasks.base import SPLITS, Row
from xstilts.tasks.pocket import chatter
from xstilts.tasks.pocket.chatter import LANGUAGES, TOPIC_LABELS, TOPICS_BY_SPLIT, replies, topics
from xstilts.tasks.pocket.definitions import digest

pytest.importorskip("chatterbot_corpus", reason="needs chatterbot-corpus: pip install 'xstilts[pocket]'")

EVERY = pytest.mark.parametrize("language", LANGUAGES)
PAIRS = [("train", "dev"), ("train", "test"), ("dev", "test")]
Splits = dict[str, list[Row]]


def plain(text: str) -> str:
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold()))


@pytest.fixture(scope="module")
def reply_splits() -> Splits:
    return {split: replies(split, "en") for split in SPLITS}


def test_constants() -> None:
    assert chatter.PACKAGES == ("chatterbot-corpus",)
    assert {normalise(language) for language in LANGUAGES} == set(LANGUAGES)
    assert TOPICS_BY_SPLIT == {"train": ("en",), "dev": ("en",), "test": LANGUAGES}
    assert tuple(sorted(TOPIC_LABELS)) == TOPIC_LABELS


def test_topic_counts() -> None:
    train = Counter(row["label"] for row in topics("train", "en"))
    assert train.keys() == set(TOPIC_LABELS) and max(train.values()) <= 60 and min(train.values()) >= 8
    assert len(topics("dev", "en")) >= 50
    assert topics("train", "it") == [] and topics("test", "ur") == []


@EVERY
def test_topics_of_a_language(language: str) -> None:
    rows = topics("test", language)
    labels = Counter(row["label"] for row in rows)
    assert 60 <= len(rows) <= 120
    assert len(labels) >= 6 and labels.keys() <= set(TOPIC_LABELS) and max(labels.values()) <= 12
    assert all(row.keys() == {"id", "source", "text", "label"} for row in rows)
    assert len({row["id"] for row in rows}) == len({plain(row["text"]) for row in rows}) == len(rows)


@EVERY
def test_topics_are_in_their_language(language: str) -> None:
    rows = topics("test", language)
    latin = sum(len(regex.findall(r"\p{Latin}", row["text"])) for row in rows)
    letters = sum(len(regex.findall(r"\p{L}", row["text"])) for row in rows)
    if script(language) == "Latn":
        assert latin == letters
    else:
        assert latin < 0.08 * letters


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_topic_splits_share_nothing(one: str, other: str) -> None:
    a, b = topics(one, "en"), topics(other, "en")
    for column in ("id", "source", "text"):
        assert not {row[column] for row in a} & {row[column] for row in b}


def test_topics_are_tested_at_the_head_of_each_file_and_trained_at_its_tail() -> None:
    """So no translation of a training dialogue is tested: the languages keep the order of the English files."""
    assert "Thomas Pynchon" in " ".join(row["text"] for row in topics("test", "it"))
    assert "Thomas Pynchon" in " ".join(row["text"] for row in topics("test", "en"))
    trained = " ".join(row["text"] for row in topics("train", "en"))
    assert "Thomas Pynchon" not in trained and "Stanislaw lem" in trained
    for language in LANGUAGES:
        tested = " ".join(row["text"] for row in topics("test", language)).casefold()
        assert not regex.search(r"stanis|лем |レム|asimov|азімов|아시모프|アシモフ", tested)


def test_reply_counts(reply_splits: Splits) -> None:
    sizes = {split: len(rows) for split, rows in reply_splits.items()}
    assert 400 <= sizes["train"] <= 500 and 120 <= sizes["dev"] <= 180 and 180 <= sizes["test"] <= 250
    assert replies("test", "de") == []


def test_reply_rows(reply_splits: Splits) -> None:
    for rows in reply_splits.values():
        places = Counter(row["label"] for row in rows)
        assert all(abs(places[place] / len(rows) - 0.25) < 0.1 for place in range(4))
        assert len({row["id"] for row in rows}) == len(rows)
        for row in rows:
            assert row.keys() == {"id", "source", "text", "choices", "label"}
            assert len(row["choices"]) == len({plain(choice) for choice in row["choices"]}) == 4
            assert plain(row["text"]) != plain(row["choices"][row["label"]])


def test_replies_train_on_no_test_item_of_topics(reply_splits: Splits) -> None:
    tested = topics("test", "en")
    said = {plain(f"{row['text']} {row['choices'][row['label']]}") for row in reply_splits["train"]}
    assert not {row["source"] for row in reply_splits["train"]} & {row["source"] for row in tested}
    assert not said & {plain(row["text"]) for row in tested}


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_reply_splits_share_neither_prompt_nor_reply(reply_splits: Splits, one: str, other: str) -> None:
    a, b = reply_splits[one], reply_splits[other]
    for said in (
        lambda rows: {row["source"] for row in rows},
        lambda rows: {plain(row["text"]) for row in rows},
        lambda rows: {plain(choice) for row in rows for choice in row["choices"]},
    ):
        assert not said(a) & said(b)


def test_no_distractor_is_a_reply_to_the_same_prompt(reply_splits: Splits) -> None:
    for rows in reply_splits.values():
        true: dict[str, set[str]] = {}
        for row in rows:
            true.setdefault(row["source"], set()).add(row["choices"][row["label"]])
        for row in rows:
            wrong = [choice for place, choice in enumerate(row["choices"]) if place != row["label"]]
            assert not true[row["source"]] & set(wrong), row


def test_nothing_unfit_to_show(reply_splits: Splits) -> None:
    unfit = regex.compile(
        r"(?i)\b(sex\w*|murder\w*|suicide|hitler|culi|kill\w*|guns?)\b|teknolust|お尻|驴|驢|酒鬼|死ぬべき|應該死|شهید|خمینی"
    )
    shown = [row["text"] for language in LANGUAGES for split in SPLITS for row in topics(split, language)]
    shown += [
        text for rows in reply_splits.values() for row in rows for text in (row["text"], *row["choices"])
    ]
    assert not [text for text in shown if unfit.search(text)]


def test_no_topic_shouts() -> None:
    assert not [row for row in topics("train", "en") if row["text"].split("?")[0].isupper()]


def test_scalars_stay_text() -> None:
    """YAML would make the reply "1963" a number and "No" a truth value."""
    assert any(row["text"].endswith("1963") for row in topics("test", "it"))


def test_another_process_builds_the_same() -> None:
    code = (
        "from xstilts.tasks.pocket.chatter import replies, topics\n"
        "from xstilts.tasks.pocket.definitions import digest\n"
        "print(digest(repr(replies('train', 'en')), repr(topics('test', 'fa')), repr(topics('train', 'en'))))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    built = digest(repr(replies("train", "en")), repr(topics("test", "fa")), repr(topics("train", "en")))
    assert run.stdout.strip() == built
