from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.analysis import Analysis, Cell, Design, Settings, analyse, compare
from xstilts.errors import DataError, UserError
from xstilts.metrics import get_metric

FAST = Settings(draws=300)
FLAT = {"en": 0.0, "de": 0.0, "sw": 0.0}
UP = {"en": 0.3, "de": 0.3, "sw": 0.2}
DESIGN = Design(arms=("none", "squad"))


def rows(analysis: Analysis, **where: object) -> list[dict]:
    return [row for row in analysis.gains if all(row[k] == v for k, v in where.items())]


def gain(analysis: Analysis, group: str, condition: str = "clean", **where: object) -> dict:
    (row,) = rows(
        analysis, **{"quantity": "gain", "reference": "none"} | where, group=group, condition=condition
    )
    return row


@pytest.fixture
def cells(simulate) -> list[Cell]:
    return simulate(np.random.default_rng(0), {"none": FLAT, "squad": UP}, 3, scale=0.3)


def test_gains_are_differences_of_seed_means(cells: list[Cell]) -> None:
    analysis = analyse(cells, DESIGN, FAST)
    mean = {
        (arm, language): np.mean([c.value for c in cells if (c.arm, c.language) == (arm, language)])
        for arm in ("none", "squad")
        for language in UP
    }
    each = {language: mean["squad", language] - mean["none", language] for language in UP}
    for language in UP:
        assert gain(analysis, language)["estimate"] == pytest.approx(each[language])
    others = (each["de"] + each["sw"]) / 2
    assert gain(analysis, "non-en")["estimate"] == pytest.approx(others)
    assert gain(analysis, "all")["estimate"] == pytest.approx(sum(each.values()) / 3)
    (gap,) = rows(analysis, quantity="transfer_gap", reference="none")
    assert gap["estimate"] == pytest.approx(each["en"] - others)
    (retention,) = rows(analysis, quantity="retention")
    assert retention["estimate"] == pytest.approx(others / each["en"])
    assert retention["ci_low"] < retention["estimate"] < retention["ci_high"]


def test_variances_of_a_gain(cells: list[Cell]) -> None:
    row = gain(analyse(cells, DESIGN, Settings(draws=4000)), "en")
    scores = {
        arm: np.array([c.stats[:, 0] for c in cells if (c.arm, c.language) == (arm, "en")])
        for arm in ("none", "squad")
    }
    pooled = np.mean([x.mean(axis=1).var(ddof=1) for x in scores.values()])
    assert row["se_seed"] == pytest.approx(sqrt(2 * pooled / 3))
    assert (row["df"], row["pooled"], row["seeds"]) == (4, True, 3)
    item = (scores["squad"] - scores["none"]).mean(axis=0)
    assert row["se_item"] == pytest.approx(item.std(ddof=1) / sqrt(len(item)), rel=0.05)


def test_results_have_a_row_a_cell_with_intervals_over_items(cells: list[Cell]) -> None:
    results = analyse(cells, DESIGN, Settings(draws=4000)).results
    assert len(results) == len(cells) == 18
    first = next(c for c in cells if (c.arm, c.language, c.seed) == ("none", "de", 0))
    row = next(r for r in results if (r["arm"], r["language"], r["seed"]) == ("none", "de", 0))
    assert row["value"] == first.value
    margin = 2.001 * first.stats[:, 0].std(ddof=1) / sqrt(60)
    assert row["ci_high"] - row["value"] == pytest.approx(margin, rel=0.05)
    assert (row["task"], row["n"], row["n_sources"]) == ("t", 60, 60)


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_of_items_and_cells_does_not_matter(simulate, random) -> None:
    cells = simulate(np.random.default_rng(3), {"none": FLAT, "squad": UP}, 2, items=20)
    shuffled = []
    for cell in random.sample(cells, len(cells)):
        order = random.sample(range(20), 20)
        shuffled.append(replace(cell, sources=[cell.sources[i] for i in order], stats=cell.stats[order]))
    one, other = (analyse(x, DESIGN, Settings(draws=100)) for x in (cells, shuffled))
    for mine, theirs in zip(one.gains + one.verdicts, other.gains + other.verdicts, strict=True):
        for name, value in mine.items():
            same = (
                pytest.approx(theirs[name], rel=1e-4, abs=1e-7) if isinstance(value, float) else theirs[name]
            )
            assert value == same


def test_gains_are_antisymmetric(cells: list[Cell]) -> None:
    there = analyse(cells, DESIGN, FAST)
    back = analyse(cells, Design(arms=("none", "squad"), baseline="squad"), FAST)
    for row in rows(there, quantity="gain"):
        (mirror,) = rows(back, quantity="gain", group=row["group"], arm="none", reference="squad")
        assert mirror["estimate"] == pytest.approx(-row["estimate"])
        assert (mirror["ci_low"], mirror["ci_high"]) == pytest.approx((-row["ci_high"], -row["ci_low"]))
        assert mirror["p"] == pytest.approx(row["p"])


