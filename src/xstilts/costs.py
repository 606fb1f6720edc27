"""What the rest of a plan will cost: time, memory, disk. Estimates, made without loading torch."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.encoders.base import EncoderSpec
from xstilts.plan import Plan, Stage
from xstilts.store import Store
from xstilts.task_types import get_task_type
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


@dataclass(frozen=True)
class _Size:
    """Rows and sources of a split, and the mean number of inputs a row."""

    rows: int
    sources: int
    inputs: float


def estimate(
    plan: Plan, pending: Sequence[Stage], catalogue: Catalogue, encoder: EncoderSpec, store: Store
) -> Costs:
    """The cost of the pending stages of a plan.

    Training costs 6 FLOPs a weight and token, prediction 2 (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
    """
    shape = encoder_shape(encoder)
    speed = FLOPS_A_CORE[plan.precision] * min(plan.recipe.training.threads, os.cpu_count() or 1)
    rows = _Rows(catalogue, store)
    flops = 0.0
    for stage in pending:
        if stage.kind == "train":
            flops += 6 * shape.body * TOKENS_A_TEXT * _inputs_seen(stage, rows)
        elif stage.kind == "predict":
            flops += 2 * shape.body * TOKENS_A_TEXT * sum(map(rows.inputs, stage.parents["data"]))
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
    """How many rows stages read, and how many inputs those are: from the store, the recipe, and the sources."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self.catalogue, self.store = catalogue, store
        self._sizes: dict[tuple[str, str, str], _Size] = {}

    def count(self, stage: Stage) -> int:
        """The rows of a prepare stage."""
        if stage.address in self.store:
            return int(self.store.open(stage.address).info["rows"])
        size, spec = self._size(stage), stage.spec
        if spec["examples"]:
            return min(int(spec["examples"][1]), size.rows)
        if spec["limit"]:
            return round(size.rows * min(1.0, float(spec["limit"]) / size.sources))
        return size.rows

    def inputs(self, stage: Stage) -> float:
        """The texts that an encoder reads for them: in a multiple choice, one with each choice."""
        return self.count(stage) * self.mean_inputs(stage)

    def mean_inputs(self, stage: Stage) -> float:
        """The same for one row."""
        return self._size(stage).inputs

    def _size(self, stage: Stage) -> _Size:
        task = self.catalogue.get(stage.spec["task"]["name"])
        place = task.name, stage.spec["split"], stage.spec["language"]
        if place not in self._sizes:
            rows = task.source.rows(*place[1:])
            inputs = sum(map(get_task_type(task.type).inputs, rows)) / max(1, len(rows))
            self._sizes[place] = _Size(len(rows), max(1, len({row["source"] for row in rows})), inputs)
        return self._sizes[place]


def _inputs_seen(stage: Stage, rows: _Rows) -> float:
    """Inputs that a training reads, and those of its dev evaluations (a third of the cost each)."""
    phase = stage.spec["phase"]
    total = 0.0
    for data, dev in zip(stage.parents["train"], stage.parents["dev"], strict=True):
        total += phase["epochs"] * rows.inputs(data) + phase["candidates"] * rows.inputs(dev) / 3
    longer = stage.parent("longer")
    if longer is None:
        return total
    (data,) = stage.parents["train"]  # as many updates more as the intermediate took
    (before, *_) = longer.parents["train"]
    earlier = before.spec["phase"]
    updates = earlier["epochs"] * sum(map(rows.count, before.parents["train"])) / earlier["batch_size"]
    return float(total + updates * phase["batch_size"] * rows.mean_inputs(data))
