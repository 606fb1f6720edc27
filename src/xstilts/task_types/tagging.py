"""Tagging: a tag for every token, read off its first sub-word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from xstilts.task_types.base import (
    IGNORED,
    SPECIAL_TOKENS,
    Batch,
    Change,
    Count,
    Feature,
    TrainedType,
    only_answer,
    permuted,
)
from xstilts.tasks.base import Row, Task

if TYPE_CHECKING:
    import torch


@final
class Tagging(TrainedType):
    """`tokens` → `tags`, by `AutoModelForTokenClassification`.

    A row that is too long is split between tokens into several inputs and rejoined; no tag is lost.
    """

    name = "tagging"
    auto_class = "AutoModelForTokenClassification"
    columns = ("tokens", "tags")
    texts = ("tokens",)
    metrics: ClassVar[tuple[str, ...]] = ("entity_f1", "token_accuracy", "chunk_f1")
    gold = "tags"

    def encode(self, rows: Sequence[Row], tokenizer: Any, task: Task, max_length: int) -> list[Feature]:
        """Features of at most `max_length` tokens; the target is a tag number a position."""
        number = {tag: place for place, tag in enumerate(task.labels)}
        words = tokenizer(
            [row["tokens"] for row in rows], is_split_into_words=True, add_special_tokens=False, verbose=False
        )
        before, behind = _special_tokens(tokenizer)
        features = []
        for place, row in enumerate(rows):
            ids, owners = np.array(words["input_ids"][place], np.int64), words.word_ids(place)
            starts = _word_starts(owners, len(row["tokens"]))
            tags = np.array([number[tag] for tag in row["tags"]], np.int64)
            for window in _windows(starts, len(ids), max_length - len(before) - len(behind)):
                sequence = np.array([*before, *ids[window.first : window.last], *behind], np.int64)
                positions = np.array([starts[word] for word in window.words], np.int64)
                positions = np.where(positions >= 0, positions - window.first + len(before), -1)
                target = tags[window.words.start : window.words.stop]
                features.append(Feature(place, (sequence,), target, positions=positions))
        return features

    def tokens(self, texts: Sequence[str], task: Task, max_length: int, count: Count) -> int:
        """Tokens of all parts of a row."""
        return SPECIAL_TOKENS + sum(map(count, texts))

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy at the first sub-word of each token; logits [batch, length, tags]."""
        import torch

        targets = np.full(logits.shape[:2], IGNORED, np.int64)
        for place, feature in enumerate(batch.features):
            assert feature.positions is not None
            known = feature.positions >= 0
            targets[place, feature.positions[known]] = np.array(feature.target)[known]
        flat = torch.from_numpy(targets).to(logits.device).view(-1)
        return torch.nn.functional.cross_entropy(
            logits.view(len(flat), -1), flat, reduction="sum", ignore_index=IGNORED
        )

    def terms(self, feature: Feature) -> int:
        """Tokens of the row that the encoder sees."""
        assert feature.positions is not None
        return int((feature.positions >= 0).sum())

    def decode(self, logits: NDArray[np.float32], feature: Feature, task: Task) -> list[str]:
        """The tag with the largest logit at each token; the first tag for a token without sub-words."""
        best = logits.argmax(-1)
        assert feature.positions is not None
        return [task.labels[int(best[place]) if place >= 0 else 0] for place in feature.positions]

    def join(self, predictions: Sequence[Any]) -> list[str]:
        """Tags of a row's windows, one after another."""
        return [tag for part in predictions for tag in part]

    def unlearnable(self, rows: Sequence[Row]) -> str:
        """Rows whose tokens all have one tag teach nothing."""
        return only_answer((tag for row in rows for tag in row["tags"]), len(rows), "tag")

    def told(self, answer: Any, row: Row, rows: Mapping[str, Row]) -> str:
        """The tagged words, those outside of any entity left out."""
        pairs = zip(row["tokens"], answer, strict=False)  # a condition may have left fewer
        return " ".join(f"{token}/{tag}" for token, tag in pairs if tag != "O")

    def shuffle(self, rows: Sequence[Row], seed: int) -> list[Row]:
        """All tags dealt out again among all tokens."""
        tags = permuted([tag for row in rows for tag in row["tags"]], seed)
        shuffled, start = [], 0
        for row in rows:
            end = start + len(row["tags"])
            shuffled.append(row | {"tags": tags[start:end]})
            start = end
        return shuffled

    def perturb(self, row: Row, change: Change) -> Row:
        """Tokens changed one by one; each keeps its tag."""
        return row | {"tokens": change.tokens(row["tokens"], "tokens")}


def _word_starts(owners: Sequence[int | None], count: int) -> list[int]:
    """Position of each word's first sub-word; -1 for a word that the tokenizer drops (a lone control character)."""
    starts = [-1] * count
    for position in range(len(owners) - 1, -1, -1):
        owner = owners[position]
        if owner is not None:
            starts[owner] = position
    return starts


@dataclass(frozen=True)
class _Window:
    """Part of a row: sub-words `first` to `last`, words `words`."""

    first: int
    last: int
    words: range


def _windows(starts: Sequence[int], length: int, room: int) -> list[_Window]:
    """Cut a row between words into windows of at most `room` sub-words.

    A single word longer than the room is cut inside: only its first sub-word carries a tag.
    """
    ends = _word_ends(starts, length)
    windows: list[_Window] = []
    first, first_word = 0, 0
    for word, start in enumerate(starts):
        if start > first and ends[word] - first > room:
            windows.append(_Window(first, min(start, first + room), range(first_word, word)))
            first, first_word = start, word
    return [*windows, _Window(first, min(length, first + room), range(first_word, len(starts)))]


def _word_ends(starts: Sequence[int], length: int) -> list[int]:
    """Position behind each word's last sub-word."""
    ends, following = [length] * len(starts), length
    for word in range(len(starts) - 1, -1, -1):
        ends[word] = following
        if starts[word] >= 0:
            following = starts[word]
    return ends


def _special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens that this tokenizer puts before and behind a text."""
    encoded = tokenizer("a", return_special_tokens_mask=True)
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    before = special.index(0)
    behind = special[::-1].index(0)
    return ids[:before], ids[len(ids) - behind :]
