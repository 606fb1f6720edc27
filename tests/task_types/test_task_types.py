from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from xstilts.errors import UnknownName
from xstilts.task_types import (
    TASK_TYPES,
    TrainedType,
    family_of,
    get_task_type,
    get_trained_type,
    is_trained,
    retrieval_type,
)
from xstilts.task_types.base import collate
from xstilts.task_types.tagging import _windows
from xstilts.tasks.base import PackageSource, Row, Task

CLASSIFICATION, CHOICE, TAGGING = (
    get_trained_type(n) for n in ("classification", "multiple-choice", "tagging")
)
LABELS = {"classification": ("bad", "good"), "multiple-choice": (), "tagging": ("O", "B-X", "I-X")}


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_encoder)


def task(type: str) -> Task:
    source = PackageSource(lambda split, language: [], {}, (), 1)
    return Task("my/task", type, source, ("en",), "", labels=LABELS[type])


def rows_of(type: str) -> list[Row]:
    """Rows of unequal lengths, choices and tags."""
    if type == "classification":
        texts = [("the soup", "good"), ("w1 w2 w3 was awful", "bad"), ("nul", "bad"), ("great great", "good")]
        return [
            {"id": str(n), "source": str(n), "text": text, "label": label}
            for n, (text, label) in enumerate(texts)
        ]
    if type == "multiple-choice":
        choices = [["w1", "w2 w3"], ["poor soup", "w4", "w5 w6 w7"], ["x", "yy", "zzz", "w8"]]
        return [
            {"id": str(n), "source": str(n), "text": "the soup was", "choices": some, "label": len(some) - 1}
            for n, some in enumerate(choices)
        ]
    tokens = [["the", "soup"], ["unknownword", "w1", "was", "w2"], ["w3"]]
    tags = [["O", "B-X"], ["B-X", "I-X", "O", "O"], ["I-X"]]
    return [
        {"id": str(n), "source": str(n), "tokens": some, "tags": marks}
        for n, (some, marks) in enumerate(zip(tokens, tags, strict=True))
    ]


def model_of(type: TrainedType, encoder: Path) -> Any:
    labels = {"num_labels": len(LABELS[type.name])} if LABELS[type.name] else {}
    torch.manual_seed(0)
    return getattr(transformers, type.auto_class).from_pretrained(encoder, **labels).eval()


def features_of(type: TrainedType, rows: list[Row], tokenizer: Any, max_length: int = 32) -> Any:
    return type.encode(rows, tokenizer, task(type.name), max_length)


# --- the loss is transformers' own


def test_the_loss_of_classification_is_transformers(tiny_encoder: Path, tokenizer: Any) -> None:
    features = features_of(CLASSIFICATION, rows_of("classification"), tokenizer)
    batch = collate(features, tokenizer.pad_token_id)
    expected = model_of(CLASSIFICATION, tiny_encoder)(**batch.inputs, labels=torch.tensor([1, 0, 0, 1]))
    assert CLASSIFICATION.loss(expected.logits, batch).item() / 4 == pytest.approx(
        expected.loss.item(), abs=1e-6
    )


def test_the_loss_of_multiple_choice_is_transformers(tiny_encoder: Path, tokenizer: Any) -> None:
    """Row by row, so that transformers sees no missing choices; and together, with missing ones."""
    rows, model = rows_of("multiple-choice"), model_of(CHOICE, tiny_encoder)
    whole = collate(features_of(CHOICE, rows, tokenizer), tokenizer.pad_token_id)
    losses = []
    for row in rows:
        alone = collate(features_of(CHOICE, [row], tokenizer), tokenizer.pad_token_id)
        assert alone.inputs["input_ids"].shape[1] == len(row["choices"])
        losses.append(model(**alone.inputs, labels=torch.tensor([row["label"]])).loss.item())
    assert CHOICE.loss(model(**whole.inputs).logits, whole).item() == pytest.approx(sum(losses), abs=1e-5)


