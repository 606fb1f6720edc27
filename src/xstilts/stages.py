"""What each stage does: a pure function of its spec and its parents' outputs, kept in the store.

Execution is grouped: predictions of one checkpoint on one task run together, in chunks that share batches.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xstilts import predicting
from xstilts.context import Context
from xstilts.encoders.checkpoint import Checkpoint, average
from xstilts.encoders.models import tuned_tower
from xstilts.encoders.towers import ImageTower
from xstilts.errors import DataError
from xstilts.layer_choice import choose_layers
from xstilts.metrics import get_metric
from xstilts.perturbations import Condition
from xstilts.plan import Stage
from xstilts.saved import read_parquet
from xstilts.seeing import Block, Look, keep, see, take
from xstilts.task_types import get_task_type, is_trained, metrics_of, retrieval_type
from xstilts.tasks.base import Row, Task, base_split
from xstilts.tasks.dividing import used
from xstilts.tasks.pictures import image_names
from xstilts.training.processes import processes
from xstilts.training.trainer import TrainingTask, train

CHUNK = 2_000
"""Rows that are predicted together at least: enough for full batches of similar length, and what a kill loses."""
SHARED_CHUNK = 20_000
"""The same where test sets share what is encoded, as all languages of a retrieval share the English sentences."""


def run(group: Sequence[Stage], context: Context) -> None:
    """Run stages of one group (see `group_of`) whose parents are in the store."""
    _RUN[group[0].kind](group, context)


def prepare(stages: Sequence[Stage], context: Context) -> None:
    """Task files → canonical rows: id, source and the task type's columns, one JSON object a row."""
    for stage in stages:
        spec = stage.spec
        task = context.catalogue.get(spec["task"]["name"])
        rows = used(task.source.rows(spec["split"], spec["language"]), spec)
        if not rows:
            raise DataError(f"{task.name}: the {spec['split']} split in {spec['language']} is empty")
        reason = get_task_type(task.type).unlearnable(rows) if spec["split"] == "train" else ""
        if reason:
            raise DataError(f"{task.name}, train, {spec['language']}: {reason}")
        prefix = f"{task.name}/{spec['split']}"
        suffix = "" if task.parallel else f"/{spec['language']}"
        if base_split(spec["split"]) == spec["split"]:  # candidates keep the ids that gold lists
            rows = [row | {"id": f"{prefix}/{row['id']}{suffix}"} for row in rows]
        with context.store.write(stage.address, dict(spec)) as draft:
            columns = {name: [row[name] for row in rows] for name in ("id", "source")}
            columns["row"] = [json.dumps(row, ensure_ascii=False) for row in rows]
            pq.write_table(pa.table(columns), draft.file("rows.parquet"))
            draft.info.update(rows=len(rows), sources=len(set(columns["source"])))


def features(stages: Sequence[Stage], context: Context) -> None:
    """Images that rows name → their vectors, one array: computed once for all languages, arms and seeds.

    Or, of those that a tuned tower is tested on, once for its model; and of those that it is trained on, its input.
    """
    trained = stages[0].parent("checkpoint")
    tower = None
    if trained is not None:
        name = stages[0].parents["rows"][0].spec["task"]["name"]
        tower = tuned_tower(context.eyes(), context.checkpoint(trained).heads[name])
    for stage in stages:
        with context.store.write(stage.address, dict(stage.spec)) as draft:
            with context.store.write(stage.weights) if stage.weights else nullcontext(draft) as array:
                images, bad = keep(_seen(stage, context, tower), array)
            draft.info.update(images=images, bad=bad)


def _seen(stage: Stage, context: Context, tower: ImageTower | None) -> Iterator[Block]:
    """The vectors of a set of images: those that come with the task, else those of a tower, by default as published."""
    (data,) = stage.parents["rows"]
    images = context.catalogue.get(data.spec["task"]["name"]).images
    assert images is not None
    names = image_names(context.rows(data))
    condition = Condition.parse(stage.spec["condition"])
    given = images.given(data.spec["language"])
    if given is not None:
        return take(given, names, condition, whole="parts" in stage.spec)
    look = Look(tower or context.eyes(), condition, stage.spec.get("parts", 1))
    told = partial(context.progress, stage.label)
    return see(images, names, look, context.threads, lambda done: told(done, len(names)))


