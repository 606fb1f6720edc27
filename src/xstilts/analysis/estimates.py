"""Every estimate of every target, and the rows of the results and gains tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.analysis.cells import Cell, Design, Settings, modality_of
from xstilts.analysis.contrasts import contrasts
from xstilts.analysis.grid import Grid, Key, grids
from xstilts.analysis.intervals import Estimate, item_variance
from xstilts.analysis.languages import over_languages
from xstilts.analysis.nonlinear import NULL
from xstilts.analysis.ratios import Asked, Derived, ratios
from xstilts.analysis.resampling import item_variances

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Row = dict[str, Any]


@dataclass(frozen=True)
class TargetEstimates:
    """One target's grids, the estimate of each contrast, what is made of gains, and its rows of the results table.

    `derived` holds the quantities that have no variance of their own, but an interval: shares of gains, and what
    languages say together.
    """

    grids: list[Grid]
    estimates: dict[Key, Estimate]
    derived: dict[Key, Derived]
    results: list[Row]


def by_target(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells of each target, in an order that does not depend on the order they came in."""
    order = sorted(
        cells,
        key=lambda x: (x.target, x.metric, x.postprocess, x.arm, x.language, x.condition, x.seed),
    )
    return [list(found) for _, found in groupby(order, key=lambda x: x.target)]


def estimate_target(
    cells: Sequence[Cell],
    design: Design,
    settings: Settings,
    wanted: Callable[[Key], bool] = lambda key: True,
) -> TargetEstimates:
    """Estimate all contrasts of one target with one set of bootstrap weights.

    Args:
        cells: one target's cells, as `by_target` sorts them.
        design: arms, baseline, controls.
        settings: draws, seed and level.
        wanted: which contrasts are estimated.
    """
    found = grids(cells, design)
    asked = [(grid, contrast) for grid in found for contrast in contrasts(grid) if wanted(contrast.key)]
    divisors = [(grid, divisor) for grid, contrast in asked for divisor in contrast.positive]
    forms = [grid.column_weights(contrast) for grid, contrast in (*asked, *divisors)]
    variances = item_variances(cells, _matrix(forms, len(cells)), settings)
    own, rest = np.split(variances, [len(cells)])
    known = {x.key: Asked(grid, x, float(v)) for (grid, x), v in zip(asked, rest, strict=False)}
    estimates = {key: one.grid.estimate(one.contrast, one.variance) for key, one in known.items()}
    for (grid, divisor), v in zip(divisors, rest[len(asked) :], strict=True):
        if grid.estimate(divisor, float(v)).interval(settings.alpha)[0] <= 0:
            estimates[divisor.key] = replace(estimates[divisor.key], v_item=np.inf)
    derived = ratios(estimates, known, settings.alpha) | over_languages(estimates, settings.alpha)
    results = [_result(cell, float(v), settings) for cell, v in zip(cells, own, strict=True)]
    return TargetEstimates(found, estimates, derived, results)


def _matrix(rows: Sequence[Mapping[int, float]], columns: int) -> csr_array:
    """Sparse `[columns + rows, columns]`: each cell by itself, then each contrast."""
    from scipy.sparse import csr_array, eye_array, vstack

    data = [weight for row in rows for weight in row.values()]
    indices = [column for row in rows for column in row]
    ends = np.cumsum([0, *(len(row) for row in rows)])
    contrasts = csr_array((data, indices, ends), shape=(len(rows), columns))
    return csr_array(vstack([eye_array(columns), contrasts]))


def _result(cell: Cell, variance: float, settings: Settings) -> Row:
    sources = cell.n_sources
    v_item = item_variance(variance, sources, [1.0])
    low, high = Estimate(cell.value, np.nan, np.nan, v_item, sources).interval(settings.alpha)
    identity = ("task_type", "family", "arm", "language", "condition", "seed", "metric", "postprocess")
    return (
        {"task": cell.target, "modality": cell.modality}
        | {name: getattr(cell, name) for name in identity}
        | {
            "value": cell.value,
            "ci_low": finite(low),
            "ci_high": finite(high),
            "n": len(cell.stats),
            "n_sources": sources,
            "chance": cell.chance,
            "flag": cell.extreme,
        }
    )


def gain_rows(target: TargetEstimates, settings: Settings) -> list[Row]:
    """The rows of the gains table of one target."""
    of_grid = {(grid.metric, grid.postprocess): grid for grid in target.grids}
    rows = []
    for key, estimate in target.estimates.items():
        numbers = _numbers(estimate, settings, difference=bool(key.reference))
        if key.quantity in NULL and numbers["p"] is not None:
            numbers["p"] = replace(estimate, value=estimate.value - NULL[key.quantity]).p()
        rows.append(_identity(key, of_grid[key.metric, key.postprocess]) | numbers)
    for key, (value, low, high) in target.derived.items():
        of = target.estimates[key._replace(quantity="gain")]
        numbers = dict.fromkeys(_numbers(of, settings)) | {
            "estimate": value,
            "ci_low": low,
            "ci_high": high,
            "over": of.over,
            "languages": of.languages,
            "seeds": of.seeds,
            "n_sources": of.clusters,
        }
        rows.append(_identity(key, of_grid[key.metric, key.postprocess]) | numbers)
    return rows


def _identity(key: Key, grid: Grid) -> Row:
    fields = {"quantity": key.quantity, "arm": key.arm, "reference": key.reference, "task": key.target}
    return fields | {
        "task_type": grid.task_type,
        "family": grid.family,
        "modality": modality_of(grid.family),
        "group": key.group,
        "condition": key.condition,
        "metric": key.metric,
        "postprocess": key.postprocess,
    }


def _numbers(estimate: Estimate, settings: Settings, difference: bool = True) -> Row:
    low, high = estimate.interval(settings.alpha)
    return {
        "estimate": estimate.value,
        "se_seed": finite(estimate.v_seed**0.5),
        "se_item": finite(estimate.v_item**0.5),
        "df": finite(estimate.df),
        "ci_low": finite(low),
        "ci_high": finite(high),
        "p": estimate.p() if difference and not estimate.items_only else None,
        "over": estimate.over,
        "seeds": estimate.seeds,
        "pooled": estimate.pooled,
        "languages": estimate.languages,
        "n_sources": estimate.clusters,
    }


def finite(number: float) -> float | None:
    """The number, or None where it is not one: a table has nothing to say there."""
    return float(number) if isfinite(number) else None
