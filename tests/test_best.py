from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xstilts.best import best_of, dev_gains, leader_of

ARMS = ("none", "squad", "mnli")
gains = st.dictionaries(st.sampled_from(ARMS[1:]), st.floats(-1, 1))


def test_gains_are_averaged_over_the_targets_that_both_sides_have() -> None:
    means = {
        ("none", "a"): 0.5,
        ("none", "b"): 0.2,
        ("squad", "a"): 0.6,
        ("squad", "b"): 0.6,
        ("mnli", "b"): 0.1,
    }
    found = dev_gains(means, ARMS, ["a", "b"])
    assert {arm: round(gain, 6) for arm, gain in found.items()} == {"squad": 0.25, "mnli": -0.1}
    assert dev_gains(means, ARMS, ["c"]) == {}


def test_a_tie_is_one_whatever_the_order_of_summing() -> None:
    means = {("none", "a"): 0.3, ("squad", "a"): 0.1 + 0.2}
    assert dev_gains(means, ARMS, ["a"])["squad"] > 0
    assert best_of(dev_gains(means, ARMS, ["a"])) == "none"


def test_of_equal_arms_the_first_leads() -> None:
    assert leader_of({"squad": 0.1, "mnli": 0.1}) == "squad"
    assert leader_of({}) is None


@given(gains)
def test_the_best_is_the_leader_or_the_baseline(given: dict[str, float]) -> None:
    assert best_of(given) in {leader_of(given), "none"}
    assert (best_of(given) == "none") == (max(given.values(), default=0.0) <= 1e-9)
