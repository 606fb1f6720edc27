"""Models from checkpoints: transformers' own heads on a shared encoder with a trimmed vocabulary."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from xstilts.encoders.base import BaseEncoder, is_pooler
from xstilts.encoders.checkpoint import OURS, TOWER, Checkpoint, Head, HeadSpec, Weights
from xstilts.encoders.towers import ImageTower, load_tower
from xstilts.encoders.vocabulary import Rows, Vocabulary, gather_rows, trimmed_config


def build_encoder(base: BaseEncoder, checkpoint: Checkpoint, vocabulary: Vocabulary) -> Any:
    """The bare encoder (transformers' `AutoModel`), in evaluation mode."""
    from transformers import AutoModel

    model = AutoModel.from_config(trimmed_config(base.config, vocabulary, base.tokenizer.pad_token_id))
    _load_encoder(model, base, checkpoint, vocabulary)
    return model.eval()


def build_models(
    base: BaseEncoder,
    checkpoint: Checkpoint,
    heads: Sequence[HeadSpec],
    vocabulary: Vocabulary,
    seed: int,
    dropout: float | None = None,
) -> dict[str, Any]:
    """One model a task, all on one encoder.

    A head that the checkpoint has for the task is taken over; any other is initialised from `seed` and the task's
    name alone, so that it does not depend on the size of the vocabulary or on the tasks beside it. `dropout` replaces
    every rate of the encoder's own configuration.

    Returns:
        Models by task, with their full ids replaced by those of `vocabulary`.
    """
    models: dict[str, Any] = {}
    for head in heads:
        model = _build_model(base, head, vocabulary, dropout)
        trained = checkpoint.heads.get(head.task)
        if trained is not None and trained.spec == head:
            _load_head(model, trained)
        else:
            _initialise_head(model, base, seed ^ zlib.crc32(head.task.encode()))
        if models:
            _share_encoder(model, next(iter(models.values())))
        else:
            _load_encoder(encoder_of(model), base, checkpoint, vocabulary)
        models[head.task] = model
    return models


def read_checkpoint(
    base: BaseEncoder,
    before: Checkpoint,
    models: dict[str, Any],
    heads: Sequence[HeadSpec],
    vocabulary: Vocabulary,
) -> Checkpoint:
    """A copy of the models' present state, its rows laid over those the checkpoint before had."""
    encoder = encoder_of(next(iter(models.values())))
    state = {name: value.detach().cpu().clone() for name, value in encoder.state_dict().items()}
    rows = Rows(vocabulary.ids, state[base.embeddings_name])
    body = {name: state[name] for name in base.body}
    trained = {head.task: Head(head, _head_weights(models[head.task], base)) for head in heads}
    return Checkpoint(body, rows.over(before.rows) if before.rows is not None else rows, trained)


def full_model(base: BaseEncoder, checkpoint: Checkpoint, task: str | None) -> Any:
    """A model with the whole vocabulary: what an export writes. No task = the encoder without a head."""
    vocabulary = Vocabulary(np.arange(len(base.embeddings)))
    if task is None:
        return build_encoder(base, checkpoint, vocabulary)
    head = checkpoint.heads[task].spec
    model = build_models(base, checkpoint, [head], vocabulary, seed=0)[task]
    model.config = _head_config(base.config, head)
    return model.eval()


def encoder_of(model: Any) -> Any:
    """The encoder inside a model with a head; a model without one is the encoder itself."""
    return getattr(model, model.base_model_prefix, model)


def published_weights(model: Any) -> Iterator[tuple[str, Any]]:
    """Names and weights that were published: of the encoder, and of an image tower that is tuned with it."""
    yield from encoder_of(model).named_parameters()
    tower = getattr(model, "tower", None)
    yield from tower.named_parameters() if tower is not None else ()


def tuned_tower(tower: ImageTower, head: Head) -> ImageTower:
    """An image tower as the training of a head left it."""
    found = {
        name.removeprefix(TOWER): value for name, value in head.weights.items() if name.startswith(TOWER)
    }
    return tower.tuned(found)


def _head_config(config: Any, head: HeadSpec) -> Any:
    import copy

    config = copy.deepcopy(config)
    config.architectures = None
    if head.labels:
        config.id2label = dict(enumerate(head.labels))
        config.label2id = {label: number for number, label in enumerate(head.labels)}
    return config


def _build_model(base: BaseEncoder, head: HeadSpec, vocabulary: Vocabulary, dropout: float | None) -> Any:
    import transformers

    config = trimmed_config(_head_config(base.config, head), vocabulary, base.tokenizer.pad_token_id)
    if dropout is not None:
        for name, value in config.to_dict().items():
            if "dropout" in name and isinstance(value, float):
                setattr(config, name, dropout)
    if head.auto_class in OURS:
        ours = getattr(import_module(OURS[head.auto_class]), head.auto_class)
        tower = None
        if head.settings.get("image") == "tune":
            assert base.tower is not None
            tower = load_tower(base.tower).to_tune()
        return ours(transformers.AutoModel.from_config(config), head.settings, tower)
    return getattr(transformers, head.auto_class).from_config(config)


def _load_encoder(encoder: Any, base: BaseEncoder, checkpoint: Checkpoint, vocabulary: Vocabulary) -> None:
    rows = gather_rows(base.embeddings, checkpoint.rows, vocabulary.ids)
    found = encoder.load_state_dict(checkpoint.body | {base.embeddings_name: rows}, strict=False)
    missing = [name for name in found.missing_keys if not is_pooler(name)]
    if missing or found.unexpected_keys:  # a fault of ours: both sides come from the same configuration
        raise RuntimeError(
            f"weights do not fit {base.spec.name}: missing {missing}, unexpected {found.unexpected_keys}"
        )


def _share_encoder(model: Any, first: Any) -> None:
    """Let `model` run on the encoder of `first`; poolers, which count as heads, stay its own."""
    theirs, ours = encoder_of(first), encoder_of(model)
    for name, module in theirs.named_children():
        if not is_pooler(name) and hasattr(ours, name):
            setattr(ours, name, module)


def _is_head_weight(model: Any, base: BaseEncoder, name: str) -> bool:
    inside = name.removeprefix(f"{model.base_model_prefix}.")
    outside = inside == name and encoder_of(model) is not model
    return outside or (inside not in base.body and inside != base.embeddings_name)


def _head_weights(model: Any, base: BaseEncoder) -> Weights:
    state = model.state_dict()
    return {
        name: value.detach().cpu().clone()
        for name, value in state.items()
        if _is_head_weight(model, base, name)
    }


def _load_head(model: Any, head: Head) -> None:
    found = model.load_state_dict(head.weights, strict=False)
    if found.unexpected_keys:
        raise RuntimeError(f"head of {head.spec.task} does not fit: unexpected {found.unexpected_keys}")


def _initialise_head(model: Any, base: BaseEncoder, seed: int) -> None:
    """Give the head the model family's own initial weights, from a seed of its own."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for prefix, module in model.named_modules():
            own = [f"{prefix}.{name}".lstrip(".") for name, _ in module.named_parameters(recurse=False)]
            if own and all(_is_head_weight(model, base, name) for name in own):
                for parameter in module.parameters(recurse=False):
                    parameter._is_hf_initialized = False  # else transformers takes it for loaded
                model._init_weights(module)
