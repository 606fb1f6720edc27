"""Attention for training on a CPU, by plain matrix products.

PyTorch's fused attention is made for inference: in bf16, forward and backward together take ten times as long as plain
products on 12 tokens, three times on 60, twice on 240, and with dropout it is not used at all. Here the scores of a
few inputs or heads at a time are computed, so that they stay in the cache from one operation to the next, and one
tensor of weights is kept for the gradients instead of four.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from xstilts.training.cpu_dropout import STEPS, kept, mark

ATTENTION = "xstilts-cpu"
"""The name under which transformers knows `attention`."""
LONGEST = 512
"""Tokens up to which plain products are the faster ones; fused attention also needs less memory than they do."""
_AT_ONCE = 2**20
"""Scores that are computed at once: two megabytes, which stay in the cache between operations."""
_VECTOR = 32
"""Numbers of bf16 a processor takes at once; softmax takes three times as long on 61 columns as on 64."""


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
    special = special or (attention_mask is not None and attention_mask.requires_grad)
    short = query.dtype == torch.bfloat16 and query.requires_grad and key.shape[2] <= LONGEST
    if special or key.shape[1] != query.shape[1] or not (dropout or short):
        fused: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return fused
    seen: torch.Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
        query, key, value, attention_mask, dropout, scaling or query.shape[-1] ** -0.5
    )
    return seen, None


class _Attention(torch.autograd.Function):
    """Attention of a few inputs or heads at a time.

    For the gradients it keeps the weights P, in which a negative sign tells that dropout took a weight away. With D = 0
    where it did and 1 / (1 - p) elsewhere, O = (P ∘ D) V and the gradient G of O:

        dV = (P ∘ D)ᵀ G        dS = P ∘ (D ∘ G Vᵀ - δ), δ = Σ G ∘ O over a row

    (Dao et al. 2022, arXiv 2205.14135, appendix B.4). Inputs and heads lie in one dimension, so that products need no
    copies; keys are filled up to whole vectors, and no query sees what they are filled with.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        dropout: float,
        scaling: float,
    ) -> torch.Tensor:
        """[batch, tokens, heads, width of a head]."""
        batch, heads, tokens, width = query.shape
        dropped = min(round(dropout * STEPS), STEPS - 1)
        factor = STEPS / (STEPS - dropped)
        columns = -(-key.shape[2] // _VECTOR) * _VECTOR
        q, k, v = (_laid_out(one, size) for one, size in ((query, tokens), (key, columns), (value, columns)))
        bias = _bias(mask, key, columns)
        weights = q.new_empty(batch * heads, tokens, columns)
        found = torch.empty_like(q)
        for rows in _blocks(batch, heads, tokens * columns):
            seen, below = weights[rows], k[rows].transpose(1, 2)
            if bias is None:
                torch.baddbmm(seen, q[rows], below, beta=0, alpha=scaling, out=seen)
            else:
                torch.baddbmm(bias[rows].expand_as(seen), q[rows], below, alpha=scaling, out=seen)
            torch.softmax(seen, -1, out=seen)
            if dropped:
                mark(seen, dropped)
                seen = kept(seen)
            torch.baddbmm(found[rows], seen, v[rows], beta=0, alpha=factor, out=found[rows])
        output = found.view(batch, heads, tokens, width).transpose(1, 2).contiguous()
        ctx.save_for_backward(q, k, v, weights, output)
        ctx.keys, ctx.scaling, ctx.factor, ctx.dropped = key.shape[2], scaling, factor, dropped
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of query, key and value."""
        q, k, v, weights, output = ctx.saved_tensors
        (gradient,) = gradients
        batch, tokens, heads, width = output.shape
        less = (gradient * output).sum(-1).neg_().transpose(1, 2).reshape(-1, tokens, 1)
        above = _laid_out(gradient.transpose(1, 2), tokens)
        found = [torch.empty_like(one) for one in (q, k, v)]
        for rows in _blocks(batch, heads, weights[0].numel()):
            to_q, to_k, to_v = (one[rows] for one in found)
            part = weights[rows]
            seen = kept(part) if ctx.dropped else part
            torch.baddbmm(to_v, seen.transpose(1, 2), above[rows], beta=0, alpha=ctx.factor, out=to_v)
            scores = torch.empty_like(part)
            torch.baddbmm(scores, above[rows], v[rows].transpose(1, 2), beta=0, alpha=ctx.factor, out=scores)
            scores = (part.abs() * less[rows]).addcmul_(seen, scores)
            torch.baddbmm(to_q, scores, k[rows], beta=0, alpha=ctx.scaling, out=to_q)
            torch.baddbmm(to_k, scores.transpose(1, 2), q[rows], beta=0, alpha=ctx.scaling, out=to_k)
        to_q, to_k, to_v = (one.view(batch, heads, -1, width) for one in found)
        return to_q, to_k[:, :, : ctx.keys], to_v[:, :, : ctx.keys], None, None, None


def _laid_out(given: torch.Tensor, length: int) -> torch.Tensor:
    """[batch · heads, length, width] of [batch, heads, tokens, width]; 0 beyond the tokens."""
    if given.shape[2] < length:
        given = torch.nn.functional.pad(given, (0, 0, 0, length - given.shape[2]))
    return given.reshape(-1, length, given.shape[3])


def _blocks(batch: int, heads: int, scores: int) -> Iterator[slice]:
    """What is computed at once, of [batch · heads]: whole inputs, or heads of one."""
    size = _AT_ONCE // (heads * scores) * heads or max(1, _AT_ONCE // scores)
    return (slice(start, start + size) for start in range(0, batch * heads, size))


def _bias(mask: torch.Tensor | None, key: torch.Tensor, columns: int) -> torch.Tensor | None:
    """What is added to scores [batch · heads, tokens or 1, columns], for the mask and for what keys are filled with."""
    batch, heads, keys, _ = key.shape
    if mask is None and keys == columns:
        return None
    least = torch.finfo(key.dtype).min
    if mask is None:
        added = key.new_zeros(1, 1, 1, keys)
    elif mask.dtype == torch.bool:
        added = torch.zeros_like(mask, dtype=key.dtype).masked_fill_(~mask, least)
    else:
        added = mask.clamp(min=least).to(key.dtype)
    filled = torch.nn.functional.pad(added, (0, columns - keys), value=-torch.inf)
    return filled.expand(batch, heads, -1, -1).reshape(batch * heads, -1, columns)
