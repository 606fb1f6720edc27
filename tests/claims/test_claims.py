"""Claims on made-up runs whose gains are known."""

from __future__ import annotations

import pytest
import yaml
from claim_runs import Gains, outcome, recipe_of, run_of

from xstilts.analysis.intervals import Estimate
from xstilts.claims import CLAIMS, on_run
from xstilts.claims.base import PValues, Rule, is_fragment
from xstilts.claims.tables import STILTS, Term, combine
from xstilts.claims.theirs import partial_conjunction
from xstilts.recipe import parse_recipe

THREE = {"squad1": ["stilts/squad1"], "mnli": ["stilts/mnli"], "hs": ["stilts/hellaswag"]}
ARMS = THREE | {"csqa": ["stilts/csqa"]}
MULTI = ARMS | {"multi": [task for tasks in ARMS.values() for task in tasks]}


def same(arms: object, gain: float | tuple[float, float]) -> dict[str, float | tuple[float, float]]:
    return dict.fromkeys(arms, gain)  # type: ignore[call-overload]


def test_large_average_gains_need_both_families_and_half_of_the_printed() -> None:
    gains: Gains = {"xtreme/pawsx": same(THREE, 0.01), "xtreme/tatoeba": same(THREE, 0.3)}
    found = outcome(1, run_of(THREE, gains))
    assert found.verdict == "supported"
    judged = [part for part in found.parts if part.verdict]
    assert [part.name.partition(":")[0] for part in judged] == list(THREE)
    weighted = (7 * 0.01 + 2 * 0.3) / 9  # as XTREME's nine tasks are divided, whatever the run has of them
    assert judged[0].estimate == pytest.approx(weighted, abs=0.003)
    assert judged[0].printed == pytest.approx(0.082)
    beside = {part.name.strip(): part.estimate for part in found.parts if not part.verdict}
    assert set(beside) == {"trained alone", "retrieval alone"}
    assert "over 2 of XTREME's nine targets" in found.notes


def test_an_average_over_trained_targets_alone_does_not_test_the_printed_one() -> None:
    found = outcome(1, run_of(THREE, {"xtreme/pawsx": same(THREE, 0.2)}))
    assert found.verdict == "not tested"
    assert "both kinds" in found.parts[0].note
    assert found.parts[0].estimate == pytest.approx(0.2, abs=0.01)


def test_a_small_average_contradicts_and_a_missing_arm_leaves_open() -> None:
    small: Gains = {"xtreme/pawsx": same(THREE, 0.0), "xtreme/tatoeba": same(THREE, 0.01)}
    assert outcome(1, run_of(THREE, small)).verdict == "contradicted"
    large: Gains = {"xtreme/pawsx": {"squad1": 0.0}, "xtreme/tatoeba": {"squad1": 0.5}}
    found = outcome(1, run_of({"squad1": ["stilts/squad1"]}, large))
    assert [part.verdict for part in found.parts if part.verdict] == ["supported", "not tested", "not tested"]
    assert found.verdict == "undecided"


def test_the_task_over_again_is_left_out() -> None:
    gains: Gains = {"xtreme/xquad": same(THREE, 0.9), "xtreme/pawsx": same(THREE, 0.0)}
    gains = {**gains, "xtreme/tatoeba": same(THREE, 0.0)}
    found = outcome(1, run_of(THREE, gains))
    squad = found.parts[0]
    assert squad.estimate == pytest.approx(0.0, abs=0.01)
    assert "left out, as the arm's own task over again: xtreme/xquad" in found.notes


