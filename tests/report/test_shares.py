from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.report.evidence import Interval
from xstilts.report.shares import UNKNOWN, WIDEST, errors_changed, percent, ratio_span, signed, signed_span


def test_shares_have_a_true_minus_and_no_negative_nothing() -> None:
    assert [percent(x) for x in (-0.143, -0.001, None)] == ["−14%", "0%", "–"]
    assert [signed(x) for x in (0.014, -0.25, -0.0004)] == ["+1.4%", "−25%", "0%"]
    assert signed_span(Interval(0.0, -0.01, 0.2)) == "−1.0% to +20%"
    assert signed_span(Interval(0.0, None, None)) == UNKNOWN


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (Interval(0.88, 0.61, 1.49), "61% to 149%"),
        (Interval(0.88, 0.61, 41.0), "at least 61%"),
        (Interval(0.88, -41.0, 1.2), "at most 120%"),
        (Interval(0.88, -41.0, 41.0), "any share fits the data"),
        (Interval(0.88, None, None), UNKNOWN),
    ],
)
def test_a_ratio_whose_bound_is_absurd_is_open(ratio: Interval, told: str) -> None:
    assert ratio_span(ratio) == told


@pytest.mark.parametrize(
    ("reduction", "told"),
    [
        (Interval(0.3, 0.09, 0.481), "errors −30% (−48% to −9%)"),
        (Interval(-0.2, -0.5, 0.1), "errors +20% (−10% to +50%)"),
        (Interval(0.9, 0.7, 1.8), "errors −90% (−100% to −70%)"),
        (Interval(0.001, -0.002, 0.003), "errors the same, to the percent"),
        (Interval(0.5, None, None), "too few errors to compare them"),
        (Interval(0.5, -12.0, 0.98), "too few errors to compare them"),
    ],
)
def test_a_share_of_errors(reduction: Interval, told: str) -> None:
    assert errors_changed(reduction) == told


@given(st.floats(-20, 1), st.floats(0, 20), st.floats(0, 20))
def test_no_number_of_a_share_is_absurd(value: float, below: float, above: float) -> None:
    """Whatever the interval, no printed change of errors is below −100% or above three times the errors."""
    told = errors_changed(Interval(value, value - below, value + above))
    numbers = [float(x.rstrip("%)").lstrip("(").replace("−", "-")) for x in told.split() if "%" in x]
    assert all(-100 <= x <= 100 * WIDEST for x in numbers)
