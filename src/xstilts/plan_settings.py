"""What settings beside zero-shot add to a plan: trainings on a few rows of a language, tests in translation.

Few-shot follows IGLUE (Bugliarello et al. 2022, arXiv 2201.11732, section 4): the model that was trained in English is
trained on with the rows of K images of one language, then tested in that language. Translate-test puts test rows in
English, translated by a machine, to the model as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xstilts.errors import RecipeError
from xstilts.perturbations import Condition
from xstilts.plan_parts import Cell
from xstilts.plan_retrieval import role
from xstilts.recipe import Phase, Recipe
from xstilts.recipe.settings import shots_of
from xstilts.stage import Stage
from xstilts.task_types import Untouched, is_trained, metrics_of, retrieval_type
from xstilts.tasks.base import TRANSLATED, ZERO_SHOT, Task

Parents = Mapping[str, tuple[Stage, ...]]


class Maker(Protocol):
    """Who makes stages: the planner of a recipe."""

    recipe: Recipe
    conditions: list[Condition]
    skipped: list[str]
    untouched: Untouched

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        """The recipe's languages that a task has in a split."""
        ...

    def final(self, arm: str, target: Task, seed: int) -> Stage:
        """The chosen checkpoint of a target's training."""
        ...

    def trained(
        self,
        tasks: Sequence[Task],
        phase: Phase,
        seed: int,
        extra: Mapping[str, Any],
        parents: Parents,
        label: str,
        rule: str = "",
    ) -> Stage:
        """The chosen checkpoint of a training, on the rows of `parents["train"]`."""
        ...

    def prepare(
        self,
        task: Task,
        split: str,
        language: str,
        examples: int | None = None,
        limit: int | None = None,
        shots: tuple[int, int] | None = None,
    ) -> Stage:
        """Rows of a split and language: all of them, or those of `shots`, (sources, seed)."""
        ...

    def predict(
        self,
        target: Task,
        spec: Mapping[str, Any],
        before: Parents,
        place: tuple[str, Condition],
        label: str,
        split: str = "test",
    ) -> Stage:
        """Predictions for the rows of a split in a language, under a condition."""
        ...

    def prediction_spec(self, target: Task) -> dict[str, Any]:
        """What of a target enters the keys of its predictions."""
        ...

    def score(self, target: Task, prediction: Stage, metric: str, variant: str) -> Stage:
        """The items' statistics of predictions."""
        ...


@dataclass(frozen=True)
class _Beside:
    """A target in one setting: its languages, and the split that its rows are from, for training or for the test."""

    maker: Maker
    target: Task
    setting: str
    split: str
    languages: tuple[str, ...]

    def cells(self, arm: str, seed: int) -> Iterator[Cell]:
        """The cells of an arm and seed."""
        for language in self.languages:
            checkpoint = self._checkpoint(arm, seed, language)
            for condition in self._conditions(language):
                prediction = self.maker.predict(
                    self.target,
                    self.maker.prediction_spec(self.target),
                    role("checkpoint", checkpoint),
                    (language, condition),
                    f"{arm} seed {seed} {self.setting}",
                    TRANSLATED if self.setting == TRANSLATED else "test",
                )
                for metric in metrics_of(self.target):
                    score = self.maker.score(self.target, prediction, metric, "")
                    place = (arm, self.target.name, language, str(condition), seed, metric, "")
                    yield Cell(*place, score, checkpoint, setting=self.setting)

    def _checkpoint(self, arm: str, seed: int, language: str) -> Stage:
        """The model of the target, or what becomes of it on a few rows of a language."""
        maker, target = self.maker, self.target
        final = maker.final(arm, target, seed)
        count = shots_of(self.setting)
        if count is None:
            return final
        drawn = None if self.split == self.setting else (count, seed)
        rows = maker.prepare(target, self.split, language, shots=drawn)
        rule = maker.recipe.selection
        return maker.trained(
            [target],
            maker.recipe.few_shot_phase(target.name),
            seed,
            {"continued": True},
            {"init": (final,), "train": (rows,)},
            f"{arm} seed {seed}: {target.name} {self.setting} {language}",
            "english-dev" if rule == "target-dev" else rule,
        )

    def _conditions(self, language: str) -> Iterator[Condition]:
        """Those of the recipe; noise in texts comes before a translation, and so is none of a translated test."""
        for condition in self.maker.untouched.among(self.target, self.maker.conditions, language):
            if self.setting != TRANSLATED or condition.modality != "text":
                yield condition


def cells_beside(maker: Maker, targets: Sequence[Task]) -> Iterator[Cell]:
    """The cells of the recipe's settings other than zero-shot, of its arms without their controls.

    Raises:
        RecipeError: no target has rows for a setting.
    """
    for setting in maker.recipe.settings:
        if setting == ZERO_SHOT:
            continue
        found = [one for target in targets if (one := _beside(maker, target, setting)) is not None]
        if not found:
            raise RecipeError(f"settings: {setting}: {_lacking(targets, setting)}")
        for one in found:
            for arm in maker.recipe.arms:
                for seed in maker.recipe.seeds:
                    yield from one.cells(arm, seed)


def _beside(maker: Maker, target: Task, setting: str) -> _Beside | None:
    """A target in a setting; None where it is not for it or has no rows, which is noted."""
    reason = _unfit(target, setting)
    split = setting
    if not reason:
        own = target.source.languages(setting)
        if not own and shots_of(setting) is not None:
            split = "dev"
        reason = "" if own or split == "dev" else "it has no such files"
    there = () if reason else target.source.languages(split)
    tested = [code for code in maker.languages(target, "test") if code != target.train_language]
    languages = tuple(code for code in tested if code in there)
    missing = [code for code in tested if code not in languages]
    if not languages:
        rows = "few-shot or dev" if split == "dev" else setting
        reason = reason or f"it has no {rows} rows in {', '.join(missing) or 'another language'}"
        maker.skipped.append(f"{target.name}: {setting}, as {reason}")
        return None
    if missing:
        maker.skipped.append(f"{target.name}: {setting} in {', '.join(missing)}, as there are no rows for it")
    return _Beside(maker, target, setting, split, languages)


def _unfit(target: Task, setting: str) -> str:
    """Why a setting means nothing for a target; empty where it does."""
    if not is_trained(target):
        return "it is not trained"
    if setting == TRANSLATED and retrieval_type(target.type) is not None:
        return "it searches among texts of other languages"
    return ""


def _lacking(targets: Sequence[Task], setting: str) -> str:
    """What to say where no target has rows for a setting, and how to bring them."""
    reasons = {target.name: _unfit(target, setting) for target in targets}
    if all(reasons.values()):
        return "no target is for it: " + "; ".join(f"{name}, as {why}" for name, why in reasons.items())
    rows = "test rows translated into English" if setting == TRANSLATED else "few-shot or dev rows"
    name = next(name for name, why in reasons.items() if not why)
    return (
        f"no target has {rows} in a language that is tested. For a task of your own, name their files: "
        f"tasks.{name}.files: {{train: …, test: …, {setting}: …{{language}}…}}"
    )
