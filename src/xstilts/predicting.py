"""Predictions of one checkpoint on one task, for many languages and conditions at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xstilts.encoders.base import BaseEncoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.models import build_encoder, build_models
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.errors import RecipeError
from xstilts.perturbations import Condition, perturb_text, perturb_tokens, perturb_with_offsets
from xstilts.task_types import RetrievalType, get_task_type, get_trained_type, retrieval_type
from xstilts.task_types.base import Span, Tokens
from xstilts.task_types.retrieval import Search, Text, prefixed, tokenise_texts
from xstilts.task_types.vectors import Places, VectorMemory, Vectors
from xstilts.tasks.base import Row, Task
from xstilts.training import inference

MANY = 100_000
"""Sentences from which on vectors are kept in half precision, and token sequences not at all."""
PASS = 2**31
"""Bytes of vectors that one pass over the texts may leave behind."""
REMEMBERED = 2**30
"""Bytes of vectors of one checkpoint that are kept for its next test sets."""


@dataclass(frozen=True)
class Job:
    """What predicts: an encoder's state on a task.

    For retrieval, `layers` maps a post-processing to its layer, and `settings` to what dev decided beside the layer,
    by language. `name` tells checkpoints apart: what one of them has embedded is not embedded by it again.
    """

    base: BaseEncoder
    checkpoint: Checkpoint
    task: Task
    spec: Mapping[str, Any]
    layers: Mapping[str, int]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    name: str = ""

    @property
    def max_length(self) -> int:
        """Tokens an input: the task's own maximum, else that of its training."""
        return self.task.max_length(self.spec["max_length"])

    @property
    def prefixes(self) -> tuple[str, str]:
        """What is put before queries and before candidates: as the recipe says, else the task."""
        own = self.task.options.get("prefix", "")
        given = self.spec.get("prefix", {"query": own, "document": own})
        return given["query"], given["document"]


@dataclass(frozen=True)
class TestSet:
    """Rows of one language, to be predicted under one condition.

    `pool` holds candidates that are rows of their own; `folder` is that of the user's data, with lexicons.
    """

    rows: Sequence[Row]
    language: str
    condition: str
    pool: Sequence[Row] = ()
    folder: Path | None = None

    @property
    def name(self) -> str:
        """What tells tokenised test sets of one task and encoder apart."""
        return f"{self.rows[0]['id']}/{len(self.rows)}/{self.language}/{self.condition}"

    def perturbed(self, task_type: str) -> list[Row]:
        """The rows as the condition leaves them. The random stream depends on item and condition alone."""
        condition = Condition.parse(self.condition, self.folder)
        if condition.is_clean:
            return list(self.rows)
        kind = get_task_type(task_type)
        roles = (condition.role,) if condition.role else kind.roles if condition.in_step else kind.texts
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
        return perturb_text(text, self.language, self.condition, self._key(role))

    def tokens(self, tokens: list[str], role: str) -> list[str]:
        return perturb_tokens(tokens, self.language, self.condition, self._key(role))

    def spans(self, text: str, role: str, spans: Sequence[Span]) -> tuple[str, list[Span]]:
        if role not in self.roles:
            return text, list(spans)
        changed, moved = perturb_with_offsets(text, self.language, self.condition, self._key(role), spans)
        return changed, [moved.span(*span) for span in spans]

    def label(self, label: str) -> str:
        return self.condition.relabelled(label)

    def _key(self, role: str) -> str:
        """What the noise of a text depends on: each text of an item has its own, unless all are changed in step."""
        return self.item if self.condition.in_step else f"{self.item}#{role}"


def predict_sets(job: Job, sets: Sequence[TestSet], cache: dict[str, Any]) -> list[pa.Table]:
    """Predictions of every test set, in order.

    Args:
        job: what predicts.
        sets: what to predict.
        cache: keeps tokenised test sets between checkpoints of one encoder, and vectors between test sets of one
            checkpoint.

    Returns:
        For each test set a table with a row an item: `item, source, language, condition, postprocess, layer,
        prediction, gold`; prediction and gold are JSON.
    """
    kind = retrieval_type(job.task.type)
    if kind is None:
        return _with_head(job, sets, cache)
    return _by_similarity(job, kind, sets, cache)


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
        found = task_type.conclude(predictions[start:end], one.rows, job.task)
        tables.append(_table(one, found, answers[start:end]))
        start = end
    return tables


def _by_similarity(
    job: Job, kind: RetrievalType, sets: Sequence[TestSet], cache: dict[str, Any]
) -> list[pa.Table]:
    """Every distinct text is embedded once, whatever its language, side or condition.

    Where each language has candidates of its own, which may be many, languages are embedded one after another.
    """
    apart = kind.pool == "language" and not kind.own_candidates
    groups: dict[str, list[int]] = {}
    for number, one in enumerate(sets):
        groups.setdefault(one.language if apart else "", []).append(number)
    tables: dict[int, pa.Table] = {}
    for numbers in groups.values():
        group = [sets[number] for number in numbers]
        name = "/".join([job.task.name, *(one.name for one in group)])
        material = cache.get(name) or _material(job, kind, group)
        if len(material.sequences) < MANY:  # tokenising takes little of the time that embedding them takes
            cache[name] = material
        tables |= zip(numbers, _searched(job, kind, group, material, cache), strict=True)
    return [tables[number] for number in range(len(sets))]


