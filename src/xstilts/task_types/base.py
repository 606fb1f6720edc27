"""How a task is put to an encoder: rows → features → logits → predictions.

A task type carries its own behaviour; nothing outside asks which one it is. It sees rows only through canonical,
named columns, and encoders only through a tokenizer and logits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from xstilts.encoders.checkpoint import HeadSpec
from xstilts.metrics.base import Metric
from xstilts.tasks.base import Row, Task

if TYPE_CHECKING:
    import torch

Tokens = NDArray[np.int64]
Span = tuple[int, int]
"""Part of a text, in characters: where it begins, and where it has ended."""

IGNORED = -100
"""Target of a position that counts for nothing, as in torch's cross-entropy."""
_AT_ONCE = 10_000
"""Texts that are tokenised together: what a tokenizer holds for a text is many times the text."""


@dataclass(frozen=True)
class Feature:
    """One input of a model, tokenised.

    `sequences` holds one token sequence, or one a choice; `type_ids` likewise, or nothing where the encoder has no
    segments. `target` is what the loss needs, `positions` (tagging) where the words of `row` begin, `window`
    (span-qa) the part of the context that is read, `images` the vectors of the images that the text is about, each
    [width] or [parts, width]; or [3, height, width], what a tower that is tuned takes.
    """

    row: int
    sequences: tuple[Tokens, ...]
    target: Any = None
    type_ids: tuple[Tokens, ...] = ()
    positions: Tokens | None = None
    window: Any = None
    images: tuple[NDArray[np.floating[Any]], ...] = ()

    @property
    def length(self) -> int:
        """Tokens of the longest sequence."""
        return max(len(sequence) for sequence in self.sequences)

    @property
    def tokens(self) -> int:
        """Tokens of all sequences together."""
        return sum(len(sequence) for sequence in self.sequences)

    @property
    def pictures(self) -> int:
        """Images that are there as pixels, [channels, height, width], not as vectors."""
        return sum(image.ndim == 3 for image in self.images)

    def renumbered(self, trim: Callable[[Tokens], Tokens]) -> Feature:
        """The same feature with other token ids."""
        return replace(self, sequences=tuple(trim(sequence) for sequence in self.sequences))


@dataclass(frozen=True)
class Batch:
    """Padded features: the model's `inputs`, and the `features` they came from."""

    inputs: dict[str, torch.Tensor]
    features: Sequence[Feature]


SPECIAL_TOKENS = 3
"""Tokens that stand around and between the texts of an input, roughly: two around one, three or four around two."""
Count = Callable[[str], int]
"""How many tokens a text has, without special ones."""


class Change(Protocol):
    """What a condition does to the texts of one row; `role` names the text."""

    def text(self, text: str, role: str) -> str:
        """The text changed."""
        ...

    def tokens(self, tokens: list[str], role: str) -> list[str]:
        """The tokens changed, one for one."""
        ...

    def spans(self, text: str, role: str, spans: Sequence[Span]) -> tuple[str, list[Span]]:
        """The text changed, and where parts of it are then; of each something remains."""
        ...

    def label(self, label: str) -> str:
        """The right label of a row whose texts have changed."""
        ...


