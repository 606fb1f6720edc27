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

    There is no training: the encoder's own states are pooled. The candidates are those that the task has for the
    language, of which `gold` names the right one; or the rows' own targets, as in XTREME's Tatoeba. Queries are the
    non-English side, as in mteb.
    """

    name = "sentence-retrieval"
    columns = ("text", "target")
    texts = ("text",)
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    gold = "id"
    direction = "xx-en"
    scorings: ClassVar[tuple[str, ...]] = ("cosine",)
    pool = "language"
    own_candidates = True

    def answer(self, row: Row) -> str:
        """The id of the right candidate."""
        return str(row.get("gold", row["id"]))

    def inputs(self, row: Row) -> list[tuple[str, ...]]:
        """The query, and the target that it brings itself where the task has no candidates of their own."""
        own = [] if "gold" in row or "target" not in row else [(row["target"],)]
        return [self.query(row), *own]

    def candidates(self, rows: Sequence[Row], pool: Sequence[Row]) -> dict[str, Text]:
        """Those of the pool, or without one the rows' own targets."""
        if pool:
            return super().candidates(rows, pool)
        return {self.answer(row): (row["target"],) for row in rows}

    def retrieve(self, search: Search, task: Task) -> list[Any]:
        """The id of the nearest candidate; of equally near ones the first."""
        return [search.names[place] for place in nearest(*search.sides()).places[:, 0]]
