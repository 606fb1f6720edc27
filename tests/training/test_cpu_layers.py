from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, BertConfig, DynamicCache, RobertaConfig, XLMRobertaConfig
from transformers.models.bert.modeling_bert import BertSelfAttention

from xstilts.encoders.base import find_encoder, load_encoder
from xstilts.encoders.checkpoint import Checkpoint, HeadSpec
from xstilts.encoders.models import build_models
from xstilts.encoders.vocabulary import Vocabulary
from xstilts.training import cpu_attention
from xstilts.training.cpu_attention import attention
from xstilts.training.cpu_dropout import STEPS, Dropout, kept, mark, scales
from xstilts.training.cpu_layers import suit_cpu
from xstilts.training.cpu_self_attention import self_attention


@given(st.sampled_from([0.1, 0.25, 0.5, 0.9]), st.integers(0, 2**31))
def test_as_many_are_dropped_as_asked_for_and_the_mean_stays(rate: float, seed: int) -> None:
    torch.manual_seed(seed)
    drawn = scales((40, 250), rate, torch.float32)
    assert drawn.unique().tolist() == [0.0, pytest.approx(1 / (1 - rate), rel=1e-4)]
    error = 5 * (rate * (1 - rate) / drawn.numel()) ** 0.5
    assert abs((drawn == 0).float().mean().item() - rate) < error
    assert abs(drawn.mean().item() - 1) < error / (1 - rate)


def test_torchs_seed_decides_what_is_dropped_and_every_call_drops_others() -> None:
    torch.manual_seed(3)
    first, second = (scales((64, 64), 0.5, torch.float32) for _ in range(2))
    torch.manual_seed(3)
    assert scales((64, 64), 0.5, torch.float32).equal(first) and not first.equal(second)
    neighbours = (first[:, 1:] == 0) & (first[:, :-1] == 0)
    assert abs(neighbours.float().mean().item() - 0.25) < 0.05
    assert abs(((first == 0) & (second == 0)).float().mean().item() - 0.25) < 0.05


def test_draws_longer_than_a_window_repeat_nothing() -> None:
    torch.manual_seed(4)
    first, second = scales((2, 2**20), 0.5, torch.bfloat16)
    assert abs(((first == 0) == (second == 0)).float().mean().item() - 0.5) < 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_marked_weights_are_told_by_their_signs(dtype: torch.dtype) -> None:
    weights = torch.rand(300, 200).to(dtype)
    marked = weights.clone()
    mark(marked, round(0.2 * STEPS))
    assert marked.abs().equal(weights)
    assert abs(marked.signbit().float().mean().item() - 0.2) < 0.01
    assert kept(marked).equal(marked.clamp(min=0))


def test_without_training_or_rate_nothing_is_dropped() -> None:
    inputs = torch.randn(3, 4)
    assert Dropout(0.5).eval()(inputs) is inputs and Dropout(0.0).train()(inputs) is inputs
    assert Dropout(1.0).train()(inputs).eq(0).all()


def layer(causal: bool = False) -> torch.nn.Module:
    made = torch.nn.Module()
    made.is_causal = causal
    return made


def tensors(dtype: torch.dtype, tokens: int) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(3, 4, tokens, 8, dtype=dtype).requires_grad_() for _ in range(3)]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 4e-2)])
def test_attention_and_its_gradients_are_torchs(dtype: torch.dtype, tolerance: float, masked: bool) -> None:
    mask = None
    if masked:
        mask = torch.ones(3, 1, 9, 9, dtype=torch.bool)
        mask[1, :, :, 5:] = False
    inputs = tensors(dtype, 9)
    found, _ = attention(layer(), *inputs, mask, scaling=0.3)
    # what draws no dropout must still be what is drawn from
    torch.manual_seed(1)
    dropped, _ = attention(layer(), *inputs, mask, dropout=1e-9, scaling=0.3)
    wanted = torch.nn.functional.scaled_dot_product_attention(*inputs, attn_mask=mask, scale=0.3)
    for result in (found, dropped):
        assert torch.allclose(result.transpose(1, 2), wanted, atol=tolerance)
        gradients = torch.autograd.grad(result.sum(), inputs, retain_graph=True)
        expected = torch.autograd.grad(wanted.sum(), inputs, retain_graph=True)
        for gradient, other in zip(gradients, expected, strict=True):
            assert torch.allclose(gradient, other, atol=tolerance)


@pytest.mark.parametrize("keys", [5, 32, 40])
def test_masks_of_every_form_hide_what_they_hide(keys: int) -> None:
    torch.manual_seed(1)
    query = torch.randn(3, 4, 9, 8).requires_grad_()
    key, value = (torch.randn(3, 4, keys, 8).requires_grad_() for _ in range(2))
    seen = torch.rand(3, 4, 9, keys) < 0.7
    seen[..., 0] = True
    added = torch.zeros(3, 4, 9, keys).masked_fill(~seen, -torch.inf)
    for mask in (seen, added, added + torch.randn(3, 4, 9, keys), seen[:, :1, :1], added[:, :1], None):
        found, _ = attention(layer(), query, key, value, mask, dropout=1e-9)
        wanted = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        assert torch.allclose(found.transpose(1, 2), wanted, atol=1e-5)
        gradients = torch.autograd.grad(found.square().sum(), (query, key, value))
        expected = torch.autograd.grad(wanted.square().sum(), (query, key, value))
        for gradient, other in zip(gradients, expected, strict=True):
            assert torch.allclose(gradient, other, atol=1e-4)


