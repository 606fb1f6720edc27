"""Image-text retrieval: losses are those of the published models, ranks are those of a plain count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from xstilts.encoders.two_towers import TwoTowers
from xstilts.errors import RecipeError
from xstilts.metrics import get_metric
from xstilts.perturbations import Condition
from xstilts.task_types import check_roles, family_of, get_trained_type, is_trained, takes
from xstilts.task_types.base import Batch, collate
from xstilts.task_types.image_text_retrieval import Pair, caption_ranks, image_ranks
from xstilts.tasks.base import VECTOR, PackageSource, Row, Task

TYPE = get_trained_type("image-text-retrieval")
SETTINGS = {
    "width": 6,
    "layers": 2,
    "loss": "infonce",
    "temperature": None,
    "text": "tune",
    "image_width": 5,
    "tower": {"fingerprint": "none"},
}
SOURCE = PackageSource(lambda split, language: [], {}, (), 1)
TASK = Task("my/pictures", TYPE.name, SOURCE, ("en",), "", towers=SETTINGS)


def rows_of(count: int = 4) -> list[Row]:
    random = np.random.default_rng(0)
    return [
        {
            "id": str(n),
            "source": f"s{n}",
            "text": f"the soup w{n}",
            "image": f"i{n}",
            VECTOR: random.random(5),
        }
        for n in range(count)
    ]


def batch_of(sources: list[str], loss: str) -> Batch:
    return Batch({}, [SimpleNamespace(target=Pair(source, loss)) for source in sources])  # type: ignore[misc]


def sides(count: int, width: int = 7) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(count, 2, width)


# --- losses


def test_the_loss_is_that_of_clip() -> None:
    from transformers.models.clip.modeling_clip import image_text_contrastive_loss

    vectors = sides(5)
    found = TYPE.loss(vectors, batch_of(list("abcde"), "infonce")) / 5
    expected = image_text_contrastive_loss(vectors[:, 0] @ vectors[:, 1].T)
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_sigmoid_loss_is_that_of_siglip() -> None:
    """transformers' SiglipModel computes it so, inside its forward."""
    vectors = sides(5)
    logits = vectors[:, 0] @ vectors[:, 1].T
    signs = -torch.ones_like(logits) + 2 * torch.eye(5)
    expected = -torch.nn.functional.logsigmoid(signs * logits).sum(-1).mean()
    found = TYPE.loss(vectors, batch_of(list("abcde"), "sigmoid")) / 5
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("loss", ["infonce", "sigmoid"])
def test_captions_of_one_source_are_no_negatives(loss: str) -> None:
    """Moving the second caption's image towards the first caption changes nothing for the first."""
    vectors = sides(3).requires_grad_()
    TYPE.loss(vectors, batch_of(["a", "a", "b"], loss)).backward()  # type: ignore[no-untyped-call]
    logits = (vectors[:, 0] @ vectors[:, 1].T).detach()
    own = torch.autograd.functional.jacobian(
        lambda text: TYPE.loss(
            torch.stack([torch.cat([text[None], vectors[1:, 0]]), vectors[:, 1]], 1),
            batch_of(["a", "a", "b"], loss),
        ),
        vectors[0, 0].detach(),
    )
    assert logits.shape == (3, 3)
    # the first text's gradient is made of its own image and the third one's, not of the second's
    plane = torch.stack([vectors[0, 1].detach(), vectors[2, 1].detach()])
    rest = own - torch.linalg.lstsq(plane.T, own[:, None]).solution.T[0] @ plane
    assert rest.abs().max() < 1e-5


# --- the model


@pytest.fixture(scope="module")
def text(tiny_encoder: Path) -> Any:
    return AutoModel.from_pretrained(tiny_encoder).eval()


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_encoder)


def put(model: TwoTowers, tokenizer: Any, rows: list[Row]) -> torch.Tensor:
    features = TYPE.encode(rows, tokenizer, TASK, 16)
    with torch.inference_mode():
        return TYPE.forward(model, collate(features, tokenizer.pad_token_id).inputs)


@pytest.mark.parametrize(("loss", "scale", "bias"), [("infonce", 1 / 0.07, 0.0), ("sigmoid", 10.0, -10.0)])
def test_inner_products_are_scaled_cosines(
    text: Any, tokenizer: Any, loss: str, scale: float, bias: float
) -> None:
    torch.manual_seed(1)
    model = TwoTowers(text, SETTINGS | {"loss": loss}).eval()
    vectors = put(model, tokenizer, rows_of())
    assert vectors.shape == (4, 2, 7)
    texts, images = vectors[:, 0, :-1] / scale, vectors[:, 1, :-1]
    for side in (texts, images):
        assert torch.allclose(side.norm(dim=1), torch.ones(4), atol=1e-5)
    logits = vectors[:, 0] @ vectors[:, 1].T
    assert torch.allclose(logits, scale * (texts @ images.T) + bias, atol=1e-4)


def test_a_scale_beyond_the_largest_counts_as_the_largest_and_comes_back(text: Any, tokenizer: Any) -> None:
    model = TwoTowers(text, SETTINGS).eval()
    model.scale.data.fill_(5.0)  # e⁵ = 148
    features = TYPE.encode(rows_of(), tokenizer, TASK, 16)
    vectors = TYPE.forward(model, collate(features, tokenizer.pad_token_id).inputs)
    assert torch.allclose(vectors[:, 0, :-1].norm(dim=1), torch.full((4,), 100.0), atol=1e-3)
    vectors[:, 0, :-1].norm(dim=1).sum().backward()
    assert model.scale.grad is not None and float(model.scale.grad) > 0


