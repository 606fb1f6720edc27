"""Layers that suit training on a CPU: attention by plain matrix products, dropout from few random numbers.

PyTorch's fused attention is made for inference: in bf16, forward and backward together take ten times as long as plain
products on 12 tokens, three times on 60, twice on 240, and with dropout it is not used at all. PyTorch's dropout draws
one number of a serial generator for each element; here sixteen random bits decide about one, four elements a draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from xstilts.encoders.models import encoder_of

ATTENTION = "xstilts-cpu"
"""The name under which transformers knows `attention`."""
LONGEST = 512
"""Tokens up to which plain products are the faster ones; fused attention also needs less memory than they do."""
_STEPS = 2**16


class Dropout(torch.nn.Module):
    """As `torch.nn.Dropout`, with other random numbers."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The inputs, in training with a share of `p` set to 0 and the others scaled up."""
        if not self.training or self.p == 0:
            return inputs
        return inputs * scales(inputs.shape, self.p, inputs.dtype)


def scales(shape: Sequence[int], p: float, dtype: torch.dtype) -> torch.Tensor:
    """0 with probability `p` and 1 / (1 - p) otherwise, for each element; `p` is rounded to a 65,536th.

    The stream is drawn from torch's own generator, so that `torch.manual_seed` decides it.
    """
    dropped = round(p * _STEPS)
    if dropped >= _STEPS:
        return torch.zeros(*shape, dtype=dtype)
    count = math.prod(shape)
    seed = int(torch.empty((), dtype=torch.int64).random_())
    draws = np.random.Generator(np.random.SFC64(seed)).integers(2**64, size=-(-count // 4), dtype=np.uint64)
    bits = torch.from_numpy(draws.view(np.int16))[:count].view(*shape)
    return (bits >= dropped - _STEPS // 2).to(dtype).mul_(_STEPS / (_STEPS - dropped))


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers' `sdpa`, by plain products where they are faster.

    Args:
        module: the attention layer.
        query: [batch, heads, tokens, width of a head], as `key` and `value`.
        key: what queries are compared with.
        value: what is averaged.
        attention_mask: [batch, 1, tokens or 1, tokens]: what may be seen (boolean), or what is added to the scores.
        dropout: share of the weights that is dropped.
        scaling: of the scores; default 1 / √(width of a head).
        more: whatever else the layer passes; with anything that changes the result, `sdpa` computes it.

    Returns:
        [batch, tokens, heads, width of a head], and no weights.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    causal = more.get("is_causal")
    causal = getattr(module, "is_causal", True) if causal is None else causal
    special = causal or more.get("position_bias") is not None or more.get("softcap") is not None
    short = query.dtype == torch.bfloat16 and query.requires_grad and key.shape[2] <= LONGEST
    if special or key.shape[1] != query.shape[1] or not (dropout or short):
        fused: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return fused
    scores = (query * (scaling or query.shape[-1] ** -0.5)) @ key.transpose(2, 3)
    if attention_mask is not None:
        scores += _added(attention_mask, scores.dtype)
    weights = scores.softmax(-1)
    if dropout:
        weights = weights * scales(weights.shape, dropout, weights.dtype)
    seen = weights @ value
    return seen.transpose(1, 2).contiguous(), None


def suit_cpu(model: Any) -> None:
    """Let a model use these layers; its weights stay, and what it computes up to rounding and random numbers.

    A head of ours has no attention that transformers knows: there it is the encoder inside that gets ours.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is torch.nn.Dropout:
                setattr(module, name, Dropout(child.p).train(child.training))
    encoder = encoder_of(model)
    if encoder.config._attn_implementation == "sdpa":
        AttentionInterface.register(ATTENTION, attention)
        AttentionMaskInterface.register(ATTENTION, sdpa_mask)
        encoder.set_attn_implementation(ATTENTION)


def _added(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What is added to scores for a mask."""
    if mask.dtype != torch.bool:
        return mask.clamp(min=torch.finfo(dtype).min).to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)
