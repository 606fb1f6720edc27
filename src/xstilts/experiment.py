"""A recipe from end to end: plan, execute, choose the best arm on dev, run its controls, analyse, write the answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.best import leading_arm
from xstilts.encoders.base import EncoderSpec, find_encoder
from xstilts.encoders.towers import TowerSpec, find_tower
from xstilts.errors import DataError
from xstilts.plan import Plan, Stage, make_plan
from xstilts.recipe import BASELINE, JoinedTask, Recipe
from xstilts.results import Results, write_results
from xstilts.store import Address, Store
from xstilts.tasks import Catalogue
from xstilts.tasks.base import ZERO_SHOT, Task
from xstilts.tasks.declaration import UserTask
from xstilts.tasks.files import user_task
from xstilts.tasks.published import joined_task

if TYPE_CHECKING:
    from xstilts.counting import RowCounts
    from xstilts.racing import Race

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Experiment:
    """A recipe with everything it names found: tasks, encoder, store."""

    recipe: Recipe
    catalogue: Catalogue
    encoder: EncoderSpec
    store: Store
    base: Path = Path()
    """Folder that the paths of the recipe's own tasks and encoder start from."""
    bases: Mapping[str, Path] = field(default_factory=dict)
    """The folder instead for those of the recipe's own tasks whose files were found in the data folder."""
    tower: TowerSpec | None = None
    """The image tower, where a target has images."""

    def plan(self, best: str | None = None, arms: Collection[str] | None = None) -> Plan:
        """The plan; with `best`, the controls of that arm among it; with `arms`, of the baseline and these alone."""
        recipe = self.recipe if arms is None else self.recipe.among(arms)
        return make_plan(recipe, self.catalogue, self.encoder, best)

    def row_counts(self) -> RowCounts:
        """Counts of the rows that a plan reads."""
        from xstilts.counting import Counter, RowCounts

        return RowCounts(self.catalogue, self.store, Counter(self.encoder))

    @property
    def chooses_best(self) -> bool:
        """Whether several arms compete for the controls, so that dev scores must choose."""
        return self.recipe.controls.of == "best" and len(self.recipe.arms) > 2

    def full_plan(self) -> Plan:
        """The plan with the controls of the best arm, if what is in the store already tells which that is.

        Of a race, the plan of the arms that are still in it; controls once it is over.
        """
        from xstilts.heats import race_of

        race = race_of(self) if self.races else None
        arms = race.arms if race else None
        plan = self.plan(arms=arms)
        if not self.chooses_best or (race and not race.over):
            return plan
        arm = leading_arm(plan, self.store)
        return plan if arm is None else self.plan(arm, arms)

    @property
    def races(self) -> bool:
        """Whether arms are dropped on the way."""
        return self.recipe.strategy == "race"


@dataclass(frozen=True)
class Listener:
    """Whom to tell how a run goes: before the stages of a plan, at each stage's end, and inside a training."""

    planned: Callable[[Plan, int, int], None] = lambda plan, pending, cached: None
    done: Callable[[Stage], None] = lambda stage: None
    progress: Progress = lambda label, done, total: None
    raced: Callable[[Race], None] = lambda race: None
    """Told of a race after each of its rounds that was not over already."""


def open_experiment(recipe: Recipe, base: Path, store: str | Path, data: Path | None = None) -> Experiment:
    """Find what a recipe names.

    Args:
        recipe: what is asked.
        base: folder that the paths of the recipe's own tasks and encoder start from.
        store: folder or fsspec URL of the store.
        data: folder where the files of the recipe's own tasks are looked for as well.

    Raises:
        UserError: something that the recipe names is not there.
    """
    encoder = replace(find_encoder(anchored(recipe, base).encoder), name=recipe.encoder)
    catalogue, bases = catalogue_of(recipe, base, data)
    tower = _tower_of(recipe, base, catalogue)
    return Experiment(recipe, catalogue, encoder, Store(store), base, bases, tower)


