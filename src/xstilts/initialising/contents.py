"""What is in all files of a task, once it is known how they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from xstilts.errors import DataError
from xstilts.tasks.base import SPLITS, Row, Source
from xstilts.tasks.files import FilesSource
from xstilts.tasks.readers import Problem, raise_problems

_ANSWERS = ("label", "tags", "target")
_ENOUGH = 20
_NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Contents:
    """Numbers of rows by split and language, the labels, one row, and whether rows are translations of each other.

    `parallel` is None where only one language is tested.
    """

    counts: Mapping[str, Mapping[str, int]]
    labels: tuple[str, ...]
    example: Row
    parallel: bool | None
    parallel_why: str


def read_contents(source: FilesSource, mined: Source | None = None) -> Contents:
    """Read every row of every file.

    Args:
        source: the files.
        mined: what makes rows of them instead, where no file has them as they are: those of bitext mining.

    Raises:
        DataError: rows that do not fit, by file and line: the first five, and a count.
    """
    rows: dict[str, dict[str, list[Row]]] = {}
    try:
        for split in SPLITS:
            languages = source.languages(split)
            rows[split] = {language: (mined or source).rows(split, language) for language in languages}
    except DataError:
        problems = [] if mined else _all_problems(source)
        if not problems:  # such as too few rows for dev
            raise
        raise_problems(source.name, problems)
    counts = {split: {lang: len(found) for lang, found in found.items()} for split, found in rows.items()}
    first = next(iter((rows["train"] or rows["test"]).values()))[0]
    parallel, why = guess_parallel(_whole(rows, source))
    return Contents(counts, source.labels, first, parallel, why)


def _whole(rows: Mapping[str, Mapping[str, list[Row]]], source: FilesSource) -> dict[str, list[Row]]:
    """The test rows with those that were set aside from them for dev."""
    aside = rows["dev"] if source.spec.dev_from == "test" else {}
    return {language: [*found, *aside.get(language, [])] for language, found in rows["test"].items()}


def _all_problems(source: FilesSource) -> list[Problem]:
    """Everything that is wrong; what a file has wrong in many lines comes once before it comes again."""
    found: dict[Problem, None] = {}
    for split in SPLITS:
        for language in source.languages(split):
            found |= dict.fromkeys(source.validate(split, language))
    first: dict[tuple[str, str], Problem] = {}
    for problem in found:
        first.setdefault((problem.file, problem.message), problem)
    return [*first.values(), *(problem for problem in found if problem not in set(first.values()))]


def guess_parallel(rows: Mapping[str, Sequence[Row]]) -> tuple[bool | None, str]:
    """Whether rows of one id are translations of each other, and what tells it; None for one language.

    They are if nearly all answers agree, being neither few nor sorted, or if ids that are no running numbers agree.

    Example:
        >>> rows = [{"id": str(number), "label": "ab"[number // 3 % 2]} for number in range(60)]
        >>> guess_parallel({"de": rows, "sw": rows})
        (True, 'same label row by row')
    """
    if len(rows) < 2:
        return None, ""
    tables = list(rows.values())
    first = tables[0]
    ids = [{row["id"] for row in table} for table in tables]
    if any(found != ids[0] for found in ids):
        return False, "other rows in each language"
    name = next((name for name in _ANSWERS if name in first[0]), "")
    own = not all(row["id"].isdecimal() for row in first)
    if name in {"", "tags"}:
        return own, "same ids in all languages" if own else "nothing tells that they are"
    return _same_answers([{row["id"]: str(row[name]) for row in table} for table in tables], name)


def _same_answers(answers: Sequence[Mapping[str, str]], name: str) -> tuple[bool, str]:
    """Whether the answers of all languages agree, and are so mixed that this cannot be chance."""
    first = answers[0]
    values = [first[one] for one in sorted(first, key=lambda one: (len(one), one))]
    if len(values) < _ENOUGH:
        return False, "too few rows to tell"
    if sum(one != other for one, other in pairwise(values)) < 2 * min(len(set(values)), _ENOUGH // 2):
        return False, f"the {name}s are sorted, so nothing tells that they are"
    if any(_agreement(first, found) < _NEARLY_ALL for found in answers):
        return False, f"the {name} of a row differs by language"
    return True, f"same {name} row by row"


def _agreement(answers: Mapping[str, str], others: Mapping[str, str]) -> float:
    """Share of the rows with the same answer, corrected for what chance would give (Cohen's kappa)."""
    count = len(answers)
    same = sum(answers[one] == others[one] for one in answers) / count
    first, second = Counter(answers.values()), Counter(others.values())
    chance = sum(first[value] * second[value] for value in first) / count**2
    return (same - chance) / (1 - chance) if chance < 1 else 0.0
