from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiny_world import Opener
from xstilts import predicting
from xstilts.context import Context
from xstilts.errors import DataError, RecipeError, StoreError
from xstilts.executors.local import execute
from xstilts.experiment import Experiment
from xstilts.plan import Plan
from xstilts.stage import Stage
from xstilts.stages import _chunks, run
from xstilts.tasks.base import Row
from xstilts.tasks.dividing import sample

WIDE = ("targets=[my/mood, my/pairs]", "conditions=[clean, typos@4]")


def rows(count: int, sources: int) -> list[Row]:
    return [{"id": str(number), "source": f"s{number % sources}"} for number in range(count)]


def context(experiment: Experiment) -> Context:
    return Context(experiment.store, experiment.catalogue, experiment.encoder, threads=1)


def ran(experiment: Experiment) -> tuple[Plan, Context]:
    plan, setting = experiment.plan(), context(experiment)
    execute(plan, setting)
    return plan, setting


def table(setting: Context, stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(setting.open(stage).path("predictions.parquet")).to_pylist()
    return found


def prepared(plan: Plan, split: str, language: str) -> Stage:
    (stage,) = [
        stage
        for stage in plan.stages
        if stage.kind == "prepare" and (stage.spec["split"], stage.spec["language"]) == (split, language)
        and stage.spec["task"]["name"] == "my/mood"
    ]  # fmt: skip
    return stage


# --- prepare


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 30))
def test_a_limit_takes_whole_sources(count: int, sources: int, limit: int) -> None:
    all_rows = rows(count, sources)
    taken = sample(all_rows, None, limit)
    names = {row["source"] for row in taken}
    assert len(names) == min(limit, len({row["source"] for row in all_rows}))
    assert taken == [row for row in all_rows if row["source"] in names]


@given(st.integers(2, 20), st.integers(1, 10))
def test_a_limit_takes_the_same_sources_in_every_language(sources: int, limit: int) -> None:
    one = sample(rows(sources, sources), None, limit)
    other = sample(rows(3 * sources, sources)[::-1], None, limit)
    assert {row["source"] for row in one} == {row["source"] for row in other}


@given(st.integers(1, 60), st.integers(1, 60))
def test_examples_are_nested_and_in_order(count: int, examples: int) -> None:
    all_rows = rows(count, 5)
    few, more = (sample(all_rows, ("hash", size), None) for size in (examples, examples + 1))
    assert len(few) == min(count, examples)
    assert all(row in more for row in few)
    assert few == [row for row in all_rows if row in few]
    assert sample(all_rows, ("first", examples), None) == all_rows[:examples]


def test_examples_and_limit_are_applied(tiny: Opener) -> None:
    plan, setting = ran(tiny("training.target.examples=10", "limit=6"))
    train, test = setting.rows(prepared(plan, "train", "en")), setting.rows(prepared(plan, "test", "de"))
    assert (len(train), len(test)) == (10, 6)
    assert len(setting.rows(prepared(plan, "dev", "en"))) == 16  # choosing needs all of dev
    facts = setting.open(plan.finals["none", "my/mood", 0]).info
    assert facts["examples"] == 10


def test_ids_name_task_split_and_language(tiny: Opener) -> None:
    plan, setting = ran(tiny(*WIDE))
    (mood, *_) = setting.rows(prepared(plan, "test", "de"))
    assert mood["id"].startswith("my/mood/test/") and mood["id"].endswith("/de")
    (cell, *_) = [cell for cell in plan.cells if cell.target == "my/pairs"]
    (prediction,) = cell.score.parents["prediction"]
    (data,) = prediction.parents["data"]
    (pair, *_) = setting.rows(data)
    assert pair["id"] == "my/pairs/test/0"  # parallel: one id for all languages


