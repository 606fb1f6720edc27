"""What the rest of a plan will cost: time, memory, disk. Estimates, made without loading torch."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xstilts.encoders.base import EncoderSpec
from xstilts.plan import Plan, Stage
from xstilts.stage import group_of
from xstilts.store import Store
from xstilts.task_types import get_task_type, is_trained
from xstilts.task_types.base import Count
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Row

SAMPLE = 50
"""Rows of a split and language whose tokens are counted."""
ACTIVATIONS = {"bf16": 51, "fp32": 102}
"""Bytes that a training batch leaves behind for its gradients, a token, layer and unit of width.

Half as much again as the 34 and 68 of Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1, without the attention's
own matrix): measured with the bundled encoder on windows of 384 tokens.
"""
LONGEST = 2.5
"""How much longer the inputs of the longest batch are than the average one."""
FLOPS_A_CORE = {"bf16": 100e9, "fp32": 37e9}
"""Sustained in training on a core with AVX-512, model FLOPs; measured with the bundled encoder, padding included."""
UPDATE = 1e-9
"""Seconds that an update takes for each weight, however many tokens it has: AdamW reads or writes ten numbers of four
bytes a weight, from memory of some 40 GB/s. Measured with the bundled encoder."""
CHARACTERS = {"spaced": 4.3, "dense": 1.5}
"""Characters a token, in scripts with spaces between words and in Han, kana or scripts like Thai: of XLM-R's pieces in
English and Chinese, for encoders whose tokenizer is not at hand."""
IMAGE = 0.03
"""Seconds that one core takes to rasterise a drawing and put it to the bundled image tower, at 224 pixels."""
STAGE = 0.05
"""Seconds that a stage takes beside."""
_DENSE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
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
    """Rows and sources of a split in one language, the mean number of inputs a row, and a few of its rows.

    `own` are hashes of the candidates that the rows of a retrieval bring themselves: what is the same in several
    languages or conditions is embedded once.
    """

    rows: int
    sources: int
    inputs: float
    sample: list[Row]
    own: frozenset[int]


@dataclass(frozen=True)
class _Tokens:
    """Tokens of a row, on average: of its first input, and of the others (choices, or candidates of its own)."""

    first: float
    others: float

    @property
    def all(self) -> float:
        """Of all inputs."""
        return self.first + self.others


def estimate(
    plan: Plan, pending: Sequence[Stage], catalogue: Catalogue, encoder: EncoderSpec, store: Store
) -> Costs:
    """The cost of the pending stages of a plan.

    Training costs 6 FLOPs a weight and token, prediction 2 (Kaplan et al. 2020, arXiv 2001.08361, section 2.1), and
    every update `UPDATE` beside. Word embeddings are looked up, not multiplied, and count for nothing. Images take what
    they take with the bundled tower; a larger one takes longer.
    """
    shape = encoder_shape(encoder)
    cores = min(plan.recipe.training.threads, os.cpu_count() or 1)
    speed = FLOPS_A_CORE[plan.precision] * cores
    rows = _Rows(catalogue, store, token_counter(encoder.folder))
    flops, updates, images, seen = 0.0, 0.0, 0, dict[str, set[int]]()
    for stage in pending:
        if stage.kind == "train":
            flops += 6 * shape.body * _tokens_seen(stage, rows)
            updates += _updates(stage, rows)
        elif stage.kind == "predict":
            flops += 2 * shape.body * _tokens_read(stage, rows, seen)
        elif stage.kind == "features":
            images += rows.count(stage.parents["rows"][0])
    checkpoint = 4 * shape.body + 4 * shape.width * 5000
    kept = sum(_stays(stage, plan.recipe.keep == "all") for stage in pending)
    candidates = max(
        (stage.spec["phase"]["candidates"] for stage in pending if stage.kind == "train"), default=0
    )
    table = 4 * shape.width * shape.vocabulary
    weights = 4 * shape.body
    if candidates:
        weights += (3 * 4 + candidates * 4) * shape.body + 16 * shape.width * 5000
    return Costs(
        seconds=flops / speed + UPDATE * shape.body * updates + IMAGE * images / cores + STAGE * len(pending),
        memory=BASE_MEMORY + table + weights + _activations(plan, pending, shape, rows),
        disk=checkpoint * (kept + candidates),
    )


def _stays(stage: Stage, all_stay: bool) -> bool:
    """Whether a stage leaves a checkpoint; those of few-shot trainings go once predictions are there."""
    if stage.kind != "select" or stage.spec["rule"] == "layer":
        return False
    return all_stay or not stage.parents["train"][0].spec.get("continued")


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


def token_counter(folder: Path) -> Count:
    """Counts the tokens of texts: by the tokenizer of an encoder's folder, else by the number of characters."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return _by_characters
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lru_cache(2**16)(lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))


