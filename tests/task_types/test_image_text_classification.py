"""Labels of texts about images: the loss, the fusion of tokens and parts, what the type says of its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint
from xstilts.encoders.fusion import Fusion
from xstilts.encoders.models import build_models
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.errors import DataError
from xstilts.perturbations import Condition
from xstilts.task_types import family_of, get_trained_type, is_trained, takes
from xstilts.task_types.base import collate
from xstilts.tasks.base import VECTORS, PackageSource, Row, Task

TYPE = get_trained_type("image-text-classification")
SETTINGS = {
    "width": 8,
    "layers": 2,
    "loss": "infonce",
    "temperature": None,
    "parts": 4,
    "text": "tune",
    "image_width": 5,
    "image_parts": 4,
    "tower": {"fingerprint": "none"},
}
SOURCE = PackageSource(lambda split, language: [], {}, (), 1)
TASK = Task("my/pictures", TYPE.name, SOURCE, ("en",), "", labels=("no", "so", "yes"), towers=SETTINGS)


def rows_of(count: int = 4, images: int = 1) -> list[Row]:
    random = np.random.default_rng(0)
    return [
        {
            "id": str(n),
            "source": f"s{n}",
            "text": f"the soup w{n}" + " great" * n,
            "label": TASK.labels[n % 3],
        }
        | {column: f"{column}{n}" for column in list(VECTORS)[:images]}
        | {column: random.normal(size=(4, 5)) for column in list(VECTORS.values())[:images]}
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_encoder)


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Fusion:
    """With weights that are large enough for everything to matter."""
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(tiny_encoder, num_labels=3)
    made = Fusion(AutoModel.from_pretrained(tiny_encoder, config=config), SETTINGS)
    made.start()
    for vectors in (made.places, made.which):
        vectors.data.mul_(20)
    return made.eval()


def put(model: Fusion, tokenizer: Any, rows: list[Row]) -> torch.Tensor:
    with torch.inference_mode():
        batch = collate(TYPE.encode(rows, tokenizer, TASK, 32), tokenizer.pad_token_id)
        return TYPE.forward(model, batch.inputs)


# --- the loss


def test_the_loss_is_that_of_transformers(model: Fusion, tokenizer: Any) -> None:
    """Which classifies sequences by torch's cross-entropy, in the mean over a batch."""
    from transformers.loss.loss_utils import ForSequenceClassificationLoss

    rows = rows_of()
    batch = collate(TYPE.encode(rows, tokenizer, TASK, 32), tokenizer.pad_token_id)
    logits = put(model, tokenizer, rows)
    config = AutoConfig.for_model("bert", num_labels=3, problem_type="single_label_classification")
    expected = ForSequenceClassificationLoss(torch.tensor([0, 1, 2, 0]), logits, config)
    assert TYPE.loss(logits, batch).item() / 4 == pytest.approx(expected.item(), abs=1e-6)


def test_an_answer_that_training_does_not_have_is_wrong_and_no_fault(model: Fusion, tokenizer: Any) -> None:
    rows = [row | {"label": "hovering"} if row["id"] == "2" else row for row in rows_of()]
    features = TYPE.encode(rows, tokenizer, TASK, 32)
    batch = collate(features, tokenizer.pad_token_id)
    without = collate(features[:2] + features[3:], tokenizer.pad_token_id)
    logits = put(model, tokenizer, rows)
    kept = TYPE.loss(logits[[0, 1, 3]], without)
    assert TYPE.loss(logits, batch).item() == pytest.approx(kept.item(), abs=1e-6)
    assert TYPE.decode(logits[2].numpy(), features[2], TASK) in TASK.labels


# --- the model


@pytest.mark.parametrize("images", [1, 2])
def test_every_part_and_every_token_counts(model: Fusion, tokenizer: Any, images: int) -> None:
    rows = rows_of(1, images)
    plain = put(model, tokenizer, rows)
    assert plain.shape == (1, 3)
    for column in list(VECTORS.values())[:images]:
        for part in range(4):
            changed = rows[0][column].copy()
            changed[part] = np.random.default_rng(100 + part).normal(size=5)
            assert not torch.allclose(put(model, tokenizer, [rows[0] | {column: changed}]), plain, atol=1e-6)
    assert not torch.allclose(put(model, tokenizer, [rows[0] | {"text": "the soup w1"}]), plain, atol=1e-6)


def test_places_and_images_are_told_apart(model: Fusion, tokenizer: Any) -> None:
    """Attention alone would see a set: parts in another order, or images exchanged, would make no difference."""
    (row,) = rows_of(1, 2)
    plain = put(model, tokenizer, [row])
    turned = row | {"vector": row["vector"][::-1]}
    exchanged = row | {"vector": row["vector_pair"], "vector_pair": row["vector"]}
    for other in (turned, exchanged):
        assert not torch.allclose(put(model, tokenizer, [other]), plain, atol=1e-5)


