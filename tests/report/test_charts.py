from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st
from report_rows import curve_rows

from xstilts.report.charts import WIDTH, Scale, curves, forests
from xstilts.report.evidence import Evidence
from xstilts.results import Results


@given(st.floats(-1, 1), st.floats(0.001, 2), st.integers(2, 8))
@example(0.03125, 0.4375, 2)  # no multiple of the first step
def test_ticks_are_few_even_and_inside(low: float, size: float, count: int) -> None:
    scale = Scale(low, low + size, 0, 100)
    ticks = scale.ticks(count)
    assert 1 <= len(ticks) <= count + 1
    assert all(-0.1 <= scale(tick) <= 100.1 for tick in ticks)
    steps = [b - a for a, b in pairwise(ticks)]
    assert max(steps, default=0) - min(steps, default=0) < 1e-9


def test_forests_share_a_scale_and_are_sorted(rich_run: Results) -> None:
    plots = forests("pocket/intents", Evidence(rich_run))
    assert [plot.title for plot in plots] == ["definitions", "replies"]
    assert len({plot.zero for plot in plots}) == 1
    for plot in plots:
        languages = [mark for mark in plot.marks if not mark.mean]
        assert [mark.label for mark in plot.marks[:2]] == ["English", "Mean of 3 others"]
        assert [mark.x for mark in languages] == sorted((mark.x for mark in languages), reverse=True)
        assert all(0 < mark.low <= mark.x <= mark.high < WIDTH for mark in plot.marks)
    assert plots[0].marks[0].sign == 1 and plots[1].marks[0].sign == -1


def test_intervals_that_are_missing_leave_the_point(rich_run: Results) -> None:
    gains = [{**row, "ci_low": None, "ci_high": None} for row in rich_run.gains_table]
    (plot, _) = forests("pocket/messages", Evidence(replace(rich_run, gains_table=gains)))
    assert all(mark.low == mark.x == mark.high and mark.sign == 0 for mark in plot.marks)


def test_curves_of_an_arm_stand_beside_the_baseline_and_its_controls(rich_run: Results) -> None:
    plots = curves("pocket/messages", Evidence(rich_run))
    assert [plot.title for plot in plots] == [
        f"{arm}, {rule} vectors" for arm in ("definitions", "replies") for rule in ("raw", "centred")
    ]
    first = plots[0]
    assert [(line.arm, line.role) for line in first.lines] == [
        ("none", "base"),
        ("definitions", "arm"),
        ("definitions~shuffled", "control"),
    ]
    assert len({tuple(plot.y_ticks) for plot in plots}) == 1, "one scale for all"
    assert [label for _, label in first.x_ticks] == ["0", "1", "2", "3"]
    arm = first.lines[1]
    places = [tuple(map(float, place.split(","))) for place in arm.path.split()]
    assert arm.chosen == [places[-1]] and arm.key == "definitions: layer 3"
    assert "definitions goes from 51.0 at layer 0 to 80.0 at layer 3" in first.summary


def test_bands_reach_from_the_lowest_to_the_highest_seed(rich_run: Results) -> None:
    none, arm = curves("pocket/messages", Evidence(rich_run))[0].lines[:2]
    assert none.band == ""
    edges = [tuple(map(float, place.split(","))) for place in arm.band.split()]
    upper, lower = edges[:4], edges[:3:-1]
    for (x, high), (x_low, low), place in zip(upper, lower, arm.path.split(), strict=True):
        middle = float(place.split(",")[1])
        assert x == x_low and high <= middle <= low, "paper has its origin at the top"
    assert upper[1][1] == lower[1][1]


def test_layers_that_were_not_searched_have_no_curves(rich_run: Results) -> None:
    assert curves("pocket/messages", Evidence(replace(rich_run, layers=[]))) == []
    assert curves("pocket/intents", Evidence(rich_run)) == []


@given(st.integers(1, 30), st.integers(1, 3), st.randoms(use_true_random=False))
def test_any_curve_stays_on_the_paper(layers: int, seeds: int, random: Random) -> None:
    scores = [[random.random() for _ in range(seeds)] for _ in range(layers)]
    rows = curve_rows("x/t", "none", scores, own=random.randrange(layers))
    (raw, _) = curves("x/t", Evidence(Results(Path(), [], [], [], {}, rows)))
    assert len(raw.x_ticks) <= 13
    for line in raw.lines:
        for place in [*line.path.split(), *line.band.split()]:
            x, y = map(float, place.split(","))
            assert raw.left <= x <= raw.width and 0 <= y <= raw.height - 30
