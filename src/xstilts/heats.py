"""A race among the arms of an experiment: its rounds as plans, run one after another, and what is told of them.

What is decided is a function of dev scores in the store (see `xstilts.racing`), and kept nowhere else: a run that was
interrupted goes on where it stopped, and one that is repeated decides the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.answer import costs
from xstilts.best import seed_scores
from xstilts.errors import RecipeError
from xstilts.executors import local
from xstilts.plan import Plan, Stage, make_plan
from xstilts.racing import Race, fewest_seeds, race
from xstilts.recipe import BASELINE
from xstilts.store import Address, Store
from xstilts.training.processes import processes

if TYPE_CHECKING:
    from xstilts.context import Context
    from xstilts.experiment import Experiment, Listener


def race_of(experiment: Experiment) -> Race:
    """The race, as far as the dev scores in the store go.

    Raises:
        RecipeError: no target has dev scores to decide by.
    """
    plan, recipe = experiment.plan(), experiment.recipe
    if not scored_targets(plan):
        raise RecipeError(
            f"strategy: race, but no dev scores can decide it: retrieval.layer is fixed at "
            f"{recipe.retrieval.layer}. Expected retrieval.layer: sweep, or strategy: full"
        )
    scores, settings = mean_scores(plan, experiment.store), recipe.race
    return race(scores, recipe.seeds, settings.error, (recipe.controls.of,), settings.rule)


def heat(experiment: Experiment, found: Race) -> Plan:
    """What the next round of a race needs: dev scores of the arms in it, without controls or test data."""
    return _round(experiment, found.arms, len(found.due))


def _round(experiment: Experiment, arms: Collection[str], seeds: int) -> Plan:
    """What the dev scores of the baseline and some arms under the first so many seeds need."""
    recipe = experiment.recipe.among(arms, seeds)
    alone = recipe.model_copy(update={"controls": recipe.controls.model_copy(update={"of": "none"})})
    return dev_part(make_plan(alone, experiment.catalogue, experiment.encoder))


def spent(experiment: Experiment, found: Race, plan: Plan) -> list[Stage]:
    """What a race ran for the arms that it dropped, up to their last rounds, and the plan of the others has not."""
    kept = {stage.key for stage in plan.stages}
    rounds = [(one.seeds, [standing.arm for standing in one.dropped]) for one in found.rounds]
    plans = [_round(experiment, arms, seeds) for seeds, arms in rounds if arms]
    stages = {stage.key: stage for one in plans for stage in one.stages}
    return [stage for key, stage in stages.items() if key not in kept]


def best_case(plan: Plan, pending: Sequence[Stage], found: Race, held: str) -> list[Stage]:
    """What of the pending stages is to be run if arms are dropped as early as the rule lets them.

    Args:
        plan: of all arms that are still in the race.
        pending: what of it is to be done if none is dropped.
        found: the race; the arms that lead so far stay, or else the first.
        held: an arm that is never dropped, if it is one.
    """
    runs = {BASELINE: len(found.seeds)} | fewest_seeds(found, (held,))
    ran = {arm: found.seeds[:count] for arm, count in runs.items()}
    due = [cell for cell in plan.cells if cell.seed in ran.get(cell.arm, ())]
    goal = [stage for cell in due if (stage := cell.layer or cell.checkpoint) is not None]
    stays = {arm for arm, count in runs.items() if count == len(found.seeds)}
    goal += [cell.score for cell in (*plan.cells, *plan.beside) if cell.arm.partition("~")[0] in stays]
    needed = _with_parents(goal)
    return [stage for stage in pending if stage.key in needed]


def run_race(
    experiment: Experiment,
    context: Context,
    listener: Listener,
    present: set[Address],
    check: Callable[[Plan], None],
) -> Race:
    """Run what of a race the store does not have, to its end.

    Checkpoints of targets stay as long as their arm is in the race, since test data are read after it. `present` is
    what the store has; it is kept up to date. `check` refuses a plan that must not be run.
    """
    found, store = processes().agree(race_of(experiment)), experiment.store
    while not found.over:
        plan = heat(experiment, found)
        check(plan)
        work = local.pending(plan, present)
        listener.planned(plan, len(work.stages), work.cached)
        spare = plan.recipe.keep != "all"
        kept = _waiting(plan, found) if spare else None
        local.execute(plan, context, listener.done, kept=kept, present=present)
        due, found = found.due, processes().agree(race_of(experiment))
        assert found.due != due, "a round left no dev scores"
        if spare:
            present -= local.prune(plan, store, present, _waiting(plan, found))
        listener.raced(found)
    return found


def _waiting(plan: Plan, found: Race) -> list[Stage]:
    """The chosen checkpoints of a round whose weights stay: those of arms in the race, and all intermediates."""
    finals = [stage for (arm, _, _), stage in plan.finals.items() if arm in (BASELINE, *found.arms)]
    return [*plan.intermediates.values(), *finals]


def mean_scores(plan: Plan, store: Store) -> dict[str, dict[int, float]]:
    """The mean dev score of each arm over the targets that have dev scores, by seed; only where all of them are there.

    Untrained baselines, which no seed touches, have theirs under every seed.
    """
    targets = scored_targets(plan)
    by_place = seed_scores(plan, store)
    found: dict[str, dict[int, float]] = {arm: {} for arm in plan.recipe.arms}
    for arm, by_seed in found.items():
        for seed in plan.recipe.seeds:
            values = [by_place.get((arm, target), {}).get(seed) for target in targets]
            known = [value for value in values if value is not None]
            if known and len(known) == len(targets):
                by_seed[seed] = sum(known) / len(known)
    return found


def scored_targets(plan: Plan) -> list[str]:
    """The targets that a plan will have dev scores of: all but retrieval with a fixed layer."""
    chosen = [(cell.target, cell.layer or cell.checkpoint) for cell in plan.cells if cell.arm != BASELINE]
    scored = (
        target
        for target, stage in chosen
        if stage and (stage.spec["rule"] != "layer" or stage.parent("sweep"))
    )
    return list(dict.fromkeys(scored))


def dev_part(plan: Plan) -> Plan:
    """What of a plan its dev scores need: trainings and choices, no test data."""
    chosen = [stage for cell in plan.cells if (stage := cell.layer or cell.checkpoint) is not None]
    goal = tuple({stage.key: stage for stage in (*chosen, *plan.intermediates.values())}.values())
    needed = _with_parents(goal)
    return replace(plan, stages=tuple(stage for stage in plan.stages if stage.key in needed), goal=goal)


def _with_parents(stages: Iterable[Stage]) -> set[str]:
    """The keys of stages and of all that they need."""
    needed, stack = set[str](), list(stages)
    while stack:
        stage = stack.pop()
        if stage.key not in needed:
            needed.add(stage.key)
            stack += [parent for parents in stage.parents.values() for parent in parents]
    return needed


def told(experiment: Experiment, plan: Plan) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A race for `run.json`, and for the table `race.parquet`; `plan` is that of the arms that stayed.

    `spent` of the record is what the dropped arms took, by kind of stage, as `stages` of a run says it of the others.
    """
    found = race_of(experiment)
    record = race_record(found) | {"spent": costs(spent(experiment, found, plan), experiment.store)}
    return record, _table(found, mean_scores(experiment.plan(), experiment.store)[BASELINE])


def race_record(found: Race) -> dict[str, Any]:
    """Rule and error rate, seeds and rounds, who stayed, and every dropped arm with its round and interval."""
    dropped = [
        {"round": number, "seeds": one.seeds, "leader": one.leader, **vars(standing)}
        for number, one in enumerate(found.rounds, 1)
        for standing in one.dropped
    ]
    for row in dropped:
        del row["dropped"]
    return {
        "rule": found.rule,
        "error": found.error,
        "lost": found.lost,
        "seeds": len(found.seeds),
        "rounds": len(found.rounds),
        "stayed": list(found.arms),
        "dropped": dropped,
    }


def _table(found: Race, baseline: Mapping[int, float]) -> list[dict[str, Any]]:
    """A row for each round and arm in it; `gain` is the mean dev score minus the baseline's on the same seeds."""
    return [
        {"round": number, "seeds": one.seeds, "leader": one.leader, **vars(standing)}
        | {"gain": standing.dev - float(np.mean([baseline[seed] for seed in found.seeds[: one.seeds]]))}
        | {"rule": found.rule, "error": found.error, "variance": "own" if one.paired else "pooled"}
        for number, one in enumerate(found.rounds, 1)
        for standing in one.standings
    ]
