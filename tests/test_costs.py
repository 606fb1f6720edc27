"""What a plan is said to cost follows what it will read."""

from __future__ import annotations

import pytest

from tiny_world import Opener
from xstilts.costs import _Rows, _tokens_seen, encoder_shape, estimate
from xstilts.experiment import Experiment
from xstilts.plan import Plan
from xstilts.stage import Stage
from xstilts.task_types.base import TOKENS_A_TEXT


def rows_of(experiment: Experiment) -> _Rows:
    return _Rows(experiment.catalogue, experiment.store)


def inputs_seen(stage: Stage, rows: _Rows) -> float:
    return _tokens_seen(stage, rows) / TOKENS_A_TEXT


def prepared(plan: Plan, task: str, split: str) -> Stage:
    (stage, *_) = [
        stage
        for stage in plan.stages
        if stage.kind == "prepare" and (stage.spec["task"]["name"], stage.spec["split"]) == (task, split)
    ]
    return stage


def training(plan: Plan, arm: str) -> Stage:
    return plan.finals[arm, "my/mood", 0].parents["train"][0]


def seconds(experiment: Experiment) -> float:
    plan = experiment.plan()
    return estimate(plan, plan.stages, experiment.catalogue, experiment.encoder, experiment.store).seconds


@pytest.mark.parametrize(("examples", "expected"), [(10, 10), (3000, 40)])
def test_no_more_examples_than_the_file_has(tiny: Opener, examples: int, expected: int) -> None:
    experiment = tiny(f"training.target.examples={examples}")
    assert rows_of(experiment).count(prepared(experiment.plan(), "my/mood", "train")) == expected


@pytest.mark.parametrize(("limit", "expected"), [(6, 6), (500, 24)])
def test_a_limit_is_of_sources(tiny: Opener, limit: int, expected: int) -> None:
    experiment = tiny(f"limit={limit}")
    assert rows_of(experiment).count(prepared(experiment.plan(), "my/mood", "test")) == expected


def test_a_multiple_choice_is_read_once_with_each_choice(tiny: Opener) -> None:
    """The choices of my/odd are two, three and four by turns."""
    experiment = tiny("targets=[my/odd]", "languages=[en]")
    plan, rows = experiment.plan(), rows_of(experiment)
    data = prepared(plan, "my/odd", "train")
    assert (rows.count(data), rows.inputs(data)) == (24, 24 * 3)
    train = plan.finals["none", "my/odd", 0].parents["train"][0]
    assert inputs_seen(train, rows) == 24 * 3 + 2 * 12 * 3 / 3  # one epoch, and dev for two candidates


def test_a_pair_of_sentences_is_two_inputs(tiny: Opener) -> None:
    experiment = tiny("targets=[my/pairs]")
    rows, data = rows_of(experiment), prepared(experiment.plan(), "my/pairs", "test")
    assert rows.inputs(data) == 2 * rows.count(data) == 40


def test_the_longer_control_costs_its_extra_updates(tiny: Opener) -> None:
    experiment = tiny("controls.of=odd", "training.intermediate.epochs=2")
    plan, rows = experiment.plan(), rows_of(experiment)
    extra = inputs_seen(training(plan, "odd~longer"), rows) - inputs_seen(training(plan, "none"), rows)
    assert extra == pytest.approx(2 * 24 / 8 * 8)


def test_what_is_in_the_store_is_counted_there(tiny: Opener) -> None:
    experiment = tiny()
    stage = prepared(experiment.plan(), "my/mood", "train")
    with experiment.store.write(stage.address) as draft:
        draft.info["rows"] = 7
    assert rows_of(experiment).count(stage) == 7


def test_more_work_takes_longer(tiny: Opener) -> None:
    least = seconds(tiny())
    assert (
        least
        < seconds(tiny("training.target.epochs=3"))
        < seconds(tiny("training.target.epochs=3", "seeds=[0, 1]"))
    )


def test_the_shape_of_an_encoder(tiny: Opener) -> None:
    shape = encoder_shape(tiny().encoder)
    assert shape.width == 32
    assert shape.body == 2 * (4 * 32 * 32 + 2 * 32 * 64 + 13 * 32)
