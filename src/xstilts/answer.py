"""From a finished plan to what the analysis is given, and from its answer to the result tables' columns."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts import __version__, analysis
from xstilts.best import best_arm, dev_scores
from xstilts.hashing import digest
from xstilts.languages import script
from xstilts.metrics import get_metric
from xstilts.overlap import find_overlap
from xstilts.perturbations import Condition
from xstilts.plan import Cell, Plan, Stage
from xstilts.recipe import BASELINE
from xstilts.saved import read_parquet
from xstilts.stage import data_revision
from xstilts.store import Address, Store
from xstilts.task_types import family_of, get_task_type, is_trained, metrics_of, search_words
from xstilts.tasks.base import TRANSLATED, Row, Task
from xstilts.tasks.same_data import same_task

if TYPE_CHECKING:
    from xstilts.experiment import Experiment

Names = tuple[str, ...]
_PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "numpy", "scipy", "pyarrow")


def analysis_cells(experiment: Experiment, planned: Sequence[Cell]) -> list[analysis.Cell]:
    """Cells of a plan with the statistics of their items, read from the store."""
    loaded: dict[str, tuple[Names, Any]] = {}
    known: dict[Names, Names] = {}
    chances: dict[tuple[str, str], float | None] = {}
    cells = []
    for cell in planned:
        task = experiment.catalogue.get(cell.target)
        if cell.score.key not in loaded:  # a baseline without training serves every seed
            loaded[cell.score.key] = item_statistics(experiment.store, cell.score.address, known)
        sources, stats = loaded[cell.score.key]
        cells.append(
            analysis.Cell(
                arm=cell.arm,
                target=cell.target,
                task_type=task.type,
                family=family_of(task),
                language=cell.language,
                condition=cell.condition,
                seed=cell.seed,
                metric=cell.metric,
                sources=sources,
                stats=stats,
                postprocess=cell.postprocess,
                chance=_chance(experiment, cell, len(sources), chances),
            )
        )
    return cells


def design(experiment: Experiment, plan: Plan) -> analysis.Design:
    """Which arms are compared with what, and which pairs need a warning."""
    controls = {control.name: (control.of, control.kind) for control in plan.controls}
    untrained = {
        (cell.target, cell.arm)
        for cell in plan.cells
        if cell.arm == BASELINE and not is_trained(experiment.catalogue.get(cell.target))
    }
    same = {
        (name, target)
        for name, arm in plan.recipe.arms.items()
        for target in plan.recipe.targets
        if same_task(arm.tasks, target)
    }
    primary = {name: metrics_of(experiment.catalogue.get(name))[0] for name in plan.recipe.targets}
    return analysis.Design(
        arms=(*plan.recipe.arms, *controls),
        baseline=BASELINE,
        controls=controls,
        deterministic=frozenset(untrained),
        same_task=frozenset(same),
        primary=primary,
        dropped=tuple(name for name in experiment.recipe.arms if name not in plan.recipe.arms),
    )


def beside(
    experiment: Experiment, plan: Plan, compared: analysis.Design, settings: analysis.Settings
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the results and of the gains in the recipe's settings other than zero-shot: each weighed by itself."""
    results: list[dict[str, Any]] = []
    gains: list[dict[str, Any]] = []
    for setting in dict.fromkeys(cell.setting for cell in plan.beside):
        planned = [cell for cell in plan.beside if cell.setting == setting]
        paired = replace(compared, paired=any(map(_is_drawn, planned)))
        found = analysis.analyse(analysis_cells(experiment, planned), paired, settings)
        results += qualifiers(experiment, planned, found.results)
        gains += in_setting(setting, found.gains)
    return results, gains


def _few_rows(cell: Cell) -> Stage | None:
    """The few rows that a cell's model was trained on last; None where it was not."""
    training = cell.checkpoint.parents["train"][0] if cell.checkpoint else None
    return training.parents["train"][0] if training is not None and training.spec.get("continued") else None


def _is_drawn(cell: Cell) -> bool:
    """Whether a cell's model was trained on rows that its seed has drawn."""
    rows = _few_rows(cell)
    return rows is not None and "shots" in rows.spec