def train_stage(stages: Sequence[Stage], context: Context) -> None:
    """Rows → candidate checkpoints with their scores on English dev."""
    for stage in stages:
        spec = dict(stage.spec)
        longer = stage.parent("longer")
        extra = 0 if longer is None else int(context.open(longer).info["updates"])
        tasks = [
            TrainingTask(context.task(stage, data), context.shown(stage, data), context.shown(stage, dev))
            for data, dev in zip(stage.parents["train"], stage.parents["dev"], strict=True)
        ]
        started = time.time()
        result = train(
            context.base(),
            context.checkpoint(stage.parent("init")),
            tasks,
            spec | {"micro_batch": context.micro_batch},
            extra,
            partial(context.progress, stage.label),
        )
        assert stage.weights is not None
        if not processes().leads:
            continue
        with context.store.write(stage.weights) as draft:
            for candidate in result.candidates:
                candidate.checkpoint.save(draft.folder / str(candidate.update))
        with context.store.write(stage.address, spec, time.time() - started) as draft:
            draft.info.update(
                candidates=[{"update": one.update, "dev": one.dev} for one in result.candidates],
                updates=result.updates,
                tokens=result.tokens,
                examples=result.examples,
                loss=[round(loss, 5) for loss in result.loss],
            )


def select(stages: Sequence[Stage], context: Context) -> None:
    """Candidates → one checkpoint, or a sweep of layers → one layer for each post-processing."""
    for stage in stages:
        if stage.spec["rule"] == "layer":
            _select_layer(stage, context)
        else:
            _select_checkpoint(stage, context)


def predict(stages: Sequence[Stage], context: Context) -> None:
    """Checkpoint × task × language × condition → predictions, written as soon as those of one chunk are there."""
    started = time.time()
    trained = stages[0].parent("checkpoint")
    task = context.task(stages[0], stages[0].parents["data"][0])
    layer = stages[0].parent("layer")
    chosen = context.open(layer).info if layer else {"layers": {}}
    spec, settings = dict(stages[0].spec), chosen.get("settings", {})
    name = trained.key if trained else context.encoder.name
    job = predicting.Job(
        context.base(), context.checkpoint(trained), task, spec, chosen["layers"], settings, name
    )
    pools: dict[str, list[Row]] = {}
    cache = {} if task.tunes_tower else context.tokens_cache  # what a tuned tower sees is its own model's
    for chunk in _chunks(stages, context, _least(stages[0], task)):
        tested = [(stage, data) for stage in chunk for data in stage.parents["data"]]
        for stage, data in tested:
            context.check_sizes(stage, data, job.checkpoint)
        sets = [_test_set(stage, data, task, context, pools) for stage, data in tested]
        results = iter(predicting.predict_sets(job, sets, cache))
        share = (time.time() - started) / len(chunk)
        for stage in chunk:
            tables = [next(results) for _ in stage.parents["data"]]
            with context.store.write(stage.address, dict(stage.spec), share) as draft:
                pq.write_table(pa.concat_tables(tables), draft.file("predictions.parquet"))
        started = time.time()
    context.forget(stages)


def _least(stage: Stage, task: Task) -> float:
    """Rows that a chunk has at least; candidates of their own are encoded once, and so nothing is divided."""
    if is_trained(task):
        return CHUNK
    return math.inf if "pool" in stage.parents else SHARED_CHUNK


def _chunks(stages: Sequence[Stage], context: Context, least: float) -> Iterator[list[Stage]]:
    """Neighbouring stages, as few together as have so many rows; the last may have fewer."""
    chunk: list[Stage] = []
    rows = 0
    for stage in stages:
        chunk.append(stage)
        rows += sum(len(context.rows(data)) for data in stage.parents["data"])
        if rows >= least:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def _test_set(
    stage: Stage, data: Stage, task: Task, context: Context, pools: dict[str, list[Row]]
) -> predicting.TestSet:
    """The rows of `data`, with the candidates that the stage has for them; `pools` keeps those between test sets."""
    language, kind = data.spec["language"], retrieval_type(task.type)
    parents = [
        pool
        for pool in stage.parents.get("pool", ())
        if pool.spec["task"]["name"] == task.name
        and (kind is None or kind.pool == "all" or pool.spec["language"] == language)
    ]
    name = "/".join(pool.key for pool in parents)
    if name not in pools:
        pools[name] = [row for pool in parents for row in context.rows(pool)]
    condition, folder = stage.spec.get("condition", "clean"), context.catalogue.data
    return predicting.TestSet(context.shown(stage, data), language, condition, pools[name], folder)


def score(stages: Sequence[Stage], context: Context) -> None:
    """Predictions → statistics of every item under one metric."""
    for stage in stages:
        spec = stage.spec
        (prediction,) = stage.parents["prediction"]
        (data,) = prediction.parents["data"]
        table = read_parquet(context.open(prediction).path("predictions.parquet"))
        table = table.filter(pc.field("postprocess") == spec["postprocess"])
        metric = get_metric(spec["metric"])
        predicted, gold = (
            [json.loads(text) for text in table[side].to_pylist()] for side in ("prediction", "gold")
        )
        task = context.catalogue.get(data.spec["task"]["name"])
        language = task.language_of(data.spec["split"], data.spec["language"])
        statistics = metric.statistics(predicted, gold, spec["labels"], language)
        with context.store.write(stage.address, dict(spec)) as draft:
            columns = {name: table[name] for name in ("item", "source")} | {"statistics": statistics.tolist()}
            pq.write_table(pa.table(columns), draft.file("item_stats.parquet"))
            draft.info.update(value=float(metric.value(statistics.sum(axis=0))), items=len(table))