def test_a_mask_that_is_learned_gets_its_gradient() -> None:
    query, key, value = tensors(torch.bfloat16, 6)
    bias = torch.zeros(1, 4, 6, 6, dtype=torch.bfloat16).requires_grad_()
    (gradient,) = torch.autograd.grad(attention(layer(), query, key, value, bias)[0].square().sum(), bias)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("at_once", [1, 600, 2500])
def test_a_few_inputs_at_a_time_are_all_at_once(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    inputs, mask = tensors(torch.bfloat16, 9), torch.ones(3, 1, 1, 9, dtype=torch.bool)
    mask[2, ..., 5:] = False
    whole = attention(layer(), *inputs, mask)[0]
    expected = torch.autograd.grad(whole.sum(), inputs)
    monkeypatch.setattr(cpu_attention, "_AT_ONCE", at_once)
    parts = attention(layer(), *inputs, mask)[0]
    assert parts.equal(whole)
    for gradient, other in zip(torch.autograd.grad(parts.sum(), inputs), expected, strict=True):
        assert gradient.equal(other)


def test_gradients_are_those_of_the_weights_that_dropout_left() -> None:
    inputs = tensors(torch.float32, 7)
    ways = [torch.randn_like(one) for one in inputs]

    def result(step: float) -> torch.Tensor:
        torch.manual_seed(3)  # the same weights are dropped every time
        moved = [one + step * way for one, way in zip(inputs, ways, strict=True)]
        return attention(layer(), *moved, None, dropout=0.4)[0].square().sum()

    gradients = torch.autograd.grad(result(0.0), inputs)
    slope = sum(float((gradient * way).sum()) for gradient, way in zip(gradients, ways, strict=True))
    assert slope == pytest.approx((result(1e-2) - result(-1e-2)).item() / 2e-2, rel=1e-2)


def test_dropout_of_weights_leaves_their_mean() -> None:
    query, key, value = tensors(torch.float32, 6)
    torch.manual_seed(2)
    drawn = [attention(layer(), query, key, value, None, dropout=0.3)[0] for _ in range(800)]
    plain, _ = attention(layer(), query, key, value, None)
    assert not drawn[0].allclose(drawn[1])
    assert torch.allclose(torch.stack(drawn).mean(0), plain, atol=0.15)


def test_a_mask_that_is_added_stays_finite_in_bf16() -> None:
    query, key, value = tensors(torch.bfloat16, 4)
    mask = torch.zeros(3, 1, 4, 4)
    mask[1, :, 2] = torch.finfo(torch.float32).min  # a row that sees nothing
    found, _ = attention(layer(), query, key, value, mask)
    assert found.isfinite().all()


def test_a_layer_that_looks_back_alone_does_so_here() -> None:
    inputs = tensors(torch.bfloat16, 6)
    found, _ = attention(layer(causal=True), *inputs, None)
    wanted = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)
    assert torch.allclose(found.transpose(1, 2), wanted, atol=4e-2)


def self_attention_layer(dtype: torch.dtype, dropout: float, adjacent: bool) -> Any:
    """transformers' own, with its weights in one vector (as in training) or each by itself."""
    torch.manual_seed(0)
    config = BertConfig(hidden_size=32, num_attention_heads=4, attention_probs_dropout_prob=dropout)
    config._attn_implementation = "sdpa"
    made = BertSelfAttention(config).to(dtype).train()
    if adjacent:
        projections = made.query, made.key, made.value
        strip = torch.cat([one.weight.detach().flatten() for one in projections])
        for one, part in zip(projections, strip.view(3, 32, 32), strict=True):
            one.weight = torch.nn.Parameter(part)
    return made


def masks(tokens: int, dtype: torch.dtype) -> list[torch.Tensor | None]:
    seen = torch.ones(3, 1, 1, tokens, dtype=torch.bool)
    seen[1, ..., 3:] = False
    added = torch.zeros(3, 1, 1, tokens, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)
    return [None, seen, seen.expand(-1, -1, tokens, -1), added]


