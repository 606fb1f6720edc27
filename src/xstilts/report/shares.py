"""How shares and ratios are put into words: what is kept of a gain, what becomes of errors."""

from __future__ import annotations

from xstilts.report.evidence import Interval
from xstilts.report.words import MINUS, NOTHING

WIDEST = 3.0
"""A bound of a ratio further out than this is told as open: what is divided by may be close to 0."""

UNKNOWN = "no interval: it may divide by 0"


def percent(value: float | None) -> str:
    """A share of 0..1 in whole percent: `72%`."""
    if value is None:
        return NOTHING
    text = f"{100 * value:.0f}%"
    return "0%" if text == "-0%" else text.replace("-", MINUS)


def signed(value: float) -> str:
    """A difference of shares in whole percent, to a tenth where it is small.

    Example:
        >>> signed(0.014), signed(-0.25), signed(0.0001)
        ('+1.4%', '−25%', '0%')
    """
    text = f"{100 * value:.1f}" if abs(value) < 0.1 else f"{100 * value:.0f}"
    if float(text) == 0:
        return "0%"
    return f"{'+' if value > 0 else ''}{text}%".replace("-", MINUS)


def signed_span(change: Interval) -> str:
    """The bounds of a difference of shares: `−1.5% to +0.3%`."""
    if change.low is None or change.high is None:
        return UNKNOWN
    return f"{signed(change.low)} to {signed(change.high)}"


def ratio_span(ratio: Interval) -> str:
    """The bounds of a ratio; one beyond three times what it is a share of is told as open.

    Example:
        >>> ratio_span(Interval(0.9, 0.6, 1.5)), ratio_span(Interval(0.9, 0.6, 40.0))
        ('60% to 150%', 'at least 60%')
        >>> ratio_span(Interval(0.9, None, None))
        'no interval: it may divide by 0'
    """
    if ratio.low is None or ratio.high is None:
        return UNKNOWN
    if ratio.low < -WIDEST and ratio.high > WIDEST:
        return "any share fits the data"
    if ratio.high > WIDEST:
        return f"at least {percent(ratio.low)}"
    if ratio.low < -WIDEST:
        return f"at most {percent(ratio.high)}"
    return f"{percent(ratio.low)} to {percent(ratio.high)}"


def errors_changed(reduction: Interval) -> str:
    """What a share of the baseline's errors that an arm leaves out means: `errors −30% (−48% to −9%)`.

    Errors are no fewer than none, so no bound is below −100%. Where the interval is unbounded, or reaches beyond three
    times the baseline's errors, these are too few to divide by, and a sentence says so instead of numbers.

    Example:
        >>> errors_changed(Interval(0.3, 0.09, 0.48)), errors_changed(Interval(0.0, -0.004, 0.004))
        ('errors −30% (−48% to −9%)', 'errors the same, to the percent')
        >>> errors_changed(Interval(0.5, None, None))
        'too few errors to compare them'
    """
    low, high = reduction.low, reduction.high
    if low is None or high is None or low < -WIDEST:
        return "too few errors to compare them"
    bounds = [_change(x) for x in (min(high, 1.0), low)]
    if {*bounds, _change(reduction.value)} == {"0%"}:
        return "errors the same, to the percent"
    return f"errors {_change(reduction.value)} ({' to '.join(bounds)})"


def _change(left_out: float) -> str:
    text = percent(-left_out)
    return f"+{text}" if left_out < 0 and text != "0%" else text
