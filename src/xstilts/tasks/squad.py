"""Extractive questions as SQuAD writes them: nested JSON files, and answers with their place in the context.

Offsets count characters (code points) from 0. They are checked, never mended: a text that is not where its offset
says may stand elsewhere in the context by chance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from xstilts.tasks.problems import BrokenFileError, Problem, Report, raise_problem, raw_lines

Answer = dict[str, Any]
"""`text`, and `start`: where it begins in the context, in characters from 0."""

WINDOW_TOKENS = 384
"""Tokens of a window, question and special tokens included, as in the published scripts."""

_NESTING = "Expected the nesting of SQuAD: data, paragraphs (each with context), qas (each with id, question, answers)"
_FORMS = 'Expected [{"text": …, "answer_start": …}, …] or {"text": […], "answer_start": […]}'


class SpanOptions(BaseModel):
    """What a span-qa task may set under `options`.

    Defaults are those of the published scripts (transformers' run_qa, SQuAD 2.0's evaluation).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    null_answers: bool = Field(False, description="some questions have no answer, as in SQuAD 2.0")
    null_threshold: float = Field(
        0.0, description="a question is left unanswered if that scores more than this over the best answer"
    )
    doc_stride: int = Field(128, ge=0, description="tokens that neighbouring windows of a context share")
    max_question_length: int = Field(64, ge=1, description="tokens of a question that are read")
    max_answer_length: int = Field(30, ge=1, description="tokens of the longest answer that is predicted")
    n_best: int = Field(20, ge=1, description="starts and ends of answers that are paired, the best of each")


def read_squad(path: Path, report: Report = raise_problem) -> Iterator[tuple[int, dict[str, Any]]]:
    """The questions of a file in SQuAD's nested JSON: records of `id, question, context, answers`.

    SQuAD 1.1 and 2.0, XQuAD, MLQA, TyDiQA-GoldP and LAReQA are published so; whatever else they hold (titles,
    sentences, plausible answers) is ignored. A question that `is_impossible` has no answers.

    Args:
        path: The file; `.gz` is unpacked.
        report: Is told what is missing, with its place in the nesting; the rest is read on.

    Yields:
        0, since nested JSON has no line a record, and the record, its values as they stand.

    Example:
        >>> next(read_squad(Path("xquad.de.json")))  # doctest: +SKIP
        (0, {'id': '56beb4343aeaaa14008c925b', 'question': 'Wie viele …', 'context': '…', 'answers': [{…}]})
    """
    content = read_json(path)
    for at, article in entries(content, "data", "", path, report):
        for inside, paragraph in entries(article, "paragraphs", at, path, report):
            if not isinstance(paragraph.get("context"), str):
                report(Problem(str(path), 0, f"{inside} has no text 'context'. {_NESTING}"))
                continue
            for deepest, question in entries(paragraph, "qas", inside, path, report):
                record = _record(question, paragraph["context"])
                missing = [name for name, value in record.items() if value is None]
                if missing:
                    report(Problem(str(path), 0, f"{deepest} has no {missing[0]!r}. {_NESTING}"))
                else:
                    yield 0, record


def read_json(path: Path) -> Any:
    """The content of a JSON file; a `BrokenFileError` names the line where it is none."""
    try:
        return json.loads("".join(text for _, text in raw_lines(path)))
    except json.JSONDecodeError as error:
        message = f"not JSON ({error.msg}, column {error.colno}). If the file was cut off, fetch it again"
        raise BrokenFileError(path, error.lineno, message) from None


def entries(
    parent: Any, key: str, place: str, path: Path, report: Report
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list inside an object, each with its place in the file."""
    entries = parent.get(key) if isinstance(parent, Mapping) else None
    if not isinstance(entries, list):
        report(Problem(str(path), 0, f"{place or 'the file'} has no list {key!r}. {_NESTING}"))
        return
    for number, entry in enumerate(entries):
        at = f"{place}.{key}[{number}]".lstrip(".")
        if isinstance(entry, Mapping):
            yield at, entry
        else:
            report(Problem(str(path), 0, f"{at}: expected an object, got {entry!r:.40}. {_NESTING}"))


def _record(question: Mapping[str, Any], context: str) -> dict[str, Any]:
    answers = [] if question.get("is_impossible") is True else question.get("answers")
    values = {name: question.get(name) for name in ("id", "question")}
    return values | {"context": context, "answers": answers}


def read_answers(value: Any, context: str) -> list[Answer]:
    """The answers of one question, each checked against the context.

    Args:
        value: a list of objects with `text` and `answer_start` (or `start`), as in SQuAD's files; or one object with
            the lists `text` and `answer_start`, as on the Hugging Face Hub. An answer whose text is empty stands for
            a label that was withheld, and is left out.
        context: what they are answers from.

    Raises:
        ValueError: another form, or a text that is not at its place.

    Example:
        >>> read_answers({"text": ["Paris"], "answer_start": [8]}, "Made in Paris")
        [{'text': 'Paris', 'start': 8}]
    """
    pairs = _pairs(value)
    answers = [{"text": text, "start": start} for text, start in pairs if text != ""]
    for number, answer in enumerate(answers, 1):
        if problem := _misplaced(answer["text"], answer["start"], context):
            raise ValueError(f"number {number}: {problem}")
    return answers


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    """Texts and starts, whatever they are."""
    if isinstance(value, Mapping):
        texts, starts = value.get("text"), value.get("answer_start", value.get("start"))
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            raise ValueError(f"got {_short(value)}. {_FORMS}, with one start a text")
        return list(zip(texts, starts, strict=True))
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise ValueError(f"got {_short(value)}. {_FORMS}")
    return [(entry.get("text"), entry.get("answer_start", entry.get("start"))) for entry in value]


def _misplaced(text: Any, start: Any, context: str) -> str:
    """What is wrong with an answer; empty where it stands at its place."""
    if not isinstance(text, str) or not text.strip():
        return f"its text is {_short(text)}. {_FORMS}"
    if not isinstance(start, int) or isinstance(start, bool):
        return f"the start of {_short(text)} is {_short(start)}, expected characters from 0. {_FORMS}"
    found = context[start : start + len(text)] if start >= 0 else ""
    if found == text:
        return ""
    place = context.find(text)
    elsewhere = f"It stands at {place}" if place >= 0 else "It stands nowhere in it"
    return (
        f"{_short(text)} should begin at character {start} of the context ({len(context)} characters), but "
        f"{_short(found)} is there. {elsewhere}. Offsets count characters, not bytes, from 0"
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
