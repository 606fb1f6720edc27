"""Inference: features → logits or sentence vectors, in batches of similar length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from xstilts.encoders.skipping import first_layers_only, unread_states_skipped
from xstilts.task_types.base import Batch, Feature, Tokens, TrainedType, collate
from xstilts.task_types.vectors import Vectors
from xstilts.tasks.base import Task
from xstilts.training.machine import autocast, device

TOKENS_A_BATCH = 4096
PICTURES_A_BATCH = 32
"""Images that are given as pixels: 600 KB each at 224 pixels, in fp32."""


def predict(
    model: Any, features: Sequence[Feature], task_type: TrainedType, task: Task, precision: str
) -> list[Any]:
    """One prediction a row, from the features of all rows."""
    import torch

    by_row: dict[int, list[tuple[int, Any]]] = defaultdict(list)
    model.to(device()).eval()
    pad_id = model.config.pad_token_id
    with torch.inference_mode(), autocast(precision), unread_states_skipped(model):
        for places in _batches(features):
            batch = collate([features[place] for place in places], pad_id)
            logits = task_type.forward(model, _to_device(batch)).float().cpu().numpy()
            for place, scores in zip(places, logits, strict=True):
                feature = features[place]
                by_row[feature.row].append((place, task_type.decode(scores, feature, task)))
    return [task_type.join([part for _, part in sorted(by_row[row], key=_place)]) for row in sorted(by_row)]


def embed(
    model: Any,
    sequences: Sequence[Tokens],
    layers: Sequence[int],
    pooling: str,
    precision: str,
    type_ids: Sequence[Tokens] = (),
    half: bool = False,
) -> dict[int, Vectors]:
    """Sentence vectors from the states behind some layers.

    Args:
        model: a bare encoder.
        sequences: token ids of each sentence.
        layers: 0 is the embedding layer's output, N the last layer's (transformers' `hidden_states`).
        pooling: `mean` over all tokens, special ones included, or `cls`, the first token.
        precision: of the matrix products.
        type_ids: segment ids of each sentence, where some are pairs.
        half: keep the vectors in half precision, for memory.

    Returns:
        For each layer an array [sentences, width].
    """
    import torch

    features = [
        Feature(place, (sequence,), type_ids=(type_ids[place],) if type_ids else ())
        for place, sequence in enumerate(sequences)
    ]
    shape, kind = (len(sequences), model.config.hidden_size), np.float16 if half else np.float32
    vectors: dict[int, Vectors] = {layer: np.empty(shape, kind) for layer in layers}
    model.to(device()).eval()
    with torch.inference_mode(), autocast(precision), first_layers_only(model, max(layers, default=0)):
        for places in _batches(features):
            inputs = _to_device(collate([features[place] for place in places], model.config.pad_token_id))
            states = model(**inputs, output_hidden_states=True).hidden_states
            mask = inputs["attention_mask"][..., None].float()
            for layer in layers:
                state = states[layer].float()
                pooled = state[:, 0] if pooling == "cls" else (state * mask).sum(1) / mask.sum(1)
                vectors[layer][places] = pooled.cpu().numpy()
    return vectors


def _batches(features: Sequence[Feature]) -> Iterator[list[int]]:
    """Features by length, longest first, as many a batch as the budgets of tokens and pictures hold."""
    batch: list[int] = []
    longest = widest = 0
    for place in sorted(range(len(features)), key=lambda place: (-features[place].length, place)):
        length, width = features[place].length, len(features[place].sequences)
        longest, widest = max(longest, length), max(widest, width)
        count = len(batch) + 1
        full = (
            count * longest * widest > TOKENS_A_BATCH or count * features[place].pictures > PICTURES_A_BATCH
        )
        if batch and full:
            yield batch
            batch, longest, widest = [], length, width
        batch.append(place)
    if batch:
        yield batch


def _to_device(batch: Batch) -> dict[str, Any]:
    return {name: value.to(device()) for name, value in batch.inputs.items()}


def _place(item: tuple[int, Any]) -> int:
    return item[0]
