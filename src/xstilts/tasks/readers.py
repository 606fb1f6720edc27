"""Finding files, and reading them: records (column name → value) with the line that each starts on.

Text is UTF-8, with or without a byte order mark, its lines ended as on Unix or Windows; `.gz` files are
unpacked on the way. What does not fit is told to `report`, so that a caller may raise at once or collect.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from xstilts.errors import DataError, UnknownName
from xstilts.tasks.problems import (
    BrokenFileError,
    Problem,
    Report,
    raise_problem,
    raise_problems,
    raw_lines,
)
from xstilts.tasks.squad import read_squad

__all__ = [
    "CONLLU_COLUMNS",
    "FORMATS",
    "Numbered",
    "Problem",
    "ReadOptions",
    "Record",
    "Report",
    "check_pattern",
    "find_files",
    "fixed_folder",
    "guess_format",
    "raise_problem",
    "raise_problems",
    "read",
    "read_aligned",
]

Record = dict[str, Any]
Numbered = Iterator[tuple[int, Record]]

_LANGUAGE = r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*"
CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")


@dataclass(frozen=True)
class ReadOptions:
    """How a file is to be read, where its format leaves that open.

    `header`: the first line of a TSV or CSV file names its columns; without it they are named `0`, `1`, … .
    `quoting`: `none` splits at every delimiter, `csv` follows RFC 4180; None = `none` for TSV, `csv` for CSV.
    `language_prefix`: the tokens of a token-tag file are written `en:token`, as in the original PAN-X.
    """

    header: bool = True
    quoting: Literal["none", "csv"] | None = None
    language_prefix: bool = False


def read(
    path: Path,
    format: str | None = None,
    options: ReadOptions | None = None,
    report: Report = raise_problem,
) -> Numbered:
    """Read a file record by record.

    Args:
        path: The file; `.gz` is unpacked.
        format: One of `FORMATS`; None = guessed from the suffix.
        options: See `ReadOptions`.
        report: Is told every problem. Bad lines are left out; a file that cannot be decoded ends there.

    Yields:
        The line (from 1) on which a record starts, and the record. Tables and JSONL have values by column
        name; `conllu` has lists by the names of `CONLLU_COLUMNS`, and its comments `# key = value` (multiword
        tokens and empty nodes are left out); `token-tag` has the lists `tokens`, `tags`, and `2`, … for
        further columns; `lines` has `text`, also for empty lines; `squad` has what `read_squad` gives, on line 0.

    Raises:
        DataError: unknown suffix, or whatever `report` raises.

    Example:
        >>> list(read(Path("reviews.jsonl")))  # doctest: +SKIP
        [(1, {'review': 'Not bad', 'stars': 4})]
    """
    name = format or guess_format(path)
    if name not in _READERS:
        raise UnknownName("format", name, FORMATS)
    try:
        yield from _READERS[name](path, options or ReadOptions(), report)
    except BrokenFileError as broken:
        report(broken.problem)


def guess_format(path: Path) -> str:
    """The format that a file's suffix stands for, `.gz` aside.

    Raises:
        DataError: the suffix says nothing.

    Example:
        >>> guess_format(Path("test-de.conllu.gz"))
        'conllu'
    """
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in _SUFFIXES:
        raise DataError(
            f"{path}: the suffix {suffix!r} names no format. Add `format:`, one of {', '.join(FORMATS)}"
        )
    return _SUFFIXES[suffix]


def read_aligned(text: Path, target: Path, report: Report = raise_problem) -> Numbered:
    """Read two line files side by side: records of `text` and `target`; problems as `read` reports them."""
    sides = zip_longest(read(text, "lines", report=report), read(target, "lines", report=report))
    for line, (left, right) in enumerate(sides, 1):
        if left is None or right is None:
            short, other = (text, target) if left is None else (target, text)
            message = f"ends before this line, {other.name} does not. Aligned files need one line a pair"
            return report(Problem(str(short), line, message))
        yield line, {"text": left[1]["text"], "target": right[1]["text"]}


def check_pattern(pattern: str, wildcards: bool = True) -> None:
    """Raise a `ValueError` unless `{split}` and `{language}` are a pattern's only placeholders."""
    if not wildcards and re.search(r"[*?]", pattern):
        raise ValueError(f"files: {pattern!r}: aligned line files are one pair a language; leave out * and ?")
    for name in re.findall(r"{(.*?)}", pattern):
        if name not in {"split", "language"}:
            raise ValueError(f"files: {UnknownName('placeholder', name, ['split', 'language'])}")


def find_files(base: Path, pattern: str) -> dict[str, tuple[Path, ...]]:
    """The files that fit a pattern, by the language code in their names (`""` where the pattern has none).

    `{language}` is the same code wherever it stands; `*` and `?` stay within a folder. Files are sorted.

    Example:
        >>> find_files(Path("tatoeba"), "tatoeba.{language}-eng.{language}")  # doctest: +SKIP
        {'afr': (PosixPath('tatoeba/tatoeba.afr-eng.afr'),), …}
    """
    folder, rest = fixed_folder(base / pattern)
    regex = re.escape(rest).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    regex = regex.replace(r"\{language\}", f"(?P<language>{_LANGUAGE})", 1).replace(
        r"\{language\}", "(?P=language)"
    )
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(folder.glob(rest.replace("[", "[[]").replace("{language}", "*"))):
        match = re.fullmatch(regex, path.relative_to(folder).as_posix())
        if match and path.is_file():
            native = match.groupdict().get("language", "")
            found[native] = (*found.get(native, ()), path)
    return found


