"""What is wrong in a file and where; and the text of a file, line by line, as all readers of formats take it."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from xstilts.errors import DataError


@dataclass(frozen=True)
class Problem:
    """What is wrong in a file, and where. Line 0 is the whole file; a Parquet file's lines are rows."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}: {self.message}"


Report = Callable[[Problem], None]


def raise_problem(problem: Problem) -> NoReturn:
    """Turn the first problem into a `DataError`: the default `report`."""
    raise DataError(str(problem))


def raise_problems(title: str, problems: Sequence[Problem]) -> NoReturn:
    """One `DataError` for many problems: the first five in full, the number of the rest."""
    lines = [f"{title}: {len(problems):,} problem{'s' * (len(problems) > 1)}", *map(str, problems[:5])]
    if len(problems) > 5:
        lines.append(f"… and {len(problems) - 5:,} more")
    raise DataError("\n  ".join(lines))


class BrokenFileError(Exception):
    """The rest of a file cannot be read."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(str(path), line, message)


def raw_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Decoded lines with their ends. Only a line feed ends a line: text may hold U+2028 and its like."""
    line, offset = 0, 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line, raw in enumerate(file, 1):
                yield line, _decoded(path, line, raw, offset)
                offset += len(raw)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"the gzip data is damaged ({error}). Fetch the file again"
        raise BrokenFileError(path, line, message) from None
    except OSError as error:
        raise BrokenFileError(path, 0, f"cannot be read: {error.strerror}") from None


def _decoded(path: Path, line: int, raw: bytes, offset: int) -> str:
    """A line as text; `offset` is where in the file it starts."""
    if line == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        message = (
            f"this is UTF-16, expected UTF-8. Convert it: iconv -f UTF-16 -t UTF-8 {path.name} > new-file"
        )
        raise BrokenFileError(path, line, message)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = offset + error.start + 1
        message = (
            f"byte {at:,} of the file (0x{raw[error.start]:02x}) is not UTF-8. "
            f"Convert it from what it is, such as: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > new-file"
        )
        raise BrokenFileError(path, line, message) from None
    return text.removeprefix("\ufeff") if line == 1 else text