@pytest.mark.parametrize("adjacent", [False, True], ids=["apart", "adjacent"])
@pytest.mark.parametrize("tokens", [5, 32, 40])
@pytest.mark.parametrize(
    ("dtype", "dropout", "tolerance"), [(torch.float32, 1e-9, 1e-5), (torch.bfloat16, 0, 3e-2)]
)
def test_self_attention_and_its_gradients_are_transformers(
    dtype: torch.dtype, dropout: float, tolerance: float, tokens: int, adjacent: bool
) -> None:
    made, plain = (self_attention_layer(dtype, rate, adjacent) for rate in (dropout, 0.0))
    states = torch.randn(3, tokens, 32, dtype=dtype).requires_grad_()
    for mask in masks(tokens, dtype):
        found, wanted = self_attention(made, states, mask)[0], plain(states, mask)[0]
        assert torch.allclose(found, wanted, atol=tolerance)
        way = torch.randn_like(found)
        gradients = torch.autograd.grad(found, (states, *made.parameters()), way)
        expected = torch.autograd.grad(wanted, (states, *plain.parameters()), way)
        for gradient, other in zip(gradients, expected, strict=True):
            assert torch.allclose(gradient, other, atol=tolerance * max(1.0, float(other.abs().max())))


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_weights_that_lie_in_another_order_are_told_apart(order: tuple[int, ...]) -> None:
    made = self_attention_layer(torch.float32, 1e-9, adjacent=False)
    projections = made.query, made.key, made.value
    strip = torch.stack([projections[place].weight.detach() for place in order])
    for place, part in zip(order, strip, strict=True):
        projections[place].weight = torch.nn.Parameter(part)
    states = torch.randn(3, 5, 32)
    found = self_attention(made, states)[0]
    assert torch.allclose(found, BertSelfAttention.forward(made.eval(), states)[0], atol=1e-5)


def test_self_attention_drops_weights_in_training_alone() -> None:
    made, states = self_attention_layer(torch.float32, 0.5, adjacent=False), torch.randn(3, 5, 32)
    drawn = torch.stack([self_attention(made, states)[0].detach() for _ in range(2000)])
    assert not drawn[0].allclose(drawn[1])
    wanted = BertSelfAttention.forward(made.eval(), states)[0]
    assert self_attention(made, states)[0].equal(wanted)
    assert torch.allclose(drawn.mean(0), wanted, atol=0.07)


@pytest.mark.parametrize(
    "kind", [BertConfig, RobertaConfig, XLMRobertaConfig], ids=lambda kind: kind.model_type
)
def test_a_suited_model_makes_queries_keys_and_values_at_once(kind: Any) -> None:
    shape = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
    model = AutoModel.from_config(kind(**shape, vocab_size=60)).train()
    suit_cpu(model)
    waiting, nodes = [model(input_ids=torch.randint(5, 30, (2, 7))).last_hidden_state.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            waiting += [behind for behind, _ in node.next_functions]
    assert sum("_SelfAttention" in node.name() for node in nodes) == 3


def test_self_attention_leaves_to_the_layer_what_is_not_faster_here() -> None:
    made = self_attention_layer(torch.float32, 0.0, adjacent=False)
    made.forward = lambda *_, **__: pytest.fail("the replaced forward")
    states = torch.randn(3, 6, 32)
    wanted = BertSelfAttention.forward(made, states)[0]
    assert self_attention(made, states)[0].equal(wanted)
    name = "cache" if "cache" in signature(BertSelfAttention.forward).parameters else "past_key_values"
    assert self_attention(made, states, None, **{name: None})[0].equal(wanted)
    made.dropout.p, made.layer_idx, cache = 1e-9, 0, DynamicCache()
    for _ in range(2):
        longer = self_attention(made, states, None, **{name: cache})[0]
    assert cache.get_seq_length() == 12 and longer.isfinite().all()
    bf16 = self_attention_layer(torch.bfloat16, 0.0, adjacent=False)
    bf16.is_causal = True  # as in a decoder
    states = states.bfloat16().requires_grad_()
    assert self_attention(bf16, states)[0].equal(BertSelfAttention.forward(bf16, states)[0])


def model_of(encoder: Path, dropout: float) -> Any:
    base = load_encoder(find_encoder(str(encoder)))
    head = HeadSpec("my/mood", "AutoModelForSequenceClassification", ("bad", "good"))
    vocabulary = Vocabulary.of([torch.arange(40).numpy()], base.tokenizer.pad_token_id)
    return build_models(base, Checkpoint.published(base), [head], vocabulary, 0, dropout)["my/mood"]


def test_a_model_keeps_its_weights_and_what_it_computes(tiny_encoder: Path) -> None:
    plain, ours = model_of(tiny_encoder, 0.0), model_of(tiny_encoder, 0.0)
    suit_cpu(ours)
    suit_cpu(ours)  # twice is once
    assert plain.state_dict().keys() == ours.state_dict().keys()
    ids = torch.randint(5, 30, (2, 7))
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    for mode in (True, False):
        logits = [model.train(mode)(input_ids=ids, attention_mask=mask).logits for model in (plain, ours)]
        assert torch.allclose(*logits, atol=1e-5)


def test_all_dropout_of_a_model_is_drawn_here(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(tiny_encoder, 0.2)
    suit_cpu(model)
    assert not any(type(module) is torch.nn.Dropout for module in model.modules())

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("torch's dropout")

    monkeypatch.setattr(torch.nn.functional, "dropout", refused)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", refused)
    ids = torch.randint(5, 30, (2, 7))
    first, second = (model.train()(input_ids=ids).logits for _ in range(2))
    assert not first.allclose(second)
