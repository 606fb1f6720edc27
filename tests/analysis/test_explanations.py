"""The mixed model against effects that were put in, and the rules of when nothing can be concluded."""

from __future__ import annotations

import numpy as np
import pytest

from xstilts.analysis.explanations import Observation, explain

FAMILIES = [f"family{i}" for i in range(8)]


def observe(
    languages: int = 40,
    targets: int = 2,
    families: int = 8,
    effect: float = 0.0,
    fixed: dict[str, float] | None = None,
    seed: int = 0,
) -> list[Observation]:
    """Gains of one point ± a third, an effect of the feature `latin`, families and languages that differ."""
    rng = np.random.default_rng(seed)
    of_family = rng.normal(0, 0.003, families)
    found = []
    for number in range(languages):
        features = {"latin": float(number % 2), "distance": rng.random(), "pieces": rng.normal(1, 0.5)}
        features |= fixed or {}
        own = of_family[number % families] + rng.normal(0, 0.002) + effect * features["latin"]
        for target in range(targets):
            gain = 0.01 + 0.02 * target + own + rng.normal(0, 0.003)
            found.append(Observation(f"t{target}", f"l{number}", FAMILIES[number % families], gain, features))
    return found


def rows_of(found: list[dict], model: str) -> dict[str, dict]:
    return {row["feature"]: row for row in found if row["model"] == model}


def test_an_effect_is_found_in_its_unit() -> None:
    # Families alternate with the script here: the model must tell them apart from 40 languages.
    found = explain(observe(effect=0.02, families=7))
    for model in ("alone", "together"):
        row = rows_of(found, model)["latin"]
        assert row["estimate"] == pytest.approx(0.02, abs=0.004)
        assert 0 < row["ci_low"] < 0.02 < row["ci_high"]
        assert row["p_holm"] >= row["p"]
        assert row["p_holm"] < 0.05
        assert (row["languages"], row["families"], row["targets"]) == (40, 7, 2)
    assert rows_of(found, "together")["latin"]["df"] == 3


def test_without_families_and_several_targets_it_is_least_squares() -> None:
    # One observation a language and no spread between families: the known closed form.
    rng = np.random.default_rng(1)
    x = rng.random(30)
    y = 0.01 - 0.02 * x + rng.normal(0, 0.001, 30)
    y -= np.array([y[i::6].mean() - (0.01 - 0.02 * x[i::6].mean()) for i in range(6)] * 5)
    given = [Observation("t", f"l{i}", FAMILIES[i % 6], y[i], {"distance": x[i]}) for i in range(30)]
    (row,) = explain(given)
    design = np.column_stack([np.ones(30), x])
    (_, slope), residual, *_ = np.linalg.lstsq(design, y)
    error = np.sqrt(residual[0] / 28 * np.linalg.inv(design.T @ design)[1, 1])
    assert row["estimate"] == pytest.approx(slope, rel=1e-2)
    assert row["se"] == pytest.approx(error, rel=2e-2)
    assert row["family_share"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("languages", "families", "said"),
    [
        (9, 8, "no conclusion: 9 languages beside English, where 10 are the least"),
        (20, 4, "no conclusion: 20 languages of 4 families, where 5 families are the least"),
    ],
)
def test_too_few_languages_allow_no_conclusion(languages: int, families: int, said: str) -> None:
    (row,) = explain(observe(languages, families=families))
    assert row["note"] == said
    assert row["estimate"] is row["p"] is None


def test_features_at_once_need_five_languages_each() -> None:
    found = explain(observe(14, targets=1))
    (row,) = [row for row in found if row["model"] == "together"]
    assert row["note"] == "too few for 3 features at once: 5 languages and 2 families for each are the least"
    assert set(rows_of(found, "alone")) == {"latin", "distance", "pieces"}


def test_a_feature_that_hardly_varies_is_left_out() -> None:
    found = explain(observe(20, targets=1, fixed={"latin": 1.0}))
    left_out = rows_of(found, "alone")["latin"]
    assert left_out["estimate"] is None
    assert "fewer than 3 languages" in left_out["note"]
    assert set(rows_of(found, "together")) == {"distance", "pieces"}


def test_a_feature_keeps_its_standard_error_where_no_variance_is_left_to_families() -> None:
    # Families that differ less than by chance: MixedLM's own errors are then infinite, missing or far too small.
    for seed in range(4):
        found = explain([x._replace(family=FAMILIES[i % 6]) for i, x in enumerate(observe(18, 3, seed=seed))])
        for alone, together in zip(
            *(rows_of(found, kind).values() for kind in ("alone", "together")), strict=True
        ):
            assert 0.3 < together["se"] / alone["se"] < 3


@pytest.mark.slow
@pytest.mark.parametrize(("languages", "targets", "families"), [(20, 1, 8), (20, 3, 8), (40, 3, 8)])
def test_no_effect_is_seldom_found(languages: int, targets: int, families: int) -> None:
    runs = 150
    found = 0
    for seed in range(runs):
        rows = rows_of(explain(observe(languages, targets, families, seed=seed)), "together")
        found += sum(row["p"] is not None and row["p"] < 0.05 for row in rows.values())
    assert found / (3 * runs) < 0.06
