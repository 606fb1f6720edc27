"""What a file looks like from its first records: format, quoting, header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.initialising.headers import Header, guess_header
from xstilts.initialising.names import is_bio
from xstilts.tasks import readers
from xstilts.tasks.readers import CONLLU_COLUMNS, Problem, ReadOptions, Record, raise_problems

FIRST = 1000
"""Records of a file that guesses are made from."""

SQUAD = "squad"
"""SQuAD's JSON: `{"data": [{"paragraphs": [{"context": …, "qas": […]}]}]}`."""

_SUFFIX = "its suffix"
_DELIMITERS = {"tsv": "\t", "csv": ","}


@dataclass(frozen=True)
class Sample:
    """The first records of a file, and how they were read.

    `format_why` says what told the format; `quoting` is given where it is not the format's usual one; `header` is
    None for formats without one. `lines` are the numbers of the records' first lines.
    """

    path: Path
    format: str
    format_why: str
    records: tuple[Record, ...]
    quoting: str | None = None
    header: Header | None = None

    @property
    def by_position(self) -> bool:
        """Whether columns have no names."""
        return self.format == "token-tag" or (self.header is not None and not self.header.there)


def take_sample(path: Path, fixed: Mapping[str, Any], tagging: bool = False) -> Sample:
    """Read the first records of a file; `fixed` are keys of the task that the user decides.

    Args:
        path: the file.
        fixed: `format`, `quoting`, `header` and `language_prefix`, where given, are taken as they are.
        tagging: the file is known to hold tags.

    Raises:
        DataError: it is empty, broken, or of a format that is not read.
    """
    if path.suffix == ".parquet" or fixed.get("format") == "parquet":
        return Sample(path, "parquet", _SUFFIX, _records(path, "parquet", ReadOptions()))
    lines = [record["text"] for record in _records(path, "lines", ReadOptions())]
    if not any(line.strip() for line in lines):
        raise DataError(f"{path}: the file is empty. Expected one example a line")
    format, why = guess_format(path, lines, tagging)
    if fixed.get("format"):
        format, why = fixed["format"], "as you say"
    if format in _DELIMITERS:
        return _table(path, format, why, fixed)
    if format in {SQUAD, "lines"}:
        return Sample(path, format, why, tuple({"text": line} for line in lines))
    options = ReadOptions(language_prefix=bool(fixed.get("language_prefix")))
    return Sample(path, format, why, _records(path, format, options))


def guess_format(path: Path, lines: Sequence[str], tagging: bool = False) -> tuple[str, str]:
    r"""The format of a file and what told it: its suffix, or what its first lines look like.

    Raises:
        DataError: the lines are JSON that is not one object a line, or tokens and tags without tabs.

    Example:
        >>> guess_format(Path("train.txt"), ["R.H.\tB-ORG", "Saunders\tI-ORG", "", "Karl\tB-PER"])
        ('token-tag', 'a word and tag a line, blank lines')
    """
    suffix = _suffix_format(path)
    if suffix in {"conllu", "token-tag", "jsonl"}:
        return suffix, _SUFFIX
    if suffix is None and lines[0].lstrip().startswith(("{", "[")):
        return _json_format(path, lines)
    if _is_conllu(lines):
        return "conllu", "ten columns, blank lines"
    if suffix in {None, "tsv"} and _is_tagged(lines, tagging):
        return "token-tag", "a word and tag a line, blank lines"
    _refuse_spaced_tags(path, lines)
    return _table_format(suffix, lines)


def _table_format(suffix: str | None, lines: Sequence[str]) -> tuple[str, str]:
    """TSV or CSV as the suffix says, unless only the other delimiter is there; else lines."""
    widths = {format: _width(lines, delimiter) for format, delimiter in _DELIMITERS.items()}
    for format in (suffix or "tsv", "csv", "tsv"):
        if widths[format] > 1:
            why = f"its lines have {widths[format]} cells with {_named(format)} between them"
            return format, _SUFFIX if format == suffix else why
    return (suffix, _SUFFIX) if suffix else ("lines", "no tabs, commas or braces: one text a line")


def _records(path: Path, format: str, options: ReadOptions) -> tuple[Record, ...]:
    problems: list[Problem] = []
    found = tuple(record for _, record in islice(readers.read(path, format, options, problems.append), FIRST))
    if problems:
        raise_problems(f"{path.name} as {format}", problems)
    if not found:
        what = "the file is empty" if format == "lines" else "there are no rows"
        raise DataError(f"{path}: {what}. Expected one example a line")
    return found


