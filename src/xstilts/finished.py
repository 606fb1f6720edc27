"""A finished run's folder, opened again: its answer, plan and store, and which checkpoint is best on dev."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.best import best_of, dev_gains
from xstilts.errors import DataError, UnknownName, UserError
from xstilts.experiment import Experiment, open_experiment
from xstilts.plan import Plan, Stage
from xstilts.recipe import Recipe, load_recipe
from xstilts.results import Results
from xstilts.stage import data_revision
from xstilts.store import Address
from xstilts.task_types import is_trained, retrieval_type

BEST = "best"
"""The arm that is chosen on dev."""

ENCODER = "encoder"
"""The target that means: the encoder as the intermediate left it, without a head."""


@dataclass(frozen=True)
class FinishedRun:
    """What `xstilts run` left in a folder, with its stages planned again."""

    results: Results
    experiment: Experiment
    plan: Plan

    @classmethod
    def open(cls, folder: str | Path, data: Path | None = None) -> FinishedRun:
        """Open the folder of a finished run.

        The precision that the run resolved is taken over, so that another machine plans the same stages.

        Args:
            folder: of the run.
            data: folder with benchmark data; default: the one that the run was given.

        Raises:
            UserError: no finished run, or its data, packages or encoder are no longer those that were run.
        """
        results = Results.load(folder)
        run, folder = results.run, Path(folder)
        recipe = load_recipe(folder / "recipe.yaml", (f"training.precision={run['precision']}",))
        beside = folder / "store"
        store = beside if beside.is_dir() else run["store"]
        experiment = _open(recipe, run if data is None else run | {"data": str(data)}, store, folder)
        controls = run["controls"]
        arms = run["race"]["stayed"] if "race" in run else None
        found = cls(results, experiment, experiment.plan(controls[0]["of"] if controls else None, arms))
        _check_unchanged(found)
        return found

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.results.folder

    @property
    def recipe(self) -> Recipe:
        """The recipe as it was run, everything resolved."""
        return self.experiment.recipe

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms and controls, without those that a race dropped."""
        return (*self.plan.recipe.arms, *(control.name for control in self.plan.controls))

    def targets(self, trained: bool) -> tuple[str, ...]:
        """The targets that are trained before they are tested, or those that are not."""
        tasks = (self.experiment.catalogue.get(name) for name in self.recipe.targets)
        return tuple(task.name for task in tasks if is_trained(task) == trained)

    def arm(self, name: str, targets: Sequence[str]) -> str:
        """An arm by name; `best` is the one with the largest mean gain on dev over some targets.

        Where no arm is better on dev than the baseline, the baseline is the best.

        Raises:
            UnknownName: no arm or control has this name.
        """
        if name != BEST:
            if name in self.recipe.arms and name not in self.arms:
                raise UserError(
                    f"--arm {name}: the race dropped it, and it was not tested. Expected one of: "
                    f"{', '.join([BEST, *self.arms])}; or run with --set strategy=full"
                )
            if name not in self.arms:
                raise UnknownName("arm", name, [BEST, *self.arms])
            return name
        return best_of(self.dev_gains(targets))

    def dev_gains(self, targets: Sequence[str]) -> dict[str, float]:
        """Mean over targets of each arm's dev score minus the baseline's; controls are no candidates."""
        means = {(row["arm"], row["task"]): row["mean"] for row in self.results.run["dev"]}
        return dev_gains(means, self.recipe.arms, targets)

    def seed(self, arm: str, target: str | None) -> int:
        """The seed with the best dev score: on the target, or without one on the arm's intermediate tasks."""
        run = self.results.run
        rows = (
            run["intermediates"] if target is None else [row for row in run["dev"] if row["task"] == target]
        )
        by_task = [row["values"] for row in rows if row["arm"] == arm]
        seeds = self.recipe.seeds
        scores = [statistics.mean(values) for values in zip(*by_task, strict=True)]
        return max(zip(scores, seeds, strict=True), key=lambda pair: pair[0])[1] if scores else seeds[0]

    def rows(self, table: str, **wanted: Any) -> list[dict[str, Any]]:
        """Rows of `results`, `gains_table` or `verdicts` whose columns have these values, of zero-shot tests."""
        rows: list[dict[str, Any]] = getattr(self.results.in_setting(), table)
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


