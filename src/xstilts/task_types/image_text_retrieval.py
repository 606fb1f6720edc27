"""Image-text retrieval: find the image that a caption describes, and the captions that describe an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from xstilts.encoders.checkpoint import HeadSpec
from xstilts.metrics.base import Metric
from xstilts.metrics.image_text import IMAGE_TEXT, guessed
from xstilts.task_types.base import Batch, Feature, TrainedType, only_answer, permuted, tokenise
from xstilts.tasks.base import VECTOR, Row, Task

if TYPE_CHECKING:
    import torch

NEAREST = 10
"""Images that a prediction names."""
SAME = 1e-5
"""Logits that differ by less count as equal: what is rounded off must not decide a rank."""
_BLOCK = 1024

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """What the loss needs of a caption with its image: the original of both, and which loss it is."""

    source: str
    loss: str


@final
class ImageTextRetrieval(TrainedType):
    """`text`, a caption, and `image` → the rank of the image among those of the test set, and back.

    Trained on English captions with their images: the encoder's states, averaged, and the vector of the image tower
    are projected into one space, and each caption is to be told from the images of the other captions of its batch.
    `infonce` is the symmetric cross-entropy of Radford et al. 2021 (arXiv 2103.00020, figure 3), `sigmoid` the loss of
    Zhai et al. 2023 (arXiv 2303.15343, equation 1). Captions of one source are no negatives of each other.

    Candidates are the images of the tested rows, and their captions in the same language. Rows that are tested or
    trained on bring the vector of their image (`VECTOR`), which stages read from the store.
    """

    name = "image-text-retrieval"
    family = "image-text"
    modality = "image-text"
    auto_class = "TwoTowers"  # one of ours, not of transformers
    whole_batches = True
    columns = ("text", "image")
    texts = ("text",)
    pictures: ClassVar[tuple[str, ...]] = ("image",)
    joined = ("width", "layers", "loss", "temperature", "text")
    metrics: ClassVar[tuple[str, ...]] = tuple(metric.name for metric in IMAGE_TEXT)
    gold = "image"

    def trains(self, task: Task) -> bool:
        """Always, on English captions."""
        return True

    def chance(
        self, task: Task, metric: Metric, items: int, golds: Callable[[], Sequence[Any]]
    ) -> float | None:
        """Of a guesser who ranks images, or captions, at random: an image may have several captions."""
        return guessed(metric.name, list(Counter(golds()).values())) if items else None

    def head(self, task: Task) -> HeadSpec:
        """The projections that a recipe's `images` section asks for."""
        settings = self.joining(task) | {"image_width": task.towers["image_width"]}
        return HeadSpec(task.name, self.auto_class, (), settings)

    def unlearnable(self, rows: Sequence[Row]) -> str:
        """Nothing can be told apart where all rows have one image."""
        return only_answer((row["image"] for row in rows), len(rows), "image")

    def encode(self, rows: Sequence[Row], tokenizer: Any, task: Task, max_length: int) -> list[Feature]:
        """One sequence a row, with the vector of its image."""
        ids, types = tokenise(tokenizer, [row["text"] for row in rows], None, max_length)
        loss = task.towers["loss"]
        return [
            Feature(
                place,
                (ids[place],),
                Pair(row["source"], loss),
                (types[place],) if types else (),
                images=(row[VECTOR],),
            )
            for place, row in enumerate(rows)
        ]

    def output(self, output: Any) -> torch.Tensor:
        """Vectors of texts and images, [batch, 2, width]: the model gives nothing else."""
        vectors: torch.Tensor = output
        return vectors

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Summed loss of a batch of vectors, every text against every image."""
        import torch

        pairs: list[Pair] = [feature.target for feature in batch.features]
        similar = logits[:, 0] @ logits[:, 1].T
        known = {source: number for number, source in enumerate(dict.fromkeys(pair.source for pair in pairs))}
        owner = torch.tensor([known[pair.source] for pair in pairs], device=similar.device)
        own = torch.eye(len(pairs), dtype=torch.bool, device=similar.device)
        shared = (owner[:, None] == owner) & ~own
        found: torch.Tensor = _LOSSES[pairs[0].loss](similar, own, shared)
        return found

    def decode(self, logits: NDArray[np.float32], feature: Feature, task: Task) -> NDArray[np.float32]:
        """The vectors of text and image, [2, width]: what is near is known once all rows are there."""
        return logits

    def conclude(self, predictions: Sequence[Any], rows: Sequence[Row], task: Task) -> list[Any]:
        """For each row the ranks of its image and, at the first row of an image, of its captions."""
        names = list(dict.fromkeys(row["image"] for row in rows))
        place = {name: number for number, name in enumerate(names)}
        right = np.array([place[row["image"]] for row in rows])
        first = np.unique(right, return_index=True)[1]
        texts = np.stack([vectors[0] for vectors in predictions])
        images = np.stack([predictions[row][1] for row in first])
        of_captions = dict(zip(first.tolist(), caption_ranks(texts, images, right), strict=True))
        ranked = image_ranks(texts, images, right)
        return [
            {
                "image_rank": rank,
                "caption_rank": of_captions.get(number),
                "images": [names[one] for one in nearest],
            }
            for number, (rank, nearest) in enumerate(ranked)
        ]

    def told(self, answer: Any, row: Row, rows: Mapping[str, Row]) -> str:
        """The image that is right; or the one that was found, by its own caption, and where the right one came."""
        if isinstance(answer, str):
            return answer
        nearest = answer["images"][0]
        captions = (one["text"] for one in rows.values() if one.get("image") == nearest)
        return f"{nearest} ({next(captions, '')}); the right one at rank {answer['image_rank']}"

    def shuffle(self, rows: Sequence[Row], seed: int) -> list[Row]:
        """Images dealt out again among the captions."""
        given = [{name: row[name] for name in ("image", VECTOR) if name in row} for row in rows]
        return [{**row, **image} for row, image in zip(rows, permuted(given, seed), strict=True)]


def image_ranks(texts: Vectors, images: Vectors, right: NDArray[np.int64]) -> Iterator[tuple[int, list[int]]]:
    """For each text the rank of its image, from 1, behind all that are as near; and the nearest images.

    Args:
        texts: [texts, width].
        images: [images, width].
        right: place of each text's image, [texts].
    """
    count = min(NEAREST, len(images))
    for start in range(0, len(texts), _BLOCK):
        similar = texts[start : start + _BLOCK] @ images.T
        rows, own = np.arange(len(similar)), right[start : start + _BLOCK]
        ranks = (similar >= similar[rows, own][:, None] - SAME).sum(1)
        nearest = np.argsort(-similar, axis=1, kind="stable")[:, :count]
        yield from zip(ranks.tolist(), nearest.tolist(), strict=True)


def caption_ranks(texts: Vectors, images: Vectors, right: NDArray[np.int64]) -> Iterator[int]:
    """For each image the rank of the nearest of its own captions, behind all captions of others that are as near."""
    for start in range(0, len(images), _BLOCK):
        similar = images[start : start + _BLOCK] @ texts.T
        own = right == np.arange(start, start + len(similar))[:, None]
        best = np.where(own, similar, -np.inf).max(1, keepdims=True)
        yield from (1 + ((similar >= best - SAME) & ~own).sum(1)).tolist()


def _infonce(similar: torch.Tensor, own: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """The mean of both directions' cross-entropies."""
    import torch
    from torch.nn.functional import cross_entropy

    places = torch.arange(len(similar), device=similar.device)
    similar = similar.masked_fill(shared, float("-inf"))
    there, back = (cross_entropy(side, places, reduction="sum") for side in (similar, similar.T))
    return (there + back) / 2


def _sigmoid(similar: torch.Tensor, own: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """Every pair is judged for itself: those that belong together as 1, all others as -1."""
    from torch.nn.functional import logsigmoid

    signs = 2.0 * own.float() - 1.0
    return -logsigmoid(signs * similar).masked_fill(shared, 0.0).sum()


_LOSSES: Mapping[str, Any] = {"infonce": _infonce, "sigmoid": _sigmoid}
