"""The columns of a file's records: by name, by position, or by a path into what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from xstilts.tasks.problems import Problem, Report
from xstilts.tasks.readers import Record

Column = int | str | tuple[int | str, ...]
"""A column of a file: its name, a dotted path into it, its position from 0, or several columns."""


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


def columns_in(columns: Mapping[str, Column], code: str) -> dict[str, Column]:
    """The columns with the code of a language in place of `{language}`.

    Example:
        >>> columns_in({"image": "image", "text": "captions.{language}"}, "de")
        {'image': 'image', 'text': 'captions.de'}
    """
    return {name: _coded(column, code) for name, column in columns.items()}


def _coded(column: Column, code: str) -> Column:
    if isinstance(column, tuple):
        return tuple(part.replace("{language}", code) if isinstance(part, str) else part for part in column)
    return column.replace("{language}", code) if isinstance(column, str) else column


def spread(records: Iterable[tuple[int, Record]], column: Column, skip: bool) -> Iterator[tuple[int, Record]]:
    """The records, one for each entry of a list in a column; with `skip`, none where there is nothing in it.

    Example:
        >>> list(spread([(1, {"image": "a.jpg", "captions": ["A dog.", "A pet."]})], "captions", False))
        [(1, {'image': 'a.jpg', 'captions': 'A dog.'}), (1, {'image': 'a.jpg', 'captions': 'A pet.'})]
    """
    for line, record in records:
        value = value_or_none(record, column)
        if isinstance(value, list) and isinstance(column, str):
            yield from ((line, record | {column: one}) for one in value)
        elif value is not None or not skip:
            yield line, record


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
    likely = close[0] if close else name if name in there else there[0]
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return (
        f"there is no column {column!r}.{hint} Columns: {', '.join(there)}. "
        f"Say which one it is: `columns: {{{name}: {likely}}}`"
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
