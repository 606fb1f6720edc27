"""Files of one prediction a line: labels, tags, indices, choices, pairs."""

from __future__ import annotations

import json
import sys
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from xstilts.metrics.retrieval import mined_id
from xstilts.submissions.base import Content, FileFormat, counted, not_empty, texts, unknown, unknown_ids
from xstilts.tasks.readers import Problem, Report, read


class _Placed(FileFormat):
    """One prediction for each item, in the order of the test file."""

    unit: ClassVar[str] = "line"

    def match(self, predicted: Content, gold: Content, report: Report, may_miss: bool = False) -> None:
        """The numbers of items must be equal, and in tagging those of tokens."""
        found, wanted = len(predicted.values), len(gold.values)
        if found != wanted:
            message = f"{counted(found, self.unit)}, expected {wanted:,} as in {gold.path}"
            line = predicted.lines.get(wanted, 0)
            report(Problem(str(predicted.path), line, message + ". This line is one too many" * bool(line)))

    def aligned(self, predicted: Content, gold: Content) -> tuple[list[Any], list[Any]]:
        """Both in order."""
        return list(predicted.values.values()), list(gold.values.values())

    def gathered(self, ids: Sequence[str], predictions: Sequence[Any]) -> list[Any]:
        """The predictions: a line says by its place what it is about."""
        return list(predictions)

    def read_inputs(self, path: Path, report: Report) -> Content:
        """The lines of the test file."""
        content = Content(path)
        for line, text in texts(path, report):
            content.add(line - 1, text, line)
        return content


class _Bare(_Placed):
    """A prediction is the text of a line."""

    @abstractmethod
    def parse(self, text: str) -> tuple[Any, str]:
        """The prediction, and what is wrong with it; nothing where it fits."""

    def read(self, path: Path, report: Report) -> Content:
        """Predictions by place."""
        content = Content(path)
        for line, text in texts(path, report):
            prediction, wrong = self.parse(text.strip())
            content.add(line - 1, prediction, line)
            if wrong:
                report(Problem(str(path), line, wrong))
        return not_empty(content, self.expected, report)

    def text(self, predictions: Sequence[Any]) -> str:
        """A line a prediction."""
        return "".join(f"{prediction}\n" for prediction in predictions)


@final
@dataclass(frozen=True)
class Labels(_Bare):
    """One of a task's labels a line."""

    labels: tuple[str, ...]
    expected: ClassVar[str] = "one label a line"

    def parse(self, text: str) -> tuple[str, str]:
        """The label as it stands."""
        if not text:
            return text, f"a blank line. Expected {self.expected}"
        return text, "" if text in self.labels else unknown("label", text, self.labels)


@final
@dataclass(frozen=True)
class Tags(_Placed):
    """One tag a line, a blank line after each sentence; sentences and tokens are those of the test file."""

    labels: tuple[str, ...]
    expected: ClassVar[str] = "one tag a line and a blank line between sentences"
    unit = "sentence"

    def read(self, path: Path, report: Report) -> Content:
        """Lists of tags by sentence."""
        content = self._sentences(path, report)
        for number, tags in content.values.items():
            for line, tag in enumerate(tags, content.lines[number]):
                if tag not in self.labels:
                    report(Problem(str(path), line, unknown("tag", tag, self.labels)))
        return not_empty(content, self.expected, report)

    def read_inputs(self, path: Path, report: Report) -> Content:
        """Lists of tokens by sentence; what follows a tab is left out."""
        content = self._sentences(path, report)
        for number, lines in content.values.items():
            content.values[number] = [line.partition("\t")[0] for line in lines]
        return content

    def _sentences(self, path: Path, report: Report) -> Content:
        content = Content(path)
        block: list[str] = []
        for line, text in texts(path, report):
            if text.strip(" "):
                if not block:
                    content.add(len(content.values), block, line)
                block.append(sys.intern(text.strip(" ")))  # millions of a few tags
            elif block:
                block = []
            else:
                message = f"a blank line with no sentence before it. Expected {self.expected}"
                report(Problem(str(path), line, message))
        return content

    def match(self, predicted: Content, gold: Content, report: Report, may_miss: bool = False) -> None:
        """As many sentences, and as many tags in each as it has tokens."""
        pairs = list(zip(predicted.values, predicted.values.values(), gold.values.values(), strict=False))
        unlike = [(key, len(tags), len(tokens)) for key, tags, tokens in pairs if len(tags) != len(tokens)]
        if unlike:
            key, found, wanted = unlike[0]
            message = (
                f"sentence {key + 1} has {counted(found, 'tag')}, expected {wanted} as in {gold.where(key)}"
            )
            more = f"; {len(unlike):,} sentences differ so" if len(unlike) > 1 else ""
            report(Problem(str(predicted.path), predicted.lines[key], message + more))
        super().match(predicted, gold, report, may_miss)

    def text(self, predictions: Sequence[Sequence[str]]) -> str:
        """A line a tag, a blank line between sentences."""
        return "\n".join("".join(f"{tag}\n" for tag in tags) for tags in predictions)


