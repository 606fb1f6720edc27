from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.analysis import Cell, Design, Settings, analyse
from xstilts.analysis.languages import holm

FAST = Settings(draws=300)
CONTROLS = {"squad~longer": ("squad", "longer"), "squad~shuffled": ("squad", "shuffled")}
DESIGN = Design(arms=("none", "squad", *CONTROLS), controls=CONTROLS)


def truth(**gains: tuple[float, float]) -> dict[str, dict[str, float]]:
    """English and other gain of each arm; the baseline is at 0."""
    arms = {"none": (0.0, 0.0), **gains}
    return {arm: {"en": en, "de": others, "sw": others} for arm, (en, others) in arms.items()}


def verdict(simulate, world: dict, design: Design = DESIGN, items: int = 400, **other: object) -> dict:
    cells = simulate(np.random.default_rng(1), world, 3, items=items, ratio=0.05, **other)
    (row,) = analyse(cells, design, FAST).verdicts
    return row


@pytest.mark.parametrize(
    ("english", "others", "expected"),
    [
        (0.2, 0.2, "persists"),
        (0.2, 0.1, "persists"),
        (0.2, -0.2, "harms"),
        (-0.2, -0.2, "harms"),
        (0.2, 0.0, "fades"),
        (0.0, 0.2, "spreads"),
        (0.0, 0.0, "no gain"),
    ],
)
def test_kinds_of_verdict(simulate, english: float, others: float, expected: str) -> None:
    row = verdict(simulate, truth(squad=(english, others)), items=9000)
    assert row["verdict"] == expected
    assert row["p"] <= row["p_holm"] <= 0.05


def test_undecided_tells_the_detectable_gain(simulate) -> None:
    row = verdict(simulate, truth(squad=(0.01, 0.01)), items=30)
    assert row["verdict"] == "undecided"
    assert 0.02 < row["mdg"] < 0.4
    assert row["p_holm"] > 0.05


def test_a_gain_that_controls_share_is_not_specific(simulate) -> None:
    world = truth(squad=(0.2, 0.2), **{"squad~longer": (0.2, 0.2), "squad~shuffled": (0.0, 0.0)})
    row = verdict(simulate, world)
    assert row["verdict"] == "persists"
    assert row["flags"] == "not-specific"
    row = verdict(simulate, truth(squad=(0.2, 0.2), **{"squad~longer": (0.0, 0.0)}))
    assert row["flags"] == ""


def test_without_controls_a_gain_is_uncontrolled(simulate) -> None:
    assert verdict(simulate, truth(squad=(0.2, 0.2)))["flags"] == "uncontrolled"


@pytest.mark.parametrize(("english", "flagged"), [(-0.2, True), (0.0, False)])
def test_a_gain_that_costs_english_is_flagged(simulate, english: float, flagged: bool) -> None:
    row = verdict(simulate, truth(squad=(english, 0.2)), items=9000)
    assert row["verdict"] == "spreads"
    assert ("english-loss" in row["flags"].split(",")) == flagged


def test_same_task_is_flagged(simulate) -> None:
    design = replace(DESIGN, same_task={("squad", "t")})
    assert "same-task" in verdict(simulate, truth(squad=(0.2, 0.2)), design)["flags"]


def test_isotropy_is_a_gain_that_centring_removes(simulate) -> None:
    rng = np.random.default_rng(0)
    raw = simulate(rng, truth(squad=(0.2, 0.2)), 3, postprocess="none")
    for gains, expected in (((0.0, 0.0), True), ((0.2, 0.2), False)):
        centred = simulate(rng, truth(squad=gains), 3, postprocess="center")
        (row,) = analyse(centred + raw, DESIGN, FAST).verdicts
        assert row["postprocess"] == "none"
        assert ("isotropy" in row["flags"]) == expected


def test_ceiling_and_floor(simulate) -> None:
    assert "ceiling" in verdict(simulate, truth(squad=(0.5, 0.5)))["flags"]
    assert "floor" in verdict(simulate, truth(squad=(0.2, 0.2)), chance=0.5)["flags"]


