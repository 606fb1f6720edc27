"""How many languages gain, and how little the worst does."""

from __future__ import annotations

import numpy as np
import pytest

from xstilts.analysis import Design, Settings, analyse
from xstilts.analysis.grid import Key
from xstilts.analysis.intervals import Estimate
from xstilts.analysis.languages import over_languages

LANGUAGES = ("de", "sw", "th", "zh")


def key(group: str) -> Key:
    return Key("t", "accuracy", "", "gain", "squad", "none", group, "clean")


def said(values: list[float], se: float = 0.01) -> dict[str, tuple]:
    """What gains of four languages say, by quantity; English and the mean play no part."""
    gains = {
        key(x): Estimate(value, 0.0, np.inf, se**2, 500) for x, value in zip(LANGUAGES, values, strict=True)
    }
    rest = {key(x): Estimate(9.0, 0.0, np.inf, se**2, 500) for x in ("en", "non-en", "all")}
    return {x.quantity: (x.group, *derived) for x, derived in over_languages(gains | rest, 0.05).items()}


def test_by_hand() -> None:
    found = said([0.10, 0.005, -0.002, -0.08])
    assert found["share_gaining"] == ("non-en", 0.5, 0.25, 0.75), "one gain and one loss are established"
    group, worst, low, high = found["worst_gain"]
    assert (group, worst) == ("zh", -0.08)
    assert low == pytest.approx(-0.08 - 1.965 * 0.01, abs=1e-4)
    assert high == pytest.approx(-0.08 + 2.50 * 0.01, abs=1e-3), "level 0.05 / 4"


def test_when_nothing_is_known_nothing_is_excluded() -> None:
    found = said([0.1, 0.1, 0.2, 0.3], se=np.inf)
    assert found["share_gaining"][1:] == (1.0, 0.0, 1.0)
    assert found["worst_gain"][2:] == (None, None)


def test_both_intervals_hold_the_truth(simulate) -> None:
    """Three languages gain 0, 0.02 and 0.04: two of three gain, and the worst gains nothing."""
    rng = np.random.default_rng(5)
    truth = {"none": dict.fromkeys(("en", "de", "sw", "th"), 0.0), "squad": {"en": 0.1, "de": 0.0}}
    truth["squad"] |= {"sw": 0.02, "th": 0.04}
    held: dict[str, list[bool]] = {"share_gaining": [], "worst_gain": []}
    for _ in range(60):
        analysis = analyse(simulate(rng, truth, 3), Design(arms=("none", "squad")), Settings(draws=200))
        for row in analysis.gains:
            if row["quantity"] in held:
                true = {"share_gaining": 2 / 3, "worst_gain": 0.0}[row["quantity"]]
                held[row["quantity"]].append(row["ci_low"] <= true <= row["ci_high"] + 1e-12)
    assert {name: np.mean(found) >= 0.93 for name, found in held.items()} == dict.fromkeys(held, True)


def test_verdicts_say_the_same(simulate) -> None:
    truth = {"none": dict.fromkeys(("en", "de", "sw"), 0.0), "squad": {"en": 0.3, "de": 0.3, "sw": -0.3}}
    cells = simulate(np.random.default_rng(0), truth, 3, family="image-text")
    analysis = analyse(cells, Design(arms=("none", "squad")), Settings(draws=200))
    (verdict,) = analysis.verdicts
    rows = {row["quantity"]: row for row in analysis.gains if row["reference"] == "none"}
    assert verdict["share_gaining"] == rows["share_gaining"]["estimate"] == 0.5
    assert (verdict["worst_language"], verdict["worst_gain"]) == ("sw", rows["worst_gain"]["estimate"])
    assert {row["modality"] for row in (*analysis.results, *analysis.gains, verdict)} == {"image-text"}
    assert {cell.modality for cell in simulate(np.random.default_rng(0), truth, 1)} == {"text"}
