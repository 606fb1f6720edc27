"""Predictions of one checkpoint on one task, for many languages and conditions at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from xstilts.encoders.base import BaseEncoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.models import build_encoder, build_models
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.perturbations import Condition, perturb_text, perturb_tokens, perturb_with_offsets
from xstilts.task_types import get_task_type, get_trained_type
from xstilts.task_types.base import Span, Tokens, tokenise
from xstilts.task_types.sentence_retrieval import nearest, postprocess
from xstilts.tasks.base import Row, Task
from xstilts.training import inference


@dataclass(frozen=True)
class Job:
    """What predicts: an encoder's state on a task. `layers` maps a post-processing to its layer (retrieval)."""

    base: BaseEncoder
    checkpoint: Checkpoint
    task: Task
    spec: Mapping[str, Any]
    layers: Mapping[str, int]

    @property
    def max_length(self) -> int:
        """Tokens an input: the task's own maximum, else that of its training."""
        return self.task.max_length(self.spec["max_length"])


@dataclass(frozen=True)
class TestSet:
    """Rows of one language, to be predicted under one condition."""

    rows: Sequence[Row]
    language: str
    condition: str

    @property
    def name(self) -> str:
        """What tells tokenised test sets of one task and encoder apart."""
        return f"{self.rows[0]['id']}/{len(self.rows)}/{self.language}/{self.condition}"

    def perturbed(self, task_type: str) -> list[Row]:
        """The rows as the condition leaves them. The random stream depends on item and condition alone."""
        condition = Condition.parse(self.condition)
        if condition.is_clean:
            return list(self.rows)
        kind = get_task_type(task_type)
        roles = (condition.role,) if condition.role else kind.texts
        return [kind.perturb(row, _Change(condition, self.language, row["id"], roles)) for row in self.rows]


@dataclass(frozen=True)
class _Change:
    """What a condition does to the texts of one row; those that are none of its roles stay as they are."""

    condition: Condition
    language: str
    item: str
    roles: tuple[str, ...]

    def text(self, text: str, role: str) -> str:
        if role.partition("/")[0] not in self.roles:
            return text
        return perturb_text(text, self.language, self.condition, f"{self.item}#{role}")

    def tokens(self, tokens: list[str], role: str) -> list[str]:
        return perturb_tokens(tokens, self.language, self.condition, f"{self.item}#{role}")

    def spans(self, text: str, role: str, spans: Sequence[Span]) -> tuple[str, list[Span]]:
        if role not in self.roles:
            return text, list(spans)
        key = f"{self.item}#{role}"
        changed, moved = perturb_with_offsets(text, self.language, self.condition, key, spans)
        return changed, [moved.span(*span) for span in spans]


def predict_sets(job: Job, sets: Sequence[TestSet], cache: dict[str, Any]) -> list[pa.Table]:
    """Predictions of every test set, in order.

    Args:
        job: what predicts.
        sets: what to predict.
        cache: keeps tokenised test sets between checkpoints of one encoder.

    Returns:
        For each test set a table with a row an item: `item, source, language, condition, postprocess, layer,
        prediction, gold`; prediction and gold are JSON.
    """
    if get_task_type(job.task.type).trained:
        return _with_head(job, sets, cache)
    return _by_similarity(job, sets, cache)


def _with_head(job: Job, sets: Sequence[TestSet], cache: dict[str, Any]) -> list[pa.Table]:
    """All features of all test sets in common batches."""
    task_type = get_trained_type(job.task.type)
    name = "/".join([job.task.name, *(one.name for one in sets)])
    if name not in cache:
        rows = [row for one in sets for row in one.perturbed(job.task.type)]
        features = task_type.encode(rows, job.base.tokenizer, job.task, job.max_length)
        used = (ids for feature in features for ids in feature.sequences)
        vocabulary = Vocabulary.of(used, job.base.tokenizer.pad_token_id)
        answers = [task_type.answer(row) for row in rows]  # of the rows as perturbed: a span may have moved
        cache[name] = [feature.renumbered(vocabulary.trim) for feature in features], vocabulary, answers
    features, vocabulary, answers = cache[name]
    model = build_models(job.base, job.checkpoint, [task_type.head(job.task)], vocabulary, seed=0)[
        job.task.name
    ]
    predictions = inference.predict(model, features, task_type, job.task, job.spec["precision"])
    tables, start = [], 0
    for one in sets:
        end = start + len(one.rows)
        tables.append(_table(one, predictions[start:end], answers[start:end]))
        start = end
    return tables


