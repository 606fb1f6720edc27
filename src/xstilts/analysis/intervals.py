"""Intervals over seeds and items, which are crossed: every seed answers the same items.

For a contrast D with value D_s under seed s and mean D̄ over S seeds,

    D̄ ± √(t²(df) V_seed + t²(G − 1) V_item),    V_seed = s²(D_s) / S,

where V_item is the variance of D̄ under a bootstrap of the G sources. Adding both is conservative: two-way
clustering would subtract the interaction, which both contain (Cameron, Gelbach & Miller 2011, "Robust
inference with multiway clustering", JBES 29(2); Owen 2007). Each part has its own t quantile, in the manner
of the bounds of Graybill & Wang (1980), "Confidence intervals on nonnegative linear combinations of
variances", JASA 75.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, inf, isinf, isnan, log, nan, sqrt

import numpy as np
from scipy.special import fdtrc, ndtri, stdtrit

from xstilts.analysis.cells import Float

_SMALLEST = 1e-15
POOLING_LEVEL = 0.1


@dataclass(frozen=True)
class Estimate:
    """A contrast's value with its two variances, all in the metric's unit (0..1).

    `v_seed` is nan where nothing is known of it (one run, or two that could not be pooled with those of other
    arms: their own variance has one degree of freedom and a t quantile of 12.7), and 0 (with `df` infinite) where
    no seed plays a part.
    `v_item` is infinite where a cell has one source only. `clusters` is the smallest number of sources
    behind a cell of the contrast; `languages` how many it spans.
    """

    value: float
    v_seed: float
    df: float
    v_item: float
    clusters: int
    seeds: int = 1
    languages: int = 1
    pooled: bool = False

    @property
    def items_only(self) -> bool:
        """Whether nothing is known of the variance over seeds: the interval holds for these very runs."""
        return isnan(self.v_seed)

    @property
    def over(self) -> str:
        """What the interval covers: `items`, or `seeds and items`."""
        return "items" if self.items_only else "seeds and items"

    @property
    def se(self) -> float:
        """√(V_seed + V_item)."""
        return sqrt(self._known_v_seed + self.v_item)

    @property
    def _known_v_seed(self) -> float:
        return 0.0 if self.items_only else self.v_seed

    def margin(self, tail: float) -> float:
        """Half the width of the interval that leaves probability `tail` on each side."""
        return half_width(((self._known_v_seed, self.df), (self.v_item, self.clusters - 1.0)), tail)

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """The two-sided interval of level 1 − alpha; over items alone where no more is known."""
        margin = self.margin(alpha / 2)
        return self.value - margin, self.value + margin

    def p_above(self, bound: float = 0.0) -> float:
        """One-sided p-value against "the contrast is at most `bound`", by inverting the interval."""
        distance = self.value - bound
        return _tail(self, distance) if distance >= 0 else 1 - _tail(self, -distance)

    def p_below(self, bound: float = 0.0) -> float:
        """One-sided p-value against "the contrast is at least `bound`"."""
        return self.mirrored().p_above(-bound)

    def p(self) -> float:
        """Two-sided p-value against 0: the alpha at which the interval touches 0."""
        return 2 * _tail(self, abs(self.value))

    def detectable(self, alpha: float = 0.05) -> float:
        """The smallest gain found with 80% power: the half-width plus the 80% quantile of the error."""
        return self.margin(alpha / 2) + self.margin(0.2)

    def mirrored(self) -> Estimate:
        """The estimate of the negative contrast."""
        return Estimate(
            -self.value,
            self.v_seed,
            self.df,
            self.v_item,
            self.clusters,
            self.seeds,
            self.languages,
            self.pooled,
        )


def t_quantile(df: float, tail: float) -> float:
    """Upper `tail` quantile of Student's t: the normal one for infinite df, infinite where df is 0."""
    if df <= 0:
        return inf
    return float(-stdtrit(df, tail) if df < inf else -ndtri(tail))


def half_width(parts: Iterable[tuple[float, float]], tail: float) -> float:
    """√(Σ t²(df) variance) over (variance, df) parts; a part of variance 0 adds 0 whatever its df."""
    return sqrt(sum(t_quantile(df, tail) ** 2 * variance for variance, df in parts if variance > 0))


