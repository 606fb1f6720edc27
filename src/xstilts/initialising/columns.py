"""A file's columns, and which of them are which of a task's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xstilts.initialising import names
from xstilts.tasks.columns import Column, pick, value_or_none
from xstilts.tasks.readers import Record
from xstilts.tasks.rows import plain

_LONG = 12
"""Characters from which on a cell is more likely a text than a code or a label."""


@dataclass(frozen=True)
class Field:
    """One column of a file, by name, dotted path or position, and its first values."""

    column: int | str
    values: tuple[Any, ...]

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """The values as text, without those that are empty or lists."""
        cells = (plain(value) for value in self.values if not isinstance(value, list | dict))
        return tuple(cell.strip() for cell in cells if cell and cell.strip())

    @property
    def name(self) -> str:
        """The plain name of the column, or of the last part of its path; empty for a position."""
        return "" if isinstance(self.column, int) else names.last_name(self.column)

    @property
    def is_list(self) -> bool:
        """Whether its values are lists."""
        return any(isinstance(value, list) for value in self.values)

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return bool(self.cells) and all(map(names.is_number, self.cells))

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """Its different values, in order of appearance."""
        return tuple(dict.fromkeys(self.cells))

    @property
    def length(self) -> float:
        """Mean number of characters."""
        return sum(map(len, self.cells)) / max(1, len(self.cells))

    @property
    def is_wordy(self) -> bool:
        """Whether it reads like text: several words, or long."""
        spaced = sum(" " in cell for cell in self.cells)
        return not self.is_numeric and (2 * spaced > len(self.cells) or self.length >= _LONG)

    @property
    def repeats(self) -> bool:
        """Whether it has few values that come again, as labels do; numbers with decimals are measurements."""
        few = 2 <= len(self.distinct) <= min(len(self.cells) - 1, max(2, min(200, len(self.cells) // 3)))
        measured = self.is_numeric and not all(math.modf(float(cell))[0] == 0 for cell in self.distinct)
        return few and not measured and max(map(len, self.distinct)) <= 60

    def described(self) -> str:
        """The column in a few words, for messages: what it is called and what it holds."""
        if self.is_list:
            return f"{self.column} (lists)"
        if not self.cells:
            return f"{self.column} (empty)"
        if len(self.distinct) <= 6 and len(self.distinct) < len(self.cells):
            return f"{self.column} ({', '.join(cell[:20] for cell in self.distinct)})"
        if self.is_numeric:
            return f"{self.column} (numbers)"
        return f"{self.column} ({len(self.distinct)} different texts of {self.length:.0f} characters)"


def fields_of(records: Sequence[Record], by_position: bool = False) -> list[Field]:
    """The columns of records; those inside objects by dotted path.

    Example:
        >>> fields_of([{"question": {"stem": "Where?", "choices": [{"text": "a shop"}]}, "key": "A"}])[1].column
        'question.choices.text'
    """
    if by_position:
        cells = [list(record.values()) for record in records]
        return [Field(place, tuple(row[place] for row in cells)) for place in range(len(cells[0]))]
    paths = dict.fromkeys(path for record in records for path in _paths(record))
    return [Field(path, tuple(value_or_none(record, path) for record in records)) for path in paths]


def _paths(record: Mapping[str, Any], above: str = "") -> list[str]:
    found: list[str] = []
    for key, value in record.items():
        path = f"{above}{key}"
        inner = value[0] if isinstance(value, list) and value else value
        found += _paths(inner, f"{path}.") if isinstance(inner, Mapping) else [path]
    return found


def described(fields: Sequence[Field]) -> str:
    """All columns in a few words."""
    return "; ".join(field.described() for field in fields)


def same_columns(record: Record, columns: Mapping[str, Column]) -> bool:
    """Whether a record has all of a task's columns."""
    try:
        for column in columns.values():
            pick(record, column)
    except LookupError:
        return False
    return True
