"""Does the first line of a table name its columns?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xstilts.initialising.names import is_known, is_number

_SURE = 2


@dataclass(frozen=True)
class Header:
    """Whether the first line names columns, what told it, and whether that was clear."""

    there: bool
    why: str
    sure: bool = True


def guess_header(rows: Sequence[Sequence[str]]) -> Header:
    """Whether the first row of a table names its columns.

    Each column gives its evidence: a name that headers have, a word above numbers, a value that is none of those
    below it, or one that is; a sentence is no name. The heavier side wins; where they are close, that is said.

    Example:
        >>> guess_header([["review", "stars"], ["Broke after a week", "1"], ["Lovely", "5"]]).there
        True
    """
    first, rest = rows[0], rows[1:]
    if any(not cell.strip() for cell in first):
        return Header(False, "line 1 has an empty cell")
    if len(set(first)) < len(first):
        return Header(False, "line 1 has the same cell twice")
    evidence = [
        found
        for place, cell in enumerate(first)
        for found in _evidence(cell, [row[place] for row in rest if place < len(row)])
    ]
    total = sum(weight for weight, _ in evidence)
    there = total > 0
    reasons = [why for weight, why in sorted(evidence, key=lambda one: -abs(one[0])) if (weight > 0) is there]
    sides = {weight > 0 for weight, _ in evidence if abs(weight) >= _SURE}
    why = reasons[0] if reasons else "line 1 looks like the others"
    return Header(there, why, abs(total) >= _SURE and len(sides) < 2)


def _evidence(cell: str, below: Sequence[str]) -> Iterator[tuple[int, str]]:
    """What one column says: a weight, positive for a header, and why."""
    value, distinct = cell.strip(), set(below)
    repeats = len(below) >= 4 and len(distinct) <= max(2, len(below) // 3)
    if value in distinct:
        if repeats:
            yield -3, f"{value!r} in line 1 is also a value below it"
    elif is_known(value):
        yield 3, f"line 1 has the name {value!r}"
    elif below and all(map(is_number, below)) and not is_number(value):
        yield 3, f"{value!r} stands above numbers"
    elif repeats and not is_number(value):
        yield 2, f"{value!r} in line 1 is no value below it"
    if len(value.split()) > 4:
        yield -3, "line 1 holds a sentence"
    elif is_number(value):
        yield -2, f"line 1 holds the number {value}"
    elif below and len(value) < 20 and sum(map(len, below)) / len(below) > 2 * len(value) + 10:
        yield 1, f"{value!r} is shorter than what is below it"
