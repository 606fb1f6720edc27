"""Quantities that divide one score or error by another: relative drop, mean corruption error.

They are functions f of the scores' means over seeds. Their variance is that of the linear contrast Σ (∂f/∂score) ×
score, the derivatives taken at the estimates (the delta method: van der Vaart 1998, "Asymptotic statistics", chapter
3), so that seeds and items, pooling and quantiles are those of any contrast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from xstilts.analysis.cells import CLEAN, PERTURBED
from xstilts.analysis.grid import Contrast, Grid, Key, Place, Weights

RELATIVE_DROP, CORRUPTION_ERROR = "relative_drop", "mean_corruption_error"
NULL = {CORRUPTION_ERROR: 1.0}
"""Values that stand for no difference, where it is not 0."""


@dataclass(frozen=True)
class _Ratio:
    """Numerator and denominator, each a combination of scores."""

    top: float
    bottom: float

    def derivatives(self, top: Weights, bottom: Weights) -> tuple[dict[Place, float], dict[Place, float]]:
        """Those of top ÷ bottom by each score, given the derivatives of `top` and of `bottom`."""
        by_top = {place: weight / self.bottom for place, weight in top.items()}
        by_bottom = {place: -weight * self.top / self.bottom**2 for place, weight in bottom.items()}
        return by_top, by_bottom


def relative_drop(grid: Grid, key: Key, noisy: Weights) -> Contrast | None:
    """The share of its clean score that an arm loses under a condition; with a reference, the arm's minus its share.

    1 − Σ w score(condition) / Σ w score(clean), over languages that have both. None where a clean score is 0.

    Args:
        grid: the scores.
        key: whose arm and reference are meant; an empty reference means the arm alone.
        noisy: the weights w of the places under the condition.
    """
    arms = (key.arm, key.reference) if key.reference else (key.arm,)
    seeds = grid.seeds(arms)
    clean: dict[Place, float] = {}
    for (language, _), weight in noisy.items():
        clean[language, CLEAN] = clean.get((language, CLEAN), 0.0) + weight
    value, parts, positive = 0.0, dict[str, Weights](), []
    for arm, sign in zip(arms, (1, -1), strict=False):
        ratio = _Ratio(grid.mean(arm, noisy, seeds), grid.mean(arm, clean, seeds))
        if ratio.bottom <= 0:
            return None
        value += sign * (1 - ratio.top / ratio.bottom)
        minus = {place: -sign * weight for place, weight in noisy.items()}
        by_noisy, by_clean = ratio.derivatives(minus, {place: -sign * w for place, w in clean.items()})
        parts[arm] = {**by_noisy, **by_clean}
        positive.append(Contrast(key, {arm: clean}, 1))
    return Contrast(key, parts, _languages(noisy), value, tuple(positive))


def mean_corruption_error(grid: Grid, key: Key, places: Sequence[Place]) -> Contrast | None:
    """Errors of an arm under noise relative to those of the reference: 1 is no difference, below 1 fewer errors.

    For each perturbation, the sum of 1 − score over its severities and the languages, the arm's divided by the
    reference's; then the mean over perturbations. None where the reference makes no errors.

    Source: Hendrycks & Dietterich 2019, "Benchmarking neural network robustness to common corruptions and
    perturbations", ICLR, section 4.1, with the baseline (or a control) in AlexNet's place and 1 for their 100.
    """
    arms = key.arm, key.reference
    seeds = grid.seeds(arms)
    kinds = [list(found) for _, found in groupby(sorted(places, key=_kind), key=_kind)]
    value, ours, theirs, positive = 0.0, dict[Place, float](), dict[Place, float](), []
    for found in kinds:
        weights = {place: 1 / len(found) for place in found}
        ratio = _Ratio(*(1 - grid.mean(arm, weights, seeds) for arm in arms))
        if ratio.bottom <= 0:
            return None
        value += ratio.top / ratio.bottom / len(kinds)
        fewer = {place: -weight / len(kinds) for place, weight in weights.items()}
        by_ours, by_theirs = ratio.derivatives(fewer, fewer)
        ours |= by_ours
        theirs |= by_theirs
        errors = {place: -weight for place, weight in weights.items()}
        positive.append(Contrast(key, {key.reference: errors}, 1, ratio.bottom))
    return Contrast(key, {key.arm: ours, key.reference: theirs}, _languages(places), value, tuple(positive))


def nonlinear(
    grid: Grid,
    pair: tuple[str, str],
    condition: str,
    groups: tuple[Mapping[str, Sequence[Place]], Mapping[str, Sequence[Place]]],
) -> Iterator[Contrast]:
    """The quantities of this module for an arm and its reference under one condition, for each group of places.

    Args:
        grid: the scores.
        pair: arm and reference; an empty reference means the arm alone.
        condition: not `clean`.
        groups: by name, all places under the condition, and those with a clean counterpart.
    """
    every, paired = groups
    key = Key(grid.target, grid.metric, grid.postprocess, RELATIVE_DROP, *pair, "", condition)
    found = [
        relative_drop(grid, key._replace(group=group), {place: 1 / len(places) for place in places})
        for group, places in paired.items()
    ]
    if pair[1] and condition == PERTURBED:
        key = key._replace(quantity=CORRUPTION_ERROR)
        found += [mean_corruption_error(grid, key._replace(group=x), places) for x, places in every.items()]
    yield from filter(None, found)


def _kind(place: Place) -> str:
    """The perturbation of a place and its role, without its severity."""
    return place[1].partition("@")[0]


def _languages(places: Weights | Sequence[Place]) -> int:
    return len({language for language, _ in places})