def test_the_loss_of_tagging_is_transformers(tiny_encoder: Path, tokenizer: Any) -> None:
    """Labels put on first sub-words by the recipe of transformers' own run_ner script."""
    rows, model = rows_of("tagging"), model_of(TAGGING, tiny_encoder)
    features = features_of(TAGGING, rows, tokenizer)
    batch = collate(features, tokenizer.pad_token_id)
    encoded = tokenizer(
        [row["tokens"] for row in rows], is_split_into_words=True, padding=True, return_tensors="pt"
    )
    labels = torch.full_like(encoded["input_ids"], -100)
    for place, row in enumerate(rows):
        previous = None
        for position, word in enumerate(encoded.word_ids(place)):
            if word is not None and word != previous:
                labels[place, position] = LABELS["tagging"].index(row["tags"][word])
            previous = word
    assert torch.equal(encoded["input_ids"], batch.inputs["input_ids"])
    expected = model(**encoded, labels=labels)
    terms = sum(TAGGING.terms(feature) for feature in features)
    assert terms == int((labels >= 0).sum()) == 7
    logits = model(**batch.inputs).logits
    assert TAGGING.loss(logits, batch).item() / terms == pytest.approx(expected.loss.item(), abs=1e-6)


def test_segments_are_given_where_the_encoder_has_them(tokenizer: Any) -> None:
    row = {"id": "0", "source": "0", "text": "the soup", "text_pair": "w1 w2", "label": "good"}
    (feature,) = features_of(CLASSIFICATION, [row], tokenizer)
    expected = tokenizer("the soup", "w1 w2")
    assert feature.sequences[0].tolist() == expected["input_ids"]
    assert feature.type_ids[0].tolist() == expected["token_type_ids"]
    assert set(expected["token_type_ids"]) == {0, 1}
    batch = collate([feature], tokenizer.pad_token_id)
    assert batch.inputs["token_type_ids"].tolist() == [expected["token_type_ids"]]


def test_a_pair_is_cut_at_the_longer_text(tokenizer: Any) -> None:
    row = {"id": "0", "source": "0", "text": "w1", "text_pair": " ".join(["w2"] * 40), "label": "good"}
    (feature,) = features_of(CLASSIFICATION, [row], tokenizer, max_length=10)
    tokens = tokenizer.convert_ids_to_tokens(feature.sequences[0])
    assert tokens == ["[CLS]", "w1", "[SEP]", *["w2"] * 6, "[SEP]"]


# --- decoding


def test_a_missing_choice_is_never_predicted(tokenizer: Any) -> None:
    features = features_of(CHOICE, rows_of("multiple-choice"), tokenizer)
    logits = np.array([0.1, 0.2, 9.0, 9.0], np.float32)
    assert [CHOICE.decode(logits, feature, task("multiple-choice")) for feature in features] == [1, 2, 2]


def test_a_label_is_decoded_by_its_place(tokenizer: Any) -> None:
    (feature, *_) = features_of(CLASSIFICATION, rows_of("classification"), tokenizer)
    assert CLASSIFICATION.decode(np.array([0.1, 0.2], np.float32), feature, task("classification")) == "good"


def decode_all(rows: list[Row], tokenizer: Any, max_length: int, seen: list[list[str]]) -> list[list[str]]:
    """Decode logits that give every token's first sub-word its true tag and everything else a wrong one."""
    joined: list[list[Any]] = [[] for _ in rows]
    number = {tag: place for place, tag in enumerate(LABELS["tagging"])}
    for feature in features_of(TAGGING, rows, tokenizer, max_length):
        assert feature.length <= max_length
        seen.append(tokenizer.convert_ids_to_tokens(feature.sequences[0]))
        logits = np.zeros((feature.length, 3), np.float32)
        logits[:, 0] = 1.0
        for position, tag in zip(feature.positions, feature.target, strict=True):
            if position >= 0:
                logits[position, tag] = 2.0
        joined[feature.row].append(TAGGING.decode(logits, feature, task("tagging")))
    assert number
    return [TAGGING.join(parts) for parts in joined]


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["soup", "unseen", "w7", "\u200b", "a-b", "xxxxxxxxxxxxxxxxxxxx"]),
                      st.sampled_from(LABELS["tagging"])),
            min_size=1, max_size=30,
        ),
        min_size=1, max_size=4,
    ),
    st.integers(8, 40),
)  # fmt: skip
def test_every_token_gets_its_own_tag_back(
    tokenizer_once: Any, marked: list[list[tuple[str, str]]], max_length: int
) -> None:
    """Split and rejoined, in order, whatever the maximum; a token without sub-words gets the first tag."""
    rows: list[Row] = [
        {"id": str(n), "source": str(n), "tokens": [t for t, _ in row], "tags": [tag for _, tag in row]}
        for n, row in enumerate(marked)
    ]
    decoded = decode_all(rows, tokenizer_once, max_length, [])
    for row, tags in zip(rows, decoded, strict=True):
        empty = [not tokenizer_once.tokenize(token) for token in row["tokens"]]
        assert tags == ["O" if nothing else tag for tag, nothing in zip(row["tags"], empty, strict=True)]


