"""From a file's records to a task's rows: canonical columns, checked, by task type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from xstilts.errors import UnknownName
from xstilts.hashing import short_hash
from xstilts.tasks.base import Row
from xstilts.tasks.readers import Problem, Record, Report

Column = int | str | tuple[int | str, ...]
"""A column of a file: its name, a dotted path into it, its position from 0, or several columns."""

_HALF_A_PAIR = r"holds half a surrogate pair. Write the character in full: its \u escapes are broken"
_SURROGATE = re.compile("[\ud800-\udfff]")
_HASH_DIGITS = 13  # 52 bits: exact in a float


class BadRowError(Exception):
    """A row does not fit its task; the message says why."""


@dataclass(frozen=True)
class Cells:
    """One record's values by canonical column, and what they are checked against.

    `labels` are those that may occur (classification, tagging); empty = any. `label_base` is the number of
    the first choice. `language` is that of the row.
    """

    values: Mapping[str, Any]
    columns: Mapping[str, Column]
    labels: tuple[str, ...] = ()
    label_base: int = 0
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
    """Which canonical columns the rows of a task type have, and how they are made."""

    required: tuple[str, ...]
    build: Callable[[Cells], Row]
    optional: tuple[str, ...] = ()
    has_labels: bool = False
    sides: tuple[str, ...] = ()
    """The line files that make up its rows, where it may have such."""
    has_candidates: bool = False
    """Whether candidates are rows of a split of their own."""
    options: tuple[str, ...] = ()
    """Keys of a declaration that mean something for this type alone."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All canonical columns."""
        return (*self.required, *self.optional, "id", "source")


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


def _bitext_mining(cells: Cells) -> Row:
    return {"text": cells.text("text"), "gold": cells.texts("gold")}


def _answer_retrieval(cells: Cells) -> Row:
    row = {"text": cells.text("text"), "answer": cells.text("answer")}
    if "context" in cells.columns:
        row["context"] = cells.text("context")
    name = short_hash("\n".join([row["answer"], row.get("context", "")]))
    return row | {"gold": [f"{cells.language}/{name}"]}


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "classification": Shape(("text", "label"), _classification, ("text_pair",), has_labels=True),
        "multiple-choice": Shape(("text", "choices", "label"), _multiple_choice),
        "tagging": Shape(("tokens", "tags"), _tagging, has_labels=True),
        "sentence-retrieval": Shape(("text", "target"), _sentence_retrieval, sides=("text", "target")),
        "bitext-mining": Shape(
            ("text", "gold"),
            _bitext_mining,
            sides=("text", "target", "gold"),
            has_candidates=True,
            options=("scoring",),
        ),
        "answer-retrieval": Shape(
            ("text", "answer"),
            _answer_retrieval,
            ("context",),
            has_candidates=True,
            options=("scoring", "trained", "temperature"),
        ),
    }
)
"""The task types that files can be read for."""


def check_sides(type: str, given: tuple[str, ...]) -> None:
    """Raise a `ValueError` unless files in these roles make up rows of a type; `""` is a file with columns."""
    sides = SHAPES[type].sides
    if set(given) - {""} and set(given) != set(sides):
        owners = [name for name, shape in SHAPES.items() if set(shape.sides) == set(given)]
        meant = f"are for {' and '.join(owners)}" if owners else "do not go together"
        raise ValueError(f"files: {' and '.join(given)} {meant}, not {type}")
    if given == ("",) and "gold" in sides:
        raise ValueError(f"files: {type} expects a pattern for each of {', '.join(sides)}")


def identity(cells: Cells, ordinal: int, language: str, parallel: bool) -> Row:
    """`id` and `source` of a row: the file's, else its ordinal (from 0) and what `parallel` says."""
    given = {name: plain(cells.values[name]) for name in ("id", "source") if name in cells.columns}
    for name, value in given.items():
        if not value:
            raise cells.bad(name, "is empty")
    own = given.get("id") or str(ordinal)
    return {"id": own, "source": given.get("source") or (own if parallel else f"{language}/{own}")}


def pick(record: Mapping[str, Any], column: Column) -> Any:
    """The value of a column: by name, by position, by a dotted path, or a list of several columns' values.

    Raises:
        LookupError: the record has no such column.

    Example:
        >>> pick({"question": {"choices": [{"text": "a shop"}, {"text": "home"}]}}, "question.choices.text")
        ['a shop', 'home']
    """
    if isinstance(column, tuple):
        return [pick(record, part) for part in column]
    if isinstance(column, int):
        return list(record.values())[column]
    if column in record:
        return record[column]
    head, _, rest = column.partition(".")
    inner = record[head]
    if isinstance(inner, list):
        return [pick(item, rest) for item in inner if isinstance(item, Mapping)]
    if not isinstance(inner, Mapping):
        raise KeyError(column)
    return pick(inner, rest)


