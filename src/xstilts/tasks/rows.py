"""From a file's records to a task's rows: canonical columns, checked, by task type."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from xstilts.errors import UnknownName
from xstilts.tasks.base import Row
from xstilts.tasks.columns import Column, Located
from xstilts.tasks.readers import Problem, Report
from xstilts.tasks.searching import AnswerOptions, MiningOptions, answer_id
from xstilts.tasks.squad import WINDOW_TOKENS, SpanOptions, read_answers

_HALF_A_PAIR = r"holds half a surrogate pair. Write the character in full: its \u escapes are broken"
_SURROGATE = re.compile("[\ud800-\udfff]")


class BadRowError(Exception):
    """A row does not fit its task; the message says why."""


@dataclass(frozen=True)
class Cells:
    """One record's values by canonical column, and what they are checked against.

    `labels` are those that may occur (classification, tagging); empty = any. `label_base` is the number of
    the first choice. `unanswered` says whether a question may have no answer, `language` is the row's.
    """

    values: Mapping[str, Any]
    columns: Mapping[str, Column]
    labels: tuple[str, ...] = ()
    label_base: int = 0
    unanswered: bool = False
    language: str = ""

    def bad(self, column: str, what: str) -> BadRowError:
        """An error about a column, under the name it has in the file."""
        own = self.columns.get(column, column)
        return BadRowError(f"{column}: {what}" if own == column else f"{column} (column {own!r}): {what}")

    def text(self, column: str) -> str:
        """Text as it stands; several columns are joined by a space."""
        value = self.values.get(column)
        if isinstance(value, dict):
            raise self.bad(
                column,
                f"expected text, got {value!r}. Name what is in it: `{column}: {self.columns[column]}.…`",
            )
        text = " ".join(filter(None, map(plain, value if isinstance(value, list) else [value])))
        if not text.strip():
            raise self.bad(column, "is empty. Expected text")
        if not _is_unicode(text):
            raise self.bad(column, _HALF_A_PAIR)
        return text

    def texts(self, column: str) -> list[str]:
        """A list; a string is split at spaces."""
        value = self.values.get(column)
        if isinstance(value, str):
            value = value.split()
        if not isinstance(value, list):
            raise self.bad(column, f"expected a list, got {value!r}")
        texts = [plain(item) or "" for item in value]
        if not _is_unicode("".join(texts)):
            raise self.bad(column, _HALF_A_PAIR)
        return texts

    def label(self) -> str:
        """The label, one of those known."""
        value = self.values.get("label")
        if isinstance(value, list | dict):
            raise self.bad("label", f"expected one label, got {value!r}")
        label = (plain(value) or "").strip()
        if not label:
            known = (
                f". Expected one of: {', '.join(self.labels[:12])}" if self.labels else ". Expected a label"
            )
            raise self.bad("label", f"is missing{known}")
        if self.labels and label not in self.labels:
            raise self.bad("label", str(UnknownName("label", label, self.labels)))
        return label


def _is_unicode(text: str) -> bool:
    """Whether text can be written as UTF-8: JSON lets halves of surrogate pairs through, tokenizers do not."""
    return _SURROGATE.search(text) is None


def plain(value: Any) -> str | None:
    """A cell as text: 4.0 from a table is `4`, true is `true`, an empty cell or NaN is None."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class Shape:
    """Which canonical columns the rows of a task type have, and how they are made.

    `options` is the model of what a task of the type may set under `options`, `max_length` the tokens an input that
    its tasks have unless they say otherwise; None = those of the training. `sides` are the line files that may make
    up its rows; `pooled` says whether candidates are rows of a split of their own. Each
    entry of a list in the column `spread` makes a row.
    """

    required: tuple[str, ...]
    build: Callable[[Cells], Row]
    optional: tuple[str, ...] = ()
    has_labels: bool = False
    options: type[BaseModel] | None = None
    max_length: int | None = None
    sides: tuple[str, ...] = ()
    pooled: bool = False
    spread: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """All canonical columns."""
        return tuple(dict.fromkeys((*self.required, *self.optional, "id", "source")))

    def check_options(self, given: Mapping[str, Any]) -> None:
        """Raise a ValueError unless a task of the type may set these options."""
        known = self.options.model_fields if self.options else {}
        for name in given:
            if name not in known:
                raise ValueError(f"options: {UnknownName('option', name, known)}")
        try:
            if self.options:
                self.options.model_validate(given)
        except ValidationError as error:
            problem = error.errors()[0]
            place, message = problem["loc"][0], problem["msg"].removeprefix("Input should be ")
            raise ValueError(f"options.{place}: expected {message}, got {problem['input']!r}") from None


