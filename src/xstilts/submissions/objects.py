"""Files of one JSON object: answers and rankings by id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from xstilts.submissions.base import Content, FileFormat, counted, some, texts, unknown_ids
from xstilts.tasks.readers import Problem, Report

_SWAPPED = "Were the two folders swapped? xstilts score PREDICTIONS LABELS"


class _Keyed(FileFormat):
    """A JSON object: predictions by id."""

    suffix = "json"

    def match(self, predicted: Content, gold: Content, report: Report, may_miss: bool = False) -> None:
        """The ids must be those that are gold."""
        missing = [key for key in gold.values if key not in predicted.values]
        if missing and not may_miss:
            message = f"no prediction for {len(missing):,} of {len(gold.values):,} ids of {gold.path}: {some(missing)}"
            report(Problem(str(predicted.path), 0, message))
        unknown_ids(predicted, gold, report)

    def aligned(self, predicted: Content, gold: Content) -> tuple[list[Any], list[Any]]:
        """In the order of gold."""
        return [predicted.values.get(key) for key in gold.values], list(gold.values.values())

    def gathered(self, ids: Sequence[str], predictions: Sequence[Any]) -> dict[str, Any]:
        """By id."""
        return dict(zip(ids, predictions, strict=True))

    def text(self, predictions: Mapping[str, Any]) -> str:
        """One object, an id a line."""
        return json.dumps(dict(predictions), ensure_ascii=False, indent=1) + "\n"


@final
@dataclass(frozen=True)
class Answers(_Keyed):
    """`{question id: answer}`; labels are SQuAD's nested JSON."""

    expected: ClassVar[str] = "one object, {question id: answer}"

    def read(self, path: Path, report: Report) -> Content:
        """Texts by id."""
        content = Content(path)
        answers = _object(path, self.expected, report)
        if isinstance(answers.get("data"), list):
            report(Problem(str(path), 0, f"questions in SQuAD's nesting, as labels are. {_SWAPPED}"))
            return content
        for key, answer in answers.items():
            content.add(key, answer)
            if not isinstance(answer, str):
                report(Problem(str(path), 0, f"{key}: expected a text as answer, found {_start(answer)}"))
        return content

    def read_gold(self, path: Path, report: Report) -> Content:
        """Lists of right answers by id."""
        content = self.read_inputs(path, report)
        empty = [key for key, answers in content.values.items() if not any(map(str.strip, answers))]
        if empty:
            message = (
                f"{counted(len(empty), 'question')} without an answer: {some(empty)}. XTREME's download script "
                "takes the answers out; the published files have them"
            )
            report(Problem(str(path), 0, message))
        return content

    def read_inputs(self, path: Path, report: Report) -> Content:
        """The questions of a file, with their answers as they stand."""
        content = Content(path)
        for key, answers in _questions(path, report):
            if key in content.values:
                report(Problem(str(path), 0, f"the question id {key} stands here twice"))
            content.add(key, answers)
        return content


@final
@dataclass(frozen=True)
class Rankings(_Keyed):
    """`{query id: [candidate ids]}`, the best first; ranks behind the twentieth do not count."""

    expected: ClassVar[str] = "one object, {query id: [candidate ids, the best first]}"

    def read(self, path: Path, report: Report) -> Content:
        """Lists of ids by id."""
        content = Content(path)
        for key, ranking in _object(path, self.expected, report).items():
            content.add(key, ranking)
            if (
                not isinstance(ranking, list)
                or not all(isinstance(one, str) for one in ranking)
                or not ranking
            ):
                report(Problem(str(path), 0, f"{key}: expected a list of ids, found {_start(ranking)}"))
            elif len(set(ranking)) < len(ranking):
                report(Problem(str(path), 0, f"{key}: an id stands in the list twice"))
        return content

    read_inputs = read


def _json(path: Path, report: Report) -> Any:
    """A JSON file's content, None if it has none; keys that repeat in an object are reported."""
    twice: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice.extend(name for name in found if names.count(name) > 1)
        return found

    try:
        content = json.loads("\n".join(text for _, text in texts(path, report)), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        message = f"not JSON ({error.msg}, column {error.colno}); the file may have been cut off"
        report(Problem(str(path), error.lineno, message))
        return None
    for name in twice:
        report(Problem(str(path), 0, f"the id {name} stands here twice"))
    return content


def _object(path: Path, expected: str, report: Report) -> dict[str, Any]:
    content = _json(path, report)
    if isinstance(content, dict) and content:
        return content
    if content is not None:
        report(Problem(str(path), 0, f"expected {expected}, found {_start(content)}"))
    return {}


def _start(value: Any) -> str:
    """The beginning of a value as JSON."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "…"


def _questions(path: Path, report: Report) -> list[tuple[str, list[str]]]:
    """The questions of SQuAD's nested JSON: ids and answers."""
    content = _json(path, report)
    if content is None:
        return []
    if isinstance(content, dict) and content and all(isinstance(value, str) for value in content.values()):
        report(Problem(str(path), 0, f"answers by id, as predictions are. {_SWAPPED}"))
        return []
    try:
        paragraphs = [paragraph for article in content["data"] for paragraph in article["paragraphs"]]
        questions = [question for paragraph in paragraphs for question in paragraph["qas"]]
        found = [(str(one["id"]), [str(answer["text"]) for answer in one["answers"]]) for one in questions]
        wrong = "" if found else "no question"
    except (KeyError, TypeError) as error:
        found, wrong = [], str(error)
    if wrong:
        message = (
            f"not in SQuAD's nesting ({wrong}). Expected data, paragraphs, qas, each with id and answers"
        )
        report(Problem(str(path), 0, message))
    return found
