"""What an encoder need not compute: states that nothing reads.

Layers are changed for a while, so that threads may not share an encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from xstilts.encoders.models import encoder_of

if TYPE_CHECKING:
    import torch

_LAYERS = ("BertLayer", "RobertaLayer", "XLMRobertaLayer")
"""Layers of one form."""
_FIRST_TOKEN = ("ForSequenceClassification", "ForMultipleChoice")
"""Heads that read the first token alone, in the families that have these layers."""


@contextmanager
def unread_states_skipped(model: Any) -> Iterator[None]:
    """Within this, a model whose head reads the first token alone computes no other state in the last layer.

    The states are then [batch, 1, width]. Keys and values are those of all tokens; queries and the products behind
    attention, five sixths of the layer, are left out for all tokens but one, in the gradients too. Nothing changes
    for other heads and in families that are not known here.
    """
    reads_first = type(model).__name__.endswith(_FIRST_TOKEN)
    with _instead(known_layers(model)[-1:] if reads_first and _sees_all(model) else [], _first_token):
        yield


@contextmanager
def first_layers_only(model: Any, count: int) -> Iterator[None]:
    """Within this, layers behind the first `count` hand on what they are given, in families that are known here."""
    assert count >= 0
    with _instead(known_layers(model)[count:], lambda _, states, *__, **___: states):
        yield


def known_layers(model: Any) -> Sequence[Any]:
    """The layers of a model's encoder, from the first to the last, if all are of the form that is known here."""
    layers = getattr(getattr(encoder_of(model), "encoder", None), "layer", ())
    return list(layers) if all(type(layer).__name__ in _LAYERS for layer in layers) else []


def _sees_all(model: Any) -> bool:
    """Whether the first token sees all others, as in no decoder, by a mask that can be cut: sdpa's, as ours is."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask

    config = encoder_of(model).config
    cut = ALL_MASK_ATTENTION_FUNCTIONS.get(config._attn_implementation) is sdpa_mask
    return cut and not getattr(config, "is_decoder", False)


@contextmanager
def _instead(layers: Sequence[Any], forward: Callable[..., torch.Tensor]) -> Iterator[None]:
    """Within this, `forward(layer, …)` is called for these layers."""
    before = [vars(layer).get("forward") for layer in layers]
    for layer in layers:
        layer.forward = partial(forward, layer)
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            del layer.forward
            if own is not None:
                layer.forward = own


def _first_token(
    layer: Any, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **more: Any
) -> torch.Tensor:
    """As the layer's own `forward`, of the first token.

    Args:
        layer: transformers' layer.
        hidden_states: [batch, tokens, width].
        attention_mask: [batch, 1, tokens or 1, tokens].
        more: what attention takes beside.
    """
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    own, first = layer.attention.self, hidden_states[:, :1]
    query, key, value = (
        project(states).unflatten(-1, (-1, own.attention_head_size)).transpose(1, 2)
        for project, states in ((own.query, first), (own.key, hidden_states), (own.value, hidden_states))
    )
    mask = attention_mask[:, :, :1] if attention_mask is not None else None
    attend = ALL_ATTENTION_FUNCTIONS[own.config._attn_implementation]
    seen, _ = attend(
        own,
        query,
        key,
        value,
        mask,
        dropout=own.dropout.p if own.training else 0.0,
        scaling=own.scaling,
        **more,
    )
    result: torch.Tensor = layer.feed_forward_chunk(layer.attention.output(seen.flatten(2), first))
    return result