def test_robustness_gain_is_a_difference_in_differences(simulate, cells: list[Cell]) -> None:
    drop = {language: value - 0.1 for language, value in UP.items()}
    noisy = simulate(np.random.default_rng(1), {"none": FLAT, "squad": drop}, 3, condition="typos@3")
    analysis = analyse(cells + noisy, DESIGN, FAST)
    for group in ("en", "non-en", "all", "de"):
        (row,) = rows(analysis, quantity="robustness_gain", group=group, condition="typos@3")
        expected = gain(analysis, group, "typos@3")["estimate"] - gain(analysis, group)["estimate"]
        assert row["estimate"] == pytest.approx(expected)
        assert gain(analysis, group, "perturbed")["estimate"] == gain(analysis, group, "typos@3")["estimate"]
    assert [row["perturbed"] for row in analysis.verdicts] == [False, True]


def test_noise_in_content_is_in_no_mean_and_no_verdict(simulate, cells: list[Cell]) -> None:
    noisy = simulate(np.random.default_rng(1), {"none": FLAT, "squad": FLAT}, 3, condition="typos@3")
    cut = simulate(np.random.default_rng(2), {"none": FLAT, "squad": FLAT}, 3, condition="omission:context@3")
    alone, both = (analyse(found, DESIGN, FAST) for found in (cells + noisy, cells + noisy + cut))
    assert gain(both, "non-en", "omission:context@3")
    assert gain(both, "non-en", "perturbed")["estimate"] == gain(alone, "non-en", "perturbed")["estimate"]
    assert [row["verdict"] for row in both.verdicts] == [row["verdict"] for row in alone.verdicts]
    assert [row["perturbed"] for row in analyse(cells + cut, DESIGN, FAST).verdicts] == [False]


def test_one_seed_has_intervals_over_items_and_no_verdict(simulate) -> None:
    cells = simulate(np.random.default_rng(0), {"none": FLAT, "squad": UP}, 1)
    analysis = analyse(cells, DESIGN, FAST)
    row = gain(analysis, "en")
    assert row["p"] is None
    assert row["se_seed"] is None
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    (verdict,) = analysis.verdicts
    assert (verdict["verdict"], verdict["p"], verdict["mdg"]) == ("undecided", None, None)
    assert "one-run" in verdict["flags"]
    assert not rows(analysis, quantity="retention")


def test_two_seeds_are_pooled_or_give_no_verdict(make) -> None:
    steady = [make("none", x, s, np.full(30, 0.5)) for x in ("en", "de") for s in (0, 1)]
    wild = [make("squad", x, s, np.full(30, 0.6 + s / 10)) for x in ("en", "de") for s in (0, 1)]
    analysis = analyse(steady + wild, DESIGN, FAST)
    (verdict,) = analysis.verdicts
    assert verdict["verdict"] == "undecided"
    assert verdict["flags"].split(",").count("unpooled") == 1 and "one-run" not in verdict["flags"]
    assert (verdict["seeds"], verdict["p"], verdict["mdg"]) == (2, None, None)
    row = gain(analysis, "non-en")
    assert (row["over"], row["seeds"], row["se_seed"], row["p"]) == ("items", 2, None, None)
    assert 0 < row["ci_high"] - row["ci_low"] < 0.3, (
        "one degree of freedom would give an interval of ±80 points"
    )
    assert not rows(analysis, quantity="retention")


def test_arms_that_share_what_a_seed_draws_are_compared_seed_by_seed(simulate) -> None:
    """Few-shot rows drawn by the seed move all arms together: the variance of a gain is that of differences."""
    rng = np.random.default_rng(0)
    cells = simulate(rng, {"none": FLAT, "squad": UP}, 4, ratio=0.01)
    draws = rng.normal(0, 0.2, 4)
    cells = [replace(c, stats=c.stats + np.array([draws[c.seed], 0.0])) for c in cells]
    together = gain(analyse(cells, replace(DESIGN, paired=True), FAST), "de")
    values = {(c.arm, c.seed): c.value for c in cells if c.language == "de"}
    differences = [values["squad", seed] - values["none", seed] for seed in range(4)]
    assert together["se_seed"] == pytest.approx(np.std(differences, ddof=1) / 2)
    assert (together["df"], together["pooled"]) == (3, False)
    apart = gain(analyse(cells, DESIGN, FAST), "de")
    assert apart["pooled"] and apart["se_seed"] > 10 * together["se_seed"]