def test_padding_and_company_change_nothing(model: Fusion, tokenizer: Any) -> None:
    rows = rows_of(6)
    together = put(model, tokenizer, rows)
    alone = torch.cat([put(model, tokenizer, [row]) for row in rows])
    assert torch.allclose(together, alone, atol=1e-5)


def test_one_vector_an_image_is_one_part(tiny_encoder: Path, tokenizer: Any) -> None:
    config = AutoConfig.from_pretrained(tiny_encoder, num_labels=3)
    model = Fusion(AutoModel.from_config(config), SETTINGS | {"image_parts": 1}).eval()
    rows = [row | {"vector": row["vector"][0]} for row in rows_of(3)]
    as_parts = [row | {"vector": row["vector"][None]} for row in rows]
    assert torch.equal(put(model, tokenizer, rows), put(model, tokenizer, as_parts))


@pytest.mark.parametrize("text", ["tune", "lock"])
def test_a_locked_encoder_neither_learns_nor_drops(tiny_encoder: Path, tokenizer: Any, text: str) -> None:
    """In bf16 the layers that learn are lowered; a locked encoder below them is not."""
    config = AutoConfig.from_pretrained(tiny_encoder, num_labels=3)
    model = Fusion(AutoModel.from_config(config), SETTINGS | {"text": text}).train()
    learns = text == "tune"
    assert {weight.requires_grad for weight in model.text.parameters()} == {learns}
    assert model.classifier.training and model.text.training == learns
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(torch.bfloat16)
    batch = collate(TYPE.encode(rows_of(), tokenizer, TASK, 32), tokenizer.pad_token_id)
    TYPE.loss(TYPE.forward(model, batch.inputs).float(), batch).backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for name, weight in model.named_parameters() if "text." not in name)


def test_a_head_starts_from_its_seed_and_is_kept(tiny_encoder: Path) -> None:
    """Two vocabularies give the same head; a checkpoint with the head gives it back."""
    base = load_encoder(find_encoder(str(tiny_encoder)))
    head = TYPE.head(TASK)
    published = Checkpoint.published(base)

    def built(words: int, seed: int) -> Any:
        vocabulary = Vocabulary(np.arange(words))
        return build_models(base, published, [head], vocabulary, seed)[TASK.name]

    one, same, other = built(9, 0), built(20, 0), built(9, 1)
    weights = {name: value for name, value in one.state_dict().items() if not name.startswith("text.")}
    assert weights and all(torch.equal(value, same.state_dict()[name]) for name, value in weights.items())
    drawn = [
        name for name in weights if "norm" not in name and "bias" not in name and weights[name].std() > 0
    ]
    assert all(not torch.equal(weights[name], other.state_dict()[name]) for name in drawn)
    assert {"places", "which", "layers.0.multihead_attn.in_proj_weight"} <= set(drawn)


# --- the type


def test_rows_have_as_many_images(tokenizer: Any) -> None:
    with pytest.raises(DataError, match=r"0 has 1 image\(s\), 1 has 2\. Expected as many of every row"):
        TYPE.encode([rows_of(1)[0], rows_of(2, 2)[1]], tokenizer, TASK, 32)


def test_what_it_is() -> None:
    assert (family_of(TASK), is_trained(TASK), TYPE.modality) == ("image-text", True, "image-text")
    assert TYPE.guesses(TASK, 300) == 3
    head = TYPE.head(TASK)
    wanted = ("width", "layers", "text", "image_width", "image_parts")
    assert head.settings == {name: SETTINGS[name] for name in wanted}
    assert head.labels == ("no", "so", "yes")
    assert "all 2 rows have the label 'no'" in TYPE.unlearnable([rows_of(1)[0]] * 2)
    (row,) = rows_of(1, 2)
    assert TYPE.told("yes", row, {}) == "yes (image0, image_pair0)"


def test_shuffling_deals_labels_out_again() -> None:
    rows = rows_of(9, 2)
    dealt = TYPE.shuffle(rows, 3)
    for name in ("text", "image", "image_pair"):
        assert [row[name] for row in dealt] == [row[name] for row in rows]
    assert sorted(row["label"] for row in dealt) == sorted(row["label"] for row in rows)
    assert [row["label"] for row in dealt] != [row["label"] for row in rows]


def test_conditions_on_images_and_texts_are_for_it() -> None:
    assert all(takes(TASK, Condition.parse(text), "de") for text in ("fog@2", "feature-noise@2", "typos@2"))
    assert not takes(replace(TASK, type="classification"), Condition.parse("fog@2"), "de")