class TaskType(ABC):
    """What all task types have."""

    name: ClassVar[str]
    family: ClassVar[str]
    """`trained` (on the target's English training set), `retrieval` or `image-text`: never averaged together.

    Where that differs from task to task of a type, `family_of` says it."""
    columns: ClassVar[tuple[str, ...]]
    """Columns that a row must have beside `id` and `source`."""
    texts: ClassVar[tuple[str, ...]]
    """Columns that conditions perturb: all of them, or the one that is the condition's role."""
    further_texts: ClassVar[tuple[str, ...]] = ()
    """Columns that a condition perturbs only where they are its role."""
    pictures: ClassVar[tuple[str, ...]] = ()
    """Columns that name images, which conditions on images change."""
    modality: ClassVar[str] = "text"
    """What a task's input is: `text`, or `image-text`."""
    joined: ClassVar[tuple[str, ...]] = ()
    """Settings of the recipe's `images` section that a model of the type is made by."""
    reads_parts: ClassVar[bool] = False
    """Whether a model reads vectors of the parts of an image, and not one vector of it all."""
    metrics: ClassVar[tuple[str, ...]]
    """Metrics that fit the type; the first is the default."""
    gold: ClassVar[str]
    """Column with the right answer."""

    @property
    def roles(self) -> tuple[str, ...]:
        """What a condition may name as its role."""
        return (*self.texts, *self.further_texts)

    def joining(self, task: Task) -> dict[str, Any]:
        """What of a recipe's `images` section a model of the task is made by."""
        tuned = ("image", *(("parts",) if self.reads_parts else ())) if task.tunes_tower else ()
        return {name: task.towers[name] for name in (*self.joined, *tuned)}

    def family_of(self, task: Task) -> str:
        """The family of a task of this type."""
        return self.family

    def trains(self, task: Task) -> bool:
        """Whether a task of this type, as a target, is trained before it is tested."""
        return self.family_of(task) == "trained"

    def options(self, task: Task) -> int | None:
        """Among how many labels or choices an answer is chosen; None where that differs from item to item."""
        return len(task.labels) or None

    def guesses(self, task: Task, items: int) -> int | None:
        """Among how many answers a guesser would choose: labels, or the items of a search; None: unknown."""
        return self.options(task) if self.trains(task) else items

    def chance(
        self, task: Task, metric: Metric, items: int, golds: Callable[[], Sequence[Any]]
    ) -> float | None:
        """The score of a guesser on so many items; None where it is unknown. `golds` reads their right answers."""
        options = self.guesses(task, items) if metric.chance else None
        return metric.chance(options) if metric.chance and options else None

    def inputs(self, row: Row) -> list[tuple[str, ...]]:
        """The texts, or groups of texts read as one, that an encoder reads for a row."""
        parts = [row[name] for name in self.texts if row.get(name)]
        return [tuple(part if isinstance(part, str) else " ".join(part) for part in parts)]

    def tokens(self, texts: Sequence[str], task: Task, max_length: int, count: Count) -> int:
        """Tokens that one of `inputs` makes, for estimates of cost."""
        return min(max_length, SPECIAL_TOKENS + sum(map(count, texts)))

    def unlearnable(self, rows: Sequence[Row]) -> str:
        """Why nothing can be learned from training rows; empty where something can."""
        return ""

    def answer(self, row: Row) -> Any:
        """The right answer of a row, as predictions are compared with it."""
        return row[self.gold]

    def told(self, answer: Any, row: Row, rows: Mapping[str, Row]) -> str:
        """An answer to a row, right or not, in words; several that count as one; empty for none.

        Args:
            answer: as `answer` and predictions give it.
            row: the row.
            rows: those that are tested together, and their candidates, by id.
        """
        return answer if isinstance(answer, str) else " / ".join(dict.fromkeys(map(str, answer)))

    def perturb(self, row: Row, change: Change) -> Row:
        """The row with its input texts changed."""
        return row | {name: change.text(row[name], name) for name in self.texts if row.get(name) is not None}