def catalogue_of(recipe: Recipe, base: Path, data: Path | None = None) -> tuple[Catalogue, dict[str, Path]]:
    """The tasks that a recipe's names may mean: those shipped, found below `data`, and its own.

    Beside them the folder of those of its own whose files are not below `base`.

    Raises:
        UserError: the files of a task of the recipe's own are not there, two tasks cannot be joined, or there is no
            such image tower, where a target has images.
    """
    own: dict[str, Task] = {}
    bases: dict[str, Path] = {}
    overrides = recipe.training.per_task.items()
    lengths = {name: override.max_length for name, override in overrides if override.max_length}
    catalogue = Catalogue(own, data, lengths)
    for name, spec in recipe.tasks.items():
        if isinstance(spec, UserTask):
            own[name], folder = _own_task(name, spec, base, data)
            if folder != base:
                bases[name] = folder
    for name, spec in recipe.tasks.items():
        if isinstance(spec, JoinedTask):
            own[name] = joined_task(name, catalogue.get(spec.test), catalogue.get(spec.train))
    tower = _tower_of(recipe, base, catalogue)
    if tower is None:
        return catalogue, bases
    said = recipe.images.model_dump(exclude={"tower", "on_bad_item"})
    joined = said | {"tower": tower.identity, "image_width": tower.width}
    lenient = recipe.images.on_bad_item == "skip"
    return replace(catalogue, towers=joined, lenient_images=lenient), bases


def _tower_of(recipe: Recipe, base: Path, catalogue: Catalogue) -> TowerSpec | None:
    """The image tower, where a target has images."""
    tasks = catalogue.all()
    if not any(name in tasks and tasks[name].images is not None for name in recipe.targets):
        return None
    return replace(find_tower(anchored(recipe, base).images.tower), name=recipe.images.tower)


def _own_task(name: str, spec: UserTask, base: Path, data: Path | None) -> tuple[Task, Path]:
    """A task of the recipe's own, and the folder its files are in: that of the recipe, or the data folder."""
    try:
        return user_task(name, spec, base), base
    except DataError:
        if data is None:
            raise
        try:
            return user_task(name, spec, data), data
        except DataError:
            pass
        raise


def execute(
    experiment: Experiment, listener: Listener | None = None, present: set[Address] | None = None
) -> Plan:
    """Run all that a recipe needs and the store does not have; the controls' arm is chosen on dev on the way.

    `present` is what the store has, where that is known; it is kept up to date.
    """
    from xstilts.context import Context
    from xstilts.executors import local
    from xstilts.heats import run_race
    from xstilts.training.processes import processes

    listener = listener or Listener()
    training = experiment.recipe.training
    context = Context(
        experiment.store,
        experiment.catalogue,
        experiment.encoder,
        training.threads,
        training.micro_batch,
        listener.progress,
        tower=experiment.tower,
    )
    present = experiment.store.addresses() if present is None else present
    check = partial(_check_images, experiment, present)
    arms = run_race(experiment, context, listener, present, check).arms if experiment.races else None
    plan = experiment.plan(arms=arms)
    for _ in range(2):
        check(plan)
        work = local.pending(plan, present)
        listener.planned(plan, len(work.stages), work.cached)
        local.execute(plan, context, listener.done, kept=kept_stages(plan), present=present)
        if not experiment.chooses_best or plan.controls:
            break
        plan = experiment.plan(processes().agree(leading_arm(plan, experiment.store)), arms)
    kept = kept_stages(plan, experiment.store)
    if kept is not None:
        present -= local.prune(plan, experiment.store, present, kept)
    return plan


def _check_images(experiment: Experiment, present: Collection[Address], plan: Plan) -> None:
    """What an earlier run left out of a set of images must be left out by this one as well.

    That is in no key: nothing has to be made anew where a run stops at an image and goes on without it.

    Raises:
        DataError: images could not be read, and are not to be left out.
    """
    if experiment.catalogue.lenient_images:
        return
    for stage in plan.stages:
        if stage.kind == "features" and stage.address in present:
            bad = experiment.store.open(stage.address).info["bad"]
            if bad:
                raise DataError(
                    f"{stage.label}: {len(bad)} images could not be read when an earlier run left them out; the first "
                    f"is {bad[0]!r}. Fetch them again; or, to leave their rows out, say `on_bad_item: skip`"
                )


