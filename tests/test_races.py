"""Races from recipe to report: what runs, what is told, and that nothing runs twice."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from tiny_world import Opener, Typed
from xstilts.costs import estimate
from xstilts.errors import RecipeError, UserError
from xstilts.executors.local import pending
from xstilts.experiment import Experiment, Listener, analyse, execute, run_experiment
from xstilts.finished import FinishedRun
from xstilts.heats import best_case, heat, mean_scores, race_of, scored_targets
from xstilts.outlook import outlook, print_outlook
from xstilts.plan import Plan
from xstilts.recipe import BASELINE
from xstilts.results import Results
from xstilts.stage import Stage

ARMS = {
    "none": {},
    "odd": {"tasks": ["my/odd"]},
    "mood": {"tasks": ["my/mood"]},
    "slow": {"tasks": ["my/mood"], "training": {"learning_rate": 1.0e-6}},
}
RACE = ("strategy=race", "race.error=0.2", "seeds=[3, 1, 2, 0]")
SHARP = {"none": 0.5, "odd": 0.7195, "mood": 0.72, "slow": 0.4}


def keys(plan: Plan, *kinds: str) -> set[str]:
    return {stage.key for stage in plan.stages if not kinds or stage.kind in kinds}


def give(experiment: Experiment, means: Mapping[str, float], seeds: int, seconds: float = 0.0) -> None:
    """A store that knows how well each arm did on dev under its first seeds, 0.001 apart."""
    for (arm, _, seed), stage in experiment.plan().finals.items():
        if seed in experiment.recipe.seeds[:seeds] and stage.address not in experiment.store:
            with experiment.store.write(stage.address, seconds=seconds) as draft:
                draft.info["score"] = means[arm.partition("~")[0]] + 0.001 * (
                    (seed * (3 if arm == "odd" else 5)) % 4
                )


def run(experiment: Experiment, stop: int | None = None) -> tuple[Plan, list[Stage]]:
    """Execute; the plan, and the stages that ran. After `stop` stages the run is interrupted."""
    ran: list[Stage] = []

    def done(stage: Stage) -> None:
        ran.append(stage)
        if len(ran) == stop:
            raise KeyboardInterrupt

    return execute(experiment, Listener(done=done)), ran


# --- plans


def test_a_race_plans_the_stages_of_the_full_grid(tiny: Opener) -> None:
    """Not a key differs, so that each goes on where the other stopped."""
    full, raced = tiny("seeds=[0, 1, 2]", arms=ARMS), tiny("seeds=[0, 1, 2]", "strategy=race", arms=ARMS)
    assert keys(raced.plan()) == keys(full.plan()) == keys(raced.full_plan())


def test_a_round_needs_no_test_data(tiny: Opener) -> None:
    experiment = tiny(*RACE, "controls.of=all", "targets=[my/mood, my/pairs]", arms=ARMS)
    plan = heat(experiment, race_of(experiment))
    assert {stage.kind for stage in plan.stages} == {"prepare", "train", "select", "predict"}
    assert all("sweep" in stage.spec for stage in plan.stages if stage.kind == "predict")
    assert {seed for _, _, seed in plan.finals} == {3, 1}
    assert {arm for arm, _, _ in plan.finals} == set(ARMS)
    assert keys(plan) < keys(experiment.plan())


def test_the_store_decides(tiny: Opener) -> None:
    experiment = tiny(*RACE, "controls.of=best", arms=ARMS)
    assert race_of(experiment).due == (3, 1)
    give(experiment, SHARP, 2)
    found = race_of(experiment)
    assert [(one.arm, one.dropped) for one in found.rounds[0].standings][-1] == ("slow", True)
    assert "slow" not in {cell.arm for cell in experiment.full_plan().cells}
    assert experiment.full_plan().controls == ()  # two arms are still in the race
    assert not race_of(experiment).over
    give(experiment, SHARP, 4)
    assert race_of(experiment).over
    assert len({control.of for control in experiment.full_plan().controls}) == 1


def test_the_arm_that_controls_are_asked_for_stays(tiny: Opener) -> None:
    experiment = tiny(*RACE, "controls.of=slow", arms=ARMS)
    give(experiment, SHARP, 4)
    assert "slow" in race_of(experiment).arms


def test_the_best_case_is_cheaper_than_the_worst(tiny: Opener) -> None:
    experiment = tiny(*RACE, "controls.of=best", arms=ARMS)

    plan = experiment.full_plan()
    work = pending(plan, experiment.store.addresses()).stages
    case = best_case(plan, work, race_of(experiment), "best")
    assert {stage.key for stage in case} < {stage.key for stage in work}
    # Two seeds of all arms, then two of the baseline and one arm:
    assert sum(stage.kind == "train" for stage in case) == 2 * (1 + 3 * 2) + 2 * (1 + 2)


def test_halving_costs_what_it_will(tiny: Opener) -> None:
    """Three arms, four seeds: one leaves after two seeds."""
    experiment = tiny(*RACE, "race.rule=halving", "controls.of=none", arms=ARMS)
    plan = experiment.full_plan()
    work = pending(plan, experiment.store.addresses()).stages
    case = best_case(plan, work, race_of(experiment), "none")
    assert sum(stage.kind == "train" for stage in case) == 2 * (1 + 3 * 2) + 2 * (1 + 2 * 2)
    give(experiment, SHARP, 4)
    found = race_of(experiment)
    assert found.over and [one.arm for one in found.rounds[0].dropped] == ["slow"]


def test_halving_is_told_in_plan_and_report(tiny: Opener, tmp_path: Path) -> None:
    options = (*RACE, "race.rule=halving", "controls.of=none", "statistics.draws=100")
    experiment = tiny(*options, arms=ARMS, store=tmp_path / "out/store")
    console = Console(width=200, record=True)
    plan = experiment.full_plan()
    work, rows = pending(plan, experiment.store.addresses()), experiment.row_counts()
    costs = estimate(plan, work.stages, experiment.encoder, rows, experiment.tower)
    foretold = outlook(experiment, plan, work, costs, rows)
    print_outlook(foretold, "fp32", console)
    assert "the worse half is dropped after seed 2 of 4" in console.export_text()
    assert foretold.best == foretold.worst and foretold.best.seconds < costs.seconds
    give(experiment, SHARP, 4)
    run_experiment(experiment, tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert "the worse half on dev was dropped" in page and "Chance to catch up" in page


def test_scores_are_means_over_the_targets_that_have_them(tiny: Opener) -> None:
    experiment = tiny(*RACE, "targets=[my/mood, my/odd]", "languages=[en]", arms=ARMS)
    plan = experiment.plan()
    assert scored_targets(plan) == ["my/mood", "my/odd"]
    for (arm, target, seed), stage in plan.finals.items():
        if (arm, target) != ("odd", "my/odd"):
            with experiment.store.write(stage.address) as draft:
                draft.info["score"] = {"my/mood": 0.5, "my/odd": 0.7}[target] + seed / 100
    scores = mean_scores(plan, experiment.store)
    assert scores["odd"] == {}
    assert scores["mood"] == pytest.approx({3: 0.63, 1: 0.61, 2: 0.62, 0: 0.6})


# --- runs


def test_a_race_ends_with_those_that_stayed(tiny: Opener, tmp_path: Path) -> None:
    """Also: its answer is that of a full grid of these arms, and a full grid afterwards runs what is missing."""
    options = (*RACE, "controls.of=best", "keep=none")
    experiment = tiny(*options, arms=ARMS)
    give(experiment, SHARP | {"odd": 0.6}, 2)  # so that the first round drops two
    plan, ran = run(experiment)
    assert set(plan.recipe.arms) == {BASELINE, "mood"}
    assert not [stage for stage in ran if "slow" in stage.label or "odd seed" in stage.label]
    results = analyse(experiment, plan, tmp_path / "out", {})
    assert {row["arm"] for row in results.verdicts} == {"mood"}
    assert [row["arm"] for row in results.run["race"]["dropped"]] == ["odd", "slow"]
    assert run(tiny(*options, arms=ARMS))[1] == []


def test_an_interrupted_race_goes_on(tiny: Opener, tmp_path: Path) -> None:
    options = ("strategy=race", "seeds=[0, 1, 2]", "controls.of=best", "race.error=0.5")
    whole, ran = run(tiny(*options, arms=ARMS, store=tmp_path / "one"))
    stages = 0
    with pytest.raises(KeyboardInterrupt):
        run(tiny(*options, arms=ARMS, store=tmp_path / "two"), stop=len(ran) // 3)
    stages += len(ran) // 3
    with pytest.raises(KeyboardInterrupt):
        run(tiny(*options, arms=ARMS, store=tmp_path / "two"), stop=len(ran) // 3)
    stages += len(ran) // 3
    plan, rest = run(tiny(*options, arms=ARMS, store=tmp_path / "two"))
    assert keys(plan) == keys(whole)
    assert (
        stages + len(rest) <= len(ran) + 4
    )  # what was half done: a chunk of predictions, a training's weights
    assert run(tiny(*options, arms=ARMS, store=tmp_path / "two"))[1] == []


def test_weights_of_dropped_arms_are_not_kept(tiny: Opener) -> None:
    experiment = tiny(*RACE, arms=ARMS)
    run(experiment)
    found = race_of(experiment)
    present = experiment.store.addresses()
    finals = {arm for (arm, _, _), stage in experiment.plan().finals.items() if stage.weights in present}
    assert finals <= {BASELINE, *found.arms}
    assert not [address for address in present if address.kind == "candidates"]


def test_what_is_told(tiny: Opener, tmp_path: Path) -> None:
    experiment = tiny(
        *RACE, "controls.of=best", "statistics.draws=100", arms=ARMS, store=tmp_path / "out/store"
    )
    give(experiment, SHARP | {"odd": 0.6}, 2)
    run_experiment(experiment, tmp_path / "out")
    results = Results.load(tmp_path / "out")
    told = results.run["race"]
    assert (told["error"], told["seeds"], told["rounds"], told["stayed"]) == (0.2, 4, 1, ["mood"])
    assert told["rule"] == "intervals" and 0 < told["lost"] < 0.2
    assert [row["round"] for row in told["dropped"]] == [1, 1]
    assert all(0 < row["low"] < row["behind"] < row["high"] for row in told["dropped"])
    assert [(row["arm"], row["dropped"]) for row in results.race] == [
        ("odd", True),
        ("mood", False),
        ("slow", True),
    ]
    assert results.race[1]["gain"] == pytest.approx(SHARP["mood"] - SHARP["none"])
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert "Which arms were dropped on the way?" in page and "2 of 4 seeds" in page
    run_ = FinishedRun.open(tmp_path / "out")
    assert run_.arm("best", ["my/mood"]) in (BASELINE, "mood")
    with pytest.raises(UserError, match="the race dropped it"):
        run_.arm("odd", ["my/mood"])
    again = Results.load(tmp_path / "out").report()
    assert again.read_text("utf-8") == page


def test_what_dropped_arms_took_is_counted_apart(tiny: Opener, tmp_path: Path) -> None:
    """Up to the round that dropped them, whatever else the store has of them; and not what others need as well."""
    experiment = tiny(*RACE, "statistics.draws=100", arms=ARMS, store=tmp_path / "out/store")
    give(experiment, SHARP | {"odd": 0.6}, 2, seconds=7.0)
    plan, _ = run(experiment)
    give(experiment, SHARP | {"odd": 0.6}, 4, seconds=7.0)
    results = analyse(experiment, plan, tmp_path / "out", {})
    spent, answered = results.run["race"]["spent"], results.run["stages"]
    # Two arms, two seeds, an intermediate and a target each; training and dev rows of my/odd.
    assert {kind: cost["stages"] for kind, cost in spent.items()} == {"prepare": 2, "train": 8, "select": 8}
    assert 28 <= spent["select"]["seconds"] < 35
    # The baseline and one arm, four seeds.
    assert answered["train"]["stages"] == answered["select"]["stages"] == 4 + 8
    page = results.report().read_text("utf-8")
    assert re.search(r"select, for arms that were dropped</th><td class=\"n\">8</td>", page)
    whole = sum(cost["stages"] for cost in (*spent.values(), *answered.values()))
    assert re.search(rf'all</th><td class="n">{whole}</td>', page)


def test_tests_count_the_arms_that_were_dropped(tiny: Opener, tmp_path: Path) -> None:
    """Seeds that did well on dev do well on test: leaving arms out must not make the tests of the others easier."""
    experiment = tiny(*RACE, "statistics.draws=100", arms=ARMS)
    give(experiment, SHARP | {"odd": 0.6}, 2)
    plan, _ = run(experiment)
    verdicts = analyse(experiment, plan, tmp_path / "out", {}).verdicts
    tested = [row for row in verdicts if row["p"] is not None]
    assert tested
    assert all(row["p_holm"] == pytest.approx(min(1.0, 3 * row["p"])) for row in tested)


# --- the command line


def cli_recipe(folder: Path, data: Path, **changes: Any) -> Path:
    small = {
        "epochs": 1,
        "learning_rate": 1.0e-3,
        "batch_size": 8,
        "examples": 24,
        "candidates": 1,
        "max_length": 32,
    }
    recipe = {
        "encoder": "bundled/multilingual-e5-small@1",
        "arms": {name: ARMS[name] for name in ("none", "odd", "mood")},
        "targets": ["my/mood"],
        "languages": ["en", "de"],
        "seeds": [0, 1, 2],
        "strategy": "race",
        "race": {"error": 0.3},
        "controls": {"of": "none"},
        "statistics": {"draws": 100},
        "training": {"intermediate": small, "target": small, "threads": 1},
        "limit": 10,
        "tasks": {
            "my/mood": {"type": "classification", "files": str(data / "mood/{split}-{language}.tsv")},
            "my/odd": {"type": "multiple-choice", "files": str(data / "odd/{split}-{language}.jsonl")},
        },
    } | changes
    path = folder / "race.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), "utf-8")
    return path


def test_a_race_from_the_command_line(typed: Typed, tiny_data: Path, tmp_path: Path) -> None:
    path, out = str(cli_recipe(tmp_path, tiny_data)), str(tmp_path / "out")
    code, text, _ = typed("plan", path, "--out", out)
    assert code == 0 and "A race of 2 arms" in text and "if all but one are dropped then" in text
    code, text, _ = typed("plan", path, "--out", out, "--json")
    outlook = json.loads(text)["race"]
    assert outlook["best"]["seconds"] < outlook["worst"]["seconds"]
    code, text, error = typed("run", path, "--out", out)
    assert code == 0, error
    assert "Race, 2 of 3 seeds" in text + error and "in the race" in text
    results = Results.load(out)
    assert {row["round"] for row in results.race} == {1}
    code, text, error = typed("run", path, "--out", out)
    assert code == 0 and "nothing is computed again" in text + error
    assert Results.load(out).race == results.race
    code, text, _ = typed("plan", path, "--out", out)
    assert code == 0 and "The race is over." in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": [0]}, "strategy: race with 1 of the three seeds"),
        ({"seeds": [0, 1]}, "strategy: race with 2 of the three seeds"),
        ({"arms": {"none": {}, "odd": {"tasks": ["my/odd"]}}}, "there is nothing to choose between"),
        ({"race": {"error": 0}}, "race.error"),
        ({"strategy": "relay"}, "strategy"),
    ],
)
def test_a_race_that_cannot_be_run(
    typed: Typed, tiny_data: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    code, _, error = typed("plan", str(cli_recipe(tmp_path, tiny_data, **changes)))
    assert code == 2 and words in " ".join(error.split())


def test_a_race_needs_dev_scores(tiny: Opener) -> None:
    experiment = tiny(*RACE, "targets=[my/pairs]", "retrieval.layer=1", arms=ARMS)
    with pytest.raises(RecipeError, match=r"retrieval\.layer: sweep"):
        experiment.full_plan()


# --- the evaluation


def test_a_finished_grid_is_raced_again_from_its_dev_scores(
    tiny: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`bench/racing.py --run`: without training, every race keeps an arm as good as the best here, and costs less."""
    path = Path(__file__).parents[1] / "bench/racing.py"
    monkeypatch.syspath_prepend(path.parent)
    bench = importlib.import_module("racing")
    options = ("seeds=[0, 1, 2, 3]", "statistics.draws=100", "targets=[my/mood, my/pairs]")
    experiment = tiny(*options, arms=ARMS, store=tmp_path / "out/store")
    give(experiment, SHARP, 4)
    run_experiment(experiment, tmp_path / "out")
    arguments = ["--run", tmp_path / "out", "--races", 20, "--out", tmp_path / "racing.json"]
    monkeypatch.setattr(sys, "argv", ["racing.py", *map(str, arguments)])
    bench.main()
    (row,) = json.loads((tmp_path / "racing.json").read_text("utf-8"))["rows"]
    assert (row["arms"], row["seeds"]) == (3, 4)
    for rule in ("intervals", "halving"):
        assert row[rule]["kept"] >= row[f"{rule}: random"]["kept"]
        assert 0 < row[rule]["least"] <= row[rule]["share"] <= 1