class TrainedType(TaskType):
    """A type that is trained: with a head, or answer-retrieval without one."""

    family = "trained"
    auto_class: ClassVar[str]
    whole_batches: ClassVar[bool] = False
    """Whether the loss compares the examples of a batch, so that no batch may be computed in parts."""

    def head(self, task: Task) -> HeadSpec:
        """The head that a model for this task has."""
        return HeadSpec(task.name, self.auto_class, tuple(task.labels))

    def output(self, output: Any) -> torch.Tensor:
        """The logits that the loss and predictions are made from, out of what the model gives."""
        logits: torch.Tensor = output.logits
        return logits

    def forward(self, model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Put a batch to the model; the first dimension of what comes out is that of the batch."""
        return self.output(model(**inputs))

    @abstractmethod
    def encode(self, rows: Sequence[Row], tokenizer: Any, task: Task, max_length: int) -> list[Feature]:
        """Tokenise rows; a row may give several features, never none."""

    @abstractmethod
    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Summed loss of a batch."""

    def terms(self, feature: Feature) -> int:
        """Terms that a feature adds to the sum of the loss."""
        return 1

    @abstractmethod
    def decode(self, logits: NDArray[np.float32], feature: Feature, task: Task) -> Any:
        """The prediction for one feature."""

    def join(self, predictions: Sequence[Any]) -> Any:
        """The prediction for a row from those of its features."""
        return predictions[0]

    def conclude(self, predictions: Sequence[Any], rows: Sequence[Row], task: Task) -> list[Any]:
        """The predictions for rows that are tested together, from what each of them gave alone."""
        return list(predictions)

    @abstractmethod
    def shuffle(self, rows: Sequence[Row], seed: int) -> list[Row]:
        """The rows with their answers permuted: the control `~shuffled`."""


def collate(features: Sequence[Feature], pad_id: int) -> Batch:
    """Pad features to one length and one number of choices.

    Returns:
        `input_ids` and `attention_mask` of shape [batch, length], or [batch, choices, length] where a feature holds
        several sequences. A missing choice repeats the first one: the loss and the prediction leave it out. Beside
        them `image`, [batch, images, …] with what `Feature.images` has, where features have images.
    """
    import torch

    length = max(feature.length for feature in features)
    choices = max(len(feature.sequences) for feature in features)
    shape = (len(features), choices, length)
    ids = np.full(shape, pad_id, np.int64)
    mask = np.zeros(shape, np.int64)
    types = np.zeros(shape, np.int64)
    for place, feature in enumerate(features):
        for choice in range(choices):
            number = choice if choice < len(feature.sequences) else 0
            sequence = feature.sequences[number]
            ids[place, choice, : len(sequence)] = sequence
            mask[place, choice, : len(sequence)] = 1
            if feature.type_ids:
                types[place, choice, : len(sequence)] = feature.type_ids[number]
    arrays = {"input_ids": ids, "attention_mask": mask}
    if features[0].type_ids:
        arrays["token_type_ids"] = types
    single = choices == 1
    inputs = {name: torch.from_numpy(array[:, 0] if single else array) for name, array in arrays.items()}
    if features[0].images:
        images = [np.stack(feature.images) for feature in features]
        inputs["image"] = torch.from_numpy(np.stack(images).astype(np.float32))
    return Batch(inputs, features)


def tokenise(
    tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int
) -> tuple[list[Tokens], list[Tokens]]:
    """Token ids, and segment ids where the encoder uses them, of texts or pairs of texts, cut at `max_length`."""
    ids: list[Tokens] = []
    types: list[Tokens] = []
    for start in range(0, len(texts), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        encoded = tokenizer(
            list(texts[part]),
            list(pairs[part]) if pairs is not None else None,
            truncation=True,
            max_length=max_length,
            verbose=False,
        )
        ids += [np.array(sequence, np.int64) for sequence in encoded["input_ids"]]
        types += [np.array(sequence, np.int64) for sequence in encoded.get("token_type_ids", [])]
    return ids, types


def only_answer(answers: Iterable[str], rows: int, noun: str) -> str:
    """What to say of training rows that all have one answer; empty where they have several.

    Example:
        >>> only_answer(["good", "good"], 2, "label")
        "all 2 rows have the label 'good', so that there is nothing to learn. Expected at least two labels"
    """
    found = set(answers)
    if len(found) != 1:
        return ""
    return (
        f"all {rows} rows have the {noun} {found.pop()!r}, so that there is nothing to learn. "
        f"Expected at least two {noun}s"
    )


def permuted(values: Sequence[Any], seed: int) -> list[Any]:
    """The values in an order drawn from a seed."""
    order = np.random.default_rng(seed).permutation(len(values))
    return [values[place] for place in order]
