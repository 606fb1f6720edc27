from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.report import write_html
from xstilts.report.evidence import Evidence
from xstilts.report.spread import COLUMNS, Entry, Line, columns, lines
from xstilts.results import Results

Make = Callable[..., Results]


def of(results: Results, arm: str, target: str) -> dict[str, Entry | None]:
    found = lines(Evidence(results))
    (line,) = (x for x in found if (x.arm, x.target) == (arm, target))
    return dict(zip(columns(found), line.entries, strict=True))


def row(
    results: Results, quantity: str, arm: str, target: str, group: str, condition: str
) -> dict[str, object]:
    wanted = (quantity, arm, "none", target, group, condition)
    names = ("quantity", "arm", "reference", "task", "group", "condition")
    return next(x for x in results.gains_table if tuple(x[name] for name in names) == wanted)


def test_a_line_says_what_the_gains_table_says(rich_run: Results) -> None:
    told = of(rich_run, "definitions", "pocket/intents")
    assert list(told) == list(COLUMNS)
    assert told["Languages that gain"] == Entry("3 of 3", "3 to 3")
    worst = told["Smallest gain"]
    assert (
        worst is not None and worst.told == f"Swahili {worst.value}" and worst.value[0] == "+" and worst.clear
    )
    gap = row(rich_run, "transfer_gap", "definitions", "pocket/intents", "all", "clean")
    entry = told["Gap to English"]
    assert entry is not None and f"{100 * gap['estimate']:+.1f}" == entry.value.replace("−", "-")  # type: ignore[operator]
    ratio = row(rich_run, "mean_corruption_error", "definitions", "pocket/intents", "all", "perturbed")
    entry = told["Errors when changed"]
    assert entry is not None and entry.value == f"{100 * ratio['estimate']:.0f}%"  # type: ignore[operator]
    assert entry.clear == (ratio["ci_high"] < 1 or ratio["ci_low"] > 1)  # type: ignore[operator]
    kept = told["Kept of the English gain"]
    assert kept is not None and "%" in kept.value and " to " in kept.beside


def test_without_english_there_is_no_gap(rich_run: Results) -> None:
    told = of(rich_run, "definitions", "pocket/messages")
    assert told["Gap to English"] is None and told["Kept of the English gain"] is None
    assert told["Languages that gain"] is not None


def test_a_loss_keeps_nothing(rich_run: Results) -> None:
    told = of(rich_run, "replies", "pocket/intents")
    assert told["Languages that gain"] == Entry("0 of 3", "0 to 0")
    assert told["Kept of the English gain"] is None


@pytest.mark.parametrize("conditions", [("clean",), ("clean", "typos@2")])
def test_columns_of_changed_input_need_it(make: Make, tmp_path: Path, conditions: tuple[str, ...]) -> None:
    found = lines(
        Evidence(make(tmp_path, {"x/t": {"a": {"en": 0.03, "de": 0.02, "sw": 0.01}}}, conditions=conditions))
    )
    assert len(columns(found)) == (6 if len(conditions) > 1 else 4)


def test_one_language_is_no_spread(make: Make, tmp_path: Path) -> None:
    found = lines(Evidence(make(tmp_path, {"x/t": {"a": {"en": 0.03}}})))
    assert found == []
    assert 'id="spread"' not in write_html(
        make(tmp_path, {"x/t": {"a": {"en": 0.03}}}), tmp_path / "r"
    ).read_text("utf-8")


def test_a_run_from_before_these_quantities(rich_run: Results) -> None:
    gains = [x for x in rich_run.gains_table if x["quantity"] in ("gain", "robustness_gain", "retention")]
    found = lines(Evidence(replace(rich_run, gains_table=gains)))
    assert all(isinstance(line, Line) and line.entries[0] is None for line in found)


def test_the_section_explains_its_columns(rich_run: Results, tmp_path: Path) -> None:
    text = write_html(rich_run, tmp_path / "r.html").read_text("utf-8")
    section = text[text.index('<section id="spread"') : text.index('<section id="controls"')]
    for name in COLUMNS:
        assert f'<th scope="col" class="n">{name}</th>' in section and f"<dt>{name}</dt>" in section
