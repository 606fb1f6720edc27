from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from xstilts.experiment import Results
from xstilts.report.charts import WIDTH, Scale, curves, forests
from xstilts.report.evidence import Evidence

Make = Callable[..., Results]


@given(st.floats(-1, 1), st.floats(0.001, 2), st.integers(2, 8))
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


def test_curves(rich_run: Results, make: Make, tmp_path: Path) -> None:
    found = curves("pocket/messages", "none", Evidence(rich_run))
    assert found is not None
    assert [line.arm for line in found.lines] == ["none", "definitions", "replies"]
    last = found.lines[0].path.split()[-1]
    assert found.lines[0].chosen == tuple(map(float, last.split(",")))
    assert [label for _, label in found.x_ticks] == ["0", "1", "2", "3"]
    fixed = [{**row, "curve": []} for row in rich_run.run["layers"]]
    assert curves("pocket/messages", "none", Evidence(replace(rich_run, run={"layers": fixed}))) is None
