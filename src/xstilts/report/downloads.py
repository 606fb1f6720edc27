"""The tables of a run as CSV: compressed inside the report, from where a reader saves them, and as plain files."""

from __future__ import annotations

import base64
import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.report.claimed import findings
from xstilts.report.claimed import rows as rows_of_claims
from xstilts.report.evidence import Evidence

if TYPE_CHECKING:
    from xstilts.claims import Finding
    from xstilts.results import Results

MOST = 400_000
"""Characters that one table may take up in a page; a larger one is named with the file that has it."""

_LEFT_OUT = {"stage_key", "data_revision"}
"""Columns of hashes: a third of the size, and of use only beside the store."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Download:
    """One table: its CSV, compressed and in base 64; empty where it is too large for the page."""

    name: str
    rows: int
    meaning: str
    data: str

    @property
    def href(self) -> str:
        """The compressed file as an address, for browsers without scripts."""
        return f"data:application/gzip;base64,{self.data}"


def downloads(results: Results, examples: bool, found: Sequence[Finding] = ()) -> list[Download]:
    """The tables that a page offers.

    Args:
        results: a finished run.
        examples: whether those with text of the data are among them.
        found: what its claims come to.
    """
    return [_download(*table) for table in _tables(results, examples, found) if table[1]]


def write_csv(results: Results, folder: str | Path, examples: bool = True) -> Path:
    """Write the tables of a run as CSV files, whatever their size; returns the folder.

    A file from before of a table that is empty now, or that is left out, is removed.

    Example:
        >>> write_csv(Results.load("runs/demo"), "tables")  # doctest: +SKIP
        PosixPath('tables')
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows, _ in _tables(results, examples, findings(Evidence(results))):
        path = folder / f"{name}.csv"
        if rows:
            path.write_bytes(to_csv(rows).encode("utf-8", "backslashreplace"))
        else:
            path.unlink(missing_ok=True)
    return folder


def _tables(
    results: Results, examples: bool, found: Sequence[Finding]
) -> list[tuple[str, Sequence[Mapping[str, Any]], str]]:
    """(name, rows, meaning) of every table."""
    return [
        ("verdicts", results.verdicts, "a row an arm and target, on clean and on changed input"),
        ("gains", results.gains_table, "a row a contrast: arm, target, group or language, condition"),
        ("results", results.results, "a row a score: arm, target, language, condition, seed"),
        ("layers", results.layers, "the curves that the layers of retrieval were chosen on"),
        ("claims", rows_of_claims(found), "a row a figure that a claim rests on, or a claim that has none"),
        ("languages", results.languages, "the features of each target's languages"),
        ("explanations", results.explanations, "a row a feature and model of the gains by language"),
        ("race", results.race, "a row an arm and round of the race: dev scores and what they predict"),
        ("examples", results.examples if examples else (), "the examples above"),
    ]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Rows as CSV with a head: numbers to four digits, lists and what is not there as spreadsheets take them.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.

    Example:
        >>> to_csv([{"arm": "=1+1", "estimate": -0.0312345678, "p": None}])
        "arm,estimate,p\r\n'=1+1,-0.03123,\r\n"
    """
    names = [name for name in dict.fromkeys(key for row in rows for key in row) if name not in _LEFT_OUT]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _download(name: str, rows: Sequence[Mapping[str, Any]], meaning: str) -> Download:
    packed = gzip.compress(to_csv(rows).encode("utf-8", "backslashreplace"), 9, mtime=0)
    data = base64.b64encode(packed).decode("ascii")
    return Download(name, len(rows), meaning, data if len(data) <= MOST else "")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, float | Iterable):
        return str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else " ".join(map(_cell, value))
    return f"'{text}" if text.startswith(_FORMULA) and isinstance(value, str) else text
