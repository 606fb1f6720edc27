from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xstilts.report import write_html
from xstilts.report.examples import shown_examples
from xstilts.results import Results

HOSTILE = "</dd><script>x()</script> \u202eabc\x00 <img src=x onerror=y>"


def example(arm: str, better: str, text: str = "one two") -> dict[str, Any]:
    found = {
        "task": "pocket/intents",
        "arm": arm,
        "seed": 0,
        "language": "ar",
        "item": "i/1",
        "better": better,
    }
    return found | {"texts": json.dumps({"text": text}), "gold": "on", "baseline": "off", "answer": text}


def with_examples(results: Results, *rows: dict[str, Any]) -> Results:
    counts = [
        {"task": "pocket/intents", "arm": arm, "seed": 0, "items": 80, "better": 7, "worse": 3}
        for arm in ("definitions", "replies")
    ]
    return replace(results, examples=list(rows), run={**results.run, "differences": counts})


def test_groups_have_their_counts(rich_run: Results) -> None:
    results = with_examples(rich_run, example("replies", "arm"), example("replies", "baseline"))
    (group,) = shown_examples(results)
    assert (group.arm, group.items, group.better, group.worse) == ("replies", 80, 7, 3)
    assert [one.better for one in group.examples] == [True, False]
    assert group.examples[0].texts == {"text": "one two"}


def test_long_texts_are_cut(rich_run: Results) -> None:
    (group,) = shown_examples(with_examples(rich_run, example("replies", "arm", "word " * 400)))
    assert len(group.examples[0].texts["text"]) < 300 and group.examples[0].answer.endswith("…")


def test_hostile_text_is_shown_and_stays_text(rich_run: Results, tmp_path: Path) -> None:
    results = with_examples(rich_run, example("replies", "arm", HOSTILE))
    text = write_html(results, tmp_path / "x.html").read_text("utf-8")
    assert "\u202e" not in text and "\x00" not in text and "<img" not in text
    assert text.count("<script") == 1
    assert '&lt;script&gt;x()&lt;/script&gt; <span class="hidden">U+202E</span>abc' in text


@pytest.mark.parametrize("shown", [True, False])
def test_text_of_the_data_can_be_left_out(shown: bool, rich_run: Results, tmp_path: Path) -> None:
    results = with_examples(rich_run, example("replies", "arm", "a secret"))
    text = write_html(results, tmp_path / "x.html", examples=shown).read_text("utf-8")
    assert ("a secret" in text) == shown
    assert ("examples.csv" in text) == shown
