"""pocket/intents and pocket/slots: honest splits, clean sentences, spans that say what they mark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from itertools import combinations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("hassil")
pytest.importorskip("home_assistant_intents")

from xstilts.errors import UserError
from xstilts.tasks.pocket import intents as module
from xstilts.tasks.pocket.intents import (
    INTENT_LABELS,
    INTENT_LANGUAGES,
    SLOT_LABELS,
    SLOT_LANGUAGES,
    intents,
    slots,
    tag,
)
from xstilts.tasks.pocket.templates import SLOT, skeletons, words

SCRIPTS = {
    "Latin": "en de fr es",
    "Cyrillic": "ru uk",
    "Greek": "el",
    "Hebrew": "he",
    "Arabic": "ar",
    "Devanagari": "hi ne",
    "Han": "zh",
    "Hangul": "ko",
    "Thai": "th",
}
SCRIPT_OF = {language: script for script, languages in SCRIPTS.items() for language in languages.split()}
SPLITS = ("train", "dev", "test")
LISTED = {"area", "light", "player", "cover", "city", "timer", "color"}


def texts(split: str, language: str = "en") -> set[str]:
    return {row["text"].casefold() for row in intents(split, language)}


def test_languages_cover_scripts() -> None:
    assert set(SCRIPT_OF) == set(INTENT_LANGUAGES)
    assert set(SLOT_LANGUAGES) <= set(INTENT_LANGUAGES)


@pytest.mark.parametrize("language", INTENT_LANGUAGES)
def test_test_split_has_every_label_and_is_balanced(language: str) -> None:
    counts = Counter(row["label"] for row in intents("test", language))
    assert set(counts) == set(INTENT_LABELS)
    assert max(counts.values()) == 7
    assert 90 <= sum(counts.values()) <= 119


def test_train_and_dev_are_large_and_capped() -> None:
    train, dev = (Counter(row["label"] for row in intents(split, "en")) for split in ("train", "dev"))
    assert set(train) == set(dev) == set(INTENT_LABELS)
    assert sum(train.values()) >= 1000
    assert sum(dev.values()) >= 170
    assert max(train.values()) == 80
    assert max(dev.values()) == 12


@pytest.mark.parametrize("language", INTENT_LANGUAGES)
def test_sentences_are_clean(language: str) -> None:
    for row in intents("test", language):
        text = row["text"]
        assert not regex.search(r"[{}\[\]()<>|]|\s{2,}|^\s|\s$|\s[,.?!]|\b(\p{L}+) \1\b", text), text
        script = rf"\p{{Script={SCRIPT_OF[language]}}}"
        letters = regex.findall(r"\p{L}", text)
        assert len(regex.findall(script, text)) >= len(letters) > 0, text


@pytest.mark.parametrize("language", INTENT_LANGUAGES)
def test_ids_sources_and_texts_are_unique(language: str) -> None:
    rows = intents("test", language)
    for key in ("id", "source"):
        assert len({row[key] for row in rows}) == len(rows)
    assert len({row["text"].casefold() for row in rows}) == len(rows)
    assert all(row["source"].split("/")[:2] == ["test", row["label"]] for row in rows)


def test_no_text_in_two_splits() -> None:
    for one, other in combinations(SPLITS, 2):
        assert not texts(one) & texts(other)


def test_slots_and_intents_share_no_text_across_splits() -> None:
    spoken = {
        split: {said.text.casefold() for said in module._said("slots", split, "en")} for split in SPLITS
    }
    for one, other in combinations(SPLITS, 2):
        assert not spoken[one] & spoken[other]
    assert not spoken["test"] & (texts("train") | texts("dev"))
    assert not texts("test") & (spoken["train"] | spoken["dev"])


def test_english_templates_and_wordings_of_test_are_in_no_other_split() -> None:
    found = skeletons("en", module.WANTED)
    for intent, names in module.COMBINATIONS.items():
        train, test = (
            {text for name in names for text in module._pool(split, "en", intent, name)}
            for split in ("train", "test")
        )
        assert train and test and not train & test, intent
        kept = module._test_templates([t for t in found if t.intent == intent], found)
        assert test == {
            text for t, said in found.items() if t.intent == intent and t.text in kept for text in said
        }


def test_values_of_test_are_in_no_other_split() -> None:
    values = words("en").values
    for kind in LISTED:
        assert not {value.casefold() for value in values["train"][kind]} & {
            value.casefold() for value in values["test"][kind]
        }
    for kind, numbers in module._NUMBERS["train"].items():
        assert not set(numbers.split()) & set(module._NUMBERS["test"][kind].split())


@pytest.mark.parametrize("split", ["train", "dev"])
def test_no_test_value_is_spoken_in_training(split: str) -> None:
    unseen = {value.casefold() for kind in LISTED for value in words("en").values["test"][kind]}
    for row in slots(split, "en"):
        spoken = " ".join(
            token.casefold() for token, mark in zip(row["tokens"], row["tags"], strict=True) if mark != "O"
        )
        assert spoken not in unseen


@pytest.mark.parametrize("language", INTENT_LANGUAGES)
def test_word_lists_are_aligned_with_english(language: str) -> None:
    english, mine = words("en").values["test"], words(language).values["test"]
    assert {kind: len(mine[kind]) for kind in mine} == {kind: len(english[kind]) for kind in mine}
    if SCRIPT_OF[language] != "Latin":
        assert not any(regex.search(r"[A-Za-z]", value) for values in mine.values() for value in values)


def test_one_source_says_the_same_numbers_everywhere() -> None:
    numbers = {row["source"]: regex.findall(r"\d+", row["text"]) for row in intents("test", "de")}
    shared = 0
    for language in set(INTENT_LANGUAGES) - {"de"}:
        for row in intents("test", language):
            if row["source"] in numbers:
                shared += 1
                assert sorted(regex.findall(r"\d+", row["text"])) == sorted(numbers[row["source"]])
    assert shared > 800


@pytest.mark.parametrize("language", SLOT_LANGUAGES)
def test_slots_use_every_label_and_agree_with_spans(language: str) -> None:
    rows = slots("test", language)
    assert {mark for row in rows for mark in row["tags"] if mark[0] != "I"} == {
        m for m in SLOT_LABELS if m[0] != "I"
    }
    assert {mark for row in rows for mark in row["tags"]} <= set(SLOT_LABELS)
    spans = {f"{language}/{said.source}": said for said in module._said("slots", "test", language)}
    for row in rows:
        said = spans[row["id"]]
        marked = "".join(token for token, mark in zip(row["tokens"], row["tags"], strict=True) if mark != "O")
        expected = "".join(said.text[start:end] for start, end, _ in said.spans)
        assert marked == regex.sub(r"\s", "", expected)
        assert sum(mark[0] == "B" for mark in row["tags"]) == len(said.spans) > 0


@pytest.mark.parametrize("language", INTENT_LANGUAGES)
def test_slot_languages_are_those_whose_spans_are_whole_tokens(language: str) -> None:
    said = module._said("slots", "test", language)
    whole = sum(tag(request.text, request.spans) is not None for request in said) / len(said)
    assert (whole >= 0.9) == (language in SLOT_LANGUAGES)


@given(st.lists(st.sampled_from(["lamp", "12", "灯", "%", "café"]), min_size=1, max_size=8), st.data())
def test_tag_marks_exactly_the_span(tokens: list[str], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(tokens) - 1))
    last = data.draw(st.integers(first, len(tokens) - 1))
    text = " ".join(tokens)
    start = len(" ".join(tokens[:first])) + (first > 0)
    end = len(" ".join(tokens[: last + 1]))
    tagged = tag(text, ((start, end, "area"),))
    assert tagged is not None
    expected = ["O"] * first + ["B-area"] + ["I-area"] * (last - first) + ["O"] * (len(tokens) - last - 1)
    assert tagged == (tokens, expected)


def test_tag_refuses_half_a_token() -> None:
    assert tag("kitchens", ((0, 7, "area"),)) is None


def test_rows_do_not_depend_on_hash_seed() -> None:
    code = (
        "from xstilts.tasks.pocket.intents import intents, slots;"
        "print(intents('test', 'el'), slots('train', 'en')[:200])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_skeletons_have_only_kinds_with_values() -> None:
    for language in INTENT_LANGUAGES:
        values = module._values("test", language)
        for said in skeletons(language, module.WANTED).values():
            assert {kind for text in said for kind in SLOT.findall(text)} <= set(values)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: intents("test", "tlh"), "xstilts show pocket/intents"),
        (lambda: slots("test", "th"), "xstilts show pocket/slots"),
        (lambda: intents("train", "de"), "no 'train' split in 'de'"),
    ],
)
def test_what_is_not_there_is_said(call: object, says: str) -> None:
    with pytest.raises(UserError, match=says):
        call()  # type: ignore[operator]
