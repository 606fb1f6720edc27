"""Classification of one text or of a pair of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from xstilts.task_types.base import Batch, Change, Feature, TrainedType, only_answer, permuted, tokenise
from xstilts.tasks.base import Row, Task

if TYPE_CHECKING:
    import torch


@final
class Classification(TrainedType):
    """`text` (and `text_pair`) → one of the task's labels, by `AutoModelForSequenceClassification`.

    Inputs longer than the maximum are cut at the end, the longer text of a pair first.
    """

    name = "classification"
    auto_class = "AutoModelForSequenceClassification"
    columns = ("text", "label")
    texts = ("text", "text_pair")
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    gold = "label"

    def encode(self, rows: Sequence[Row], tokenizer: Any, task: Task, max_length: int) -> list[Feature]:
        """One feature a row; the target is the label's number."""
        number = {label: place for place, label in enumerate(task.labels)}
        pairs = [row["text_pair"] for row in rows] if rows and rows[0].get("text_pair") is not None else None
        ids, types = tokenise(tokenizer, [row["text"] for row in rows], pairs, max_length)
        return [
            Feature(place, (ids[place],), number[row["label"]], (types[place],) if types else ())
            for place, row in enumerate(rows)
        ]

    def perturb(self, row: Row, change: Change) -> Row:
        """Texts changed, and the label where what they say has changed by a rule."""
        after = super().perturb(row, change)
        changed = any(after.get(name) != row.get(name) for name in self.texts)
        return after | {"label": change.label(row["label"])} if changed else after

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of logits [batch, labels]."""
        import torch

        targets = torch.tensor([feature.target for feature in batch.features], device=logits.device)
        return torch.nn.functional.cross_entropy(logits, targets, reduction="sum")

    def decode(self, logits: NDArray[np.float32], feature: Feature, task: Task) -> str:
        """The label with the largest logit."""
        return task.labels[int(logits.argmax())]

    def unlearnable(self, rows: Sequence[Row]) -> str:
        """Rows of one label teach nothing."""
        return only_answer((row["label"] for row in rows), len(rows), "label")

    def shuffle(self, rows: Sequence[Row], seed: int) -> list[Row]:
        """Labels dealt out again among the rows."""
        labels = permuted([row["label"] for row in rows], seed)
        return [row | {"label": label} for row, label in zip(rows, labels, strict=True)]