def test_perturbed_verdict_leaves_out_what_cannot_move(simulate) -> None:
    rng = np.random.default_rng(0)
    clean = simulate(rng, truth(squad=(0.2, 0.2)), 3)
    noisy = simulate(rng, {"none": dict.fromkeys(("en", "de", "sw"), -0.3)} | truth(squad=(-0.3, -0.3)), 3)
    noisy = [replace(cell, condition="typos@5", chance=0.9) for cell in noisy]
    analysis = analyse(clean + noisy, DESIGN, FAST)
    _, row = analysis.verdicts
    scores = {(x["arm"], x["group"]) for x in analysis.gains if x["condition"] == "perturbed"}
    assert scores == {
        (arm, group) for arm in ("none", "squad") for group in ("en", "non-en", "all", "de", "sw")
    }
    assert row["perturbed"]
    assert row["verdict"] == "undecided"
    assert set(row["flags"].split(",")) == {"floor", "immovable"}
    moving = [replace(cell, chance=None) if cell.language != "sw" else cell for cell in noisy]
    _, row = analyse(clean + moving, DESIGN, FAST).verdicts
    assert (row["languages"], row["left_out"]) == (1, 1)


@pytest.mark.parametrize(
    ("extreme", "level"), [("none", 0.5), ("squad", 0.5), ("none", 0.96), ("squad", 0.96)]
)
def test_one_arm_at_ceiling_or_floor_keeps_a_place_out(make, extreme: str, level: float) -> None:
    """A baseline at chance cannot fall under typos, so that what the arm keeps there is no measure of it."""

    def cells(condition: str) -> list[Cell]:
        return [
            make(arm, language, seed, np.full(400, value + seed / 1000), condition=condition, chance=0.5)
            for arm in ("none", "squad")
            for language in ("en", "de", "sw")
            for seed in range(3)
            for value in [level if (arm, language, condition) == (extreme, "sw", "typos@3") else 0.8]
        ]

    analysis = analyse(cells("clean") + cells("typos@3"), DESIGN, FAST)
    clean, row = analysis.verdicts
    assert (clean["languages"], clean["left_out"]) == (2, 0)
    assert (row["languages"], row["left_out"]) == (1, 1)
    groups = {
        (x["condition"], x["group"]) for x in analysis.gains if (x["arm"], x["quantity"]) == ("squad", "gain")
    }
    assert ("typos@3", "sw") in groups, "what is left out of verdicts stays in the tables"
    assert ("perturbed", "sw") not in groups


def test_robustness_gains_leave_out_what_is_extreme_on_clean_input(make) -> None:
    """An arm at the ceiling on clean input cannot show all that it gains there."""
    cells = [
        make(arm, language, seed, np.full(400, value + seed / 1000), condition=condition)
        for arm in ("none", "squad")
        for language in ("en", "de", "sw")
        for condition in ("clean", "typos@3")
        for seed in range(3)
        for value in [0.96 if (arm, language, condition) == ("squad", "sw", "clean") else 0.8]
    ]
    found = {
        (row["quantity"], row["group"])
        for row in analyse(cells, DESIGN, FAST).gains
        if row["condition"] == "perturbed" and row["reference"]
    }
    assert ("gain", "sw") in found
    assert {group for quantity, group in found if quantity == "robustness_gain"} == {
        "en",
        "non-en",
        "all",
        "de",
    }


def test_primary_metric_is_the_designs(simulate) -> None:
    rng = np.random.default_rng(0)
    cells = simulate(rng, truth(squad=(0.2, 0.2)), 3)
    other = simulate(rng, truth(squad=(0.0, 0.0)), 3, metric="token_accuracy")
    assert analyse(cells + other, DESIGN, FAST).verdicts[0]["metric"] == "accuracy"
    design = replace(DESIGN, primary={"t": "token_accuracy"})
    assert analyse(cells + other, design, FAST).verdicts[0]["metric"] == "token_accuracy"


def test_holm_is_over_arms_and_targets_of_a_family(simulate) -> None:
    def world(target: str, family: str) -> list[Cell]:
        rng = np.random.default_rng(len(target))
        return simulate(rng, truth(squad=(0.03, 0.03)), 3, items=200, target=target, family=family)

    alone = analyse(world("t", "trained"), DESIGN, FAST).verdicts
    apart = analyse(world("t", "trained") + world("tt", "retrieval"), DESIGN, FAST).verdicts
    together = analyse(world("t", "trained") + world("tt", "trained"), DESIGN, FAST).verdicts
    assert alone[0]["p"] == pytest.approx(alone[0]["p_holm"])
    assert apart[0]["p_holm"] == pytest.approx(alone[0]["p_holm"])
    smaller = min(together, key=lambda row: row["p"])
    assert smaller["p_holm"] == pytest.approx(min(1, 2 * smaller["p"]))


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=8))
def test_holm_is_monotone_and_between_p_and_bonferroni(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for p, adjusted in zip(p_values, corrected, strict=True):
        assert p <= adjusted <= min(1, len(p_values) * p) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()
    assert holm([]) == []