def _tail(estimate: Estimate, distance: float) -> float:
    """The tail probability in (0, 0.5] whose half-width is `distance`; 1e-15 stands for anything smaller."""
    if distance == 0 or isinf(estimate.v_item):
        return 0.5
    if estimate.margin(_SMALLEST) <= distance:
        return _SMALLEST
    from scipy.optimize import brentq

    root = brentq(lambda x: estimate.margin(exp(x)) - distance, log(_SMALLEST), log(0.5), xtol=1e-9)
    return exp(root)


def item_variance(bootstrap: float, clusters: int, weights: Iterable[float]) -> float:
    """The bootstrap's variance made fit for a t interval over `clusters` sources.

    It is multiplied by g / (g − 1), since the bootstrap divides by g where the variance of a mean divides by
    g − 1, and it is at least Σ weight² / g² over the cells' weights: what one item more or less would do. Without
    that floor, cells that never differ (all right, all alike) would be known exactly, however few their items.
    """
    if clusters < 2:
        return inf
    return max(bootstrap * clusters / (clusters - 1), sum(weight**2 for weight in weights) / clusters**2)


def own_seed_variance(by_seed: Float) -> tuple[float, float]:
    """V_seed and its df of a contrast from its values `[S]` under each seed; nan for fewer than three."""
    seeds = len(by_seed)
    return (float(by_seed.var(ddof=1)) / seeds, seeds - 1.0) if seeds > 2 else (nan, nan)


def pooled_variance(by_arm: list[Float]) -> tuple[float, float]:
    """Seed variance of one run, pooled over arms: s² = Σ (S_a − 1) s_a² / Σ (S_a − 1), and its df.

    `by_arm` holds each arm's value under each of its seeds, the same combination of languages and conditions
    in every arm. The baseline is one of the arms, and shared by all differences with it (Dunnett 1955, "A
    multiple comparison procedure for comparing several treatments with a control", JASA 50): the difference
    of two arms has V_seed = s² (1 / S_a + 1 / S_b). With S seeds in each of A arms, df = A (S − 1). Seeds are
    taken as independent between arms; where the same seed moves two arms alike, this is conservative.
    """
    dfs = np.array([len(values) - 1.0 for values in by_arm])
    variances = np.array([values.var(ddof=1) for values in by_arm])
    return float(dfs @ variances / dfs.sum()), float(dfs.sum())


def homogeneous(by_arm: list[Float], level: float = POOLING_LEVEL) -> bool:
    """Whether no arm's seed variance stands out above the others'; what pooling supposes.

    The largest s_a² is compared with the mean of the others by an F-test, Bonferroni-corrected for having
    been picked as the largest, at level 0.1: with equal S it is Cochran's C (Cochran 1941, "The distribution
    of the largest of a set of estimated variances as a fraction of their total", Annals of Eugenics 11).
    """
    if len(by_arm) < 2:
        return True
    variances = [float(values.var(ddof=1)) for values in by_arm]
    largest = int(np.argmax(variances))
    rest, df_rest = pooled_variance([values for arm, values in enumerate(by_arm) if arm != largest])
    if variances[largest] == 0:
        return True
    if rest == 0:
        return False
    p = fdtrc(len(by_arm[largest]) - 1, df_rest, variances[largest] / rest)
    return bool(len(by_arm) * p > level)


def fieller(
    denominator: Estimate, numerator: Estimate, difference: Estimate, alpha: float = 0.05
) -> tuple[float, float] | None:
    """Interval of numerator / denominator, None where it is unbounded: the denominator is not clearly above 0.

    All r with (N − r D)² ≤ T_NN − 2 r T_DN + r² T_DD, where T sums the two variances (or covariances), each
    times its squared t quantile (Fieller 1954, "Some problems in interval estimation", JRSS B 16(2)). The
    covariance comes from the variance of the difference D − N. The three must share their degrees of freedom.
    """
    t_dd, t_nn, t_difference = (x.margin(alpha / 2) ** 2 for x in (denominator, numerator, difference))
    t_dn = (t_dd + t_nn - t_difference) / 2
    square = denominator.value**2 - t_dd
    half = denominator.value * numerator.value - t_dn
    discriminant = half**2 - square * (numerator.value**2 - t_nn)
    if not (square > 0 and discriminant >= 0):
        return None
    root = sqrt(discriminant)
    return (half - root) / square, (half + root) / square
