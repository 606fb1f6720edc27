"""Sentence retrieval: find the English sentence that a sentence in another language translates."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from xstilts.task_types.base import TaskType
from xstilts.tasks.base import Row

Vectors = NDArray[np.float32]


@final
class SentenceRetrieval(TaskType):
    """`text` → the id of the row whose English `target` is nearest by cosine, among those of the language.

    There is no training: the encoder's own states are pooled. The candidates are all targets of the language's
    split, as in XTREME's Tatoeba; queries are the non-English side, as in mteb.
    """

    name = "sentence-retrieval"
    family = "retrieval"
    columns = ("text", "target")
    texts = ("text",)
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    gold = "id"
    direction: ClassVar[str] = "xx-en"
    scoring: ClassVar[str] = "cosine"

    def inputs(self, row: Row) -> int:
        """Both sides."""
        return 2


def postprocess(vectors: Vectors, rule: str) -> Vectors:
    """Unit vectors [n, width], with their mean removed first where the rule is `center`.

    Queries and candidates are centred each by their own mean: what remains of a gain is not mere isotropy.
    """
    if rule == "center":
        vectors = vectors - vectors.mean(0, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


def nearest(queries: Vectors, candidates: Vectors, block: int = 4096) -> NDArray[np.int64]:
    """Place of the nearest candidate by inner product, [queries]; ties go to the first."""
    return np.concatenate(
        [(queries[start : start + block] @ candidates.T).argmax(1) for start in range(0, len(queries), block)]
    )
