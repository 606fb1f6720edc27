from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from xstilts.report import print_answer, write_figures, write_latex
from xstilts.report.dots import draw_settings
from xstilts.report.evidence import Evidence, interval
from xstilts.report.figures import draw_overview
from xstilts.report.html import render
from xstilts.report.markdown import write_markdown
from xstilts.report.settings import blocks, table
from xstilts.results import Results

Make = Callable[..., Results]

ZERO = {"x/t": {"squad": {"en": 0.06, "de": 0.05, "fr": 0.04}}, "x/other": {"squad": {"en": 0.0, "de": 0.01}}}
FEW = {"x/t": {"squad": {"de": -0.05, "fr": 0.01}}}
TRANSLATED = {"x/t": {"squad": {"de": 0.08}}}


@pytest.fixture
def run(make: Make, tmp_path: Path) -> Results:
    """Zero-shot, and the rows of other made-up runs as those of other settings."""
    record = {"few_shot": [{"task": "x/t", "setting": "few-shot@5", "split": "dev", "drawn": True}]}
    parts = {
        "zero-shot": make(tmp_path, ZERO, **record),
        "few-shot@5": make(tmp_path, FEW),
        "translate-test": make(tmp_path, TRANSLATED),
    }
    marked = {
        setting: [
            [{**row, "setting": setting, "selection": "last"} for row in rows]
            for rows in (part.results, part.gains_table)
        ]
        for setting, part in parts.items()
    }
    results, gains = ([row for rows in marked.values() for row in rows[place]] for place in (0, 1))
    return replace(parts["zero-shot"], results=results, gains_table=gains)


def test_all_else_of_a_report_is_about_zero_shot(run: Results) -> None:
    evidence, alone = Evidence(run), Evidence(run.in_setting())
    assert evidence.results.results == alone.results.results == run.in_setting("zero-shot").results
    gain = evidence.gain("squad", "x/t", "de")
    assert gain is not None and gain.value == pytest.approx(0.05, abs=0.02)
    assert list(evidence.beside) == ["few-shot@5", "translate-test"] and not alone.beside


def test_a_run_from_before_there_were_settings_is_zero_shot(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, ZERO)
    assert results.in_setting().gains_table == results.gains_table
    assert not results.in_setting("few-shot@5").gains_table
    assert blocks(Evidence(results)) == []
    assert 'id="settings"' not in render(results)


def test_a_target_has_a_column_a_setting_with_its_gains(run: Results) -> None:
    (block,) = blocks(Evidence(run))
    assert block.target == "x/t", "the other target is tested zero-shot alone"
    assert [(column.setting, column.languages) for column in block.columns] == [
        ("zero-shot", 2),
        ("few-shot@5", 2),
        ("translate-test", 1),
    ]
    assert [language for language, _ in block.by_language] == ["French", "German"]
    for group, rows in (
        ("non-en", block.means),
        ("fr", block.by_language[0][1]),
        ("de", block.by_language[1][1]),
    ):
        ((arm, gains, cells),) = rows.gains
        assert arm == "squad" and [gain is None for gain in gains] == [cell is None for cell in cells]
        for column, gain, score in zip(block.columns, gains, rows.scores, strict=True):
            wanted = {
                quantity: [
                    interval(row)
                    for row in run.gains_table
                    if (row["setting"], row["task"], row["group"]) == (column.setting, "x/t", group)
                    and (row["quantity"], row["arm"], row["condition"]) == (quantity, of, "clean")
                ]
                for quantity, of in (("gain", "squad"), ("score", "none"))
            }
            assert [gain] == (wanted["gain"] or [None]) and [score] == (wanted["score"] or [None])


@pytest.mark.parametrize(("seeds", "warned"), [(2, True), (3, False)])
def test_two_draws_of_rows_are_too_few_for_an_interval_over_them(
    make: Make, tmp_path: Path, seeds: int, warned: bool
) -> None:
    record = {"few_shot": [{"task": "x/t", "setting": "few-shot@1", "split": "dev", "drawn": True}]}
    zero, few = make(tmp_path, ZERO, seeds=seeds, **record), make(tmp_path, FEW, seeds=seeds)
    further = [{**row, "setting": "few-shot@1"} for row in few.results]
    (block,) = blocks(Evidence(replace(zero, results=zero.results + further)))
    assert any("test items alone" in note for note in block.notes) == warned
    assert block.notes[0] == "few-shot@1: rows of 1 source, drawn anew from dev for each seed"


