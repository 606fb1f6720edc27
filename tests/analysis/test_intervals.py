from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import t, ttest_1samp

from xstilts.analysis import Settings
from xstilts.analysis.intervals import (
    Estimate,
    fieller,
    half_width,
    homogeneous,
    item_variance,
    own_seed_variance,
    pooled_variance,
    t_quantile,
)
from xstilts.analysis.resampling import item_variances

variances = st.floats(1e-8, 1e-1)
estimates = st.builds(
    Estimate, st.floats(-0.3, 0.3), variances, st.integers(1, 30).map(float), variances, st.integers(3, 900)
)


def test_quantiles_are_scipys() -> None:
    assert [t_quantile(df, 0.025) for df in (1, 2, 59)] == pytest.approx(t.ppf(0.975, [1, 2, 59]))
    assert t_quantile(inf, 0.025) == pytest.approx(1.959964)
    assert t_quantile(0, 0.025) == inf


def test_each_part_has_its_own_quantile() -> None:
    expected = np.hypot(t.ppf(0.975, 2) * 0.01, t.ppf(0.975, 99) * 0.02)
    assert half_width([(1e-4, 2), (4e-4, 99)], 0.025) == pytest.approx(expected)
    assert half_width([(0.0, 0), (4e-4, 99)], 0.025) == pytest.approx(t.ppf(0.975, 99) * 0.02)


def test_without_seed_variance_the_p_value_is_that_of_a_t_test() -> None:
    values = np.random.default_rng(0).normal(0.2, 1, 40)
    estimate = Estimate(values.mean(), 0.0, inf, values.var(ddof=1) / 40, 40)
    assert estimate.p() == pytest.approx(ttest_1samp(values, 0).pvalue)
    above = ttest_1samp(values, 0.1, alternative="greater").pvalue
    assert estimate.p_above(0.1) == pytest.approx(above)
    assert estimate.p_below(0.1) == pytest.approx(1 - above)


@given(estimates)
def test_p_is_the_level_at_which_the_interval_touches_zero(estimate: Estimate) -> None:
    assume(1e-9 < estimate.p() < 0.9)
    low, high = estimate.interval(estimate.p())
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-6)


@given(estimates, st.floats(-0.2, 0.2))
def test_p_values_mirror(estimate: Estimate, bound: float) -> None:
    assert estimate.p_above(bound) + estimate.p_below(bound) == pytest.approx(1)
    assert estimate.mirrored().p_above(-bound) == pytest.approx(estimate.p_below(bound))
    assert estimate.mirrored().p() == pytest.approx(estimate.p())


def test_extremes_of_p() -> None:
    assert Estimate(0.0, 0.0, inf, 0.0, 10).p() == 1
    assert Estimate(0.5, 0.0, inf, 0.0, 10).p() <= 1e-14
    one_source = Estimate(0.5, nan, nan, inf, 1)
    assert one_source.p() == 1
    assert one_source.interval() == (-inf, inf)


def test_detectable_gain_is_found_with_80_percent_power() -> None:
    estimate = Estimate(0.0, 0.0, inf, 1e-4, 100_000)
    assert estimate.detectable() == pytest.approx(0.01 * (1.96 + 0.8416), rel=1e-3)


def test_item_variance_is_unbiased_and_never_below_one_item() -> None:
    assert item_variance(0.01, 11, [1.0]) == pytest.approx(0.011)
    assert item_variance(0.0, 10, [0.5, 0.5]) == pytest.approx(0.005)
    assert item_variance(0.0, 1, [1.0]) == inf


def test_seed_variances() -> None:
    runs = [np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0])]
    assert own_seed_variance(runs[0]) == pytest.approx((1 / 3, 2))
    assert np.isnan(own_seed_variance(np.array([1.0]))).all()
    assert np.isnan(own_seed_variance(np.array([1.0, 2.0]))).all()
    assert pooled_variance(runs) == pytest.approx(((2 * 1 + 1 * 2) / 3, 3))


def test_homogeneity_check_keeps_its_level_and_finds_an_outlier() -> None:
    rng = np.random.default_rng(0)
    same = [homogeneous(list(rng.normal(size=(4, 3)))) for _ in range(400)]
    assert 0.86 < np.mean(same) < 0.95
    scale = np.array([[1], [1], [1], [20]])
    assert np.mean([homogeneous(list(scale * rng.normal(size=(4, 3)))) for _ in range(200)]) < 0.3
    assert not homogeneous([np.array([0.0, 0.0]), np.array([0.0, 1.0])])
    assert homogeneous([np.array([0.5, 0.5]), np.array([0.5, 0.5])])


@given(st.floats(0.05, 0.5), st.floats(-0.5, 0.5), st.floats(-0.9, 0.9))
def test_fieller_ends_are_where_the_linear_contrast_is_just_significant(
    e: float, n: float, rho: float
) -> None:
    v_e, v_n, df = 4e-4, 9e-4, 50
    cov = rho * (v_e * v_n) ** 0.5
    parts = [
        Estimate(value, 0.0, inf, v, df + 1)
        for value, v in ((e, v_e), (n, v_n), (e - n, v_e + v_n - 2 * cov))
    ]
    interval = fieller(*parts)
    if parts[0].p() > 0.05:
        assert interval is None
        return
    assert interval is not None
    for r in interval:
        linear = Estimate(n - r * e, 0.0, inf, v_n - 2 * r * cov + r**2 * v_e, df + 1)
        assert linear.p() == pytest.approx(0.05, abs=1e-4)
    assert interval[0] <= n / e <= interval[1]


def test_bootstrap_variance_is_that_of_cluster_means(make) -> None:
    rng = np.random.default_rng(1)
    sources = [f"s{i // 3}" for i in range(240)]
    scores = np.repeat(rng.normal(size=80), 3) + 0.1 * rng.normal(size=240)
    cells = [make("none", "en", 0, scores, sources=sources), make("squad", "en", 0, -scores, sources=sources)]
    contrasts = csr_array(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, -1.0]]))
    found = item_variances(cells, contrasts, Settings(draws=20_000))
    expected = scores.reshape(80, 3).mean(axis=1).var() / 80
    assert found[0] == pytest.approx(expected, rel=0.05)
    assert found[1] == pytest.approx(0, abs=1e-12)
    assert found[2] == pytest.approx(4 * found[0], rel=1e-3)


def test_languages_with_sources_of_their_own_do_not_share_weights(make) -> None:
    scores = np.random.default_rng(2).normal(size=200)
    ours = make("none", "de", 0, scores, sources=[f"de{i}" for i in range(200)])
    theirs = make("none", "sw", 0, scores, sources=[f"sw{i}" for i in range(200)])
    found = item_variances([ours, theirs], csr_array([[1.0, 0.0], [1.0, -1.0]]), Settings(draws=5000))
    assert found[1] == pytest.approx(2 * found[0], rel=0.1)
