"""Relative drop and mean corruption error: by hand, and against a bootstrap of the quantity itself."""

from __future__ import annotations

import numpy as np
import pytest

from xstilts.analysis import Analysis, Cell, Design, Settings, analyse

FAST = Settings(draws=300)
DESIGN = Design(arms=("none", "squad"))


def row(analysis: Analysis, quantity: str, group: str, condition: str, **where: object) -> dict:
    wanted = {"arm": "squad", "reference": "none"} | where
    wanted |= {"quantity": quantity, "group": group, "condition": condition}
    (found,) = [x for x in analysis.gains if all(x[name] == value for name, value in wanted.items())]
    return found


def right(make, values: dict[tuple[str, str, str], int], seeds: int = 3) -> list[Cell]:
    """Cells of 200 items of which so many are right, some more or fewer by seed and arm."""
    rng = np.random.default_rng(0)
    return [
        make(arm, language, seed, rng.permutation(np.arange(200) < number + seed - 1), condition=condition)
        for (arm, language, condition), number in values.items()
        for seed in range(seeds)
    ]


@pytest.fixture
def cells(make) -> list[Cell]:
    """Scores of 60 to 80%; two severities of typos, one of ocr."""
    return right(
        make,
        {
            ("none", "en", "clean"): 160,
            ("none", "en", "typos@2"): 120,
            ("none", "en", "typos@4"): 80,
            ("none", "en", "ocr@3"): 100,
            ("squad", "en", "clean"): 160,
            ("squad", "en", "typos@2"): 140,
            ("squad", "en", "typos@4"): 120,
            ("squad", "en", "ocr@3"): 90,
            ("none", "de", "clean"): 100,
            ("none", "de", "typos@2"): 50,
            ("squad", "de", "clean"): 120,
            ("squad", "de", "typos@2"): 90,
        },
    )


def test_relative_drop_is_the_share_of_the_clean_score_that_is_lost(cells: list[Cell]) -> None:
    analysis = analyse(cells, DESIGN, FAST)
    alone = row(analysis, "relative_drop", "en", "typos@2", arm="none", reference="")
    assert alone["estimate"] == pytest.approx(1 - 120 / 160)
    assert alone["p"] is None
    assert row(analysis, "relative_drop", "en", "typos@2")["estimate"] == pytest.approx(
        140 / -160 + 120 / 160
    )
    assert row(analysis, "relative_drop", "all", "typos@2")["estimate"] == pytest.approx(
        170 / 260 - (140 + 90) / 280
    ), "of a mean over languages, that of the means"
    perturbed = row(analysis, "relative_drop", "en", "perturbed", arm="squad", reference="")
    assert perturbed["estimate"] == pytest.approx(1 - (140 + 120 + 90) / 3 / 160)
    assert not [x for x in analysis.gains if (x["quantity"], x["condition"]) == ("relative_drop", "clean")]


def test_mean_corruption_error_is_a_mean_over_perturbations(cells: list[Cell]) -> None:
    analysis = analyse(cells, DESIGN, FAST)
    found = row(analysis, "mean_corruption_error", "en", "perturbed")
    typos, ocr = (60 + 80) / (80 + 120), 110 / 100
    assert found["estimate"] == pytest.approx((typos + ocr) / 2)
    assert found["ci_low"] < found["estimate"] < found["ci_high"]
    german = row(analysis, "mean_corruption_error", "non-en", "perturbed")
    assert german["estimate"] == pytest.approx(110 / 150)
    assert german["p"] < 0.01, "against 1, where arm and reference err as much"
    assert {x["condition"] for x in analysis.gains if x["quantity"] == "mean_corruption_error"} == {
        "perturbed"
    }


def test_an_arm_that_equals_its_reference_has_a_corruption_error_of_one(make) -> None:
    values = {
        (arm, "de", condition): number
        for arm in ("none", "squad")
        for condition, number in (("clean", 150), ("typos@3", 120))
    }
    found = row(analyse(right(make, values), DESIGN, FAST), "mean_corruption_error", "non-en", "perturbed")
    assert found["estimate"] == pytest.approx(1)
    assert found["p"] > 0.5


@pytest.mark.parametrize("quantity", ["relative_drop", "mean_corruption_error"])
def test_intervals_are_near_those_of_a_percentile_bootstrap(make, quantity: str) -> None:
    """With one seed they are over items: 800 items, errors and clean scores far from 0."""
    rng = np.random.default_rng(3)
    difficulty = rng.random(800)
    scores = {
        (arm, condition): (difficulty + 0.3 * rng.normal(size=800) < level).astype(float)
        for (arm, condition), level in {
            ("none", "clean"): 0.7,
            ("none", "typos@3"): 0.5,
            ("none", "ocr@3"): 0.4,
            ("squad", "clean"): 0.75,
            ("squad", "typos@3"): 0.6,
            ("squad", "ocr@3"): 0.55,
        }.items()
    }
    cells = [make(arm, "de", 0, x, condition=condition) for (arm, condition), x in scores.items()]
    found = row(analyse(cells, DESIGN, Settings(draws=4000)), quantity, "non-en", "perturbed")
    weights = rng.multinomial(800, np.full(800, 1 / 800), size=4000)
    mean = {key: weights @ x / 800 for key, x in scores.items()}
    noisy = {arm: [mean[arm, condition] for condition in ("typos@3", "ocr@3")] for arm in ("none", "squad")}
    if quantity == "relative_drop":
        lost = {arm: 1 - np.mean(noisy[arm], axis=0) / mean[arm, "clean"] for arm in noisy}
        drawn = lost["squad"] - lost["none"]
    else:
        pairs = zip(noisy["squad"], noisy["none"], strict=True)
        drawn = np.mean([(1 - ours) / (1 - theirs) for ours, theirs in pairs], axis=0)
    assert found["over"] == "items"
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.012)


def test_no_interval_where_what_is_divided_by_may_be_zero(make) -> None:
    """A clean score of 3 in 200, give or take: how much of it is lost cannot be said."""
    rng = np.random.default_rng(0)
    numbers = {"clean": (0, 1, 8), "typos@3": (0, 0, 1)}
    cells = [
        make(arm, "de", seed, rng.permutation(np.arange(200) < number), condition=condition)
        for arm in ("none", "squad")
        for condition, each in numbers.items()
        for seed, number in enumerate(each)
    ]
    found = row(analyse(cells, DESIGN, FAST), "relative_drop", "de", "typos@3")
    assert (found["ci_low"], found["ci_high"], found["p"]) == (None, None, 1)
    silent = [make(c.arm, "de", c.seed, np.zeros(200), condition=c.condition) for c in cells]
    assert not [x for x in analyse(silent, DESIGN, FAST).gains if x["quantity"] == "relative_drop"]
    perfect = [make(c.arm, "de", c.seed, np.ones(200), condition=c.condition) for c in cells]
    assert not [x for x in analyse(perfect, DESIGN, FAST).gains if x["quantity"] == "mean_corruption_error"]


def test_transfer_gap_of_scores_and_of_gains(cells: list[Cell]) -> None:
    analysis = analyse(cells, DESIGN, FAST)
    gaps = {
        arm: row(analysis, "transfer_gap", "all", "clean", arm=arm, reference="")["estimate"]
        for arm in DESIGN.arms
    }
    assert gaps == pytest.approx({"none": 0.3, "squad": 0.2})
    assert row(analysis, "transfer_gap", "all", "clean")["estimate"] == pytest.approx(-0.1)