def column_parts(columns: Mapping[str, Column]) -> list[int | str]:
    """All single columns of a file that canonical columns are made of."""
    return [
        part for column in columns.values() for part in (column if isinstance(column, tuple) else (column,))
    ]


def value_or_none(record: Mapping[str, Any], column: Column) -> Any:
    """`pick`, with None for what is not there: a key may be absent from some of a JSONL file's lines."""
    try:
        return pick(record, column)
    except LookupError:
        return None


def absent_column(record: Mapping[str, Any], columns: Mapping[str, Column]) -> str | None:
    """What to say of the first column that a record does not have: the nearest one, and all there are."""
    for name, column in columns.items():
        for part in column_parts({name: column}):
            try:
                pick(record, part)
            except LookupError:
                return _absent_message(name, part, list(record))
    return None


def _absent_message(name: str, column: int | str, there: list[str]) -> str:
    if isinstance(column, int):
        return f"there is no column {column} (for {name}). The {len(there)} columns are numbered from 0"
    close = get_close_matches(column, there, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return (
        f"there is no column {column!r}.{hint} Columns: {', '.join(there)}. "
        f"Say which one it is: `columns: {{{name}: {close[0] if close else there[0]}}}`"
    )


@dataclass(frozen=True)
class Located:
    """One record and where it stands: its values by canonical column, and the columns that they come from."""

    file: str
    line: int
    values: Mapping[str, Any]
    columns: Mapping[str, Column]


def located(
    file: str,
    records: Iterable[tuple[int, Record]],
    columns_of: Callable[[Record], Mapping[str, Column]],
    report: Report,
) -> Iterator[Located]:
    """The records of one file by canonical columns; a column that its first record lacks is told, and ends it."""
    columns: Mapping[str, Column] = {}
    for line, record in records:
        if not columns:
            columns = columns_of(record)
            if absent := absent_column(record, columns):
                report(Problem(file, 1, absent))
                return
        values = {name: value_or_none(record, column) for name, column in columns.items()}
        yield Located(file, line, values, columns)


@dataclass(frozen=True)
class RowRules:
    """How records become rows: the task type, the labels that may occur (empty = any), and what ids mean."""

    type: str
    labels: tuple[str, ...] = ()
    label_base: int = 0
    parallel: bool = False


def build_rows(records: Iterable[Located], rules: RowRules, language: str, report: Report) -> Iterator[Row]:
    """Canonical rows from records, wherever they were read; those that do not fit are told and left out."""
    first: dict[str, str] = {}
    for ordinal, record in enumerate(records):
        cells = Cells(record.values, record.columns, rules.labels, rules.label_base, language)
        try:
            row = identity(cells, ordinal, language, rules.parallel) | SHAPES[rules.type].build(cells)
            if row["id"] in first:
                raise BadRowError(f"the id {row['id']!r} is also in {first[row['id']]}")
        except BadRowError as bad:
            report(Problem(record.file, record.line, str(bad)))
            continue
        first[row["id"]] = f"{Path(record.file).name}, line {record.line}"
        yield row


def carve_dev(rows: list[Row], share: float = 0.1, at_most: int = 1000) -> tuple[list[Row], list[Row]]:
    """Set some rows aside by a hash of their source: `(rest, dev)`, each in the given order.

    A source is for dev if its hash, as a number in [0, 1), is below `share`: the same sources in every
    language, whatever the order of the rows. At most `at_most` rows, at least one source where there are two.

    Example:
        >>> rest, dev = carve_dev([{"source": str(number)} for number in range(1000)])
        >>> len(rest), len(dev)
        (894, 106)
    """
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(row["source"], []).append(row)
    ranked = sorted(by_source, key=_hash)
    chosen: set[str] = set()
    count = 0
    for source in ranked[:-1]:
        count += len(by_source[source])
        if chosen and (_hash(source) >= share or count > at_most):
            break
        chosen.add(source)
    return [row for row in rows if row["source"] not in chosen], [
        row for row in rows if row["source"] in chosen
    ]


def _hash(source: str) -> float:
    """A number in [0, 1) that is a source's own."""
    return float(int(short_hash(source, _HASH_DIGITS), 16) / 16**_HASH_DIGITS)
