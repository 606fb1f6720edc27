"""What a plan is made of: cells, the stages that hold them, controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xstilts.recipe import Recipe
from xstilts.stage import Stage
from xstilts.tasks.base import ZERO_SHOT


@dataclass(frozen=True)
class Cell:
    """A cell and seed of the answer, and the stages that hold it.

    `setting` says how the language is tested: zero-shot, few-shot@K, translate-test.
    """

    arm: str
    target: str
    language: str
    condition: str
    seed: int
    metric: str
    postprocess: str
    score: Stage
    checkpoint: Stage | None
    layer: Stage | None = None
    setting: str = ZERO_SHOT


@dataclass(frozen=True)
class Control:
    """A control: the arm it stands beside and what it does."""

    name: str
    of: str
    kind: str


@dataclass(frozen=True)
class Plan:
    """Every stage, parents first, and what they answer.

    `cells` are the zero-shot ones, which verdicts are about; `beside` are those in the recipe's other settings.
    `intermediates` and `finals` are the chosen checkpoints: of an arm's intermediate training by (arm, seed), and of
    a target's training by (arm, target, seed). `goal` are the stages whose facts are wanted where that is not the
    whole answer.
    """

    recipe: Recipe
    stages: tuple[Stage, ...]
    cells: tuple[Cell, ...]
    controls: tuple[Control, ...]
    intermediates: Mapping[tuple[str, int], Stage]
    finals: Mapping[tuple[str, str, int], Stage]
    skipped: tuple[str, ...]
    precision: str
    beside: tuple[Cell, ...] = ()
    goal: tuple[Stage, ...] | None = None
