"""Content keys: SHA-256 of canonical JSON and of files, never of pickles."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_dir


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
    """SHA-256 of a file, remembered by (path, size, mtime) so that planning does not read large files again."""
    stat = path.stat()
    if stat.st_size < 1 << 20:  # hashing a small file costs less than looking it up
        return file_digest(path)
    known = _known_digests()
    name = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    if name not in known:
        known[name] = file_digest(path)
        write_json(_digests_file(), known)
    return known[name]


def files_fingerprint(paths: Iterable[Path]) -> str:
    """One digest for several files: their names and contents."""
    return digest([[path.name, cached_file_digest(path)] for path in sorted(paths)])


def _digests_file() -> Path:
    return cache_dir() / "file-digests.json"


@lru_cache(maxsize=1)
def _known_digests() -> dict[str, str]:
    return read_json(_digests_file())


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote; nothing where it is not there, or broken."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all: another process may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(value), "utf-8")
    draft.replace(path)
