"""What the rest of a plan will cost: time, memory, disk. Estimates, made without loading torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.counting import RowCounts
from xstilts.encoders.base import EncoderSpec
from xstilts.encoders.towers import TowerSpec
from xstilts.plan import Plan, Stage
from xstilts.room import encoder_shape, most_disk, peak_memory, tunes_tower
from xstilts.stage import group_of

FLOPS_A_CORE = {"bf16": 100e9, "fp32": 37e9}
"""Sustained in training on a core with AVX-512, model FLOPs; measured with the bundled encoder, padding included."""
UPDATE = 1e-9
"""Seconds that an update takes for each weight, however many tokens it has: AdamW reads or writes ten numbers of four
bytes a weight, from memory of some 40 GB/s. Measured with the bundled encoder."""
IMAGE = 0.03
"""Seconds that one core takes to rasterise a drawing and put it to the bundled image tower, at 224 pixels."""
STAGE = 0.05
"""Seconds that a stage takes beside."""


@dataclass(frozen=True)
class Costs:
    """Seconds, peak bytes of memory, and the most bytes of disk; all rough."""

    seconds: float
    memory: float
    disk: float


def estimate(
    plan: Plan,
    pending: Sequence[Stage],
    encoder: EncoderSpec,
    rows: RowCounts,
    tower: TowerSpec | None = None,
) -> Costs:
    """The cost of the pending stages of a plan.

    Training costs 6 FLOPs a weight and token, prediction 2 (Kaplan et al. 2020, arXiv 2001.08361, section 2.1), and
    every update `UPDATE` beside. Word embeddings are looked up, not multiplied, and count for nothing. Images take what
    they take with the bundled tower, and four times that in a training that tunes it; a larger one takes longer.
    """
    shape = encoder_shape(encoder, tower)
    cores = min(plan.recipe.training.threads, os.cpu_count() or 1)
    speed = FLOPS_A_CORE[plan.precision] * cores
    flops, updates, images, seen = 0.0, 0.0, 0.0, dict[str, set[int]]()
    for stage in pending:
        if stage.kind == "train":
            flops += 6 * shape.body * _tokens_seen(stage, rows)
            updates += _updates(stage, rows)
            images += _images_seen(stage, rows) if tunes_tower(stage) else 0
        elif stage.kind == "predict":
            flops += 2 * shape.body * _tokens_read(stage, rows, seen)
        elif stage.kind == "features":
            images += rows.pictures(stage).images
    return Costs(
        seconds=flops / speed + UPDATE * shape.body * updates + IMAGE * images / cores + STAGE * len(pending),
        memory=peak_memory(plan, pending, shape, rows),
        disk=most_disk(plan, pending, shape, rows),
    )


def _tokens_seen(stage: Stage, rows: RowCounts) -> float:
    """Tokens that a training reads, and those of its dev evaluations (a third of the cost each)."""
    phase = stage.spec["phase"]
    total = 0.0
    for data, dev in zip(stage.parents["train"], stage.parents["dev"], strict=True):
        once = _examples(stage, data, rows) * rows.tokens(data, phase["max_length"]).all
        judged = rows.count(dev) * rows.tokens(dev, phase["max_length"]).all
        total += phase["epochs"] * once + phase["candidates"] * judged / 3
    if stage.parent("longer") is None:
        return total
    (data,) = stage.parents["train"]
    more = _longer(stage, rows) * phase["batch_size"]
    return float(total + more * rows.tokens(data, phase["max_length"]).all)


def _images_seen(stage: Stage, rows: RowCounts) -> float:
    """Images that a training puts to a tower that it tunes; those with gradients, which it sees twice, as four."""
    phase = stage.spec["phase"]
    of_row = max(rows.pictures(one).of_row for one in stage.parents["images"])
    judged = phase["candidates"] * sum(rows.count(dev) for dev in stage.parents["dev"])
    return float(of_row * (4 * phase["batch_size"] * _updates(stage, rows) + judged))


def _updates(stage: Stage, rows: RowCounts) -> float:
    """Updates of a training."""
    phase = stage.spec["phase"]
    examples = sum(_examples(stage, data, rows) for data in stage.parents["train"])
    return float(phase["epochs"] * examples / phase["batch_size"] + _longer(stage, rows))


def _longer(stage: Stage, rows: RowCounts) -> float:
    """Updates more than the epochs ask for: as many as the intermediate took."""
    longer = stage.parent("longer")
    return 0.0 if longer is None else _updates(longer.parents["train"][0], rows)


def _examples(stage: Stage, data: Stage, rows: RowCounts) -> int:
    """Examples of one of its tasks that a training sees in a pass."""
    return min(rows.count(data), int(stage.spec.get("cap", sys.maxsize)))


def _tokens_read(stage: Stage, rows: RowCounts, seen: dict[str, set[int]]) -> float:
    """Tokens that a prediction puts to the encoder.

    Texts that the predictions of a group share are embedded once: candidates that are rows of their own, and those
    that rows bring themselves. `seen` has their keys and hashes, by group.
    """
    known, longest = seen.setdefault(group_of(stage), set()), stage.spec["max_length"]
    total = 0.0
    for data in stage.parents["data"]:
        own, tokens = rows.size(data).own, rows.tokens(data, longest)
        new = len(own - known) / len(own) if own else 1.0
        known |= own
        total += rows.count(data) * (tokens.first + new * tokens.others)
    for pool in stage.parents.get("pool", ()):
        if hash(pool.key) not in known:
            total += rows.count(pool) * rows.tokens(pool, longest).all
        known.add(hash(pool.key))
    return total