def _by_characters(text: str) -> int:
    dense = len(_DENSE.findall(text))
    return round(dense / CHARACTERS["dense"] + (len(text) - dense) / CHARACTERS["spaced"])


class _Rows:
    """How many rows stages read, and how many tokens those are: from the store, the recipe, and the sources."""

    def __init__(self, catalogue: Catalogue, store: Store, count: Count) -> None:
        self.catalogue, self.store, self._count = catalogue, store, count
        self._tokens: dict[tuple[str, str, str, int], _Tokens] = {}
        self._sizes: dict[tuple[str, str, str], _Size] = {}

    def count(self, stage: Stage) -> int:
        """The rows of a prepare stage."""
        if stage.address in self.store:
            return int(self.store.open(stage.address).info["rows"])
        size, spec = self.size(stage), stage.spec
        if spec["examples"]:
            return min(int(spec["examples"][1]), size.rows)
        if "shots" in spec:
            return round(size.rows * min(1.0, float(spec["shots"][0]) / size.sources))
        if spec["limit"]:
            return round(size.rows * min(1.0, float(spec["limit"]) / size.sources))
        return size.rows

    def size(self, stage: Stage) -> _Size:
        """What there is of the split and language of a prepare stage."""
        task = self.catalogue.get(stage.spec["task"]["name"])
        place = task.name, stage.spec["split"], stage.spec["language"]
        if place not in self._sizes:
            rows = task.source.rows(*place[1:])
            inputs = list(map(get_task_type(task.type).inputs, rows))
            own = () if is_trained(task) else (hash(text) for texts in inputs for text in texts[1:])
            self._sizes[place] = _Size(
                len(rows),
                max(1, len({row["source"] for row in rows})),
                sum(map(len, inputs)) / max(1, len(rows)),
                rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE],
                frozenset(own),
            )
        return self._sizes[place]

    def tokens(self, stage: Stage, max_length: int) -> _Tokens:
        """Tokens of a row, on average; what is longer than a row's type allows is cut."""
        task = self.catalogue.get(stage.spec["task"]["name"])
        longest = task.max_length(max_length)
        place = task.name, stage.spec["split"], stage.spec["language"], longest
        if place not in self._tokens:
            kind, sample = get_task_type(task.type), self.size(stage).sample
            found = [
                [kind.tokens(texts, task, longest, self._count) for texts in kind.inputs(row)]
                for row in sample
            ]
            rows = max(1, len(sample))
            first, every = sum(one[0] for one in found) / rows, sum(map(sum, found)) / rows
            self._tokens[place] = _Tokens(first, every - first)
        return self._tokens[place]


def _tokens_seen(stage: Stage, rows: _Rows) -> float:
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


def _updates(stage: Stage, rows: _Rows) -> float:
    """Updates of a training."""
    phase = stage.spec["phase"]
    examples = sum(_examples(stage, data, rows) for data in stage.parents["train"])
    return float(phase["epochs"] * examples / phase["batch_size"] + _longer(stage, rows))


def _longer(stage: Stage, rows: _Rows) -> float:
    """Updates more than the epochs ask for: as many as the intermediate took."""
    longer = stage.parent("longer")
    return 0.0 if longer is None else _updates(longer.parents["train"][0], rows)


def _examples(stage: Stage, data: Stage, rows: _Rows) -> int:
    """Examples of one of its tasks that a training sees in a pass."""
    return min(rows.count(data), int(stage.spec.get("cap", sys.maxsize)))


def _activations(plan: Plan, pending: Sequence[Stage], shape: Shape, rows: _Rows) -> float:
    """Bytes that the largest training batch leaves behind for its gradients."""
    most = 0.0
    for stage in pending:
        if stage.kind == "train":
            phase = stage.spec["phase"]
            at_once = min(phase["batch_size"], plan.recipe.training.micro_batch or phase["batch_size"])
            for task, data in zip(stage.spec["tasks"], stage.parents["train"], strict=True):
                limit = rows.catalogue.get(task["name"]).max_length(phase["max_length"])
                longest = LONGEST * rows.tokens(data, phase["max_length"]).all
                most = max(most, at_once * min(limit * rows.size(data).inputs, longest))
    return most * shape.layers * shape.width * ACTIVATIONS[plan.precision]


def _tokens_read(stage: Stage, rows: _Rows, seen: dict[str, set[int]]) -> float:
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
