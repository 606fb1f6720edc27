"""Test items on which an arm and the baseline differ: counted, and a few of them kept to be shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.hashing import short_hash
from xstilts.metrics import get_metric
from xstilts.plan import Cell, Plan
from xstilts.recipe import BASELINE
from xstilts.saved import read_parquet
from xstilts.stage import Stage
from xstilts.store import Store
from xstilts.task_types import TaskType, get_task_type, metrics_of
from xstilts.tasks.base import Row

if TYPE_CHECKING:
    from xstilts.experiment import Experiment

LONGEST = 400
"""Characters of a text that are kept."""

_CLEAN = "clean"
_RAW = ("", "none")
"""Post-processings that verdicts rest on."""


@dataclass(frozen=True)
class _Found:
    """An item of one language that one side scores higher on; `rank` is its place in a fixed random order."""

    rank: str
    language: str
    place: int
    better: bool


@dataclass(frozen=True)
class _Pair:
    """The baseline's cell and the arm's, for one language."""

    base: Cell
    arm: Cell


def differences(experiment: Experiment, plan: Plan) -> tuple[list[Row], list[Row]]:
    """Items on which an arm and the baseline differ, on clean input, of the first seed of a finished plan.

    Of each arm × target as many items as `recipe.report_examples` says are kept for either side that scores higher, in
    an order that hashes decide, the same for all arms: no eye has picked them. No language comes twice before each
    came once.

    Args:
        experiment: whose store holds the predictions.
        plan: its plan, all stages done.

    Returns:
        The examples: a row an item with `task, arm, seed, language, item, better` (arm or baseline), and in words
        `texts` (JSON, by column), `gold`, `baseline`, `answer`; and the counts: a row an arm × target with `items,
        better, worse`. Nothing of either where the recipe asks for no examples.
    """
    wanted, seed = experiment.recipe.report_examples, experiment.recipe.seeds[0]
    examples: list[Row] = []
    counts: list[Row] = []
    for (target, arm), pairs in _pairs(experiment, plan, seed).items() if wanted else ():
        found, items = [], 0
        for pair in pairs:
            differing, count = _differing(pair, experiment.store)
            found += differing
            items += count
        by_language = {pair.arm.language: pair for pair in pairs}
        identity = {"task": target, "arm": arm, "seed": seed}
        better = sum(one.better for one in found)
        counts.append(identity | {"items": items, "better": better, "worse": len(found) - better})
        for side in (True, False):
            for one in _drawn([x for x in found if x.better == side], wanted):
                examples.append(identity | _told(one, by_language[one.language], experiment))
    return examples, counts


def _pairs(experiment: Experiment, plan: Plan, seed: int) -> dict[tuple[str, str], list[_Pair]]:
    """For each target and arm, controls apart, the cells of both sides, a pair a language."""
    cells = {(cell.target, cell.arm, cell.language): cell for cell in _judged(experiment, plan, seed)}
    pairs: dict[tuple[str, str], list[_Pair]] = {}
    for (target, arm, language), cell in cells.items():
        base = cells.get((target, BASELINE, language))
        if arm != BASELINE and arm in experiment.recipe.arms and base is not None:
            pairs.setdefault((target, arm), []).append(_Pair(base, cell))
    return pairs


def _judged(experiment: Experiment, plan: Plan, seed: int) -> Iterator[Cell]:
    for cell in plan.cells:
        primary = metrics_of(experiment.catalogue.get(cell.target))[0]
        if (cell.condition, cell.seed, cell.metric) == (_CLEAN, seed, primary) and cell.postprocess in _RAW:
            yield cell


def _differing(pair: _Pair, store: Store) -> tuple[list[_Found], int]:
    """The items that one side scores higher on, each alone, and how many items there are."""
    base, arm = (_item_values(cell, store) for cell in (pair.base, pair.arm))
    language = pair.arm.language
    found = [
        _Found(
            short_hash(f"{pair.arm.target} {language} {place}"),
            language,
            int(place),
            bool(arm[place] > base[place]),
        )
        for place in np.flatnonzero(base != arm)
    ]
    return found, len(base)


def _item_values(cell: Cell, store: Store) -> Any:
    table = read_parquet(store.open(cell.score.address).path("item_stats.parquet"), columns=["statistics"])
    return _alone(cell.metric, np.array(table["statistics"].to_pylist(), np.float64))


def _alone(metric: str, statistics: Any) -> Any:
    """The score of each item alone; 1 where there was nothing to find and nothing was found."""
    return np.where(statistics.any(axis=-1), get_metric(metric).value(statistics), 1.0)


def _drawn(found: Sequence[_Found], count: int) -> list[_Found]:
    """The first items in their random order, as many of each language as of any other."""
    order = sorted(found, key=lambda one: one.rank)
    seen: dict[str, int] = {}
    rounds = []
    for one in order:
        seen[one.language] = seen.get(one.language, 0) + 1
        rounds.append((seen[one.language], one))
    return [one for _, one in sorted(rounds, key=lambda pair: pair[0])[:count]]


def _told(one: _Found, pair: _Pair, experiment: Experiment) -> Row:
    """An item in words: its texts, the right answer, and those of both sides."""
    task = experiment.catalogue.get(pair.arm.target)
    kind = get_task_type(task.type)
    base, arm = (_prediction(cell, one.place, experiment.store) for cell in (pair.base, pair.arm))
    (stage,) = pair.arm.score.parents["prediction"]
    rows = {row["id"]: row for row in _rows(stage, experiment.store)}
    row = rows[arm["item"]]
    answers = {"gold": arm["gold"], "baseline": base["prediction"], "answer": arm["prediction"]}
    told = {name: kind.told(json.loads(answer), row, rows) for name, answer in answers.items()}
    return {
        "language": one.language,
        "item": arm["item"],
        "better": "arm" if one.better else "baseline",
        "texts": json.dumps(_texts(kind, row), ensure_ascii=False),
        **{name: text[:LONGEST] for name, text in told.items()},
    }


def _prediction(cell: Cell, place: int, store: Store) -> Mapping[str, Any]:
    (stage,) = cell.score.parents["prediction"]
    table = read_parquet(store.open(stage.address).path("predictions.parquet"))
    judged = table.filter([rule == cell.postprocess for rule in table["postprocess"].to_pylist()])
    found: Mapping[str, Any] = judged.slice(place, 1).to_pylist()[0]
    return found


def _rows(prediction: Stage, store: Store) -> Iterator[Row]:
    """The rows that a prediction was made on, and their candidates."""
    for role in ("pool", "data"):
        for stage in prediction.parents.get(role, ()):
            table = read_parquet(store.open(stage.address).path("rows.parquet"), columns=["row"])
            yield from map(json.loads, table["row"].to_pylist())


def _texts(kind: TaskType, row: Row) -> dict[str, str]:
    texts = {name: row[name] for name in kind.roles if row.get(name)}
    return {name: (x if isinstance(x, str) else _joined(x))[:LONGEST] for name, x in texts.items()}


def _joined(parts: Sequence[str]) -> str:
    """Words with a space between them, longer parts with a dot."""
    return (" · " if any(" " in part for part in parts) else " ").join(parts)
