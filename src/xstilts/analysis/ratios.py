"""Gains as shares: of the English gain (retention), and of the baseline's errors (error reduction)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from xstilts.analysis.contrasts import ALL, ENGLISH, OTHERS
from xstilts.analysis.grid import Contrast, Grid, Key, signed
from xstilts.analysis.intervals import Estimate, fieller

Derived = tuple[float, float | None, float | None]
"""A quantity made of contrasts and its interval; the bounds are None where it is unbounded."""


@dataclass(frozen=True)
class Asked:
    """A contrast of a grid and its variance over items."""

    grid: Grid
    contrast: Contrast
    variance: float

    def estimate(self, pooled: bool, arms: Mapping[str, float] | None = None) -> Estimate:
        """The contrast under one choice of pooling; `arms`: other weights of arms than its own."""
        contrast = self.contrast
        if arms:  # a gain has the reference's places with the sign turned
            contrast = replace(contrast, parts=signed(arms, contrast.parts[next(iter(contrast.parts))]))
        return self.grid.estimate(contrast, self.variance, pooled)


def ratios(estimates: Mapping[Key, Estimate], asked: Mapping[Key, Asked], alpha: float) -> dict[Key, Derived]:
    """Every ratio of a target, by keys of the quantities `retention` and `error_reduction`.

    - `retention`: mean gain over other languages / English gain, where the English gain is clear.
    - `error_reduction`: gain / (1 − score of the reference), the share of the reference's errors that the arm
      leaves out; for each language and condition where arm or reference is at the ceiling or at the floor, since a
      point there weighs more, or less, than elsewhere.
    """
    found: dict[Key, Derived] = {}
    for key, estimate in estimates.items():
        if key.quantity == "transfer_gap" and key.reference and not estimate.items_only:
            retention = _retention(key, estimates, asked, alpha)
            if retention:
                found[key._replace(quantity="retention", group=OTHERS)] = retention
        elif key.quantity == "gain" and _is_extreme(key, asked[key]):
            reduction = _error_reduction(key, estimates, asked, alpha)
            if reduction:
                found[key._replace(quantity="error_reduction")] = reduction
    return found


def _retention(
    gap: Key, estimates: Mapping[Key, Estimate], asked: Mapping[Key, Asked], alpha: float
) -> Derived | None:
    keys = [gap._replace(quantity="gain", group=group) for group in (ENGLISH, OTHERS)]
    # One choice of pooling for all three: the covariance comes from their difference.
    pooled = all(estimates[x].pooled for x in (*keys, gap))
    english, others, both = (asked[x].estimate(pooled) for x in (*keys, gap))
    known = not (english.items_only or others.items_only or both.items_only)
    interval = fieller(english, others, both, alpha) if known else None
    if interval and estimates[keys[0]].value > 0:
        return others.value / english.value, *interval
    return None


def _is_extreme(key: Key, asked: Asked) -> bool:
    """Whether a gain is of one language, and one of its two arms is at the ceiling or at the floor there."""
    places = list(asked.contrast.parts[key.arm])
    if len(places) != 1 or key.group in (OTHERS, ALL):
        return False
    return any(asked.grid.extreme(arm, places[0]) for arm in (key.arm, key.reference))


def _error_reduction(
    gain: Key, estimates: Mapping[Key, Estimate], asked: Mapping[Key, Asked], alpha: float
) -> Derived | None:
    """None where the reference makes no errors.

    The covariance of gain and errors comes from the arm's score, as gain − errors = score − 1. Each is taken
    over the seeds that both arms have: an arm with weight 0 brings its seeds and nothing else.
    """
    arm, reference = (
        gain._replace(quantity="score", arm=name, reference="") for name in (gain.arm, gain.reference)
    )
    pooled = all(estimates[x].pooled for x in (gain, arm, reference))
    difference = asked[gain].estimate(pooled)
    score = asked[reference].estimate(pooled, {gain.arm: 0.0, gain.reference: 1.0})
    rest = asked[arm].estimate(pooled, {gain.arm: 1.0, gain.reference: 0.0})
    errors = replace(score, value=1 - score.value)
    if errors.value <= 0:
        return None
    return difference.value / errors.value, *(fieller(errors, difference, rest, alpha) or (None, None))
