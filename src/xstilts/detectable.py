"""The smallest gain that a planned experiment could find: from its test items, languages, arms and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.analysis.cells import CLEAN, is_english
from xstilts.analysis.contrasts import ENGLISH, OTHERS
from xstilts.analysis.intervals import Estimate
from xstilts.counting import Shared
from xstilts.plan import Plan
from xstilts.recipe import BASELINE
from xstilts.saved import load_table
from xstilts.task_types import family_of, is_trained, metrics_of
from xstilts.tasks import Catalogue
from xstilts.tasks.base import ZERO_SHOT

DIFFERENT = 0.2
"""Assumed share of the items that arm and baseline answer differently: the variance of an item's difference."""
SHARED = 0.5
"""Assumed correlation of that difference between translations of one item."""
RUN = 0.01
"""Assumed standard deviation of a score over seeds, in English and on average over other languages."""


@dataclass(frozen=True)
class Spread:
    """What makes a gain uncertain: its variance over items times the number of sources, and that of one arm's run."""

    item: float
    run: float


Known = Mapping[tuple[str, str, str, int], Spread]
"""By task, group of languages, metric and number of languages."""


@dataclass(frozen=True)
class Detectable:
    """What a plan could find on a target, on clean input and in 0..1; None where it has no cell, or no verdict.

    `english` and `non_english` are the gains found in 80 of 100 such experiments (`mdg` of the verdicts), `corrected`
    the larger one if Holm's correction were at its strictest: at level alpha / `tests`, the number of arms times
    targets of the family. `sources` is the smallest number of a language. `measured`: the variances are those of an
    earlier run.
    """

    task: str
    family: str
    languages: int
    sources: int
    seeds: int
    english: float | None
    non_english: float | None
    corrected: float | None
    tests: int
    measured: bool


def detectable(
    plan: Plan,
    catalogue: Catalogue,
    tested: Callable[[str], Shared],
    earlier: Path,
    dropped: int = 0,
) -> list[Detectable]:
    """The smallest gain that would be found, for each target of a plan, by the interval that the run will have.

    Where the folder `earlier` holds results of the same target, metric and number of languages, its variances over
    items and seeds are taken, on average over its arms; else they are made of `DIFFERENT`, `SHARED` and `RUN`.

    Args:
        plan: arms, targets, languages and seeds.
        catalogue: the tasks.
        tested: how many sources the languages share that a target is tested in.
        earlier: the folder of a run, finished or not.
        dropped: how many arms a race has dropped, which corrections count.
    """
    arms = len(plan.recipe.arms) - 1 + dropped
    known = _known(earlier)
    return [
        _of_target(plan, catalogue, target, tested(target), known, arms) for target in plan.recipe.targets
    ]


def _of_target(
    plan: Plan, catalogue: Catalogue, target: str, tested: Shared, known: Known, arms: int
) -> Detectable:
    task, recipe = catalogue.get(target), plan.recipe
    family = [name for name in recipe.targets if family_of(catalogue.get(name)) == family_of(task)]
    tests = max(1, arms * len(family))
    metric, alpha = metrics_of(task)[0], recipe.statistics.alpha
    estimates: dict[str, Estimate] = {}
    measured = False
    for group, english in ((ENGLISH, True), (OTHERS, False)):
        codes = [code for code in tested if tested[code][code] and is_english(code) == english]
        part = {code: {other: tested[code][other] for other in codes} for code in codes}
        spread = known.get((target, group, metric, len(part)))
        estimate = _expected(plan, target, is_trained(task), part, spread)
        if estimate:
            estimates[group], measured = estimate, measured or spread is not None
    gains = {group: estimate.detectable(alpha) for group, estimate in estimates.items()}
    return Detectable(
        task=target,
        family=family_of(task),
        languages=len(tested),
        sources=_smallest(tested),
        seeds=len(recipe.seeds),
        english=gains.get(ENGLISH),
        non_english=gains.get(OTHERS),
        corrected=max((x.detectable(alpha / tests) for x in estimates.values()), default=None),
        tests=tests,
        measured=measured,
    )


def _expected(plan: Plan, target: str, trained: bool, part: Shared, spread: Spread | None) -> Estimate | None:
    """A gain of 0 with the variances to be expected; None where there will be no verdict.

    An untrained baseline has no variance over seeds. That of the arms is pooled over all that have one.
    """
    arms = {cell.arm for cell in plan.cells if cell.target == target}
    random, seeds = len(arms) - (BASELINE in arms and not trained), len(plan.recipe.seeds)
    if not part or seeds < 2 or (seeds == 2 and random < 2):
        return None
    smallest = _smallest(part)
    v_item = spread.item / smallest if spread else item_variance(part)
    v_run = spread.run if spread else RUN**2
    return Estimate(
        value=0.0,
        v_seed=v_run * (1 + trained) / seeds,
        df=float(max(1, random) * (seeds - 1)),
        v_item=v_item,
        clusters=smallest,
        seeds=seeds,
        languages=len(part),
        pooled=random > 1,
    )


def _smallest(tested: Shared) -> int:
    """Sources of the language that has fewest."""
    return min((tested[code][code] for code in tested), default=0)


def item_variance(part: Shared) -> float:
    """Assumed variance over items of a mean gain over languages, whose sources may be the same.

    DIFFERENT / L² × Σ over pairs of languages of r × common sources / (sources of one × of the other), where r is 1 for
    a language and itself, and `SHARED` for two: with G parallel sources DIFFERENT / G × (SHARED + (1 − SHARED) / L).

    Example:
        >>> from xstilts.counting import shared
        >>> one, other = frozenset("abcd"), frozenset("efgh")
        >>> parts = {"de": one}, {"de": one, "sw": one}, {"de": one, "sw": other}
        >>> [round(item_variance(shared(part)), 4) for part in parts]
        [0.05, 0.0375, 0.025]
    """
    total = 0.0
    for code, ours in part.items():
        for other, common in ours.items():
            alike = 1.0 if code == other else SHARED
            total += alike * common / (ours[code] * part[other][other])
    return DIFFERENT * total / len(part) ** 2


def _known(folder: Path) -> dict[tuple[str, str, str, int], Spread]:
    """The spreads that an earlier run in a folder found, on average over its arms."""
    path = folder / "gains.parquet"
    if not path.is_file():
        return {}
    rows = load_table(path, "xstilts run RECIPE (nothing is computed again)").to_pylist()
    found: dict[tuple[str, str, str, int], list[Spread]] = {}
    for row in rows:
        if _tells(row):
            runs = 2 if row["family"] == "trained" else 1
            spread = Spread(row["se_item"] ** 2 * row["n_sources"], row["se_seed"] ** 2 * row["seeds"] / runs)
            key = row["task"], row["group"], row["metric"], row["languages"]
            found.setdefault(key, []).append(spread)
    return {
        key: Spread(fmean(x.item for x in spreads), fmean(x.run for x in spreads))
        for key, spreads in found.items()
    }


def _tells(row: Mapping[str, Any]) -> bool:
    """Whether a row is a gain over the baseline on clean input, of raw scores, with both variances."""
    gain = row["quantity"] == "gain" and row["reference"] == BASELINE and row["condition"] == CLEAN
    raw = row["group"] in (ENGLISH, OTHERS) and (row["postprocess"] or "") in ("", "none")
    zero_shot = row.get("setting", ZERO_SHOT) == ZERO_SHOT
    return zero_shot and gain and raw and row["se_seed"] is not None and row["se_item"] is not None
