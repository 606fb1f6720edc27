"""Runs a plan's stages one after another in this process, or trains in several that were started together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from xstilts.context import Context
from xstilts.plan import Plan
from xstilts.stage import WEIGHT_ROLES, Stage, group_of
from xstilts.stages import run
from xstilts.store import Address, Store
from xstilts.training.processes import processes

_READS_DATA = {"prepare", "features"}
_READS_WEIGHTS = {"select", "predict"}


@dataclass(frozen=True)
class Work:
    """What of a plan is to be done: groups in order, how many stages need nothing, which weights are to be read."""

    groups: tuple[tuple[Stage, ...], ...]
    cached: int
    read: frozenset[Address] = frozenset()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Every stage to be run."""
        return tuple(stage for group in self.groups for stage in group)


def pending(plan: Plan, present: Collection[Address], wanted: Sequence[Stage] | None = None) -> Work:
    """The stages whose results are needed and not in the store.

    A stage is needed if it is wanted itself, or if a needed stage that must run has it as parent: what lies behind a
    cached result may be gone, and is not made again. Weights that were pruned are made again only if they are read.

    Args:
        plan: the plan.
        present: what the store has.
        wanted: the stages that must exist in the end, weights included; default: the facts of all that answers the
            recipe.
    """
    stack = [(stage, True) for stage in wanted] if wanted is not None else [(s, False) for s in answers(plan)]
    needed: dict[str, Stage] = {}
    read: set[Address] = set()
    while stack:
        stage, weights = stack.pop()
        if weights and stage.weights is not None:
            read.add(stage.weights)
        if stage.key not in needed and not stage.is_in(present, weights):
            needed[stage.key] = stage
            for role, parents in stage.parents.items():
                stack += [(parent, role in WEIGHT_ROLES) for parent in parents]
    groups: dict[str, list[Stage]] = defaultdict(list)
    # All data is read first: a bad row of the last language is not found after the first training.
    # What a tuned image tower sees comes right before the predictions that read it, and is pruned behind them.
    for stage in sorted(plan.stages, key=lambda stage: stage.kind not in _READS_DATA or bool(stage.weights)):
        if stage.key in needed:
            groups[group_of(stage)].append(stage)
    ordered = _by_level(list(groups.values()))
    cached = len(plan.stages) - len(needed)
    return Work(tuple(tuple(group) for group in ordered), cached, frozenset(read))


def answers(plan: Plan) -> list[Stage]:
    """The stages that hold the answer: scores, what they were predicted from, and chosen intermediates."""
    if plan.goal is not None:
        return list(plan.goal)
    scores = [cell.score for cell in (*plan.cells, *plan.beside)]
    predictions = [stage for score in scores for stage in score.parents["prediction"]]
    layers = [cell.layer for cell in plan.cells if cell.layer is not None]
    return [*scores, *predictions, *layers, *plan.intermediates.values()]


def execute(
    plan: Plan,
    context: Context,
    after: Callable[[Stage], None] = lambda stage: None,
    wanted: Sequence[Stage] | None = None,
    kept: Collection[Stage] | None = None,
    present: set[Address] | None = None,
) -> Work:
    """Run what is pending; `after` is called for every stage that is done.

    A stage's result is committed as a whole, so an interruption loses only the stage, or the chunk of predictions,
    that was running.

    Args:
        plan: the plan.
        context: what stages work with.
        after: called for every stage that is done.
        wanted: as for `pending`.
        kept: stages whose weights stay; others are deleted as soon as nothing pending reads them. None: all stay.
        present: what the store has, where that is known; it is kept up to date.
    """
    present = context.store.addresses() if present is None else present
    work = pending(plan, present, wanted)
    for group in work.groups:
        processes().in_turn(partial(run, group, context), together=group[0].kind == "train")
        for stage in group:
            present |= {stage.address} | ({stage.weights} if stage.weights else set())
            after(stage)
        if kept is not None and group[0].kind in _READS_WEIGHTS:
            present -= prune(plan, context.store, present, kept, wanted)
    return work


def prune(
    plan: Plan,
    store: Store,
    present: Collection[Address],
    kept: Collection[Stage],
    wanted: Sequence[Stage] | None = None,
) -> set[Address]:
    """Delete the weights of a plan that are neither kept nor to be read by a stage that is still pending.

    The facts about them stay in the store, so that nothing is computed again for their sake.

    Returns:
        What was deleted.
    """
    needed = pending(plan, present, wanted).read | {stage.weights for stage in kept}
    spent = {stage.weights for stage in plan.stages if stage.weights in present} - needed
    deleted = {address for address in spent if address is not None}
    if processes().leads:
        for address in deleted:
            store.delete(address)
    return deleted


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