@pytest.mark.parametrize(
    ("multi", "verdict"), [(0.1, "supported"), (0.02, "contradicted"), (0.05, "undecided")]
)
def test_the_mixture_is_best_only_against_every_arm(multi: float, verdict: str) -> None:
    one = same(ARMS, 0.03) | {"csqa": 0.05, "multi": multi}
    gains: Gains = {"xtreme/pawsx": one, "xtreme/tatoeba": one}
    nine = ARMS | {"multi": [f"stilts/{task}" for task in STILTS]}
    assert outcome(2, run_of(nine, gains)).verdict == verdict
    assert outcome(2, run_of(nine, {"xtreme/pawsx": one})).verdict == "not tested", "targets of one kind"
    found = outcome(2, run_of(MULTI, gains))
    assert found.verdict == ("undecided" if verdict == "supported" else verdict)
    assert any(part.note == "multi mixes 4 tasks" for part in found.parts)
    assert outcome(2, run_of(ARMS, {"xtreme/pawsx": same(ARMS, 0.0)})).verdict == "not tested"


@pytest.mark.parametrize(("gain", "verdict"), [(0.3, "supported"), (0.02, "contradicted")])
def test_retrieval_gains_much(gain: float, verdict: str) -> None:
    assert outcome(3, run_of(THREE, {"xtreme/tatoeba": same(THREE, gain)})).verdict == verdict


def test_tydiqa_gains_and_xnli_does_not() -> None:
    gains: Gains = {
        "xtreme/tydiqa": same(ARMS, 0.04) | {"csqa": -0.05},
        "xtreme/xnli": same(ARMS, -0.01) | {"csqa": 0.05},
    }
    arms = {arm: tasks for arm, tasks in ARMS.items() if arm != "mnli"} | {"qqp": ["stilts/qqp"]}
    gains = {
        target: {("qqp" if arm == "mnli" else arm): x for arm, x in by.items()}
        for target, by in gains.items()
    }
    found = outcome(4, run_of(arms, gains))
    assert found.verdict == "supported"
    assert [part.note for part in found.parts] == ["3 of 4 arms gain clearly", "1 of 4 arms gain clearly"]
    assert outcome(4, run_of(arms, {"xtreme/tydiqa": gains["xtreme/tydiqa"]})).verdict == "undecided"
    swapped = {"xtreme/tydiqa": gains["xtreme/xnli"], "xtreme/xnli": gains["xtreme/tydiqa"]}
    assert outcome(4, run_of(arms, swapped)).verdict == "contradicted"


def test_the_best_arm_counts_as_nothing_where_the_baseline_is_best() -> None:
    gains: Gains = {"xtreme/pawsx": {"csqa": 0.2}, "xtreme/tatoeba": {"csqa": 0.2}}
    arms = {"csqa": ["stilts/csqa"]}
    best = {"xtreme/pawsx": "none", "xtreme/tatoeba": "csqa"}
    found = outcome(5, run_of(arms, gains, best=best))
    assert found.verdict == "supported"
    assert found.parts[0].estimate == pytest.approx(0.2 * 2 / 9, abs=0.01)
    assert outcome(5, run_of(arms, gains)).verdict == "not tested"


def test_published_claims_are_about_xtreme_alone() -> None:
    gains: Gains = {"my/task": same(THREE, 0.2), "my/pairs": same(THREE, 0.5)}
    best = dict.fromkeys(gains, "hs")
    run = run_of(THREE | {"multi": [x for tasks in THREE.values() for x in tasks]}, gains, best=best)
    for number in (1, 2, 5):
        found = outcome(number, run)
        assert found.verdict == "not tested"
        assert not [part for part in found.parts if part.verdict == "supported"]
    assert any(part.estimate for part in outcome(5, run).parts)
    mixed = run_of(THREE, gains | {"xtreme/tatoeba": same(THREE, 0.3)}, best=best | {"xtreme/tatoeba": "hs"})
    assert outcome(5, mixed).parts[0].estimate == pytest.approx(0.3, abs=0.01)


def test_language_modelling_and_translation_are_not_tested_without_such_arms() -> None:
    found = outcome(6, run_of(THREE, {"xtreme/pawsx": same(THREE, 0.1)}))
    assert (found.verdict, len(found.parts)) == ("not tested", 2)