def test_an_empty_split_is_told(tiny: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    from xstilts.tasks.files import FilesSource

    experiment = tiny()
    plan = experiment.plan()
    monkeypatch.setattr(FilesSource, "rows", lambda self, split, language: [])
    with pytest.raises(DataError, match="my/mood: the train split in en is empty"):
        run([prepared(plan, "train", "en")], context(experiment))


# --- predict and score


def test_predictions_are_the_rows_in_order_with_their_gold(tiny: Opener) -> None:
    plan, setting = ran(tiny(*WIDE))
    for cell in plan.cells:
        (prediction,) = cell.score.parents["prediction"]
        (data,) = prediction.parents["data"]
        found = [row for row in table(setting, prediction) if row["postprocess"] == cell.postprocess]
        wanted = setting.rows(data)
        gold = "id" if cell.target == "my/pairs" else "label"
        assert [row["item"] for row in found] == [row["id"] for row in wanted]
        assert [row["source"] for row in found] == [row["source"] for row in wanted]
        assert [json.loads(row["gold"]) for row in found] == [row[gold] for row in wanted]
        assert {(row["language"], row["condition"]) for row in found} == {(cell.language, cell.condition)}


def test_scores_are_those_of_the_predictions(tiny: Opener) -> None:
    plan, setting = ran(tiny(*WIDE, "training.target.learning_rate=1e-2"))
    for cell in plan.cells:
        (prediction,) = cell.score.parents["prediction"]
        found = [row for row in table(setting, prediction) if row["postprocess"] == cell.postprocess]
        share = np.mean([row["prediction"] == row["gold"] for row in found])
        facts = setting.open(cell.score)
        assert facts.info["value"] == pytest.approx(share)
        statistics = pq.read_table(facts.path("item_stats.parquet"))
        assert statistics["item"].to_pylist() == [row["item"] for row in found]


def test_predicting_alone_or_in_a_group_is_the_same(tiny: Opener, tmp_path: Path) -> None:
    together = tiny(*WIDE, "keep=all")
    plan, setting = ran(together)
    for stage in [stage for stage in plan.stages if stage.kind == "predict"]:
        before = table(setting, stage)
        together.store.delete(stage.address)
        run([stage], context(together))
        assert table(setting, stage) == before


@pytest.mark.parametrize("target", ["my/mood", "my/pairs"])
def test_predictions_are_kept_chunk_by_chunk(
    tiny: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Stopped in the third of four chunks, two are there; only the others are predicted when it goes on."""
    options = (f"targets=[{target}]", "languages=[de, fr]", "conditions=[clean, typos@4]", "arms={none: {}}")
    whole, whole_setting = ran(tiny(*options, store=tmp_path / "whole"))
    experiment = tiny(*options)
    plan = experiment.plan()
    stages = [stage for stage in plan.stages if stage.kind == "predict" and not stage.spec.get("sweep")]
    assert len(stages) == 4
    calls: list[int] = []
    predict_sets = predicting.predict_sets

    def interrupted(job: Any, sets: Any, cache: Any) -> Any:
        if not job.spec.get("sweep"):
            calls.append(len(sets))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predict_sets(job, sets, cache)

    for name in ("CHUNK", "SHARED_CHUNK"):
        monkeypatch.setattr(f"xstilts.stages.{name}", 20)
    monkeypatch.setattr(predicting, "predict_sets", interrupted)
    with pytest.raises(KeyboardInterrupt):
        execute(plan, context(experiment))
    assert [stage.address in experiment.store for stage in stages] == [True, True, False, False]
    execute(plan, context(experiment))
    assert calls == [1] * 5
    for stage in stages:
        assert table(context(experiment), stage) == table(whole_setting, stage)
    assert {stage.key for stage in whole.stages} == {stage.key for stage in plan.stages}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(1, 60))
def test_chunks_are_the_stages_in_order_and_no_larger_than_needed(sizes: list[int], least: int) -> None:
    data = [Stage("prepare", {"number": number}) for number in range(len(sizes))]
    stages = [Stage("predict", {"number": one.spec["number"]}, {"data": (one,)}) for one in data]
    setting = SimpleNamespace(rows=lambda stage: [None] * sizes[stage.spec["number"]])
    chunks = list(_chunks(stages, cast("Context", setting), least))
    assert [stage for chunk in chunks for stage in chunk] == stages
    for place, chunk in enumerate(chunks):
        rows = [sizes[stage.spec["number"]] for stage in chunk]
        assert sum(rows[:-1]) < least
        assert sum(rows) >= least or place == len(chunks) - 1


def test_perturbed_inputs_do_not_depend_on_what_runs_beside_them(tiny: Opener) -> None:
    from xstilts.predicting import TestSet

    plan, setting = ran(tiny("limit=8"))
    test = setting.rows(prepared(plan, "test", "en"))
    whole = TestSet(test, "en", "typos@4").perturbed("classification")
    assert TestSet(test[3:5], "en", "typos@4").perturbed("classification") == whole[3:5]
    assert [row["text"] for row in whole] != [row["text"] for row in test]
    assert [row | {"text": 0} for row in whole] == [row | {"text": 0} for row in test]
    clean = TestSet(test, "en", "clean").perturbed("classification")
    assert clean == test


# --- layers


def test_the_layer_is_the_best_on_dev_and_the_deeper_of_equals(tiny: Opener) -> None:
    plan, setting = ran(tiny("targets=[my/pairs]", "languages=[de, fr]"))
    (layer, *_) = [cell.layer for cell in plan.cells if cell.layer is not None]
    facts = setting.open(layer).info
    assert {point["layer"] for point in facts["curve"]} == {0, 1, 2}
    for rule, chosen in facts["layers"].items():
        points = {point["layer"]: point["hit"] for point in facts["curve"] if point["postprocess"] == rule}
        assert chosen == max(number for number, hit in points.items() if hit == max(points.values()))
    sweep = layer.parent("sweep")
    assert sweep is not None
    for point in facts["curve"]:
        shares = []
        for language in ("de", "fr"):  # each language counts the same
            found = [
                row for row in table(setting, sweep)
                if (row["language"], row["layer"], row["postprocess"])
                == (language, point["layer"], point["postprocess"])
            ]  # fmt: skip
            shares.append(np.mean([row["prediction"] == row["gold"] for row in found]))
        assert point["hit"] == pytest.approx(np.mean(shares))


def test_a_given_layer_is_used(tiny: Opener) -> None:
    plan, setting = ran(tiny("targets=[my/pairs]", "retrieval.layer=1"))
    (prediction, *_) = [stage for stage in plan.stages if stage.kind == "predict"]
    assert {row["layer"] for row in table(setting, prediction)} == {1}


def test_a_layer_that_is_not_there_is_told(tiny: Opener) -> None:
    with pytest.raises(RecipeError, match=r"retrieval.layer: 3 is none of the encoder's layers, 0 to 2"):
        ran(tiny("targets=[my/pairs]", "retrieval.layer=3"))


# --- damage


def test_a_damaged_checkpoint_is_not_read(tiny: Opener) -> None:
    experiment = tiny("keep=all")
    plan, _ = ran(experiment)
    weights = plan.finals["none", "my/mood", 0].weights
    assert weights is not None
    path = experiment.store.open(weights).path("checkpoint/body.safetensors")
    path.write_bytes(path.read_bytes()[:-10])
    for stage in plan.stages:
        if stage.kind == "predict" and "none seed" in stage.label:
            experiment.store.delete(stage.address)
    with pytest.raises(StoreError, match=r"Delete the folder .*and run again"):
        ran(experiment)
    experiment.store.delete(weights)  # what the message says
    plan, _ = ran(experiment)
    assert all(stage.address in experiment.store for stage in plan.stages)