@dataclass(frozen=True)
class _Material:
    """Distinct texts of test sets, tokenised; and for each set which of them are queries and named candidates."""

    texts: list[Text]
    sequences: list[Tokens]
    type_ids: list[Tokens]
    vocabulary: Vocabulary
    places: list[tuple[Places, Places, list[str]]]


def _material(job: Job, kind: RetrievalType, sets: Sequence[TestSet]) -> _Material:
    before, before_candidates = job.prefixes
    asked_for = [
        [*map(kind.query, one.perturbed(job.task.type)), *kind.beside(one.rows, one.pool)] for one in sets
    ]
    queries = [[prefixed(before, text) for text in texts] for texts in asked_for]
    candidates = [
        {
            name: prefixed(before_candidates, text)
            for name, text in kind.candidates(one.rows, one.pool).items()
        }
        for one in sets
    ]
    known: dict[Text, int] = {}
    for texts in (*queries, *(found.values() for found in candidates)):
        for text in texts:
            known.setdefault(text, len(known))
    sequences, types = tokenise_texts(job.base.tokenizer, list(known), job.max_length)
    vocabulary = Vocabulary.of(sequences, job.base.tokenizer.pad_token_id)
    places = [
        (_places(known, asked), _places(known, found.values()), list(found))
        for asked, found in zip(queries, candidates, strict=True)
    ]
    return _Material(
        list(known), [vocabulary.trim(sequence) for sequence in sequences], types, vocabulary, places
    )


def _places(known: Mapping[Text, int], texts: Collection[Text]) -> Places:
    return np.fromiter((known[text] for text in texts), np.int64, len(texts))


def _searched(
    job: Job, kind: RetrievalType, sets: Sequence[TestSet], material: _Material, cache: dict[str, Any]
) -> Iterator[pa.Table]:
    """For each test set what is found with each post-processing and layer, in this order."""
    wanted = _layers(job)
    golds = [kind.golds(one.rows, names) for one, (_, _, names) in zip(sets, material.places, strict=True)]
    parts: list[dict[tuple[str, int], pa.Table]] = [{} for _ in sets]
    for layer, vectors in _embedded(job, material, sorted({layer for _, layer in wanted}), cache):
        for number, one in enumerate(sets):
            for rule in [rule for rule, read in wanted if read == layer]:
                found = kind.retrieve(Search(vectors, *material.places[number], rule), job.task)
                found = found[: len(one.rows)]
                if rule in job.settings:
                    found = kind.apply(found, job.settings[rule][one.language])
                parts[number][rule, layer] = _table(one, found, golds[number], rule, layer)
    return (pa.concat_tables([found[place] for place in wanted]) for found in parts)


def _layers(job: Job) -> list[tuple[str, int]]:
    """Which layer is read with which post-processing: those of a sweep, those chosen, or the last one."""
    count, rules = job.base.layer_count, job.spec.get("postprocess", ("",))
    if "sweep" in job.spec:
        swept = range(count + 1) if job.spec["sweep"] == "sweep" else [job.spec["sweep"]]
        wanted = [(rule, layer) for rule in rules for layer in swept]
    else:
        wanted = [(rule, job.layers.get(rule, count)) for rule in rules]
    for _, layer in wanted:
        if not 0 <= layer <= count:
            raise RecipeError(f"retrieval.layer: {layer} is none of this encoder's layers, 0 to {count}")
    return wanted


def _embedded(
    job: Job, material: _Material, layers: Sequence[int], cache: dict[str, Any]
) -> Iterator[tuple[int, Vectors]]:
    """Vectors of every layer: of all in one pass over the texts where memory allows it, else in several.

    Many vectors are kept in half precision, so that half a million sentences are mined within 4 GB. What is many
    depends on a test set alone, never on what is predicted beside it. Vectors that are few enough are kept: the test
    set after a sweep, or the next languages, share most of their candidates with it.
    """
    half = max(len(queries) + len(names) for queries, _, names in material.places) >= MANY
    size = (2 if half else 4) * len(material.sequences) * int(job.base.config.hidden_size)
    if job.name and not half and size * len(layers) <= REMEMBERED:
        memory: VectorMemory = cache.setdefault("vectors", VectorMemory(REMEMBERED))
        memory.belong_to((job.name, job.max_length, *_embedding(job).items()))
        yield from memory.vectors(material.texts, layers, partial(_embed, job, material, layers)).items()
        return
    everything, at_once = range(len(material.sequences)), max(1, PASS // size)
    for start in range(0, len(layers), at_once):
        yield from _embed(job, material, layers[start : start + at_once], everything, half).items()


def _embed(
    job: Job, material: _Material, layers: Sequence[int], places: Sequence[int], half: bool = False
) -> dict[int, Vectors]:
    """Vectors of some of the texts."""
    return inference.embed(
        build_encoder(job.base, job.checkpoint, material.vocabulary),
        [material.sequences[place] for place in places],
        layers,
        type_ids=[material.type_ids[place] for place in places] if material.type_ids else (),
        half=half,
        **_embedding(job),
    )


def _embedding(job: Job) -> dict[str, str]:
    """What of a spec decides a text's vector."""
    return {"pooling": job.spec.get("pooling", "mean"), "precision": job.spec["precision"]}


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
