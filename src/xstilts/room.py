"""How much room the rest of a plan will need: memory of its largest stage, and disk. Estimates, without loading torch.

`bench/memory.py` prints them beside what small trainings take; the constants are measured with the bundled encoder.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from xstilts.counting import RowCounts
from xstilts.encoders.base import EncoderSpec
from xstilts.encoders.tower_shape import TowerShape, tower_shape
from xstilts.encoders.towers import AT_ONCE, TowerSpec
from xstilts.plan import Plan, Stage
from xstilts.stage import group_of
from xstilts.task_types import get_trained_type
from xstilts.training.batching import TOKENS_AT_ONCE

LIBRARIES = 0.34e9
"""Python with torch, transformers, accelerate and pyarrow."""
PIECE = 640
"""Bytes that a fast tokenizer takes for each piece of its vocabulary."""
TRAINED = {"bf16": 20, "fp32": 20}
"""Bytes of a weight that is trained: what is computed with and its gradient (2 each in bf16; in fp32 the gradient, 4),
the optimiser's own of both (4 each), and AdamW's two means (4 each)."""
ACTIVATIONS = {"bf16": 40, "fp32": 88}
"""Bytes that a training batch leaves behind for its gradients, a token, layer and unit of width.

Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1) count 34 in half precision."""
ATTENTION = {"bf16": 2, "fp32": 4}
"""The same for each head, and each token that a token may attend to: its weight, with dropout in its sign.

Korthikanti et al. count 5, for the weights, their dropout, and both together."""
AT_WORK = 1.0
"""Layers' worth of such bytes that the layer at work needs besides."""
LONGEST = 2.5
"""How much longer the inputs of the longest batch are than the average one."""
PIECES = 13, 0.57
"""Different pieces among n tokens: 13 n^0.57, of SQuAD's contexts and TaxiNLI's sentences in XLM-R's pieces, which have
2,500 among 10,000 tokens and 9,400 among 100,000 (Heaps' law)."""
ENGLISH = 60_000
"""Pieces of XLM-R's vocabulary that English texts use at the most."""
ARTIFACT = 1500
"""Bytes on disk of a stage without rows or weights: its manifest, and the frame of a table."""
ROW = {"prepare": 150, "predict": 30, "score": 30}
"""Bytes on disk of a row that is prepared, predicted or scored."""
NUMBER = 2
"""Bytes on disk of a number of an image's vector, in half precision."""
PIXEL = {"bf16": 820, "fp32": 1640}
"""Bytes that a convolutional tower leaves behind for its gradients, a pixel; measured with the bundled one."""


@dataclass(frozen=True)
class Shape:
    """What of an encoder decides cost: width, layers, heads, size of its vocabulary, and weights.

    `body` are the weights of the layers; `beside` those of position embeddings, and of a pooler or a head like it.
    `tower` are the sizes of the image tower, where there is one.
    """

    body: int
    width: int
    vocabulary: int
    layers: int
    heads: int
    beside: int
    tower: TowerShape | None = None

    def trained(self, pieces: float) -> float:
        """The weights that are trained where so many pieces of the vocabulary are used."""
        return self.body + self.beside + self.width * pieces


