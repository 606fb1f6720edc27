from __future__ import annotations

import pytest

from tiny_world import Opener
from xstilts.context import Context
from xstilts.executors.local import execute, pending, prune
from xstilts.experiment import Experiment
from xstilts.stage import group_of
from xstilts.store import Address


def context(experiment: Experiment) -> Context:
    return Context(experiment.store, experiment.catalogue, experiment.encoder, threads=1)


def test_stages_that_share_a_checkpoint_and_a_task_run_together(tiny: Opener) -> None:
    plan = tiny("targets=[my/mood, my/pairs]", "conditions=[clean, typos@2]").plan()
    groups = [group for group in pending(plan, set()).groups if group[0].kind == "predict"]
    sizes = sorted(len(group) for group in groups)
    # two sweeps; de × two conditions for two arms' retrieval; two languages × two conditions for two arms
    assert sizes == [1, 1, 2, 2, 4, 4]
    for group in groups:
        assert len({group_of(stage) for stage in group}) == 1


def test_after_is_called_for_every_stage_in_order(tiny: Opener) -> None:
    experiment = tiny()
    plan = experiment.plan()
    done: list[str] = []
    work = execute(plan, context(experiment), lambda stage: done.append(stage.key))
    assert done == [stage.key for stage in work.stages]
    assert {stage.key for stage in plan.stages} == set(done)
    assert work.cached == 0
    assert execute(plan, context(experiment)).cached == len(plan.stages)


def test_only_what_is_wanted_runs(tiny: Opener) -> None:
    experiment = tiny()
    plan = experiment.plan()
    wanted = plan.finals["none", "my/mood", 0]
    execute(plan, context(experiment), wanted=[wanted])
    present = experiment.store.addresses()
    assert wanted.address in present and wanted.weights in present
    assert {address.kind for address in present} == {"prepare", "train", "candidates", "select", "checkpoint"}
    assert sum(address.kind == "train" for address in present) == 1


def test_an_interruption_keeps_what_was_complete(tiny: Opener) -> None:
    experiment = tiny()
    plan = experiment.plan()
    done: list[str] = []

    def interrupt(stage: object) -> None:
        done.append(stage.key)  # type: ignore[attr-defined]
        if len(done) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(plan, context(experiment), interrupt)
    rest = execute(plan, context(experiment))
    assert {stage.key for stage in rest.stages}.isdisjoint(done)
    assert len(rest.stages) + len(done) == len(plan.stages)


def test_pruning_spares_what_is_kept_and_what_is_still_to_be_read(tiny: Opener) -> None:
    experiment = tiny()
    plan = experiment.plan()
    execute(plan, context(experiment))
    whole = experiment.store.addresses()
    weights = {stage.weights for stage in plan.stages if stage.weights}
    assert weights <= whole
    # with the baseline's predictions gone, its checkpoint is to be read again
    baseline = plan.finals["none", "my/mood", 0]
    for stage in plan.stages:
        if stage.kind in {"predict", "score"} and "none seed" in stage.label:
            experiment.store.delete(stage.address)
    present = experiment.store.addresses()
    kept = list(plan.intermediates.values())
    deleted = prune(plan, experiment.store, present, kept)
    spared = {baseline.weights} | {stage.weights for stage in kept}
    assert deleted == weights - spared
    assert experiment.store.addresses() == present - deleted


def test_weights_of_other_recipes_are_left_alone(tiny: Opener) -> None:
    experiment = tiny("keep=none")
    foreign = Address("checkpoint", "ab" * 32)
    with experiment.store.write(foreign) as draft:
        draft.file("x").write_text("theirs")
    execute(experiment.plan(), context(experiment), kept=[])
    assert foreign in experiment.store
