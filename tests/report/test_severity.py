from __future__ import annotations

from collections.abc import Callable

import pytest

from xstilts.report.evidence import Evidence
from xstilts.report.severity import gains_by_severity, perturbations, severity_curves
from xstilts.results import Results

Make = Callable[..., Results]


@pytest.fixture(scope="module")
def graded(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    conditions = ("clean", "typos@3", "typos@1", "ocr:context@2", "casing@2", "casing@4")
    gains = {"x/t": {"a": {"en": 0.05, "de": 0.03, "sw": 0.02}, "b": {"en": 0.0, "de": 0.0, "sw": 0.0}}}
    return Evidence(make(tmp_path_factory.mktemp("graded"), gains, conditions=conditions))


def test_conditions_are_put_by_severity() -> None:
    found = perturbations(["typos@3", "typos@1", "ocr:context@2"])
    assert found == {"typos": {1: "typos@1", 3: "typos@3"}, "ocr:context": {2: "ocr:context@2"}}


def test_a_curve_begins_at_clean_and_holds_the_tables_gains(graded: Evidence) -> None:
    found = gains_by_severity("x/t", graded)
    assert set(found) == {(arm, name) for arm in "ab" for name in ("typos", "casing")}  # ocr has one severity
    english = found["a", "typos"]["en"]
    assert list(english) == [0, 1, 3]
    assert english[0] == graded.gain("a", "x/t", "en")
    assert english[3] == graded.gain("a", "x/t", "en", "typos@3")


def test_drawings_lie_on_the_paper_on_one_scale(graded: Evidence) -> None:
    plots = severity_curves("x/t", graded)
    assert [plot.title for plot in plots] == ["a, casing", "b, casing", "a, typos", "b, typos"]
    assert len({(plot.zero, *plot.y_ticks) for plot in plots}) == 1
    for plot in plots:
        assert [trend.label for trend in plot.trends] == ["English", "other languages"]
        for trend in plot.trends:
            for stop in trend.stops:
                assert 0 < stop.x < plot.width and 0 < stop.high <= stop.y <= stop.low < plot.height
            assert [stop.x for stop in trend.stops] == sorted(stop.x for stop in trend.stops)
        assert "clean +" in plot.summary or "clean −" in plot.summary or "clean 0.0" in plot.summary


def test_without_severities_there_is_no_curve(rich_run: Results) -> None:
    assert severity_curves("pocket/intents", Evidence(rich_run)) == []
