"""What the rest of a plan will cost: time, memory, disk. Estimates, made without loading torch or the data."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.encoders.base import EncoderSpec
from xstilts.plan import Plan, Stage
from xstilts.stage import group_of
from xstilts.store import Store
from xstilts.tasks import Catalogue

TOKENS_A_TEXT = 24
"""Assumed where nothing has been measured: short texts; a longer maximum length hardly changes it."""
FLOPS_A_CORE = {"bf16": 50e9, "fp32": 22e9}
"""Sustained in training on a core with AVX-512, model FLOPs; measured with the bundled encoder."""
BASE_MEMORY = 0.9e9
"""Python with torch and transformers, before any weights."""


@dataclass(frozen=True)
class Costs:
    """Seconds, peak bytes of memory, and bytes of disk; all rough."""

    seconds: float
    memory: float
    disk: float


@dataclass(frozen=True)
class Shape:
    """What of an encoder decides cost: weights of its body, width and size of its vocabulary."""

    body: int
    width: int
    vocabulary: int


def estimate(
    plan: Plan, pending: Sequence[Stage], catalogue: Catalogue, encoder: EncoderSpec, store: Store
) -> Costs:
    """The cost of the pending stages of a plan.

    Training costs 6 FLOPs a weight and token, prediction 2 (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
    """
    shape = encoder_shape(encoder)
    speed = FLOPS_A_CORE[plan.precision] * min(plan.recipe.training.threads, os.cpu_count() or 1)
    rows = _Rows(catalogue, store)
    flops, pooled = 0.0, set[str]()
    for stage in pending:
        if stage.kind == "train":
            flops += 6 * shape.body * TOKENS_A_TEXT * _examples_seen(stage, rows)
        elif stage.kind == "predict":
            flops += 2 * shape.body * TOKENS_A_TEXT * _texts(stage, rows, pooled)
    checkpoint = 4 * shape.body + 4 * shape.width * 5000
    kept = sum(stage.kind == "select" and stage.spec["rule"] != "layer" for stage in pending)
    candidates = max(
        (stage.spec["phase"]["candidates"] for stage in pending if stage.kind == "train"), default=0
    )
    table = 4 * shape.width * shape.vocabulary
    training = (4 * 4 + candidates * 4) * shape.body + 16 * shape.width * 5000
    return Costs(
        seconds=flops / speed + 0.05 * len(pending),
        memory=BASE_MEMORY + table + (training if candidates else 4 * shape.body),
        disk=checkpoint * (kept + candidates),
    )


def encoder_shape(encoder: EncoderSpec) -> Shape:
    """Sizes from an encoder's configuration: 4 h² + 2 h f weights a layer, and its biases and norms."""
    config: dict[str, Any] = json.loads((encoder.folder / "config.json").read_text("utf-8"))
    width = int(config.get("hidden_size") or config.get("dim") or config["d_model"])
    inner = int(config.get("intermediate_size") or config.get("hidden_dim") or 4 * width)
    layers = encoder.layers or int(config.get("num_hidden_layers") or config["n_layers"])
    return Shape(
        layers * (4 * width * width + 2 * width * inner + 13 * width), width, int(config["vocab_size"])
    )


class _Rows:
    """Numbers of rows: from the store, the recipe, or the source itself."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self.catalogue, self.store = catalogue, store

    def count(self, stage: Stage) -> int:
        if stage.address in self.store:
            return int(self.store.open(stage.address).info["rows"])
        spec = stage.spec
        if spec["examples"]:
            return int(spec["examples"][1])
        if spec["limit"]:
            return int(spec["limit"])
        return len(self.catalogue.get(spec["task"]["name"]).source.rows(spec["split"], spec["language"]))

    def choices(self, task: str) -> int:
        return int(self.catalogue.get(task).options.get("choices", 1))


def _examples_seen(stage: Stage, rows: _Rows) -> float:
    """Sequences that a training reads, and those of its dev evaluations (a third of the cost each)."""
    phase = stage.spec["phase"]
    total = 0.0
    for task, data, dev in zip(
        stage.spec["tasks"], stage.parents["train"], stage.parents["dev"], strict=True
    ):
        batches = math.ceil(rows.count(data) / phase["batch_size"])
        seen = phase["epochs"] * batches * phase["batch_size"] + phase["candidates"] * rows.count(dev) / 3
        total += seen * rows.choices(task["name"])
    return total


def _texts(stage: Stage, rows: _Rows, pooled: set[str]) -> float:
    """Texts that a prediction puts to the encoder; candidates of their own once for all conditions of a group."""
    texts = sum(rows.count(data) for data in stage.parents["data"])
    if "pool" in stage.parents:
        group = group_of(stage)
        texts += 0 if group in pooled else sum(rows.count(pool) for pool in stage.parents["pool"])
        pooled.add(group)
        return texts
    return texts * (2 if "layer" in stage.parents or "sweep" in stage.spec else 1)