_RUN: dict[str, Callable[[Sequence[Stage], Context], None]] = {
    "prepare": prepare,
    "features": features,
    "train": train_stage,
    "select": select,
    "predict": predict,
    "score": score,
}


def _select_checkpoint(stage: Stage, context: Context) -> None:
    """Choose among the candidates of every learning rate by the stage's rule."""
    options = [
        (train_stage, candidate)
        for train_stage in stage.parents["train"]
        for candidate in context.open(train_stage).info["candidates"]
    ]
    rule = stage.spec["rule"]
    scores = [_candidate_score(stage, context, option, candidate) for option, candidate in options]
    last = {
        option.key: candidate["update"] for option, candidate in options
    }  # the last one listed is the latest
    allowed = [
        place
        for place, (option, candidate) in enumerate(options)
        if rule not in {"last", "average"} or candidate["update"] == last[option.key]
    ]
    best = max(allowed, key=lambda place: (scores[place], -place))
    chosen, candidate = options[best]
    artifact = context.open(chosen)
    updates = (
        [one["update"] for one in artifact.info["candidates"]] if rule == "average" else [candidate["update"]]
    )
    weights = context.weights(chosen)
    assert stage.weights is not None
    checkpoint = average([Checkpoint.load(weights, str(update)) for update in updates])
    dev, value = candidate["dev"], scores[best]
    if rule == "average":
        dev = _dev_scores(stage, context, checkpoint, chosen.spec["phase"]["max_length"])
        value = _mean(dev)
    with context.store.write(stage.weights) as draft:
        checkpoint.save(draft.folder / "checkpoint")
    with context.store.write(stage.address, dict(stage.spec)) as draft:
        draft.info.update(
            dev=dev,
            score=value,
            update=candidate["update"],
            learning_rate=chosen.spec["phase"]["learning_rate"],
            updates=artifact.info["updates"],
            tokens=artifact.info["tokens"],
            examples=artifact.info["examples"],
            seconds=sum(context.open(option).manifest["seconds"] for option in stage.parents["train"]),
            options=[
                {"learning_rate": option.spec["phase"]["learning_rate"], "score": value, **one}
                for (option, one), value in zip(options, scores, strict=True)
            ],
        )


def _candidate_score(stage: Stage, context: Context, option: Stage, candidate: dict[str, Any]) -> float:
    """Mean dev score of the tasks in English, or in all languages for the oracle rule."""
    if stage.spec["rule"] != "target-dev":
        return _mean(candidate["dev"])
    checkpoint = Checkpoint.load(context.weights(option), str(candidate["update"]))
    return _mean(_dev_scores(stage, context, checkpoint, option.spec["phase"]["max_length"]))


def _dev_scores(stage: Stage, context: Context, checkpoint: Checkpoint, max_length: int) -> dict[str, float]:
    """Scores of a checkpoint on the stage's dev data, by task; each language counts the same."""
    values: dict[str, list[float]] = {}
    for data in stage.parents["dev"]:
        task = context.task(stage, data)
        spec = {"precision": stage.spec["precision"], "max_length": max_length}
        job = predicting.Job(context.base(), checkpoint, task, spec, {})
        context.check_sizes(stage, data, checkpoint)
        test = _test_set(stage, data, task, context, {})
        (table,) = predicting.predict_sets(job, [test], {})
        metric = get_metric(metrics_of(task)[0])
        predicted, gold = (
            [json.loads(text) for text in table[side].to_pylist()] for side in ("prediction", "gold")
        )
        values.setdefault(task.name, []).append(metric.score(predicted, gold, task.labels, test.language))
    return {name: _mean(dict(enumerate(scores))) for name, scores in values.items()}


def _mean(scores: Mapping[Any, float]) -> float:
    return float(sum(scores.values()) / len(scores))


def _select_layer(stage: Stage, context: Context) -> None:
    """For each post-processing the layer that the sweep shows to be best, or the one that is given."""
    sweep, rules = stage.parent("sweep"), stage.spec["postprocess"]
    info: dict[str, Any] = {"layers": dict.fromkeys(rules, stage.spec["layer"]), "curve": [], "score": None}
    if sweep is not None:
        task = context.catalogue.get(sweep.spec["task"]["name"])
        table = read_parquet(context.open(sweep).path("predictions.parquet"))
        kind = retrieval_type(task.type)
        assert kind is not None
        info = choose_layers(task, kind, table, rules)
    with context.store.write(stage.address, dict(stage.spec)) as draft:
        draft.info.update(info)
