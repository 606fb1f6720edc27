"""WHAT is asked: tasks by name, the shipped suites' and those that a recipe brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xstilts.errors import UnknownName
from xstilts.tasks import pocket
from xstilts.tasks.base import Task

SUITES: dict[str, tuple[Task, ...]] = {"pocket": pocket.TASKS}


@dataclass(frozen=True)
class Catalogue:
    """The tasks that names mean: those shipped and `own`.

    Example:
        >>> Catalogue().get("pocket/intents").type
        'classification'
    """

    own: Mapping[str, Task] = field(default_factory=dict)

    def all(self) -> dict[str, Task]:
        """Every task by name."""
        shipped = {task.name: task for tasks in SUITES.values() for task in tasks}
        return shipped | dict(self.own)

    def get(self, name: str) -> Task:
        """The task of this name.

        Raises:
            UnknownName: there is none.
        """
        tasks = self.all()
        if name not in tasks:
            raise UnknownName("task", name, tasks, "xstilts ls tasks")
        return tasks[name]
