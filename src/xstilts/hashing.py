"""Content keys: SHA-256 of canonical JSON and of files, never of pickles."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from platformdirs import user_cache_dir

_SMALL = 1 << 16
"""Bytes of a file that is hashed faster than looked up."""
_TICK = 2_000_000_000
"""Nanoseconds that the coarsest file system counts time in."""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text.

    Example:
        >>> canonical_json({"b": 1, "a": [1.0, "é"]})
        '{"a":[1.0,"é"],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def short_hash(text: str, digits: int = 12) -> str:
    """The first hex digits of the SHA-256 of a text: for ids that people may read."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def cache_dir() -> Path:
    """Folder of what can be made again (converted encoders, file hashes): `XSTILTS_CACHE` or the user's cache."""
    return Path(os.environ.get("XSTILTS_CACHE") or user_cache_dir("xstilts"))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cached_file_digest(path: Path) -> str:
    """SHA-256 of a file, remembered by path, size and times so that planning does not read it again.

    The time of its last change of any kind is one of them, so that content of the same size and modification time
    counts as changed. A file that was changed a moment ago is not remembered: it may change again and look the same.
    """
    facts = _looks(path)
    if facts[0] < _SMALL:
        return file_digest(path)
    name = str(path.resolve())

    def is_settled() -> bool:
        return _looks(path) == facts and time.time_ns() - max(facts[1:3]) > _TICK

    place = f"file-digests/{short_hash(name, 32)}"
    return str(remembered(place, [name, *facts], partial(file_digest, path), is_settled))


def _looks(path: Path) -> list[int]:
    """What changes when a file does: size, times in nanoseconds, and its number in the file system."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def files_fingerprint(paths: Iterable[Path]) -> str:
    """One digest for several files: their names and contents."""
    return digest([[path.name, cached_file_digest(path)] for path in sorted(paths)])


def remembered(
    place: str, facts: Any, make: Callable[[], Any], is_settled: Callable[[], bool] = lambda: True
) -> Any:
    """What `make` gives, kept in the user's cache until any of the facts changes; both are JSON.

    An entry that is damaged, or is of other facts, is made anew. Where the cache cannot be written, nothing is kept.

    Args:
        place: name of the entry below the cache's folder.
        facts: all that the value follows from.
        make: computes the value.
        is_settled: asked behind `make`; where it says no, the value is not kept.

    Example:
        >>> remembered("doctest/sum", [1, 2, 3], lambda: sum([1, 2, 3]))
        6
    """
    path = cache_dir() / f"{place}.json"
    entry = read_json(path)
    if entry.get("check") == digest([facts, entry.get("value")]):
        return entry["value"]
    value = make()
    if is_settled():
        with suppress(OSError, ValueError):  # nothing to write to, or no JSON
            write_json(path, {"value": value, "check": digest([facts, value])})
    return value


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote; nothing where it is not there, or broken."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all: another process may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}")
    draft.write_text(json.dumps(value), "utf-8")
    draft.replace(path)
