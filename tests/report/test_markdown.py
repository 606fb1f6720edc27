from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from xstilts.report import write_markdown
from xstilts.results import Results

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


def test_text_is_escaped(make: Make, tmp_path: Path) -> None:
    results = make(tmp_path, {"my/a_b|<script>": {"50%&{x}\u202e": {"en": 0.02, "de": 0.01}}})
    text = write_markdown(results, tmp_path / "x.md").read_text("utf-8")
    assert r"my/a\_b\|&lt;script>" in text
    assert "50%&amp;{x}⟨U+202E⟩" in text and "\u202e" not in text


def test_spread_and_claims_are_tables(judged_run: Results, rich_run: Results, tmp_path: Path) -> None:
    text = write_markdown(judged_run, tmp_path / "x.md").read_text("utf-8")
    spread = text[text.index("## How gains are spread") : text.index("## Gains\n")]
    assert spread.count("\n| xtreme/") == 4 and "| Target | Arm | Languages that gain |" in spread
    claims = text[text.index("## Claims") :]
    assert claims.count("\n| ") == 2 + 14 and "squad1: all targets +" in claims
    assert "## Claims" not in write_markdown(rich_run, tmp_path / "y.md").read_text("utf-8")
