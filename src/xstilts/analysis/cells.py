"""What the analysis is given: scored cells, the design that compares them, and its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.errors import DataError, UserError
from xstilts.metrics import get_metric

CLEAN = "clean"
PERTURBED = "perturbed"
"""The condition that stands for the mean over all conditions but clean."""

CEILING = 0.95
IMAGE_TEXT = "image-text"
"""The family, and the modality, of tasks that put images to text."""

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Cell:
    """One arm × target × language × condition × seed, scored by one metric: its items' statistics.

    `sources` `[n]` names the original of each item, `stats` `[n, k]` holds the metric's statistics of each.
    `family` is trained, retrieval or image-text. `chance` is the score of a guesser, in 0..1, or None.

    Raises:
        DataError: sources and statistics do not fit, there are none, or one is not a finite number.
    """

    arm: str
    target: str
    task_type: str
    family: str
    language: str
    condition: str
    seed: int
    metric: str
    sources: Sequence[str] | NDArray[Any]
    stats: Float
    postprocess: str = ""
    chance: float | None = None

    def __post_init__(self) -> None:
        if self.stats.ndim != 2 or len(self.stats) != len(self.sources) or not len(self.stats):
            raise DataError(
                f"{self.name}: {len(self.sources)} sources for statistics of shape {self.stats.shape}. "
                "Expected one row of statistics for each source, and at least one"
            )
        if not np.isfinite(self.stats).all():
            raise DataError(
                f"{self.name}: statistics that are not finite numbers. Score the predictions again"
            )

    @property
    def name(self) -> str:
        """How messages name this cell."""
        parts = self.arm, self.target, self.language, self.condition, f"seed {self.seed}", self.metric
        return " × ".join(parts)

    @property
    def modality(self) -> str:
        """`image-text` or `text`."""
        return modality_of(self.family)

    @cached_property
    def n_sources(self) -> int:
        """How many sources the items have."""
        return len(set(self.sources))

    @cached_property
    def value(self) -> float:
        """The score of all items, in 0..1."""
        return float(get_metric(self.metric).value(self.stats.sum(axis=0)))

    @cached_property
    def extreme(self) -> str:
        """`ceiling` above 95%, `floor` where a guesser could score as much, else the empty string.

        A guesser's score has a standard error of at most √(c(1 − c) / sources), c being chance (binomial).
        """
        if self.value > CEILING:
            return "ceiling"
        if self.chance is None:
            return ""
        error = (self.chance * (1 - self.chance) / self.n_sources) ** 0.5
        return "floor" if self.value <= self.chance + 1.96 * error else ""


@dataclass(frozen=True)
class Design:
    """Which arms are compared, and with what.

    `controls` maps the name of a control to its arm and kind: `"squad~longer": ("squad", "longer")`.
    `deterministic` holds the (target, arm) pairs that no seed touches: an untrained retrieval baseline.
    `same_task` holds the (arm, target) pairs with the same task on both sides. `primary` names the metric
    that a target is judged by; without an entry it is the first of its metrics in alphabetical order.
    `paired` says that a seed decides something that all arms share, as few-shot rows drawn by it: then arms vary over
    seeds together, so that the variance of their difference is its own, and never the sum of theirs.
    `dropped` are arms that a race left out on dev: they have no cells, but corrections for multiple tests count them.

    Raises:
        UserError: a control of an arm that is not there, or the baseline among its own arms' controls.
    """

    arms: tuple[str, ...]
    baseline: str = "none"
    controls: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    deterministic: frozenset[tuple[str, str]] | set[tuple[str, str]] = frozenset()
    same_task: frozenset[tuple[str, str]] | set[tuple[str, str]] = frozenset()
    primary: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    paired: bool = False
    dropped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for control, (arm, _) in self.controls.items():
            if arm not in self.arms or control == self.baseline:
                raise UserError(
                    f"{control!r} is given as a control of {arm!r}. Expected a control other than the "
                    f"baseline, of one of the arms: {', '.join(self.arms)}"
                )

    @property
    def treatments(self) -> tuple[str, ...]:
        """The arms that are neither the baseline nor a control."""
        return tuple(arm for arm in self.arms if arm != self.baseline and arm not in self.controls)

    def controls_of(self, arm: str) -> tuple[str, ...]:
        """The names of an arm's controls."""
        return tuple(control for control, (owner, _) in self.controls.items() if owner == arm)


@dataclass(frozen=True)
class Settings:
    """`delta`: smallest gain of interest, in 0..1; `draws` of the bootstrap; `alpha`: level of tests; `seed`.

    Raises:
        UserError: a setting outside its range.
    """

    delta: float = 0.01
    draws: int = 10_000
    alpha: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.draws >= 100 and 0 < self.alpha < 0.5 and 0 <= self.delta < 1):
            raise UserError(
                f"analysis settings {self}: expected draws of 100 or more, alpha between 0 and 0.5, "
                "delta from 0 up to 1 (0.01 is one point)"
            )


def check_same_items(a: Cell, b: Cell) -> None:
    """Raise DataError unless two cells hold the same sources, equally often: differences are paired by item."""
    ours, theirs = tuple(a.sources), tuple(b.sources)
    if ours != theirs and sorted(ours) != sorted(theirs):
        raise DataError(
            f"{a.name} has {len(ours)} items, {b.name} has {len(theirs)}, with {len(set(ours) & set(theirs))} "
            "sources in common. Expected the same items: predict both on the same test files, then score again"
        )


def modality_of(family: str) -> str:
    """The modality of a family of tasks: `image-text` or `text`."""
    return IMAGE_TEXT if family == IMAGE_TEXT else "text"


def is_english(language: str) -> bool:
    """Whether a BCP-47 tag is English in any region: `en`, `en-GB`."""
    return language.split("-", maxsplit=1)[0] == "en"
