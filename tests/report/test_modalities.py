from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from xstilts.report.evidence import Evidence
from xstilts.report.html import render
from xstilts.report.markdown import write_markdown
from xstilts.report.modalities import across, modalities, reach, shared_languages, table
from xstilts.results import Results

Make = Callable[..., Results]

GAINS = {
    "x/intents": {"squad": {"en": 0.06, "de": 0.05, "fr": 0.04, "zh": -0.05, "sw": 0.05}},
    "x/pairs": {"squad": {"de": 0.05, "fr": 0.04, "zh": -0.05}},
    "x/pictures": {"squad": {"en": 0.05, "de": 0.05, "fr": -0.06, "zh": -0.05, "ja": 0.05}},
}


@pytest.fixture
def both(make: Make, tmp_path: Path) -> Results:
    return make(tmp_path, GAINS, retrieval=["x/pairs"], images=["x/pictures"])


def test_both_kinds_of_target_stand_side_by_side_in_the_languages_they_share(both: Results) -> None:
    evidence = Evidence(both)
    assert modalities(evidence) == (("x/intents", "x/pairs"), ("x/pictures",))
    assert shared_languages(evidence) == ["zh", "fr", "de"], "by name, without English"
    assert [reach(target, evidence) for target in ("x/intents", "x/pairs", "x/pictures")] == [4, 3, 4]
    (one,) = across(evidence)
    assert [side.language for side in one.means] == ["English", "other languages (mean)"]
    assert [side.language for side in one.languages] == ["Chinese", "French", "German"]
    for side, language in zip(one.languages, ["zh", "fr", "de"], strict=True):
        assert side.gains == tuple(evidence.gain("squad", target, language) for target in GAINS)
    english = one.means[0]
    assert english.gains[1] is None and english.cells[1] is None, "a retrieval has no English"


def test_directions_are_counted_by_the_mean_of_each_kind(both: Results) -> None:
    (one,) = across(Evidence(both))
    assert one.reading == (
        "of 3 languages tested on both, it gains on both in 1, loses on both in 1 and gains on text alone in 1"
    )


@pytest.mark.parametrize("left", [{"x/intents"}, {"x/intents", "x/pairs"}, {"x/pictures"}])
def test_a_run_with_one_kind_of_target_has_no_such_section(
    make: Make, tmp_path: Path, left: set[str]
) -> None:
    results = make(
        tmp_path, {name: GAINS[name] for name in left}, retrieval=["x/pairs"], images=["x/pictures"]
    )
    assert across(Evidence(results)) == [] == table(Evidence(results))
    assert 'id="modalities"' not in render(results)
    assert "From text to images" not in write_markdown(results, tmp_path / "a.md").read_text("utf-8")


def test_page_and_markdown_tell_the_same(both: Results, tmp_path: Path) -> None:
    page, text = render(both), write_markdown(both, tmp_path / "a.md").read_text("utf-8")
    assert 'id="modalities"' in page and "loses on both in 1" in page
    assert "| Arm | Language | x/intents | x/pairs | x/pictures |" in text
    rows = table(Evidence(both))
    assert [row[:2] for row in rows][2:] == [["squad", name] for name in ("Chinese", "French", "German")]
    for cell in rows[-1][2:]:
        assert cell in text and cell.partition(" ")[0] in page