def test_padding_changes_no_vector(text: Any, tokenizer: Any) -> None:
    model = TwoTowers(text, SETTINGS).eval()
    rows = rows_of()
    longer = [*rows, rows[0] | {"text": "the soup was great great great"}]
    assert torch.allclose(put(model, tokenizer, longer)[:4], put(model, tokenizer, rows), atol=1e-5)


def test_a_locked_encoder_neither_learns_nor_drops(text: Any) -> None:
    model = TwoTowers(text, SETTINGS | {"text": "lock"}).train()
    assert not any(weight.requires_grad for weight in model.text.parameters())
    assert model.text_projection.training and not model.text.training
    text.requires_grad_(True)


# --- ranks


@given(st.integers(1, 8), st.integers(1, 4), st.integers(0, 1000))
def test_ranks_are_a_plain_count(captions: int, images: int, seed: int) -> None:
    """Small whole numbers, so that there are ties: the right one comes last among equals."""
    random = np.random.default_rng(seed)
    right = np.concatenate([np.arange(images), random.integers(0, images, captions)])
    texts = random.integers(-1, 2, (len(right), 3)).astype(np.float32)
    shown = random.integers(-1, 2, (images, 3)).astype(np.float32)
    similar = texts @ shown.T
    for place, (rank, nearest) in enumerate(image_ranks(texts, shown, right)):
        others = [one for one in range(images) if one != right[place]]
        assert rank == 1 + sum(similar[place, one] >= similar[place, right[place]] for one in others)
        assert sorted(nearest) == list(range(images))
        assert all(np.diff(similar[place, nearest]) <= 0)
    for image, rank in enumerate(caption_ranks(texts, shown, right)):
        best = max(similar[place, image] for place in range(len(right)) if right[place] == image)
        assert rank == 1 + sum(
            similar[place, image] >= best for place in range(len(right)) if right[place] != image
        )


def test_a_model_that_tells_nothing_apart_finds_nothing() -> None:
    rows = rows_of(12)
    same = [np.ones((2, 7), np.float32)] * 12
    found = TYPE.conclude(same, rows, TASK)
    assert {(one["image_rank"], one["caption_rank"]) for one in found} == {(12, 12)}


def test_all_captions_of_an_image_count() -> None:
    """Two captions of one image: the image is one candidate, and one item with the better caption's rank."""
    rows = [*rows_of(2), rows_of(1)[0] | {"id": "2"}]
    toward = {"i0": [1.0, 0.0], "i1": [0.0, 1.0]}
    texts = [[0.2, 1.0], [0.0, 0.9], [0.9, 0.1]]  # the first caption is nearer to the other image
    vectors = [
        np.array([text, toward[row["image"]]], np.float32) for text, row in zip(texts, rows, strict=True)
    ]
    found = TYPE.conclude(vectors, rows, TASK)
    assert [one["image_rank"] for one in found] == [2, 1, 1]
    assert [one["caption_rank"] for one in found] == [1, 2, None]
    assert found[0]["images"] == ["i1", "i0"]


# --- the type


def test_what_was_found_is_told_by_its_caption() -> None:
    rows = {row["id"]: row for row in rows_of(3)}
    found = {"image_rank": 7, "caption_rank": 1, "images": ["i2", "i0"]}
    assert TYPE.told(found, rows["0"], rows) == "i2 (the soup w2); the right one at rank 7"
    assert TYPE.told("i0", rows["0"], rows) == "i0"


def test_what_it_is() -> None:
    assert (family_of(TASK), is_trained(TASK), TYPE.modality) == ("image-text", True, "image-text")
    golds = ["i0", "i0", "i1", "i2"]
    chance = {name: TYPE.chance(TASK, get_metric(name), 4, lambda: golds) for name in ("t2i_r@1", "i2t_r@1")}
    assert chance == {"t2i_r@1": pytest.approx(1 / 3), "i2t_r@1": pytest.approx((1 / 2 + 1 / 4 + 1 / 4) / 3)}
    assert TYPE.chance(TASK, get_metric("t2i_r@1"), 0, list) is None
    assert TYPE.answer(rows_of(1)[0]) == "i0"
    assert TYPE.head(TASK).settings == {name: value for name, value in SETTINGS.items() if name != "tower"}
    assert "all 2 rows have the image 'i0'" in TYPE.unlearnable([rows_of(1)[0]] * 2)


def test_shuffling_deals_images_out_again() -> None:
    rows = rows_of(9)
    dealt = TYPE.shuffle(rows, 3)
    assert [row["text"] for row in dealt] == [row["text"] for row in rows]
    assert sorted(row["image"] for row in dealt) == sorted(row["image"] for row in rows)
    assert [row["image"] for row in dealt] != [row["image"] for row in rows]
    vector_of = {row["image"]: row[VECTOR].tolist() for row in rows}
    assert all(vector_of[row["image"]] == row[VECTOR].tolist() for row in dealt)


def test_conditions_on_images_are_for_images() -> None:
    fog, typos = Condition.parse("fog@2"), Condition.parse("typos@2")
    assert takes(TASK, fog, "zh") and takes(TASK, typos, "de")
    assert not takes(replace(TASK, type="classification"), fog, "de")
    other = Condition.parse("typos:image@2")
    assert not takes(TASK, other, "de")
    with pytest.raises(RecipeError, match="no such role"):
        check_roles([TASK], [other])
