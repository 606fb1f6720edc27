"""Layers that suit training on a CPU: attention by plain matrix products, dropout from few random numbers.

PyTorch's fused attention is made for inference: in bf16, forward and backward together take ten times as long as plain
products on 12 tokens, three times on 60, twice on 240, and with dropout it is not used at all. Here a few inputs at a
time go through plain products, so that their scores stay in the cache, and one tensor of weights is kept for the
gradients instead of four. PyTorch's dropout draws one number of a serial generator for each element; here sixteen
random bits decide about one, four elements a draw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from xstilts.encoders.models import encoder_of

ATTENTION = "xstilts-cpu"
"""The name under which transformers knows `attention`."""
LONGEST = 512
"""Tokens up to which plain products are the faster ones; fused attention also needs less memory than they do."""
_STEPS = 2**16
_AT_ONCE = 2**21
"""Scores that are computed at once: some megabytes, which stay in the cache between operations."""
_INTEGERS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


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
    kept = torch.ge(_draws(shape), dropped - _STEPS // 2, out=torch.empty(*shape, dtype=dtype))
    return kept.mul_(_STEPS / (_STEPS - dropped))


def _draws(shape: Sequence[int]) -> torch.Tensor:
    """Random numbers from all of int16."""
    count = math.prod(shape)
    seed = int(torch.empty((), dtype=torch.int64).random_())
    draws = np.random.Generator(np.random.SFC64(seed)).integers(2**64, size=-(-count // 4), dtype=np.uint64)
    return torch.from_numpy(draws.view(np.int16))[:count].view(*shape)


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
    added = None if attention_mask is None else _added(attention_mask, query.dtype)
    seen: torch.Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
        query, key, value, added, dropout, scaling or query.shape[-1] ** -0.5
    )
    return seen, None


class _Attention(torch.autograd.Function):
    """Attention of a few inputs at a time.

    For the gradients it keeps the weights P, in which a negative sign tells that dropout took a weight away. With D = 0
    where it did and 1 / (1 - p) elsewhere, O = (P ∘ D) V and the gradient G of O:

        dV = (P ∘ D)ᵀ G        dS = P ∘ (D ∘ G Vᵀ - δ), δ = Σ G ∘ O over a row

    (Dao et al. 2022, arXiv 2205.14135, appendix B.4).
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        added: torch.Tensor | None,
        dropout: float,
        scaling: float,
    ) -> torch.Tensor:
        """[batch, tokens, heads, width of a head]."""
        batch, heads, tokens, width = query.shape
        dropped = min(round(dropout * _STEPS), _STEPS - 1)
        factor = _STEPS / (_STEPS - dropped)
        output = query.new_empty(batch, tokens, heads, width)
        weights = query.new_empty(batch, heads, tokens, key.shape[2])
        for part in _parts(weights):
            scores = (query[part] * scaling) @ key[part].transpose(2, 3)
            if added is not None:
                scores += added.expand(batch, -1, -1, -1)[part]
            seen = torch.softmax(scores, -1, out=weights[part])
            if dropped:
                _mark(seen, dropped)
                seen = torch.relu(seen)
            output[part] = (seen @ (value[part] * factor)).transpose(1, 2)
        ctx.save_for_backward(query, key, value, weights, output)
        ctx.scaling, ctx.factor = scaling, factor
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of query, key and value."""
        query, key, value, weights, output = ctx.saved_tensors
        (gradient,) = gradients
        sums = (gradient * output).sum(-1, keepdim=True).transpose(1, 2)
        gradient = gradient.transpose(1, 2)
        # laid out as the projections behind them give and take them
        found = [torch.empty_like(one.transpose(1, 2)).transpose(1, 2) for one in (query, key, value)]
        for part in _parts(weights):
            above = gradient[part] * ctx.factor
            seen = torch.relu(weights[part])
            found[2][part] = seen.transpose(2, 3) @ above
            below = seen.mul_(above @ value[part].transpose(2, 3)).sub_(weights[part].abs() * sums[part])
            found[0][part] = (below @ key[part]).mul_(ctx.scaling)
            found[1][part] = below.transpose(2, 3) @ (query[part] * ctx.scaling)
        return *found, None, None, None


def _parts(weights: torch.Tensor) -> Iterator[slice]:
    """Inputs whose scores are computed at once."""
    size = max(1, _AT_ONCE // weights[0].numel())
    return (slice(start, start + size) for start in range(0, len(weights), size))


def _mark(weights: torch.Tensor, dropped: int) -> None:
    """Set the sign of so many 65,536ths of some weights, drawn at random; with integers, for speed."""
    kind = _INTEGERS[weights.dtype]
    draws = _draws(weights.shape)
    signs = draws if kind is draws.dtype else torch.empty(weights.shape, dtype=kind)
    torch.lt(draws, dropped - _STEPS // 2, out=signs)
    weights.view(kind).bitwise_or_(signs.neg_().bitwise_and_(torch.iinfo(kind).min))


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