def fixed_folder(pattern: Path) -> tuple[Path, str]:
    """The folder above whatever varies in a pattern, and the rest of the pattern."""
    parts = pattern.parts
    varies = next((i for i, part in enumerate(parts) if re.search(r"[*?{]", part)), len(parts) - 1)
    return Path(*parts[:varies]), "/".join(parts[varies:])


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for line, text in raw_lines(path):
        yield line, text.removesuffix("\n").removesuffix("\r")


def _literal_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    for line, text in _lines(path):
        if text:
            yield line, text.split(delimiter)


def _quoted_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    rows = csv.reader((text for _, text in raw_lines(path)), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in rows:
            if row:
                yield start, row
            start = rows.line_num + 1
    except csv.Error as error:
        message = f"broken quoting ({error}). If quote characters are plain text here, say `quoting: none`"
        raise BrokenFileError(path, start, message) from None


def _table(delimiter: str, quoting: str) -> Callable[[Path, ReadOptions, Report], Numbered]:
    """A reader of delimited files, with the quoting that holds unless the options say otherwise."""

    def reader(path: Path, options: ReadOptions, report: Report) -> Numbered:
        split = _quoted_rows if (options.quoting or quoting) == "csv" else _literal_rows
        names: list[str] = []
        for line, row in split(path, delimiter):
            if not names:
                names = _header(path, line, row) if options.header else [str(i) for i in range(len(row))]
                if options.header:
                    continue
            if len(row) == len(names):
                yield line, dict(zip(names, row, strict=True))
            else:
                message = f"expected {len(names)} columns as in the first line, found {len(row)}"
                report(Problem(str(path), line, message))

    return reader


def _header(path: Path, line: int, row: list[str]) -> list[str]:
    names = [name.strip() for name in row]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        message = (
            f"the header names {twice[0]!r} twice. Rename one, or, if this is no header, say `header: false`"
        )
        raise BrokenFileError(path, line, message)
    return names


def _jsonl(path: Path, options: ReadOptions, report: Report) -> Numbered:
    for line, text in _lines(path):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            message = f"not JSON ({error.msg}, column {error.colno}). Expected one object a line"
            report(Problem(str(path), line, message))
            continue
        if isinstance(record, dict):
            yield line, record
        else:
            message = f'expected one object a line, such as {{"text": …}}, got {type(record).__name__}'
            report(Problem(str(path), line, message))


def _parquet(path: Path, options: ReadOptions, report: Report) -> Numbered:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for record in batch.to_pylist():
                    row += 1
                    yield row, record
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise BrokenFileError(path, row, f"cannot be read as Parquet: {reason}") from None


def _sentences(path: Path) -> Iterator[list[tuple[int, str]]]:
    """Blocks of numbered lines; any number of blank lines may stand before, between and after them."""
    block: list[tuple[int, str]] = []
    for line, text in _lines(path):
        if text.strip(" "):
            block.append((line, text))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _words(path: Path, block: list[tuple[int, str]], width: int, report: Report) -> list[list[str]]:
    """The columns' cells of a sentence's words; none if any line has not `width` columns."""
    rows = [(line, text.split("\t")) for line, text in block]
    bad = [(line, len(row)) for line, row in rows if len(row) != width]
    for line, count in bad:
        message = f"expected {width} columns separated by tabs, found {count}. A blank line ends a sentence"
        report(Problem(str(path), line, message))
    return [] if bad else [row for _, row in rows]


def _conllu(path: Path, options: ReadOptions, report: Report) -> Numbered:
    for block in _sentences(path):
        comments = [text[1:].partition("=") for _, text in block if text.startswith("#")]
        words = [(line, text) for line, text in block if not text.startswith("#")]
        # 3-4 is a multiword token, whose words follow; 5.1 is an empty node, which no one wrote
        kept = [row for row in _words(path, words, 10, report) if row[0].isdecimal()]
        if kept:
            record: Record = {key.strip(): value.strip() for key, equals, value in comments if equals}
            yield words[0][0], record | _columns(CONLLU_COLUMNS, kept)


def _token_tag(path: Path, options: ReadOptions, report: Report) -> Numbered:
    names: tuple[str, ...] = ()
    for block in _sentences(path):
        # a comment has no tab; the token # has one
        words = [(line, text) for line, text in block if "\t" in text or not text.startswith("#")]
        if not words:
            continue
        if not names:
            width = max(2, words[0][1].count("\t") + 1)
            names = ("tokens", "tags", *(str(i) for i in range(2, width)))
        rows = _words(path, words, len(names), report)
        if rows:
            record = _columns(names, rows)
            if options.language_prefix:
                record["tokens"] = [_without_prefix(token) for token in record["tokens"]]
            yield words[0][0], record


def _columns(names: tuple[str, ...], rows: list[list[str]]) -> Record:
    return {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}


def _without_prefix(token: str) -> str:
    _, colon, rest = token.partition(":")
    return rest if colon else token


def _plain_lines(path: Path, options: ReadOptions, report: Report) -> Numbered:
    for line, text in _lines(path):
        yield line, {"text": text}


def _squad(path: Path, options: ReadOptions, report: Report) -> Numbered:
    return read_squad(path, report)


_READERS = MappingProxyType(
    {
        "tsv": _table("\t", "none"),
        "csv": _table(",", "csv"),
        "jsonl": _jsonl,
        "parquet": _parquet,
        "conllu": _conllu,
        "token-tag": _token_tag,
        "lines": _plain_lines,
        "squad": _squad,
    }
)
FORMATS = tuple(_READERS)
_SUFFIXES = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".conllu": "conllu",
    ".conll": "token-tag",
    ".bio": "token-tag",
    ".iob": "token-tag",
    ".iob2": "token-tag",
}
