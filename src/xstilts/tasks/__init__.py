"""WHAT is asked: tasks by name, the shipped suites' and those that a recipe brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from xstilts.errors import UnknownName
from xstilts.tasks import pocket, xtreme
from xstilts.tasks.base import Task

SUITES: dict[str, Callable[[Path | None], tuple[Task, ...]]] = {
    "pocket": lambda data: pocket.TASKS,
    "xtreme": xtreme.tasks,
}
"""The shipped suites, by name: what makes their tasks, given the folder with benchmark data."""


@dataclass(frozen=True)
class Catalogue:
    """The tasks that names mean: those shipped and `own`. `data` is the folder with benchmark data, if there is one.

    Example:
        >>> Catalogue().get("pocket/intents").type
        'classification'
    """

    own: Mapping[str, Task] = field(default_factory=dict)
    data: Path | None = None

    @cached_property
    def suites(self) -> dict[str, tuple[Task, ...]]:
        """The shipped tasks by suite."""
        return {name: tasks(self.data) for name, tasks in SUITES.items()}

    def all(self) -> dict[str, Task]:
        """Every task by name."""
        return {task.name: task for tasks in self.suites.values() for task in tasks} | dict(self.own)

    def get(self, name: str) -> Task:
        """The task of this name.

        Raises:
            UnknownName: there is none.
        """
        tasks = self.all()
        if name not in tasks:
            raise UnknownName("task", name, tasks, "xstilts ls tasks")
        return tasks[name]