@pytest.fixture(scope="module")
def tokenizer_once(tokenizer: Any) -> Any:
    return tokenizer


def test_a_long_row_is_split_between_tokens(tokenizer: Any) -> None:
    tokens = ["soup", "unseen"] * 10
    rows: list[Row] = [{"id": "0", "source": "0", "tokens": tokens, "tags": ["B-X", "O"] * 10}]
    seen: list[list[str]] = []
    assert decode_all(rows, tokenizer, 16, seen) == [["B-X", "O"] * 10]
    assert len(seen) > 3
    pieces = [piece for window in seen for piece in window[1:-1]]
    assert pieces == tokenizer.tokenize(" ".join(tokens))  # nothing lost, nothing twice
    assert all(not window[1].startswith("##") for window in seen)
    assert all((window[0], window[-1]) == ("[CLS]", "[SEP]") for window in seen)


def test_only_the_first_sub_word_carries_the_tag(tokenizer: Any) -> None:
    row: Row = {"id": "0", "source": "0", "tokens": ["unseen", "soup"], "tags": ["B-X", "O"]}
    (feature,) = features_of(TAGGING, [row], tokenizer)
    assert feature.positions.tolist() == [1, 1 + len("unseen")]
    assert TAGGING.terms(feature) == 2


def test_a_token_without_sub_words_costs_nothing(tokenizer: Any) -> None:
    row: Row = {"id": "0", "source": "0", "tokens": ["\u200b", "soup"], "tags": ["B-X", "I-X"]}
    (feature,) = features_of(TAGGING, [row], tokenizer)
    assert feature.positions.tolist() == [-1, 1] and TAGGING.terms(feature) == 1
    batch = collate([feature], tokenizer.pad_token_id)
    logits = torch.zeros(1, feature.length, 3)
    assert TAGGING.loss(logits, batch).item() == pytest.approx(np.log(3), abs=1e-6)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(1, 12))
def test_windows_cover_every_word_once(sizes: list[int], room: int) -> None:
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    windows = _windows(starts, sum(sizes), room)
    assert [word for window in windows for word in window.words] == list(range(len(sizes)))
    for window in windows:
        assert 0 < window.last - window.first <= room
        assert all(window.first <= starts[word] < window.last for word in window.words)


# --- batches


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(1, 4))
def test_collating_pads_and_masks(lengths: list[int], choices: int) -> None:
    from xstilts.task_types.base import Feature

    features = [
        Feature(place, tuple(np.arange(5, 5 + length) for _ in range(1 + place % choices)))
        for place, length in enumerate(lengths)
    ]
    batch = collate(features, pad_id=1)
    ids, mask = batch.inputs["input_ids"], batch.inputs["attention_mask"]
    width = max(len(feature.sequences) for feature in features)
    assert ids.shape == ((len(lengths), max(lengths)) if width == 1 else (len(lengths), width, max(lengths)))
    assert ((ids == 1) == (mask == 0)).all()
    flat = mask.reshape(len(lengths), -1, max(lengths))
    assert [row[0].sum().item() for row in flat] == lengths


# --- shuffling and perturbing


