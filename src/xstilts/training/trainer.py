"""From rows to candidate checkpoints: tokenise, trim the vocabulary, fit, evaluate on English dev."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.encoders.base import BaseEncoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.models import build_models, read_checkpoint
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.metrics import get_metric
from xstilts.task_types import TrainedType, get_trained_type, metrics_of
from xstilts.task_types.base import Feature
from xstilts.tasks.base import Row, Task
from xstilts.training.batching import batches_per_epoch
from xstilts.training.inference import predict
from xstilts.training.loop import Optimisation, TaskData, fit

TRIM = True
"""Train only the embedding rows that the data uses. Off in the test that shows it makes no difference."""


@dataclass(frozen=True)
class TrainingTask:
    """A task to train on: its rows for training and for English dev."""

    task: Task
    train: Sequence[Row]
    dev: Sequence[Row]

    @property
    def task_type(self) -> TrainedType:
        """How the task is put to the encoder."""
        return get_trained_type(self.task.type)


@dataclass(frozen=True)
class Candidate:
    """The state after some updates, and each task's score on English dev."""

    update: int
    checkpoint: Checkpoint
    dev: dict[str, float]


@dataclass(frozen=True)
class Training:
    """What a training gave."""

    candidates: list[Candidate]
    updates: int
    tokens: int
    examples: int
    loss: list[float]


def train(
    base: BaseEncoder,
    before: Checkpoint,
    tasks: Sequence[TrainingTask],
    spec: Mapping[str, Any],
    extra_updates: int = 0,
    progress: Callable[[int, int], None] = lambda update, updates: None,
) -> Training:
    """Train an encoder on one task or several at once.

    Args:
        base: the published encoder.
        before: the state to start from; its heads are thrown away, unless the training is `continued`.
        tasks: what to train on.
        spec: the spec of a train stage: `phase`, `precision`, `seed`, `cap`, `shuffled`, `continued`.
        extra_updates: updates beyond what the epochs ask for (the control `~longer`).
        progress: called with updates done and updates in all.
    """
    phase = spec["phase"]
    if spec.get("shuffled"):
        tasks = [_shuffled(part, spec["seed"]) for part in tasks]
    encoded = {part.task.name: _encode(part, base, phase["max_length"]) for part in tasks}
    vocabulary = _vocabulary(
        base, [feature for pair in encoded.values() for side in pair for feature in side]
    )
    heads = [part.task_type.head(part.task) for part in tasks]
    kept = before.heads if spec.get("continued") else {}
    models = build_models(
        base, Checkpoint(before.body, before.rows, kept), heads, vocabulary, spec["seed"], phase["dropout"]
    )
    data = {part.task.name: _task_data(part, encoded[part.task.name][0], vocabulary) for part in tasks}
    settings = _optimisation(spec, data, extra_updates)
    dev = {
        name: [feature.renumbered(vocabulary.trim) for feature in pair[1]] for name, pair in encoded.items()
    }
    candidates: list[Candidate] = []

    def keep(update: int) -> None:
        scores = {
            part.task.name: _score(part, models, dev[part.task.name], spec["precision"]) for part in tasks
        }
        candidates.append(Candidate(update, read_checkpoint(base, before, models, heads, vocabulary), scores))

    stops = candidate_stops(settings.updates, phase["candidates"])
    result = fit(models, data, settings, stops, keep, lambda update: progress(update, settings.updates))
    examples = sum(len(part.train) for part in tasks)
    return Training(candidates, settings.updates, result.tokens, examples, result.losses)


def candidate_stops(updates: int, count: int) -> list[int]:
    """Evenly spaced numbers of updates, the last one among them.

    Example:
        >>> candidate_stops(10, 3)
        [3, 7, 10]
    """
    return sorted({max(1, round(updates * number / count)) for number in range(1, count + 1)})


def _optimisation(spec: Mapping[str, Any], data: Mapping[str, TaskData], extra_updates: int) -> Optimisation:
    phase = spec["phase"]
    cap = spec.get("cap", max(len(part.examples) for part in data.values()))
    per_epoch = batches_per_epoch(
        {name: len(part.examples) for name, part in data.items()}, phase["batch_size"], cap
    )
    updates = max(1, math.ceil(phase["epochs"] * sum(per_epoch.values()))) + extra_updates
    rate = phase["learning_rate"]
    return Optimisation(
        updates=updates,
        batch_size=phase["batch_size"],
        learning_rate=rate,
        head_learning_rate=phase["head_learning_rate"] or rate,
        warmup=phase["warmup"],
        weight_decay=phase["weight_decay"],
        cap=cap,
        precision=spec["precision"],
        seed=spec["seed"],
        micro_batch=spec.get("micro_batch"),
    )


def _shuffled(part: TrainingTask, seed: int) -> TrainingTask:
    return TrainingTask(part.task, part.task_type.shuffle(part.train, seed), part.dev)


def _encode(part: TrainingTask, base: BaseEncoder, max_length: int) -> tuple[list[Feature], list[Feature]]:
    length = part.task.max_length(max_length)

    def encode(rows: Sequence[Row]) -> list[Feature]:
        return part.task_type.encode(rows, base.tokenizer, part.task, length)

    return encode(part.train), encode(part.dev)


def _vocabulary(base: BaseEncoder, features: Sequence[Feature]) -> Vocabulary:
    import numpy as np

    if not TRIM:
        return Vocabulary(np.arange(len(base.embeddings)))
    return Vocabulary.of(
        (ids for feature in features for ids in feature.sequences), base.tokenizer.pad_token_id
    )


def _task_data(part: TrainingTask, features: Sequence[Feature], vocabulary: Vocabulary) -> TaskData:
    examples: list[list[Feature]] = [[] for _ in part.train]
    for feature in features:
        examples[feature.row].append(feature.renumbered(vocabulary.trim))
    return TaskData(part.task_type, examples)


def _score(
    part: TrainingTask, models: Mapping[str, Any], features: Sequence[Feature], precision: str
) -> float:
    alone = predict(models[part.task.name], features, part.task_type, part.task, precision)
    predictions = part.task_type.conclude(alone, part.dev, part.task)
    metric = get_metric(metrics_of(part.task)[0])
    golds = [part.task_type.answer(row) for row in part.dev]
    return metric.score(predictions, golds, part.task.labels, part.task.train_language)