def in_setting(setting: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the gains, with the setting that both sides were tested in."""
    return [{**row, "setting": setting} for row in rows]


def qualifiers(
    experiment: Experiment, planned: Sequence[Cell], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Result rows of the analysis of some cells, with everything else that a row of `results.parquet` says."""
    places = {(c.arm, c.target, c.language, c.condition, c.seed, c.metric, c.postprocess): c for c in planned}
    columns = ("arm", "task", "language", "condition", "seed", "metric", "postprocess")
    cache: dict[str, dict[str, Any]] = {}
    complete = []
    for row in rows:
        cell = places[tuple(row[name] for name in columns)]
        complete.append(_identifying(experiment, cell) | dict(row) | _provenance(experiment, cell, cache))
    return complete


def run_record(experiment: Experiment, plan: Plan, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the run was: settings, cost, versions, how well the intermediates were learned, which arm is best."""
    recipe = plan.recipe
    scores = dev_scores(plan, experiment.store)
    return {
        "xstilts": __version__,
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "encoder": {"name": recipe.encoder, **experiment.encoder.identity, "depth": experiment.encoder.depth},
        "precision": plan.precision,
        "statistics": recipe.statistics.model_dump(),
        "store": experiment.store.url,
        "base": str(experiment.base.resolve()),
        "data": str(data.resolve()) if (data := experiment.catalogue.data) else None,
        "tower": _tower(experiment),
        "licences": {task.name: task.licence for task in _used(experiment) if task.licence},
        "controls": [vars(control) for control in plan.controls],
        "skipped": [*plan.skipped, *_unread(plan, experiment.store)],
        "best": {target: best_arm(plan, experiment.store, target) for target in recipe.targets},
        "dev": [
            {"arm": arm, "task": target, "mean": statistics.mean(values), "values": values}
            for (arm, target), values in scores.items()
        ],
        "intermediates": _intermediates(experiment, plan),
        "layers": _layers(experiment, plan),
        "few_shot": _few_shot(plan),
        "overlap": [
            one.record() for one in find_overlap(plan, experiment.catalogue, partial(rows_of, experiment))
        ],
        "stages": costs(plan.stages, experiment.store),
        **record,
    }


def _tower(experiment: Experiment) -> dict[str, Any] | None:
    """The image tower, and whether it was tuned, where a target has images."""
    tower = experiment.tower
    if tower is None:
        return None
    return {"name": tower.name, **tower.identity, "tuned": experiment.recipe.images.image == "tune"}


def _used(experiment: Experiment) -> list[Task]:
    """The tasks of a recipe: targets, and then intermediates."""
    recipe = experiment.recipe
    names = [*recipe.targets, *(name for arm in recipe.arms.values() for name in arm.tasks)]
    return [experiment.catalogue.get(name) for name in dict.fromkeys(names)]


def _unread(plan: Plan, store: Store) -> list[str]:
    """A line for each set of images of which some could not be read and were left out."""
    lines: dict[str, str] = {}
    for stage in plan.stages:
        if stage.kind == "features" and stage.address in store:
            info = store.open(stage.address).info
            if info["bad"]:
                few = ", ".join(info["bad"][:3])
                total = info["images"] + len(info["bad"])
                label = stage.label.partition(",")[0]  # without the model whose tower saw them
                told = f"{label}: {len(info['bad'])} of {total} could not be read, such as {few}"
                # Those that tuned towers are tested on are the same for all of them.
                lines.setdefault(digest([stage.spec, stage.parents["rows"][0].key]), told)
    return list(lines.values())


def rows_of(experiment: Experiment, stage: Stage) -> list[Row]:
    """The rows that a stage made; of one that was not needed, those that it could read."""
    if stage.address in experiment.store:
        table = read_parquet(experiment.store.open(stage.address).path("rows.parquet"))
        return [json.loads(row) for row in table["row"].to_pylist()]
    task = experiment.catalogue.get(stage.spec["task"]["name"])
    return task.source.rows(stage.spec["split"], stage.spec["language"])


def item_statistics(store: Store, address: Address, known: dict[Names, Names]) -> tuple[Names, Any]:
    """The sources of a score's items, and the statistics of each, float64 `[items, k]`.

    `known` holds the names of sources read before: cells on the same items share one tuple.
    """
    table = read_parquet(store.open(address).path("item_stats.parquet"))
    statistics = table["statistics"].combine_chunks()
    flat = statistics.flatten().to_numpy(zero_copy_only=False)
    names = tuple(table["source"].to_pylist())
    return known.setdefault(names, names), flat.reshape(len(statistics), -1).astype(np.float64, copy=False)


def _chance(
    experiment: Experiment, cell: Cell, items: int, known: dict[tuple[str, str], float | None]
) -> float | None:
    """The score of a guesser on a cell's rows, which is the same for all arms, seeds and conditions."""
    (prediction,) = cell.score.parents["prediction"]
    (data,) = prediction.parents["data"]
    task, metric = experiment.catalogue.get(cell.target), get_metric(cell.metric)

    def golds() -> list[Any]:
        path = experiment.store.open(prediction.address).path("predictions.parquet")
        return [json.loads(gold) for gold in read_parquet(path, ["gold"])["gold"].to_pylist()]

    if (data.key, cell.metric) not in known:
        known[data.key, cell.metric] = get_task_type(task.type).chance(task, metric, items, golds)
    return known[data.key, cell.metric]


def _identifying(experiment: Experiment, cell: Cell) -> dict[str, Any]:
    task = experiment.catalogue.get(cell.target)
    return {
        "encoder": experiment.recipe.encoder,
        "suite": task.suite,
        "task": task.name,
        "task_type": task.type,
        "trained": is_trained(task),
        "setting": cell.setting,
        "script": script(cell.language),
        "severity": Condition.parse(cell.condition).severity,
        "split": task.source.origin(TRANSLATED if cell.setting == TRANSLATED else "test"),
    }


def _provenance(experiment: Experiment, cell: Cell, cache: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Where a value comes from: training, selection, layer, data, key."""
    (prediction,) = cell.score.parents["prediction"]
    task = experiment.catalogue.get(cell.target)
    info = _info(experiment.store, cell.checkpoint, cache)
    layers = _info(experiment.store, cell.layer, cache).get("layers", {})
    words = search_words(task)
    read = words["direction"] is not None
    return {
        "rules": get_metric(cell.metric).rules,
        "train_examples": info.get("examples"),
        "train_tokens": info.get("tokens"),
        "learning_rate": info.get("learning_rate"),
        "selection": cell.checkpoint.spec["rule"] if cell.checkpoint else None,
        "layer": layers.get(cell.postprocess, experiment.encoder.depth) if read else None,
        "pooling": prediction.spec.get("pooling", "mean") if read else None,
        **words,
        "data_revision": data_revision(prediction),
        "stage_key": prediction.key,
    }


def _info(store: Store, stage: Stage | None, cache: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if stage is None:
        return {}
    if stage.key not in cache:
        cache[stage.key] = store.open(stage.address).info if stage.address in store else {}
    return cache[stage.key]


def _intermediates(experiment: Experiment, plan: Plan) -> list[dict[str, Any]]:
    """For each arm with an intermediate: its own dev score by task, a value a seed, beside chance.

    `tokens`, a value a seed, are those of the arm's whole training, whatever tasks it has.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for (arm, _), stage in plan.intermediates.items():
        info = experiment.store.open(stage.address).info
        for task, value in info["dev"].items():
            entry = rows.setdefault(
                (arm, task),
                {"arm": arm, "task": task, "metric": metrics_of(experiment.catalogue.get(task))[0]},
            )
            entry.setdefault("values", []).append(value)
            entry.setdefault("tokens", []).append(info["tokens"])
            entry |= {name: info[name] for name in ("examples", "updates", "learning_rate")}
            trained, metric = experiment.catalogue.get(task), get_metric(entry["metric"])
            entry["chance"] = get_task_type(trained.type).chance(trained, metric, 0, tuple)
    for entry in rows.values():
        entry["mean"] = statistics.mean(entry["values"])
    return list(rows.values())


def _few_shot(plan: Plan) -> list[dict[str, Any]]:
    """For each target and few-shot setting: the split that its rows are from, and whether they are drawn by seed."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in plan.beside:
        data = _few_rows(cell)
        if data is not None:
            told = {"task": cell.target, "setting": cell.setting, "split": data.spec["split"]}
            rows[cell.target, cell.setting] = told | {"drawn": _is_drawn(cell)}
    return list(rows.values())


def _layers(experiment: Experiment, plan: Plan) -> list[dict[str, Any]]:
    """The curve over layers that each retrieval choice was made on."""
    rows, seen = [], set()
    for cell in plan.cells:
        if cell.layer is None or (cell.arm, cell.target, cell.seed) in seen:
            continue
        seen.add((cell.arm, cell.target, cell.seed))
        info = experiment.store.open(cell.layer.address).info
        rows.append(
            {
                "arm": cell.arm,
                "task": cell.target,
                "seed": cell.seed,
                "layers": info["layers"],
                "curve": info["curve"],
            }
        )
    return rows


def costs(stages: Iterable[Stage], store: Store) -> dict[str, dict[str, float]]:
    """Number of stages and the seconds that they took when they ran, by kind."""
    found: dict[str, dict[str, float]] = {}
    for stage in stages:
        entry = found.setdefault(stage.kind, {"stages": 0, "seconds": 0.0})
        entry["stages"] += 1
        if stage.address in store:
            entry["seconds"] = round(entry["seconds"] + store.open(stage.address).manifest["seconds"], 3)
    return found
