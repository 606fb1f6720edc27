"""Small data files of one's own, as a newcomer may have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SENTENCES = ("the soup was {} today", "I found the chair {} and said so", "a lamp so {} that we kept it")
WORDS = {"good": ("fine", "great", "lovely"), "bad": ("poor", "awful", "nasty")}
LANGUAGES = ("en", "de", "sw")


def sentence(language: str, label: str, number: int) -> str:
    text = SENTENCES[number % 3].format(WORDS[label][number % 2])
    return f"{text}, {language} {number}"


def label_of(number: int) -> str:
    """Labels in an order that is no pattern."""
    return ("good", "bad")[(number * number // 3 + number // 5) % 2]


def rows(language: str, count: int, shift: int = 0) -> list[tuple[str, str]]:
    labels = [label_of(number + shift) for number in range(count)]
    return [(sentence(language, label, number), label) for number, label in enumerate(labels)]


def write_table(path: Path, table: Sequence[Sequence[object]], delimiter: str = "\t") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in table), "utf-8")
    return path


def write_jsonl(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    return path


def write_reviews(folder: Path, header: Sequence[str] | None = ("review", "stars"), train: int = 60) -> None:
    """`train-en.tsv` and a test file of each language, whose rows are no translations of each other."""
    above = [list(header)] if header else []
    write_table(folder / "train-en.tsv", [*above, *rows("en", train)])
    for shift, language in enumerate(LANGUAGES):
        write_table(folder / f"test-{language}.tsv", [*above, *rows(language, 24, shift)])


def write_entities(path: Path, count: int, width: int = 2) -> Path:
    """Words and tags, a blank line between sentences; with more columns, numbers before the words."""
    lines = []
    for number in range(count):
        words = (("Anna", "B-PER"), ("went", "O"), (f"w{number}", "O"), ("to", "O"), ("Rome", "B-LOC"))
        for place, (word, tag) in enumerate(words, 1):
            lines.append("\t".join([str(place), word, tag, "-"] if width > 2 else [word, tag]))
        lines.append("")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