@pytest.mark.parametrize("type", [CLASSIFICATION, CHOICE, TAGGING])
def test_shuffling_permutes_answers_and_keeps_all_else(type: TrainedType) -> None:
    rows = [row | {"id": f"{row['id']}/{n}"} for n in range(20) for row in rows_of(type.name)]
    before = [dict(row) for row in rows]
    shuffled = type.shuffle(rows, seed=1)
    assert rows == before
    assert [row[type.gold] for row in shuffled] != [row[type.gold] for row in rows]
    assert [row | {type.gold: None} for row in shuffled] == [row | {type.gold: None} for row in rows]
    assert type.shuffle(rows, 1) == shuffled != type.shuffle(rows, 2)
    if type is CHOICE:  # any choice may be called right
        assert all(0 <= row["label"] < len(row["choices"]) for row in shuffled)
        assert {row["label"] for row in shuffled} == {0, 1, 2, 3}
    else:
        answers = [[*row[type.gold]] if type is TAGGING else [row[type.gold]] for row in (*rows, *shuffled)]
        half = len(rows)
        count = [
            Counter(answer for part in side for answer in part) for side in (answers[:half], answers[half:])
        ]
        assert count[0] == count[1]
    if type is TAGGING:
        assert [len(row["tags"]) for row in shuffled] == [len(row["tokens"]) for row in rows]


class Upper:
    """A change that can be seen, and notes which roles it was asked for."""

    def __init__(self) -> None:
        self.roles: list[str] = []

    def text(self, text: str, role: str) -> str:
        self.roles.append(role)
        return text.upper()

    def tokens(self, tokens: list[str], role: str) -> list[str]:
        self.roles.append(role)
        return [token.upper() for token in tokens]

    def label(self, label: str) -> str:
        return label


@pytest.mark.parametrize(
    ("name", "row", "roles"),
    [
        ("classification", {"text": "a", "label": "good"}, ["text"]),
        ("classification", {"text": "a", "text_pair": "b", "label": "good"}, ["text", "text_pair"]),
        ("classification", {"text": "a", "text_pair": None, "label": "good"}, ["text"]),
        (
            "multiple-choice",
            {"text": "a", "choices": ["b", "c"], "label": 1},
            ["choices/0", "choices/1", "text"],
        ),
        ("tagging", {"tokens": ["a", "b"], "tags": ["O", "B-X"]}, ["tokens"]),
        ("sentence-retrieval", {"text": "a", "target": "b"}, ["text"]),
    ],
)
def test_perturbing_changes_input_texts_and_no_label(name: str, row: Row, roles: list[str]) -> None:
    type, change = get_task_type(name), Upper()
    perturbed = type.perturb(row, change)
    assert change.roles == roles
    assert {role.partition("/")[0] for role in roles} <= set(type.texts)
    for column, value in row.items():
        expected = _upper(value) if column in type.texts else value
        assert perturbed[column] == expected
    assert row != perturbed  # the row itself stays


def _upper(value: Any) -> Any:
    if value is None:
        return None
    return value.upper() if isinstance(value, str) else [part.upper() for part in value]


# --- names


def test_names() -> None:
    trained = {"classification", "multiple-choice", "tagging", "span-qa", "answer-retrieval"}
    trained |= {"image-text-retrieval", "image-text-classification"}
    assert set(TASK_TYPES) == trained | {"sentence-retrieval", "bitext-mining"}
    with pytest.raises(UnknownName, match="Did you mean 'tagging'"):
        get_task_type("taging")
    with pytest.raises(UnknownName, match="sentence-retrieval"):
        get_trained_type("sentence-retrieval")
    assert {name for name in TASK_TYPES if isinstance(TASK_TYPES[name], TrainedType)} == trained
    searched = {name for name in TASK_TYPES if retrieval_type(name) is not None}
    assert searched == {"sentence-retrieval", "bitext-mining", "answer-retrieval"}


def test_the_family_of_a_task() -> None:
    assert family_of(task("tagging")) == "trained"
    asked = replace(task("classification"), type="answer-retrieval")
    assert (family_of(asked), is_trained(asked)) == ("retrieval", False)
    assert is_trained(replace(asked, options={"trained": True}))
