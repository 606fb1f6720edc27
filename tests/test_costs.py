"""What a plan is said to cost follows what it will read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tiny_world import Opener
from xstilts.costs import _tokens_read, _tokens_seen, _updates, estimate
from xstilts.counting import Counter, RowCounts, by_characters, token_counter
from xstilts.demo import demo_recipe
from xstilts.encoders.base import load_encoder
from xstilts.experiment import Experiment, open_experiment
from xstilts.plan import Plan
from xstilts.recipe import parse_recipe
from xstilts.room import encoder_shape
from xstilts.stage import Stage, group_of
from xstilts.task_types import get_task_type, get_trained_type
from xstilts.task_types.base import SPECIAL_TOKENS
from xstilts.tasks.base import Row


class Longest(Counter):
    """Of texts so long that every input has as many tokens as it may."""

    identity = "longest"

    def count(self, text: str) -> int:
        return 10_000


def rows_of(experiment: Experiment) -> RowCounts:
    return RowCounts(experiment.catalogue, experiment.store, Longest(experiment.encoder))


def inputs_seen(stage: Stage, rows: RowCounts) -> float:
    return _tokens_seen(stage, rows) / stage.spec["phase"]["max_length"]


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
    return estimate(plan, plan.stages, experiment.encoder, experiment.row_counts()).seconds


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
    assert (rows.count(data), rows.size(data).inputs) == (24, 3)
    train = plan.finals["none", "my/odd", 0].parents["train"][0]
    assert inputs_seen(train, rows) == 24 * 3 + 2 * 12 * 3 / 3  # one epoch, and dev for two candidates


def test_a_pair_of_sentences_is_two_inputs(tiny: Opener) -> None:
    experiment = tiny("targets=[my/pairs]")
    rows, data = rows_of(experiment), prepared(experiment.plan(), "my/pairs", "test")
    assert (rows.count(data), rows.size(data).inputs) == (20, 2)


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


# --- tokens


def test_tokens_are_those_of_the_encoder(tiny: Opener) -> None:
    """What is trained on is what was said it would be, but for padding: it is not counted."""
    experiment = tiny("targets=[my/mood, my/odd]", "languages=[en]")
    plan = experiment.plan()
    rows = experiment.row_counts()
    base = load_encoder(experiment.encoder)
    for name in ("my/mood", "my/odd"):
        data, task = prepared(plan, name, "train"), experiment.catalogue.get(name)
        features = get_trained_type(task.type).encode(
            task.source.rows("train", "en"), base.tokenizer, task, 32
        )
        real = sum(feature.tokens for feature in features) / rows.count(data)
        assert rows.tokens(data, 32).all == pytest.approx(real, rel=0.15)


def test_long_texts_are_cut_but_rows_of_tags_and_contexts_are_read_in_parts(tiny: Opener) -> None:
    task = tiny().catalogue.get("my/mood")

    def tokens(kind: str, *texts: str) -> int:
        return get_task_type(kind).tokens(texts, task, 16, lambda text: len(text.split()))

    long = "w " * 100
    assert tokens("classification", "a b") == 2 + SPECIAL_TOKENS
    assert tokens("classification", long, long) == tokens("sentence-retrieval", long) == 16
    assert tokens("tagging", long) == 100 + SPECIAL_TOKENS


def test_without_a_tokenizer_scripts_differ(tmp_path: Path) -> None:
    count = token_counter(tmp_path)
    assert count is by_characters
    english, chinese = "The cat sat on the mat, as cats do. ", "猫坐在垫子上因为猫就是这样"
    assert count(english * 10) == pytest.approx(len(english) * 10 / 4.3, abs=1)
    assert count(chinese * 10) == pytest.approx(len(chinese) * 10 / 1.5, abs=1)


def test_candidates_are_embedded_once_for_all_languages_and_conditions(tiny: Opener) -> None:
    """The English side of my/pairs is the same in both languages; the queries are not."""
    experiment = tiny("targets=[my/pairs]", "conditions=[clean, typos@2]")
    plan, rows, seen = experiment.plan(), rows_of(experiment), dict[str, set[int]]()
    stages = [stage for stage in plan.stages if stage.kind == "predict" and "sweep" not in stage.spec]
    read = [_tokens_read(stage, rows, seen) / stage.spec["max_length"] for stage in stages]
    english = {row["target"] for stage in stages for row in _read(experiment, stage)}
    queries = sum(len(_read(experiment, stage)) for stage in stages)
    groups = len({group_of(stage) for stage in stages})
    assert sum(read) == pytest.approx(queries + groups * len(english))


def _read(experiment: Experiment, stage: Stage) -> list[Row]:
    (data,) = stage.parents["data"]
    task = experiment.catalogue.get(data.spec["task"]["name"])
    return task.source.rows(data.spec["split"], data.spec["language"])


# --- time


def test_small_batches_pay_for_their_updates(tiny: Opener) -> None:
    """As many tokens in more updates take longer, by what the optimiser needs for each weight."""
    small, large = tiny("training.target.batch_size=4"), tiny("training.target.batch_size=8")
    counts = [_updates(training(each.plan(), "none"), rows_of(each)) for each in (small, large)]
    assert counts == [10, 5]
    assert seconds(small) > seconds(large)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="was measured on two cores")
def test_a_quick_demo_takes_two_minutes(tmp_path: Path) -> None:
    """Measured on two cores with AVX-512 and bf16: 110 s of training, 124 s in all."""
    recipe = parse_recipe(demo_recipe(quick=True).to_yaml(), overrides=("training.precision=bf16",))
    experiment = open_experiment(recipe, tmp_path, tmp_path)
    plan = experiment.plan()
    costs = estimate(plan, plan.stages, experiment.encoder, experiment.row_counts())
    assert 124 / 1.5 < costs.seconds < 124 * 1.5
