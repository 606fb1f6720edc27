"""Curves over layers: what each layer gives on the dev part, and what a layer fixed for all arms would have shown.

The layers that retrieval reads are chosen on these curves, the baseline's as every arm's. Published work reads one
layer for all (Phang et al. 2020, arXiv 2005.13013); the curves tell how far an answer hangs on which.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from xstilts import analysis
from xstilts.metrics import get_metric
from xstilts.plan import Plan, Stage
from xstilts.task_types import family_of, metrics_of, retrieval_type
from xstilts.tasks.base import Task

if TYPE_CHECKING:
    from xstilts.experiment import Experiment

Row = dict[str, Any]
Place = tuple[str, str, int]
"""(target, arm, seed)."""

Point = tuple[str, str, str, int | None]
"""(target, arm, post-processing, layer); no layer: each arm's own choice."""

Picks = Mapping[Place, Mapping[str, int]]
"""The layer that each arm and seed reads, by post-processing."""

_WEIGHED = ("gain", "ci_low", "ci_high", "verdict")


def layer_table(
    experiment: Experiment, plan: Plan, design: analysis.Design, settings: analysis.Settings
) -> list[Row]:
    """The curves of a run whose stages are done: a row a target × arm × post-processing × layer, on the dev part.

    `values` holds the score of each of `seeds`, the mean over the dev languages; `value`, `seed_low`, `seed_high` are
    their mean and range; `chosen` says how many of them took this layer. `gain` is the arm's mean gain over the
    baseline with this one layer for both, `ci_low` to `ci_high` its interval over seeds and items, and `verdict` what
    the same tests as on the test part say of it (raw vectors alone are judged). In the row without a layer every arm
    reads its own. Nothing corrects for looking at several layers.

    Args:
        experiment: whose store holds the sweeps.
        plan: its plan; targets with a fixed layer have no curve.
        design: arms, baseline and controls, as for the test part.
        settings: of the analysis.
    """
    choices = _choices(plan)
    infos = {place: experiment.store.open(stage.address).info for place, stage in choices.items()}
    own: Picks = {place: info["layers"] for place, info in infos.items()}
    values = _values(infos)
    judged: dict[Point, Row] = {}
    for layer in dict.fromkeys(layer for *_, layer in values):
        picks = own if layer is None else {at: dict.fromkeys(layers, layer) for at, layers in own.items()}
        answer = analysis.analyse(list(_cells(experiment, choices, picks)), design, settings)
        judged |= _judged(layer, answer, design.baseline)
    rows = []
    for (target, arm, rule, layer), by_seed in values.items():
        chosen = sum(own[target, arm, seed].get(rule) == layer for seed in by_seed)
        identity: Row = {
            "task": target,
            "metric": metrics_of(experiment.catalogue.get(target))[0],
            "arm": arm,
        }
        identity |= {"postprocess": rule, "layer": layer, "split": "dev"}
        weighed = dict.fromkeys(_WEIGHED) | judged.get((target, arm, rule, layer), {})
        rows.append(identity | _seeds(by_seed) | {"chosen": chosen} | weighed)
    return rows


def _values(infos: Mapping[Place, Mapping[str, Any]]) -> dict[Point, dict[int, float]]:
    """Scores by seed of every point of the curves; behind each curve, of the layer that was chosen."""
    values: dict[Point, dict[int, float]] = {}
    for (target, arm, seed), info in infos.items():
        for point in info["curve"]:
            at = (target, arm, point["postprocess"], point["layer"])
            values.setdefault(at, {})[seed] = curve_value(point)
    for (target, arm, seed), info in infos.items():
        for rule, layer in info["layers"].items():
            values.setdefault((target, arm, rule, None), {})[seed] = values[target, arm, rule, layer][seed]
    return values


def curve_value(point: Mapping[str, Any]) -> float:
    """The score of one point of a select stage's curve, whatever metric it is named after."""
    return float(next(value for name, value in point.items() if name not in {"postprocess", "layer"}))


def _choices(plan: Plan) -> dict[Place, Stage]:
    """The stages that chose a layer on a sweep."""
    return {
        (cell.target, cell.arm, cell.seed): cell.layer
        for cell in plan.cells
        if cell.layer is not None and cell.layer.parent("sweep") is not None
    }


def _seeds(by_seed: Mapping[int, float]) -> Row:
    values = list(by_seed.values())
    return {
        "seeds": list(by_seed),
        "values": values,
        "value": statistics.mean(values),
        "seed_low": min(values),
        "seed_high": max(values),
    }


def _judged(layer: int | None, answer: analysis.Analysis, baseline: str) -> dict[Point, Row]:
    """Gains and verdicts of an analysis in which all arms read one layer, or each its own."""
    found: dict[Point, Row] = {}
    for row in answer.gains:
        if (row["quantity"], row["group"], row["reference"]) == ("gain", "all", baseline):
            numbers = {"gain": row["estimate"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
            found[row["task"], row["arm"], row["postprocess"], layer] = numbers
    for row in answer.verdicts:
        found[row["task"], row["arm"], row["postprocess"], layer] |= {"verdict": row["verdict"]}
    return found


def _cells(experiment: Experiment, choices: Mapping[Place, Stage], picks: Picks) -> Iterator[analysis.Cell]:
    """What every arm and seed predicts on dev from the layers picked; what serves several seeds is read once."""
    loaded: dict[str, list[dict[str, Any]]] = {}
    for (target, arm, seed), choice in choices.items():
        if choice.key not in loaded:
            task, layers = experiment.catalogue.get(target), picks[target, arm, seed]
            loaded[choice.key] = list(_scored(task, _predictions(experiment, choice, layers), layers))
        yield from (analysis.Cell(arm=arm, seed=seed, **scored) for scored in loaded[choice.key])


def _predictions(experiment: Experiment, choice: Stage, layers: Mapping[str, int]) -> pa.Table:
    sweep = choice.parent("sweep")
    assert sweep is not None
    path = experiment.store.open(sweep.address).path("predictions.parquet")
    return pq.read_table(path, filters=[("layer", "in", sorted(set(layers.values())))])


def _scored(task: Task, predictions: pa.Table, layers: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Item statistics by language and post-processing, as the fields of a cell.

    What a type tunes on dev beside the layer is tuned anew for each layer, as it was when the layer was chosen.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in predictions.to_pylist():
        if row["layer"] == layers[row["postprocess"]]:
            groups[row["language"], row["postprocess"]].append(row)
    metric, kind = get_metric(metrics_of(task)[0]), retrieval_type(task.type)
    assert kind is not None
    for (language, rule), rows in groups.items():
        predicted, gold = ([json.loads(row[side]) for row in rows] for side in ("prediction", "gold"))
        predicted = kind.apply(predicted, kind.tune(predicted, gold))  # as the curve's scores are
        yield {
            "target": task.name,
            "task_type": task.type,
            "family": family_of(task),
            "language": language,
            "condition": "clean",
            "metric": metric.name,
            "sources": [row["source"] for row in rows],
            "stats": metric.statistics(predicted, gold, task.labels, language),
            "postprocess": rule,
        }