def kept_stages(plan: Plan, store: Store | None = None) -> list[Stage] | None:
    """The stages whose weights stay once nothing reads them any more; None: all.

    Intermediates always stay. With `keep: best` so do, for each target, the baseline and the arm that leads on dev,
    of which one is the best; without a store, which knows the dev scores, any arm may still lead.
    """
    keep = plan.recipe.keep
    if keep == "all":
        return None
    kept = list(plan.intermediates.values())
    if keep == "best":
        leader = {target: store and leading_arm(plan, store, target) for target in plan.recipe.targets}
        for (arm, target, _), stage in plan.finals.items():
            if arm in (BASELINE, leader[target]) or (leader[target] is None and arm in plan.recipe.arms):
                kept.append(stage)
    return kept


def analyse(experiment: Experiment, plan: Plan, folder: Path, record: Mapping[str, Any]) -> Results:
    """Weigh the evidence that the store holds for a plan and write the answer's tables to a folder."""
    from xstilts import analysis
    from xstilts.answer import analysis_cells, beside, design, in_setting, qualifiers, run_record
    from xstilts.differing import differences
    from xstilts.explaining import explanation_table, language_table
    from xstilts.heats import told
    from xstilts.layers import layer_table

    cells = analysis_cells(experiment, plan.cells)
    settings = analysis.Settings(**experiment.recipe.statistics.model_dump())
    compared = design(experiment, plan)
    answer = analysis.analyse(cells, compared, settings)
    further, further_gains = beside(experiment, plan, compared, settings)
    results = qualifiers(experiment, plan.cells, answer.results) + further
    gains = in_setting(ZERO_SHOT, answer.gains) + further_gains
    run = run_record(experiment, plan, record)
    layers = layer_table(experiment, plan, compared, settings)
    examples, counts = differences(experiment, plan)
    run["differences"] = counts
    languages = language_table(experiment, plan)
    explained = explanation_table(answer.gains, answer.verdicts, languages, settings.alpha)
    rounds: list[dict[str, Any]] = []
    if experiment.races:
        run["race"], rounds = told(experiment, plan)
    tables = (results, gains, answer.verdicts, run, layers, examples, languages, explained, rounds)
    written = Results(folder, *tables)
    write_results(written, anchored(experiment.recipe, experiment.base, experiment.bases))
    return written


def anchored(recipe: Recipe, base: Path, bases: Mapping[str, Path] | None = None) -> Recipe:
    """The recipe with absolute paths for its own files, so that it can be run again from any folder.

    Args:
        recipe: the recipe.
        base: folder that its paths start from.
        bases: by task, another folder that its files were found in.
    """

    def absolute(files: Any, folder: Path) -> Any:
        if isinstance(files, str):
            return str(folder.resolve() / files)
        return {name: absolute(value, folder) for name, value in files.items()}

    tasks = {
        name: spec.model_copy(update={"files": absolute(spec.files, (bases or {}).get(name, base))})
        if isinstance(spec, UserTask)
        else spec
        for name, spec in recipe.tasks.items()
    }
    plain = recipe.encoder.rpartition("@")[0] or recipe.encoder
    beside = any((base / name).is_dir() for name in (plain, recipe.encoder))
    encoder = str(base.resolve() / recipe.encoder) if beside else recipe.encoder
    tower = recipe.images.tower
    images = {"tower": str(base.resolve() / tower) if (base / tower).is_dir() else tower}
    changed = {"tasks": tasks, "encoder": encoder, "images": recipe.images.model_copy(update=images)}
    return recipe.model_copy(update=changed)


def run_experiment(experiment: Experiment, folder: Path, listener: Listener | None = None) -> Results:
    """Execute, analyse, write the tables and the report.

    Of several processes that were started together, the first one writes; the others read what it has written.
    """
    import time

    from xstilts.executors import local
    from xstilts.training.processes import processes

    started, present = time.time(), processes().agree(experiment.store.addresses())
    before = frozenset(present)
    plan = execute(experiment, listener, present)
    took = {"seconds": round(time.time() - started, 1)} if local.pending(plan, before).stages else {}
    if not processes().leads:
        processes().meet()
        return Results.load(folder)
    results = analyse(experiment, plan, folder, took)
    results.report()
    processes().meet()
    return results
