from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from xstilts.encoders.base import BaseEncoder, find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint, HeadSpec
from xstilts.encoders.models import build_encoder, build_models, encoder_of, full_model, read_checkpoint
from xstilts.encoders.vocabulary import Rows, Vocabulary

MOOD = HeadSpec("my/mood", "AutoModelForSequenceClassification", ("bad", "good", "so-so"))
ODD = HeadSpec("my/odd", "AutoModelForMultipleChoice", ())
TAGS = HeadSpec("my/tags", "AutoModelForTokenClassification", ("O", "B-X"))


@pytest.fixture
def base(tiny_encoder: Path) -> BaseEncoder:
    return load_encoder(find_encoder(str(tiny_encoder)))


def heads_of(base: BaseEncoder, *specs: HeadSpec, rows: int = 40, seed: int = 0) -> dict[str, dict[str, Any]]:
    vocabulary = Vocabulary(np.arange(rows))
    published = Checkpoint.published(base)
    models = build_models(base, published, specs, vocabulary, seed)
    taken = read_checkpoint(base, published, models, specs, vocabulary)
    return {task: head.weights for task, head in taken.heads.items()}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_trimmed_encoder_computes_what_the_published_one_does(
    base: BaseEncoder, tiny_encoder: Path
) -> None:
    published = AutoModel.from_pretrained(tiny_encoder).eval()
    ids = torch.tensor([[2, 60, 7, 133, 3], [2, 9, 3, 1, 1]])
    mask = (ids != base.tokenizer.pad_token_id).long()
    vocabulary = Vocabulary.of([ids.numpy()], base.tokenizer.pad_token_id)
    trimmed = build_encoder(base, Checkpoint.published(base), vocabulary)
    with torch.inference_mode():
        expected = published(input_ids=ids, attention_mask=mask).last_hidden_state
        got = trimmed(
            input_ids=torch.from_numpy(vocabulary.trim(ids.numpy())), attention_mask=mask
        ).last_hidden_state
    assert torch.allclose(got, expected, atol=1e-6)


def test_changed_rows_are_laid_over_the_published_ones(base: BaseEncoder) -> None:
    rows = Rows(np.array([7]), torch.full((1, 32), 0.5))
    model = build_encoder(base, Checkpoint(base.body, rows, {}), Vocabulary(np.array([0, 1, 6, 7])))
    weight = model.get_input_embeddings().weight
    assert torch.equal(weight[3], torch.full((32,), 0.5)) and torch.equal(weight[2], base.embeddings[6])


def test_a_head_depends_on_its_seed_and_task_alone(base: BaseEncoder) -> None:
    alone = heads_of(base, MOOD)
    assert same(heads_of(base, MOOD, rows=200)[MOOD.task], alone[MOOD.task])
    for others in ((MOOD, ODD, TAGS), (TAGS, ODD, MOOD)):
        together = heads_of(base, *others)
        assert same(together[MOOD.task], alone[MOOD.task])
    torch.manual_seed(99)
    assert same(heads_of(base, MOOD)[MOOD.task], alone[MOOD.task])
    assert not same(heads_of(base, MOOD, seed=1)[MOOD.task], alone[MOOD.task])
    renamed = HeadSpec("my/other", MOOD.auto_class, MOOD.labels)
    assert not same(heads_of(base, renamed)["my/other"], alone[MOOD.task])


def test_building_models_leaves_the_random_stream_of_others_alone(base: BaseEncoder) -> None:
    heads_of(base, MOOD, ODD)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    from xstilts.encoders.models import _initialise_head

    model = build_models(base, Checkpoint.published(base), [MOOD], Vocabulary(np.arange(40)), 0)[MOOD.task]
    torch.manual_seed(5)
    _initialise_head(model, base, 3)
    assert torch.equal(torch.rand(1), expected)


def test_a_head_has_its_familys_initial_weights(base: BaseEncoder) -> None:
    weights = heads_of(base, MOOD)[MOOD.task]
    assert set(weights) == {
        "classifier.weight",
        "classifier.bias",
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
    }
    assert weights["classifier.weight"].shape == (3, 32)
    assert torch.equal(weights["classifier.bias"], torch.zeros(3))
    spread = float(weights["bert.pooler.dense.weight"].std())
    assert spread == pytest.approx(base.config.initializer_range, rel=0.15)


def test_a_trained_head_is_taken_over(base: BaseEncoder) -> None:
    vocabulary = Vocabulary(np.arange(40))
    models = build_models(base, Checkpoint.published(base), [MOOD, ODD], vocabulary, 0)
    with torch.no_grad():
        for parameter in models[MOOD.task].parameters():
            parameter.add_(0.25)
    taken = read_checkpoint(base, Checkpoint.published(base), models, [MOOD, ODD], vocabulary)
    again = build_models(base, taken, [MOOD], vocabulary, seed=9)[MOOD.task]
    assert same(dict(again.state_dict()), dict(models[MOOD.task].state_dict()))
    other_labels = HeadSpec(MOOD.task, MOOD.auto_class, ("x", "y"))
    fresh = build_models(base, taken, [other_labels], vocabulary, seed=9)[MOOD.task]
    assert fresh.classifier.weight.shape == (2, 32)


def test_what_is_read_is_a_copy(base: BaseEncoder) -> None:
    vocabulary = Vocabulary(np.arange(40))
    models = build_models(base, Checkpoint.published(base), [MOOD], vocabulary, 0)
    taken = read_checkpoint(base, Checkpoint.published(base), models, [MOOD], vocabulary)
    before = {name: value.clone() for name, value in taken.body.items()}
    with torch.no_grad():
        for parameter in models[MOOD.task].parameters():
            parameter.add_(1)
    assert same(taken.body, before)


def test_models_run_on_one_encoder_with_poolers_of_their_own(base: BaseEncoder) -> None:
    models = build_models(base, Checkpoint.published(base), [MOOD, ODD, TAGS], Vocabulary(np.arange(40)), 0)
    mood, odd, tags = (encoder_of(models[spec.task]) for spec in (MOOD, ODD, TAGS))
    assert (
        mood.encoder is odd.encoder is tags.encoder and mood.embeddings is odd.embeddings is tags.embeddings
    )
    assert mood.pooler is not odd.pooler and tags.pooler is None


@pytest.mark.parametrize("spec", [MOOD, ODD, TAGS, None])
def test_the_whole_model_is_loaded_by_transformers(
    base: BaseEncoder, tmp_path: Path, spec: HeadSpec | None
) -> None:
    import transformers

    vocabulary = Vocabulary(np.arange(40))
    checkpoint = Checkpoint.published(base)
    if spec is not None:
        models = build_models(base, checkpoint, [spec], vocabulary, 0)
        checkpoint = read_checkpoint(base, checkpoint, models, [spec], vocabulary)
    model = full_model(base, checkpoint, spec.task if spec else None)
    model.save_pretrained(tmp_path)
    kind = getattr(transformers, spec.auto_class if spec else "AutoModel")
    loaded, told = kind.from_pretrained(tmp_path, output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    ids = torch.tensor([[2, 60, 7, 133, 3]])
    inputs = {"input_ids": ids[None] if spec == ODD else ids}
    with torch.inference_mode():
        assert torch.equal(loaded.eval()(**inputs)[0], model(**inputs)[0])
    if spec is MOOD:
        assert loaded.config.id2label == {0: "bad", 1: "good", 2: "so-so"}