def test_where_rows_are_from_and_over_what_means_are_is_said(run: Results) -> None:
    (block,) = blocks(Evidence(run))
    assert block.notes == (
        "few-shot@5: rows of 5 sources, drawn anew from dev for each seed",
        "means are not over the same languages (zero-shot over 2, translate-test over 1): compare by language",
    )


def test_page_and_markdown_tell_of_settings(run: Results, tmp_path: Path) -> None:
    page, text = render(run), write_markdown(run, tmp_path / "a.md").read_text("utf-8")
    assert 'id="settings"' in page and "checkpoint: last" in page
    rows = table(Evidence(run))
    assert {row[1] for row in rows} == {"zero-shot", "few-shot@5", "translate-test"}
    assert "## Beside zero-shot" in text
    assert all(row[5] in page and row[5] in text for row in rows)


def test_latex_has_a_table_of_settings_and_says_what_the_others_are_about(
    run: Results, tmp_path: Path
) -> None:
    text = write_latex(run, tmp_path / "a.tex").read_text("utf-8")
    captions = dict(re.findall(r"\\caption\{(.*)\}\\label\{tab:([^}]*)\}", text))
    assert [label for caption, label in captions.items() if "Setting: zero-{}shot." not in caption] == [
        "settings-x-t"
    ]
    body = text[text.index("tab:settings-x-t") :]
    for _, setting, language, score, arm, gain, bounds in table(Evidence(run)):
        line = rf"{setting.replace('-', '-{}')} & {score} & "
        found = [row for row in body.splitlines() if line in row]
        value, low_high = (x.replace("−", "$-$") for x in (gain, bounds.replace(" to ", ", ")))
        assert any(value in row and low_high in row for row in found), (setting, language, arm)
    assert len([row for row in body.splitlines() if row.endswith(r"\\")]) == len(table(Evidence(run))) + 1


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_has_a_row_for_each_setting(run: Results, width: int) -> None:
    stream = io.StringIO()
    print_answer(run, Console(file=stream, width=width))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "Zero-shot gains over no intermediate task" in text
    means = [row for row in table(Evidence(run)) if row[2].startswith("other languages")]
    assert len(means) == 3
    for _, setting, _, score, arm, gain, bounds in means:
        assert re.search(rf"{arm} +{setting} +\d +{score} +{re.escape(gain)} +{re.escape(bounds)}", text)
    assert "t: few-shot@5: rows of 5 sources" in " ".join(text.split())


def test_outputs_say_nothing_of_settings_where_there_is_one(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, ZERO)
    stream = io.StringIO()
    print_answer(results, Console(file=stream, width=120))
    texts = [stream.getvalue(), write_latex(results, tmp_path / "a.tex").read_text("utf-8"), render(results)]
    texts.append(write_markdown(results, tmp_path / "a.md").read_text("utf-8"))
    names = [path.name for path in write_figures(results, tmp_path / "figures")]
    texts += [(tmp_path / "figures" / name).read_text("utf-8") for name in names if name.endswith("svg")]
    assert not any("zero-shot" in text.lower() for text in texts)
    assert not any("settings" in name for name in names)


def test_figures_are_drawn_in_every_setting(run: Results, tmp_path: Path) -> None:
    drawn = {path.name for path in write_figures(run, tmp_path) if path.suffix == ".svg"}
    assert "settings-x-t.svg" in drawn and "settings-x-other.svg" not in drawn
    figure = draw_settings("x/t", Evidence(run))
    assert figure is not None
    (axis,) = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "zero-shot",
        "few-shot@5",
        "translate-test",
    ]
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "mean of the others",
        "French",
        "German",
    ]
    points = {round(line.get_xdata()[0], 6) for line in axis.lines if len(line.get_xdata()) == 1}
    (block,) = blocks(Evidence(run))
    rows = [block.means, *(found for _, found in block.by_language)]
    gains = [gain for found in rows for _, by_setting, _ in found.gains for gain in by_setting]
    assert {round(100 * gain.value, 6) for gain in gains if gain} <= points
    assert draw_overview(Evidence(run)).get_suptitle().splitlines()[1].startswith("zero-shot")
