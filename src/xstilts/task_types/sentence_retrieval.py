"""Sentence retrieval: find the English sentence that a sentence in another language translates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from xstilts.task_types.retrieval import RetrievalType, Search, Text
from xstilts.task_types.vectors import nearest
from xstilts.tasks.base import Row, Task


@final
class SentenceRetrieval(RetrievalType):
    """`text` → the id of the row whose English `target` is nearest by cosine, among those of the language.

    There is no training: the encoder's own states are pooled. The candidates are all targets of the language's
    split, as in XTREME's Tatoeba; queries are the non-English side, as in mteb.
    """

    name = "sentence-retrieval"
    columns = ("text", "target")
    texts = ("text",)
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    gold = "id"
    direction = "xx-en"
    scorings: ClassVar[tuple[str, ...]] = ("cosine",)

    def candidates(self, rows: Sequence[Row], pool: Sequence[Row]) -> dict[str, Text]:
        """The rows' own targets."""
        return {row["id"]: (row["target"],) for row in rows}

    def retrieve(self, search: Search, task: Task) -> list[Any]:
        """The id of the nearest candidate; of equally near ones the first."""
        return [search.names[place] for place in nearest(*search.sides()).places[:, 0]]
