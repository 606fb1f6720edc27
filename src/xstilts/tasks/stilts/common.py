"""What the intermediate tasks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xstilts.tasks.base import Source, Task


def english(name: str, type: str, source: Source, labels: Sequence[str] = (), **facts: Any) -> Task:
    """A task in English, the only language of the suite."""
    return Task(name=name, type=type, source=source, languages=("en",), labels=labels, **facts)