@final
@dataclass(frozen=True)
class Indices(_Bare):
    """For each line of the English file the place, from 0, of its translation in the other file."""

    expected: ClassVar[str] = "one whole number a line: the place, from 0, of the translation"

    def parse(self, text: str) -> tuple[int, str]:
        """The number; -1 for what is none."""
        if text.isascii() and text.isdigit():
            return int(text), ""
        return -1, f"{text!r} is not a number. Expected {self.expected}"

    def match_inputs(self, predicted: Content, inputs: Content, report: Report) -> None:
        """One for each English line, none behind the last line: both files have the same number of them."""
        self.match(predicted, inputs, report)
        for key, number in predicted.values.items():
            if number >= len(inputs.values):
                message = f"{number} is behind the last line. Expected 0 to {len(inputs.values) - 1}"
                report(Problem(str(predicted.path), predicted.lines[key], message))


@final
@dataclass(frozen=True)
class Choices(_Placed):
    """A JSON object a line, `{"label": 0}`: the number of the choice."""

    choices: int
    suffix = "jsonl"
    expected: ClassVar[str] = 'one object a line, {"label": 0}'

    def read(self, path: Path, report: Report) -> Content:
        """Numbers by place; other keys than `label` are left out."""
        content = Content(path)
        for line, record in read(path, "jsonl", report=report):
            label = record.get("label")
            content.add(len(content.values), label, line)
            if type(label) is not int or not 0 <= label < self.choices:
                wanted = " or ".join(map(str, range(self.choices)))
                report(
                    Problem(str(path), line, f"the label is {label!r}. Expected {wanted}, as {self.expected}")
                )
        return not_empty(content, self.expected, report)

    def text(self, predictions: Sequence[Any]) -> str:
        """A line an object."""
        return "".join(json.dumps({"label": int(label)}) + "\n" for label in predictions)


@final
@dataclass(frozen=True)
class Pairs(FileFormat):
    """The mined pairs of ids, foreign and English, a tab between them; their order says nothing."""

    expected: ClassVar[str] = "two ids a line with a tab between them, the English one second"

    def read_gold(self, path: Path, report: Report) -> Content:
        """The right pairs: one at least."""
        return not_empty(self.read(path, report), self.expected, report)

    def read(self, path: Path, report: Report) -> Content:
        """English ids by foreign id; an empty file says that nothing was mined."""
        content = Content(path)
        for line, text in texts(path, report):
            foreign, _, english = text.strip().partition("\t")
            if not foreign or foreign.startswith("en-") or not english.startswith("en-") or "\t" in english:
                report(Problem(str(path), line, f"{text!r}. Expected {self.expected}"))
            elif english in content.values.get(foreign, ()):
                report(
                    Problem(str(path), line, f"the pair {foreign} {english} stands here for the second time")
                )
            else:
                content.values.setdefault(foreign, []).append(english)
                content.lines.setdefault(foreign, line)
        return content

    def read_inputs(self, path: Path, report: Report) -> Content:
        """The ids of a file of sentences, `id⇥sentence`."""
        content = Content(path)
        for line, text in texts(path, report):
            content.add(text.partition("\t")[0], [], line)
        return content

    def match(self, predicted: Content, gold: Content, report: Report, may_miss: bool = False) -> None:
        """Labels name only the sentences that have a translation, so any pair fits them."""

    def match_inputs(self, predicted: Content, inputs: Content, report: Report) -> None:
        """Only foreign sentences that are there are paired."""
        unknown_ids(predicted, inputs, report)

    def aligned(self, predicted: Content, gold: Content) -> tuple[list[Any], list[Any]]:
        """Sets of English ids by foreign sentence, of all that are mined or gold."""
        sources = sorted(predicted.values.keys() | gold.values.keys())
        sides = [[set(side.values.get(source, ())) for source in sources] for side in (predicted, gold)]
        return sides[0], sides[1]

    def gathered(self, ids: Sequence[str], predictions: Sequence[Any]) -> list[tuple[str, str]]:
        """The pairs that were mined."""
        mined = zip(ids, map(mined_id, predictions), strict=True)
        return [(foreign, english) for foreign, english in mined if english is not None]

    def text(self, predictions: Sequence[tuple[str, str]]) -> str:
        """A line a pair."""
        return "".join(f"{foreign}\t{english}\n" for foreign, english in predictions)
