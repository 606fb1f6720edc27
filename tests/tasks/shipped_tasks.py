"""The tasks that are shipped, as tests of their files and of their Hub repositories look at them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xstilts.tasks import Catalogue
from xstilts.tasks.base import Row, Task
from xstilts.tasks.hub import HubSource
from xstilts.tasks.published import published


def task(name: str, folder: Path | None) -> Task:
    """The task of this name, its files below a folder."""
    return Catalogue(data=folder).get(name)


def rows(found: Task, split: str, language: str = "en") -> list[Row]:
    """The rows of a split."""
    return found.source.rows(split, language)


def hub_rows(name: str, folder: str, split: str, language: str = "en") -> list[Row]:
    """The rows of a task's repository, read from a folder in its place; of several sources that of the test rows."""
    source = published(task(name, None).source)[0]
    assert isinstance(source.hub, HubSource)
    return HubSource(replace(source.hub.spec, repository=folder)).rows(split, language)
