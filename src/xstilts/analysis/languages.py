"""What the gains of several languages say together: how many gain, and how little the worst does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xstilts.analysis.cells import is_english
from xstilts.analysis.contrasts import ALL, OTHERS
from xstilts.analysis.grid import Key
from xstilts.analysis.intervals import Estimate
from xstilts.analysis.ratios import Derived

SHARE_GAINING, WORST_GAIN = "share_gaining", "worst_gain"


def over_languages(estimates: Mapping[Key, Estimate], alpha: float) -> dict[Key, Derived]:
    """Two quantities over the languages other than English, for every arm, reference and condition.

    - `share_gaining` (group `non-en`): the share of languages whose gain is above 0. Its interval counts those whose
      gain, and whose loss, is established after Holm's correction over the languages at level alpha / 2 each: all of
      them are true at once with probability 1 − alpha, so the true share is in between.
    - `worst_gain` (group: that language): the smallest gain. The smallest lower bound of all languages bounds it from
      below, uncorrected: whichever language is the worst, its own bound is no lower (Berger 1982, "Multiparameter
      hypothesis testing and acceptance sampling", Technometrics 24). From above, the smallest upper bound at level
      alpha / (2 languages): the observed minimum was picked for being small, and lies below the true one on average.
    """
    found: dict[Key, Derived] = {}
    for key, gains in _by_language(estimates).items():
        languages = sorted(gains, key=lambda x: (gains[x].value, x))
        found[key._replace(quantity=SHARE_GAINING)] = _share([gains[x] for x in languages], alpha)
        worst = key._replace(quantity=WORST_GAIN, group=languages[0])
        found[worst] = _worst([gains[x] for x in languages], alpha)
    return found


def _by_language(estimates: Mapping[Key, Estimate]) -> dict[Key, dict[str, Estimate]]:
    """The gain of each language, by the key of their mean."""
    found: dict[Key, dict[str, Estimate]] = {}
    for key, estimate in estimates.items():
        if key.quantity == "gain" and key.group not in (OTHERS, ALL) and not is_english(key.group):
            found.setdefault(key._replace(group=OTHERS), {})[key.group] = estimate
    return found


def _share(gains: Sequence[Estimate], alpha: float) -> Derived:
    share = sum(x.value > 0 for x in gains) / len(gains)
    rises = sum(p <= alpha / 2 for p in holm([x.p_above() for x in gains]))
    falls = sum(p <= alpha / 2 for p in holm([x.p_below() for x in gains]))
    return share, rises / len(gains), 1 - falls / len(gains)


def _worst(gains: Sequence[Estimate], alpha: float) -> Derived:
    low = min(x.interval(alpha)[0] for x in gains)
    high = min(x.interval(alpha / len(gains))[1] for x in gains)
    return gains[0].value, _bounded(low), _bounded(high)


def _bounded(bound: float) -> float | None:
    return float(bound) if np.isfinite(bound) else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Step-down corrected p-values: the running maximum of (m − rank) p, at most 1 (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, dtype=float)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in corrected]
