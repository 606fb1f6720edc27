from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.report.charts import WIDTH
from xstilts.report.dots import draw_spread
from xstilts.report.evidence import Evidence
from xstilts.report.html import render
from xstilts.report.strips import spreads, strips
from xstilts.results import Results

Make = Callable[..., Results]


def test_a_row_holds_what_the_gains_table_holds(rich_run: Results) -> None:
    evidence = Evidence(rich_run)
    found = spreads(evidence)
    assert {family: [(x.target, x.arm) for x in rows] for family, rows in found.items()} == {
        "trained": [("pocket/intents", "definitions"), ("pocket/intents", "replies")],
        "retrieval": [("pocket/messages", "definitions"), ("pocket/messages", "replies")],
    }
    for one in (x for rows in found.values() for x in rows):
        assert one.english == evidence.gain(one.arm, one.target, "en")
        assert one.mean == evidence.gain(one.arm, one.target, "non-en")
        assert {name for name, _ in one.languages} == {"German", "Chinese", "Swahili"}
        values = [gain.value for _, gain in one.languages]
        assert values == sorted(values, reverse=True)
        assert one.mean is not None and sum(values) / 3 == pytest.approx(one.mean.value)


def test_every_mark_is_on_the_paper_and_in_order(rich_run: Results) -> None:
    for plot in strips(Evidence(rich_run)):
        assert [row.target for row in plot.rows if row.head] == [plot.rows[0].target]
        heights = [y for row in plot.rows for y in (row.head, row.y) if y]
        assert heights == sorted(heights) and heights[0] > 0 and heights[-1] < plot.height - 20
        for row in plot.rows:
            marks = [x for x in (row.english, row.mean, *row.languages) if x]
            assert all(x.low <= x.x <= x.high and 0 < x.x < WIDTH for x in marks)
            assert all(x.low > 0 and x.high < WIDTH for x in (row.english, row.mean) if x)
            assert row.mean is not None and row.text in row.mean.title
            for mark in marks:
                gain = mark.title.partition(": ")[2]
                assert (mark.x > plot.zero) == gain.startswith("+") or gain.startswith("0.0")


def test_the_page_draws_it_and_tells_it(rich_run: Results) -> None:
    text = render(rich_run)
    section = text[text.index('<section id="spread"') : text.index('<section id="controls"')]
    assert section.count("<figure>") == 2
    assert "mean of 3 others +" in section and "intents, definitions: English +" in section


def test_the_figure_has_a_panel_a_family_and_a_row_an_arm(rich_run: Results) -> None:
    figure = draw_spread(Evidence(rich_run))
    assert figure is not None
    labels = [[label.get_text() for label in axis.get_yticklabels()] for axis in figure.axes]
    assert labels == [
        ["intents, definitions", "intents, replies"],
        ["messages, definitions", "messages, replies"],
    ]
    dots = [line for axis in figure.axes for line in axis.lines if len(line.get_xdata()) == 1]
    assert len(dots) == 2 * (3 + 1 + 1) + 2 * (3 + 1)


@pytest.mark.parametrize("gains", [{"en": 0.03}, {"de": 0.03}])
def test_one_gain_is_no_spread(make: Make, tmp_path: Path, gains: dict[str, float]) -> None:
    evidence = Evidence(make(tmp_path, {"x/t": {"a": gains}}))
    assert strips(evidence) == [] and draw_spread(evidence) is None


def test_gains_without_intervals_are_dots(rich_run: Results) -> None:
    gains = [{**row, "ci_low": None, "ci_high": None} for row in rich_run.gains_table]
    for plot in strips(Evidence(replace(rich_run, gains_table=gains))):
        for row in plot.rows:
            assert row.mean is not None and row.mean.low == row.mean.x == row.mean.high and row.mean.sign == 0
