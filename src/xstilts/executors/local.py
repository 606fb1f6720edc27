"""Runs a plan's stages one after another in this process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xstilts.plan import Plan, Stage
from xstilts.stages import Context, group_of, run
from xstilts.store import Address


@dataclass(frozen=True)
class Work:
    """What of a plan is to be done: groups in order, and how many stages need nothing."""

    groups: tuple[tuple[Stage, ...], ...]
    cached: int

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Every stage to be run."""
        return tuple(stage for group in self.groups for stage in group)


def pending(plan: Plan, present: set[Address], wanted: Sequence[Stage] | None = None) -> Work:
    """The stages whose results are needed and not in the store.

    A stage is needed if it is wanted itself, or if a needed stage that must run has it as parent: what lies behind a
    cached result may be gone, and is not made again.

    Args:
        plan: the plan.
        present: what the store has.
        wanted: the stages that must exist in the end; default: everything that answers the recipe.
    """
    wanted = answers(plan) if wanted is None else wanted
    needed: dict[str, Stage] = {}
    stack = list(wanted)
    while stack:
        stage = stack.pop()
        if stage.key not in needed and stage.address not in present:
            needed[stage.key] = stage
            stack += [parent for parents in stage.parents.values() for parent in parents]
    groups: dict[str, list[Stage]] = defaultdict(list)
    for (
        stage
    ) in plan.stages:  # parents come first in a plan, and so in groups: members share their parents' level
        if stage.key in needed:
            groups[group_of(stage)].append(stage)
    ordered = _by_level(list(groups.values()))
    return Work(tuple(tuple(group) for group in ordered), len(plan.stages) - len(needed))


def answers(plan: Plan) -> list[Stage]:
    """The stages that hold the answer: scores, what they were predicted from, and chosen intermediates."""
    scores = [cell.score for cell in plan.cells]
    predictions = [stage for score in scores for stage in score.parents["prediction"]]
    layers = [cell.layer for cell in plan.cells if cell.layer is not None]
    return [*scores, *predictions, *layers, *plan.intermediates.values()]


def execute(plan: Plan, context: Context, after: Callable[[Stage], None] = lambda stage: None) -> Work:
    """Run what is pending; `after` is called for every stage that is done.

    A stage's result is committed as a whole, so an interruption loses only the stage that was running.
    """
    work = pending(plan, context.store.addresses())
    for group in work.groups:
        run(group, context)
        for stage in group:
            after(stage)
    return work


def _by_level(groups: list[list[Stage]]) -> list[list[Stage]]:
    """Groups in an order in which parents come before children.

    A group's members are spread over the plan, so the order of the plan itself is not enough.
    """
    owner = {stage.key: number for number, group in enumerate(groups) for stage in group}
    done: list[list[Stage]] = []
    state: dict[int, bool] = {}

    def visit(number: int) -> None:
        if number in state:
            return
        state[number] = True
        for stage in groups[number]:
            for parents in stage.parents.values():
                for parent in parents:
                    if parent.key in owner and owner[parent.key] != number:
                        visit(owner[parent.key])
        done.append(groups[number])

    for number in range(len(groups)):
        visit(number)
    return done
