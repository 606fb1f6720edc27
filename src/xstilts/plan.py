"""Recipe → plan: the DAG of stages that a recipe needs, each with its content key. Nothing is computed here.

A key is the SHA-256 of the stage's kind and version, its spec (every setting that can change the result), and its
parents' keys. Micro-batch, device and worker count are never part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xstilts.encoders.base import EncoderSpec
from xstilts.errors import RecipeError
from xstilts.languages import check_tested, normalise
from xstilts.metrics import get_metric
from xstilts.perturbations import Condition, distinct_conditions
from xstilts.plan_images import check_arms, images_of, joining
from xstilts.plan_parts import Cell, Control, Plan
from xstilts.plan_retrieval import pools, reading, role
from xstilts.plan_settings import cells_beside
from xstilts.recipe import BASELINE, Phase, Recipe
from xstilts.stage import Stage
from xstilts.task_types import Untouched, check_roles, get_trained_type, is_trained, metrics_of
from xstilts.tasks import Catalogue
from xstilts.tasks.base import Task
from xstilts.training.machine import resolve_precision

__all__ = ["Cell", "Control", "Plan", "Stage", "controls_of", "make_plan"]


def make_plan(recipe: Recipe, catalogue: Catalogue, encoder: EncoderSpec, best: str | None = None) -> Plan:
    """The plan of a recipe.

    Args:
        recipe: what is asked.
        catalogue: the tasks that the recipe's names mean.
        encoder: the encoder, found.
        best: the arm whose controls are run where the recipe says `controls: {of: best}` and several arms compete;
            None leaves them out until dev scores have chosen it.

    Raises:
        RecipeError: names of tasks, languages or conditions that are not there, or data without a needed split.
    """
    return _Planner(recipe, catalogue, encoder).plan(best)


def controls_of(recipe: Recipe, best: str | None) -> tuple[Control, ...]:
    """The controls that a recipe asks for, given the arm that is best on dev."""
    arms = [name for name in recipe.arms if name != BASELINE]
    wanted = {"none": [], "all": arms, "best": [best] if best else arms if len(arms) == 1 else []}
    of = wanted.get(recipe.controls.of, [recipe.controls.of])
    unknown = [name for name in of if name not in arms]
    if unknown:
        raise RecipeError(
            f"controls.of: {unknown[0]!r} is no arm. Expected best, all, none, or one of: {', '.join(arms)}"
        )
    return tuple(Control(f"{name}~{kind}", name, kind) for name in of for kind in recipe.controls.kinds)


_Rows = tuple[str, str, str, int | None, int | None, tuple[int, int] | None]
"""Task, split, language, and which rows of them."""


class _Planner:
    """Builds stages, each once."""

    def __init__(self, recipe: Recipe, catalogue: Catalogue, encoder: EncoderSpec) -> None:
        self.recipe = recipe
        self.catalogue = catalogue
        self.encoder = encoder
        self.precision = resolve_precision(recipe.training.precision)
        self.conditions = distinct_conditions(recipe.conditions, catalogue.data)
        self.stages: dict[str, Stage] = {}
        self.prepared: dict[_Rows, Stage] = {}
        self.intermediates: dict[tuple[str, int], Stage] = {}
        self.finals: dict[tuple[str, str, int], Stage] = {}
        self.skipped: list[str] = []
        self.untouched = Untouched()

    def plan(self, best: str | None) -> Plan:
        for name in self.recipe.training.per_task:
            self.catalogue.get(name)
        check_arms(self.recipe, self.catalogue.all())
        controls = controls_of(self.recipe, best)
        targets = [self.catalogue.get(name) for name in self.recipe.targets]
        self.check_languages(targets)
        check_roles(targets, self.conditions)
        cells: list[Cell] = []
        for target in targets:
            for arm in [*self.recipe.arms, *(control.name for control in controls)]:
                for seed in self.recipe.seeds:
                    cells += self.cells(arm, target, seed)
        beside = tuple(cells_beside(self, targets))
        decidable = self.finals or any("sweep" in stage.spec for stage in self.stages.values())
        if not decidable and self.recipe.controls.of == "best" and len(self.recipe.arms) > 2:
            self.skipped.append(
                "controls: a fixed retrieval.layer leaves no dev scores; name an arm in controls.of"
            )
        stages = tuple(self.stages.values())
        skipped = tuple(dict.fromkeys([*self.skipped, *self.untouched.lines()]))
        made = self.intermediates, self.finals
        return Plan(self.recipe, stages, tuple(cells), controls, *made, skipped, self.precision, beside)

    def cells(self, arm: str, target: Task, seed: int) -> Iterator[Cell]:
        """The cells of one arm, target and seed."""
        trained, label = is_trained(target), f"{arm} seed {seed}"
        if not trained and arm.endswith("~longer"):
            self.skipped.append(f"{arm} on {target.name}: nothing is trained for a retrieval target")
            return
        spec = self.prediction_spec(target)
        read = reading(self, target, self.recipe.retrieval, spec, self.encoder.depth)
        checkpoint = self.final(arm, target, seed) if trained else self.intermediate(arm, seed)
        layer = read.layer(checkpoint, label) if read else None
        before = {**role("checkpoint", checkpoint), **role("layer", layer)}
        for language in self.languages(target, "test"):
            for condition in self.untouched.among(target, self.conditions, language):
                place_of = language, condition
                prediction = self.predict(target, read.spec if read else spec, before, place_of, label)
                for metric in metrics_of(target):
                    for variant in read.rules if read else ("",):
                        score = self.score(target, prediction, metric, variant)
                        place = (arm, target.name, language, str(condition), seed, metric, variant)
                        yield Cell(*place, score, checkpoint, layer)

    def intermediate(self, arm: str, seed: int) -> Stage | None:
        """The chosen checkpoint of an arm's intermediate training; None for the baseline."""
        name, _, kind = arm.partition("~")
        if name == BASELINE or kind == "longer":
            return None
        if (arm, seed) not in self.intermediates:
            tasks = [self.catalogue.get(task) for task in self.recipe.arms[name].tasks]
            extra: dict[str, Any] = {"shuffled": kind == "shuffled"}
            if len(tasks) > 1:
                extra["cap"] = self.recipe.arms[name].mixing.cap
            self.intermediates[arm, seed] = self.trained(
                tasks, self.arm_phase(name, tasks), seed, extra, {}, f"{arm} seed {seed}: intermediate"
            )
        return self.intermediates[arm, seed]

    def arm_phase(self, arm: str, tasks: Sequence[Task]) -> Phase:
        """Settings of an arm's training: the task's own where it is alone, else what holds for all."""
        if len(tasks) == 1:
            return self.recipe.phase("intermediate", tasks[0].name, arm)
        for task in tasks:
            override = self.recipe.training.per_task.get(task.name)
            applies = {"examples"} | ({"max_length"} & set(task.options))
            if override is not None and set(override.model_dump(exclude_none=True)) - applies:
                self.skipped.append(
                    f"{arm}: of training.per_task.{task.name} only examples applies where tasks are mixed"
                )
        return self.recipe.arms[arm].training.over(self.recipe.training.intermediate)

    def examples_of(self, task: Task, phase: Phase) -> int | None:
        """How many training examples of a task are used."""
        override = self.recipe.training.per_task.get(task.name)
        return override.examples if override is not None and override.examples else phase.examples

    def final(self, arm: str, target: Task, seed: int) -> Stage:
        """The chosen checkpoint of a target's training."""
        if (arm, target.name, seed) not in self.finals:
            name, _, kind = arm.partition("~")
            parents: dict[str, tuple[Stage, ...]] = {}
            before = self.intermediate(arm, seed)
            if before is not None:
                parents["init"] = (before,)
            if kind == "longer":
                parents["longer"] = (_only(self.intermediate(name, seed)),)
            phase = self.recipe.phase("target", target.name)
            label = f"{arm} seed {seed}: {target.name}"
            self.finals[arm, target.name, seed] = self.trained([target], phase, seed, {}, parents, label)
        return self.finals[arm, target.name, seed]

    def trained(
        self,
        tasks: Sequence[Task],
        phase: Phase,
        seed: int,
        extra: Mapping[str, Any],
        parents: Mapping[str, tuple[Stage, ...]],
        label: str,
        rule: str = "",
    ) -> Stage:
        """Train once for each learning rate of the grid, then select by a rule, the recipe's by default.

        Training rows are `parents["train"]`, if there are such, else all of the tasks' own.
        """
        longest = self.encoder.positions
        for task in tasks:
            length = task.max_length(phase.max_length)
            if longest is not None and length > longest:
                raise RecipeError(
                    f"max_length: {length} for {task.name}, but the encoder takes at most {longest} tokens. "
                    f"Set training.per_task.{task.name}.max_length"
                )
        rule = rule or self.recipe.selection
        data = {
            "train": parents.get("train")
            or tuple(
                self.prepare(task, "train", task.train_language, self.examples_of(task, phase))
                for task in tasks
            ),
            "dev": tuple(self.prepare(task, "dev", task.train_language) for task in tasks),
        }
        seen = images_of(self, zip((*tasks, *tasks), (*data["train"], *data["dev"]), strict=True))
        self.check_batches(tasks, phase)
        trains = []
        for rate in phase.learning_rate:
            settings = phase.model_dump(exclude={"examples"}) | {"learning_rate": rate}
            spec = {
                "encoder": self.encoder.identity,
                "tasks": [_identity(task) | joining(task) for task in tasks],
                "dev_metrics": [_dev_metric(task) for task in tasks],
                "phase": settings,
                "precision": self.precision,
                "threads": self.recipe.training.threads,
                "seed": seed,
            } | dict(extra)
            grid = f" at {rate:g}" if len(phase.learning_rate) > 1 else ""
            trains.append(self.add("train", spec, {**data, **seen, **parents}, f"train {label}{grid}"))
        roles = {"train": tuple(trains)}
        if rule == "target-dev":
            by_task = [(task, self.oracle_languages(task)) for task in tasks]
            judged = [(task, self.prepare(task, "dev", code)) for task, codes in by_task for code in codes]
            roles |= {"dev": tuple(stage for _, stage in judged)} | images_of(self, judged)
            found = [pools(self, task, "dev", codes).get("pool", ()) for task, codes in by_task]
            roles |= {"pool": sum(found, ())} if any(found) else {}
        elif rule == "average":  # the mean of checkpoints is a new one, with a score of its own
            roles |= {"dev": data["dev"]} | seen
        spec = {"rule": rule, "precision": self.precision, "encoder": self.encoder.identity}
        return self.add("select", spec, roles, f"select {label}")

    def check_batches(self, tasks: Sequence[Task], phase: Phase) -> None:
        """A loss that compares the examples of a batch allows no micro-batches: they would change the result."""
        size = self.recipe.training.micro_batch
        whole = [task.name for task in tasks if get_trained_type(task.type).whole_batches]
        if whole and size is not None and size < phase.batch_size:
            raise RecipeError(
                f"training.micro_batch: {size} would cut the batches of {phase.batch_size} in which {whole[0]} tells "
                f"answers apart. Leave it out, or set training.per_task.{whole[0]}.batch_size to {size} or less"
            )

    def predict(
        self,
        target: Task,
        spec: Mapping[str, Any],
        before: Mapping[str, tuple[Stage, ...]],
        place: tuple[str, Condition],
        label: str,
        split: str = "test",
    ) -> Stage:
        language, condition = place
        data = self.prepare(target, split, language, limit=self.recipe.limit)
        parents = {**before, "data": (data,), **pools(self, target, split, [language])}
        parents |= images_of(self, [(target, data)], condition, before.get("checkpoint", ()))
        what = f"predict {label}: {target.name} {language} {condition}"
        spec = {**spec, "condition": str(condition), **condition.identity(language)}
        return self.add("predict", spec, parents, what)

    def prediction_spec(self, target: Task) -> dict[str, Any]:
        return {
            "encoder": self.encoder.identity,
            "task": _identity(target) | joining(target),
            "max_length": self.recipe.phase("target", target.name).max_length,
            "precision": self.precision,
        }

    def score(self, target: Task, prediction: Stage, metric: str, variant: str) -> Stage:
        spec = {
            "metric": metric,
            "rules": get_metric(metric).rules_version,
            "labels": list(target.labels),
            "postprocess": variant,
        }
        label = " ".join(filter(None, ["score", prediction.label.removeprefix("predict "), metric, variant]))
        return self.add("score", spec, {"prediction": (prediction,)}, label)

    def prepare(
        self,
        task: Task,
        split: str,
        language: str,
        examples: int | None = None,
        limit: int | None = None,
        shots: tuple[int, int] | None = None,
    ) -> Stage:
        """Canonical rows of one split and language: all, `examples` at random, or those of `limit` sources.

        Or those of `shots`: so many sources, drawn by a seed.
        """
        place = task.name, split, language, examples, limit, shots
        if place not in self.prepared:
            self.prepared[place] = self.read(task, *place[1:])
        return self.prepared[place]

    def read(
        self,
        task: Task,
        split: str,
        language: str,
        examples: int | None,
        limit: int | None,
        shots: tuple[int, int] | None,
    ) -> Stage:
        """A stage that reads rows, their fingerprint taken."""
        if language not in task.source.languages(split):
            have = ", ".join(task.source.languages(split)) or "no language"
            raise RecipeError(f"{task.name} has no {split} data in {language!r}: it is there for {have}")
        spec = {
            "task": _identity(task),
            "split": split,
            "language": language,
            "data": task.source.fingerprint(split, language),
            "examples": [task.sample, examples] if examples else None,
            "limit": limit,
        } | ({"shots": list(shots)} if shots else {})
        return self.add("prepare", spec, {}, f"prepare {task.name} {split} {language}")

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        """The recipe's languages that a task has in a split."""
        available = task.source.languages(split)
        if not available:
            hint = "As an intermediate task it stands under arms, not targets" if split == "test" else ""
            raise RecipeError(f"{task.name} has no {split} data. {hint}".strip())
        if self.recipe.languages == "all":
            absent = [code for code in task.languages if code not in available] if split == "test" else []
            if absent:
                share = f"{len(task.languages) - len(absent)} of {len(task.languages)} languages"
                self.skipped.append(
                    f"{task.name}: averages are over {share}; no test data in {', '.join(absent)}"
                )
            return available
        wanted = list(dict.fromkeys(normalise(code) for code in self.recipe.languages))
        found = tuple(code for code in wanted if code in available)
        missing = [code for code in wanted if code not in available]
        if not found:
            raise RecipeError(
                f"{task.name} has {split} data in none of the recipe's languages ({', '.join(wanted)}); "
                f"it is there for {', '.join(available)}"
            )
        if missing and split == "test":
            self.skipped.append(f"{task.name}: no test data in {', '.join(missing)}")
        return found

    def check_languages(self, targets: Sequence[Task]) -> None:
        """Every language that the recipe names is one that a target has test data for."""
        by_target = [task.source.languages("test") for task in targets]
        if self.recipe.languages == "all" or not all(by_target):
            return
        check_tested(self.recipe.languages, {code for codes in by_target for code in codes})

    def oracle_languages(self, task: Task) -> tuple[str, ...]:
        """The languages that `target-dev` selects on: an intermediate task may have none of the recipe's."""
        if set(task.source.languages("dev")) <= {task.train_language}:
            return (task.train_language,)
        return self.languages(task, "dev")

    def add(
        self, kind: str, spec: Mapping[str, Any], parents: Mapping[str, tuple[Stage, ...]], label: str
    ) -> Stage:
        stage = Stage(kind, spec, parents, label)
        return self.stages.setdefault(stage.key, stage)


def _identity(task: Task) -> dict[str, Any]:
    """What of a task can change a result."""
    return {"name": task.name, "type": task.type, "labels": list(task.labels), "options": dict(task.options)}


def _dev_metric(task: Task) -> list[Any]:
    """What dev is scored by: a task's first metric, and the version of its rules."""
    metric = get_metric(metrics_of(task)[0])
    return [metric.name, metric.rules_version]


def _only(stage: Stage | None) -> Stage:
    if stage is None:
        raise RecipeError("the control ~longer needs an arm with an intermediate training")
    return stage
