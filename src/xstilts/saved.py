"""Files that an earlier command wrote, read back: what is damaged is named, with the command that makes it anew."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def load_record(path: Path, again: str, keys: Collection[str] = ()) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: the file.
        again: what to type to have it written again.
        keys: the least that it must hold.

    Raises:
        DataError: the file is cut off, is no JSON object, or lacks a key.

    Example:
        >>> load_record(Path("runs/demo/run.json"), "xstilts demo")["precision"]  # doctest: +SKIP
        'bf16'
    """
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, "JSON", str(error), again) from None
    if not isinstance(record, dict):
        raise _damaged(path, "JSON", f"expected an object, got {type(record).__name__}", again)
    missing = [key for key in keys if key not in record]
    if missing:
        raise _damaged(path, "JSON", f"it has no {', '.join(missing)}", again)
    return record


def load_table(path: Path, again: str) -> pa.Table:
    """The table in a Parquet file.

    Raises:
        DataError: the file is missing, cut off or no Parquet.
    """
    import pyarrow as pa

    try:
        return read_parquet(path)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, "Parquet", str(error), again) from None


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The table in one Parquet file, or some of its columns.

    `pyarrow.parquet.read_table` gives the same eight times slower for small files, and imports pandas.

    Raises:
        pyarrow.ArrowException: it is no Parquet file; or an `OSError`, where it cannot be read.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return file.read(columns=None if columns is None else list(columns))


def _damaged(path: Path, form: str, why: str, again: str) -> DataError:
    first = why.splitlines()[0] if why else "unreadable"
    return DataError(
        f"{path} is damaged or was not written whole: {first}. Expected {form}. Write it again: {again}"
    )
