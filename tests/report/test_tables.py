from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from xstilts.experiment import Results
from xstilts.report import write_latex, write_markdown

Make = Callable[..., Results]


def test_markdown_holds_verdicts_and_gains(rich_run: Results, tmp_path: Path) -> None:
    path = write_markdown(rich_run, tmp_path / "deep" / "answer.md")
    text = path.read_text("utf-8")
    assert re.search(r"\| pocket/intents \| definitions \| clean \| persists \| \+\d\.\d \(\+", text)
    assert re.search(r"\| pocket/messages \| definitions \| clean \| German \| \+6\.\d \|", text)
    assert r"definitions\~shuffled" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in rows]
    assert set(bars) == {9, 7}
    assert (
        "messages: the mean over all tokens of one layer, from each language to English, by cosine." in text
    )
    assert re.search(r"\| pocket/messages \| definitions \| centred vectors \| 2 \| [+−]?\d\.\d \|", text)


def test_latex_tables_are_whole(rich_run: Results, tmp_path: Path) -> None:
    text = write_latex(rich_run, tmp_path / "answer.tex").read_text("utf-8")
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 3
    for block in re.findall(r"\\begin\{longtable\}\{(l+)\}(.*?)\\bottomrule", text, re.S):
        rows = [line for line in block[1].splitlines() if " & " in line]
        assert rows and {len(line.split(" & ")) for line in rows} == {len(block[0])}
    assert "−" not in text and "$-$" in text


def test_text_is_escaped(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, {"my/a_b|<script>": {"50%&{x}": {"en": 0.02, "de": 0.01}}})
    markdown = write_markdown(results, tmp_path / "x.md").read_text("utf-8")
    assert r"my/a\_b\|&lt;script>" in markdown
    latex = write_latex(results, tmp_path / "x.tex").read_text("utf-8")
    assert r"my/a\_b|\textless{}script\textgreater{} & 50\%\&\{x\}" in latex
