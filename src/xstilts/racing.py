"""`strategy: race`: arms run seed after seed, and those that fall behind are dropped.

A round is one more seed, or several, of every arm that is still in the race. Only dev scores decide, of one arm and
seed their mean over the targets. By intervals, arms are dropped that cannot be the best of the full grid any more. What
the full grid of S seeds would find on dev is what is predicted, on the same dev data: after n seeds an arm is D̄ behind
the leader, and after all of them it will be within

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

Where one arm as good as the best will do, `halving` costs less: the worse half leaves after 2, 4, 8 … seeds, whatever
the intervals (Li et al. 2018, "Hyperband", JMLR 18(185), with seeds as the resource). No error rate can be set for it,
but one can be estimated: by the same t, a dropped arm will catch up with the leader with some `chance`, and the arm
that leads the full grid is among the dropped ones with about the sum of their chances. Of many arms that is too much,
since several cannot lead; of two or three that lie close it is too little (of two under eight seeds, without any
difference, the best was dropped in 35% of races where 24% was said), since t takes how far an arm is behind for what it
will be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from xstilts.recipe import BASELINE, RaceRule

if TYPE_CHECKING:
    from xstilts.analysis.cells import Float

FIRST = 2
"""Seeds before anything can be dropped: one tells nothing of how much seeds differ."""
_TIE = 1e-9
"""A standard deviation below this is none: scores that never differ say nothing of how far others could."""


@dataclass(frozen=True)
class Standing:
    """An arm after a round: mean dev score, and how far it is behind the leader, all in 0..1.

    `low` and `high` bound how far behind it will be on dev once all seeds have run; `chance` is how likely it will
    be ahead then, 0.5 for the leader itself.
    """

    arm: str
    dev: float
    behind: float
    low: float
    high: float
    chance: float
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

    rule: RaceRule
    error: float
    seeds: tuple[int, ...]
    rounds: tuple[Round, ...]
    arms: tuple[str, ...]
    due: tuple[int, ...]

    @property
    def over(self) -> bool:
        """Whether nothing can be dropped any more."""
        return not self.due

    @property
    def lost(self) -> float:
        """About how likely it is that the arm that leads the full grid has been dropped."""
        return min(1.0, sum(one.chance for each in self.rounds for one in each.dropped))


def race(
    scores: Mapping[str, Mapping[int, float]],
    seeds: Sequence[int],
    error: float,
    held: Collection[str] = (),
    rule: RaceRule = "intervals",
) -> Race:
    """Play the rounds that dev scores are there for.

    Args:
        scores: for each arm its mean dev score over the targets, 0..1, by seed; the baseline among them is left out.
            An arm that has not started has none.
        seeds: those of the full grid, in the order of the rounds.
        error: how often the arm that leads the full grid on dev may be dropped; halving reports intervals at this
            level and does not decide by them.
        held: arms that stay whatever their scores.
        rule: by what arms are dropped.

    Example:
        >>> found = race({"a": {0: 0.7, 1: 0.71}, "b": {0: 0.6, 1: 0.61}, "c": {0: 0.69, 1: 0.72}}, (0, 1, 2), 0.1)
        >>> found.arms, [one.arm for one in found.rounds[0].dropped], found.over
        (('a', 'c'), ['b'], True)
    """
    contestants = [arm for arm in scores if arm != BASELINE]
    arms, rounds = contestants, list[Round]()
    level = error / max(1, len(contestants) - 1) / max(1, len(seeds) - FIRST)
    for number in judged_after(rule, len(seeds)):
        due = tuple(seeds[:number])
        if len(arms if rule == "intervals" else _free(arms, held)) < 2:
            break
        if any(seed not in scores[arm] for arm in arms for seed in due):
            return Race(rule, error, tuple(seeds), tuple(rounds), tuple(arms), due)
        table = np.array([[scores[arm][seed] for seed in due] for arm in arms])
        rounds.append(_judged(arms, table, len(seeds), level, held, rule))
        out = {one.arm for one in rounds[-1].dropped}
        arms = [arm for arm in arms if arm not in out]
    return Race(rule, error, tuple(seeds), tuple(rounds), tuple(arms), ())


def judged_after(rule: RaceRule, total: int) -> list[int]:
    """After how many of all seeds arms may be dropped.

    Example:
        >>> judged_after("intervals", 6), judged_after("halving", 10)
        ([2, 3, 4, 5], [2, 4, 8])
    """
    return [number for number in range(FIRST, total) if rule == "intervals" or number.bit_count() == 1]


def fewest_seeds(found: Race, held: Collection[str] = ()) -> dict[str, int]:
    """How many seeds each arm in a race will have run, if arms are dropped as early as the rule lets them.

    By intervals: all arms but the leader in the next round. By halving: what will come of it, but for who leads then.
    """
    total = len(found.seeds)
    last = {one.arm: one.dev for one in found.rounds[-1].standings} if found.rounds else {}
    arms = sorted(found.arms, key=lambda arm: -last.get(arm, 0.0))
    runs = dict.fromkeys(arms, total)
    for number in judged_after(found.rule, total) if found.due else ():
        if number >= len(found.due):
            out = _free(arms[1:], held) if found.rule == "intervals" else _worse_half(_free(arms, held))
            runs |= dict.fromkeys(out, number)
            arms = [arm for arm in arms if arm not in out]
    return runs


def _free(arms: Sequence[str], held: Collection[str]) -> list[str]:
    """The arms that may be dropped."""
    return [arm for arm in arms if arm not in held]


def _worse_half(arms: Sequence[str]) -> Sequence[str]:
    """Of arms in the order of their scores, those that halving drops."""
    return arms[(len(arms) + 1) // 2 :]


def _judged(
    arms: Sequence[str], table: Float, total: int, level: float, held: Collection[str], rule: RaceRule
) -> Round:
    """Who is dropped by the scores `[arms, seeds]` so far; intervals are at probability `level`."""
    from scipy.special import stdtr

    from xstilts.analysis.intervals import homogeneous, t_quantile

    seeds, means = table.shape[1], table.mean(axis=1)
    leader = int(np.argmax(means))
    paired = not homogeneous(list(table))
    variances = (table[leader] - table).var(axis=1, ddof=1) if paired else np.full(len(arms), _within(table))
    df = (seeds - 1) * (1 if paired else len(arms) - 1)
    left = 1 / seeds - 1 / total
    worse = _worse_half(_free([arms[place] for place in np.argsort(-means, kind="stable")], held))
    standings = []
    for place, arm in enumerate(arms):
        behind, spread = float(means[leader] - means[place]), sqrt(variances[place])
        margin = 0.0 if place == leader else t_quantile(df, level) * spread * sqrt(left)
        known = spread > _TIE
        chance = float(stdtr(df, -behind / (spread * sqrt(left)))) if known else 0.5
        dropped = known and behind > margin and arm not in held if rule == "intervals" else arm in worse
        bounds = behind - margin, behind + margin
        standings.append(Standing(arm, float(means[place]), behind, *bounds, chance, dropped))
    return Round(seeds, arms[leader], tuple(standings), paired)


def _within(table: Float) -> float:
    """Variance of the difference of two arms under one seed, 2 s², pooled over all arms."""
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    residuals = table - rows - columns + table.mean()
    df = (table.shape[0] - 1) * (table.shape[1] - 1)
    return float(2 / df * (residuals**2).sum())