def _table(path: Path, format: str, why: str, fixed: Mapping[str, Any]) -> Sample:
    quoting = fixed.get("quoting") or _quoting(path, format)
    rows = _records(path, format, ReadOptions(header=False, quoting=quoting))
    if len(rows[0]) < 2:
        raise DataError(_one_column(path, format, str(rows[0]["0"])))
    header = guess_header([[str(cell) for cell in row.values()] for row in rows])
    if fixed.get("header") is not None:
        header = Header(fixed["header"], "as you say")
    records = _records(path, format, ReadOptions(header.there, quoting))
    return Sample(path, format, why, records, quoting, header)


def _quoting(path: Path, format: str) -> Any:
    """The quoting that is not the format's usual one, where only that reads the file; else None."""
    usual, other = ("none", "csv") if format == "tsv" else ("csv", "none")
    problems: dict[str, int] = {}
    wrapped = False
    for quoting in (usual, other):
        found: list[Problem] = []
        options = ReadOptions(header=False, quoting=quoting)  # type: ignore[arg-type]
        rows = list(islice(readers.read(path, format, options, found.append), FIRST))
        problems[quoting] = len(found)
        if quoting == "none":
            wrapped = _is_wrapped([[str(cell) for cell in row.values()] for _, row in rows])
    if problems[usual] and not problems[other]:
        return other
    return "csv" if format == "tsv" and wrapped and not problems["csv"] else None


def _is_wrapped(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the cells of some column stand between quote characters."""
    columns = zip(*rows, strict=False)
    quoted = [[len(c) > 1 and c[0] == c[-1] == '"' for c in column[1:] or column] for column in columns]
    return any(cells and sum(cells) > 0.9 * len(cells) for cells in quoted)


def _suffix_format(path: Path) -> str | None:
    try:
        return readers.guess_format(path)
    except DataError:
        return None


def _json_format(path: Path, lines: Sequence[str]) -> tuple[str, str]:
    try:
        if isinstance(json.loads(lines[0]), dict) and '"paragraphs"' not in lines[0][:100_000]:
            return "jsonl", "one JSON object a line"
    except json.JSONDecodeError:
        pass
    beginning = "".join(lines)[:100_000]
    if '"paragraphs"' in beginning and '"data"' in beginning:
        return SQUAD, "JSON with data and paragraphs, as SQuAD's"
    raise DataError(
        f"{path}: this is JSON over many lines or an array. Expected JSON Lines, one object a line. Convert it: "
        f"jq -c '.[]' {path.name} > {path.stem}.jsonl"
    )


def _is_conllu(lines: Sequence[str]) -> bool:
    words = [line for line in lines if line.strip() and not line.startswith("#")]
    rows = [line.split("\t") for line in words]
    return bool(rows) and all(len(row) == len(CONLLU_COLUMNS) and row[0][:1].isdecimal() for row in rows)


def _is_tagged(lines: Sequence[str], tagging: bool) -> bool:
    """Words and tags in columns: no cell with a space, and blank lines between sentences or tags like B-PER."""
    words = [line.split("\t") for line in lines if line.strip() and ("\t" in line or line[0] != "#")]
    if not words or min(map(len, words)) < 2:
        return False
    spaced = sum(" " in cell.strip() for row in words for cell in row[:2])
    if tagging:
        return spaced <= 0.5 * len(words)
    blank = any(not line.strip() for line in lines[:-1])
    tags = sum(any(is_bio(cell) for cell in row[1:]) for row in words)
    return spaced <= 0.02 * len(words) and (blank or tags > 0.9 * len(words))


def _refuse_spaced_tags(path: Path, lines: Sequence[str]) -> None:
    words = [line.split(" ") for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if any("\t" in line for line in lines) or len({len(row) for row in words}) != 1 or len(words[0]) < 2:
        return
    if all(is_bio(row[-1]) for row in words):
        raise DataError(
            f"{path}, line 1: tokens and tags are separated by spaces, expected tabs. "
            f"Convert it: tr ' ' '\\t' < {path.name} > {path.stem}.tsv"
        )


def _width(lines: Sequence[str], delimiter: str) -> int:
    """Cells of the lines that are not blank: 1 if the first has no delimiter or few others have as many."""
    counts = [line.count(delimiter) + 1 for line in lines if line.strip()]
    alike = sum(count >= counts[0] for count in counts)
    return counts[0] if alike > 0.95 * len(counts) else 1


def _named(format: str) -> str:
    return "tabs" if format == "tsv" else "commas"


def _one_column(path: Path, format: str, first: str) -> str:
    message = f"{path}, line 1: one column only, {first[:60]!r}. Expected a text and its label in columns"
    for delimiter, name in ((";", "semicolons"), ("|", "bars"), ("\t", "tabs"), (",", "commas")):
        if delimiter in first:
            return (
                f"{message}. They seem to be separated by {name}: save the file as TSV (tabs) or CSV (commas)"
            )
    return f"{message}, separated by {_named(format)}"
