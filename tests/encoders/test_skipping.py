from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from transformers import (
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    PreTrainedConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from xstilts.encoders.models import encoder_of
from xstilts.encoders.skipping import first_layers_only, unread_states_skipped
from xstilts.training.cpu_layers import suit_cpu

SHAPE = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "initializer_range": 0.2,
}
KNOWN = [BertConfig, RobertaConfig, XLMRobertaConfig]
UNKNOWN = [
    DistilBertConfig(vocab_size=60, dim=32, n_layers=3, n_heads=4, hidden_dim=48),
    ElectraConfig(**SHAPE, embedding_size=32),
]
CHOICES = "AutoModelForMultipleChoice"
CLASSES = "AutoModelForSequenceClassification"


def model_of(config: PreTrainedConfig, head: str = CLASSES, dropout: float = 0.0) -> Any:
    torch.manual_seed(0)
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        setattr(config, name, dropout)
    return getattr(transformers, head).from_config(config)


def inputs_of(*shape: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(5, 60, (*shape, 9))
    mask = torch.ones_like(ids)
    mask[1, ..., 6:] = 0
    return {"input_ids": ids.where(mask > 0, 1), "attention_mask": mask}


def learned(model: Any, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits, and the gradients of all weights that have one."""
    model.zero_grad()
    logits = model(**inputs).logits
    logits.square().sum().backward()
    found = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    return logits.detach(), found


def last_states(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    states: torch.Tensor = encoder_of(model)(**inputs).last_hidden_state
    return states


@pytest.mark.parametrize("suited", [False, True], ids=["as-it-is", "suited"])
@pytest.mark.parametrize(("head", "shape"), [(CLASSES, (3,)), (CHOICES, (3, 2))], ids=["classes", "choices"])
@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.model_type)
def test_logits_and_gradients_are_those_of_all_tokens(
    kind: Any, head: str, shape: tuple[int, ...], suited: bool
) -> None:
    model, inputs = model_of(kind(**SHAPE), head).train(), inputs_of(*shape)
    logits, gradients = learned(model, inputs)
    if suited:
        suit_cpu(model)
    with unread_states_skipped(model):
        assert last_states(model, inputs_of(3)).shape == (3, 1, 32)
        found, others = learned(model, inputs)
    assert torch.allclose(found, logits, atol=1e-5)
    assert others.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(others[name], gradient, atol=1e-5 * float(gradient.abs().max()) + 1e-6), name


@pytest.mark.parametrize("suited", [False, True], ids=["as-it-is", "suited"])
def test_prediction_drops_nothing(suited: bool) -> None:
    model, inputs = model_of(BertConfig(**SHAPE), dropout=0.5).eval(), inputs_of(3)
    whole = model(**inputs).logits
    if suited:
        suit_cpu(model)
    with unread_states_skipped(model):
        assert torch.allclose(model(**inputs).logits, whole, atol=1e-5)


@pytest.mark.parametrize("mask", [False, True])
def test_logits_in_bf16_are_those_of_all_tokens(mask: bool) -> None:
    model, inputs = model_of(XLMRobertaConfig(**SHAPE)).eval(), inputs_of(3)
    if not mask:
        del inputs["attention_mask"]
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        whole = model(**inputs).logits
        with unread_states_skipped(model):
            assert torch.allclose(model(**inputs).logits, whole, atol=2e-2)


def test_weights_of_attention_are_dropped_for_the_first_token_too() -> None:
    model, inputs = model_of(BertConfig(**SHAPE)).train(), inputs_of(3)
    model.bert.encoder.layer[-1].attention.self.dropout.p = 0.5  # there alone
    with unread_states_skipped(model):
        first, second = (last_states(model, inputs) for _ in range(2))
    assert not first.allclose(second)


def test_a_head_that_reads_all_tokens_gets_all() -> None:
    model, inputs = model_of(BertConfig(**SHAPE), "AutoModelForTokenClassification").eval(), inputs_of(3)
    with unread_states_skipped(model):
        assert last_states(model, inputs).shape == (3, 9, 32)


@pytest.mark.parametrize("config", UNKNOWN, ids=lambda config: config.model_type)
def test_other_families_compute_all(config: Any) -> None:
    model, inputs = model_of(config).eval(), inputs_of(3)
    whole = last_states(model, inputs)
    with unread_states_skipped(model), first_layers_only(model, 1):
        assert last_states(model, inputs).equal(whole)


@pytest.mark.parametrize("attention", ["eager", "flex_attention"])
def test_attention_of_other_kinds_computes_all(attention: str) -> None:
    model, inputs = model_of(BertConfig(**SHAPE, attn_implementation=attention)).eval(), inputs_of(3)
    with torch.inference_mode(), unread_states_skipped(model):
        assert last_states(model, inputs).shape == (3, 9, 32)


def test_the_first_token_of_a_decoder_sees_no_other() -> None:
    model, inputs = model_of(BertConfig(**SHAPE, is_decoder=True)).eval(), inputs_of(3)
    inputs["attention_mask"][:] = 1  # no mask at all is made of this
    whole = model(**inputs).logits
    with unread_states_skipped(model):
        assert model(**inputs).logits.equal(whole)


def test_within_one_another_the_outer_holds_after_the_inner() -> None:
    model, inputs = model_of(BertConfig(**SHAPE)).eval(), inputs_of(3)
    with unread_states_skipped(model):
        with first_layers_only(model, 1):
            assert last_states(model, inputs).shape == (3, 9, 32)
        assert last_states(model, inputs).shape == (3, 1, 32)


def test_afterwards_a_model_is_as_before_whatever_happened() -> None:
    model, inputs = model_of(BertConfig(**SHAPE)).eval(), inputs_of(3)
    whole = last_states(model, inputs)
    for skipping in (unread_states_skipped(model), first_layers_only(model, 1)):
        with pytest.raises(ValueError, match="stop"), skipping:
            assert not last_states(model, inputs).equal(whole)
            raise ValueError("stop")
        assert last_states(model, inputs).equal(whole)


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: kind.model_type)
@pytest.mark.parametrize("count", [0, 2, 3])
def test_states_of_the_first_layers_do_not_need_the_others(kind: Any, count: int) -> None:
    model, inputs = model_of(kind(**SHAPE)).eval(), inputs_of(3)
    whole = encoder_of(model)(**inputs, output_hidden_states=True).hidden_states
    with first_layers_only(model, count):
        found = encoder_of(model)(**inputs, output_hidden_states=True).hidden_states
    assert len(found) == len(whole)
    assert all(one.equal(other) for one, other in zip(found[: count + 1], whole, strict=False))
    assert all(one.equal(found[count]) for one in found[count:])
