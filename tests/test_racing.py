"""The rule by which a race drops arms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xstilts.racing import FIRST, Race, fewest_seeds, race

Scores = dict[str, dict[int, float]]


def table(values: np.ndarray) -> Scores:
    """Scores `[arms, seeds]` as a race takes them, the first arm the baseline."""
    names = ["none", *(f"arm{i}" for i in range(1, len(values)))]
    return {name: dict(enumerate(map(float, row))) for name, row in zip(names, values, strict=True)}


def simulated(rng: np.random.Generator, means: np.ndarray, seeds: int, scale: float = 1.0) -> np.ndarray:
    noise = rng.normal(size=(len(means), seeds)) * scale + rng.normal(size=seeds)
    return 0.5 + 0.01 * (means[:, None] + noise)


tables = st.integers(3, 7).flatmap(
    lambda arms: st.integers(3, 7).flatmap(
        lambda seeds: st.lists(
            st.lists(st.floats(0, 1, width=32), min_size=seeds, max_size=seeds), min_size=arms, max_size=arms
        )
    )
)


def dropped(found: Race) -> list[str]:
    return [one.arm for each in found.rounds for one in each.dropped]


@given(tables, st.floats(0.001, 0.5))
def test_what_is_dropped_is_behind_for_certain(values: list[list[float]], error: float) -> None:
    """The baseline and the leader never; no arm whose interval includes the leader; every other one."""
    found = race(table(np.array(values)), range(len(values[0])), error)
    assert found.over and found.arms and "none" not in (*found.arms, *dropped(found))
    assert sorted((*found.arms, *dropped(found))) == [f"arm{i}" for i in range(1, len(values))]
    for each in found.rounds:
        assert each.leader not in [one.arm for one in each.dropped]
        for one in each.standings:
            assert one.low <= one.behind <= one.high
            assert one.dropped <= (one.low > 0)
    assert found.rounds[-1].leader in found.arms


@given(tables, st.floats(-0.5, 0.5), st.integers(0, 2**32 - 1))
def test_what_a_seed_does_to_all_arms_alike_plays_no_part(
    values: list[list[float]], shift: float, seed: int
) -> None:
    """Pairing: where variances are pooled, adding anything to a seed's scores changes no interval."""
    before = np.array(values)
    moved = before + shift * np.random.default_rng(seed).integers(0, 2, before.shape[1])
    old, new = (race(table(each), range(before.shape[1]), 0.1).rounds[0] for each in (before, moved))
    if old.paired == new.paired and old.leader == new.leader:
        np.testing.assert_allclose([x.low for x in old.standings], [x.low for x in new.standings], atol=1e-9)


@given(tables)
def test_a_lower_error_drops_no_more(values: list[list[float]]) -> None:
    scores, seeds = table(np.array(values)), range(len(values[0]))
    strict, lax = (race(scores, seeds, error).rounds[0] for error in (0.01, 0.3))
    assert {x.arm for x in strict.dropped} <= {x.arm for x in lax.dropped}


def test_the_interval_is_that_of_the_formula() -> None:
    values = np.array([[0.5, 0.5], [0.70, 0.72], [0.66, 0.67], [0.69, 0.72]])
    found = race(table(np.column_stack([values, values])), range(4), 0.1)
    arms = values[1:]
    residuals = arms - arms.mean(1, keepdims=True) - arms.mean(0) + arms.mean()
    s = np.sqrt((residuals**2).sum() / 2)
    margin = stats.t.ppf(1 - 0.1 / 2 / 2, 2) * s * np.sqrt(2 * (1 / 2 - 1 / 4))
    second = found.rounds[0].standings[1]
    assert (second.arm, second.behind) == ("arm2", pytest.approx(0.045))
    assert (second.low, second.high) == (pytest.approx(0.045 - margin), pytest.approx(0.045 + margin))