def encoder_shape(encoder: EncoderSpec, tower: TowerSpec | None = None) -> Shape:
    """Sizes from an encoder's configuration: 4 h² + 2 h f weights a layer, and its biases and norms."""
    config: dict[str, Any] = json.loads((encoder.folder / "config.json").read_text("utf-8"))
    width = int(config.get("hidden_size") or config.get("dim") or config["d_model"])
    inner = int(config.get("intermediate_size") or config.get("hidden_dim") or 4 * width)
    layers = encoder.layers or int(config.get("num_hidden_layers") or config["n_layers"])
    return Shape(
        body=layers * (4 * width * width + 2 * width * inner + 13 * width),
        width=width,
        vocabulary=int(config["vocab_size"]),
        layers=layers,
        heads=int(config.get("num_attention_heads") or config.get("n_heads") or max(1, width // 64)),
        beside=width * int(config.get("max_position_embeddings") or 0) + width * width,
        tower=None if tower is None else tower_shape(tower),
    )


def peak_memory(plan: Plan, pending: Sequence[Stage], shape: Shape, rows: RowCounts) -> float:
    """Bytes that the largest of the stages needs, with all that is loaded before: libraries, tokenizer, encoder.

    A training holds the published weights, those that it starts from, its own with gradients and the optimiser's state,
    a copy for each candidate but the last, and what the longest batch leaves behind. A prediction holds a model beside
    its checkpoint.
    """
    published = PIECE * shape.vocabulary + 4 * (shape.width * shape.vocabulary + shape.body + shape.beside)
    most = 0.0
    for stage in pending:
        if stage.kind == "train":
            copies = stage.spec["phase"]["candidates"] - 1 + len(stage.parents.get("init", ()))
            each = TRAINED[plan.precision] + 4 * copies
            weights = each * shape.trained(pieces(stage, shape, rows))
            seeing = _tuning(plan, stage, shape.tower, rows, each)
            most = max(most, weights + _activations(plan, stage, shape, rows) + seeing)
        elif stage.kind == "predict":
            most = max(most, 8.0 * shape.body)
    return LIBRARIES + published + most


def tunes_tower(training: Stage) -> bool:
    """Whether a training is one of the image tower as well."""
    return any(task.get("towers", {}).get("image") == "tune" for task in training.spec["tasks"])


def _tuning(plan: Plan, stage: Stage, tower: TowerShape | None, rows: RowCounts, each: float) -> float:
    """Bytes that an image tower needs in a training that tunes it, with `each` byte a weight; else none.

    Beside its weights as published and trained they are what a few images at once leave behind for their gradients.
    """
    if tower is None or not tunes_tower(stage):
        return 0.0
    of_row = max(rows.pictures(one).of_row for one in stage.parents["images"])
    batch = of_row * (plan.recipe.training.micro_batch or stage.spec["phase"]["batch_size"])
    left = PIXEL[plan.precision] * tower.pixels / 3
    if tower.layers:
        attention = ATTENTION[plan.precision] * tower.heads * tower.places
        a_place = ACTIVATIONS[plan.precision] * tower.states + attention
        left = tower.places * a_place * (tower.layers + AT_WORK)
    return (4 + each) * tower.weights + min(batch, AT_ONCE) * left + 4.0 * batch * tower.pixels


def _activations(plan: Plan, stage: Stage, shape: Shape, rows: RowCounts) -> float:
    """Bytes that the largest part of a batch leaves behind for its gradients."""
    phase, most = stage.spec["phase"], 0.0
    at_once = plan.recipe.training.micro_batch or phase["batch_size"]  # inputs, however many an example has
    for task, data in zip(stage.spec["tasks"], stage.parents["train"], strict=True):
        average = rows.tokens(data, phase["max_length"]).all / rows.size(data).inputs
        length = min(rows.catalogue.get(task["name"]).max_length(phase["max_length"]), LONGEST * average)
        a_token = ACTIVATIONS[plan.precision] * shape.width + ATTENTION[plan.precision] * shape.heads * length
        tokens = at_once * length
        if not get_trained_type(task["type"]).whole_batches:
            tokens = min(tokens, max(length, TOKENS_AT_ONCE["cpu"]))
        most = max(most, tokens * a_token)
    return most * (shape.layers + AT_WORK)


def pieces(stage: Stage, shape: Shape, rows: RowCounts) -> float:
    """Pieces of the vocabulary that a training uses, with those that the checkpoint uses from which it starts."""
    tokens = sum(_texts(part, rows) for part in _trainings(stage))
    return min(float(PIECES[0] * tokens ** PIECES[1]), ENGLISH, shape.vocabulary)


def _texts(stage: Stage, rows: RowCounts) -> float:
    """Tokens of the texts of a training and its dev evaluation, each text once."""
    length = stage.spec["phase"]["max_length"]
    data = (*stage.parents["train"], *stage.parents["dev"])
    return sum(rows.count(one) * rows.tokens(one, length).all for one in data)


def _trainings(stage: Stage) -> Iterator[Stage]:
    """A training, and those that made the checkpoint from which it starts."""
    yield stage
    for chosen in stage.parents.get("init", ()):
        yield from _trainings(chosen.parents["train"][0])


def most_disk(plan: Plan, pending: Sequence[Stage], shape: Shape, rows: RowCounts) -> float:
    """Bytes that the store grows by at the most: what stays, and the candidates of the largest training.

    What a tuned image tower has seen passes as well, unless everything is kept. Which arm leads is known at the end, so
    that with `keep: best` the checkpoints of all arms are there until then.
    """
    kept, stays, passing, seen = _kept(plan, pending), 0.0, 0.0, Counter[str]()
    for stage in pending:
        stays += ARTIFACT + _stored_rows(stage, shape, rows)
        if stage.kind == "features":
            tuned = "" if stage.weights is None or plan.recipe.keep == "all" else group_of(stage)
            seen[tuned] += _seen(stage, shape.tower, rows)
        elif stage.kind == "train":
            passing = max(passing, stage.spec["phase"]["candidates"] * _checkpoint(stage, shape, rows))
        elif stage.key in kept and stage.weights is not None:
            stays += _checkpoint(stage.parents["train"][0], shape, rows)
    stays += seen.pop("", 0)
    return stays + max(passing, *seen.values(), 0.0)


def _seen(stage: Stage, tower: TowerShape | None, rows: RowCounts) -> int:
    """Bytes of the array that a features stage keeps: of vectors, or of images as a tower takes them."""
    pictures, parts = rows.pictures(stage), stage.spec.get("parts", 1)
    if stage.spec["tower"] is None:
        numbers = pictures.width * (pictures.parts if parts == "all" else 1)
    elif tower is None:  # sizes are not known
        numbers = 0
    elif parts > 1:
        numbers = tower.states * min(tower.places, isqrt(parts) ** 2)
    else:
        numbers = tower.width if parts else tower.pixels
    return NUMBER * pictures.images * numbers


def _kept(plan: Plan, pending: Sequence[Stage]) -> set[str]:
    """Keys of the choices whose checkpoints are there together at some time.

    Besides those that stay, they are those of the arms that race, until tests are read, and those from which few-shot
    trainings go on, which come last. What few-shot trainings end with goes as soon as it was tested.
    """
    recipe = plan.recipe
    if recipe.keep == "all":
        return {stage.key for stage in plan.stages if stage.kind == "select"}
    kept = {start.key for stage in pending for start in stage.parents.get("init", ())}
    kept |= {stage.key for stage in plan.intermediates.values()}
    waits = recipe.keep == "best" or recipe.strategy == "race"
    return kept | {stage.key for (arm, _, _), stage in plan.finals.items() if waits and arm in recipe.arms}


def _checkpoint(training: Stage, shape: Shape, rows: RowCounts) -> float:
    """Bytes of one checkpoint of a training, with the image tower where it is tuned."""
    tower = shape.tower.weights if shape.tower is not None and tunes_tower(training) else 0
    return 4 * (shape.trained(pieces(training, shape, rows)) + tower)


def _stored_rows(stage: Stage, shape: Shape, rows: RowCounts) -> float:
    """Bytes of the tables of rows that a stage writes; a sweep predicts once a layer."""
    if stage.kind == "prepare":
        return ROW["prepare"] * rows.count(stage)
    if stage.kind == "score":
        return ROW["score"] * sum(rows.count(one) for one in stage.parents["prediction"][0].parents["data"])
    if stage.kind == "predict":
        times = shape.layers + 1 if stage.spec.get("sweep") == "sweep" else 1
        return ROW["predict"] * times * sum(rows.count(one) for one in stage.parents["data"])
    return 0.0