def test_preconditions() -> None:
    run = run_of(THREE, {"xtreme/pawsx": same(THREE, 0.1)}, encoder="FacebookAI/xlm-roberta-large")
    assert [outcome(number, run).verdict for number in (7, 8, 9)] == ["met", "met", "not met"]
    assert "3 of nine" in outcome(9, run).notes[0]
    retrieval = run_of(THREE, {"xtreme/tatoeba": same(THREE, 0.1)}, encoder="my/encoder")
    assert [outcome(number, retrieval).verdict for number in (7, 8)] == ["not met", "not met"]


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [
        ((0.05, 0.04), "supported"),
        ((0.05, 0.0), "contradicted"),
        ((0.0, 0.0), "undecided"),
        ((0.05, -0.05), "contradicted"),
    ],
)
def test_gains_beyond_english(gain: tuple[float, float], verdict: str) -> None:
    run = run_of(THREE, {"my/task": same(THREE, gain)}, best={"my/task": "hs"})
    assert outcome(10, run).verdict == verdict
    nothing = run_of(THREE, {"my/task": same(THREE, gain)}, best={"my/task": "none"})
    assert outcome(10, nothing).verdict == "not tested"


@pytest.mark.parametrize(("left", "verdict"), [(0.8, "supported"), (0.0, "contradicted")])
def test_gains_under_perturbation(left: float, verdict: str) -> None:
    gains: Gains = {"my/task": same(THREE, 0.05)}
    best = {"my/task": "hs"}
    run = run_of(THREE, gains, best=best, share={("typos@2", ""): left})
    found = outcome(11, run)
    assert found.verdict == verdict
    assert found.parts[0].before == ("clean", pytest.approx(0.05, abs=0.01))
    clean = outcome(11, run_of(THREE, gains, best=best, clean_only=True))
    assert (clean.verdict, clean.notes) == ("not tested", ("the run has clean input only",))


def test_trained_targets_apart_from_retrieval() -> None:
    best = {"my/task": "hs", "xtreme/tatoeba": "hs"}
    gains: Gains = {"my/task": same(THREE, -0.02), "xtreme/tatoeba": same(THREE, 0.5)}
    run = run_of(THREE, gains, best=best)
    assert outcome(13, run).verdict == "contradicted"
    assert outcome(12, run).verdict == "not tested"


def test_controls_and_centring() -> None:
    controls = {"hs~longer": ("hs", "longer"), "hs~shuffled": ("hs", "shuffled")}
    own = same(THREE, 0.05) | {"hs~longer": 0.01, "hs~shuffled": 0.01}
    gains: Gains = {"my/task": own, "xtreme/tatoeba": same(THREE, 0.2)}
    best = {"my/task": "hs", "xtreme/tatoeba": "squad1"}
    assert outcome(14, run_of(THREE, gains, best=best, controls=controls)).verdict == "supported"
    centred = run_of(THREE, gains, best=best, controls=controls, share={("clean", "center"): 0.0})
    found = outcome(14, centred)
    assert [part.verdict for part in found.parts] == ["supported", "supported", "contradicted"]
    longer: Gains = {"my/task": same(THREE, 0.05) | {"hs~longer": 0.05, "hs~shuffled": 0.01}}
    assert outcome(14, run_of(THREE, longer, controls=controls)).verdict == "contradicted"


def test_a_control_that_is_missing_leaves_the_claim_open() -> None:
    controls = {"hs~longer": ("hs", "longer")}
    gains: Gains = {"my/task": same(THREE, 0.05) | {"hs~longer": 0.01}}
    found = outcome(14, run_of(THREE, gains, best={"my/task": "hs"}, controls=controls))
    assert found.verdict == "undecided"
    assert [part.name for part in found.parts if part.verdict == "not tested"] == ["~shuffled"]