def test_two_seeds_of_one_arm_beside_a_fixed_baseline_are_not_pooled(simulate) -> None:
    """Pooling is over arms: one arm with two seeds has one degree of freedom, whatever it is called."""
    cells = simulate(np.random.default_rng(0), {"none": FLAT, "squad": UP}, 2)
    alone = [c for c in cells if c.arm == "squad" or c.seed == 0]
    analysis = analyse(alone, replace(DESIGN, deterministic={("t", "none")}), FAST)
    assert {row["over"] for row in rows(analysis, quantity="gain")} == {"items"}
    assert analysis.verdicts[0]["flags"] == "unpooled"


def test_untrained_retrieval_baseline_stands_for_every_seed(simulate) -> None:
    family = {"family": "retrieval", "task_type": "sentence-retrieval"}
    cells = simulate(np.random.default_rng(0), {"none": FLAT, "squad": UP}, 3, **family)
    alone = [c for c in cells if c.arm == "squad" or c.seed == 0]
    analysis = analyse(alone, replace(DESIGN, deterministic={("t", "none")}), FAST)
    row = gain(analysis, "de")
    values = [c.value for c in alone if c.arm == "squad" and c.language == "de"]
    assert row["seeds"] == 3
    assert row["df"] == 2
    assert row["se_seed"] == pytest.approx(np.std(values, ddof=1) / sqrt(3))
    assert analysis.verdicts[0]["verdict"] == "persists"


def near_the_top(make, seeds: int = 3) -> list[Cell]:
    """English at 97 and 99 of 100 items right, German at 60 and 70: the first is at the ceiling."""
    rng = np.random.default_rng(0)
    right = {"none": {"en": 97, "de": 60}, "squad": {"en": 99, "de": 70}}
    return [
        make(arm, language, seed, rng.permutation(np.arange(100) < number + seed % 2))
        for arm, each in right.items()
        for language, number in each.items()
        for seed in range(seeds)
    ]


def test_a_gain_at_the_ceiling_is_also_told_as_a_share_of_errors(make) -> None:
    analysis = analyse(near_the_top(make), DESIGN, FAST)
    (row,) = rows(analysis, quantity="error_reduction")
    assert (row["group"], row["condition"], row["reference"]) == ("en", "clean", "none")
    errors = 1 - gain(analysis, "en", quantity="score", arm="none", reference="")["estimate"]
    assert row["estimate"] == pytest.approx(gain(analysis, "en")["estimate"] / errors)
    assert row["p"] is None
    perfect = [make("none", "en", seed, np.ones(100)) for seed in range(3)]
    rest = [c for c in near_the_top(make) if (c.arm, c.language) != ("none", "en")]
    assert not rows(analyse([*rest, *perfect], DESIGN, FAST), quantity="error_reduction")


def test_the_share_of_errors_has_the_interval_of_a_ratio(make) -> None:
    """With one seed it is over items: near that of a percentile bootstrap of the ratio itself."""
    rng = np.random.default_rng(1)
    before = rng.random(2000) < 0.96
    after = before | (rng.random(2000) < 0.5)
    cells = [make("none", "en", 0, before), make("squad", "en", 0, after)]
    (row,) = rows(analyse(cells, DESIGN, Settings(draws=4000)), quantity="error_reduction")
    weights = rng.multinomial(2000, np.full(2000, 1 / 2000), size=4000)
    drawn = 1 - (weights @ ~after) / (weights @ ~before)
    assert row["over"] == "items"
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.02)


def test_the_share_of_errors_is_taken_over_common_seeds(make) -> None:
    cells = near_the_top(make, seeds=4)
    fewer = [c for c in cells if c.arm == "none" or c.seed < 2]
    (row,) = rows(analyse(fewer, DESIGN, FAST), quantity="error_reduction")
    assert (row["estimate"], row["seeds"]) == (pytest.approx(0.02 / 0.025), 2)


def test_partial_grids(cells: list[Cell]) -> None:
    lost = [c for c in cells if (c.arm, c.language, c.seed) != ("squad", "sw", 2)]
    row = gain(analyse(lost, DESIGN, FAST), "non-en")
    assert row["languages"] == 1
    fewer = [c for c in cells if not (c.arm == "squad" and c.seed == 2)]
    assert gain(analyse(fewer, DESIGN, FAST), "non-en")["seeds"] == 2
    assert analyse([c for c in cells if c.arm == "squad"], DESIGN, FAST).verdicts == []
    assert analyse([], DESIGN, FAST) == Analysis([], [], [])


def test_without_english_a_target_gains(cells: list[Cell]) -> None:
    analysis = analyse([c for c in cells if c.language != "en"], DESIGN, FAST)
    (verdict,) = analysis.verdicts
    assert verdict["verdict"] == "gains"
    assert verdict["english"] is None
    assert verdict["share_gaining"] == 1
    assert verdict["worst_language"] == "sw"
    assert not rows(analysis, quantity="transfer_gap")


