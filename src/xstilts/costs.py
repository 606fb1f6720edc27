"""What the rest of a plan will cost: time, memory, disk. Estimates, made without loading torch."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from xstilts.encoders.base import EncoderSpec
from xstilts.plan import Plan, Stage
from xstilts.stage import group_of
from xstilts.store import Store
from xstilts.task_types import get_task_type
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Row

SAMPLE = 200
"""Rows that are looked at to guess how many tokens a row has."""
ACTIVATIONS = {"bf16": 51, "fp32": 102}
"""Bytes that a training batch leaves behind for its gradients, a token, layer and unit of width.

Half as much again as the 34 and 68 of Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1, without the attention's
own matrix): measured with the bundled encoder on windows of 384 tokens.
"""
LONGEST = 2.5
"""How much longer the inputs of the longest batch are than the average one."""
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
    layers: int


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
    flops, pooled = 0.0, set[str]()
    for stage in pending:
        if stage.kind == "train":
            flops += 6 * shape.body * _tokens_seen(stage, rows)
        elif stage.kind == "predict":
            flops += 2 * shape.body * _tokens_read(stage, rows, pooled)
    checkpoint = 4 * shape.body + 4 * shape.width * 5000
    kept = sum(stage.kind == "select" and stage.spec["rule"] != "layer" for stage in pending)
    candidates = max(
        (stage.spec["phase"]["candidates"] for stage in pending if stage.kind == "train"), default=0
    )
    table = 4 * shape.width * shape.vocabulary
    weights = 4 * shape.body
    if candidates:
        weights += (3 * 4 + candidates * 4) * shape.body + 16 * shape.width * 5000
    return Costs(
        seconds=flops / speed + 0.05 * len(pending),
        memory=BASE_MEMORY + table + weights + _activations(plan, pending, shape, rows),
        disk=checkpoint * (kept + candidates),
    )


def encoder_shape(encoder: EncoderSpec) -> Shape:
    """Sizes from an encoder's configuration: 4 h² + 2 h f weights a layer, and its biases and norms."""
    config: dict[str, Any] = json.loads((encoder.folder / "config.json").read_text("utf-8"))
    width = int(config.get("hidden_size") or config.get("dim") or config["d_model"])
    inner = int(config.get("intermediate_size") or config.get("hidden_dim") or 4 * width)
    layers = encoder.layers or int(config.get("num_hidden_layers") or config["n_layers"])
    return Shape(
        layers * (4 * width * width + 2 * width * inner + 13 * width),
        width,
        int(config["vocab_size"]),
        layers,
    )


class _Rows:
    """How many rows stages read, and how many inputs those are: from the store, the recipe, and the sources."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self.catalogue, self.store = catalogue, store
        self._tokens: dict[str, float] = {}
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

    def tokens(self, stage: Stage, max_length: int) -> float:
        """Tokens of a row, on average."""
        if stage.key not in self._tokens:
            task = self.catalogue.get(stage.spec["task"]["name"])
            tokens = get_task_type(task.type).tokens(
                partial(self._sample, stage), task, task.max_length(max_length)
            )
            self._tokens[stage.key] = tokens
        return self._tokens[stage.key]

    def _sample(self, stage: Stage) -> list[Row]:
        """Rows of a split and language, evenly spread over it."""
        spec = stage.spec
        rows = self.catalogue.get(spec["task"]["name"]).source.rows(spec["split"], spec["language"])
        return rows[:: max(1, len(rows) // SAMPLE)]


def _tokens_seen(stage: Stage, rows: _Rows) -> float:
    """Tokens that a training reads, and those of its dev evaluations (a third of the cost each)."""
    phase = stage.spec["phase"]

    def tokens(data: Stage) -> float:
        return rows.inputs(data) * rows.tokens(data, phase["max_length"])

    total = 0.0
    for data, dev in zip(stage.parents["train"], stage.parents["dev"], strict=True):
        total += phase["epochs"] * tokens(data) + phase["candidates"] * tokens(dev) / 3
    longer = stage.parent("longer")
    if longer is None:
        return total
    (data,) = stage.parents["train"]  # as many updates more as the intermediate took
    (before, *_) = longer.parents["train"]
    earlier = before.spec["phase"]
    updates = earlier["epochs"] * sum(map(rows.count, before.parents["train"])) / earlier["batch_size"]
    row = rows.mean_inputs(data) * rows.tokens(data, phase["max_length"])
    return float(total + updates * phase["batch_size"] * row)


def _activations(plan: Plan, pending: Sequence[Stage], shape: Shape, rows: _Rows) -> float:
    """Bytes that the largest training batch leaves behind for its gradients."""
    most = 0.0
    for stage in pending:
        if stage.kind == "train":
            phase = stage.spec["phase"]
            at_once = min(phase["batch_size"], plan.recipe.training.micro_batch or phase["batch_size"])
            for task, data in zip(stage.spec["tasks"], stage.parents["train"], strict=True):
                limit = rows.catalogue.get(task["name"]).max_length(phase["max_length"])
                longest = min(limit, LONGEST * rows.tokens(data, phase["max_length"]))
                most = max(most, at_once * longest)
    return most * shape.layers * shape.width * ACTIVATIONS[plan.precision]


def _tokens_read(stage: Stage, rows: _Rows, pooled: set[str]) -> float:
    """Tokens that a prediction puts to the encoder; candidates of their own once for all conditions of a group."""

    def tokens(parts: Sequence[Stage]) -> float:
        return sum(rows.inputs(part) * rows.tokens(part, stage.spec["max_length"]) for part in parts)

    queries = tokens(stage.parents["data"])
    if "pool" not in stage.parents:
        return queries
    group = group_of(stage)
    pool = 0.0 if group in pooled else tokens(stage.parents["pool"])
    pooled.add(group)
    return queries + pool