@dataclass(frozen=True)
class Choice:
    """Which checkpoint of a run is exported. `asked` is the arm as it was asked for: `best`, or a name."""

    run: FinishedRun
    asked: str
    arm: str
    target: str
    seed: int

    @property
    def is_trained(self) -> bool:
        """Whether the checkpoint was trained on the target."""
        return self.target in self.run.targets(trained=True)

    @property
    def has_head(self) -> bool:
        """Whether the export has a head: that of a target which was trained, unless it searches among vectors."""
        kind = self.run.experiment.catalogue.get(self.target).type if self.is_trained else ""
        return self.is_trained and retrieval_type(kind) is None

    @property
    def tested(self) -> tuple[str, ...]:
        """The targets whose results say something about this very checkpoint."""
        if self.target != ENCODER:
            return (self.target,)
        return self.run.targets(trained=False)

    @property
    def stage(self) -> Stage | None:
        """The stage that chose the checkpoint; None for the encoder as it was published."""
        if self.is_trained:
            return self.run.plan.finals[self.arm, self.target, self.seed]
        return self.run.plan.intermediates.get((self.arm, self.seed))

    @property
    def intermediates(self) -> tuple[str, ...]:
        """The intermediate tasks of the arm."""
        return self.run.recipe.arms[self.arm.partition("~")[0]].tasks

    @property
    def layers(self) -> Mapping[str, int]:
        """For a retrieval target the layer that was chosen on dev, by post-processing."""
        for row in self.run.results.run["layers"]:
            if (row["arm"], row["task"], row["seed"]) == (self.arm, self.target, self.seed):
                layers: dict[str, int] = row["layers"]
                return layers
        return {}


def choose(run: FinishedRun, arm: str, target: str | None, seed: int | None) -> Choice:
    """Resolve what was asked for against what the run has.

    Args:
        run: a finished run.
        arm: an arm, a control, or `best`.
        target: a target of the run or `encoder`; None for the only trained one, or the only one.
        seed: a seed of the run; None for the best on dev.

    Raises:
        UserError: the run has no such arm, target or seed, or several targets to choose from.
    """
    target = (
        only_target(run, run.targets(trained=True) or run.targets(trained=False))
        if target is None
        else target
    )
    if target != ENCODER and target not in run.recipe.targets:
        raise UnknownName("target", target, [*run.recipe.targets, ENCODER])
    judged = run.recipe.targets if target == ENCODER else (target,)
    found = run.arm(arm, judged)
    if found.endswith("~longer") and target not in run.targets(trained=True):
        raise UserError(
            f"--arm {found}: this control trains nothing but targets. Expected --target with one of "
            f"{', '.join(run.targets(trained=True))}, or another arm: {', '.join(run.arms)}"
        )
    if seed is not None and seed not in run.recipe.seeds:
        raise UserError(f"--seed {seed}: the run has the seeds {', '.join(map(str, run.recipe.seeds))}")
    best = run.seed(found, None if target == ENCODER else target)
    return Choice(run, arm, found, target, best if seed is None else seed)


def only_target(run: FinishedRun, targets: tuple[str, ...]) -> str:
    """The only one of some targets, `encoder` where there is none.

    Raises:
        UserError: there are several.
    """
    if len(targets) > 1:
        raise UserError(
            f"{run.folder} has several targets to choose from. Type --target with one of: "
            f"{', '.join(targets)}; or --target {ENCODER} for the encoder without a head"
        )
    return targets[0] if targets else ENCODER


def _open(recipe: Recipe, run: Mapping[str, Any], store: str | Path, folder: Path) -> Experiment:
    base, data = Path(run.get("base", folder)), Path(run["data"]) if run.get("data") else None
    if data is not None and not data.is_dir():
        raise UserError(
            f"{folder}: the data folder of the run, {data}, is not there. Say where it is now: --data DIR"
        )
    try:
        return open_experiment(recipe, base, store, data)
    except DataError as error:
        raise UserError(
            f"{folder}: the run's own tasks are looked for from {base}, and are not all there: {error}\n"
            f"Put the files back, or write their full paths under tasks: in {folder / 'recipe.yaml'}"
        ) from None


def _check_unchanged(run: FinishedRun) -> None:
    """What is planned now must be what was run: else an export would be of something else."""
    present = run.experiment.store.addresses()
    if not _missing(run.plan, present):
        return
    before = run.results.run
    changes = [
        f"the encoder {before['encoder']['name']}"
        for key, value in run.experiment.encoder.identity.items()
        if before["encoder"].get(key) != value
    ]
    known = {row["data_revision"] for row in run.results.results}
    changes += sorted(_test_data(run.plan) - known)[:3]
    what = ", ".join(dict.fromkeys(changes)) or f"xstilts or the store {run.experiment.store.url}"
    raise UserError(
        f"{run.folder}: what the run computed is not what its recipe plans now; changed since: {what}. "
        f"Expected the same data, packages and encoder (run.json records them). "
        f"Run again: xstilts run {run.folder / 'recipe.yaml'} --out {run.folder}"
    )


def _missing(plan: Plan, present: set[Address]) -> list[Address]:
    return [cell.score.address for cell in plan.cells if cell.score.address not in present]


def _test_data(plan: Plan) -> set[str]:
    return {data_revision(stage) for cell in plan.cells for stage in cell.score.parents["prediction"]}
