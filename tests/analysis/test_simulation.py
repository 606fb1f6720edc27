"""The claims of the intervals and verdicts, tried on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import simulation
from simulation import DIFFERENT, NOISE, SHARED, World

from xstilts.analysis import Design, Settings, analyse
from xstilts.analysis.contrasts import contrasts
from xstilts.analysis.estimates import _matrix, by_target
from xstilts.analysis.grid import grids
from xstilts.analysis.intervals import Estimate
from xstilts.analysis.resampling import item_variances

TRUTH = {
    "none": {"en": 0.0, "de": 0.0, "sw": 0.0},
    "squad": {"en": 0.03, "de": 0.02, "sw": 0.0},
    "mnli": {"en": 0.0, "de": -0.02, "sw": 0.02},
}
EXPECTED = {("squad", "en"): 0.03, ("squad", "non-en"): 0.01, ("mnli", "en"): 0.0, ("mnli", "non-en"): 0.0}
DESIGN = Design(arms=tuple(TRUTH))


def coverage(simulate, seeds: int, ratio: float, replications: int, draws: int, pooled: bool | None) -> float:
    """Share of nominal 95% intervals over seeds and items that hold the true gain.

    Replications are grids of one target. Two seeds that cannot be pooled give intervals over items alone, which do
    not claim to hold it.
    """
    rng = np.random.default_rng([seeds, int(10 * ratio)])
    cells = [
        cell
        for replication in range(replications)
        for cell in simulate(rng, TRUTH, seeds, ratio=ratio, scale=0.3, postprocess=f"{replication:05d}")
    ]
    (cells,) = by_target(cells)
    asked = [
        (grid, contrast)
        for grid in grids(cells, DESIGN)
        for contrast in contrasts(grid)
        if contrast.key.quantity == "gain" and (contrast.key.arm, contrast.key.group) in EXPECTED
    ]
    matrix = _matrix([grid.column_weights(contrast) for grid, contrast in asked], len(cells))
    variances = item_variances(cells, matrix, Settings(draws=draws))[len(cells) :]
    covered = []
    for (grid, contrast), variance in zip(asked, variances, strict=True):
        estimate = grid.estimate(contrast, float(variance), pooled)
        low, high = estimate.interval()
        if not estimate.items_only:
            covered.append(low <= EXPECTED[contrast.key.arm, contrast.key.group] <= high)
    assert len(covered) >= (0.8 if seeds == 2 else 1) * len(EXPECTED) * replications
    return float(np.mean(covered))


@pytest.mark.parametrize("ratio", [0.1, 1, 10])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_cover(simulate, seeds: int, ratio: float) -> None:
    assert coverage(simulate, seeds, ratio, replications=150, draws=300, pooled=None) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("pooled", [None, True, False])
@pytest.mark.parametrize("ratio", [0.1, 1, 10])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_intervals_cover_at_length(simulate, seeds: int, ratio: float, pooled: bool | None) -> None:
    if seeds == 2 and pooled is False:
        pytest.skip("two seeds are pooled or nothing is said about seeds")
    assert coverage(simulate, seeds, ratio, replications=1000, draws=1000, pooled=pooled) >= 0.93


def verdicts(simulate, truth: dict, ratio: float, replications: int, items: int = 60) -> list[str]:
    rng = np.random.default_rng(int(10 * ratio) + 1)
    design, settings = Design(arms=tuple(truth)), Settings(draws=200)
    runs = (simulate(rng, truth, 3, items=items, ratio=ratio) for _ in range(replications))
    return [analyse(cells, design, settings).verdicts[0]["verdict"] for cells in runs]


NOTHING = {"none": {"en": 0.0, "de": 0.0, "sw": 0.0}, "squad": {"en": 0.0, "de": 0.0, "sw": 0.0}}
ENGLISH_ONLY = {"none": NOTHING["none"], "squad": {"en": 0.3, "de": 0.0, "sw": 0.0}}
EVERYWHERE = {"none": NOTHING["none"], "squad": {"en": 0.3, "de": 0.3, "sw": 0.3}}


@pytest.mark.parametrize("truth", [NOTHING, ENGLISH_ONLY], ids=["no effect", "English only"])
@pytest.mark.parametrize("ratio", [0.1, 10])
def test_persists_is_rarely_false(simulate, truth: dict, ratio: float) -> None:
    assert verdicts(simulate, truth, ratio, 100).count("persists") <= 5


def test_large_effects_are_found(simulate) -> None:
    assert verdicts(simulate, EVERYWHERE, 1, 20).count("persists") == 20
    assert verdicts(simulate, ENGLISH_ONLY, 0.1, 10, items=6000).count("fades") >= 8


@pytest.mark.parametrize("world", [World(3, 1.0, items=120), World(2, 10.0, items=120, binary=True)], ids=str)
def test_the_simulation_of_the_documentation_in_small(world: World) -> None:
    """`make nightly` has it at length: bench/simulation.py."""
    found = simulation.nothing(world, replications=60, draws=150)
    assert min(found["coverage_english"], found["coverage_others"]) >= 0.93
    assert max(found["false_persists"], found["false_harms"]) <= 0.05


def test_the_detectable_gain_is_found_in_80_of_100() -> None:
    """Of the other languages alone, with the variances that the world was made of; the interval is conservative."""
    world, others = World(5, 1.0, items=200), len(simulation.LANGUAGES) - 1
    alike = SHARED + (1 - SHARED) / others
    v_item = DIFFERENT * (alike + NOISE / world.seeds / others) / world.items
    v_run = DIFFERENT / 2 * (alike * world.ratio + NOISE / others) / world.items
    expected = Estimate(0.0, 2 * v_run / world.seeds, 2.0 * (world.seeds - 1), v_item, world.items)
    gain = {"a": simulation.everywhere(expected.detectable())}
    answers = simulation.weighed(world, gain, np.random.default_rng(0), draws=200, size=80)
    found = [answer.gains["a", "non-en"].interval()[0] > 0 for answer in answers]
    assert 0.75 <= np.mean(found) <= 0.99


def test_the_simulation_holds_the_truth_that_it_is_made_of() -> None:
    """Variances of an item's difference and of a run, and gains, are those that the figures state."""
    rng = np.random.default_rng(0)
    world = World(200, 5.0, items=400)
    none, arm = (simulation.scores(world, np.full(5, level), rng, np.zeros(400)) for level in (0.5, 0.55))
    assert (arm - none).mean() == pytest.approx(0.05, abs=0.03)
    assert (arm - none).mean(axis=1).var(axis=-1).mean() == pytest.approx(DIFFERENT, rel=0.1)
    runs = none.mean(axis=-1).var(axis=-1, ddof=1).mean()
    assert runs == pytest.approx(DIFFERENT / 2 * (world.ratio + NOISE) / 400, rel=0.15)
    right = simulation.scores(
        World(200, 1.0, items=400, binary=True), np.full(5, 0.7), rng, rng.normal(size=400)
    )
    assert set(np.unique(right)) == {0.0, 1.0}
    assert right.mean() == pytest.approx(0.7, abs=0.05)
