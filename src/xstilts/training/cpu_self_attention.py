"""Queries, keys and values in one product with the attention behind it, for training on a CPU.

One product of [tokens, width] by [width, 3 · width] is faster than three, and its result is laid out for attention by
one copy; the gradients come back by one copy and two products. On utterances of a dozen tokens that is 3% of an update.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from xstilts.training.cpu_attention import (
    AttentionSettings,
    attend,
    attention_gradients,
    by_products,
    score_bias,
    whole_vectors,
)


def self_attention(
    layer: Any,
    hidden_states: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """As a layer's own `forward`, to which it leaves what is not faster here.

    The weights and the states are of one type: autocast has no part in training on a CPU.

    Args:
        layer: that of a known layer (`skipping.known_layers`): queries, keys and values are of one width.
        hidden_states: [batch, tokens, width].
        attention_mask: as `cpu_attention.attention` takes it.
        more: for the layer's own `forward`; keys and values of earlier tokens have another name by release.

    Returns:
        [batch, tokens, width], and no weights.
    """
    dropout = layer.dropout.p if layer.training else 0.0
    faster = by_products(hidden_states, hidden_states.shape[1], dropout)
    earlier = any(more.get(name) is not None for name in ("cache", "past_key_values"))
    if earlier or layer.is_causal or not faster:
        own: tuple[torch.Tensor, None] = type(layer).forward(layer, hidden_states, attention_mask, **more)
        return own
    projections = layer.query, layer.key, layer.value
    found: torch.Tensor = _SelfAttention.apply(  # type: ignore[no-untyped-call]
        hidden_states,
        *(one.weight for one in projections),
        torch.cat([one.bias for one in projections]),
        attention_mask,
        AttentionSettings(layer.num_attention_heads, dropout, layer.scaling),
    )
    return found, None


class _SelfAttention(torch.autograd.Function):
    """Attention of states to each other, from the states and the weights of the three projections."""

    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        biases: torch.Tensor,
        mask: torch.Tensor | None,
        settings: AttentionSettings,
    ) -> torch.Tensor:
        """[batch, tokens, width]."""
        batch, tokens, _ = states.shape
        weight, flat = _side_by_side(query, key, value), states.flatten(0, 1)
        made = torch.addmm(biases, flat, weight.t()).view(batch, tokens, 3, settings.heads, -1)
        laid = made.new_empty(3, batch, settings.heads, whole_vectors(tokens), made.shape[-1])
        laid[:, :, :, :tokens].copy_(made.permute(2, 0, 3, 1, 4))
        laid[:, :, :, tokens:].zero_()
        bias = score_bias(mask, laid[0], tokens)
        weights, output = attend(*_parts(laid, tokens), bias, settings)
        ctx.save_for_backward(flat, weight, laid, weights, output)
        ctx.settings = settings
        return output.flatten(2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of states, weights and biases."""
        flat, weight, laid, weights, output = ctx.saved_tensors
        tokens, found = output.shape[1], torch.empty_like(laid)
        attention_gradients(
            *_parts(laid, tokens),
            weights,
            output,
            gradients[0].view_as(output),
            _parts(found, tokens),
            ctx.settings,
        )
        made = found[:, :, :, :tokens].permute(1, 3, 0, 2, 4).reshape(len(flat), -1)
        to_states = torch.mm(made, weight).view(*output.shape[:2], -1)
        return to_states, *torch.mm(made.t(), flat).chunk(3), made.sum(0), None, None


def _parts(laid: torch.Tensor, tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of [3, batch, heads, columns, width of a head] the three, each [batch · heads, tokens or columns, width]."""
    q, k, v = laid.flatten(1, 2)
    return q[:, :tokens], k, v


def _side_by_side(*weights: torch.Tensor) -> torch.Tensor:
    """Weights of one shape as one, [their number · rows, columns]; not copied where they lie so, as in `Weights`."""
    first, size = weights[0], weights[0].numel()
    follow = all(
        one.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        and one.storage_offset() == first.storage_offset() + number * size
        and one.is_contiguous()
        for number, one in enumerate(weights)
    )
    if not follow:
        return torch.cat(weights)
    return first.as_strided((len(weights) * first.shape[0], first.shape[1]), first.stride())
