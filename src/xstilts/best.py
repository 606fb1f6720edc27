"""Which arm is best on dev: the one place that decides it, for controls, for what is kept, for exports, for the report.

Test results play no part, and a tie goes to the baseline: doing less.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from xstilts.plan import Plan
from xstilts.recipe import BASELINE
from xstilts.store import Store

_TIE = 1e-9
"""Sums of the same scores in another order differ by less; scores of as many as a million items by more."""


def dev_scores(plan: Plan, store: Store) -> dict[tuple[str, str], list[float]]:
    """Scores on dev by (arm, target), a value a seed: of the chosen checkpoint or of the chosen layer."""
    return {place: list(by_seed.values()) for place, by_seed in seed_scores(plan, store).items()}


def seed_scores(plan: Plan, store: Store) -> dict[tuple[str, str], dict[int, float]]:
    """The same by seed, in the order of the plan."""
    scores: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for cell in plan.cells:
        stage = cell.layer or cell.checkpoint
        if stage is not None and stage.address in store and cell.seed not in scores[cell.arm, cell.target]:
            value = store.open(stage.address).info["score"]
            if value is not None:
                scores[cell.arm, cell.target][cell.seed] = value
    return {place: by_seed for place, by_seed in scores.items() if by_seed}


def dev_gains(
    means: Mapping[tuple[str, str], float], arms: Iterable[str], targets: Sequence[str]
) -> dict[str, float]:
    """Mean over targets of each arm's dev score minus the baseline's.

    Args:
        means: dev scores by (arm, target), 0..1, averaged over seeds.
        arms: the arms that may be chosen; the baseline among them is left out.
        targets: the targets that the arms are judged by; those that lack a score on either side do not count.
    """
    gains = {}
    for arm in arms:
        known = [target for target in targets if {(arm, target), (BASELINE, target)} <= means.keys()]
        if arm != BASELINE and known:
            gains[arm] = statistics.mean(means[arm, name] - means[BASELINE, name] for name in known)
    return gains


def leader_of(gains: Mapping[str, float]) -> str | None:
    """The arm with the largest gain on dev, even where it is a loss; of equals the first. None without gains."""
    return max(gains, key=lambda arm: gains[arm]) if gains else None


def best_of(gains: Mapping[str, float]) -> str:
    """The leading arm if it is better on dev than the baseline, else the baseline.

    Example:
        >>> best_of({"squad": 0.02, "mnli": 0.01}), best_of({"squad": 0.0, "mnli": -0.01}), best_of({})
        ('squad', 'none', 'none')
    """
    arm = leader_of(gains)
    return arm if arm is not None and gains[arm] > _TIE else BASELINE


def leading_arm(plan: Plan, store: Store, target: str | None = None) -> str | None:
    """The leading arm over all targets, whose controls are run, or on one. None while scores are missing."""
    return leader_of(_gains(plan, store, [target] if target else plan.recipe.targets))


def best_arm(plan: Plan, store: Store, target: str) -> str | None:
    """The best arm on a target, the baseline included. None while scores are missing."""
    gains = _gains(plan, store, [target])
    return best_of(gains) if gains else None


def _gains(plan: Plan, store: Store, targets: Sequence[str]) -> dict[str, float]:
    means = {place: statistics.mean(values) for place, values in dev_scores(plan, store).items()}
    return dev_gains(means, plan.recipe.arms, targets)
