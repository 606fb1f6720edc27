"""Batches as pure functions of (seed, epoch): of similar length, tasks mixed in proportion to their size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

BUCKET = 32
"""Batches whose examples are sorted by length together: large enough to save padding, small enough to stay random."""
TOKENS_AT_ONCE = {"cpu": 3072, "cuda": 2**16}
"""Tokens of inputs that are computed at once: what they leave behind for the gradients stays near the cores."""


def length_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Shuffled batches of examples of similar length; each example is in exactly one batch.

    Args:
        lengths: tokens of each example.
        batch_size: examples a batch; the last one may be smaller.
        seed: with `epoch`, decides the order, and nothing else does.
        epoch: number of the pass, from 0.

    Example:
        >>> sorted(sum(length_batches([3, 9, 4, 8, 5], 2, seed=0, epoch=0), []))
        [0, 1, 2, 3, 4]
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(lengths))
    size = np.asarray(lengths)
    batches: list[list[int]] = []
    for start in range(0, len(order), BUCKET * batch_size):
        bucket = order[start : start + BUCKET * batch_size]
        bucket = bucket[np.argsort(size[bucket], kind="stable")]
        batches += [
            bucket[place : place + batch_size].tolist() for place in range(0, len(bucket), batch_size)
        ]
    return [batches[place] for place in random.permutation(len(batches))]


@dataclass(frozen=True)
class MixedBatch:
    """A batch of one task."""

    task: str
    examples: list[int]


def batches_per_epoch(counts: Mapping[str, int], batch_size: int, cap: int) -> dict[str, int]:
    """How many batches each task has in one pass: its examples, at most `cap`, over the batch size.

    Example-proportional mixing with a cap: r_m = min(e_m, K) / Σ min(e_m, K) (Raffel et al. 2020, JMLR 21(140)).
    """
    return {task: math.ceil(min(count, cap) / batch_size) for task, count in counts.items()}


def mixed_batches(
    lengths: Mapping[str, Sequence[int]], batch_size: int, cap: int, seed: int
) -> Iterator[MixedBatch]:
    """An endless run of batches, pass after pass, each of one task, the tasks in random order.

    A task larger than the cap goes on where it stopped in the pass before, so that all of its examples are seen.
    """
    quota = batches_per_epoch({task: len(values) for task, values in lengths.items()}, batch_size, cap)
    streams = {task: _endless(values, batch_size, seed) for task, values in lengths.items()}
    epoch = 0
    while True:
        turns = [task for task, count in quota.items() for _ in range(count)]
        for place in np.random.default_rng([seed, epoch, 1]).permutation(len(turns)):
            task = turns[place]
            yield MixedBatch(task, next(streams[task]))
        epoch += 1


def parts(lengths: Sequence[int], most: int, tokens: int) -> Iterator[slice]:
    """A batch in parts of at most so many inputs, and so many tokens with their padding; each has one input or more.

    Example:
        >>> list(parts([3, 4, 9, 9], most=3, tokens=18))
        [slice(0, 2, None), slice(2, 4, None)]
    """
    start = longest = 0
    for place, length in enumerate(lengths):
        longest, count = max(longest, length), place + 1 - start
        if count > most or (count > 1 and count * longest > tokens):
            yield slice(start, place)
            start, longest = place, length
    if lengths:
        yield slice(start, len(lengths))


def _endless(lengths: Sequence[int], batch_size: int, seed: int) -> Iterator[list[int]]:
    epoch = 0
    while True:
        yield from length_batches(lengths, batch_size, seed, epoch)
        epoch += 1
