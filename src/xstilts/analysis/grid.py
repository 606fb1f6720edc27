"""The cells of one target, metric and post-processing as a grid, and what contrasts of it are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import numpy as np

from xstilts.analysis.cells import Cell, Design, Float, check_same_items
from xstilts.analysis.intervals import (
    Estimate,
    homogeneous,
    item_variance,
    own_seed_variance,
    pooled_variance,
)
from xstilts.errors import DataError

Place = tuple[str, str]
"""(language, condition)."""

Weights = Mapping[Place, float]


class Key(NamedTuple):
    """What identifies a contrast in the tables."""

    target: str
    metric: str
    postprocess: str
    quantity: str
    arm: str
    reference: str
    group: str
    condition: str


@dataclass(frozen=True)
class Contrast:
    """Σ weight × value over arms and places, a combination of places for each arm.

    Every quantity of the analysis has this form, or is near one: `value` is given where the quantity is a function
    of scores that is not linear, of which `parts` are then the derivatives by each score (the delta method).
    `languages` is how many it spans. `positive` holds what such a function divides by: its interval is known only
    where each of them is clearly above 0.
    """

    key: Key
    parts: Mapping[str, Weights]
    languages: int
    value: float | None = None
    positive: tuple[Contrast, ...] = ()


def signed(arms: Mapping[str, float], places: Weights) -> dict[str, Weights]:
    """The parts of arm weight × place weight: {arm: 1, none: −1} is a gain, equal place weights are a mean."""
    return {arm: {place: sign * weight for place, weight in places.items()} for arm, sign in arms.items()}


class _Spread(NamedTuple):
    """Whether arms vary alike over seeds, and their pooled variance of one run with its df."""

    homogeneous: bool
    variance: float
    df: float


class Grid:
    """Cells of one target, metric and post-processing, by arm, place and seed.

    Args:
        cells: the cells, in any order.
        columns: the position of each among all cells of the target.
        design: says which arms have no variance over seeds.

    Raises:
        DataError: two cells for the same place, arm and seed; cells of one place over different items.
    """

    def __init__(self, cells: Sequence[Cell], columns: Sequence[int], design: Design) -> None:
        first = cells[0]
        self.target, self.metric, self.postprocess = first.target, first.metric, first.postprocess
        self.task_type, self.family, self.design = first.task_type, first.family, design
        self._spreads: dict[tuple[tuple[Place, float], ...], _Spread] = {}
        self._extremes: dict[tuple[str, Place], str] = {}
        self._cells: dict[tuple[str, Place], dict[int, tuple[int, Cell]]] = {}
        firsts: dict[Place, Cell] = {}
        for cell, column in zip(cells, columns, strict=True):
            seeds = self._cells.setdefault((cell.arm, (cell.language, cell.condition)), {})
            if cell.seed in seeds:
                raise DataError(f"{cell.name} was given twice. Expected each cell once")
            seeds[cell.seed] = column, cell
            check_same_items(firsts.setdefault((cell.language, cell.condition), cell), cell)
        self.values = {
            at: {seed: cell.value for seed, (_, cell) in x.items()} for at, x in self._cells.items()
        }
        self.clusters = {at: min(cell.n_sources for _, cell in x.values()) for at, x in self._cells.items()}

    @cached_property
    def arms(self) -> dict[str, tuple[int, ...]]:
        """The arms that have cells, with their seeds."""
        arms: dict[str, set[int]] = {}
        for (arm, _), seeds in self._cells.items():
            arms.setdefault(arm, set()).update(seeds)
        return {arm: tuple(sorted(seeds)) for arm, seeds in sorted(arms.items())}

    def random(self, arm: str) -> bool:
        """Whether another seed could have given this arm another value."""
        return (self.target, arm) not in self.design.deterministic

    def seeds(self, arms: Sequence[str]) -> tuple[int, ...]:
        """The seeds that all these arms have; a deterministic arm has them all."""
        sets = [set(self.arms[arm]) for arm in arms if self.random(arm)]
        return tuple(sorted(set.intersection(*sets))) if sets else self.arms[arms[0]][:1]

    def places(self, arms: Sequence[str]) -> list[Place]:
        """The places where all these arms have a cell for each of their common seeds."""
        seeds = self.seeds(arms)
        found = sorted({place for arm, place in self._cells if arm == arms[0]})
        return [place for place in found if seeds and all(self._has(arm, place, seeds) for arm in arms)]

    def _has(self, arm: str, place: Place, seeds: Sequence[int]) -> bool:
        cells = self._cells.get((arm, place), {})
        return bool(cells) and (not self.random(arm) or all(seed in cells for seed in seeds))

    def _seed(self, arm: str, place: Place, seed: int) -> int:
        return seed if self.random(arm) else min(self._cells[arm, place])

    def extreme(self, arm: str, place: Place) -> str:
        """`ceiling` or `floor` if most runs of an arm are there, else the empty string."""
        if (arm, place) not in self._extremes:
            flags = [cell.extreme for _, cell in self._cells[arm, place].values()]
            common = max(sorted(set(flags)), key=flags.count)
            self._extremes[arm, place] = common if 2 * flags.count(common) > len(flags) else ""
        return self._extremes[arm, place]

    def column_weights(self, contrast: Contrast) -> dict[int, float]:
        """The weight of each cell (by column) in a contrast of seed means."""
        seeds = self.seeds(tuple(contrast.parts))
        weights: dict[int, float] = {}
        for arm, places in contrast.parts.items():
            for place, weight in places.items():
                for seed in seeds:
                    column = self._cells[arm, place][self._seed(arm, place, seed)][0]
                    weights[column] = weights.get(column, 0.0) + weight / len(seeds)
        return weights

    def mean(self, arm: str, places: Weights, seeds: Sequence[int]) -> float:
        """The combination of an arm's values over places, on average over seeds."""
        return float(self.by_seed(arm, places, seeds).mean())

    def by_seed(self, arm: str, places: Weights, seeds: Sequence[int]) -> Float:
        """The combination of an arm's values over places, under each seed: `[seeds]`."""
        rows = [[self.values[arm, place][self._seed(arm, place, seed)] for place in places] for seed in seeds]
        return np.asarray(np.array(rows) @ np.array(list(places.values())), dtype=np.float64)

    def estimate(self, contrast: Contrast, v_item: float, pooled: bool | None = None) -> Estimate:
        """A contrast's value and variances; `pooled` overrules the check whether they may be pooled.

        Args:
            contrast: what to estimate.
            v_item: its variance over items, as the bootstrap gives it.
            pooled: None leaves the choice to the homogeneity check.
        """
        seeds = self.seeds(tuple(contrast.parts))
        runs = [self.by_seed(arm, places, seeds) for arm, places in contrast.parts.items()]
        difference = np.sum(runs, axis=0)
        v_seed, df, was_pooled = self._seed_variance(contrast, difference, pooled)
        clusters = min(self.clusters[arm, place] for arm, part in contrast.parts.items() for place in part)
        heaviest = max((list(part.values()) for part in contrast.parts.values()), key=np.linalg.norm)
        v_item = item_variance(v_item, clusters, heaviest)
        spread = len(seeds), contrast.languages, was_pooled
        value = float(difference.mean()) if contrast.value is None else contrast.value
        return Estimate(value, v_seed, df, v_item, clusters, *spread)

    def _seed_variance(
        self, contrast: Contrast, difference: Float, pooled: bool | None
    ) -> tuple[float, float, bool]:
        random = [places for arm, places in contrast.parts.items() if self.random(arm)]
        if not random:
            return 0.0, np.inf, False
        spreads = [self._spread(places) for places in random]
        if pooled is None:
            pooled = not self.design.paired and all(spread.homogeneous for spread in spreads)
        if len(difference) < 2 or not pooled:
            return *own_seed_variance(difference), False
        return sum(spread.variance for spread in spreads) / len(difference), spreads[0].df, True

    def _spread(self, places: Weights) -> _Spread:
        """How a combination of places varies over seeds, in all arms that have it under two seeds or more."""
        sign = 1 if next(iter(places.values())) >= 0 else -1
        key = tuple((place, sign * weight) for place, weight in places.items())
        if key not in self._spreads:
            found = []
            for arm, seeds in self.arms.items():
                complete = all(self._has(arm, place, seeds) for place in places)
                if self.random(arm) and len(seeds) > 1 and complete:
                    found.append(self.by_seed(arm, places, seeds))
            alike = len(found) > 1 and homogeneous(found)
            self._spreads[key] = _Spread(alike, *(pooled_variance(found) if found else (np.nan, np.nan)))
        return self._spreads[key]


def grids(cells: Sequence[Cell], design: Design) -> list[Grid]:
    """The grids of one target's cells, which must be sorted by metric and post-processing."""
    numbered = enumerate(cells)
    parts = [list(x) for _, x in groupby(numbered, key=lambda x: (x[1].metric, x[1].postprocess))]
    return [Grid([cell for _, cell in part], [column for column, _ in part], design) for part in parts]