@pytest.mark.parametrize(("arms", "seeds"), [(3, 3), (6, 5), (8, 8)])
def test_without_differences_the_leader_of_the_full_grid_is_lost_as_seldom_as_stated(
    arms: int, seeds: int
) -> None:
    """No differences are the worst case. 1500 races at 10%: more than 12% would be a chance of 1 in 100."""
    rng, error, lost, out = np.random.default_rng(arms), 0.1, 0, 0
    for _ in range(1500):
        values = simulated(rng, np.zeros(arms + 1), seeds)
        found = race(table(values), range(seeds), error)
        lost += f"arm{1 + int(values[1:].mean(1).argmax())}" not in found.arms
        out += len(dropped(found))
    assert lost / 1500 <= 0.12
    assert out > 0, "a rule that drops nothing proves nothing"


def test_the_level_is_that_of_one_pair() -> None:
    """Two arms and three seeds are one test: with no difference the leader is lost in `error` of races, no less."""
    rng, lost = np.random.default_rng(0), 0
    for _ in range(4000):
        values = simulated(rng, np.zeros(3), 3)
        found = race(table(values), range(3), 0.2)
        lost += f"arm{1 + int(values[1:].mean(1).argmax())}" not in found.arms
    assert 0.06 < lost / 4000 <= 0.22


def test_arms_that_are_far_behind_are_dropped_at_once() -> None:
    rng = np.random.default_rng(1)
    found = race(table(simulated(rng, np.array([0, 0, 0, -40, -60]), 8)), range(8), 0.1)
    assert [one.arm for one in found.rounds[0].dropped] == ["arm3", "arm4"]
    assert found.rounds[0].seeds == FIRST


def test_an_arm_whose_runs_differ_more_is_judged_by_them() -> None:
    """One arm that fails under some seeds: a variance pooled with steady arms would drop it too soon."""
    steady = 0.7 + 0.001 * np.arange(8) % 0.003
    values = np.array([steady - 0.2, steady, steady - 0.001, np.where(np.arange(8) == 1, 0.2, 0.9)])
    found = race(table(values), range(8), 0.1)
    assert found.rounds[0].paired
    assert "arm3" in found.arms


def test_scores_that_never_differ_drop_nothing() -> None:
    values = np.repeat([[0.5], [0.7], [0.6]], 4, axis=1)
    assert race(table(values), range(4), 0.1).arms == ("arm1", "arm2")


def test_held_arms_stay() -> None:
    rng = np.random.default_rng(1)
    scores = table(simulated(rng, np.array([0, 0, 0, -40]), 5))
    assert race(scores, range(5), 0.1).arms == ("arm1", "arm2")
    assert race(scores, range(5), 0.1, ("arm3",)).arms == ("arm1", "arm2", "arm3")


def test_a_race_waits_for_the_scores_of_arms_that_are_in_it() -> None:
    rng = np.random.default_rng(1)
    scores = table(simulated(rng, np.array([0, 0, 0, -40]), 5))
    assert race({arm: {} for arm in scores}, range(5), 0.1).due == (0, 1)
    partial = {
        arm: {seed: x for seed, x in values.items() if seed < 2 + (arm == "arm1")}
        for arm, values in scores.items()
    }
    found = race(partial, range(5), 0.1)
    assert (len(found.rounds), found.due, found.arms) == (1, (0, 1, 2), ("arm1", "arm2"))
    rest = {
        arm: {seed: x for seed, x in values.items() if arm != "arm3" or seed < 2}
        for arm, values in scores.items()
    }
    assert race(rest, range(5), 0.1) == race(
        scores, range(5), 0.1
    )  # what a dropped arm would do is never asked


# --- halving


