from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tiny_world import Opener, store_content, tiny_recipe
from xstilts.best import best_arm, dev_scores, leading_arm
from xstilts.experiment import (
    Experiment,
    Listener,
    Results,
    analyse,
    execute,
    kept_stages,
    open_experiment,
    run_experiment,
)
from xstilts.finished import FinishedRun
from xstilts.plan import Plan
from xstilts.stage import Stage
from xstilts.store import Store

ARMS = {"none": {}, "odd": {"tasks": ["my/odd"]}, "mood": {"tasks": ["my/mood"]}}
WIDE = ("targets=[my/mood, my/pairs]", "controls.of=odd", "conditions=[clean, typos@2]")
FAST = ("training.target.learning_rate=1e-2", "training.intermediate.learning_rate=1e-2")


def weights_of(store: Store, kind: str) -> set[str]:
    return {address.key for address in store.addresses() if address.kind == kind}


def run(experiment: Experiment) -> tuple[Plan, list[Stage]]:
    """Execute; the plan, and the stages that ran."""
    ran: list[Stage] = []
    return execute(experiment, Listener(done=ran.append)), ran


def values(experiment: Experiment, plan: Plan, folder: Path) -> dict[tuple[Any, ...], Any]:
    columns = ("arm", "task", "language", "condition", "seed", "metric", "postprocess")
    rows = analyse(experiment, plan, folder, {}).results
    return {tuple(row[name] for name in columns): row for row in rows}


def give_dev_scores(experiment: Experiment, scores: dict[tuple[str, str], float]) -> Plan:
    """A store that knows only how well each arm did on dev."""
    plan = experiment.plan()
    for (arm, target, _), stage in plan.finals.items():
        with experiment.store.write(stage.address) as draft:
            draft.info["score"] = scores[arm, target]
    return plan


# --- reproducibility


def test_two_fresh_stores_hold_the_same(tiny: Opener, tmp_path: Path) -> None:
    answers = []
    for name in ("one", "two"):
        experiment = tiny(*WIDE, "seeds=[0, 1]", *FAST, store=tmp_path / name)
        plan, _ = run(experiment)
        answer = analyse(experiment, plan, tmp_path / f"out-{name}", {})
        answers.append((store_content(experiment.store), answer.results, answer.gains_table, answer.verdicts))
    assert answers[0] == answers[1]
    assert len({row["value"] for row in answers[0][1]}) > 2  # else there would be little to compare


def test_seeds_differ(tiny: Opener) -> None:
    experiment = tiny("seeds=[0, 1]", *FAST)
    plan, _ = run(experiment)
    losses = [
        experiment.store.open(plan.finals["none", "my/mood", seed].parents["train"][0].address).info["loss"]
        for seed in (0, 1)
    ]
    assert losses[0] != losses[1]


def test_a_repeated_run_computes_nothing(tiny: Opener) -> None:
    run(tiny(*WIDE))
    before = store_content(tiny(*WIDE).store)
    assert run(tiny(*WIDE))[1] == []
    assert store_content(tiny(*WIDE).store) == before


def test_a_store_behind_a_url_gives_the_same(tiny: Opener) -> None:
    local, remote = tiny(), tiny(store="memory://experiment")
    run(local)
    run(remote)
    assert store_content(remote.store) == store_content(local.store)
    remote.store._fs.rm("/experiment", recursive=True)


def test_results_are_read_back(tiny: Opener, tmp_path: Path) -> None:
    experiment = tiny(*WIDE)
    plan, _ = run(experiment)
    written = analyse(experiment, plan, tmp_path / "out", {"seconds": 1})
    read = Results.load(tmp_path / "out")
    assert read.results == written.results and read.verdicts == written.verdicts
    assert read.run["seconds"] == 1
    assert read.run["statistics"] == experiment.recipe.statistics.model_dump()
    tokens = experiment.store.open(plan.intermediates["odd", 0].address).info["tokens"]
    assert [row["tokens"] for row in read.run["intermediates"] if row["arm"] == "odd"] == [[tokens]]
    assert tokens > 0


