"""Image-text classification: a text about one or two images gets a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from xstilts.encoders.checkpoint import HeadSpec
from xstilts.errors import DataError
from xstilts.task_types.base import IGNORED, Batch, Feature, TrainedType, tokenise
from xstilts.task_types.classification import Classification
from xstilts.tasks.base import VECTORS, Row, Task

if TYPE_CHECKING:
    import torch

_TEXTS = Classification()
"""What labels are learned and given by is the same as where there is no image."""


@final
class ImageTextClassification(TrainedType):
    """`text`, `image` and maybe `image_pair` → one of the task's labels: visual entailment, answers, reasoning.

    Trained on English texts. The encoder's states attend to the vectors of the images' parts (`Fusion`), by
    cross-entropy over the labels, which are closed: a right answer that training does not have cannot be given.

    Rows that are tested or trained on bring the vectors of their images (`VECTORS`), which stages read from the store.
    """

    name = "image-text-classification"
    family = "image-text"
    modality = "image-text"
    auto_class = "Fusion"  # one of ours, not of transformers
    columns = ("text", "image", "label")
    texts = ("text",)
    pictures: ClassVar[tuple[str, ...]] = ("image",)
    joined = ("width", "layers", "text")
    reads_parts = True
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    gold = "label"

    def trains(self, task: Task) -> bool:
        """Always, on English texts."""
        return True

    def head(self, task: Task) -> HeadSpec:
        """The fusion that a recipe's `images` section asks for, and the task's labels."""
        sizes = {name: task.towers[name] for name in ("image_width", "image_parts")}
        settings = self.joining(task) | sizes
        return HeadSpec(task.name, self.auto_class, tuple(task.labels), settings)

    def encode(self, rows: Sequence[Row], tokenizer: Any, task: Task, max_length: int) -> list[Feature]:
        """One sequence a row, with the vectors of its images; the target is the label's number.

        Raises:
            DataError: some rows have one image, others two.
        """
        images = [tuple(row[name] for name in VECTORS.values() if name in row) for row in rows]
        odd = next((place for place, some in enumerate(images) if len(some) != len(images[0])), None)
        if odd is not None:
            raise DataError(
                f"{task.name}: {rows[0]['id']} has {len(images[0])} image(s), {rows[odd]['id']} has "
                f"{len(images[odd])}. Expected as many of every row: one, or two where there is a column image_pair"
            )
        number = {label: place for place, label in enumerate(task.labels)}
        ids, types = tokenise(tokenizer, [row["text"] for row in rows], None, max_length)
        return [
            Feature(
                place,
                (ids[place],),
                number.get(row["label"], IGNORED),
                (types[place],) if types else (),
                images=images[place],
            )
            for place, row in enumerate(rows)
        ]

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of logits [batch, labels], summed."""
        return _TEXTS.loss(logits, batch)

    def decode(self, logits: NDArray[np.float32], feature: Feature, task: Task) -> str:
        """The label with the largest logit."""
        return _TEXTS.decode(logits, feature, task)

    def unlearnable(self, rows: Sequence[Row]) -> str:
        """Rows of one label teach nothing."""
        return _TEXTS.unlearnable(rows)

    def told(self, answer: Any, row: Row, rows: Mapping[str, Row]) -> str:
        """The label, and the images that it was given to."""
        return f"{answer} ({', '.join(row[name] for name in VECTORS if name in row)})"

    def shuffle(self, rows: Sequence[Row], seed: int) -> list[Row]:
        """Labels dealt out again among the rows."""
        return _TEXTS.shuffle(rows, seed)
