"""`strategy: race`: arms run seed after seed, and those that cannot be the best of the full grid any more are dropped.

A round is one more seed of every arm that is still in the race. Only dev scores decide, of one arm and seed their mean
over the targets. What the full grid of S seeds would find on dev is what is predicted, on the same dev data: after n
seeds an arm is D̄ behind the leader, and after all of them it will be within

    D̄ ± t(df) s √(2 (1/n − 1/S)),

where s² is the variance of arms within seeds. Pairing takes out what a seed does to all arms alike: with A arms,
s² = Σ (x_as − x̄_a − x̄_s + x̄)² / df and df = (A − 1)(n − 1). Where one arm's variance stands out (`homogeneous`), that
of the arm's own paired differences from the leader takes the place of 2 s², and df = n − 1. The arm is dropped if this
interval leaves out 0. Its tail has probability error / (A₀ − 1) / (S − 2), for A₀ arms at the start and S − 2 rounds
in which anything can be dropped (Bonferroni).

With normal noise of equal variance the difference of a mean over n seeds and that over all S has variance
s² (1/n − 1/S) and is independent of the latter. So for each arm and round the interval holds whatever the full grid
finds, and the arm that leads the full grid on dev is dropped in a share `error` of all races at most. Racing with
paired intervals: Maron & Moore 1994, "Hoeffding races" (NIPS 6), with t in place of Hoeffding's bound; blocks that all
arms share: Birattari et al. 2002, "A racing algorithm for configuring metaheuristics" (GECCO).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from xstilts.recipe import BASELINE

if TYPE_CHECKING:
    from xstilts.analysis.cells import Float

FIRST = 2
"""Seeds before anything can be dropped: one tells nothing of how much seeds differ."""
_TIE = 1e-9
"""A standard deviation below this is none: scores that never differ say nothing of how far others could."""


@dataclass(frozen=True)
class Standing:
    """An arm after a round: mean dev score, and how far it is behind the leader, all in 0..1.

    `low` and `high` bound how far behind it will be on dev once all seeds have run.
    """

    arm: str
    dev: float
    behind: float
    low: float
    high: float
    dropped: bool


@dataclass(frozen=True)
class Round:
    """What a round decided. `seeds` counts those that have run; `paired`: each arm's own variance was taken."""

    seeds: int
    leader: str
    standings: tuple[Standing, ...]
    paired: bool

    @property
    def dropped(self) -> tuple[Standing, ...]:
        """The arms that leave the race."""
        return tuple(one for one in self.standings if one.dropped)


@dataclass(frozen=True)
class Race:
    """A race as far as dev scores go.

    `arms` are still in it, without the baseline, which always is; `due` are the seeds that must have run before the
    next round can be judged, none once the race is over.
    """

    error: float
    seeds: tuple[int, ...]
    rounds: tuple[Round, ...]
    arms: tuple[str, ...]
    due: tuple[int, ...]

    @property
    def over(self) -> bool:
        """Whether nothing can be dropped any more."""
        return not self.due


def race(
    scores: Mapping[str, Mapping[int, float]], seeds: Sequence[int], error: float, held: Collection[str] = ()
) -> Race:
    """Play the rounds that dev scores are there for.

    Args:
        scores: for each arm its mean dev score over the targets, 0..1, by seed; the baseline among them is left out.
            An arm that has not started has none.
        seeds: those of the full grid, in the order of the rounds.
        error: how often the arm that leads the full grid on dev may be dropped.
        held: arms that stay whatever their scores.

    Example:
        >>> found = race({"a": {0: 0.7, 1: 0.71}, "b": {0: 0.6, 1: 0.61}, "c": {0: 0.69, 1: 0.72}}, (0, 1, 2), 0.1)
        >>> found.arms, [one.arm for one in found.rounds[0].dropped], found.over
        (('a', 'c'), ['b'], True)
    """
    contestants = [arm for arm in scores if arm != BASELINE]
    arms, rounds = contestants, list[Round]()
    level = error / max(1, len(contestants) - 1) / max(1, len(seeds) - FIRST)
    for number in range(FIRST, len(seeds)):
        due = tuple(seeds[:number])
        if len(arms) < 2:
            break
        if any(seed not in scores[arm] for arm in arms for seed in due):
            return Race(error, tuple(seeds), tuple(rounds), tuple(arms), due)
        table = np.array([[scores[arm][seed] for seed in due] for arm in arms])
        rounds.append(_judged(arms, table, len(seeds), level, held))
        out = {one.arm for one in rounds[-1].dropped}
        arms = [arm for arm in arms if arm not in out]
    return Race(error, tuple(seeds), tuple(rounds), tuple(arms), ())


def _judged(arms: Sequence[str], table: Float, total: int, level: float, held: Collection[str]) -> Round:
    """Who is dropped by the scores `[arms, seeds]` so far, each arm at probability `level`."""
    from xstilts.analysis.intervals import homogeneous, t_quantile

    seeds, means = table.shape[1], table.mean(axis=1)
    leader = int(np.argmax(means))
    paired = not homogeneous(list(table))
    variances = (table[leader] - table).var(axis=1, ddof=1) if paired else np.full(len(arms), _within(table))
    df = (seeds - 1) * (1 if paired else len(arms) - 1)
    left = 1 / seeds - 1 / total
    standings = []
    for place, arm in enumerate(arms):
        behind, spread = float(means[leader] - means[place]), sqrt(variances[place])
        margin = 0.0 if place == leader else t_quantile(df, level) * spread * sqrt(left)
        dropped = arm not in held and spread > _TIE and behind > margin
        bounds = behind - margin, behind + margin
        standings.append(Standing(arm, float(means[place]), behind, *bounds, dropped and place != leader))
    return Round(seeds, arms[leader], tuple(standings), paired)


def _within(table: Float) -> float:
    """Variance of the difference of two arms under one seed, 2 s², pooled over all arms."""
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    residuals = table - rows - columns + table.mean()
    df = (table.shape[0] - 1) * (table.shape[1] - 1)
    return float(2 / df * (residuals**2).sum())