def test_a_run_on_the_data_folder_is_opened_again_without_it(
    tiny_encoder: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """The files of the recipe's own tasks were found under --data: the resolved recipe says so."""
    (tmp_path / "elsewhere").mkdir()
    recipe = tiny_recipe(tiny_encoder, "statistics.draws=100", arms={"none": {}})
    folder = tmp_path / "run"
    experiment = open_experiment(recipe, tmp_path / "elsewhere", folder / "store", tiny_data)
    run_experiment(experiment, folder)
    opened = FinishedRun.open(folder)
    assert [stage.key for stage in opened.plan.stages] == [stage.key for stage in experiment.plan().stages]


def test_the_micro_batch_changes_no_prediction(tiny: Opener, tmp_path: Path) -> None:
    whole, parts = tiny(*FAST), tiny("training.micro_batch=3", *FAST, store=tmp_path / "parts")
    plan, _ = run(whole)
    again, _ = run(parts)
    assert [stage.key for stage in plan.stages] == [stage.key for stage in again.stages]


# --- selection


def final(plan: Plan, arm: str = "none") -> Stage:
    return plan.finals[arm, "my/mood", 0]


def test_selection_rules(tiny: Opener, tmp_path: Path) -> None:
    import torch

    from xstilts.encoders.checkpoint import Checkpoint

    common = ("keep=all", "training.target.candidates=4", "training.target.epochs=3", *FAST)
    arms: dict[str, Any] = {"none": {}}
    ran, chosen = {}, {}
    for rule in ("english-dev", "last", "average", "target-dev"):
        experiment = tiny(*common, f"selection={rule}", arms=arms)
        plan, stages = run(experiment)
        ran[rule] = Counter(stage.kind for stage in stages)
        stage = final(plan)
        assert stage.weights is not None
        chosen[rule] = experiment.store.open(stage.address), experiment.store.open(stage.weights)
    assert [ran[rule]["train"] for rule in ran] == [1, 0, 0, 0]
    candidates = experiment.store.open(stage.parents["train"][0].address).info["candidates"]
    assert len(candidates) == 4
    facts = {rule: facts.info for rule, (facts, _) in chosen.items()}
    best = max(candidates, key=lambda one: (one["dev"]["my/mood"], -one["update"]))
    assert facts["english-dev"]["update"] == best["update"]
    assert facts["last"]["update"] == candidates[-1]["update"] == facts["average"]["update"]
    assert facts["target-dev"]["score"] == max(option["score"] for option in facts["target-dev"]["options"])
    assert stage.parents["train"][0].weights is not None
    weights = experiment.store.open(stage.parents["train"][0].weights)
    parts = [Checkpoint.load(weights, str(one["update"])).body for one in candidates]
    mean = Checkpoint.load(chosen["average"][1], "checkpoint").body
    for name, value in mean.items():
        assert torch.allclose(value, torch.stack([part[name] for part in parts]).mean(0), atol=1e-7)


def test_the_oracle_selects_on_all_dev_languages(tiny: Opener) -> None:
    import json

    from xstilts import predicting
    from xstilts.encoders.base import load_encoder
    from xstilts.encoders.checkpoint import Checkpoint

    experiment = tiny(
        "selection=target-dev", "keep=all", "training.target.epochs=3", *FAST, arms={"none": {}}
    )
    plan, _ = run(experiment)
    stage = final(plan)
    assert stage.parents["train"][0].weights is not None
    weights = experiment.store.open(stage.parents["train"][0].weights)
    task = experiment.catalogue.get("my/mood")
    for option in experiment.store.open(stage.address).info["options"]:
        checkpoint = Checkpoint.load(weights, str(option["update"]))
        shares = []
        for language in ("en", "de"):
            rows = [row | {"id": f"{language}/{row['id']}"} for row in task.source.rows("dev", language)]
            spec = {"precision": "fp32", "max_length": 32}
            job = predicting.Job(load_encoder(experiment.encoder), checkpoint, task, spec, {})
            (table,) = predicting.predict_sets(job, [predicting.TestSet(rows, language, "clean")], {})
            predicted = [json.loads(value) for value in table["prediction"].to_pylist()]
            hits = [value == row["label"] for value, row in zip(predicted, rows, strict=True)]
            shares.append(sum(hits) / len(hits))
        assert option["score"] == pytest.approx(sum(shares) / 2)


def test_a_grid_of_rates_is_resolved_on_dev(tiny: Opener) -> None:
    experiment = tiny(
        "training.target.learning_rate=[1e-7, 1e-2]", "training.target.epochs=4", arms={"none": {}}
    )
    plan, stages = run(experiment)
    assert Counter(stage.kind for stage in stages)["train"] == 2
    facts = experiment.store.open(final(plan).address).info
    assert facts["learning_rate"] == 1e-2
    assert facts["score"] == max(option["score"] for option in facts["options"]) > 0.9


# --- controls


def test_longer_trains_for_as_many_more_updates_as_the_intermediate(tiny: Opener) -> None:
    experiment = tiny("controls.of=odd", "training.intermediate.epochs=2")
    plan, _ = run(experiment)

    def updates(stage: Stage) -> int:
        return int(experiment.store.open(stage.address).info["updates"])

    intermediate = updates(plan.intermediates["odd", 0])
    assert intermediate == 2 * 3  # 24 rows in batches of 8
    assert updates(final(plan, "odd~longer")) == updates(final(plan)) + intermediate
    assert updates(final(plan, "odd~shuffled")) == updates(final(plan)) == 5


def test_best_chooses_by_dev(tiny: Opener) -> None:
    scores = {("none", "my/mood"): 0.5, ("odd", "my/mood"): 0.6, ("mood", "my/mood"): 0.7}
    experiment = tiny("controls.of=best", arms=ARMS)
    assert best_arm(experiment.plan(), experiment.store, "my/mood") is None
    plan = give_dev_scores(experiment, scores)
    assert dev_scores(plan, experiment.store)["odd", "my/mood"] == [0.6]
    assert leading_arm(plan, experiment.store) == best_arm(plan, experiment.store, "my/mood") == "mood"
    assert {control.of for control in experiment.full_plan().controls} == {"mood"}


def test_best_is_best_on_average_over_targets(tiny: Opener) -> None:
    scores = {("none", "my/mood"): 0.5, ("odd", "my/mood"): 0.6, ("mood", "my/mood"): 0.7}
    scores |= {("none", "my/odd"): 0.5, ("odd", "my/odd"): 0.9, ("mood", "my/odd"): 0.5}
    experiment = tiny("targets=[my/mood, my/odd]", "languages=[en]", arms=ARMS)
    plan = give_dev_scores(experiment, scores)
    assert leading_arm(plan, experiment.store) == "odd"
    assert best_arm(plan, experiment.store, "my/mood") == "mood"


@pytest.mark.parametrize("dev", [0.5, 0.4])
def test_the_baseline_is_best_where_no_arm_is_better(tiny: Opener, dev: float) -> None:
    """Controls of the leading arm are run and its weights kept all the same: test data may still show a gain."""
    scores = {("none", "my/mood"): 0.5, ("odd", "my/mood"): dev, ("mood", "my/mood"): 0.3}
    experiment = tiny("controls.of=best", arms=ARMS)
    plan = give_dev_scores(experiment, scores)
    assert best_arm(plan, experiment.store, "my/mood") == "none"
    assert {control.of for control in experiment.full_plan().controls} == {"odd"}
    kept = kept_stages(plan, experiment.store)
    assert kept is not None
    assert {arm for (arm, _, _), stage in plan.finals.items() if stage in kept} == {"none", "odd"}


def test_the_controls_of_the_best_arm_run_in_one_go(tiny: Opener) -> None:
    experiment = tiny("controls.of=best", *FAST, arms=ARMS)
    plan, _ = run(experiment)
    scores = {arm: values[0] for (arm, _), values in dev_scores(plan, experiment.store).items()}
    best = max(("odd", "mood"), key=lambda arm: scores[arm])
    assert {control.of for control in plan.controls} == {best}
    assert {cell.arm for cell in plan.cells} == {"none", "odd", "mood", f"{best}~longer", f"{best}~shuffled"}
    assert run(tiny("controls.of=best", *FAST, arms=ARMS))[1] == []


# --- keep


def kept_finals(experiment: Experiment, plan: Plan) -> set[str]:
    """Arms whose checkpoint of my/mood is still in the store."""
    present = experiment.store.addresses()
    return {
        arm
        for (arm, target, _), stage in plan.finals.items()
        if stage.weights in present and target == "my/mood"
    }


@pytest.mark.parametrize("keep", ["none", "best", "all"])
def test_what_is_kept(tiny: Opener, tmp_path: Path, keep: str) -> None:
    options = ("controls.of=best", f"keep={keep}", *FAST)
    experiment = tiny(*options, arms=ARMS)
    plan, _ = run(experiment)
    leading = leading_arm(plan, experiment.store, "my/mood")
    expected = {"none": set(), "best": {"none", leading}, "all": {arm for arm, _, _ in plan.finals}}[keep]
    assert kept_finals(experiment, plan) == expected
    assert bool(weights_of(experiment.store, "candidates")) is (keep == "all")
    present = experiment.store.addresses()
    assert all(stage.weights in present for stage in plan.intermediates.values())
    assert {stage.address for stage in plan.stages} <= present  # the facts stay
    rows = analyse(experiment, plan, tmp_path / "out", {}).results
    assert all(row["train_examples"] == 40 and row["train_tokens"] > 0 for row in rows)
    assert run(tiny(*options, arms=ARMS))[1] == []


def test_keep_changes_no_value(tiny: Opener, tmp_path: Path) -> None:
    found = []
    for keep in ("none", "best", "all"):
        experiment = tiny(f"keep={keep}", *WIDE, *FAST, store=tmp_path / keep)
        plan, _ = run(experiment)
        found.append(values(experiment, plan, tmp_path / f"out-{keep}"))
    assert found[0] == found[1] == found[2]


def test_weights_go_as_soon_as_nothing_reads_them(tiny: Opener, tmp_path: Path) -> None:
    most = {}
    for keep in ("none", "all"):
        experiment = tiny(f"keep={keep}", "seeds=[0, 1]", store=tmp_path / keep)
        counts: list[int] = []

        def count(stage: Stage, experiment: Experiment = experiment, counts: list[int] = counts) -> None:
            counts.append(len(weights_of(experiment.store, "candidates")))

        execute(experiment, Listener(done=count))
        most[keep] = max(counts)
    assert most == {"none": 1, "all": 6}


@pytest.mark.parametrize("keep", ["none", "best"])
def test_one_more_language_after_pruning(tiny: Opener, tmp_path: Path, keep: str) -> None:
    options = (f"keep={keep}", "controls.of=odd", *FAST)
    run(tiny(*options))
    wider = (*options, "languages=[en, de, fr]")
    experiment = tiny(*wider)
    plan, ran = run(experiment)
    kinds = Counter(stage.kind for stage in ran)
    again = {"none": 4, "best": 2}[keep]  # arms and controls whose checkpoint had gone; no intermediate
    assert kinds == Counter(prepare=1, train=again, select=again, predict=4, score=4)
    assert all(
        "init" in stage.parents or "intermediate" not in stage.label for stage in ran if stage.kind == "train"
    )
    fresh = tiny(*wider, store=tmp_path / "fresh")
    whole, _ = run(fresh)
    assert values(experiment, plan, tmp_path / "a") == values(fresh, whole, tmp_path / "b")
    assert kept_finals(experiment, plan) == kept_finals(fresh, whole)


def test_another_rule_after_pruning_trains_again_and_is_right(tiny: Opener, tmp_path: Path) -> None:
    run(tiny("keep=none", *FAST))
    experiment, fresh = (
        tiny("keep=none", "selection=last", *FAST, store=store) for store in (None, tmp_path / "f")
    )
    plan, _ = run(experiment)
    whole, _ = run(fresh)
    assert values(experiment, plan, tmp_path / "a") == values(fresh, whole, tmp_path / "b")


def test_any_arm_may_be_best_before_the_scores_are_known(tiny: Opener) -> None:
    plan = tiny("controls.of=odd", arms=ARMS).plan()
    kept = kept_stages(plan)
    assert kept is not None
    arms = {arm for (arm, _, _), stage in plan.finals.items() if stage in kept}
    assert arms == {"none", "odd", "mood"}