def _classification(cells: Cells) -> Row:
    row = {"text": cells.text("text")}
    if "text_pair" in cells.columns:
        row["text_pair"] = cells.text("text_pair")
    return row | {"label": cells.label()}


def _multiple_choice(cells: Cells) -> Row:
    choices = cells.texts("choices")
    while choices and not choices[-1].strip():
        choices.pop()  # a table has as many columns as the row with most choices
    if len(choices) < 2:
        raise cells.bad("choices", f"{len(choices)} given, expected at least 2")
    for number, choice in enumerate(choices, 1):
        if not choice.strip():
            raise cells.bad("choices", f"number {number} of {len(choices)} is empty")
    return {"text": cells.text("text"), "choices": choices, "label": _choice(cells, choices)}


def _choice(cells: Cells, choices: list[str]) -> int:
    """Position of the right choice, given as a number, a letter or its text."""
    label = cells.label()
    readings = {position for position, choice in enumerate(choices) if choice == label}
    if label.isdecimal():
        readings.add(int(label) - cells.label_base)
    elif len(label) == 1:
        readings.add(ord(label.upper()) - ord("A"))
    inside = readings & set(range(len(choices)))
    if len(inside) == 1:
        return inside.pop()
    base, last = cells.label_base, chr(ord("A") + len(choices) - 1)
    what = "may mean more than one choice" if inside else "is out of range"
    expected = f"Expected {base} to {len(choices) - 1 + base}, A to {last}, or the text of a choice"
    hint = "" if base else ". If numbers start at 1, say `label_base: 1`"
    raise cells.bad("label", f"{label!r} {what}. {expected}{hint}")


def _tagging(cells: Cells) -> Row:
    tokens, tags = cells.texts("tokens"), cells.texts("tags")
    if not tokens:
        raise cells.bad("tokens", "is empty. Expected at least one token")
    if len(tokens) != len(tags):
        raise cells.bad("tags", f"{len(tags)} for {len(tokens)} tokens. Expected one tag a token")
    for number, (token, tag) in enumerate(zip(tokens, tags, strict=True), 1):
        if not token.strip():
            raise cells.bad("tokens", f"number {number} is empty")
        if not tag:
            raise cells.bad("tags", f"token {number} ({token!r}) has none")
        if cells.labels and tag not in cells.labels:
            raise cells.bad("tags", f"token {number} ({token!r}): {UnknownName('tag', tag, cells.labels)}")
    return {"tokens": tokens, "tags": tags}


def _sentence_retrieval(cells: Cells) -> Row:
    return {"text": cells.text("text"), "target": cells.text("target")}


def _span_qa(cells: Cells) -> Row:
    row = {"question": cells.text("question"), "context": cells.text("context")}
    try:
        answers = read_answers(cells.values.get("answers"), row["context"])
    except ValueError as error:
        raise cells.bad("answers", str(error)) from None
    if not answers and not cells.unanswered:
        what = "there is none. If questions may have no answer, say `options: {null_answers: true}`"
        raise cells.bad("answers", what)
    native = {"qid": plain(cells.values["id"])} if "id" in cells.columns else {}
    return native | row | {"answers": answers}


def _mining(cells: Cells) -> Row:
    return {
        "text": cells.text("text"),
        "gold": cells.texts("gold"),
    }  # what is in line files is read by `pools`