def _by_similarity(job: Job, sets: Sequence[TestSet], cache: dict[str, Any]) -> list[pa.Table]:
    """Every distinct sentence is embedded once, whatever its language, side or condition."""
    name = "/".join([job.task.name, *(one.name for one in sets)])
    if name not in cache:
        cache[name] = _distinct_sentences(job, sets)
    places, sequences, vocabulary, queries = cache[name]
    sweep = bool(job.spec.get("sweep"))
    layers = range(job.base.layer_count + 1) if sweep else sorted(set(job.layers.values()))
    model = build_encoder(job.base, job.checkpoint, vocabulary)
    _check_layers(layers, job)
    vectors = inference.embed(model, sequences, layers, job.spec["pooling"], job.spec["precision"])
    tables = []
    for one, texts in zip(sets, queries, strict=True):
        query = np.array([places[text] for text in texts])
        candidate = np.array([places[row["target"]] for row in one.rows])
        parts = [
            _retrieve(one, vectors[layer][query], vectors[layer][candidate], rule, layer)
            for rule in job.spec["postprocess"]
            for layer in (layers if sweep else [job.layers[rule]])
        ]
        tables.append(pa.concat_tables(parts))
    return tables


def _distinct_sentences(
    job: Job, sets: Sequence[TestSet]
) -> tuple[dict[str, int], list[Tokens], Vocabulary, list[list[str]]]:
    queries = [[str(row["text"]) for row in one.perturbed(job.task.type)] for one in sets]
    texts = dict.fromkeys(text for group in queries for text in group)
    texts |= dict.fromkeys(str(row["target"]) for one in sets for row in one.rows)
    prefix = job.task.options.get("prefix", "")
    sequences, _ = tokenise(job.base.tokenizer, [prefix + text for text in texts], None, job.max_length)
    vocabulary = Vocabulary.of(sequences, job.base.tokenizer.pad_token_id)
    places = {text: place for place, text in enumerate(texts)}
    return places, [vocabulary.trim(sequence) for sequence in sequences], vocabulary, queries


def _retrieve(one: TestSet, queries: Any, candidates: Any, rule: str, layer: int) -> pa.Table:
    found = nearest(postprocess(queries, rule), postprocess(candidates, rule))
    ids = [row["id"] for row in one.rows]
    return _table(one, [ids[place] for place in found], ids, rule, layer)


def _table(
    one: TestSet, predictions: Sequence[Any], golds: Sequence[Any], rule: str = "", layer: int = -1
) -> pa.Table:
    count = len(one.rows)
    return pa.table(
        {
            "item": [row["id"] for row in one.rows],
            "source": [row["source"] for row in one.rows],
            "language": [one.language] * count,
            "condition": [one.condition] * count,
            "postprocess": [rule] * count,
            "layer": pa.array([layer] * count, pa.int32()),
            "prediction": [json.dumps(value, ensure_ascii=False) for value in predictions],
            "gold": [json.dumps(value, ensure_ascii=False) for value in golds],
        }
    )


def _check_layers(layers: Sequence[int], job: Job) -> None:
    from xstilts.errors import RecipeError

    if max(layers) > job.base.layer_count or min(layers) < 0:
        raise RecipeError(
            f"retrieval.layer: {max(layers)} is none of this encoder's layers, 0 to {job.base.layer_count}"
        )
