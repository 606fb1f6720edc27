from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from xstilts.task_types.base import Feature
from xstilts.training import inference


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Any:
    return AutoModel.from_pretrained(tiny_encoder).eval()


@pytest.fixture(scope="module")
def sequences(tiny_encoder: Path) -> list[Any]:
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    texts = [" ".join(["soup", "w3", "unseen"][: 1 + number % 3] * (1 + number % 5)) for number in range(17)]
    return [np.array(ids) for ids in tokenizer(texts)["input_ids"]]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_those_of_each_sentence_alone(model: Any, sequences: list[Any], pooling: str) -> None:
    vectors = inference.embed(model, sequences, [0, 2], pooling, "fp32")
    for place, sequence in enumerate(sequences):
        with torch.inference_mode():
            states = model(
                input_ids=torch.tensor([sequence.tolist()]), output_hidden_states=True
            ).hidden_states
        for layer in (0, 2):
            expected = states[layer][0, 0] if pooling == "cls" else states[layer][0].mean(0)
            assert np.allclose(vectors[layer][place], expected.numpy(), atol=1e-5)


def test_layers_behind_the_last_one_asked_for_are_left_out(model: Any, sequences: list[Any]) -> None:
    calls: list[int] = []
    hooks = [
        layer.intermediate.register_forward_hook(lambda *_, number=number: calls.append(number))
        for number, layer in enumerate(model.encoder.layer, 1)
    ]
    one, every = (
        inference.embed(model, sequences, layers, "mean", "fp32") for layers in ([1], range(len(hooks) + 1))
    )
    assert np.array_equal(one[1], every[1])
    assert len(hooks) > 1 and calls == [1, *range(1, len(hooks) + 1)]
    assert inference.embed(model, sequences, [], "mean", "fp32") == {}
    for hook in hooks:
        hook.remove()


def test_batches_hold_every_feature_once_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "TOKENS_A_BATCH", 64)
    random = np.random.default_rng(0)
    features = [
        Feature(n, tuple(np.ones(random.integers(1, 20), np.int64) for _ in range(1 + n % 3)))
        for n in range(50)
    ]
    batches = list(inference._batches(features))
    assert sorted(place for batch in batches for place in batch) == list(range(50))
    for batch in batches:
        longest = max(features[place].length for place in batch)
        widest = max(len(features[place].sequences) for place in batch)
        assert len(batch) == 1 or len(batch) * longest * widest <= 64


def test_pixels_come_a_few_images_at_a_time_and_vectors_do_not() -> None:
    tokens = (np.arange(3),)
    pixels, vectors = (
        [Feature(row, tokens, images=(image,)) for row in range(70)]
        for image in (np.zeros((3, 2, 2)), np.zeros((4, 9)))
    )
    assert [len(batch) for batch in inference._batches(pixels)] == [32, 32, 6]
    assert [len(batch) for batch in inference._batches(vectors)] == [70]
