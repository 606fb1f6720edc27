"""Bitext mining: find the pairs of translations in two sets of sentences, most of which have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np

from xstilts.metrics.retrieval import mined_id
from xstilts.task_types.mining import NEIGHBOURS, best_threshold, mine
from xstilts.task_types.retrieval import RetrievalType, Search, Text
from xstilts.task_types.vectors import Places, Side
from xstilts.tasks.base import Row, Task

RATIO = f"ratio-margin-k{NEIGHBOURS}"
_DIGITS = 6


@final
class BitextMining(RetrievalType):
    """`text` → the English candidate that it is paired with and the pair's score, or nothing.

    `gold` lists the ids of the right candidates; most sentences have none. Pairs are mined by the rules of XTREME's
    BUCC script (see `mining`). What it does with sentences that occur more than once on their side is done here:
    they are searched once, and pairs with them are dropped, since no id could be given. The threshold from which on
    pairs are kept is chosen on dev, for each language and post-processing, and applied to test. Where dev rows are
    set aside of the test rows, or few rows are tested, the other ones are mined along: else scores, which depend on
    how many neighbours there are, could not be compared.
    """

    name = "bitext-mining"
    columns = ("text", "gold")
    texts = ("text",)
    metrics: ClassVar[tuple[str, ...]] = ("bitext_f1",)
    gold = "gold"
    direction = "xx-en"
    scorings: ClassVar[tuple[str, ...]] = (RATIO, "cosine")
    pool = "language"
    tunes = True

    def candidates(self, rows: Sequence[Row], pool: Sequence[Row]) -> dict[str, Text]:
        """Candidates by id: those of the pool that are no sentences to be mined along."""
        return super().candidates(rows, [row for row in pool if "side" not in row])

    def beside(self, rows: Sequence[Row], pool: Sequence[Row]) -> list[Text]:
        """The sentences of the side of the rows that are none of them."""
        tested = {row["source"] for row in rows}
        return [(row["text"],) for row in pool if "side" in row and row["source"] not in tested]

    def told(self, answer: Any, row: Row, rows: Mapping[str, Row]) -> str:
        """The sentence of the pair; empty where there is none."""
        found = answer if isinstance(answer, list) else mined_id(answer)
        return super().told(found or [], row, rows)

    def retrieve(self, search: Search, task: Task) -> list[Any]:
        """For each query `{"id": …, "score": …}`, None where it is in no pair."""
        sides, once = zip(*map(_distinct, (search.queries, search.candidates)), strict=True)
        left, right = (Side.of(search.table, search_places, search.rule) for search_places in sides)
        pairs = mine(left, right, self.scoring(task) == RATIO)
        found: list[Any] = [None] * len(search.queries)
        for one, other, score in zip(once[0][pairs.left], once[1][pairs.right], pairs.scores, strict=True):
            if one >= 0 and other >= 0:
                found[one] = {"id": search.names[other], "score": round(float(score), _DIGITS)}
        return found

    def tune(self, predictions: Sequence[Any], golds: Sequence[Any]) -> float:
        """The threshold with the largest F1."""
        mined = [
            (prediction["score"], prediction["id"] in gold)
            for prediction, gold in zip(predictions, golds, strict=True)
            if prediction is not None
        ]
        scores, right = np.array([one[0] for one in mined], float), np.array([one[1] for one in mined], bool)
        return best_threshold(scores, right, sum(map(len, golds)))

    def apply(self, predictions: Sequence[Any], setting: Any) -> list[Any]:
        """Predictions with the pairs below the threshold taken apart; their scores stay."""
        return [
            one if mined_id(one) is None or one["score"] >= setting else one | {"id": None}
            for one in predictions
        ]


def _distinct(places: Places) -> tuple[Places, Places]:
    """The rows that places name, each once in order; and for each the place that names it, -1 for several."""
    rows, first, counts = np.unique(places, return_index=True, return_counts=True)
    order = np.argsort(first)
    return rows[order], np.where(counts == 1, first, -1)[order]
