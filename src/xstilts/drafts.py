"""Folders that are written beside their place, and are there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def drafted(out: Path) -> Iterator[Path]:
    """An empty folder beside `out`, on the same file system, so that what it holds can be moved to its place.

    It is removed in the end: what is to stay is moved out of it before.

    Example:
        >>> with drafted(Path("model")) as draft:  # doctest: +SKIP
        ...     (draft / "config.json").write_text("{}")
        ...     draft.replace("model")
    """
    draft = out.absolute().with_name(f".{out.absolute().name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