def test_few_items_that_never_differ_prove_nothing(make) -> None:
    same = [
        make(arm, x, s, [1, 1, 0, 1]) for arm in ("none", "squad") for x in ("en", "de") for s in range(3)
    ]
    analysis = analyse(same, DESIGN, FAST)
    assert analysis.verdicts[0]["verdict"] == "undecided"
    assert gain(analysis, "en")["p"] == 1
    perfect = analyse([make("none", "en", 0, [1, 1, 1])], DESIGN, FAST).results[0]
    assert perfect["ci_low"] < perfect["value"] == 1


def test_scores_have_intervals_but_no_p_value(cells: list[Cell]) -> None:
    (row,) = rows(analyse(cells, DESIGN, FAST), quantity="score", arm="squad", group="de")
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert (row["reference"], row["p"]) == ("", None)


def test_bad_cells_say_what_is_wrong(cells: list[Cell], make) -> None:
    with pytest.raises(DataError, match="given twice"):
        analyse([*cells, cells[0]], DESIGN, FAST)
    with pytest.raises(DataError, match="Expected the same items"):
        analyse([make("none", "en", 0, [1, 0]), make("squad", "en", 0, [1, 0, 1])], DESIGN, FAST)
    with pytest.raises(DataError, match="Expected one row of statistics"):
        make("none", "en", 0, [1, 0], sources=["a"])
    with pytest.raises(DataError, match="not finite"):
        make("none", "en", 0, [1, np.nan])
    with pytest.raises(UserError, match="Expected a control"):
        Design(arms=("none",), controls={"squad~longer": ("squad", "longer")})
    with pytest.raises(UserError, match="draws of 100 or more"):
        Settings(draws=1)


def test_metrics_without_linear_form_are_resampled_too() -> None:
    rng = np.random.default_rng(0)
    labels, cells = ["a", "b", "c"], []
    gold = rng.choice(labels, 90)
    for arm, right in (("none", 0.5), ("squad", 0.9)):
        for seed in range(3):
            guess = np.where(rng.random(90) < right, gold, rng.choice(labels, 90))
            stats = get_metric("macro_f1").statistics(guess.tolist(), gold.tolist(), labels, "de")
            fields = {"target": "t", "task_type": "classification", "family": "trained", "language": "de"}
            sources = np.array([f"s{i}" for i in range(90)])
            where = {"condition": "clean", "metric": "macro_f1", "sources": sources}
            cells.append(Cell(arm=arm, seed=seed, stats=stats, **fields, **where))
    row = gain(analyse(cells, DESIGN, FAST), "de")
    assert row["estimate"] == pytest.approx(np.mean([(-1) ** (c.arm == "none") * 2 * c.value for c in cells]))
    assert 0.01 < row["se_item"] < 0.1


def test_compare_pairs_items_of_two_systems(simulate) -> None:
    cells = simulate(np.random.default_rng(0), {"x": FLAT, "y": UP}, 1)
    a, b = ([c for c in cells if c.arm == arm] for arm in ("x", "y"))
    table = {row["group"]: row for row in compare(a, [replace(c, seed=7) for c in b], FAST)}
    assert set(table) == {"en", "de", "sw", "non-en", "all"}
    assert table["de"]["difference"] == pytest.approx(table["de"]["b"] - table["de"]["a"])
    assert table["all"]["over"] == "items"
    assert table["all"]["p"] < 0.01
    assert compare(a, a, FAST)[0]["p"] == 1
    with pytest.raises(DataError, match="Expected the same items"):
        compare(a, [replace(c, sources=[f"z{i}" for i in range(60)]) for c in b], FAST)
    with pytest.raises(DataError, match="share no cell"):
        compare(a, [replace(c, target="other") for c in b], FAST)


def test_compare_uses_seeds_where_both_have_them(cells: list[Cell]) -> None:
    a, b = ([c for c in cells if c.arm == arm] for arm in ("none", "squad"))
    assert {row["over"] for row in compare(a, b, FAST)} == {"seeds and items"}


def test_compare_of_two_seeds_with_unlike_spread_is_over_items(make) -> None:
    scores = np.linspace(0.3, 0.7, 60)
    a = [make("a", "de", seed, scores) for seed in (0, 1)]
    b = [make("b", "de", seed, scores[::-1] + 0.1 + seed / 10) for seed in (0, 1)]
    for row in compare(a, b, FAST):
        assert row["over"] == "items"
        assert row["ci_high"] - row["ci_low"] < 0.3


def test_no_heavy_import() -> None:
    code = "import sys, xstilts.analysis; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
