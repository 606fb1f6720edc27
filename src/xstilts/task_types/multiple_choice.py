"""Multiple choice with any number of choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from xstilts.task_types.base import Batch, Change, Feature, TrainedType, tokenise
from xstilts.tasks.base import Row, Task

if TYPE_CHECKING:
    import torch


@final
class MultipleChoice(TrainedType):
    """`text` with each of `choices` → the number of the right one, by `AutoModelForMultipleChoice`."""

    name = "multiple-choice"
    auto_class = "AutoModelForMultipleChoice"
    columns = ("text", "choices", "label")
    texts = ("text", "choices")
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    gold = "label"

    def encode(self, rows: Sequence[Row], tokenizer: Any, task: Task, max_length: int) -> list[Feature]:
        """One feature a row, with a sequence a choice; the target is the right choice's number."""
        texts = [row["text"] for row in rows for _ in row["choices"]]
        ids, types = tokenise(
            tokenizer, texts, [choice for row in rows for choice in row["choices"]], max_length
        )
        features, start = [], 0
        for place, row in enumerate(rows):
            end = start + len(row["choices"])
            features.append(Feature(place, tuple(ids[start:end]), int(row["label"]), tuple(types[start:end])))
            start = end
        return features

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy over the choices of each row; logits [batch, most choices]."""
        import torch

        counts = torch.tensor([len(feature.sequences) for feature in batch.features], device=logits.device)
        missing = torch.arange(logits.shape[1], device=logits.device) >= counts[:, None]
        targets = torch.tensor([feature.target for feature in batch.features], device=logits.device)
        filled = logits.masked_fill(missing, float("-inf"))
        return torch.nn.functional.cross_entropy(filled, targets, reduction="sum")

    def decode(self, logits: NDArray[np.float32], feature: Feature, task: Task) -> int:
        """Number of the choice with the largest logit."""
        return int(logits[: len(feature.sequences)].argmax())

    def shuffle(self, rows: Sequence[Row], seed: int) -> list[Row]:
        """The right choice's number drawn anew for every row: any choice may be called right."""
        random = np.random.default_rng(seed)
        return [row | {"label": int(random.integers(len(row["choices"])))} for row in rows]

    def told(self, answer: Any, row: Row, rows: Mapping[str, Row]) -> str:
        """The choice itself."""
        return str(row["choices"][answer])

    def options(self, task: Task) -> int | None:
        """The number of choices, where the task says that it is always the same."""
        count = task.options.get("choices")
        return int(count) if count else None

    def inputs(self, row: Row) -> list[tuple[str, ...]]:
        """The text with each choice."""
        return [(row["text"], choice) for choice in row["choices"]]

    def perturb(self, row: Row, change: Change) -> Row:
        """Text and choices changed."""
        choices = [change.text(choice, f"choices/{number}") for number, choice in enumerate(row["choices"])]
        return row | {"text": change.text(row["text"], "text"), "choices": choices}
