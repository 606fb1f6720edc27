"""Attention for training on a CPU, by plain matrix products.

PyTorch's fused attention is made for inference: in bf16, forward and backward together take ten times as long as plain
products on 12 tokens, three times on 60, twice on 240, and with dropout it is not used at all. Here the scores of a
few inputs or heads at a time are computed, so that they stay in the cache from one operation to the next, and one
tensor of weights is kept for the gradients instead of four.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    if special or key.shape[1] != query.shape[1] or not by_products(query, key.shape[2], dropout):
        fused: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return fused
    seen: torch.Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
        query, key, value, attention_mask, dropout, scaling or query.shape[-1] ** -0.5
    )
    return seen, None


def by_products(states: torch.Tensor, keys: int, dropout: float) -> bool:
    """Whether plain products are the faster way for what is made of these states, with so many keys."""
    short = states.dtype == torch.bfloat16 and states.requires_grad and keys <= LONGEST
    return bool(dropout) or short


class _Attention(torch.autograd.Function):
    """Attention, of which the weights are kept for the gradients."""

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
        tokens, keys = query.shape[2], key.shape[2]
        columns = whole_vectors(keys)
        q, k, v = (_laid_out(one, size) for one, size in ((query, tokens), (key, columns), (value, columns)))
        settings = AttentionSettings(query.shape[1], dropout, scaling)
        weights, output = attend(q, k, v, score_bias(mask, query, keys), settings)
        ctx.save_for_backward(q, k, v, weights, output)
        ctx.keys, ctx.settings = keys, settings
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of query, key and value."""
        q, k, v, weights, output = ctx.saved_tensors
        found = [torch.empty_like(one) for one in (q, k, v)]
        attention_gradients(q, k, v, weights, output, gradients[0], found, ctx.settings)
        to_q, to_k, to_v = (one.view(len(output), -1, *one.shape[1:]) for one in found)
        return to_q, to_k[:, :, : ctx.keys], to_v[:, :, : ctx.keys], None, None, None


@dataclass(frozen=True)
class AttentionSettings:
    """What attention is computed by: the number of heads, the share of weights that is dropped, and the scaling."""

    heads: int
    dropout: float
    scaling: float

    @property
    def dropped(self) -> int:
        """The share that is dropped, in parts of `STEPS`; never all of them."""
        return min(round(self.dropout * STEPS), STEPS - 1)

    @property
    def factor(self) -> float:
        """What weights that stay are multiplied by."""
        return STEPS / (STEPS - self.dropped)


def attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None, settings: AttentionSettings
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of a few inputs or heads at a time.

    Inputs and heads lie in one dimension, so that products need no copies.

    Args:
        q: queries, [batch · heads, tokens, width of a head].
        k: keys, [batch · heads, columns, width of a head]: whole vectors of them.
        v: values, as `k`.
        bias: what is added to the scores (`score_bias`).
        settings: what it is computed by.

    Returns:
        The weights [batch · heads, tokens, columns], in which a negative sign tells that dropout took one away; and
        what they find, [batch, tokens, heads, width of a head].
    """
    weights = q.new_empty(*q.shape[:2], k.shape[1])
    found = q.new_empty(q.shape)
    for rows in _blocks(settings.heads, weights):
        seen, below = weights[rows], k[rows].transpose(1, 2)
        if bias is None:
            torch.baddbmm(seen, q[rows], below, beta=0, alpha=settings.scaling, out=seen)
        else:
            torch.baddbmm(bias[rows].expand_as(seen), q[rows], below, alpha=settings.scaling, out=seen)
        torch.softmax(seen, -1, out=seen)
        if settings.dropped:
            mark(seen, settings.dropped)
            seen = kept(seen)
        torch.baddbmm(found[rows], seen, v[rows], beta=0, alpha=settings.factor, out=found[rows])
    output = found.view(-1, settings.heads, *found.shape[1:]).transpose(1, 2).contiguous()
    return weights, output


def attention_gradients(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    weights: torch.Tensor,
    output: torch.Tensor,
    gradient: torch.Tensor,
    found: Sequence[torch.Tensor],
    settings: AttentionSettings,
) -> None:
    """The gradients of queries, keys and values, from what `attend` was given and gave.

    With D = 0 where dropout took a weight of P away and 1 / (1 - p) elsewhere, O = (P ∘ D) V and the gradient G of O:

        dV = (P ∘ D)ᵀ G        dS = P ∘ (D ∘ G Vᵀ - δ), δ = Σ G ∘ O over a row

    (Dao et al. 2022, arXiv 2205.14135, appendix B.4).

    Args:
        q: queries, as `attend` took them.
        k: keys, as it took them.
        v: values, as it took them.
        weights: as it gave them.
        output: what it found.
        gradient: of the output.
        found: where the gradients are written to, in the shapes of `q`, `k` and `v`.
        settings: as it took them.
    """
    less = (gradient * output).sum(-1).neg_().transpose(1, 2).reshape(*q.shape[:2], 1)
    above = _laid_out(gradient.transpose(1, 2), q.shape[1])
    for rows in _blocks(settings.heads, weights):
        to_q, to_k, to_v = (one[rows] for one in found)
        part = weights[rows]
        seen = kept(part) if settings.dropped else part
        torch.baddbmm(to_v, seen.transpose(1, 2), above[rows], beta=0, alpha=settings.factor, out=to_v)
        scores = torch.empty_like(part)
        torch.baddbmm(scores, above[rows], v[rows].transpose(1, 2), beta=0, alpha=settings.factor, out=scores)
        scores = (part.abs() * less[rows]).addcmul_(seen, scores)
        torch.baddbmm(to_q, scores, k[rows], beta=0, alpha=settings.scaling, out=to_q)
        torch.baddbmm(to_k, scores.transpose(1, 2), q[rows], beta=0, alpha=settings.scaling, out=to_k)


def whole_vectors(keys: int) -> int:
    """The columns that so many keys are filled up to; no query sees what they are filled with, if it is finite."""
    return -(-keys // _VECTOR) * _VECTOR


def score_bias(mask: torch.Tensor | None, query: torch.Tensor, keys: int) -> torch.Tensor | None:
    """What is added to the scores, for the mask and for what keys are filled with.

    Args:
        mask: as `attention` takes it.
        query: [batch, heads, …], in the type of the scores.
        keys: how many there are.

    Returns:
        [batch · heads, tokens or 1, columns], or None for nothing.
    """
    columns = whole_vectors(keys)
    if mask is None and keys == columns:
        return None
    least = torch.finfo(query.dtype).min
    if mask is None:
        bias = query.new_zeros(1, 1, 1, keys)
    elif mask.dtype == torch.bool:
        bias = torch.zeros_like(mask, dtype=query.dtype).masked_fill_(~mask, least)
    else:
        bias = mask.clamp(min=least).to(query.dtype)
    filled = torch.nn.functional.pad(bias, (0, columns - keys), value=-torch.inf)
    batch, heads = query.shape[:2]
    return filled.expand(batch, heads, -1, -1).reshape(batch * heads, -1, columns)


def _laid_out(given: torch.Tensor, length: int) -> torch.Tensor:
    """[batch · heads, length, width] of [batch, heads, tokens, width]; 0 beyond the tokens."""
    if given.shape[2] < length:
        given = torch.nn.functional.pad(given, (0, 0, 0, length - given.shape[2]))
    return given.reshape(-1, length, given.shape[3])


def _blocks(heads: int, weights: torch.Tensor) -> Iterator[slice]:
    """What is computed at once, of the first dimension of weights: whole inputs, or heads of one."""
    scores = weights[0].numel()
    size = _AT_ONCE // (heads * scores) * heads or max(1, _AT_ONCE // scores)
    return (slice(start, start + size) for start in range(0, len(weights), size))