def _answer_retrieval(cells: Cells) -> Row:
    row = {name: cells.text(name) for name in ("text", "answer", "context") if name in cells.columns}
    return row | {"gold": [answer_id(cells.language, row["answer"], row.get("context", ""))]}


def _caption(cells: Cells) -> Row:
    """A caption; its source is the image, whatever the language, unless the file says otherwise."""
    image = cells.text("image")
    source = {} if "source" in cells.columns else {"source": image}
    return source | {"text": cells.text("text"), "image": image}


def _image_text(cells: Cells) -> Row:
    images = {name: cells.text(name) for name in ("image", "image_pair") if name in cells.columns}
    return {"text": cells.text("text"), **images, "label": cells.label()}


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "classification": Shape(("text", "label"), _classification, ("text_pair",), has_labels=True),
        "multiple-choice": Shape(("text", "choices", "label"), _multiple_choice),
        "tagging": Shape(("tokens", "tags"), _tagging, has_labels=True),
        "span-qa": Shape(
            ("question", "context", "answers"),
            _span_qa,
            ("id",),
            options=SpanOptions,
            max_length=WINDOW_TOKENS,
        ),
        "sentence-retrieval": Shape(("text", "target"), _sentence_retrieval, sides=("text", "target")),
        "bitext-mining": Shape(
            ("text", "gold"), _mining, options=MiningOptions, sides=("text", "target", "gold"), pooled=True
        ),
        "answer-retrieval": Shape(
            ("text", "answer"), _answer_retrieval, ("context",), options=AnswerOptions, pooled=True
        ),
        "image-text-retrieval": Shape(("image", "text"), _caption, spread="text"),
        "image-text-classification": Shape(
            ("image", "text", "label"), _image_text, ("image_pair",), has_labels=True
        ),
    }
)
"""The task types that files can be read for."""


def identity(cells: Cells, ordinal: int, language: str, parallel: bool, time: int = 1) -> Row:
    """`id` and `source` of a row: the file's, else its ordinal (from 0) and what `parallel` says.

    The second time an id occurs, `#2` is put behind it, and so on.
    """
    given = {name: plain(cells.values[name]) for name in ("id", "source") if name in cells.columns}
    for name, value in given.items():
        if not value:
            raise cells.bad(name, "is empty")
    own = (given.get("id") or str(ordinal)) + (f"#{time}" if time > 1 else "")
    return {"id": own, "source": given.get("source") or (own if parallel else f"{language}/{own}")}


@dataclass(frozen=True)
class RowRules:
    """How records become rows: the task type, the labels that may occur (empty = any), and what ids mean.

    `repeated_ids`: an id may occur several times and means nothing. `unanswered`: a question may have no answer,
    because there is none or because it is withheld.
    """

    type: str
    labels: tuple[str, ...] = ()
    label_base: int = 0
    parallel: bool = False
    repeated_ids: bool = False
    unanswered: bool = False


def build_rows(records: Iterable[Located], rules: RowRules, language: str, report: Report) -> Iterator[Row]:
    """Canonical rows from records, wherever they were read; those that do not fit are told and left out."""
    first: dict[str, str] = {}
    times: Counter[str] = Counter()
    for ordinal, record in enumerate(records):
        cells = Cells(
            record.values, record.columns, rules.labels, rules.label_base, rules.unanswered, language
        )
        try:
            native = str(record.values.get("id"))
            times[native] += rules.repeated_ids and "id" in record.columns
            row = identity(cells, ordinal, language, rules.parallel, times[native])
            row |= SHAPES[rules.type].build(cells)
            if row["id"] in first:
                hint = ". If ids mean nothing, say `repeated_ids: true`" if "id" in record.columns else ""
                raise BadRowError(f"the id {row['id']!r} is also in {first[row['id']]}{hint}")
        except BadRowError as bad:
            name = "" if record.line else f"id {native}: "
            report(Problem(record.file, record.line, f"{name}{bad}"))
            continue
        place = f", line {record.line}" if record.line else ""
        first[row["id"]] = f"{Path(record.file).name}{place}"
        yield row
