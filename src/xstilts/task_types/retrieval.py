"""What retrieval types share: texts are embedded, and answers are found among candidates by their vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from xstilts.errors import DataError, RecipeError
from xstilts.task_types.base import TaskType, Tokens, tokenise
from xstilts.task_types.vectors import Places, Side, Vectors
from xstilts.tasks.base import Row, Task

Text = tuple[str, ...]
"""What is embedded as one: a text, or two that the encoder reads as a pair."""


@dataclass(frozen=True)
class Search:
    """One test set's vectors: rows `queries` and `candidates` of a `table`, and the ids of the candidates.

    A text that occurs twice has one row of the table. `rule` is the post-processing.
    """

    table: Vectors
    queries: Places
    candidates: Places
    names: Sequence[str]
    rule: str

    def sides(self, unit: bool = True) -> tuple[Side, Side]:
        """Queries and candidates as they are compared."""
        query, candidate = (
            Side.of(self.table, places, self.rule, unit) for places in (self.queries, self.candidates)
        )
        return query, candidate


class RetrievalType(TaskType):
    """A type whose predictions are found by comparing vectors: no head, and unless a task says so no training."""

    family = "retrieval"
    direction: ClassVar[str]
    """From which side to which, as result tables say it: `xx-en` asks in another language for English."""
    scorings: ClassVar[tuple[str, ...]]
    """How similarity may be measured; a task's option `scoring` names one, the first is the default."""
    pool: ClassVar[Literal["", "language", "all"]] = ""
    """Whether candidates are rows of a split of their own: of the same language, or of all languages together."""
    own_candidates: ClassVar[bool] = False
    """Whether rows bring candidates of their own where the task has none in their language."""
    tunes: ClassVar[bool] = False
    """Whether dev rows decide more than the layer, in every language for itself."""

    def scoring(self, task: Task) -> str:
        """How a task's similarity is measured.

        Raises:
            RecipeError: the task asks for what its type does not have.
        """
        asked = task.options.get("scoring", self.scorings[0])
        if asked not in self.scorings:
            raise RecipeError(
                f"{task.name}: scoring {asked!r} does not fit a {self.name} task. Expected: {', '.join(self.scorings)}"
            )
        return str(asked)

    def query(self, row: Row) -> Text:
        """What is looked for."""
        return (row["text"],)

    def inputs(self, row: Row) -> list[tuple[str, ...]]:
        """The text, with the context that a candidate is read with."""
        context = row.get("context")
        return [(row["text"], context) if context else (row["text"],)]

    def told(self, answer: Any, row: Row, rows: Mapping[str, Row]) -> str:
        """The text of the candidate, of several that of the first."""
        names = [answer] if isinstance(answer, str) else answer[:1]
        found = [(name, rows.get(name, {})) for name in names]
        return "".join(str(own.get("target") or own.get("text") or name) for name, own in found)

    def candidates(self, rows: Sequence[Row], pool: Sequence[Row]) -> dict[str, Text]:
        """Candidates by id: those of the pool.

        Raises:
            DataError: an id occurs twice.
        """
        found: dict[str, Text] = {row["id"]: (row["text"],) for row in pool}
        if len(found) < len(pool):
            ids = [row["id"] for row in pool]
            twice = next(name for place, name in enumerate(ids) if found.pop(name, None) is None)
            raise DataError(f"the candidate id {twice!r} occurs twice. Expected an id for each candidate")
        return found

    def beside(self, rows: Sequence[Row], pool: Sequence[Row]) -> list[Text]:
        """Further queries, whose answers are not asked for but have a part in what is found for others."""
        return []

    def golds(self, rows: Sequence[Row], names: Collection[str]) -> list[Any]:
        """The right answers of rows, `names` being the ids of the candidates."""
        return [self.answer(row) for row in rows]

    @abstractmethod
    def retrieve(self, search: Search, task: Task) -> list[Any]:
        """The prediction for each query."""

    def tune(self, predictions: Sequence[Any], golds: Sequence[Any]) -> Any:
        """What dev rows of one language decide beside the layer, as JSON."""
        return None

    def apply(self, predictions: Sequence[Any], setting: Any) -> list[Any]:
        """Predictions after what `tune` found."""
        return list(predictions)


def prefixed(prefix: str, text: Text) -> Text:
    """A text with a prefix before it.

    Example:
        >>> prefixed("query: ", ("Where?",))
        ('query: Where?',)
    """
    return (prefix + text[0], *text[1:])


def tokenise_texts(
    tokenizer: Any, texts: Sequence[Text], max_length: int
) -> tuple[list[Tokens], list[Tokens]]:
    """Token ids of texts and pairs; and segment ids, where there are pairs and the encoder tells segments apart."""
    ids: list[Any] = [None] * len(texts)
    types: list[Any] = [None] * len(texts)
    paired = [place for place, text in enumerate(texts) if len(text) > 1]
    for places in (paired, [place for place, text in enumerate(texts) if len(text) == 1]):
        second = [texts[place][1] for place in places] if places is paired else None
        found, segments = tokenise(tokenizer, [texts[place][0] for place in places], second, max_length)
        for number, place in enumerate(places):
            ids[place] = found[number]
            types[place] = segments[number] if segments else None
    return ids, types if paired and types[0] is not None else []