@given(tables)
def test_halving_drops_the_worse_half_whatever_the_scores(values: list[list[float]]) -> None:
    arms, seeds = len(values) - 1, len(values[0])
    found = race(table(np.array(values)), range(seeds), 0.1, rule="halving")
    assert [one.seeds for one in found.rounds] == [
        number for number, left in ((2, arms), (4, (arms + 1) // 2)) if number < seeds and left > 1
    ]
    for each in found.rounds:
        out = [one.dev for one in each.dropped]
        stays = [one.dev for one in each.standings if not one.dropped]
        assert len(out) == len(each.standings) // 2 and max(out) <= min(stays)
        assert all(0 <= one.chance <= 0.5 for one in each.standings)
    assert found.over and 0 <= found.lost <= 1


def test_halving_keeps_held_arms_and_waits_for_twice_the_seeds() -> None:
    rng = np.random.default_rng(1)
    scores = table(simulated(rng, np.array([0, 0, 5, -40, -60]), 8))
    found = race(scores, range(8), 0.1, ("arm4",), rule="halving")
    assert found.arms[-1] == "arm4"
    first = {arm: {seed: by_seed[seed] for seed in (0, 1)} for arm, by_seed in scores.items()}
    assert race(first, range(8), 0.1, rule="halving").due == (0, 1, 2, 3)


@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_of_many_arms_the_best_is_lost_no_more_often_than_a_race_says(spread: float) -> None:
    """Of 600 races, within three standard errors. (Of two or three that lie close it is lost more often.)"""
    rng, lost, said = np.random.default_rng(5), [], []
    for _ in range(600):
        values = simulated(rng, spread * rng.normal(size=7), 8)
        found = race(table(values), range(8), 0.1, rule="halving")
        lost.append(f"arm{1 + int(values[1:].mean(1).argmax())}" not in found.arms)
        said.append(found.lost)
    assert 0 < np.mean(lost) <= np.mean(said) + 3 * np.std(lost) / len(lost) ** 0.5


def test_a_chance_is_that_of_the_same_t() -> None:
    values = np.array([[0.5, 0.5], [0.70, 0.72], [0.66, 0.67], [0.69, 0.72]])
    found = race(table(np.column_stack([values, values])), range(4), 0.1)
    second = found.rounds[0].standings[1]
    margin = second.high - second.behind
    unit = margin / stats.t.ppf(1 - 0.1 / 2 / 2, 2)
    assert second.chance == pytest.approx(stats.t.sf(second.behind / unit, 2))


def test_what_is_run_at_the_least() -> None:
    scores = {arm: {} for arm in ("none", "a", "b", "c", "d", "e")}
    assert fewest_seeds(race(scores, range(10), 0.1, rule="halving")) == {
        "a": 10,
        "b": 8,
        "c": 4,
        "d": 2,
        "e": 2,
    }
    assert fewest_seeds(race(scores, range(10), 0.1)) == {"a": 10, "b": 2, "c": 2, "d": 2, "e": 2}
    held = fewest_seeds(race(scores, range(10), 0.1), ("d",))
    assert held == {"a": 10, "b": 2, "c": 2, "d": 10, "e": 2}
    halved = fewest_seeds(race(scores, range(10), 0.1, ("d",), "halving"), ("d",))
    assert halved == {"a": 10, "b": 4, "c": 2, "d": 10, "e": 2}


@given(tables, st.booleans())
def test_halving_runs_as_many_seeds_as_were_foretold(values: list[list[float]], hold: bool) -> None:
    scores, seeds, held = table(np.array(values)), range(len(values[0])), ("arm1",) if hold else ()
    before = fewest_seeds(race({arm: {} for arm in scores}, seeds, 0.1, held, "halving"), held)
    found = race(scores, seeds, 0.1, held, "halving")
    ran = [each.seeds for each in found.rounds for _ in each.dropped] + [len(seeds)] * len(found.arms)
    assert sorted(before.values()) == sorted(ran)
    first = {arm: {seed: x for seed, x in each.items() if seed < 2} for arm, each in scores.items()}
    after = fewest_seeds(race(first, seeds, 0.1, held, "halving"), held)
    assert sorted(after.values()) == sorted(
        ran[len(found.rounds[0].dropped) :] if len(values) > 2 + hold else ran
    )
