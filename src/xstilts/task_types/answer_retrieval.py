"""Answer retrieval: find the sentences that answer a question, among those of all languages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import DataError
from xstilts.metrics.retrieval import DEPTH
from xstilts.task_types.base import Batch, Feature, TrainedType, permuted
from xstilts.task_types.retrieval import RetrievalType, Search, Text, prefixed, tokenise_texts
from xstilts.task_types.vectors import nearest
from xstilts.tasks.base import Row, Task

if TYPE_CHECKING:
    import torch

TEMPERATURE = 0.05
_ANSWER = ("answer", "context", "gold")


@dataclass(frozen=True)
class Pair:
    """What the loss needs of a question with its answer: the ids of both, and how the task wants it computed."""

    source: str
    answer: str
    temperature: float
    symmetric: bool


@final
class AnswerRetrieval(RetrievalType, TrainedType):
    """`text`, a question → the ids of the nearest candidates, at most 20, the best first.

    `gold` lists the ids of the right candidates, in any language. A candidate is a sentence with the `context` that
    it stands in, read as a pair (LAReQA: Roy et al. 2020, arXiv 2004.05484), or alone. Candidates are pooled over
    all languages of the task; where it has none of its own, they are the `answer`s of the tested rows, and the first
    of `gold` is the id of a row's own answer.

    A task with the option `trained` is trained first: on questions with their answers, contrastively, both sides
    through the encoder itself with mean pooling (Oord et al. 2018, arXiv 1807.03748; in-batch negatives as in
    Henderson et al. 2017, arXiv 1705.00652). Its last layer is then what is read. Options: `temperature`, and
    `symmetric` to look for questions among answers as well.
    """

    name = "answer-retrieval"
    auto_class = "AutoModel"
    whole_batches = True
    columns = ("text", "gold")
    texts = ("text",)
    metrics: ClassVar[tuple[str, ...]] = (f"map@{DEPTH}", f"mrr@{DEPTH}")
    gold = "gold"
    direction = "question-answer"
    scorings: ClassVar[tuple[str, ...]] = ("cosine", "dot")
    pool = "all"

    def family_of(self, task: Task) -> str:
        """`trained` where the task says so, else `retrieval`."""
        return "trained" if task.options.get("trained") else self.family

    def inputs(self, row: Row) -> list[tuple[str, ...]]:
        """The question, and the answer that it brings itself; or a candidate."""
        return [self.query(row), _answer(row)] if row.get("answer") else super().inputs(row)

    def answer(self, row: Row) -> list[str]:
        """The row's own answer: what training looks for among the answers of all rows."""
        return list(row["gold"][:1])

    def candidates(self, rows: Sequence[Row], pool: Sequence[Row]) -> dict[str, Text]:
        """The pool, or without one the rows' own answers."""
        if not pool:
            return {row["gold"][0]: _answer(row) for row in rows}
        found = super().candidates(rows, pool)
        return found | {row["id"]: (row["text"], row["context"]) for row in pool if row.get("context")}

    def golds(self, rows: Sequence[Row], names: Collection[str]) -> list[list[str]]:
        """For each row the right candidates that are among `names`.

        Raises:
            DataError: a row has none.
        """
        known = set(names)
        golds = [[name for name in row["gold"] if name in known] for row in rows]
        lost = [row for row, gold in zip(rows, golds, strict=True) if not gold]
        if lost:
            raise DataError(
                f"{len(lost):,} of {len(rows):,} questions have no answer among the candidates; the first is "
                f"{lost[0]['id']}, with gold {', '.join(lost[0]['gold'][:3])}. Expected the id of a candidate"
            )
        return golds

    def retrieve(self, search: Search, task: Task) -> list[Any]:
        """The ids of the nearest candidates; equally near ones in the order of the pool."""
        found = nearest(*search.sides(unit=self.scoring(task) == "cosine"), DEPTH)
        return [[search.names[place] for place in places] for places in found.places.tolist()]

    def encode(self, rows: Sequence[Row], tokenizer: Any, task: Task, max_length: int) -> list[Feature]:
        """Two sequences a row, question and answer."""
        prefix = task.options.get("prefix", "")
        settings = task.options.get("temperature", TEMPERATURE), bool(task.options.get("symmetric"))
        texts = [
            *((prefix + row["text"],) for row in rows),
            *(prefixed(prefix, _answer(row)) for row in rows),
        ]
        ids, types = tokenise_texts(tokenizer, texts, max_length)
        count = len(rows)
        return [
            Feature(
                place,
                (ids[place], ids[count + place]),
                Pair(row["source"], row["gold"][0], *settings),
                (types[place], types[count + place]) if types else (),
            )
            for place, row in enumerate(rows)
        ]

    def forward(self, model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Unit vectors of questions and answers, [batch, 2, width]."""
        import torch

        return torch.stack([_embedded(model, inputs, side) for side in (0, 1)], dim=1)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of each question's own answer among all answers of the batch.

        Answers of the same source, and the same answer given to another question, are no negatives.
        """
        import torch

        pairs: list[Pair] = [feature.target for feature in batch.features]
        similar = logits[:, 0] @ logits[:, 1].T / pairs[0].temperature
        shared = torch.tensor(
            [[place != other and _no_negative(pairs[place], pairs[other]) for other in range(len(pairs))]
             for place in range(len(pairs))]
        )  # fmt: skip
        similar = similar.masked_fill(shared.to(similar.device), float("-inf"))
        own = torch.arange(len(pairs), device=similar.device)
        loss = torch.nn.functional.cross_entropy(similar, own, reduction="sum")
        if pairs[0].symmetric:
            loss = (loss + torch.nn.functional.cross_entropy(similar.T, own, reduction="sum")) / 2
        return loss

    def decode(self, logits: NDArray[np.float32], feature: Feature, task: Task) -> NDArray[np.float32]:
        """The vectors of question and answer, [2, width]: what is near is known once all rows are there."""
        return logits

    def conclude(self, predictions: Sequence[Any], rows: Sequence[Row], task: Task) -> list[Any]:
        """The nearest of all rows' answers."""
        table = np.concatenate(predictions)
        own: dict[str, int] = {}
        for place, row in enumerate(rows):
            own.setdefault(row["gold"][0], 2 * place + 1)
        queries, candidates = np.arange(0, len(table), 2), np.array([*own.values()])
        return self.retrieve(Search(table, queries, candidates, [*own], "none"), task)

    def shuffle(self, rows: Sequence[Row], seed: int) -> list[Row]:
        """Answers, with their contexts, dealt out again among the questions."""
        answers = permuted([{name: row[name] for name in _ANSWER if name in row} for row in rows], seed)
        return [{**row, **answer} for row, answer in zip(rows, answers, strict=True)]


def _answer(row: Row) -> Text:
    if not row.get("answer"):
        raise DataError(
            f"{row['id']} has no answer. Expected rows with `answer`, the sentence that answers the question, to "
            "train on and to choose a checkpoint on"
        )
    return (row["answer"], row["context"]) if row.get("context") else (row["answer"],)


def _embedded(model: Any, inputs: Mapping[str, torch.Tensor], side: int) -> torch.Tensor:
    """Unit vectors of one side, [batch, width], padded no further than this side needs."""
    import torch

    longest = int(inputs["attention_mask"][:, side].sum(1).max())
    part = {name: value[:, side, :longest] for name, value in inputs.items()}
    states = model(**part).last_hidden_state.float()
    mask = part["attention_mask"][..., None].float()
    return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)


def _no_negative(one: Pair, other: Pair) -> bool:
    return one.source == other.source or one.answer == other.answer