def test_centred_vectors_of_the_baseline_are_no_gain() -> None:
    controls = {"hs~shuffled": ("hs", "shuffled"), "hs~longer": ("hs", "longer")}
    own = same(THREE, 0.05) | {"hs~longer": 0.01, "hs~shuffled": 0.01}
    gains: Gains = {"my/task": own, "xtreme/tatoeba": same(THREE, -0.2)}
    best = {"my/task": "hs", "xtreme/tatoeba": "none"}
    parts = {
        part.name: part for part in outcome(14, run_of(THREE, gains, best=best, controls=controls)).parts
    }
    assert "no arm was better than the baseline" in parts["centred vectors"].note


def test_one_seed_gives_no_verdict() -> None:
    gains: Gains = {"xtreme/pawsx": same(THREE, 0.2), "xtreme/tatoeba": same(THREE, 0.5)}
    run = run_of(THREE, gains, seeds=1, best=dict.fromkeys(gains, "hs"))
    for number in (1, 3, 5, 10, 11, 13):
        found = outcome(number, run)
        assert found.verdict == "undecided"
        assert any("too few seeds" in part.note for part in found.parts)


def test_every_claim_has_a_source_and_a_recipe_that_parses() -> None:
    assert [claim.number for claim in CLAIMS] == list(range(1, 15))
    base = {"encoder": "any", "arms": {"none": {}}, "targets": ["pocket/intents"]}
    fragments = [claim.how for claim in CLAIMS if is_fragment(claim.how)]
    assert len(fragments) == 12
    for fragment in fragments:
        parse_recipe(yaml.safe_dump(base | yaml.safe_load(fragment)))
    for found in on_run(*run_of(THREE, {"xtreme/pawsx": same(THREE, 0.1)})):
        record = found.record()
        assert record["source"]
        assert record["verdict"] == found.outcome.verdict


def test_a_sum_of_gains_bounds_its_variance() -> None:
    row = {"task": "t", "estimate": 0.04, "se_seed": 0.01, "se_item": 0.02, "df": 4.0}
    row |= {"seeds": 3, "n_sources": 200, "languages": 5}
    alike = combine([Term(0.5, row), Term(0.5, row)])
    assert (alike.v_seed, alike.v_item) == (pytest.approx(1e-4), pytest.approx(4e-4))
    apart = combine([Term(1, row), Term(-1, row)])
    assert (apart.v_seed, apart.v_item) == (pytest.approx(2e-4), pytest.approx(8e-4))
    one_run = combine([Term(1, row | {"se_seed": None, "df": None})])
    assert one_run.items_only
    fixed = combine([Term(1, row | {"se_seed": 0.0, "df": None})])
    assert (fixed.v_seed, fixed.df) == (0, float("inf"))


def test_rules_of_a_claim_that_says_several_things() -> None:
    rule = Rule()
    assert rule.verdict([PValues(0.01, 1), PValues(0.04, 1)]) == "supported"
    assert rule.verdict([PValues(0.01, 1), PValues(0.06, 1)]) == "undecided"
    assert rule.verdict([PValues(0.01, 1), PValues(1, 0.02)]) == "contradicted"
    assert rule.verdict([PValues(0.01, 1), PValues(1, 0.03)]) == "undecided"  # 0.03 × 2 tests
    loss = Estimate(-0.05, 1e-5, 4, 1e-5, 100, seeds=3)
    gain = Estimate(0.05, 1e-5, 4, 1e-5, 100, seeds=3)
    assert rule.lasts("x", gain, gain).verdict == "supported"
    assert rule.lasts("x", loss, loss).verdict == "contradicted"
    assert rule.lasts("x", loss, gain).verdict == "undecided"


def test_more_than_half() -> None:
    assert partial_conjunction([0.01, 0.02, 0.5, 0.6]) == pytest.approx(1.0)
    assert partial_conjunction([0.001, 0.002, 0.01, 0.6]) == pytest.approx(0.02)


def test_recipes_of_made_up_runs_are_recipes() -> None:
    assert recipe_of(THREE, ["my/task"]).arms["hs"].tasks == ("stilts/hellaswag",)
