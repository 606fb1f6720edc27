from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from xstilts.report import print_answer
from xstilts.results import Results

Make = Callable[..., Results]


def printed(results: Results, width: int = 100, **options: object) -> str:
    stream = io.StringIO()
    print_answer(results, Console(file=stream, width=width, **options))  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize(("width", "swahili"), [(80, "sw\n"), (100, "Swahili")])
def test_the_table_fits(rich_run: Results, width: int, swahili: str) -> None:
    text = printed(rich_run, width)
    assert max(map(len, text.splitlines())) <= width
    for part in ("target", "worst", "persists", "harms", swahili, "61.0", "learned", "Yes.", "gains 1"):
        assert part in text


@pytest.mark.parametrize("width", [80, 100])
def test_what_retrieval_rests_on_is_said(rich_run: Results, width: int) -> None:
    text = " ".join(printed(rich_run, width).split())
    assert (
        "messages: raw vectors, the mean over all tokens of one layer, from each language to English" in text
    )
    assert "by cosine; layer chosen on dev: none 3, definitions 3, replies 3." in text


def test_plain_without_a_terminal(rich_run: Results) -> None:
    assert "\x1b" not in printed(rich_run)
    assert "\x1b" in printed(rich_run, force_terminal=True, color_system="standard")


def test_ascii_where_there_is_nothing_else(rich_run: Results) -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="ascii")
    print_answer(rich_run, Console(file=stream, width=100))
    stream.flush()
    assert b"-4." in buffer.getvalue()


def test_few_comparisons_are_told_in_sentences(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, {"my/[red]t": {"a": {"en": 0.02, "de": -0.06}}}, seeds=1)
    (tmp_path / "report.html").write_text("", "utf-8")
    text = printed(results)
    assert "In this one run, training on a first seems to cost" in text
    assert "[red]t" in text
    assert f"Report: {tmp_path / 'report.html'}" in text


def test_many_names_and_long_names_still_fit(make: Make, tmp_path: Path) -> None:
    target, arm = "x/a-rather-long-target-name-that-goes-on", "an-arm-with-a-very-long-name"
    gains = {target: {arm: {"en": 0.211, "nb": 0.202, "zh-Hant": -0.1234}}}
    text = printed(make(tmp_path, gains), 80)
    assert max(map(len, text.splitlines())) <= 80
    for part in (" worst\n", " zh-Hant\n", " −12."):  # the last column is not cut off
        assert part in text


def test_flags_are_explained(rich_run: Results) -> None:
    flagged = [{**row, "flags": "floor"} for row in rich_run.verdicts]
    text = " ".join(printed(replace(rich_run, verdicts=flagged)).split())
    assert text.count("floor: scores no better than guessing in English") == 1
    assert "floor:" not in printed(rich_run)


def test_nothing_to_tell(rich_run: Results) -> None:
    assert "Nothing was compared" in printed(replace(rich_run, verdicts=[]))
    empty = [
        {**row, **dict.fromkeys(("english", "non_english", "worst_language", "flags", "mdg"))}
        for row in rich_run.verdicts
    ]
    assert "None" not in printed(replace(rich_run, verdicts=empty))
