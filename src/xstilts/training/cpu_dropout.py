"""Dropout for CPUs: PyTorch draws a number of a serial generator an element, here tables of numbers are combined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

STEPS = 2**16
"""Dropout is a multiple of one part in so many: sixteen bits decide about an element."""
_WINDOW = 2**20
_INTEGERS = {
    torch.bfloat16: torch.int16,
    torch.float16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}


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
    dropped = round(p * STEPS)
    if dropped >= STEPS:
        return torch.zeros(*shape, dtype=dtype)
    factor = torch.full((), STEPS / (STEPS - dropped), dtype=dtype)
    left = torch.ge(_draws(shape), dropped - STEPS // 2, out=torch.empty(*shape, dtype=_INTEGERS[dtype]))
    return left.mul_(factor.view(left.dtype)).view(dtype)


def mark(weights: torch.Tensor, dropped: int) -> None:
    """Turn the sign of so many 65,536ths of some weights, drawn at random; none may be below 0."""
    bits, draws = _bits(weights), _draws(weights.shape)
    signs = draws if bits.dtype is draws.dtype else torch.empty_like(bits)
    torch.lt(draws, dropped - STEPS // 2, out=signs)
    bits.add_(signs, alpha=torch.iinfo(bits.dtype).min)


def kept(weights: torch.Tensor) -> torch.Tensor:
    """Marked weights, with 0 for those whose sign is turned."""
    return _bits(weights).clamp_min(0).view(weights.dtype)


def _bits(weights: torch.Tensor) -> torch.Tensor:
    """Numbers as integers of their size, whose arithmetic takes a quarter of the time of that of bf16."""
    return weights.view(_INTEGERS[weights.dtype])


def _draws(shape: Sequence[int]) -> torch.Tensor:
    """Random numbers from all of int16: two windows of two fixed tables, put together by exclusive or.

    torch's generator decides where the windows begin. A table's numbers are independent, so those of a window are;
    two draws are the same numbers, shifted, if both of their windows are as far apart: one in a million pairs.
    """
    count = math.prod(shape)
    drawn = torch.empty(count, dtype=torch.int16)
    for part in torch.split(drawn, _WINDOW):
        windows = zip(_tables(), torch.randint(_WINDOW, (2,)).tolist(), strict=True)
        torch.bitwise_xor(*(table[start : start + len(part)] for table, start in windows), out=part)
    return drawn.view(*shape)


@cache
def _tables() -> tuple[torch.Tensor, torch.Tensor]:
    """Random numbers that are drawn once; no window is longer than half of a table."""
    numbers = np.random.PCG64(0).random_raw(_WINDOW)  # of 64 bits; the same in every version of NumPy
    first, second = torch.from_numpy(numbers.view(np.int16)).chunk(2)
    return first, second
