"""What the file formats of submissions have in common: reading, checking against labels or inputs, writing.

A format knows what one file holds and nothing of tasks. What does not fit is told to `report`, with its line or id; the
rest is read on, so that one pass finds everything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from xstilts.tasks.readers import Problem, Report, read

SHOWN = 3
"""Ids that a message names before it counts the rest."""


@dataclass(frozen=True)
class Content:
    """What a file holds: values by place (from 0) or id, and the line that each starts on, where it has one."""

    path: Path
    values: dict[Any, Any] = field(default_factory=dict)
    lines: dict[Any, int] = field(default_factory=dict)

    def add(self, key: Any, value: Any, line: int = 0) -> None:
        """Keep a value."""
        self.values[key] = value
        self.lines[key] = line

    def where(self, key: Any) -> str:
        """A place in words: `labels/xnli/test-de.tsv, line 3`."""
        line = self.lines.get(key, 0)
        return f"{self.path}, line {line}" if line else str(self.path)


class FileFormat(ABC):
    """What all formats have. `expected` says in words what a file of predictions holds."""

    suffix: ClassVar[str] = "tsv"
    expected: ClassVar[str]

    @abstractmethod
    def read(self, path: Path, report: Report) -> Content:
        """The predictions of a file."""

    def read_gold(self, path: Path, report: Report) -> Content:
        """The right answers of a file: as a rule, written as predictions are."""
        return self.read(path, report)

    @abstractmethod
    def read_inputs(self, path: Path, report: Report) -> Content:
        """What is asked in a test file without labels: as many items, or the same ids, as there must be answers."""

    @abstractmethod
    def match(self, predicted: Content, gold: Content, report: Report, may_miss: bool = False) -> None:
        """Report where predictions are not one for each item of a file of labels.

        Args:
            predicted: the predictions.
            gold: the labels.
            report: is told what does not fit.
            may_miss: ids without a prediction are no problem.
        """

    def match_inputs(self, predicted: Content, inputs: Content, report: Report) -> None:
        """Report where predictions do not fit a test file without labels."""
        self.match(predicted, inputs, report)

    @abstractmethod
    def aligned(self, predicted: Content, gold: Content) -> tuple[list[Any], list[Any]]:
        """Predictions and gold item by item, as metrics take them; None where a prediction is missing."""

    @abstractmethod
    def gathered(self, ids: Sequence[str], predictions: Sequence[Any]) -> Any:
        """What `text` takes, of a test file's items: their ids and what was predicted for them, in its order."""

    @abstractmethod
    def text(self, predictions: Any) -> str:
        """A file's text, from predictions in the order of the test file or by id."""


def texts(path: Path, report: Report) -> Iterator[tuple[int, str]]:
    """The lines of a file, numbered from 1."""
    for line, record in read(path, "lines", report=report):
        yield line, record["text"]


def not_empty(content: Content, expected: str, report: Report) -> Content:
    """The same content; a file without any text is reported."""
    if not content.values and not content.path.read_bytes().strip():
        report(Problem(str(content.path), 0, f"nothing to score in this file. Expected {expected}"))
    return content


def unknown(what: str, given: str, known: Sequence[str]) -> str:
    """What to say of a label that is none."""
    close = get_close_matches(given, known, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"unknown {what} {given!r}. {hint}Expected one of: {', '.join(known)}"


def counted(number: int, unit: str) -> str:
    """A number with its unit: `1 id`, `5,010 lines`."""
    return f"{number:,} {unit}{'s' * (number != 1)}"


def unknown_ids(predicted: Content, asked: Content, report: Report) -> None:
    """Report the ids of predictions that nothing was asked by."""
    foreign = [key for key in predicted.values if key not in asked.values]
    if foreign:
        message = f"{counted(len(foreign), 'unknown id')}, not in {asked.path}: {some(foreign)}"
        report(Problem(str(predicted.path), predicted.lines[foreign[0]], message))


def some(keys: Sequence[str]) -> str:
    """The first few, and a sign that there are more."""
    return ", ".join(keys[:SHOWN]) + (", …" if len(keys) > SHOWN else "")
